//! What a request asks of a view: its arguments, and which of its rows.

use std::borrow::Cow;

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use orrery_host_abi::{AlgebraicType, Element, Typespace, json, module_def::ViewDef};
use orrery_runtime::{Args, CallError};
use url::form_urlencoded;

use super::super::{Refusal, accept::RowFormat};

/// What is in the query of a URL besides the view's parameters. A parameter of such a name must come in a body.
const LIMIT: &str = "limit";
const OFFSET: &str = "offset";
const TOKEN: &str = "token";
const RESERVED: [&str; 3] = [LIMIT, OFFSET, TOKEN];

/// Which rows of an answer are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// At most so many.
    pub(super) limit: Option<u64>,
    /// From this one on, counted from zero.
    pub(super) offset: u64,
}

impl Page {
    /// All rows.
    pub(super) const ALL: Self = Self { limit: None, offset: 0 };
}

/// The arguments and the page that the query of a URL asks for.
pub(super) fn of_query(
    query: Option<&str>,
    view: &ViewDef,
    typespace: &Typespace,
) -> Result<(Args, Page), Refusal> {
    let params = &view.params.elements;
    let mut page = Page::ALL;
    let mut given: Vec<Option<Cow<'_, str>>> = vec![None; params.len()];
    for (name, value) in pairs(query)? {
        if page.take(&name, &value)? {
            continue;
        }
        let place = params.iter().position(|param| param.name.as_deref() == Some(&*name));
        let Some(place) = place else { return Err(unknown(view, &name)) };
        if given[place].replace(value).is_some() {
            return Err(Refusal::bad_request(format!("The parameter `{name}` is given twice.")));
        }
    }
    let mut bsatn = Vec::new();
    for (param, given) in params.iter().zip(given) {
        bsatn.extend(argument(view, param, given.as_deref(), typespace)?);
    }
    Ok((Args::Bsatn(bsatn.into()), page))
}

/// The page that the query of a URL asks for, where the arguments are in the body.
pub(super) fn page_of_query(query: Option<&str>) -> Result<Page, Refusal> {
    let mut page = Page::ALL;
    for (name, value) in pairs(query)? {
        if !page.take(&name, &value)? {
            return Err(Refusal::bad_request(format!(
                "The URL has `{name}`, but the parameters of a view that is asked for with POST come in the body; the \
                 URL may have `{LIMIT}` and `{OFFSET}`."
            )));
        }
    }
    Ok(page)
}

/// The arguments in the body of a request.
pub(super) fn of_body(
    headers: &HeaderMap,
    body: Bytes,
    view: &ViewDef,
    typespace: &Typespace,
) -> Result<Args, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).map(axum::http::HeaderValue::as_bytes);
    if content_type == Some(RowFormat::Sats.media_type().as_bytes()) {
        return Ok(Args::Json(body));
    }
    if content_type != Some(RowFormat::Json.media_type().as_bytes()) {
        return Err(Refusal::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The arguments must be sent with `Content-Type: application/json`, or `application/sats+json` for \
             SATS-JSON.",
        ));
    }
    let args = json::args_from_plain_json(&body, &view.params, typespace);
    let args = args.map_err(|error| invalid(view, error.to_string()))?;
    Ok(Args::Bsatn(args.into()))
}

