//! `/v1/database/:db/route…`: what the module answers itself, with its HTTP handlers.
//!
//! Whoever calls is a matter between the caller and the module: tokens are passed on, not looked at.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header,
        uri::{Authority, Scheme},
    },
    response::Response,
};
use bytes::Bytes;
use orrery_host_abi::{
    HttpHeader, HttpRequest, HttpResponse, HttpVersion, ModuleDef, module_def::RawHttpMethod,
};
use orrery_runtime::CallError;

use super::{App, Refusal, body, serve::preflight};
use crate::control::Target;

/// A request's body may have this many bytes.
const BODY_LEN_MAX: usize = 16 * 1024 * 1024;

/// Says nothing of what happened, which is the module's own affair: its log has it.
const FAILED: &str = "The module's handler failed.";

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Headers about one connection, which is not the module's: neither passed on to it nor taken from it.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// `/route`: the handlers' empty path.
pub(super) async fn empty(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    request: Request<Body>,
) -> Result<Response, Refusal> {
    handle(&app, &target, "", request).await
}

/// `/route/`.
pub(super) async fn slash(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    request: Request<Body>,
) -> Result<Response, Refusal> {
    handle(&app, &target, "/", request).await
}

/// `/route/{path}`.
pub(super) async fn below(
    State(app): State<Arc<App>>,
    Path((target, path)): Path<(Target, String)>,
    request: Request<Body>,
) -> Result<Response, Refusal> {
    handle(&app, &target, &format!("/{path}"), request).await
}

/// Whether a URL's path is one that a module may answer.
pub(super) fn is_route(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/v1/database/") else { return false };
    let mut parts = rest.splitn(3, '/').skip(1);
    parts.next() == Some("route")
}

async fn handle(app: &App, target: &Target, path: &str, request: Request<Body>) -> Result<Response, Refusal> {
    let database = app.control.find(target).await?;
    let (head, body) = request.into_parts();
    // Where the module has its own idea of who may call from where, it answers the browser's question itself.
    if head.method == Method::OPTIONS && !declares_options(&database.module(), path) {
        return Ok(preflight());
    }
    let body = body::receive_program(&head.headers, body, BODY_LEN_MAX, &app.uploads).await?;
    let request = HttpRequest {
        method: RawHttpMethod::from_name(head.method.as_str()),
        uri: external_uri(&head.headers, &head.uri)?.into(),
        headers: request_headers(&head.headers),
        timeout: None,
        version: version(head.version),
    };
    match database.handle_http(path, &request, body.bytes.clone()).await {
        Ok((response, body)) => to_response(response, body)
            .ok_or_else(|| Refusal::text(StatusCode::INTERNAL_SERVER_ERROR, FAILED)),
        Err(CallError::ProcedureBroke(_) | CallError::Broke(_)) => {
            Err(Refusal::text(StatusCode::INTERNAL_SERVER_ERROR, FAILED))
        }
        Err(error) => Err(error.into()),
    }
}

fn declares_options(module: &ModuleDef, path: &str) -> bool {
    let is_it = |method: Option<&str>| method == Some("OPTIONS");
    module.http_routes.iter().any(|route| *route.path == *path && is_it(route.method.as_deref()))
}

/// The URL that the client has asked for, as far as that is known behind a proxy.
fn external_uri(headers: &HeaderMap, uri: &Uri) -> Result<String, Refusal> {
    let first = |name: &HeaderName| {
        let value = headers.get(name)?.to_str().ok()?.split(',').next()?.trim();
        (!value.is_empty()).then_some(value)
    };
    let scheme = first(&FORWARDED_PROTO).unwrap_or("http");
    let host = first(&FORWARDED_HOST).or_else(|| first(&header::HOST));
    let host = host.or_else(|| uri.authority().map(Authority::as_str));
    let host = host.ok_or_else(|| Refusal::bad_request("The header `Host` is missing."))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let parts = Uri::builder()
        .scheme(
            Scheme::try_from(scheme).map_err(|_| Refusal::bad_request("The forwarded scheme is not one."))?,
        )
        .authority(host)
        .path_and_query(path);
    let uri = parts.build().map_err(|_| Refusal::bad_request("The header `Host` names no host."))?;
    Ok(uri.to_string())
}

