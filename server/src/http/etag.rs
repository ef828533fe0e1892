//! `ETag` and `If-None-Match`: answers that a client has already.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, header};

use super::accept::{Encoding, RowFormat};

/// What one answer is beside its rows. Two forms of the same rows are different bytes, so they must not share a strong
/// tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// How rows are written.
    pub(super) format: RowFormat,
    /// At most so many rows.
    pub(super) limit: Option<u64>,
    /// From this one on.
    pub(super) offset: u64,
    /// What is done to the body for the way.
    pub(super) encoding: Encoding,
}

/// What a client says it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IfNoneMatch<'a> {
    /// Whatever there is.
    Any,
    /// The answers with these tags, in the form that is asked for. Empty if it has none.
    Tags(Vec<&'a str>),
}

/// Reads the header. What makes no sense in it is skipped: the client then gets more than it needs.
pub(super) fn if_none_match(headers: &HeaderMap, form: Form) -> IfNoneMatch<'_> {
    let mut tags = Vec::new();
    let mut suffix = None;
    for header in headers.get_all(header::IF_NONE_MATCH) {
        let Ok(header) = header.to_str() else { continue };
        if header.trim() == "*" {
            return IfNoneMatch::Any;
        }
        let suffix = suffix.get_or_insert_with(|| form.suffix());
        let of_form = |tag: &&str| tag.get(tag.find('.').unwrap_or(tag.len())..) == Some(&**suffix);
        tags.extend(opaque_tags(header).filter(of_form).map(|tag| &tag[..tag.len() - suffix.len()]));
    }
    IfNoneMatch::Tags(tags)
}

impl Form {
    /// The header for the rows with that tag in this form.
    pub(super) fn etag(self, rows_tag: &str) -> Option<HeaderValue> {
        let mut value = String::with_capacity(rows_tag.len() + 8);
        value.push('"');
        value.push_str(rows_tag);
        self.write_suffix(&mut value);
        value.push('"');
        HeaderValue::try_from(value).ok()
    }

    fn suffix(self) -> String {
        let mut suffix = String::new();
        self.write_suffix(&mut suffix);
        suffix
    }

    /// What comes after the tag of the rows to make the tag of this form of them. Plain JSON as it is has nothing there.
    fn write_suffix(self, out: &mut String) {
        out.push_str(match self.format {
            RowFormat::Json => "",
            RowFormat::Ndjson => ".nd",
            RowFormat::Sats => ".sats",
            RowFormat::Csv => ".csv",
            RowFormat::Bsatn => ".bsatn",
        });
        // Writing to a string cannot fail.
        if self.offset > 0 {
            let _ = write!(out, ".from{}", self.offset);
        }
        if let Some(limit) = self.limit {
            let _ = write!(out, ".max{limit}");
        }
        if self.encoding != Encoding::Identity {
            let _ = write!(out, ".{}", self.encoding.name());
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Form = Form { format: RowFormat::Json, limit: None, offset: 0, encoding: Encoding::Identity };
    const LINES: Form = Form { format: RowFormat::Ndjson, ..JSON };

    fn check(values: &[&str], form: Form, expected: &[&str]) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_NONE_MATCH, value.parse().unwrap());
        }
        assert_eq!(if_none_match(&headers, form), IfNoneMatch::Tags(expected.to_vec()), "{values:?}");
    }

    #[test]
    fn strong_weak_and_lists() {
        check(&[], JSON, &[]);
        check(&[r#""a""#], JSON, &["a"]);
        check(&[r#"W/"a""#], JSON, &["a"]);
        check(&[r#""a", W/"b" ,"c,d""#], JSON, &["a", "b", "c,d"]);
        check(&[r#""a""#, r#""b""#], JSON, &["a", "b"]);
        check(&["a", "W/a"], JSON, &[]);
    }

    #[test]
    fn a_star_is_whatever_there_is() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, " * ".parse().unwrap());
        assert_eq!(if_none_match(&headers, JSON), IfNoneMatch::Any);
        check(&[r#""*""#], JSON, &["*"]);
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
        let forms = [
            (JSON, "a"),
            (LINES, "a.nd"),
            (Form { format: RowFormat::Sats, ..JSON }, "a.sats"),
            (Form { format: RowFormat::Csv, ..JSON }, "a.csv"),
            (Form { format: RowFormat::Bsatn, ..JSON }, "a.bsatn"),
            (Form { limit: Some(1), ..JSON }, "a.max1"),
            (Form { limit: Some(11), ..JSON }, "a.max11"),
            (Form { offset: 1, ..JSON }, "a.from1"),
            (Form { encoding: Encoding::Gzip, ..JSON }, "a.gzip"),
            (Form { offset: 2, limit: Some(3), encoding: Encoding::Brotli, ..LINES }, "a.nd.from2.max3.br"),
        ];
        let all: Vec<_> = forms.iter().map(|(_, tag)| format!("\"{tag}\"")).collect();
        let all = all.join(", ");
        for (form, tag) in forms {
            assert_eq!(form.etag("a").unwrap(), format!("\"{tag}\""));
            check(&[&all], form, &["a"]);
        }
    }
}
