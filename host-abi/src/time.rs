//! Points in time and spans of it.

use std::{
    fmt, str,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::bsatn::{Decode, DecodeError, Encode, Reader};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Microseconds since the Unix epoch; may be negative.
///
/// As text it is RFC 3339 in UTC with six fractional digits (`2024-05-01T12:00:00.000000Z`). Years outside 0 to
/// 9999, which RFC 3339 lacks, have a sign and six digits, as in ISO 8601 and JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A span of time in microseconds; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeDuration(pub i64);

/// When a scheduled function runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScheduleAt {
    /// Again and again, with that much time in between. The sign does not matter.
    Interval(TimeDuration),
    /// Once, at that time.
    Time(Timestamp),
}

impl Timestamp {
    /// The Unix epoch.
    pub const UNIX_EPOCH: Self = Self(0);

    /// The time on the system's clock.
    pub fn now() -> Self {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => Self(clamped_micros(after)),
            Err(before) => Self(-clamped_micros(before.duration())),
        }
    }

    /// The time that much later; the last or first possible one if there is none.
    pub const fn saturating_add(self, span: TimeDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How much later it is than `earlier`; as much as possible if that is too much.
    pub const fn saturating_since(self, earlier: Self) -> TimeDuration {
        TimeDuration(self.0.saturating_sub(earlier.0))
    }
}

impl TimeDuration {
    /// Its length without its sign.
    pub const fn abs(self) -> Duration {
        Duration::from_micros(self.0.unsigned_abs())
    }
}

impl From<Duration> for TimeDuration {
    /// The same span, or the longest possible.
    fn from(duration: Duration) -> Self {
        Self(clamped_micros(duration))
    }
}

fn clamped_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let seconds = self.0.div_euclid(MICROS_PER_SECOND);
        let (year, month, day) = date_of(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        match year {
            0..=9999 => write!(f, "{year:04}")?,
            _ => write!(f, "{year:+07}")?,
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// Text that is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 2024-05-01T12:00:00.000000Z")]
pub struct ParseTimeError;

impl str::FromStr for Timestamp {
    type Err = ParseTimeError;

    /// Reads RFC 3339: any offset from UTC, any number of fractional digits (those after the sixth are dropped).
    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        parse(text.as_bytes()).ok_or(ParseTimeError)
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (year, rest) = match text.first()? {
        b'-' => (-digits(text.get(1..7)?)?, &text[7..]),
        b'+' => (digits(text.get(1..7)?)?, &text[7..]),
        _ => (digits(text.get(..4)?)?, &text[4..]),
    };
    let [b'-', m1, m0, b'-', d1, d0, b'T' | b't' | b' ', h1, h0, b':', n1, n0, b':', s1, s0, rest @ ..] =
        rest
    else {
        return None;
    };
    let two = |tens: &u8, ones: &u8| digits(&[*tens, *ones]);
    let (month, day) = (two(m1, m0)?, two(d1, d0)?);
    let (hour, minute, second) = (two(h1, h0)?, two(n1, n0)?, two(s1, s0)?);
    let days = days_of(year, month, day)?;
    // A leap second is taken as the first moment after it.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (micros, rest) = match rest {
        [b'.', rest @ ..] => {
            let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (fraction, rest) = rest.split_at(len);
            let mut six = [b'0'; 6];
            six.iter_mut().zip(fraction).for_each(|(to, from)| *to = *from);
            (if len == 0 { None } else { digits(&six) }?, rest)
        }
        rest => (0, rest),
    };
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h0, b':', m1, m0] => {
            let (hours, minutes) = (two(h1, h0)?, two(m1, m0)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    let micros = i128::from(seconds) * i128::from(MICROS_PER_SECOND) + i128::from(micros);
    i64::try_from(micros).ok().map(Timestamp)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Some(number * 10 + i64::from(digit - b'0')),
        _ => None,
    })
}

/// The days in 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// The number of days from the year that begins on 1 March 0 to the Unix epoch.
const EPOCH_DAY: i64 = 719_468;

/// Year, month and day of a day counted from the Unix epoch, in the Gregorian calendar.
///
/// Years are counted from 1 March here, so that the leap day is the last day of its year.
fn date_of(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH_DAY;
    let era = day.div_euclid(DAYS_PER_ERA);
    let day = day.rem_euclid(DAYS_PER_ERA);
    // The last day of 4 years and of 400 years are leap days, which must not begin another year.
    let year = (day - day / 1460 + day / 36_524 - day / (DAYS_PER_ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months always have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The day counted from the Unix epoch, if there is such a date.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * month + 2) / 5 + day - 1 + 365 * year + year / 4 - year / 100;
    Some(era * DAYS_PER_ERA + day - EPOCH_DAY)
}

impl Encode for Timestamp {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl Decode for Timestamp {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.read_i64().map(Self)
    }
}

impl Encode for TimeDuration {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl Decode for TimeDuration {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.read_i64().map(Self)
    }
}

impl Encode for ScheduleAt {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Interval(span) => {
                out.push(0);
                span.encode(out);
            }
            Self::Time(time) => {
                out.push(1);
                time.encode(out);
            }
        }
    }
}

impl Decode for ScheduleAt {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.read_tag(2)? {
            0 => Self::Interval(Decode::decode(reader)?),
            _ => Self::Time(Decode::decode(reader)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_714_564_800_123_456, "2024-05-01T12:00:00.123456Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "+010000-01-01T00:00:00.000000Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
            (-62_167_219_200_000_001, "-000001-12-31T23:59:59.999999Z"),
            (i64::MAX, "+294247-01-10T04:00:54.775807Z"),
            (i64::MIN, "-290308-12-21T19:59:05.224192Z"),
        ] {
            assert_eq!(Timestamp(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(micros)), "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        for count in days_of(1600, 1, 1).unwrap()..days_of(2400, 1, 1).unwrap() {
            assert_eq!(date_of(count), (year, month, day));
            assert_eq!(days_of(year, month, day), Some(count));
            day += 1;
            if days_of(year, month, day).is_none() {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (2400, 1, 1));
    }

    #[test]
    fn other_forms() {
        let noon = Timestamp(1_714_564_800_000_000);
        for text in [
            "2024-05-01T12:00:00Z",
            "2024-05-01t12:00:00.0z",
            "2024-05-01 14:30:00+02:30",
            "2024-05-01T11:59:60-00:00",
            "2024-05-01T12:00:00.0000009Z",
        ] {
            assert_eq!(text.parse(), Ok(noon), "{text}");
        }
        for text in [
            "",
            "2024-05-01",
            "2024-02-30T12:00:00Z",
            "2023-02-29T12:00:00Z",
            "2024-05-01T24:00:00Z",
            "2024-05-01T12:00:00",
            "2024-05-01T12:00:00.Z",
            "2024-05-01T12:00:00Zz",
            "2024-13-01T12:00:00Z",
            "+999999-01-01T00:00:00Z",
            "\u{664}024-05-01T12:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimeError), "{text}");
        }
    }
}
