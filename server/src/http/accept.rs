//! Which form of an answer a client wants: the `Accept` header.

use axum::http::{HeaderMap, header};

/// The forms in which rows can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowFormat {
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
}

/// The form that the client likes best; JSON if it does not care. None if it takes neither.
pub(super) fn row_format(headers: &HeaderMap) -> Option<RowFormat> {
    let mut best = None;
    let mut any = false;
    for header in headers.get_all(header::ACCEPT) {
        // A header that is not even text is as good as none.
        let Ok(header) = header.to_str() else { continue };
        for range in header.split(',').filter(|range| !range.trim().is_empty()) {
            any = true;
            let mut parts = range.split(';').map(str::trim);
            let (format, specificity) = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/json" => (RowFormat::Json, 2),
                "application/x-ndjson" => (RowFormat::Ndjson, 2),
                "application/*" => (RowFormat::Json, 1),
                "*/*" => (RowFormat::Json, 0),
                _ => continue,
            };
            let quality = parts.find_map(quality).unwrap_or(1000);
            // Of two that are equally liked, the one that is named goes before the one that is only included,
            // and then the first.
            if quality > 0 && best.is_none_or(|(_, known)| (quality, specificity) > known) {
                best = Some((format, (quality, specificity)));
            }
        }
    }
    match best {
        Some((format, _)) => Some(format),
        None if any => None,
        None => Some(RowFormat::Json),
    }
}

/// The weight in thousandths, if the parameter is one.
fn quality(parameter: &str) -> Option<u32> {
    let value = parameter.strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim();
    let weight: f32 = value.parse().ok()?;
    Some((weight.clamp(0.0, 1.0) * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::{RowFormat::*, *};

    fn check(accept: &[&str], expected: Option<RowFormat>) {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        assert_eq!(row_format(&headers), expected, "{accept:?}");
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
    fn lines_must_be_asked_for() {
        check(&["application/x-ndjson"], Some(Ndjson));
        check(&["Application/X-NDJSON; charset=utf-8"], Some(Ndjson));
        check(&["*/*, application/x-ndjson"], Some(Ndjson));
        check(&["text/plain", "application/x-ndjson;q=0.5"], Some(Ndjson));
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
    }

    #[test]
    fn other_types_are_not_to_be_had() {
        check(&["text/csv"], None);
        check(&["text/csv, image/*"], None);
    }
}
