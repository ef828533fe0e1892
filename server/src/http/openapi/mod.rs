//! `/v1/database/:db/openapi.json` and `…/docs`: what a database's module can do, for programs and for people.
//!
//! These routes are not SpacetimeDB's.

mod answers;
mod document;
mod operations;
mod page;
mod schema;

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

pub(super) use page::page;

use super::{App, Refusal, caller::credentials, etag::is_known, router::JSON};
use crate::control::Target;

/// Whom a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Whoever asks.
    Anyone,
    /// The owner of the database, who may call private functions too.
    Owner,
}

/// Answers with the OpenAPI document, or with 304 if the client has it.
pub(super) async fn openapi(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    let caller = credentials(&app, &headers, &uri)?;
    let database = app.control.find(&target).await?;
    let is_owner = caller.is_some_and(|caller| caller.identity == database.key().owner);
    let audience = if is_owner { Audience::Owner } else { Audience::Anyone };
    let (program, module) = database.definition();

    // Besides the program, this server's version decides what is written, and the URL names the database.
    let suffix = if is_owner { "-owner" } else { "" };
    let tag = format!("{}-{}{suffix}", program.to_hex(), env!("CARGO_PKG_VERSION"));
    let mut response = if is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let document = document::document(&target.to_string(), program, &module, audience);
        ([(header::CONTENT_TYPE, JSON)], document.to_string()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, quoted(&tag));
    // Kept, but asked about each time: another program, or another caller, has another document.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    Ok(response)
}

/// A tag as a header says it.
fn quoted(tag: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{tag}\"")).expect("tags are made of digits, letters, dots and hyphens")
}
