//! Receiving what clients send, without trusting them to send it soon, or to stop.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};

use super::Refusal;

/// Memory for all programs that are being received and published at one time, in MiB.
pub(super) const UPLOADS_MIB_MAX: usize = 1024;

/// A client has this long at the start, and then must keep up the rate below on the average.
const GRACE: Duration = Duration::from_secs(15);
const BYTES_PER_SEC_MIN: u64 = 16 * 1024;

/// How much of an unwanted body is read so that the client comes to see why it is unwanted. Many clients write
/// all they have before they read, and lose the answer if the connection closes meanwhile.
const DRAIN_LEN_MAX: u64 = 1 << 30;

/// What is received is collected in steps of this size where the memory for it is counted.
const MIB: usize = 1 << 20;

/// A body that was received, with its share of the memory for uploads.
pub(super) struct Upload<'a> {
    /// The bytes.
    pub(super) bytes: Bytes,
    /// To be kept as long as the bytes are.
    _share: Option<SemaphorePermit<'a>>,
}

/// Receives a small body.
pub(super) async fn receive(headers: &HeaderMap, body: Body, len_max: usize) -> Result<Bytes, Refusal> {
    receive_counted(headers, body, len_max, None).await.map(|upload| upload.bytes)
}

/// Receives a program.
pub(super) async fn receive_program<'a>(
    headers: &HeaderMap,
    body: Body,
    len_max: usize,
    uploads: &'a Semaphore,
) -> Result<Upload<'a>, Refusal> {
    receive_counted(headers, body, len_max, Some(uploads)).await
}

async fn receive_counted<'a>(
    headers: &HeaderMap,
    mut body: Body,
    len_max: usize,
    uploads: Option<&'a Semaphore>,
) -> Result<Upload<'a>, Refusal> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|len| len > len_max as u64) {
        return Err(too_large(len_max));
    }

    let mut pace = Pace::new();
    let mut share: Option<SemaphorePermit<'a>> = None;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(piece) = pace.next(&mut body).await? {
        let len = first.len() + rest.len() + piece.len();
        if len > len_max {
            return Err(too_large(len_max));
        }
        if let Some(uploads) = uploads {
            let counted_mib = share.as_ref().map_or(0, SemaphorePermit::num_permits);
            let missing = len.div_ceil(MIB).saturating_sub(counted_mib);
            if missing > 0 {
                let more = uploads.try_acquire_many(missing as u32).map_err(|_| too_many_uploads())?;
                match &mut share {
                    Some(share) => share.merge(more),
                    None => share = Some(more),
                }
            }
        }
        // Most bodies come in one piece, which is then passed on as it is.
        if len == piece.len() {
            first = piece;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&piece);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Upload { bytes, _share: share })
}

fn too_large(len_max: usize) -> Refusal {
    Refusal::text(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("The body of this request may have at most {len_max} bytes."),
    )
}

pub(super) fn too_many_uploads() -> Refusal {
    Refusal::text(StatusCode::SERVICE_UNAVAILABLE, "Too much is being uploaded at the moment; try again.")
}

/// Watches that a body comes fast enough.
pub(super) struct Pace {
    started: Instant,
    received: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), received: 0 }
    }

    /// The next piece of data; none at the end.
    pub(super) async fn next(&mut self, body: &mut Body) -> Result<Option<Bytes>, Refusal> {
        loop {
            let allowed = GRACE + Duration::from_secs(self.received / BYTES_PER_SEC_MIN);
            let frame = timeout_at(self.started + allowed, body.frame()).await.map_err(|_| {
                Refusal::text(
                    StatusCode::REQUEST_TIMEOUT,
                    "The body of this request took too long to arrive.",
                )
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame =
                frame.map_err(|error| Refusal::bad_request(format!("The body cannot be read: {error}.")))?;
            // Trailers are of no interest.
            let Ok(data) = frame.into_data() else { continue };
            self.received += data.len() as u64;
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }
}

/// A request's body that can be read to its end after the request was answered.
#[derive(Clone)]
pub(super) struct Shared {
    body: Arc<Mutex<Body>>,
    started: Instant,
}

impl Shared {
    /// Takes hold of a request's body. None if there is nothing to be drained: no body, or one that the client
    /// sends only when told to.
    pub(super) fn take(request: &mut Request<Body>) -> Option<Self> {
        if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
            return None;
        }
        let body = Arc::new(Mutex::new(std::mem::take(request.body_mut())));
        let shared = Self { body, started: Instant::now() };
        *request.body_mut() = Body::new(shared.clone());
        Some(shared)
    }

    /// Reads what the request's handler has left.
    pub(super) async fn drain(self) {
        let mut rest = std::mem::take(&mut *self.body.lock());
        // Whoever was too slow for the handler gets no more time here.
        let mut pace = Pace { started: self.started, received: 0 };
        while pace.received < DRAIN_LEN_MAX {
            match pace.next(&mut rest).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut *self.body.lock()).poll_frame(context));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.lock().size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn pieces(pieces: &[&'static [u8]]) -> Body {
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    fn status<T>(result: Result<T, Refusal>) -> StatusCode {
        use axum::response::IntoResponse;
        result.err().expect("refused").into_response().status()
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        let headers = HeaderMap::new();
        let bodies: [&[&[u8]]; 4] = [&[], &[b"abc"], &[b"a", b"bc"], &[b"", b"a", b"", b"b", b"c"]];
        for parts in bodies {
            let whole = parts.concat();
            assert_eq!(receive(&headers, pieces(parts), 3).await.unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn a_long_body_is_refused_announced_or_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(status(receive(&headers, pieces(&[b"ab", b"cd"]), 3).await), 413);
        headers.insert(header::CONTENT_LENGTH, "4".parse().unwrap());
        assert_eq!(status(receive(&headers, Body::empty(), 3).await), 413);
    }

    #[tokio::test]
    async fn uploads_share_their_memory() {
        let uploads = Semaphore::new(1);
        let headers = HeaderMap::new();
        let one = receive_program(&headers, pieces(&[b"a", b"b"]), 9, &uploads).await.unwrap();
        assert_eq!(status(receive_program(&headers, pieces(&[b"a"]), 9, &uploads).await), 503);
        drop(one);
        assert!(receive_program(&headers, pieces(&[b"a"]), 9, &uploads).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_sending_is_not_waited_for() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(status(receive(&HeaderMap::new(), silent, 3).await), 408);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_drained_but_not_for_ever() {
        let mut request = Request::new(pieces(&[b"a", b"b"]));
        let shared = Shared::take(&mut request).unwrap();
        let watch = shared.clone();
        shared.drain().await;
        assert!(watch.is_end_stream());

        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let mut request = Request::new(silent);
        Shared::take(&mut request).unwrap().drain().await;
    }
}
