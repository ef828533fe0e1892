//! What the worker of a database and those who talk to it have in common.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use orrery_host_abi::{ConnectionId, Identity};
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use crate::{
    database::{DatabaseKey, Stopped},
    host::Host,
    log::ModuleLog,
    running::Running,
    session::{ImmediateCall, Session},
    store::{Durability, Snapshot, TableVersions},
};

/// Known to all threads of a database.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) host: Arc<Host>,
    pub(crate) key: DatabaseKey,
    pub(crate) log: ModuleLog,
    pub(crate) durability: Durability,
    pub(crate) versions: TableVersions,
    pub(crate) stats: Counters,
    pub(crate) asides: Asides,
    running: RwLock<Arc<Running>>,
    generations: AtomicU64,
    stopped: OnceLock<Stopped>,
}

/// Figures that are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) reducers_committed: AtomicU64,
    pub(crate) reducers_failed: AtomicU64,
    pub(crate) views_run: AtomicU64,
    pub(crate) views_unchanged: AtomicU64,
    pub(crate) rows: AtomicU64,
}

/// A snapshot and the program that its data belongs to.
pub(crate) type SnapshotReply = oneshot::Sender<(Snapshot, Arc<Running>)>;

/// Requests that do not stand in the queue: the worker looks here between any two jobs.
#[derive(Debug, Default)]
pub(crate) struct Asides {
    any: AtomicBool,
    requests: Mutex<Requests>,
}

/// What has been asked for aside.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Those who want a snapshot.
    pub(crate) snapshots: Vec<SnapshotReply>,
    /// The connections whose clients have gone.
    pub(crate) gone: Vec<(Identity, ConnectionId)>,
    /// Calls that views asked for.
    pub(crate) immediate_calls: Vec<ImmediateCall>,
}

impl Asides {
    /// Asks for a snapshot.
    pub(crate) fn want_snapshot(&self, reply: SnapshotReply) {
        self.add(|requests| requests.snapshots.push(reply));
    }

    /// Tells that a client has gone.
    pub(crate) fn gone(&self, identity: Identity, connection: ConnectionId) {
        self.add(|requests| requests.gone.push((identity, connection)));
    }

    /// Asks for calls.
    pub(crate) fn immediate_calls(&self, mut calls: Vec<ImmediateCall>) {
        self.add(|requests| requests.immediate_calls.append(&mut calls));
    }

    fn add(&self, request: impl FnOnce(&mut Requests)) {
        let mut requests = self.requests.lock();
        request(&mut requests);
        self.any.store(true, Ordering::Relaxed);
    }

    /// All requests since the last time, if there are any.
    pub(crate) fn take(&self) -> Option<Requests> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut requests = self.requests.lock();
        self.any.store(false, Ordering::Relaxed);
        Some(std::mem::take(&mut *requests))
    }
}

impl Shared {
    /// What a database begins with.
    pub(crate) fn new(
        host: Arc<Host>,
        key: DatabaseKey,
        log: ModuleLog,
        durability: Durability,
        versions: TableVersions,
        running: Arc<Running>,
    ) -> Self {
        Self {
            host,
            key,
            log,
            durability,
            versions,
            stats: Counters::default(),
            asides: Asides::default(),
            generations: AtomicU64::new(running.generation),
            running: RwLock::new(running),
            stopped: OnceLock::new(),
        }
    }

    /// The program that runs.
    pub(crate) fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.read())
    }

    /// Puts another program in its place.
    pub(crate) fn set_running(&self, running: &Arc<Running>) {
        *self.running.write() = Arc::clone(running);
    }

    /// The number of the next program.
    pub(crate) fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A session for a new instance.
    pub(crate) fn new_session(&self) -> Session {
        Session::new(self.key.database, self.log.clone())
    }

    /// Notes that the database cannot go on. The first reason stays, and is what everybody gets.
    pub(crate) fn stop(&self, reason: &str) -> Stopped {
        self.stopped.get_or_init(|| Stopped(reason.into())).clone()
    }

    /// An error if the database cannot go on.
    pub(crate) fn check_running(&self) -> Result<(), Stopped> {
        self.stopped.get().map_or(Ok(()), |stopped| Err(stopped.clone()))
    }
}
