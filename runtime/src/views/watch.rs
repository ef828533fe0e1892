//! Watching a view: its rows, and then what changes in them.

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    answer::{Forms, ViewAnswer, ViewShape},
    cache::Held,
    live::Live,
};
use crate::{
    database::{CallError, Connection, Database, Stopped},
    store::TxOffset,
};

/// Names a state of a view that is watched. A client that was cut off names the last state that it has seen, and gets
/// what has changed since, if that is still known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateId {
    /// Drawn when somebody begins to watch what nobody else watches.
    pub(super) life: u64,
    /// Counts the states.
    pub(super) number: u64,
}

impl fmt::Display for StateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.life, self.number)
    }
}

/// Not the text of a [`StateId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a state of a view is 16 hexadecimal digits, a hyphen and a number")]
pub struct InvalidStateId;

impl FromStr for StateId {
    type Err = InvalidStateId;

    fn from_str(text: &str) -> Result<Self, InvalidStateId> {
        let (life, number) = text.split_once('-').ok_or(InvalidStateId)?;
        let is_valid = life.len() == 16
            && life.bytes().all(|byte| byte.is_ascii_hexdigit())
            && number.bytes().all(|byte| byte.is_ascii_digit());
        let life = u64::from_str_radix(life, 16).ok().filter(|_| is_valid);
        Ok(Self { life: life.ok_or(InvalidStateId)?, number: number.parse().map_err(|_| InvalidStateId)? })
    }
}

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum ViewEvent {
    /// All rows: at the beginning; when the watcher was so slow that changes which it has not taken are not known any
    /// more; and when it resumes from a state that is not known any more. What it had before is void.
    Snapshot(StateId, Arc<ViewAnswer>),
    /// What has changed since the last event, by one commit or several.
    Change(Arc<ViewChange>),
}

/// A step from one state of a view to the next. Shared by all who watch it.
#[derive(Debug)]
pub struct ViewChange {
    /// The state that it leads to.
    pub id: StateId,
    /// The last durable transaction that this state shows.
    pub offset: TxOffset,
    /// The rows that have come. BSATN: an array.
    pub inserts: Bytes,
    /// The rows that have gone. BSATN: an array. A row that was there twice and is there once has gone once.
    pub deletes: Bytes,
    /// What the rows look like.
    pub shape: Arc<ViewShape>,
    /// The change as the frontend writes it.
    pub forms: Forms,
}

/// Why there is no more to be watched.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ViewEnd {
    /// A program was published without the view.
    #[error("the view `{0}` is not part of the program any more")]
    Gone(String),
    /// A program was published in which the view has other columns or parameters.
    #[error("the view `{0}` has other columns or parameters in the program that was published; ask again")]
    Changed(String),
    /// The view could not be computed.
    #[error(transparent)]
    Failed(CallError),
    /// The database was deleted or has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A view that is watched. It is a connection of its own, which ends when this is dropped.
///
/// Whoever takes events slowly gets them late, or at last a new [`ViewEvent::Snapshot`] in their place: what is not
/// taken is kept once for all who watch, up to a limit, and delays nobody.
#[derive(Debug)]
pub struct ViewWatch {
    live: Arc<Live>,
    news: watch::Receiver<()>,
    /// The state after the last event.
    seen: Option<u64>,
    _held: Held,
    _connection: Option<Connection>,
    /// Who watches a database keeps it going.
    _database: Database,
}

impl ViewWatch {
    pub(super) fn new(
        database: &Database,
        connection: Option<Connection>,
        held: Held,
        live: Arc<Live>,
        since: Option<StateId>,
    ) -> Self {
        Self {
            news: live.news(),
            seen: since.and_then(|since| live.number_of(since)),
            live,
            _held: held,
            _connection: connection,
            _database: database.clone(),
        }
    }

    /// Waits for the next event. Nothing is lost if the waiting is given up.
    pub async fn next(&mut self) -> Result<ViewEvent, ViewEnd> {
        loop {
            self.news.mark_unchanged();
            if let Some(event) = self.try_next() {
                return event;
            }
            // It cannot fail, as `live` is there.
            let _ = self.news.changed().await;
        }
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Result<ViewEvent, ViewEnd>> {
        self.live.after(&mut self.seen)
    }

    /// What the rows look like now. This stays as it is until the watch ends; only the definition may be that of another
    /// program in which the view looks the same.
    pub fn shape(&self) -> Arc<ViewShape> {
        Arc::clone(&self.live.shown().shape)
    }
}
