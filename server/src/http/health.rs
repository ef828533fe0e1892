//! Signs of life.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Uri},
};
use serde_json::{Value, json};

use super::{App, Refusal, caller};

/// `GET /v1/ping`: the server is there. A token is not needed, but must be right if there is one.
pub(super) async fn ping(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Result<(), Refusal> {
    caller::credentials(&app, &headers, &uri).map(|_| ())
}

/// `GET /v1/health`: the server, its version, and that it takes databases.
pub(super) async fn health() -> Json<Value> {
    Json(json!({
        "package_name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "nodes": [0],
        "schedulable": true,
    }))
}