impl Page {
    /// Takes what belongs to it, or to nobody here. Whether it was that.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Refusal> {
        let number = || {
            // Rust would take a sign, too.
            let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            value.parse::<u64>().ok().filter(|_| is_number).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "`{name}` must be a whole number that is not negative, and is `{}`.",
                    value.escape_debug()
                ))
            })
        };
        match name {
            LIMIT => self.limit = Some(number()?),
            OFFSET => self.offset = number()?,
            // Somebody else has looked at it.
            TOKEN => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The names and values in the query of a URL.
fn pairs(query: Option<&str>) -> Result<Vec<(Cow<'_, str>, Cow<'_, str>)>, Refusal> {
    let Some(query) = query else { return Ok(Vec::new()) };
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    // Where bytes were no text there is this instead; only who has escaped it has sent it.
    const REPLACEMENT: char = '\u{fffd}';
    let has = |text: &str| text.contains(REPLACEMENT);
    if pairs.iter().any(|(name, value)| has(name) || has(value))
        && !query.to_ascii_lowercase().contains("%ef%bf%bd")
    {
        return Err(Refusal::bad_request("The query of the URL is not UTF-8."));
    }
    Ok(pairs)
}

/// The BSATN of one argument.
fn argument(
    view: &ViewDef,
    param: &Element,
    given: Option<&str>,
    typespace: &Typespace,
) -> Result<Vec<u8>, Refusal> {
    let name = param.name.as_deref().unwrap_or_default();
    match given {
        Some(text) => json::plain_from_text(text, &param.ty, typespace)
            .map_err(|error| invalid(view, format!("`{name}`: {error}"))),
        None => {
            // What is not given is an option without value, if it is one.
            let none = json::plain_from_text("null", &param.ty, typespace);
            if let (Ok(none), true) = (none, is_option(&param.ty, typespace)) {
                return Ok(none);
            }
            let ty = json::type_name(&param.ty, typespace);
            Err(invalid(
                view,
                if name.is_empty() || RESERVED.contains(&name) {
                    format!(
                        "the parameter `{name}` ({ty}) cannot be given in a URL, where its name means something else; \
                         send the arguments as JSON with POST"
                    )
                } else {
                    format!("the parameter `{name}` ({ty}) is missing")
                },
            ))
        }
    }
}

fn is_option(ty: &AlgebraicType, typespace: &Typespace) -> bool {
    // Deeper references than this are no options anyway.
    let mut ty = ty;
    for _ in 0..orrery_host_abi::MAX_TYPE_DEPTH {
        match ty {
            AlgebraicType::Ref(target) => match typespace.get(*target) {
                Some(referred) => ty = referred,
                None => return false,
            },
            ty => return ty.as_option().is_some(),
        }
    }
    false
}

fn invalid(view: &ViewDef, reason: String) -> Refusal {
    CallError::InvalidArguments { kind: "view", name: view.name.to_string(), reason }.into()
}

fn unknown(view: &ViewDef, name: &str) -> Refusal {
    let params: Vec<_> = view
        .params
        .elements
        .iter()
        .filter_map(|param| param.name.as_deref())
        .filter(|param| !RESERVED.contains(param))
        .map(|param| format!("`{param}`"))
        .collect();
    let there_are = match &params[..] {
        [] => "it has none".to_owned(),
        params => format!("it has {}", params.join(", ")),
    };
    invalid(
        view,
        format!(
            "there is no parameter `{}`; {there_are}, and every view can be asked for with `{LIMIT}` and `{OFFSET}`",
            name.escape_debug()
        ),
    )
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;
    use orrery_host_abi::{ProductType, TypeRef, module_def::ViewReturns};

    use super::*;

    fn view(params: impl IntoIterator<Item = (&'static str, AlgebraicType)>) -> ViewDef {
        let element = |(name, ty): (&str, _)| Element { name: Some(name.into()), ty };
        ViewDef {
            name: "people".into(),
            accessor_name: "people".into(),
            index: 0,
            is_anonymous: true,
            is_public: true,
            params: ProductType { elements: params.into_iter().map(element).collect() },
            return_type: AlgebraicType::Array(Box::new(AlgebraicType::Ref(TypeRef(0)))),
            returns: ViewReturns::Rows,
            row_type: TypeRef(0),
            columns: Vec::new(),
            primary_key: None,
            primary_key_declared: false,
        }
    }

    fn bsatn(read: Result<(Args, Page), Refusal>) -> (Vec<u8>, Page) {
        match read {
            Ok((Args::Bsatn(bsatn), page)) => (bsatn.to_vec(), page),
            other => panic!("{other:?}"),
        }
    }

    async fn refused<T: std::fmt::Debug>(read: Result<T, Refusal>) -> String {
        let response = read.expect_err("refused").into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn arguments_in_a_query() {
        let typespace = Typespace::default();
        let people =
            view([("min_age", AlgebraicType::U8), ("name", AlgebraicType::option(AlgebraicType::String))]);
        let read = |query: &'static str| of_query(Some(query), &people, &typespace);
        assert_eq!(bsatn(read("min_age=18")), (vec![18, 1], Page::ALL));
        assert_eq!(bsatn(read("token=a.b&name=null&min_age=18&")), (vec![18, 1], Page::ALL));
        let page = Page { limit: Some(5), offset: 2 };
        assert_eq!(
            bsatn(read("offset=2&name=A%26+b&limit=5&min_age=1")),
            ([&[1, 0, 4, 0, 0, 0], &b"A& b"[..]].concat(), page)
        );
        assert_eq!(bsatn(of_query(None, &view([]), &typespace)), (vec![], Page::ALL));

        for (query, expected) in [
            ("", "invalid arguments for view people: the parameter `min_age` (u8) is missing"),
            (
                "min_age=x",
                "invalid arguments for view people: `min_age`: expected u8, a whole number from 0 to 255, but got `x`",
            ),
            (
                "min_age=1&age=2",
                "invalid arguments for view people: there is no parameter `age`; it has `min_age`, `name`, and every \
                 view can be asked for with `limit` and `offset`",
            ),
            ("min_age=1&min_age=2", "The parameter `min_age` is given twice."),
            ("min_age=1&limit=-1", "`limit` must be a whole number that is not negative, and is `-1`."),
            ("min_age=1&offset=", "`offset` must be a whole number that is not negative, and is ``."),
            ("min_age=1&offset=+1", "`offset` must be a whole number that is not negative, and is ` 1`."),
            ("min_age=1&name=%ff", "The query of the URL is not UTF-8."),
        ] {
            assert_eq!(refused(read(query)).await, expected);
        }
    }

    #[tokio::test]
    async fn names_that_the_url_has_taken_come_in_a_body() {
        let typespace = Typespace::default();
        let top = view([("limit", AlgebraicType::U8)]);
        let text = refused(of_query(Some("limit=5"), &top, &typespace)).await;
        assert!(text.contains("`limit` (u8) cannot be given in a URL"), "{text}");
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let read = |json: &'static str| of_body(&headers, json.into(), &top, &typespace);
        for json in ["[5]", r#"{"limit":5}"#] {
            assert!(matches!(read(json), Ok(Args::Bsatn(bsatn)) if bsatn == [5][..]));
        }
        assert!(refused(read("[256]")).await.starts_with("invalid arguments for view people: `limit`: "));
        assert_eq!(page_of_query(Some("limit=3")).unwrap(), Page { limit: Some(3), offset: 0 });
        assert!(refused(page_of_query(Some("min_age=3"))).await.contains("come in the body"));
    }
}
