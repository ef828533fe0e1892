//! `ETag` and `If-None-Match`: answers that a client has already.

use axum::http::{HeaderMap, HeaderValue, header};

use super::accept::RowFormat;

/// What comes after the tag of the rows to make the tag of their form in lines. Two forms of the same rows are
/// different bytes, so they must not share a strong tag.
const NDJSON_SUFFIX: &str = ".nd";

/// What a client says it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IfNoneMatch<'a> {
    /// Whatever there is.
    Any,
    /// The answers with these tags, in the form that is asked for. Empty if it has none.
    Tags(Vec<&'a str>),
}

/// Reads the header. What makes no sense in it is skipped: the client then gets more than it needs.
pub(super) fn if_none_match(headers: &HeaderMap, format: RowFormat) -> IfNoneMatch<'_> {
    let mut tags = Vec::new();
    for header in headers.get_all(header::IF_NONE_MATCH) {
        let Ok(header) = header.to_str() else { continue };
        if header.trim() == "*" {
            return IfNoneMatch::Any;
        }
        tags.extend(opaque_tags(header).filter_map(|tag| rows_tag(tag, format)));
    }
    IfNoneMatch::Tags(tags)
}

/// The header for the rows with that tag in that form.
pub(super) fn etag(rows_tag: &str, format: RowFormat) -> Option<HeaderValue> {
    let mut value = String::with_capacity(rows_tag.len() + 5);
    value.push('"');
    value.push_str(rows_tag);
    if format == RowFormat::Ndjson {
        value.push_str(NDJSON_SUFFIX);
    }
    value.push('"');
    HeaderValue::try_from(value).ok()
}

/// Whether the client says that it has the answer with that tag (without quotes), which has no other forms.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists.into_iter().any(|list| list.trim() == "*" || opaque_tags(list).any(|known| known == tag))
}

/// The tags in a list, without quotes. Weak ones too: `If-None-Match` compares weakly, and proxies that compress
/// make strong tags weak. A tag may contain commas, so the quotes are what separates.
fn opaque_tags(list: &str) -> impl Iterator<Item = &str> {
    list.split('"').skip(1).step_by(2)
}

/// The tag of the rows, if the tag is for that form.
fn rows_tag(tag: &str, format: RowFormat) -> Option<&str> {
    match (tag.strip_suffix(NDJSON_SUFFIX), format) {
        (None, RowFormat::Json) => Some(tag),
        (Some(rows), RowFormat::Ndjson) => Some(rows),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{RowFormat::*, *};

    fn check(values: &[&str], format: RowFormat, expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_NONE_MATCH, value.parse().unwrap());
        }
        assert_eq!(if_none_match(&headers, format), IfNoneMatch::Tags(expected.to_vec()), "{values:?}");
    }

    #[test]
    fn strong_weak_and_lists() {
        check(&[], Json, &[]);
        check(&[r#""a""#], Json, &["a"]);
        check(&[r#"W/"a""#], Json, &["a"]);
        check(&[r#""a", W/"b" ,"c,d""#], Json, &["a", "b", "c,d"]);
        check(&[r#""a""#, r#""b""#], Json, &["a", "b"]);
        check(&["a", "W/a"], Json, &[]);
    }

    #[test]
    fn a_star_is_whatever_there_is() {
        let mut headers = HeaderMap::new();
        headers.append(header::IF_NONE_MATCH, " * ".parse().unwrap());
        assert_eq!(if_none_match(&headers, Json), IfNoneMatch::Any);
        check(&[r#""*""#], Json, &["*"]);
    }

    #[test]
    fn one_answer_without_forms_is_known_or_not() {
        let mut headers = HeaderMap::new();
        assert!(!is_known(&headers, "a.nd"));
        headers.append(header::IF_NONE_MATCH, r#""b", W/"a.nd""#.parse().unwrap());
        assert!(is_known(&headers, "a.nd") && !is_known(&headers, "a"));
        headers.append(header::IF_NONE_MATCH, "*".parse().unwrap());
        assert!(is_known(&headers, "a"));
    }

    #[test]
    fn each_form_has_tags_of_its_own() {
        assert_eq!(etag("a", Json).unwrap(), r#""a""#);
        assert_eq!(etag("a", Ndjson).unwrap(), r#""a.nd""#);
        check(&[r#""a", "b.nd""#], Json, &["a"]);
        check(&[r#""a", "b.nd""#], Ndjson, &["b"]);
    }
}
