//! What the worker of a database and those who talk to it have in common.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use orrery_host_abi::{ConnectionId, Fault, Identity, Timestamp};
use parking_lot::{Mutex, RwLock};

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
    store::{Durability, Snapshot, Writer},
    views::{Moment, Views},
    worker::Job,
};

/// Known to all threads of a database.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) host: Arc<Host>,
    pub(crate) key: DatabaseKey,
    pub(crate) log: ModuleLog,
    pub(crate) durability: Durability,
    pub(crate) stats: Counters,
    pub(crate) asides: Asides,
    pub(crate) at_work: Arc<AtWork>,
    /// The worker's queue.
    pub(crate) jobs: Sender<Job>,
    /// The answers of views.
    pub(crate) views: Views,
    view_pool: Arc<Pool<ViewJob>>,
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

/// The committed state.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotTaken {
    pub(crate) snapshot: Snapshot,
    /// The program that the data belongs to.
    pub(crate) running: Arc<Running>,
    pub(crate) moment: Moment,
}

/// Takes a snapshot, on the worker's thread. Dropped if the worker has ended.
pub(crate) type SnapshotReply = Box<dyn FnOnce(SnapshotTaken) + Send>;

/// Requests that do not stand in the queue: the worker looks here between any two jobs.
#[derive(Debug, Default)]
pub(crate) struct Asides {
    any: AtomicBool,
    requests: Mutex<Requests>,
}

/// What has been asked for aside.
#[derive(Default)]
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
    /// Nobody looks here any more.
    is_closed: bool,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("snapshots", &self.snapshots.len()).finish_non_exhaustive()
    }
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
        if requests.is_closed {
            // Whoever waits for it notices when it is dropped, and may ask here again.
            drop(requests);
            return;
        }
        request(&mut requests);
        self.any.store(true, Ordering::Relaxed);
    }

    /// Takes no more requests, and drops those that are there.
    pub(crate) fn close(&self) {
        let closed = Requests { is_closed: true, ..Requests::default() };
        let dropped = std::mem::replace(&mut *self.requests.lock(), closed);
        drop(dropped);
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
        let view_pool = Pool::new(PoolConfig {
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
        let views = Views::new(config.view_cache_bytes, running.generation);
        Self {
            host,
            key,
            log,
            durability: writer.durability(),
            stats: Counters::default(),
            asides: Asides::default(),
            at_work: Arc::default(),
            jobs,
            views,
            view_pool,
            procedures,
            worker_ended,
            generations: AtomicU64::new(running.generation),
            running: RwLock::new(running),
            stopped: OnceLock::new(),
        }
    }

    /// A place for a view that is to be computed beside the worker.
    pub(crate) fn place_for_view(&self) -> Result<Place<ViewJob>, NotTaken> {
        self.view_pool.reserve()
    }

    /// The same for a view that somebody watches, which must not end because many change at once: there is one
    /// computation at a time for each.
    pub(crate) fn place_for_live_view(&self) -> Result<Place<ViewJob>, NotTaken> {
        self.view_pool.reserve_in_any_case()
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
        let stopped = self.stopped.get_or_init(|| Stopped(reason.into())).clone();
        self.view_pool.close();
        self.procedures.close();
        self.views.stop(&stopped);
        stopped
    }

    /// Why a thread beside the worker does not answer.
    pub(crate) fn lost(&self) -> CallError {
        match self.check_running() {
            Ok(()) => CallError::Broke(Fault::Protocol("the thread that ran it has ended".into())),
            Err(stopped) => stopped.into(),
        }
    }

    /// An error if the database cannot go on.
    pub(crate) fn check_running(&self) -> Result<(), Stopped> {
        self.stopped.get().map_or(Ok(()), |stopped| Err(stopped.clone()))
    }
}
