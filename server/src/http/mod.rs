//! The HTTP interface: a file for each kind of thing that has a URL.

mod accept;
mod backup;
mod body;
mod call;
mod caller;
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

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, watch};

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
    /// How long requests may go on when the server goes down.
    pub(crate) drain_timeout: Duration,
}

impl App {
    /// `shutdown` turns true when the server goes down.
    pub(crate) fn new(
        control: Control,
        authority: Arc<Authority>,
        limits: Limits,
        shutdown: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            control,
            authority,
            limits,
            uploads: Semaphore::new(body::UPLOADS_MIB_MAX),
            counters: metrics::Counters::default(),
            writers: rows::Writers::default(),
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
