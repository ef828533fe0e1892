//! `GET /v1/database/:db/backup` and `POST /v1/database/:db/restore`: copies of databases, as streams.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, header},
};
use bytes::Bytes;
use futures::stream;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    App, Refusal,
    body::{self, Pace},
    caller::Caller,
    detached, publish,
};
use crate::control::{Action, Target};

/// The share that a restore has of the memory for uploads, in MiB.
const RESTORE_MIB: u32 = 512;

/// How many pieces may be on their way between a thread and a connection.
const PIECES: usize = 4;

/// Answers with a copy of the database as it is now. For the owner.
pub(super) async fn backup(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
) -> Result<([(HeaderName, HeaderValue); 1], Body), Refusal> {
    app.control.info_for_owner(&target, caller.identity, Action::Backup)?;
    let database = app.control.find(&target).await?;
    let (sender, pieces) = mpsc::channel(PIECES);
    database
        .backup(PieceWriter(sender), |PieceWriter(sender), written| {
            if written.is_ok() {
                // Only with this is the copy complete. Fails if the client has gone.
                let _ = sender.blocking_send(None);
            }
        })
        .await?;
    let body = stream::unfold(Some(pieces), async |pieces| {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Some(piece)) => Some((Ok(piece), Some(pieces))),
            Some(None) => None,
            None => Some((Err(io::Error::other("the backup broke off")), None)),
        }
    });
    let content_type = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from_stream(body)))
}

/// Makes a new database from the backup in the body.
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    caller: Caller,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    app.control.check_may_restore(&target, caller.identity).map_err(Refusal::from_publish)?;
    // The longest piece of a backup that may have to be in memory at once.
    let Ok(_share) = app.uploads.try_acquire_many(RESTORE_MIB) else {
        return Err(body::too_many_uploads());
    };
    let name = target.name().map(ToString::to_string);
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(feed(body, sender));
    let backup = PieceReader { pieces, piece: Bytes::new() };
    let task = {
        let app = app.clone();
        async move { app.control.restore(&target, caller.identity, backup).await.map_err(Refusal::from_publish) }
    };
    let report = detached(task).await?;
    Ok(publish::success(name.as_deref(), &report))
}

/// Hands on what arrives, until the end, an error, or nobody wants it any more.
async fn feed(mut body: Body, pieces: mpsc::Sender<io::Result<Bytes>>) {
    let mut pace = Pace::new();
    loop {
        let piece = match pace.next(&mut body).await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return,
            Err(_) => Err(io::Error::other("the upload was too slow or broke off")),
        };
        let is_over = piece.is_err();
        if pieces.send(piece).await.is_err() || is_over {
            return;
        }
    }
}

/// The thread's end of a download.
struct PieceWriter(mpsc::Sender<Option<Bytes>>);

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Some(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread's end of an upload.
struct PieceReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for PieceReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let len = into.len().min(self.piece.len());
        into[..len].copy_from_slice(&self.piece.split_to(len));
        Ok(len)
    }
}
