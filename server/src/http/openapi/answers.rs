//! How operations are answered. What is which status is written in `error.rs`; here it is said to others.

use serde_json::{Map, Value, json};

/// An answer that is no success.
pub(super) struct Refusal {
    /// What it is called under `components.responses`.
    name: &'static str,
    status: u16,
    description: &'static str,
}

impl Refusal {
    const fn new(status: u16, name: &'static str, description: &'static str) -> Self {
        Self { name, status, description }
    }
}

pub(super) const NOT_MODIFIED: Refusal = Refusal::new(304, "NotModified", "What the client has still holds.");
pub(super) const INVALID_REQUEST: Refusal = Refusal::new(
    400,
    "InvalidRequest",
    "The arguments are not what the function takes, or a header is malformed.",
);
pub(super) const INVALID_TOKEN: Refusal =
    Refusal::new(401, "InvalidToken", "The token is not valid, or no longer.");
pub(super) const TURNED_AWAY: Refusal =
    Refusal::new(403, "TurnedAway", "The module does not let this caller connect, with its reason.");
pub(super) const NOT_FOUND: Refusal = Refusal::new(404, "NotFound", "There is no such database or function.");
pub(super) const NOT_ACCEPTABLE: Refusal =
    Refusal::new(406, "NotAcceptable", "The rows are not to be had in that form.");
pub(super) const TOO_SLOW: Refusal = Refusal::new(408, "TooSlow", "The body took too long to arrive.");
pub(super) const TOO_LARGE: Refusal = Refusal::new(413, "TooLarge", "The body is too long.");
pub(super) const NOT_JSON: Refusal = Refusal::new(415, "NotJson", "The body is of a type that is not taken.");
pub(super) const PROCEDURE_FAILED: Refusal = Refusal::new(
    500,
    "ProcedureFailed",
    "The procedure broke off, with the reason. What it had committed stays.",
);
pub(super) const HANDLER_FAILED: Refusal =
    Refusal::new(500, "HandlerFailed", "The handler broke off. The module's log says why.");
pub(super) const BUSY: Refusal =
    Refusal::new(503, "Busy", "Too many calls wait for the database, or it has stopped, with the reason.");
pub(super) const FULL: Refusal =
    Refusal::new(507, "Full", "The database is as large as it may be. Nothing has changed.");
pub(super) const REDUCER_FAILED: Refusal = Refusal::new(
    530,
    "ReducerFailed",
    "The reducer said no, with its message, or broke off. Nothing has changed.",
);
pub(super) const VIEW_FAILED: Refusal =
    Refusal::new(530, "ViewFailed", "The view broke off, with the reason.");

const ALL: [&Refusal; 15] = [
    &NOT_MODIFIED,
    &INVALID_REQUEST,
    &INVALID_TOKEN,
    &TURNED_AWAY,
    &NOT_FOUND,
    &NOT_ACCEPTABLE,
    &TOO_SLOW,
    &TOO_LARGE,
    &NOT_JSON,
    &PROCEDURE_FAILED,
    &HANDLER_FAILED,
    &BUSY,
    &FULL,
    &REDUCER_FAILED,
    &VIEW_FAILED,
];

/// The headers of answers: what they are called under `components.headers` and on the wire, and what they say.
const HEADERS: [(&str, &str, &str); 6] = [
    (
        "ETag",
        "etag",
        "Names this answer. Sent back in `If-None-Match`, it saves sending what has not changed.",
    ),
    ("TotalCount", "x-total-count", "How many rows there are on all pages together."),
    ("RetryAfter", "retry-after", "After how many seconds it is worth trying again."),
    (
        "ExecutionDuration",
        "spacetime-execution-duration-micros",
        "How long the call took on the server, in microseconds.",
    ),
    ("Identity", "spacetime-identity", "Who the caller is: a new identity if no token was sent."),
    ("IdentityToken", "spacetime-identity-token", "The token to be the same again with."),
];

/// The answers of an operation: how it goes well (a status, and what comes with it), and what else may come.
pub(super) fn answers<'r>(
    (status, answer): (&str, Value),
    refusals: impl IntoIterator<Item = &'r Refusal>,
) -> Map<String, Value> {
    let mut answers = Map::new();
    answers.insert(status.into(), answer);
    for refusal in refusals {
        answers.insert(refusal.status.to_string(), reference("responses", refusal.name));
    }
    answers
}

/// References to headers of answers, by what they are called in components.
pub(super) fn headers(names: &[&str]) -> Value {
    let named = |(name, _, _): &&(&str, &str, &str)| names.contains(name);
    let header =
        |(name, on_the_wire, _): &(&str, &str, &str)| ((*on_the_wire).to_owned(), reference("headers", name));
    Value::Object(HEADERS.iter().filter(named).map(header).collect())
}

/// `components.responses`.
pub(super) fn response_components() -> Map<String, Value> {
    let response = |refusal: &&Refusal| {
        let mut response = json!({ "description": refusal.description });
        match refusal.status {
            304 => response["headers"] = headers(&["ETag"]),
            _ => response["content"] = json!({ "text/plain": { "schema": { "type": "string" } } }),
        }
        if refusal.status == 503 {
            response["headers"] = headers(&["RetryAfter"]);
        }
        (refusal.name.to_owned(), response)
    };
    ALL.iter().map(response).collect()
}

/// `components.headers`.
pub(super) fn header_components() -> Map<String, Value> {
    let header = |&(name, _, description): &(&str, &str, &str)| {
        let ty = if matches!(name, "RetryAfter" | "ExecutionDuration" | "TotalCount") {
            "integer"
        } else {
            "string"
        };
        (name.to_owned(), json!({ "description": description, "schema": { "type": ty } }))
    };
    HEADERS.iter().map(header).collect()
}

/// A reference to one of [`response_components`].
pub(super) fn reference_to(refusal: &Refusal) -> Value {
    reference("responses", refusal.name)
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}
