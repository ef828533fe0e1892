//! `POST /v1/database/:db/call/:function`: runs a reducer or procedure.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use orrery_runtime::{Args, CallError, Called};

use super::{
    App, Refusal, body,
    caller::{Caller, on_new_connection},
    router::JSON,
};
use crate::control::Target;

pub(super) const EXECUTION_DURATION: HeaderName =
    HeaderName::from_static("spacetime-execution-duration-micros");
/// Nothing is billed here, but clients may look for the header.
const ENERGY_USED: HeaderName = HeaderName::from_static("spacetime-energy-used");

/// Calls a reducer or procedure, and answers when everything is durable that the answer tells of.
pub(super) async fn call(
    State(app): State<Arc<App>>,
    Path((target, function)): Path<(Target, String)>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let database = app.control.find(&target).await?;
    check_content_type(&headers)?;
    let args = body::receive(&headers, body, app.limits.body_len_max).await?;
    if std::str::from_utf8(&args).is_err() {
        return Err(Refusal::bad_request("The arguments are not UTF-8."));
    }

    let caller = on_new_connection(&app, &caller);
    let started = Instant::now();
    let called = database.call_once(&caller, &function, Args::Json(args)).await;
    let duration = started.elapsed();

    // The module ran, or would have: those answers tell how long it took.
    let (ran_reducer, ran_procedure) = match &called {
        Ok(Called::Committed) | Err(CallError::Refused(_) | CallError::Broke(_)) => (true, false),
        Ok(Called::Returned { .. }) | Err(CallError::ProcedureBroke(_)) => (false, true),
        Err(_) => (false, false),
    };
    let mut response = match called {
        Ok(Called::Committed) => StatusCode::OK.into_response(),
        Ok(Called::Returned { value, return_type, module }) => {
            let database = database.key().database;
            let writer = app.writers.of_procedure(database, &function, &module, &return_type);
            let json = writer.map_err(Refusal::internal)?.to_string(&value).map_err(Refusal::internal)?;
            ([(header::CONTENT_TYPE, JSON)], json).into_response()
        }
        Err(error) => Refusal::from(error).into_response(),
    };
    if ran_reducer || ran_procedure {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        response.headers_mut().insert(EXECUTION_DURATION, HeaderValue::from(micros));
    }
    if ran_reducer {
        response.headers_mut().insert(ENERGY_USED, HeaderValue::from_static("0"));
    }
    Ok(response)
}

/// Exactly `application/json`: a parameter would have to be obeyed.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(header::CONTENT_TYPE) {
        Some(found) if *found == JSON => Ok(()),
        Some(_) => Err(Refusal::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The arguments must be sent with `Content-Type: application/json`.",
        )),
        None => Err(Refusal::bad_request("The header `Content-Type: application/json` is missing.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_json_is_taken() {
        let status = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            }
            check_content_type(&headers)
                .map_or_else(|refusal| refusal.into_response().status().as_u16(), |()| 200)
        };
        assert_eq!(status(Some("application/json")), 200);
        assert_eq!(status(Some("application/json; charset=utf-8")), 415);
        assert_eq!(status(Some("text/plain")), 415);
        assert_eq!(status(None), 400);
    }
}
