//! `/v1/database/:db/names`: what a database is called.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde_json::{Value, json};

use super::{App, Refusal, body, caller::Caller};
use crate::control::{BindError, ControlError, DatabaseName, NameError, Target};

/// `GET`: all names.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
) -> Result<Json<Value>, Refusal> {
    let identity = app.control.info(&target)?.identity;
    let names = app.control.names_of(identity);
    Ok(Json(json!({ "names": names.iter().map(DatabaseName::as_str).collect::<Vec<_>>() })))
}

/// `POST`: one more name, as plain text.
pub(super) async fn add(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    app.control.info(&target)?;
    let body = body::receive(&headers, body, app.limits.body_len_max).await?;
    let name = std::str::from_utf8(&body).map_err(|_| Refusal::bad_request("The name is not UTF-8."))?;
    let name = parse(name)?;
    let identity = app.control.add_name(&name, &target, caller.identity)?;
    Ok(Json(json!({ "Success": { "domain": name.as_str(), "database_identity": identity.to_hex() } })))
}

/// `PUT`: these names and no others, as a JSON array.
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<&'static str>, Refusal> {
    app.control.info(&target)?;
    let body = body::receive(&headers, body, app.limits.body_len_max).await?;
    let names: Vec<String> = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_request(format!("The body must be a JSON array of names: {error}.")))?;
    let names = names.iter().map(|name| parse(name)).collect::<Result<Vec<_>, _>>()?;
    match app.control.replace_names(&names, &target, caller.identity) {
        Ok(()) => Ok(Json("Success")),
        Err(ControlError::NotOwner { database, .. }) => Err(Refusal::json(
            StatusCode::UNAUTHORIZED,
            json!({ "NotYourDatabase": { "database": database.to_hex() } }),
        )),
        Err(ControlError::Bind(error @ BindError::Taken(_))) => {
            Err(Refusal::json(StatusCode::BAD_REQUEST, json!({ "OtherError": error.to_string() })))
        }
        Err(error) => Err(error.into()),
    }
}

fn parse(name: &str) -> Result<DatabaseName, Refusal> {
    name.parse().map_err(|error: NameError| Refusal::bad_request(error.to_string()))
}