fn request_headers(headers: &HeaderMap) -> Vec<HttpHeader> {
    let named = named_by_connection(headers.get_all(header::CONNECTION).iter());
    headers
        .iter()
        .filter(|(name, _)| !HOP_BY_HOP.contains(name) && !named.contains(name))
        .map(|(name, value)| HttpHeader {
            name: name.as_str().into(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        })
        .collect()
}

/// The headers that the other side says are about the connection too.
fn named_by_connection<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Vec<HeaderName> {
    let names = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    names.filter_map(|name| name.trim().parse().ok()).collect()
}

/// The response that the module made; none if that cannot be one.
fn to_response(HttpResponse { headers, code, .. }: HttpResponse, body: Bytes) -> Option<Response> {
    // What is below is no final answer.
    let status = StatusCode::from_u16(code).ok().filter(|status| status.as_u16() >= 200)?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for HttpHeader { name, value } in headers {
        let name: HeaderName = name.parse().ok()?;
        let value = HeaderValue::from_maybe_shared(value).ok()?;
        // How long the body is, is to be seen.
        if !HOP_BY_HOP.contains(&name) && name != header::CONTENT_LENGTH {
            response.headers_mut().append(name, value);
        }
    }
    Some(response)
}

fn version(version: Version) -> HttpVersion {
    match version {
        Version::HTTP_09 => HttpVersion::Http09,
        Version::HTTP_10 => HttpVersion::Http10,
        Version::HTTP_2 => HttpVersion::Http2,
        Version::HTTP_3 => HttpVersion::Http3,
        _ => HttpVersion::Http11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn routes_are_told_from_other_urls() {
        for path in ["/v1/database/app/route", "/v1/database/app/route/", "/v1/database/app/route/a/b"] {
            assert!(is_route(path), "{path}");
        }
        for path in
            ["/v1/database/app", "/v1/database/app/routes", "/v1/database/route", "/v1/route/app/route"]
        {
            assert!(!is_route(path), "{path}");
        }
    }

    #[test]
    fn the_module_sees_the_url_that_the_client_has_asked_for() {
        let uri = |pairs: &[(&'static str, &'static str)], path: &str| {
            external_uri(&headers(pairs), &path.parse().unwrap()).ok()
        };
        assert_eq!(uri(&[("host", "a:1")], "/x?y=z").unwrap(), "http://a:1/x?y=z");
        let proxied =
            [("host", "a:1"), ("x-forwarded-proto", "https, http"), ("x-forwarded-host", "b.example, c")];
        assert_eq!(uri(&proxied, "/x").unwrap(), "https://b.example/x");
        assert_eq!(uri(&[], "/x"), None);
        assert_eq!(uri(&[("host", "a b")], "/x"), None);
        assert_eq!(uri(&[("host", "a"), ("x-forwarded-proto", "ht tp")], "/x"), None);
    }

    #[test]
    fn what_is_about_the_connection_stays_out() {
        let headers = headers(&[
            ("connection", "x-hop, close"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("x-many", "1"),
            ("x-many", "2"),
            ("authorization", "anything"),
        ]);
        let passed = request_headers(&headers);
        let passed: Vec<_> = passed.iter().map(|it| (&*it.name, &*it.value)).collect();
        assert_eq!(passed, [("x-many", &b"1"[..]), ("x-many", b"2"), ("authorization", b"anything")]);
    }

    #[test]
    fn only_what_can_be_a_response_is_one() {
        let make = |code, name: &str, value: &'static [u8]| {
            let headers = vec![HttpHeader { name: name.into(), value: Bytes::from_static(value) }];
            to_response(HttpResponse { headers, version: HttpVersion::Http11, code }, Bytes::new())
        };
        assert_eq!(make(418, "x-a", b"\xff").unwrap().headers()["x-a"], b"\xff"[..]);
        assert!(make(200, "content-length", b"99").unwrap().headers().is_empty());
        assert!(make(200, "connection", b"close").unwrap().headers().is_empty());
        for (code, name, value) in [
            (99, "x-a", &b"1"[..]),
            (101, "x-a", b"1"),
            (1000, "x-a", b"1"),
            (200, "x a", b"1"),
            (200, "x-a", b"\n"),
        ] {
            assert!(make(code, name, value).is_none(), "{code} {name}");
        }
    }
}
