//! `GET /v1/database/:db/view/:view`: the rows of a view, in plain JSON, for anything that speaks HTTP.
//!
//! This route is not SpacetimeDB's. It leaves out the headers with the caller's identity, so that answers can be
//! cached, and a caller without a token costs no signature.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use orrery_runtime::{Args, Caller, ViewReply};
use tokio::task::block_in_place;

use super::{
    App, Refusal,
    accept::{RowFormat, row_format},
    caller::{credentials, new_connection, on_new_connection},
    etag::{IfNoneMatch, etag, if_none_match},
    router::JSON,
    rows::write_rows,
};
use crate::control::Target;

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Caches may keep these answers, but must ask each time whether they still hold.
const CACHE_FOR_ALL: HeaderValue = HeaderValue::from_static("public, no-cache");
const CACHE_FOR_CALLER: HeaderValue = HeaderValue::from_static("private, no-cache");
const VARY_FOR_ALL: HeaderValue = HeaderValue::from_static("accept");
const VARY_FOR_CALLER: HeaderValue = HeaderValue::from_static("accept, authorization");

/// Rows that are longer than this (in BSATN) are written where other requests need not wait for it.
const WRITE_INLINE_LEN_MAX: usize = 64 * 1024;

/// Answers with the rows, or with 304 if the client has them.
pub(super) async fn view(
    State(app): State<Arc<App>>,
    Path((target, view)): Path<(Target, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    let caller = match credentials(&app, &headers, &uri)? {
        Some(credentials) => on_new_connection(&app, &credentials),
        None => {
            let (identity, token_payload) = app.authority.anonymous();
            Caller { identity, connection: new_connection(&app), token_payload }
        }
    };
    let database = app.control.find(&target).await?;
    let Some(format) = row_format(&headers) else {
        return Err(Refusal::text(
            StatusCode::NOT_ACCEPTABLE,
            "Views are to be had as `application/json` or `application/x-ndjson`.",
        ));
    };

    let (known, any) = match if_none_match(&headers, format) {
        IfNoneMatch::Tags(tags) => (tags, false),
        IfNoneMatch::Any => (Vec::new(), true),
    };
    let reply = database.view_once(&caller, &view, &Args::none(), &known).await?;
    let (answer, is_known) = match reply {
        ViewReply::NotModified(answer) => (answer, true),
        ViewReply::Rows(answer) => (answer, any),
    };
    let shape = &answer.shape;
    // A module that asks who connects may turn one away and let another in.
    let for_caller = shape.per_caller || shape.module.client_connected.is_some();
    let (status, rows) = if is_known {
        (StatusCode::NOT_MODIFIED, None)
    } else {
        let made = answer.forms.get_or_make(form(format), || {
            let writer = app.writers.of_view(database.key().database, &view, &shape.module, &shape.row_type);
            let writer = writer.map_err(Refusal::internal)?;
            let write = || write_rows(&writer, &answer.rows, format);
            let written =
                if answer.rows.len() > WRITE_INLINE_LEN_MAX { block_in_place(write) } else { write() };
            written.map(Bytes::from).map_err(Refusal::internal)
        });
        (StatusCode::OK, Some(made?))
    };

    let mut response = match rows {
        Some(rows) => Body::from(rows).into_response(),
        None => Response::new(Body::empty()),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::OK {
        let content_type = match format {
            RowFormat::Json => JSON,
            RowFormat::Ndjson => NDJSON,
        };
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    if let Some(etag) = etag(&answer.etag, format) {
        headers.insert(header::ETAG, etag);
    }
    let (cache, vary) =
        if for_caller { (CACHE_FOR_CALLER, VARY_FOR_CALLER) } else { (CACHE_FOR_ALL, VARY_FOR_ALL) };
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::VARY, vary);
    Ok(response)
}

/// Where an answer keeps its rows in that format.
const fn form(format: RowFormat) -> usize {
    match format {
        RowFormat::Json => 0,
        RowFormat::Ndjson => 1,
    }
}
