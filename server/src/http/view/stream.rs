//! Views as streams of events (`text/event-stream`): all rows, and then what changes in them.
//!
//! `EventSource` in a browser reads them. Each event has an id, which names the state that it leads to. Whoever was cut
//! off sends the last one as `Last-Event-ID`, as `EventSource` does by itself, and gets what it has missed.

use std::{
    collections::{HashMap, VecDeque},
    io,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures::stream;
use orrery_host_abi::Identity;
use orrery_runtime::{StateId, ViewChange, ViewEnd, ViewEvent, ViewShape, ViewWatch};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep};

use super::{
    super::{
        App, Refusal,
        accept::{Encoding, RowFormat, Wanted},
        rows::ViewWriter,
    },
    Asked, CACHE_NOT, EXPOSED, place,
};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static(Wanted::EVENT_STREAM);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies in between to pass on events as they come.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What comes first: how long to wait, in milliseconds, before asking again when the connection has broken.
const RETRY: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// Says that the server is still there, and finds out whether the client is.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// How long there may be nothing to say. Less than proxies wait, as a rule.
const HEARTBEAT_AFTER: Duration = Duration::from_secs(15);

/// Changes that wait are put together until there are so many bytes, for one write.
const PIECE_LEN: usize = 16 * 1024;

/// The streams that are open, of which there may be only so many.
pub(in crate::http) struct Streams {
    /// Of all databases together.
    max: usize,
    /// Of one database.
    of_database_max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    count: usize,
    by_database: HashMap<Identity, usize>,
}

/// The place of one stream.
struct Seat {
    app: Arc<App>,
    database: Identity,
}

impl Streams {
    /// For so many streams, and so many of one database.
    pub(in crate::http) fn new(max: usize, of_database_max: usize) -> Self {
        Self { max, of_database_max, open: Mutex::default() }
    }

    /// How many are open.
    pub(in crate::http) fn count(&self) -> usize {
        self.open.lock().count
    }

    fn enter(&self, database: Identity) -> Result<(), Refusal> {
        let mut open = self.open.lock();
        if open.count >= self.max {
            return Err(too_many("The server", self.max));
        }
        let of_database = open.by_database.entry(database).or_default();
        if *of_database >= self.of_database_max {
            return Err(too_many("The database", self.of_database_max));
        }
        *of_database += 1;
        open.count += 1;
        Ok(())
    }

    fn leave(&self, database: Identity) {
        let mut open = self.open.lock();
        open.count -= 1;
        if let Some(count) = open.by_database.get_mut(&database) {
            *count -= 1;
            if *count == 0 {
                open.by_database.remove(&database);
            }
        }
    }
}

fn too_many(whose: &str, max: usize) -> Refusal {
    Refusal::text(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{whose} has {max} streams of views open already, as many as it may; try again later."),
    )
}

impl Seat {
    fn take(app: &Arc<App>, database: Identity) -> Result<Self, Refusal> {
        app.streams.enter(database)?;
        Ok(Self { app: app.clone(), database })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.app.streams.leave(self.database);
    }
}

/// Answers with the stream.
pub(super) async fn answer(
    asked: Asked<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let Asked { app, database, view, args, caller, .. } = asked;
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        let seat = Seat::take(app, database.key().database)?;
        let watch = match last_event_id(headers) {
            Some(since) => database.watch_view_from(&caller, view, &args, since).await?,
            None => database.watch_view(&caller, view, &args).await?,
        };
        let mut shutdown = app.shutdown.clone();
        let reader = Reader {
            view: view.to_owned(),
            watch: Some(watch),
            ready: Ready::with(RETRY),
            // A sender that is gone means the same.
            shutdown: Box::pin(async move { drop(shutdown.wait_for(|down| *down).await) }),
            heartbeat: Box::pin(sleep(HEARTBEAT_AFTER)),
            spoke: Instant::now(),
            seat,
        };
        Body::from_stream(stream::unfold(reader, Reader::next))
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, CACHE_NOT);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// The state that the client has seen. One that makes no sense is that of another server, perhaps.
fn last_event_id(headers: &HeaderMap) -> Option<StateId> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.parse().ok()
}

/// Somebody who reads a stream. What it does not take is not kept here: the watch puts changes together meanwhile.
struct Reader {
    view: String,
    /// None at the end.
    watch: Option<ViewWatch>,
    ready: Ready,
    /// Ends when the server goes down.
    shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Ends when it is time to look whether there was silence for too long. Not set anew for each event, of which there
    /// may be many.
    heartbeat: Pin<Box<Sleep>>,
    /// When something was said the last time.
    spoke: Instant,
    seat: Seat,
}

/// Text that can be sent.
#[derive(Default)]
struct Ready {
    /// In order.
    pieces: VecDeque<Bytes>,
    /// What comes after them, put together.
    rest: BytesMut,
}

impl Ready {
    fn with(first: Bytes) -> Self {
        Self { pieces: [first].into(), rest: BytesMut::new() }
    }

    /// Adds a text that is shared with others, without copying it if it is alone.
    fn push(&mut self, text: Bytes) {
        if self.pieces.is_empty() && self.rest.is_empty() || text.len() > PIECE_LEN {
            self.flush();
            self.pieces.push_back(text);
            return;
        }
        self.rest.extend_from_slice(&text);
    }

