//! `GET /v1/database/:db/schema?version=9|10`: what the module defines.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::header,
    response::IntoResponse,
};
use serde::Deserialize;

use super::{App, Refusal, router::JSON};
use crate::control::Target;

#[derive(Deserialize)]
pub(super) struct Parameters {
    version: Version,
}

#[derive(Deserialize)]
enum Version {
    #[serde(rename = "9")]
    V9,
    #[serde(rename = "10")]
    V10,
}

/// Answers with the definition in the form of that version.
pub(super) async fn schema(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let database = app.control.find(&target).await?;
    let Query(Parameters { version }) = query.map_err(|_| {
        Refusal::bad_request("The query must name the form of the schema: `version=9` or `10`.")
    })?;
    let version = match version {
        Version::V9 => 9,
        Version::V10 => 10,
    };
    let schema = database.module().schema_json(version).expect("both versions can be written");
    Ok(([(header::CONTENT_TYPE, JSON)], schema))
}
