//! HTTP handlers.

use spacetimedb::{
    Table,
    http::{Body, HandlerContext, Request, Response, Router, handler, router},
    log,
};

use crate::{Entry, entry, spin, write};

fn text(status: u16, text: impl Into<String>) -> Response {
    Response::builder().status(status).body(Body::from_bytes(text.into())).expect("a response")
}

/// What came, line by line.
#[handler]
fn echo(_ctx: &mut HandlerContext, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut lines = vec![format!("{} {} {:?}", head.method, head.uri, head.version)];
    lines.extend(head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
    lines.sort_unstable_by_key(|line| line.starts_with("x-"));
    lines.push(String::new());
    lines.push(body.into_string_lossy());
    text(200, lines.join("\n"))
}

#[handler]
fn teapot(_ctx: &mut HandlerContext, _request: Request) -> Response {
    text(418, "short and stout")
}

#[handler]
fn with_headers(_ctx: &mut HandlerContext, _request: Request) -> Response {
    let response = Response::builder().status(201).header("x-many", "1").header("x-many", "2");
    let response = response.header("connection", "x-hop").header("content-length", "99");
    let response =
        response.header("content-type", "text/x-test").header("access-control-allow-origin", "here");
    response.body(Body::from_bytes("made")).expect("a response")
}

/// The body in reverse.
#[handler]
fn reverse(_ctx: &mut HandlerContext, request: Request) -> Response {
    let mut bytes = request.into_body().into_bytes().to_vec();
    bytes.reverse();
    Response::new(Body::from_bytes(bytes))
}

#[handler]
fn insert(ctx: &mut HandlerContext, request: Request) -> Response {
    let body = request.into_body().into_string_lossy();
    ctx.with_tx(|tx| write(tx, &body));
    text(200, ctx.with_tx(|tx| tx.db.entry().count()).to_string())
}

#[handler]
fn count(ctx: &mut HandlerContext, _request: Request) -> Response {
    text(200, ctx.with_tx(|tx| tx.db.entry().count()).to_string())
}

/// Who asks, as the database sees it.
#[handler]
fn caller(ctx: &mut HandlerContext, _request: Request) -> Response {
    text(200, ctx.with_tx(|tx| format!("{} {:?}", tx.sender(), tx.connection_id())))
}

#[handler]
fn nothing(_ctx: &mut HandlerContext, _request: Request) -> Response {
    Response::builder().status(204).body(Body::empty()).expect("a response")
}

#[handler]
fn panics(ctx: &mut HandlerContext, _request: Request) -> Response {
    ctx.with_tx(|tx| {
        tx.db.entry().insert(Entry { id: 0, text: "never".into() });
        panic!("a secret");
    })
}

#[handler]
fn hangs(_ctx: &mut HandlerContext, _request: Request) -> Response {
    log::info!("hanging");
    loop {
        spin(1_000_000);
    }
}

/// No status that an answer may have.
#[handler]
fn continues(_ctx: &mut HandlerContext, _request: Request) -> Response {
    text(100, "")
}

#[handler]
fn root(_ctx: &mut HandlerContext, _request: Request) -> Response {
    text(200, "root")
}

#[handler]
fn slash(_ctx: &mut HandlerContext, _request: Request) -> Response {
    text(200, "slash")
}

#[handler]
fn below(_ctx: &mut HandlerContext, _request: Request) -> Response {
    text(200, "below")
}

#[handler]
fn allowed(_ctx: &mut HandlerContext, _request: Request) -> Response {
    Response::builder().status(204).header("allow", "GET").body(Body::empty()).expect("a response")
}

#[router]
fn routes() -> Router {
    Router::new()
        .get("", root)
        .get("/", slash)
        .get("/a/b", below)
        .get("/a/b/", teapot)
        .any("/echo", echo)
        .get("/with-headers", with_headers)
        .post("/reverse", reverse)
        .post("/insert", insert)
        .get("/insert", count)
        .get("/caller", caller)
        .delete("/nothing", nothing)
        .get("/panics", panics)
        .get("/hangs", hangs)
        .get("/continues", continues)
        .options("/options", allowed)
        .get("/options", root)
}
