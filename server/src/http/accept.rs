//! Which form of an answer a client wants: the headers `Accept` and `Accept-Encoding`.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The forms in which rows can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowFormat {
    /// One array in plain JSON.
    Json,
    /// One object in plain JSON a line.
    Ndjson,
    /// One array in typed SATS-JSON.
    Sats,
    /// Comma-separated values, with the names of the columns in the first line.
    Csv,
    /// BSATN: an array.
    Bsatn,
}

/// What a client wants of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The rows of now.
    Rows(RowFormat),
    /// The rows, and what changes in them from now on, as events.
    Events,
}

/// What is done to a body for the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Nothing.
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl RowFormat {
    /// All of them; whoever likes several equally well gets the first.
    const ALL: [Self; 5] = [Self::Json, Self::Ndjson, Self::Sats, Self::Csv, Self::Bsatn];

    /// Its name in `Accept` and `Content-Type`.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Sats => "application/sats+json",
            Self::Csv => "text/csv",
            Self::Bsatn => "application/octet-stream",
        }
    }

    /// The value of `Content-Type`.
    pub(super) const fn content_type(self) -> HeaderValue {
        match self {
            Self::Csv => HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
            format => HeaderValue::from_static(format.media_type()),
        }
    }
}

impl Wanted {
    /// The name of a stream of events in `Accept` and `Content-Type`.
    pub(super) const EVENT_STREAM: &'static str = "text/event-stream";
}

impl Encoding {
    /// Those that change something; whoever likes several equally well gets the first, which takes the least time.
    const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// What the client likes best of what a view can be had as; JSON if it does not care. None if it takes nothing of it.
pub(super) fn wanted(headers: &HeaderMap) -> Option<Wanted> {
    let Some(ranges) = Ranges::of(headers, header::ACCEPT) else {
        return Some(Wanted::Rows(RowFormat::Json));
    };
    let rows =
        RowFormat::ALL.map(|format| (Wanted::Rows(format), ranges.liking_of_type(format.media_type())));
    // A stream goes on for ever, so nobody gets one who has not named it.
    let events = ranges.liking_of_type(Wanted::EVENT_STREAM).filter(|liking| liking.is_named);
    best(rows.into_iter().chain([(Wanted::Events, events)]))
}

/// The encoding that the client likes best. Those who name several list them in no order that means anything.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let Some(ranges) = Ranges::of(headers, header::ACCEPT_ENCODING) else { return Encoding::Identity };
    let quality = |name, everything| ranges.liking_of(name, everything).map(|liking| liking.quality);
    // Doing nothing is always possible, but only who says so likes it.
    let identity = (quality(Encoding::Identity.name(), ""), Encoding::Identity);
    let all = Encoding::ALL.map(|encoding| (quality(encoding.name(), "*"), encoding));
    let best =
        all.into_iter().chain([identity]).reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(quality, _)| quality.is_some()).map_or(Encoding::Identity, |(_, encoding)| encoding)
}

/// What a header lists: names or patterns, each with a weight.
struct Ranges<'h>(Vec<Range<'h>>);

struct Range<'h> {
    name: &'h str,
    /// In thousandths.
    quality: u32,
}

/// How much a client likes something: later fields decide only where earlier ones are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Liking {
    /// In thousandths.
    quality: u32,
    /// Whether it is named, and not only included in a pattern.
    is_named: bool,
    /// The fewer stand before it, the better.
    place: std::cmp::Reverse<usize>,
}

impl<'h> Ranges<'h> {
    /// None if the header says nothing. What is not even text in it is as good as not there.
    fn of(headers: &'h HeaderMap, name: HeaderName) -> Option<Self> {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(',')).filter(|range| !range.trim().is_empty());
        let ranges: Vec<_> = ranges
            .map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                Range { name, quality: parts.find_map(quality).unwrap_or(1000) }
            })
            .collect();
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// How much a media type is liked.
    fn liking_of_type(&self, name: &str) -> Option<Liking> {
        let class = &name[..=name.find('/').unwrap_or(0)];
        self.liking(|range| {
            let is_class = || range.strip_suffix('*').is_some_and(|range| range.eq_ignore_ascii_case(class));
            match range {
                range if range.eq_ignore_ascii_case(name) => Some(2),
                _ if is_class() => Some(1),
                "*/*" => Some(0),
                _ => None,
            }
        })
    }

    /// How much something is liked by its name or by a pattern for everything.
    fn liking_of(&self, name: &str, everything: &str) -> Option<Liking> {
        self.liking(|range| match range {
            range if range.eq_ignore_ascii_case(name) => Some(2),
            range if range == everything => Some(0),
            _ => None,
        })
    }

    /// The range that fits best says how much something is liked. `fit` is 2 for its name. None if it is not wanted.
    fn liking(&self, fit: impl Fn(&str) -> Option<u8>) -> Option<Liking> {
        let fitting = self.0.iter().enumerate().filter_map(|(place, range)| {
            let fit = fit(range.name)?;
            let place = std::cmp::Reverse(place);
            Some((fit, Liking { quality: range.quality, is_named: fit == 2, place }))
        });
        // Of equals, the first.
        let best = fitting.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, liking)| liking).filter(|liking| liking.quality > 0)
    }
}

