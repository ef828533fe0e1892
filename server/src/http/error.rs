//! Which error is which status: the one place that knows.

use std::{borrow::Cow, fmt};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use orrery_runtime::{CallError, PublishError, SqlError, Stopped};
use serde_json::{Value, json};

use crate::{
    auth::TokenError,
    control::{BindError, ControlError},
};

/// A function of the module has said no or has broken. Not a registered status; what SpacetimeDB answers.
const MODULE_FAILED: u16 = 530;

/// An answer that says why not.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Text(Cow<'static, str>),
    Json(Value),
}

impl Refusal {
    /// With a sentence.
    pub(crate) fn text(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, body: Body::Text(text.into()) }
    }

    /// With an object that clients look into.
    pub(crate) fn json(status: StatusCode, body: Value) -> Self {
        Self { status, body: Body::Json(body) }
    }

    /// The request makes no sense.
    pub(crate) fn bad_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, text)
    }

    /// Our fault. The details go to the server's log too.
    pub(crate) fn internal(error: impl fmt::Display) -> Self {
        tracing::error!("{error}");
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }

    /// The answer to publishing under a name of somebody else.
    pub(crate) fn from_publish(error: ControlError) -> Self {
        match error {
            ControlError::Bind(BindError::NotYours(name)) => {
                Self::json(StatusCode::UNAUTHORIZED, json!({ "PermissionDenied": { "name": name.as_str() } }))
            }
            error => error.into(),
        }
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        let status = match error {
            ControlError::NoSuchName(_) | ControlError::NoSuchDatabase => StatusCode::NOT_FOUND,
            ControlError::NotOwner { .. }
            | ControlError::Locked { .. }
            | ControlError::MayNotCreate(_)
            | ControlError::Reserved(_) => StatusCode::FORBIDDEN,
            ControlError::Bind(BindError::NotYours(name)) => {
                return Self::json(
                    StatusCode::UNAUTHORIZED,
                    json!({ "PermissionDenied": { "domain": name.as_str() } }),
                );
            }
            ControlError::Bind(BindError::Taken(_)) | ControlError::Exists(_) => StatusCode::CONFLICT,
            ControlError::WrongPlan => StatusCode::BAD_REQUEST,
            ControlError::NoEarlierProgram | ControlError::NoSuchProgram(_) => StatusCode::NOT_FOUND,
            ControlError::Call(error) => return error.into(),
            ControlError::Publish(error) => return error.into(),
            ControlError::Stopped(stopped) => return stopped.into(),
            ControlError::Open(_) | ControlError::Disk(_) | ControlError::Bind(BindError::Store(_)) => {
                return Self::internal(error);
            }
        };
        Self::text(status, error.to_string())
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::InvalidProgram(_)
            | PublishError::InitFailed(_)
            | PublishError::InvalidBackup(_)
            | PublishError::Incompatible(_)
            | PublishError::BreaksClients(_) => Self::bad_request(error.to_string()),
            PublishError::Storage(_) => Self::internal(error),
            PublishError::Stopped(stopped) => stopped.into(),
        }
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        let status = match error {
            CallError::NoSuchFunction { .. } | CallError::NoSuchRoute => StatusCode::NOT_FOUND,
            CallError::Lifecycle(_) | CallError::InvalidArguments { .. } => StatusCode::BAD_REQUEST,
            CallError::ConnectionRefused(_) => StatusCode::FORBIDDEN,
            CallError::Refused(_) | CallError::Broke(_) => {
                StatusCode::from_u16(MODULE_FAILED).expect("three digits")
            }
            CallError::ProcedureBroke(_) => StatusCode::INTERNAL_SERVER_ERROR,
            CallError::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
            CallError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            CallError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            CallError::Stopped(stopped) => return stopped.into(),
        };
        Self::text(status, error.to_string())
    }
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Invalid(text) => Self::bad_request(text),
            SqlError::Call(error) => error.into(),
        }
    }
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string())
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::text(StatusCode::UNAUTHORIZED, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Body::Text(text) => (self.status, text).into_response(),
            Body::Json(value) => {
                (self.status, [(header::CONTENT_TYPE, super::router::JSON)], value.to_string())
                    .into_response()
            }
        };
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orrery_host_abi::{Fault, Identity};

    use super::*;
    use crate::control::Action;

    fn check(refusal: impl Into<Refusal>, status: u16, text: &str) {
        let refusal = refusal.into();
        assert_eq!(refusal.status.as_u16(), status, "{text}");
        match refusal.body {
            Body::Text(found) => assert_eq!(found, text),
            Body::Json(found) => assert_eq!(found.to_string(), text),
        }
    }

    #[test]
    fn errors_of_calls() {
        let name = || "add".to_owned();
        check(CallError::NoSuchFunction { kind: "view", name: name() }, 404, "no such view `add`");
        let arguments =
            CallError::InvalidArguments { kind: "reducer", name: name(), reason: "too few".into() };
        check(arguments, 400, "invalid arguments for reducer add: too few");
        check(CallError::Lifecycle(name()), 400, "`add` is a lifecycle reducer and cannot be called");
        check(CallError::ConnectionRefused("go away".into()), 403, "go away");
        check(CallError::Refused("no funds".into()), 530, "no funds");
        check(CallError::Broke(Fault::Trapped("panicked".into())), 530, "panicked");
        let slow = Fault::TimedOut(Duration::from_secs(1));
        check(CallError::Broke(slow.clone()), 530, &slow.to_string());
        check(CallError::ProcedureBroke(Fault::Trapped("panicked".into())), 500, "panicked");
        check(CallError::Unsupported("not yet".into()), 501, "not yet");
        check(CallError::Stopped(Stopped("disk full".into())), 503, "the database has stopped: disk full");
        assert_eq!(Refusal::from(CallError::Busy).status.as_u16(), 503);
    }

    #[test]
    fn errors_of_control() {
        let name = "app".parse().unwrap();
        check(ControlError::NoSuchName(name), 404, "`app` not found");
        check(ControlError::NoSuchDatabase, 404, "No such database.");
        let not_owner = ControlError::NotOwner {
            caller: Identity::ZERO,
            database: Identity::ZERO,
            action: Action::Delete,
        };
        assert_eq!(Refusal::from(not_owner).status.as_u16(), 403);
        assert_eq!(Refusal::from(ControlError::MayNotCreate(Identity::ZERO)).status.as_u16(), 403);
        check(PublishError::InvalidProgram("not wasm".into()), 400, "not wasm");
    }

    #[test]
    fn a_foreign_name_is_reported_in_the_words_of_each_route() {
        let error = || ControlError::Bind(BindError::NotYours("app".parse().unwrap()));
        check(Refusal::from_publish(error()), 401, r#"{"PermissionDenied":{"name":"app"}}"#);
        check(error(), 401, r#"{"PermissionDenied":{"domain":"app"}}"#);
    }
}
