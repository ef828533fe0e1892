//! `/v1/database/:db` itself: what it is, removing it, and keeping it from being removed.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use orrery_host_abi::{Identity, Timestamp};
use orrery_runtime::ProgramKind;
use serde_json::{Value, json};

use super::{App, Refusal, caller::Caller, detached};
use crate::control::Target;

/// `GET /v1/database/:db`: in SATS-JSON, unlike most answers.
pub(super) async fn info(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
) -> Result<Json<Value>, Refusal> {
    let info = app.control.info(&target)?;
    let host_type = match info.kind {
        ProgramKind::Wasm => json!({ "Wasm": [] }),
        ProgramKind::Js => json!({ "Js": [] }),
    };
    Ok(Json(json!({
        "database_identity": sats_identity(info.identity),
        "owner_identity": sats_identity(info.owner),
        "host_type": host_type,
        "initial_program": info.initial_program.to_number_hex(),
    })))
}

/// `GET /v1/database/:db/identity`: what the name leads to.
pub(super) async fn identity(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
) -> Result<String, Refusal> {
    Ok(app.control.resolve(&target)?.to_hex())
}

/// `DELETE /v1/database/:db`.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
) -> Result<(), Refusal> {
    detached(async move { Ok(app.control.delete(&target, caller.identity).await?) }).await
}

/// `POST /v1/database/:db/lock`: from now on it is neither deleted nor reset.
pub(super) async fn lock(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
) -> Result<(), Refusal> {
    detached(async move { Ok(app.control.set_locked(&target, caller.identity, true).await?) }).await
}

/// `POST /v1/database/:db/unlock`: it may be deleted and reset again.
pub(super) async fn unlock(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
) -> Result<(), Refusal> {
    detached(async move { Ok(app.control.set_locked(&target, caller.identity, false).await?) }).await
}

/// `GET /v1/database/:db/unstable/timestamp`: what time it is for that database, in SATS-JSON.
pub(super) async fn timestamp(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
) -> Result<Json<Value>, Refusal> {
    app.control.info(&target)?;
    let Timestamp(micros) = Timestamp::now();
    Ok(Json(json!({ "__timestamp_micros_since_unix_epoch__": micros })))
}

fn sats_identity(identity: Identity) -> Value {
    json!({ "__identity__": format!("{:#x}", identity.to_u256()) })
}
