//! `/v1/database/:db/view/:view`: the rows of a view, for anything that speaks HTTP.
//!
//! This route is not SpacetimeDB's. It leaves out the headers with the caller's identity, so that answers can be
//! cached, and a caller without a token costs no signature.

mod params;
mod stream;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header},
    response::Response,
};
use bytes::Bytes;
use orrery_host_abi::{ModuleDef, module_def::ViewDef};
use orrery_runtime::{Args, CallError, Caller, Database, ViewAnswer, ViewReply};
use tokio::task::block_in_place;

use self::params::Page;
pub(super) use self::stream::Streams;
use super::{
    App, Refusal,
    accept::{Encoding, RowFormat, Wanted, encoding, wanted},
    body,
    caller::{credentials, new_connection, on_new_connection},
    compress,
    etag::{Form, IfNoneMatch, if_none_match},
    rows,
};
use crate::control::Target;

/// Caches may keep these answers, but must ask each time whether they still hold.
const CACHE_FOR_ALL: HeaderValue = HeaderValue::from_static("public, no-cache");
const CACHE_FOR_CALLER: HeaderValue = HeaderValue::from_static("private, no-cache");
/// An answer to a body is not that of the URL.
const CACHE_NOT: HeaderValue = HeaderValue::from_static("no-store");
const VARY_FOR_ALL: HeaderValue = HeaderValue::from_static("accept, accept-encoding");
const VARY_FOR_CALLER: HeaderValue = HeaderValue::from_static("accept, accept-encoding, authorization");

/// How many rows there are on all pages together.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
/// What pages of other origins may see of an answer's headers.
const EXPOSED: HeaderValue = HeaderValue::from_static("etag, x-total-count");

/// Rows that are longer than this (in BSATN) are written where other requests need not wait for it.
const WRITE_INLINE_LEN_MAX: usize = 64 * 1024;

/// A view that is asked for, of a database that has it.
struct Asked<'a> {
    app: &'a Arc<App>,
    database: Database,
    view: &'a str,
    args: Args,
    caller: Caller,
}

/// Answers with the rows, with 304 if the client has them, or with a stream of events.
pub(super) async fn view(
    State(app): State<Arc<App>>,
    Path((target, view)): Path<(Target, String)>,
    request: Request<Body>,
) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let Some(wanted) = wanted(&head.headers) else {
        return Err(Refusal::text(
            StatusCode::NOT_ACCEPTABLE,
            "Views are to be had as `application/json`, `application/x-ndjson`, `application/sats+json`, `text/csv`, \
             `application/octet-stream` (BSATN) or `text/event-stream`.",
        ));
    };
    let database = app.control.find(&target).await?;
    let module = database.module();
    let definition = find(&module, &view)?;
    let (args, page) = if head.method == Method::POST {
        let page = params::page_of_query(head.uri.query())?;
        let body = body::receive(&head.headers, body, app.limits.body_len_max).await?;
        (params::of_body(&head.headers, body, definition, &module.typespace)?, page)
    } else {
        params::of_query(head.uri.query(), definition, &module.typespace)?
    };
    let caller = caller(&app, &head.headers, &head.uri, &module, definition)?;
    let asked = Asked { app: &app, database, view: &view, args, caller };
    match wanted {
        Wanted::Rows(format) => asked.answer(&head.method, &head.headers, format, page).await,
        Wanted::Events if page != Page::ALL => {
            Err(Refusal::bad_request("A stream of events is about all rows: leave out `limit` and `offset`."))
        }
        Wanted::Events => stream::answer(asked, &head.method, &head.headers).await,
    }
}

fn find<'m>(module: &'m ModuleDef, name: &str) -> Result<&'m ViewDef, Refusal> {
    let found = module.views.iter().find(|view| *view.name == *name);
    found.ok_or_else(|| CallError::NoSuchFunction { kind: "view", name: name.to_owned() }.into())
}

/// Who asks. Where nobody would see it, an unnamed caller is the same one each time: to make one up takes longer than
/// the answer.
fn caller(
    app: &App,
    headers: &HeaderMap,
    uri: &Uri,
    module: &ModuleDef,
    view: &ViewDef,
) -> Result<Caller, Refusal> {
    if let Some(credentials) = credentials(app, headers, uri)? {
        return Ok(on_new_connection(app, &credentials));
    }
    let is_seen =
        !view.is_anonymous || module.client_connected.is_some() || module.client_disconnected.is_some();
    if !is_seen {
        return Ok(app.nobody.clone());
    }
    let (identity, token_payload) = app.authority.anonymous();
    Ok(Caller { identity, connection: new_connection(&app.authority), token_payload })
}

