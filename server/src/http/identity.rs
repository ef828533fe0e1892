//! `/v1/identity`: tokens and the identities that they stand for.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::IntoResponse,
};
use orrery_host_abi::Identity;
use serde_json::{Value, json};

use super::{App, Refusal, caller::required_credentials};

/// How long a token for opening a WebSocket is good. It travels in a URL, and URLs end up in logs.
const WEBSOCKET_TOKEN_LIFE: Duration = Duration::from_secs(60);

/// `POST /v1/identity`: a new identity.
pub(super) async fn create(State(app): State<Arc<App>>) -> Json<Value> {
    let issued = app.authority.issue();
    Json(json!({ "identity": issued.identity.to_hex(), "token": issued.token }))
}

/// `GET /v1/identity/public-key`: what tokens can be checked with.
pub(super) async fn public_key(State(app): State<Arc<App>>) -> impl IntoResponse {
    let pem = app.authority.public_key_pem().to_owned();
    ([(header::CONTENT_TYPE, "application/pem-certificate-chain")], pem)
}

/// `POST /v1/identity/websocket-token`: a token for the next minute.
pub(super) async fn websocket_token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Refusal> {
    let caller = required_credentials(&app, &headers, &uri)?;
    let issued = app.authority.issue_short_lived(&caller, WEBSOCKET_TOKEN_LIFE)?;
    Ok(Json(json!({ "token": issued.token })))
}

/// `GET /v1/identity/:identity/verify`: whether the token is that identity's.
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Path(identity): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<StatusCode, Refusal> {
    let identity = parse(&identity)?;
    let caller = required_credentials(&app, &headers, &uri)?;
    if caller.identity != identity {
        return Err(Refusal::bad_request(format!("The token is that of {}.", caller.identity.to_hex())));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/identity/:identity/databases`: what it owns.
pub(super) async fn databases(
    State(app): State<Arc<App>>,
    Path(identity): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let owned = app.control.owned_by(parse(&identity)?);
    Ok(Json(json!({ "identities": owned.into_iter().map(Identity::to_hex).collect::<Vec<_>>() })))
}

/// Bare digits only: that is what SpacetimeDB takes here, unlike elsewhere.
fn parse(identity: &str) -> Result<Identity, Refusal> {
    let bare = (!identity.starts_with("0x")).then_some(identity);
    bare.and_then(|digits| Identity::from_hex(digits).ok())
        .ok_or_else(|| Refusal::bad_request("An identity is 64 hexadecimal digits."))
}
