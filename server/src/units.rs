//! Durations and sizes as people write them.

use std::{str::FromStr, time::Duration};

/// A number and a unit: `500ms`, `30s`, `5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HumanDuration(pub(crate) Duration);

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("ms", 1), ("s", 1000), ("min", 60_000), ("m", 60_000), ("h", 3_600_000)];
        let millis = with_unit(text, &units).filter(|&millis| millis > 0);
        let millis = millis.ok_or_else(|| format!("`{text}` is no duration, such as 500ms, 30s or 5m"))?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

/// A number and a unit: `512MiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HumanSize(pub(crate) u64);

impl FromStr for HumanSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let bytes = with_unit(text, &units).filter(|&bytes| bytes > 0);
        bytes.map(Self).ok_or_else(|| format!("`{text}` is no size, such as 512MiB or 1GiB"))
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| unit.trim().eq_ignore_ascii_case(name))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_units() {
        let millis = |text: &str| text.parse::<HumanDuration>().map(|it| it.0.as_millis());
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("30s"), Ok(30_000));
        assert_eq!(millis("5 min"), Ok(300_000));
        for wrong in ["", "30", "s", "0s", "-1s", "1.5s", "99999999999999999999s"] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
        let bytes = |text: &str| text.parse::<HumanSize>().map(|it| it.0);
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("1gib"), Ok(1 << 30));
        assert_eq!(bytes("77"), Ok(77));
        for wrong in ["", "MiB", "0", "1MB", "-1"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
