//! The HTTP interface: a file for each kind of thing that has a URL.

mod accept;
mod backup;
mod body;
mod call;
mod caller;
mod compress;
mod csv;
mod database;
mod error;
mod etag;
mod health;
mod identity;
mod logs;
mod metrics;
mod names;
mod openapi;
mod plan_text;
mod publish;
mod route;
mod router;
mod rows;
mod schema;
mod serve;
mod sql;
mod upgrade;
mod view;

use std::{sync::Arc, time::Instant};

use tokio::sync::{Semaphore, watch};

use orrery_runtime::Caller;

use crate::{auth::Authority, control::Control};

pub(crate) use error::Refusal;
pub(crate) use router::router;
pub(crate) use serve::serve;

/// What every request may need.
pub(crate) struct App {
    /// The databases.
    pub(crate) control: Control,
    /// The tokens.
    pub(crate) authority: Arc<Authority>,
    limits: Limits,
    uploads: Semaphore,
    counters: metrics::Counters,
    writers: rows::Writers,
    streams: view::Streams,
    /// Who asks where nobody sees it.
    nobody: Caller,
    started: Instant,
    shutdown: watch::Receiver<bool>,
}

/// How much clients may ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections that are open at the same time; one more waits until another has ended.
    pub(crate) connections_max: usize,
    /// Bytes of a program.
    pub(crate) program_len_max: usize,
    /// Bytes of the arguments of a call, and of any other body.
    pub(crate) body_len_max: usize,
    /// Streams of views that are open at the same time, of one database.
    pub(crate) view_streams_max: usize,
}

impl App {
    /// `shutdown` turns true when the server goes down.
    pub(crate) fn new(
        control: Control,
        authority: Arc<Authority>,
        limits: Limits,
        shutdown: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let (identity, token_payload) = authority.anonymous();
        let connection = caller::new_connection(&authority);
        Arc::new(Self {
            control,
            authority,
            limits,
            uploads: Semaphore::new(body::UPLOADS_MIB_MAX),
            counters: metrics::Counters::default(),
            writers: rows::Writers::default(),
            // Some connections are left for those who want to know something at once.
            streams: view::Streams::new(limits.connections_max / 4 * 3, limits.view_streams_max),
            nobody: Caller { identity, connection, token_payload },
            started: Instant::now(),
            shutdown,
        })
    }
}

/// Runs something to its end even if the client goes away meanwhile.
async fn detached<T: Send + 'static>(
    task: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(task).await.unwrap_or_else(|error| Err(Refusal::internal(error)))
}