    fn flush(&mut self) {
        if !self.rest.is_empty() {
            self.pieces.push_back(self.rest.split().freeze());
        }
    }

    fn is_full(&self) -> bool {
        self.rest.len() + self.pieces.iter().map(Bytes::len).sum::<usize>() >= PIECE_LEN
    }

    fn pop(&mut self) -> Option<Bytes> {
        if self.pieces.is_empty() {
            self.flush();
        }
        self.pieces.pop_front()
    }
}

impl Reader {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            if let Some(text) = self.ready.pop() {
                return Some((Ok(text), self));
            }
            tokio::select! {
                biased;
                event = self.watch.as_mut()?.next() => self.take_all(event),
                // It will be back, and clients know how to resume.
                () = &mut self.shutdown => return None,
                () = &mut self.heartbeat => self.beat(),
            }
        }
    }

    /// Fills the silence, if there is one.
    fn beat(&mut self) {
        let now = Instant::now();
        if self.spoke + HEARTBEAT_AFTER <= now {
            self.ready.push(HEARTBEAT);
            self.spoke = now;
        }
        self.heartbeat.as_mut().reset(self.spoke + HEARTBEAT_AFTER);
    }

    /// Takes what has happened, and what else has happened meanwhile.
    fn take_all(&mut self, event: Result<ViewEvent, ViewEnd>) {
        self.spoke = Instant::now();
        let mut next = Some(event);
        while let Some(event) = next {
            self.take(event);
            next =
                if self.ready.is_full() { None } else { self.watch.as_mut().and_then(ViewWatch::try_next) };
        }
    }

    fn take(&mut self, event: Result<ViewEvent, ViewEnd>) {
        let taken = match event {
            Ok(ViewEvent::Change(change)) => self.change(&change),
            Ok(ViewEvent::Snapshot(id, answer)) => {
                let rows = answer.forms.get_or_make(place(RowFormat::Json, Encoding::Identity), || {
                    let writer = self.writer(&answer.shape)?;
                    writer.write(&answer.rows, RowFormat::Json).map_err(Refusal::internal)
                });
                rows.map(|rows| {
                    self.ready.push(format!("id: {id}\nevent: snapshot\ndata: ").into());
                    self.ready.push(rows);
                    self.ready.push(Bytes::from_static(b"\n\n"));
                })
            }
            Err(end) => {
                let reason = json!({ "reason": end.to_string() });
                self.ready.push(format!("event: end\ndata: {reason}\n\n").into());
                self.watch = None;
                Ok(())
            }
        };
        // It has been logged.
        if taken.is_err() {
            self.watch = None;
        }
    }

    /// A change, written once for all who read it.
    fn change(&mut self, change: &ViewChange) -> Result<(), Refusal> {
        let text = change.forms.get_or_make(0, || {
            let writer = self.writer(&change.shape)?;
            let mut text = Vec::with_capacity(2 * (change.inserts.len() + change.deletes.len()) + 128);
            text.extend_from_slice(
                format!("id: {}\nevent: change\ndata: {{\"inserts\":", change.id).as_bytes(),
            );
            writer.write_json(&change.inserts, &mut text).map_err(Refusal::internal)?;
            text.extend_from_slice(b",\"deletes\":");
            writer.write_json(&change.deletes, &mut text).map_err(Refusal::internal)?;
            text.extend_from_slice(b"}\n\n");
            Ok::<_, Refusal>(text.into())
        })?;
        self.ready.push(text);
        Ok(())
    }

    fn writer(&self, shape: &ViewShape) -> Result<Arc<ViewWriter>, Refusal> {
        let Seat { app, database } = &self.seat;
        app.writers.of_view(*database, &self.view, &shape.module, &shape.row_type).map_err(Refusal::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_counted() {
        let streams = Streams::new(3, 2);
        let (one, other) = (Identity::ZERO, Identity([1; 32]));
        streams.enter(one).unwrap();
        streams.enter(one).unwrap();
        assert!(format!("{:?}", streams.enter(one)).contains("The database has 2 streams"));
        streams.enter(other).unwrap();
        assert!(format!("{:?}", streams.enter(other)).contains("The server has 3 streams"));
        streams.leave(one);
        streams.enter(other).unwrap();
        for database in [one, other, other] {
            streams.leave(database);
        }
        assert_eq!(streams.count(), 0);
        assert!(streams.open.lock().by_database.is_empty());
    }

    #[test]
    fn what_is_ready_stays_in_order() {
        let text = |text: &'static str| Bytes::from_static(text.as_bytes());
        let long: Bytes = vec![b'x'; PIECE_LEN + 1].into();
        let mut ready = Ready::with(text("a"));
        for piece in [text("b"), text("c"), long.clone(), text("d"), text("e")] {
            ready.push(piece);
        }
        assert!(ready.is_full());
        let pieces: Vec<_> = std::iter::from_fn(|| ready.pop()).collect();
        assert_eq!(pieces, [text("a"), text("bc"), long, text("de")]);
        assert!(!ready.is_full());
    }
}
