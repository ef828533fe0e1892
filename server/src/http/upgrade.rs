//! Looking before publishing (`POST …/pre_publish`), and going back: `GET …/programs`, `POST …/pre_rollback`,
//! `POST …/rollback`. All for the owner.

use std::sync::Arc;

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

use super::{
    App, Refusal, body,
    caller::Caller,
    detached,
    plan_text::{Style, plan_text},
    publish::{self, HostType, PolicyName},
};
use crate::control::{Action, Planned, Target};

/// What `pre_publish` may be told. SpacetimeDB's command line says `pretty_print_style`, its server reads `style`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PlanParameters {
    host_type: HostType,
    style: Option<PlanStyle>,
    pretty_print_style: Option<PlanStyle>,
    /// The program to go back to; for `pre_rollback` only.
    to: Option<String>,
}

/// What `rollback` may be told.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RollbackParameters {
    policy: PolicyName,
    token: Option<String>,
    /// The program to go back to.
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum PlanStyle {
    AnsiColor,
    NoColor,
}

type PlanQuery = Result<Query<PlanParameters>, QueryRejection>;

/// `POST …/pre_publish`: what publishing the program in the body would do. 404 if there is no such database: then it
/// would be made.
pub(super) async fn pre_publish(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: PlanQuery,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let parameters = plan_parameters(query)?;
    app.control.info_for_owner(&target, caller.identity, Action::Publish)?;
    let upload = body::receive_program(&headers, body, app.limits.program_len_max, &app.uploads).await?;
    let kind = ProgramKind::from(parameters.host_type);
    let program = Program { kind, bytes: upload.bytes.clone() };
    let planned = app.control.plan(&target, caller.identity, program).await?;
    Ok(plan_answer(&planned, &parameters))
}

/// `POST …/pre_rollback`: what going back to an earlier program would do.
pub(super) async fn pre_rollback(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: PlanQuery,
    caller: Caller,
) -> Result<Json<Value>, Refusal> {
    let parameters = plan_parameters(query)?;
    let to = program_hash(parameters.to.as_deref())?;
    let planned = app.control.plan_rollback(&target, caller.identity, to).await?;
    Ok(plan_answer(&planned, &parameters))
}

/// `POST …/rollback`: goes back to an earlier program, under the rules of publishing.
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: Result<Query<RollbackParameters>, QueryRejection>,
    caller: Caller,
) -> Result<Json<Value>, Refusal> {
    let Query(parameters) = query.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let to = program_hash(parameters.to.as_deref())?;
    let policy = publish::policy(parameters.policy, parameters.token.as_deref())?;
    let name = target.name().map(ToString::to_string);
    let report =
        detached(async move { Ok(app.control.rollback(&target, caller.identity, to, policy).await?) })
            .await?;
    Ok(publish::success(name.as_deref(), &report))
}

/// `GET …/programs`: which programs the database has run and can go back to, the newest first.
pub(super) async fn programs(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
) -> Result<Json<Value>, Refusal> {
    let programs = app.control.programs(&target, caller.identity).await?;
    let programs = programs.iter().enumerate().map(|(at, program)| {
        json!({
            "hash": program.hash.to_hex(),
            "host_type": HostType::from(program.kind).name(),
            "published_at": program.published_at.to_string(),
            "size": program.size,
            "running": at == 0,
        })
    });
    Ok(Json(programs.collect()))
}

fn plan_parameters(query: PlanQuery) -> Result<PlanParameters, Refusal> {
    query.map(|Query(parameters)| parameters).map_err(|error| Refusal::bad_request(error.body_text()))
}

fn program_hash(hex: Option<&str>) -> Result<Option<Hash>, Refusal> {
    let parse = |hex| {
        Hash::from_hex(hex).map_err(|_| {
            Refusal::bad_request(
                "`to` must be the hash of a program, 64 hexadecimal digits as in `programs`.",
            )
        })
    };
    hex.map(parse).transpose()
}

fn plan_answer(planned: &Planned, parameters: &PlanParameters) -> Json<Value> {
    let style = match parameters.style.or(parameters.pretty_print_style) {
        Some(PlanStyle::NoColor) => Style::NoColor,
        Some(PlanStyle::AnsiColor) | None => Style::AnsiColor,
    };
    let is_major = planned.plan.is_major;
    Json(match &planned.plan.outcome {
        Ok(changes) => json!({ "AutoMigrate": {
            "migrate_plan": plan_text(changes, style),
            "break_clients": changes.breaks_clients,
            "token": planned.token.to_number_hex(),
            "major_version_upgrade": is_major,
        } }),
        Err(reasons) => json!({ "ManualMigrate": {
            "reason": reasons.join("\n"),
            "major_version_upgrade": is_major,
        } }),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::*;

    fn parse(query: &str) -> Result<PlanParameters, Refusal> {
        let uri: Uri = format!("/v1/database/x/pre_publish?{query}").parse().unwrap();
        plan_parameters(Query::try_from_uri(&uri))
    }

    #[test]
    fn either_name_of_the_style_is_understood() {
        for query in ["style=NoColor", "pretty_print_style=NoColor&host_type=Js"] {
            let parameters = parse(query).unwrap();
            assert!(matches!(parameters.style.or(parameters.pretty_print_style), Some(PlanStyle::NoColor)));
        }
        assert!(parse("style=Plaid").is_err());
        assert!(parse("something=else").is_ok());
    }

    #[test]
    fn programs_are_named_by_their_hash() {
        assert_eq!(program_hash(None).unwrap(), None);
        assert!(program_hash(Some("12")).is_err());
        assert_eq!(program_hash(Some(&"ab".repeat(32))).unwrap(), Some(Hash([0xab; 32])));
    }
}