impl Asked<'_> {
    async fn answer(
        &self,
        method: &Method,
        headers: &HeaderMap,
        format: RowFormat,
        page: Page,
    ) -> Result<Response, Refusal> {
        let plain = Form { format, limit: page.limit, offset: page.offset, encoding: Encoding::Identity };
        let form = Form { encoding: encoding(headers), ..plain };
        let is_cacheable = *method != Method::POST;
        // What is short is not encoded, so a client may have it in either way.
        let (known, known_plain, any) = match (if_none_match(headers, form), if_none_match(headers, plain)) {
            _ if !is_cacheable => (Vec::new(), Vec::new(), false),
            (IfNoneMatch::Tags(tags), IfNoneMatch::Tags(plain)) => (tags, plain, false),
            _ => (Vec::new(), Vec::new(), true),
        };
        let all_known = [&*known, &*known_plain].concat();
        let reply = self.database.view_once(&self.caller, self.view, &self.args, &all_known).await?;
        let (answer, is_known) = match reply {
            ViewReply::NotModified(answer) => (answer, true),
            ViewReply::Rows(answer) => (answer, any),
        };

        let (mut response, form) = if is_known {
            let is_plain = any || known_plain.contains(&&*answer.etag);
            (Response::new(Body::empty()), if is_plain { plain } else { form })
        } else {
            let (body, form) = self.body(&answer, form)?;
            (Response::new(Body::from(body)), form)
        };
        let headers = response.headers_mut();
        // A module that asks who connects may turn one away and let another in.
        let for_caller = answer.shape.per_caller || answer.shape.module.client_connected.is_some();
        let (cache, vary) =
            if for_caller { (CACHE_FOR_CALLER, VARY_FOR_CALLER) } else { (CACHE_FOR_ALL, VARY_FOR_ALL) };
        headers.insert(header::CACHE_CONTROL, if is_cacheable { cache } else { CACHE_NOT });
        headers.insert(header::VARY, vary);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if is_cacheable && let Some(etag) = form.etag(&answer.etag) {
            headers.insert(header::ETAG, etag);
        }
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(header::CONTENT_TYPE, format.content_type());
            let count = rows::count(&answer.rows).map_err(Refusal::internal)?;
            headers.insert(TOTAL_COUNT, HeaderValue::from(count));
            compress::describe(headers, form.encoding);
        }
        Ok(response)
    }

    /// The rows in a form, or in that form without encoding if they are too short for one.
    fn body(&self, answer: &ViewAnswer, form: Form) -> Result<(Bytes, Form), Refusal> {
        let Form { format, limit, offset, encoding } = form;
        let is_all = limit.is_none() && offset == 0;
        let keep = |encoding, make: &dyn Fn() -> Result<Bytes, Refusal>| {
            if is_all { answer.forms.get_or_make(place(format, encoding), make) } else { make() }
        };
        let plain = if is_all && format == RowFormat::Bsatn {
            answer.rows.clone()
        } else {
            keep(Encoding::Identity, &|| self.write(answer, form))?
        };
        let encoding = compress::worthwhile(encoding, plain.len());
        if encoding == Encoding::Identity {
            return Ok((plain, Form { encoding, ..form }));
        }
        let encode = || compress::encode(&plain, encoding).map_err(Refusal::internal);
        Ok((keep(encoding, &encode)?, form))
    }

    fn write(&self, answer: &ViewAnswer, form: Form) -> Result<Bytes, Refusal> {
        let shape = &answer.shape;
        let database = self.database.key().database;
        let writer = self.app.writers.of_view(database, self.view, &shape.module, &shape.row_type);
        let writer = writer.map_err(Refusal::internal)?;
        let write = || {
            let part = writer.part(&answer.rows, form.offset, form.limit)?;
            writer.write(&part, form.format)
        };
        let written = if answer.rows.len() > WRITE_INLINE_LEN_MAX { block_in_place(write) } else { write() };
        written.map_err(Refusal::internal)
    }
}

/// Where an answer keeps its rows in a form.
const fn place(format: RowFormat, encoding: Encoding) -> u8 {
    format as u8 * 4 + encoding as u8
}
