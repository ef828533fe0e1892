//! `GET /v1/database/:db/docs`: a page on which people look through the functions of a module and call them.
//!
//! It is one file, the same for every database, and needs nothing from elsewhere: it reads `openapi.json` beside it.
//! What the module says and answers is hostile until shown otherwise, so the page never makes markup of text, and
//! the policy that it comes with has the browser see to that.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::digest::{SHA256, digest};

use super::{
    super::{App, Refusal, etag::is_known},
    quoted,
};
use crate::control::Target;

const FRAME: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

struct Page {
    html: String,
    policy: String,
    tag: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let html = FRAME.replace("/* style */", STYLE).replace("/* script */", SCRIPT);
    let hash = |text: &str| BASE64.encode(digest(&SHA256, text.as_bytes()));
    // Only this script and this style, no connection but to this server, no form that is sent, and no markup or
    // code made of text.
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let tag = hash(&html).replace(['/', '+', '='], "-");
    Page { html, policy, tag }
});

/// Answers with the page.
pub(in super::super) async fn page(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    app.control.info(&target)?;
    let Page { html, policy, tag } = &*PAGE;
    let mut response = if is_known(&headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], &**html)
            .into_response()
    };
    let headers = response.headers_mut();
    let mut set =
        |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, policy);
    set(header::CACHE_CONTROL, "no-cache");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // A page that a module answers has the same origin. It is not to hold on to this one and read the token.
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    headers.insert(header::ETAG, quoted(tag));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_and_needs_nothing_else() {
        let html = &PAGE.html;
        assert!(html.contains(SCRIPT) && html.contains(STYLE) && !html.contains("/* script */"));
        // Their ends must not be found earlier.
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
        for elsewhere in ["http://", "https://", "src=", "@import", " url("] {
            assert!(!html.contains(elsewhere), "{elsewhere}");
        }
        for unsafe_sink in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("] {
            assert!(!html.contains(unsafe_sink), "{unsafe_sink}");
        }
    }
}
