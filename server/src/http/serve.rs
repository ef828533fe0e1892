//! Connections: accepting them, bounding them, and letting them end.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, Response, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, Sleep, sleep, timeout},
};
use tower::ServiceExt;

use super::{App, body::Shared, route::is_route};

/// How long a client may take for the head of a request, and how long it may leave a connection idle before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The head of a request may have this many bytes.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// How long a client may refuse to take in what it has asked for.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests may go on when the server goes down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What to wait for when the system has no room for another connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Serves until `shutdown` turns true and the requests under way have been answered.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(app.limits.connections_max));
    let mut connections = JoinSet::new();
    let mut stopped = Box::pin({
        let mut shutdown = shutdown.clone();
        // A sender that is gone cannot tell us to stop: then there is nothing to wait for either.
        async move { drop(shutdown.wait_for(|down| *down).await) }
    });
    loop {
        // Only those that have ended; this does not wait.
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = async {
                let slot = slots.clone().acquire_owned().await;
                (slot, listener.accept().await)
            } => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            (Ok(slot), Ok((stream, _))) => {
                let (app, router, shutdown) = (app.clone(), router.clone(), shutdown.clone());
                connections.spawn(async move {
                    let _slot = slot;
                    serve_connection(stream, app, router, shutdown).await;
                });
            }
            (_, Err(error)) if is_of_one_connection(&error) => {}
            (_, Err(error)) => {
                tracing::warn!("no connection can be accepted: {error}");
                sleep(ACCEPT_RETRY).await;
            }
            (Err(_), _) => break,
        }
    }
    drop(listener);
    let _ = shutdown.wait_for(|down| *down).await;
    if timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("{} connections are cut off", connections.len());
        connections.shutdown().await;
    }
}

async fn serve_connection(
    stream: TcpStream,
    app: Arc<App>,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let _counted = app.counters.connection();
    // An answer is written at once; there is nothing to be gained by waiting for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let (app, router) = (&app, router.clone());
        async move { Ok::<_, Infallible>(answer(app, router, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LEN_MAX)
        .serve_connection(TokioIo::new(Impatient::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    // Errors are those of the client or the network: the connection ends, and nobody else is concerned.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = shutdown.wait_for(|down| *down) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// What surrounds every route.
async fn answer(app: &Arc<App>, router: Router, request: Request<Incoming>) -> Response<Body> {
    let _counted = app.counters.request();
    let cross_origin = request.uri().path().starts_with("/v1/");
    let mut request = request.map(Body::new);
    let unread = Shared::take(&mut request);
    let is_preflight = cross_origin && request.method() == Method::OPTIONS;
    let mut response = if is_preflight && !is_route(request.uri().path()) {
        preflight()
    } else {
        match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    };
    if let Some(unread) = unread {
        unread.drain().await;
    }
    if cross_origin {
        // A module may have an opinion of its own.
        let allowed = response.headers_mut().entry(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        allowed.or_insert(HeaderValue::from_static("*"));
    }
    app.counters.answered(response.status().as_u16());
    response
}

/// Pages of any origin may use the API. There are no cookies that could be misused: a page must have a token.
pub(super) fn preflight() -> Response<Body> {
    const ALLOW: [(HeaderName, HeaderValue); 2] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("*")),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, accept, content-type, if-none-match, last-event-id"),
        ),
    ];
    let mut response = Response::new(Body::empty());
    response.headers_mut().extend(ALLOW);
    response
}

/// Whether the failure is that of the connection that was to be accepted, and the next one may well succeed.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A stream that fails when the other side has taken in nothing for too long. Reading has its own limits:
/// the timeout for heads, and the pace of bodies.
struct Impatient {
    stream: TcpStream,
    /// Set while a write waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    fn new(stream: TcpStream) -> Self {
        Self { stream, deadline: None }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + WRITE_TIMEOUT)));
        deadline.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
