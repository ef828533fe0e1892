//! Publishing: `POST /v1/database` and `PUT /v1/database/:db`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use orrery_host_abi::Hash;
use orrery_runtime::{Program, ProgramKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Refusal, body, caller::Caller, detached};
use crate::{
    auth::Credentials,
    control::{NameError, Policy, Publish, PublishReport, Target},
    units::HumanDuration,
};

/// What the query may say. Other keys mean nothing on a single server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Parameters {
    clear: bool,
    host_type: HostType,
    policy: PolicyName,
    token: Option<String>,
    num_replicas: Option<u64>,
    parent: Option<String>,
    #[serde(alias = "org")]
    organization: Option<String>,
    update_confirmation_timeout: Option<String>,
}

/// What a program is written in, as requests name it.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) enum HostType {
    #[default]
    Wasm,
    Js,
}

impl HostType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wasm => "Wasm",
            Self::Js => "Js",
        }
    }
}

impl From<HostType> for ProgramKind {
    fn from(host_type: HostType) -> Self {
        match host_type {
            HostType::Wasm => Self::Wasm,
            HostType::Js => Self::Js,
        }
    }
}

impl From<ProgramKind> for HostType {
    fn from(kind: ProgramKind) -> Self {
        match kind {
            ProgramKind::Wasm => Self::Wasm,
            ProgramKind::Js => Self::Js,
        }
    }
}

/// Whether clients may be broken. Whoever allows it must have seen the plan and names it by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum PolicyName {
    #[default]
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
    let database = detached(async move { Ok(app.control.reset(&target, caller.identity).await?) }).await?;
    let report = PublishReport { database, created: false, changes: vec!["all data was dropped".to_owned()] };
    Ok(success(name.as_deref(), &report))
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
    check_surroundings(&app, target.as_ref(), &parameters)?;
    let name = target.as_ref().and_then(Target::name).map(ToString::to_string);
    let policy = policy(parameters.policy, parameters.token.as_deref())?;

    let upload = body::receive_program(headers, body, app.limits.program_len_max, &app.uploads).await?;
    let publish = Publish {
        caller: caller.identity,
        target,
        program: Program { kind: parameters.host_type.into(), bytes: upload.bytes.clone() },
        clear: parameters.clear,
        policy,
    };
    let task = {
        let app = app.clone();
        async move { app.control.publish(publish).await.map_err(Refusal::from_publish) }
    };
    let report = detached(task).await?;
    Ok(success(name.as_deref(), &report))
}

/// What says where a database belongs and how many there are of it: it must make sense, though a single server has
/// neither families nor replicas of databases, and as SpacetimeDB's keeps nothing of it.
fn check_surroundings(app: &App, target: Option<&Target>, parameters: &Parameters) -> Result<(), Refusal> {
    if parameters.num_replicas.is_some_and(|number| number > 255) {
        return Err(Refusal::bad_request("`num_replicas` must be at most 255."));
    }
    if let Some(timeout) = &parameters.update_confirmation_timeout {
        let is_allowed =
            timeout.parse::<HumanDuration>().is_ok_and(|timeout| timeout.0 <= CONFIRMATION_TIMEOUT_MAX);
        if !is_allowed {
            return Err(Refusal::bad_request(
                "`update_confirmation_timeout` must be a duration of at most 5 minutes, such as 5s.",
            ));
        }
    }
    for named in parameters.parent.iter().chain(&parameters.organization) {
        let named: Target =
            named.parse().map_err(|error: NameError| Refusal::bad_request(error.to_string()))?;
        app.control.resolve(&named)?;
    }
    let exists = || target.is_some_and(|target| app.control.info(target).is_ok());
    if parameters.clear && parameters.parent.is_some() && exists() {
        return Err(Refusal::bad_request("A database that exists gets no other parent when it is cleared."));
    }
    Ok(())
}

/// Longer than this nobody need wait for an update to be durable. The answer comes as soon as it is.
const CONFIRMATION_TIMEOUT_MAX: Duration = Duration::from_secs(300);

fn parameters(query: PublishQuery) -> Result<Parameters, Refusal> {
    query.map(|Query(parameters)| parameters).map_err(|error| Refusal::bad_request(error.body_text()))
}

pub(super) fn policy(name: PolicyName, token: Option<&str>) -> Result<Policy, Refusal> {
    match (name, token) {
        (PolicyName::Compatible, _) => Ok(Policy::Compatible),
        (PolicyName::BreakClients, None) => Err(Refusal::bad_request(
            "The policy BreakClients needs the token of the plan that was agreed to.",
        )),
        (PolicyName::BreakClients, Some(token)) => match Hash::from_number_hex(token) {
            Ok(token) => Ok(Policy::BreakClients(token)),
            Err(_) => Err(Refusal::bad_request("The token must be a number in hexadecimal, `0x...`.")),
        },
    }
}

pub(super) fn success(name: Option<&str>, report: &PublishReport) -> Json<Value> {
    let PublishReport { database, created, changes } = report;
    let op = if *created { "created" } else { "updated" };
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
        let policy = |query: &str| {
            let parameters = parse(query).unwrap();
            policy(parameters.policy, parameters.token.as_deref())
        };
        assert_eq!(policy("").unwrap(), Policy::Compatible);
        assert_eq!(policy("token=nonsense").unwrap(), Policy::Compatible);
        assert!(policy("policy=BreakClients").is_err());
        assert!(policy("policy=BreakClients&token=12").is_err());
        let token = Hash([7; 32]);
        let query = format!("policy=BreakClients&token={}", token.to_number_hex());
        assert_eq!(policy(&query).unwrap(), Policy::BreakClients(token));
    }
}
