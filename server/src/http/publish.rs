//! Publishing: `POST /v1/database` and `PUT /v1/database/:db`.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use orrery_host_abi::{Hash, Identity};
use orrery_runtime::{Program, ProgramKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Refusal, body, caller::Caller, detached};
use crate::{
    auth::Credentials,
    control::{ControlError, Publish, Target},
};

/// What the query may say. Other keys mean something elsewhere (`num_replicas`, `parent`, `organization`) and
/// nothing on a single server.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Parameters {
    clear: bool,
    host_type: HostType,
    policy: Policy,
    token: Option<String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { clear: false, host_type: HostType::Wasm, policy: Policy::Compatible, token: None }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum HostType {
    Wasm,
    Js,
}

/// Whether clients may be broken. Whoever allows it must have seen the plan and names it by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Policy {
    Compatible,
    BreakClients,
}

type PublishQuery = Result<Query<Parameters>, QueryRejection>;

/// `POST /v1/database`: a new database without a name.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    query: PublishQuery,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let parameters = parameters(query)?;
    if parameters.clear {
        return Err(Refusal::bad_request("Only a database that is named in the URL can be cleared."));
    }
    receive_and_publish(app, None, parameters, caller.0, &headers, body).await
}

/// `PUT /v1/database/:db`: makes the database or updates it.
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: PublishQuery,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    receive_and_publish(app, Some(target), parameters(query)?, caller.0, &headers, body).await
}

/// `PUT /v1/database/:db/reset`: drops the data; a program in the body takes the place of the present one.
pub(super) async fn reset(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: PublishQuery,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    use hyper::body::Body as _;

    let parameters = Parameters { clear: true, ..parameters(query)? };
    app.control.info(&target)?;
    if !body.is_end_stream() {
        return receive_and_publish(app, Some(target), parameters, caller.0, &headers, body).await;
    }
    let name = target.name().map(ToString::to_string);
    let identity = detached(async move { Ok(app.control.reset(&target, caller.identity).await?) }).await?;
    Ok(success(name.as_deref(), identity, false, &["all data was dropped".into()]))
}

async fn receive_and_publish(
    app: Arc<App>,
    target: Option<Target>,
    parameters: Parameters,
    caller: Arc<Credentials>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    // Whoever may not publish need not send the program.
    app.control
        .check_may_publish(target.as_ref(), caller.identity, parameters.clear)
        .map_err(Refusal::from_publish)?;
    let name = target.as_ref().and_then(Target::name).map(ToString::to_string);
    let plan_token = plan_token(&parameters)?;

    let upload = body::receive_program(headers, body, app.limits.program_len_max, &app.uploads).await?;
    let bytes = upload.bytes.clone();
    if let Some(plan_token) = plan_token {
        check_plan_token(&app, target.as_ref(), Hash::of(&bytes), plan_token).await?;
    }
    let kind = match parameters.host_type {
        HostType::Wasm => ProgramKind::Wasm,
        HostType::Js => ProgramKind::Js,
    };
    let publish = Publish {
        caller: caller.identity,
        target,
        program: Program { kind, bytes },
        clear: parameters.clear,
    };
    let task = {
        let app = app.clone();
        async move { app.control.publish(publish).await.map_err(Refusal::from_publish) }
    };
    let report = detached(task).await?;
    Ok(success(name.as_deref(), report.database, report.created, &report.changes))
}

fn parameters(query: PublishQuery) -> Result<Parameters, Refusal> {
    query.map(|Query(parameters)| parameters).map_err(|error| Refusal::bad_request(error.body_text()))
}

fn plan_token(parameters: &Parameters) -> Result<Option<Hash>, Refusal> {
    match (parameters.policy, &parameters.token) {
        (Policy::Compatible, _) => Ok(None),
        (Policy::BreakClients, None) => Err(Refusal::bad_request(
            "The policy BreakClients needs the token of the plan that was agreed to.",
        )),
        (Policy::BreakClients, Some(token)) => match Hash::from_number_hex(token) {
            Ok(token) => Ok(Some(token)),
            Err(_) => Err(Refusal::bad_request("The token must be a number in hexadecimal, `0x...`.")),
        },
    }
}

/// A plan's token is good for one change only: from the program that runs to the one that was sent.
async fn check_plan_token(app: &App, target: Option<&Target>, new: Hash, token: Hash) -> Result<(), Refusal> {
    let Some(target) = target else { return Ok(()) };
    let database = match app.control.find(target).await {
        Ok(database) => database,
        Err(ControlError::NoSuchName(_) | ControlError::NoSuchDatabase) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (_, old) = database.program();
    if token != make_plan_token(database.key().database, old, new) {
        return Err(Refusal::bad_request(
            "The token is not that of the plan for this change: the program or the database has changed since. \
             Look at the plan again.",
        ));
    }
    Ok(())
}

fn make_plan_token(database: Identity, old: Hash, new: Hash) -> Hash {
    Hash::of([database.to_hex(), old.to_hex(), new.to_hex()].concat().as_bytes())
}

fn success(name: Option<&str>, database: Identity, created: bool, changes: &[String]) -> Json<Value> {
    let op = if created { "created" } else { "updated" };
    let database = database.to_hex();
    Json(
        json!({ "Success": { "domain": name, "database_identity": database, "op": op, "changes": changes } }),
    )
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::*;

    fn parse(query: &str) -> Result<Parameters, Refusal> {
        let uri: Uri = format!("/v1/database/x?{query}").parse().unwrap();
        parameters(Query::try_from_uri(&uri))
    }

    #[test]
    fn unknown_keys_are_ignored_and_bad_values_are_not() {
        let parameters = parse("num_replicas=3&org=me&clear=true&host_type=Js").unwrap();
        assert!(parameters.clear);
        assert!(matches!(parameters.host_type, HostType::Js));
        assert!(parse("clear=maybe").is_err());
        assert!(parse("host_type=Cobol").is_err());
        assert!(parse("policy=Whatever").is_err());
    }

    #[test]
    fn breaking_clients_needs_a_token() {
        assert_eq!(plan_token(&parse("").unwrap()).unwrap(), None);
        assert_eq!(plan_token(&parse("token=nonsense").unwrap()).unwrap(), None);
        assert!(plan_token(&parse("policy=BreakClients").unwrap()).is_err());
        assert!(plan_token(&parse("policy=BreakClients&token=12").unwrap()).is_err());
        let token = make_plan_token(Identity::ZERO, Hash([1; 32]), Hash([2; 32]));
        let query = format!("policy=BreakClients&token={}", token.to_number_hex());
        assert_eq!(plan_token(&parse(&query).unwrap()).unwrap(), Some(token));
    }
}