/// What is liked best; of equals, the first.
fn best<T>(candidates: impl IntoIterator<Item = (T, Option<Liking>)>) -> Option<T> {
    let liked = candidates.into_iter().filter_map(|(candidate, liking)| Some((candidate, liking?)));
    let best = liked.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(candidate, _)| candidate)
}

/// The weight in thousandths, if the parameter is one.
fn quality(parameter: &str) -> Option<u32> {
    let value = parameter.strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim();
    let weight: f32 = value.parse().ok()?;
    Some((weight.clamp(0.0, 1.0) * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::{Encoding::*, RowFormat::*, *};

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, value.parse().unwrap());
        }
        headers
    }

    fn check(accept: &[&str], expected: Option<RowFormat>) {
        let found = wanted(&headers(header::ACCEPT, accept));
        assert_eq!(found, expected.map(Wanted::Rows), "{accept:?}");
    }

    #[test]
    fn who_does_not_care_gets_json() {
        check(&[], Some(Json));
        check(&[""], Some(Json));
        check(&["*/*"], Some(Json));
        check(&["text/html, application/xhtml+xml, */*;q=0.8"], Some(Json));
        check(&["application/*"], Some(Json));
    }

    #[test]
    fn other_forms_must_be_asked_for() {
        check(&["application/x-ndjson"], Some(Ndjson));
        check(&["Application/X-NDJSON; charset=utf-8"], Some(Ndjson));
        check(&["*/*, application/x-ndjson"], Some(Ndjson));
        check(&["text/plain", "application/x-ndjson;q=0.5"], Some(Ndjson));
        check(&["text/csv"], Some(Csv));
        check(&["text/*"], Some(Csv));
        check(&["application/sats+json, */*"], Some(Sats));
        check(&["application/octet-stream"], Some(Bsatn));
    }

    #[test]
    fn streams_must_be_named() {
        let wants = |accept| wanted(&headers(header::ACCEPT, &[accept]));
        assert_eq!(wants("text/event-stream"), Some(Wanted::Events));
        assert_eq!(wants("text/event-stream, application/json;q=0.9"), Some(Wanted::Events));
        assert_eq!(wants("text/*"), Some(Wanted::Rows(Csv)));
        assert_eq!(wants("text/*, text/csv;q=0"), None);
    }

    #[test]
    fn weights_count() {
        check(&["application/x-ndjson;q=0.5, application/json;q=0.6"], Some(Json));
        check(&["application/json;q=0.5, application/x-ndjson;q=0.6"], Some(Ndjson));
        check(&["application/json, application/x-ndjson"], Some(Json));
        check(&["application/x-ndjson, application/json"], Some(Ndjson));
        check(&["application/json;q=0"], None);
        check(&["application/json;q=0, application/x-ndjson; q = 0.1"], Some(Ndjson));
        check(&["*/*;q=0.2, application/x-ndjson;q=0.1"], Some(Json));
        check(&["*/*, application/json;q=0"], Some(Ndjson));
        check(&["application/*;q=0, */*"], Some(Csv));
        check(&["application/json;q=0.1, application/*"], Some(Ndjson));
    }

    #[test]
    fn other_types_are_not_to_be_had() {
        check(&["text/html"], None);
        check(&["text/html, image/*"], None);
    }

    #[test]
    fn encodings() {
        let check = |value: &str, expected| {
            assert_eq!(encoding(&headers(header::ACCEPT_ENCODING, &[value])), expected, "{value}");
        };
        assert_eq!(encoding(&HeaderMap::new()), Identity);
        check("", Identity);
        check("gzip", Gzip);
        check("GZIP;q=0.1", Gzip);
        check("br", Brotli);
        check("gzip, deflate, br, zstd", Zstd);
        check("gzip, deflate, br", Brotli);
        check("zstd, br, gzip", Zstd);
        check("*", Zstd);
        check("*;q=0.5, zstd;q=0", Brotli);
        check("gzip;q=0.5, br;q=0.8", Brotli);
        check("gzip;q=0.5, identity", Identity);
        check("identity, gzip", Gzip);
        check("identity;q=0.5, gzip", Gzip);
        check("gzip;q=0", Identity);
        check("identity", Identity);
        check("deflate, compress", Identity);
    }
}
