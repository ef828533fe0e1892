//! What the worker of a database and those who talk to it have in common.

use std::{
    convert::Infallible,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use orrery_host_abi::{ConnectionId, Identity, Timestamp};
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use crate::{
    database::{CallError, DatabaseKey, Stopped},
    host::Host,
    log::ModuleLog,
    pace::AtWork,
    pool::{NotTaken, Place, Pool, PoolConfig},
    procedures::ProcedureJob,
    readers::ViewJob,
    running::Running,
    scheduler::Due,
    session::{ImmediateCall, Session},
    store::{Durability, Snapshot, TableVersions, Writer},
    worker::Job,
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
    pub(crate) commits: tokio::sync::watch::Sender<()>,
    pub(crate) at_work: Arc<AtWork>,
    /// The worker's queue.
    pub(crate) jobs: Sender<Job>,
    views: Arc<Pool<ViewJob>>,
    procedures: Arc<Pool<ProcedureJob>>,
    /// Never gets anything, and is disconnected when the worker has ended.
    worker_ended: Receiver<Infallible>,
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
    pub(crate) procedures_run: AtomicU64,
    pub(crate) scheduled_run: AtomicU64,
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
    /// Calls that views and procedures asked for.
    pub(crate) immediate_calls: Vec<ImmediateCall>,
    /// Rows of scheduled tables whose procedures are over.
    pub(crate) ran: Vec<Due>,
    /// Nobody holds the database any more.
    pub(crate) is_abandoned: bool,
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
    /// What a database begins with. `worker_ended` is disconnected when the worker ends.
    pub(crate) fn new(
        host: Arc<Host>,
        key: DatabaseKey,
        log: ModuleLog,
        writer: &Writer,
        running: Arc<Running>,
        jobs: Sender<Job>,
        worker_ended: Receiver<Infallible>,
    ) -> Self {
        let config = host.config();
        let views = Pool::new(PoolConfig {
            name: "view",
            threads_max: config.view_instances.max(1),
            waiting_max: config.queue_capacity,
            // Reducers, of which there can be one at a time, come before views, of which there can be any number.
            stands_back: true,
        });
        let procedures = Pool::new(PoolConfig {
            name: "procedure",
            threads_max: config.procedure_instances.max(1),
            waiting_max: config.queue_capacity,
            // The worker waits for a procedure that has borrowed the writer.
            stands_back: false,
        });
        Self {
            host,
            key,
            log,
            durability: writer.durability(),
            versions: writer.versions(),
            stats: Counters::default(),
            asides: Asides::default(),
            commits: tokio::sync::watch::Sender::new(()),
            at_work: Arc::default(),
            jobs,
            views,
            procedures,
            worker_ended,
            generations: AtomicU64::new(running.generation),
            running: RwLock::new(running),
            stopped: OnceLock::new(),
        }
    }

    /// Computes a view beside the worker.
    pub(crate) fn run_view(self: &Arc<Self>, job: ViewJob) -> Result<(), CallError> {
        self.check_running()?;
        Ok(self.views.submit(self, job)?)
    }

    /// Runs a procedure beside the worker.
    pub(crate) fn run_procedure(self: &Arc<Self>, job: ProcedureJob) -> Result<(), CallError> {
        self.check_running()?;
        Ok(self.procedures.submit(self, job)?)
    }

    /// A place for a procedure that is to be submitted in a moment, and is to begin soon.
    pub(crate) fn place_for_procedure(&self) -> Result<Place<ProcedureJob>, NotTaken> {
        self.procedures.reserve_soon()
    }

    /// Tells the worker that a scheduled procedure is over.
    pub(crate) fn ran(&self, due: Due) {
        self.asides.add(|requests| requests.ran.push(due));
        self.wake();
    }

    /// Has calls made that nobody waits for.
    pub(crate) fn call_soon(&self, mut calls: Vec<ImmediateCall>) {
        if !calls.is_empty() {
            self.asides.add(|requests| requests.immediate_calls.append(&mut calls));
            self.wake();
        }
    }

    /// Makes the worker look aside. If its queue is full, it is awake anyway.
    pub(crate) fn wake(&self) {
        let _ = self.jobs.try_send(Job::Wake);
    }

    /// Tells the worker that nobody holds the database any more.
    pub(crate) fn abandon(&self) {
        self.asides.add(|requests| requests.is_abandoned = true);
        self.wake();
    }

    /// Waits, unless the database stops meanwhile.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<(), Stopped> {
        match self.worker_ended.recv_timeout(duration) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(self.stop("its worker has ended")),
            Ok(never) => match never {},
        }
    }

    /// The time that functions see.
    pub(crate) fn now(&self) -> Timestamp {
        self.host.config().clock.now()
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
        Session::new(self.key.database, self.log.clone(), Arc::clone(&self.host.config().clock))
    }

    /// Notes that the database cannot go on. The first reason stays, and is what everybody gets.
    pub(crate) fn stop(&self, reason: &str) -> Stopped {
        self.views.close();
        self.procedures.close();
        self.stopped.get_or_init(|| Stopped(reason.into())).clone()
    }

    /// An error if the database cannot go on.
    pub(crate) fn check_running(&self) -> Result<(), Stopped> {
        self.stopped.get().map_or(Ok(()), |stopped| Err(stopped.clone()))
    }
}
