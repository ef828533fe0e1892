//! Who sends a request: the token that came with it, or a new identity.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use orrery_host_abi::ConnectionId;
use orrery_runtime as runtime;

use super::{App, Refusal};
use crate::auth::{Authority, Credentials};

const IDENTITY: HeaderName = HeaderName::from_static("spacetime-identity");
const IDENTITY_TOKEN: HeaderName = HeaderName::from_static("spacetime-identity-token");

/// The caller of a route that [`identify`] stands before.
pub(super) type Caller = Extension<Arc<Credentials>>;

/// Finds out who calls, gives a new identity to whoever has none, and tells the caller with the answer,
/// whatever that is.
pub(super) async fn identify(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let caller = match credentials(&app, request.headers(), request.uri()) {
        Ok(Some(caller)) => caller,
        Ok(None) => Arc::new(app.authority.issue()),
        Err(refusal) => return refusal.into_response(),
    };
    let identity = HeaderValue::try_from(caller.identity.to_hex());
    let token = HeaderValue::from_str(&caller.token);
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    // Both are ASCII: hexadecimal digits, and a token that came in a header or was found to be base64.
    if let (Ok(identity), Ok(token)) = (identity, token) {
        response.headers_mut().insert(IDENTITY, identity);
        response.headers_mut().insert(IDENTITY_TOKEN, token);
    }
    response
}

/// The caller that a request's token stands for; none if it has no token.
pub(super) fn credentials(
    app: &App,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Option<Arc<Credentials>>, Refusal> {
    match presented_token(headers, uri)? {
        Some(token) => Ok(Some(app.authority.verify(&token)?)),
        None => Ok(None),
    }
}

/// The same, where there must be one.
pub(super) fn required_credentials(
    app: &App,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Arc<Credentials>, Refusal> {
    credentials(app, headers, uri)?.ok_or_else(|| {
        Refusal::text(
            axum::http::StatusCode::UNAUTHORIZED,
            "This needs a token: send it as `Authorization: Bearer <token>`. `POST /v1/identity` gives one.",
        )
    })
}

/// The caller as the runtime knows it, with a connection of its own.
pub(super) fn on_new_connection(app: &App, credentials: &Credentials) -> runtime::Caller {
    runtime::Caller {
        identity: credentials.identity,
        connection: new_connection(&app.authority),
        token_payload: credentials.payload.clone(),
    }
}

/// A connection number that nobody else has.
pub(super) fn new_connection(authority: &Authority) -> ConnectionId {
    // Zero means none, and 1 is as unlikely as any other number.
    ConnectionId(u128::from_le_bytes(authority.random()).max(1))
}

fn presented_token<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Result<Option<Cow<'a, str>>, Refusal> {
    if let Some(header) = headers.get(header::AUTHORIZATION) {
        let token = header.to_str().ok().and_then(bearer_token);
        let token = token
            .ok_or_else(|| Refusal::bad_request("The Authorization header must read `Bearer <token>`."))?;
        return Ok(Some(Cow::Borrowed(token)));
    }
    let Some(query) = uri.query() else { return Ok(None) };
    // A token is base64 and dots: nothing in it is ever escaped. If something is, it is not a token, and
    // the check will say so.
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    Ok(token.map(Cow::Borrowed))
}

fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(header: Option<&str>, uri: &str) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        }
        let uri = uri.parse().unwrap();
        Ok(presented_token(&headers, &uri)?.map(Cow::into_owned))
    }

    #[test]
    fn the_header_goes_before_the_query() {
        assert_eq!(presented(None, "/x").unwrap(), None);
        assert_eq!(presented(None, "/x?a=b").unwrap(), None);
        assert_eq!(presented(None, "/x?a=b&token=t").unwrap().unwrap(), "t");
        assert_eq!(presented(Some("Bearer h"), "/x?token=t").unwrap().unwrap(), "h");
        assert_eq!(presented(Some("bearer  h "), "/x").unwrap().unwrap(), "h");
    }

    #[test]
    fn other_schemes_are_refused() {
        for header in ["Basic abc", "Bearer", "Bearer ", "token", ""] {
            assert!(presented(Some(header), "/x?token=t").is_err(), "{header}");
        }
    }
}
