//! A database: a program and its data, as the frontend sees it.
//!
//! [`Database`] is a handle that can be cloned and used from any thread. Behind it one worker thread owns
//! the write side; views and procedures run beside it.

use std::{
    io,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use crossbeam_channel::TrySendError;
use orrery_host_abi::{ConnectionId, Fault, Hash, Identity, ModuleDef, bsatn::DecodeError};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    host::Host,
    launch::{self, Launch},
    log::ModuleLog,
    pace::Pace,
    pool::{self, NotTaken},
    program::LoadedProgram,
    running::Running,
    schema::{self, Change, ProgramRecord, Stored},
    shared::{Shared, SnapshotTaken},
    store::Snapshot,
    worker::Job,
};

/// What a module is written in, which decides the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramKind {
    /// WebAssembly.
    Wasm,
    /// JavaScript.
    Js,
}

/// A compiled module.
#[derive(Debug, Clone)]
pub struct Program {
    /// Which engine runs it.
    pub kind: ProgramKind,
    /// The bytes, as published.
    pub bytes: Bytes,
}

/// Who calls, and through which connection.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who calls.
    pub identity: Identity,
    /// The connection.
    pub connection: ConnectionId,
    /// The payload of the caller's token, JSON text.
    pub token_payload: Arc<str>,
}

/// The owner and identity a database file must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseKey {
    /// The database's own identity.
    pub database: Identity,
    /// Its owner.
    pub owner: Identity,
}

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The program was the one that runs already.
    Unchanged,
    /// The program runs now.
    Updated {
        /// What was changed in the data. Empty if the schema is the same.
        changes: Vec<Change>,
        /// Clients might have misunderstood the new module, so all were disconnected.
        breaks_clients: bool,
    },
}

/// What publishing may do to clients that are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientPolicy {
    /// They stay; a program that would break them is refused.
    Keep,
    /// They may be disconnected.
    Break,
}

/// What publishing a program would do.
#[derive(Debug, Clone)]
pub struct UpgradePlan {
    /// The program that runs.
    pub from: Hash,
    /// The program that would.
    pub to: Hash,
    /// Whether the module was made for version 1 of the peer and will be for version 2.
    pub is_major: bool,
    /// What would be changed, or the reasons why the data cannot follow, as in [`PublishError::Incompatible`].
    pub outcome: Result<PlannedChanges, Vec<String>>,
}

/// The changes of an [`UpgradePlan`].
#[derive(Debug, Clone)]
pub struct PlannedChanges {
    /// What would be changed, in order. Empty if the schema is the same.
    pub changes: Vec<Change>,
    /// Whether clients would be disconnected, which needs [`ClientPolicy::Break`].
    pub breaks_clients: bool,
}

/// Why a program was not published. Nothing has changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The program cannot be loaded: not a module, wrong ABI, invalid definition.
    #[error("{0}")]
    InvalidProgram(String),
    /// `init` said no or broke.
    #[error("the module's init reducer failed: {0}")]
    InitFailed(String),
    /// The data cannot follow the new schema; the reasons, each naming table, column and remedy.
    #[error("the new module's schema cannot be applied to the data:\n{}", .0.join("\n"))]
    Incompatible(Vec<String>),
    /// Clients would have to be disconnected, which was not allowed; the changes that would have been made.
    #[error("the new module would break clients that are made for the old one:\n{}", lines(.0))]
    BreaksClients(Vec<Change>),
    /// The bytes are no backup, or one that is damaged.
    #[error("the backup cannot be restored: {0}")]
    InvalidBackup(String),
    /// The database's files cannot be made.
    #[error("the database cannot be stored: {0}")]
    Storage(String),
    /// The database has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

fn lines(changes: &[Change]) -> String {
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The database cannot go on: its disk failed or it was closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database has stopped: {0}")]
pub struct Stopped(pub Arc<str>);

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::OpenError),
    /// The file belongs to another database or owner than expected.
    #[error("the file holds database {} of owner {}, not the one asked for", .0.database, .0.owner)]
    WrongDatabase(Box<DatabaseKey>),
    /// A file or thread cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What the file says about itself makes no sense.
    #[error("the database file is damaged: {0}")]
    Damaged(String),
    /// The stored program does not load any more.
    #[error("the stored program does not load: {0}")]
    Program(String),
}

/// Why a call gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No function of that name that the caller may call.
    #[error("no such {kind} `{name}`")]
    NoSuchFunction {
        /// `reducer or procedure`, or `view`.
        kind: &'static str,
        /// The name asked for.
        name: String,
    },
    /// A lifecycle reducer, which nobody may call.
    #[error("`{0}` is a lifecycle reducer and cannot be called")]
    Lifecycle(String),
    /// The arguments are not what the function takes.
    #[error("invalid arguments for {kind} {name}: {reason}")]
    InvalidArguments {
        /// `reducer`, `procedure` or `view`.
        kind: &'static str,
        /// The function.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// `client_connected` turned the caller away with this message.
    #[error("{0}")]
    ConnectionRefused(String),
    /// The function said no, with this message.
    #[error("{0}")]
    Refused(String),
    /// The function broke, and has changed nothing.
    #[error(transparent)]
    Broke(Fault),
    /// A procedure or HTTP handler broke. What it had committed before stays.
    #[error(transparent)]
    ProcedureBroke(Fault),
    /// The module has no HTTP handler for that path and method.
    #[error("the module has no handler for this path and method")]
    NoSuchRoute,
    /// The function needs something that is not built in.
    #[error("{0}")]
    Unsupported(String),
    /// The transaction would make the rows take more bytes than they may.
    #[error("the database is full: its rows may take {} KiB; delete some, or have the limit raised", .0 >> 10)]
    Full(u64),
    /// More calls wait than the database takes.
    #[error("the database has too many calls waiting; try again")]
    Busy,
    /// The database has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl CallError {
    /// The same, where it is a procedure or HTTP handler that broke.
    pub(crate) fn of_procedure(self) -> Self {
        match self {
            Self::Broke(fault) => Self::ProcedureBroke(fault),
            other => other,
        }
    }
}

impl From<NotTaken> for CallError {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::Full => Self::Busy,
            NotTaken::Closed => Stopped(error.to_string().into()).into(),
            NotTaken::NoThread(_) => Self::Unsupported(error.to_string()),
        }
    }
}

/// A handle to a running database. Cheap to clone; the database goes on until it is closed or the last handle is
/// gone.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Hold,
    /// One for each query that runs on a thread of its own.
    query_threads: Semaphore,
}

/// What keeps a database going.
#[derive(Debug)]
pub(crate) struct Hold(pub(crate) Arc<Shared>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Database {
    /// Makes a database in the folder `path`, which is created, and runs the module's `init`. Leaves nothing
    /// behind if that fails.
    pub async fn create(
        host: &Arc<Host>,
        path: &Path,
        key: DatabaseKey,
        program: Program,
    ) -> Result<Self, PublishError> {
        let launch = Launch { host: Arc::clone(host), path: path.to_owned(), key };
        launch::create(launch, program).await.map(Self::new)
    }

    /// Opens the database in the folder `path`, runs its stored program, and ends the connections that a killed
    /// server left open.
    pub async fn open(host: &Arc<Host>, path: &Path, key: DatabaseKey) -> Result<Self, OpenError> {
        let launch = Launch { host: Arc::clone(host), path: path.to_owned(), key };
        launch::open(launch).await.map(Self::new)
    }

    /// Makes a database in the folder `path`, which is created, from what [`Self::backup`] of another one gave, with
    /// its program and data. Those who were connected then count as gone. Leaves nothing behind if that fails.
    ///
    /// Reads from `backup` on a thread of its own.
    pub async fn restore(
        host: &Arc<Host>,
        path: &Path,
        key: DatabaseKey,
        backup: impl io::Read + Send + 'static,
    ) -> Result<Self, PublishError> {
        let launch = Launch { host: Arc::clone(host), path: path.to_owned(), key };
        launch::restore(launch, backup).await.map(Self::new)
    }

    fn new(shared: Hold) -> Self {
        let query_threads = Semaphore::new(shared.0.host.config().view_instances.max(1));
        Self(Arc::new(Inner { shared, query_threads }))
    }

    /// What all threads of the database share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared.0
    }

    /// How many queries may still begin to run on threads of their own.
    pub(crate) fn query_threads(&self) -> &Semaphore {
        &self.0.query_threads
    }

    /// The database's identity and owner.
    pub fn key(&self) -> DatabaseKey {
        self.shared().key
    }

    /// The definition of the running program.
    pub fn module(&self) -> Arc<ModuleDef> {
        Arc::clone(self.shared().running().module())
    }

    /// The kind and hash of the running program.
    pub fn program(&self) -> (ProgramKind, Hash) {
        let running = self.shared().running();
        (running.program.source.kind, running.program.hash)
    }

    /// The hash and the definition of the running program, both of the same moment.
    pub fn definition(&self) -> (Hash, Arc<ModuleDef>) {
        let running = self.shared().running();
        (running.program.hash, Arc::clone(running.module()))
    }

    /// What publishing a program would do, now. Changes nothing and holds up nobody.
    pub async fn plan(&self, program: Program) -> Result<UpgradePlan, PublishError> {
        let program = self.load(program).await?;
        self.plan_loaded(&program).await
    }

    /// Swaps the program and keeps the data.
    pub async fn publish(&self, program: Program, policy: ClientPolicy) -> Result<Published, PublishError> {
        let program = self.load(program).await?;
        // What cannot be done is best found out beside the worker, though only the worker can be sure.
        let plan = self.plan_loaded(&program).await?.outcome.map_err(PublishError::Incompatible)?;
        if plan.breaks_clients && policy == ClientPolicy::Keep {
            return Err(PublishError::BreaksClients(plan.changes));
        }
        let (reply, answer) = oneshot::channel();
        self.send_job(Job::Publish(Box::new(program), policy, reply)).await?;
        answer.await.map_err(|_| self.stopped())?
    }

    /// The programs that the database has run and can go back to, the newest first: the one that runs.
    pub async fn programs(&self) -> Result<Vec<ProgramRecord>, CallError> {
        let (snapshot, _) = self.snapshot().await?;
        schema::programs(snapshot.table(schema::HISTORY)).map_err(|error| damaged_history(&error))
    }

    /// A program that is among [`Self::programs`].
    pub async fn earlier_program(&self, hash: Hash) -> Result<Option<Program>, CallError> {
        let (snapshot, _) = self.snapshot().await?;
        schema::program(snapshot.table(schema::HISTORY), hash).map_err(|error| damaged_history(&error))
    }

    /// Drops all data and starts anew with that program, or with the present one.
    pub async fn reset(&self, program: Option<Program>) -> Result<(), PublishError> {
        let program = match program {
            Some(program) => Some(Box::new(self.load(program).await?)),
            None => None,
        };
        let (reply, answer) = oneshot::channel();
        self.send_job(Job::Reset(program, reply)).await?;
        answer.await.map_err(|_| self.stopped())?
    }

    /// Opens a connection: asks `client_connected`.
    pub async fn connect(&self, caller: &Caller) -> Result<(), CallError> {
        let (reply, answer) = oneshot::channel();
        self.try_send(Job::Connect(caller.clone(), reply))?;
        answer.await.map_err(|_| self.stopped())?
    }

    /// Ends a connection: `client_disconnected` runs soon; its failure is only logged.
    pub fn disconnect(&self, caller: &Caller) {
        self.shared().asides.gone(caller.identity, caller.connection);
        self.shared().wake();
    }

    /// Writes a consistent copy of the database as it is now to `out`, for [`Self::restore`]. Reducers go on
    /// meanwhile; a writer that is slow only keeps memory.
    ///
    /// Returns when the copy has begun. It is written on a thread of its own; `done` is called there at the end, with
    /// the error that `out` gave if it gave one.
    pub async fn backup<W: io::Write + Send + 'static>(
        &self,
        out: W,
        done: impl FnOnce(W, io::Result<()>) + Send + 'static,
    ) -> Result<(), CallError> {
        let (reply, answer) = oneshot::channel();
        self.send_job(Job::Backup(reply)).await?;
        let backup = answer.await.map_err(|_| self.stopped())??;
        let at_work = Arc::clone(&self.shared().at_work);
        let write = move || {
            pool::stand_back();
            let mut out = out;
            let written = backup.write(&mut out, Pace::of_backup(&at_work));
            // Whoever waits for the end may take it that nothing is held any more.
            drop(backup);
            done(out, written);
        };
        let started = std::thread::Builder::new().name("orrery-backup".into()).spawn(write);
        started.map(drop).map_err(|error| {
            CallError::Unsupported(format!("no thread for the backup can be started: {error}"))
        })
    }

    /// The module's log.
    pub fn log(&self) -> &ModuleLog {
        &self.shared().log
    }

    /// Figures for `/metrics`.
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let (view_cache_bytes, live_views, view_watchers) = shared.views.figures();
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            reducers_committed: get(&shared.stats.reducers_committed),
            reducers_failed: get(&shared.stats.reducers_failed),
            views_run: get(&shared.stats.views_run),
            views_unchanged: get(&shared.stats.views_unchanged),
            view_cache_bytes,
            live_views,
            view_watchers,
            procedures_run: get(&shared.stats.procedures_run),
            scheduled_run: get(&shared.stats.scheduled_run),
            rows: get(&shared.stats.rows),
            durable_offset: shared.durability.durable_offset().0,
        }
    }

    /// Whether it cannot go on: its disk failed, or it was closed. Opened anew, it has what was acknowledged.
    pub fn has_stopped(&self) -> bool {
        self.shared().check_running().is_err()
    }

    /// Finishes what is running, writes a checkpoint and lets go of the file. What comes afterwards gets
    /// [`Stopped`].
    pub async fn close(&self) -> Result<(), Stopped> {
        let (reply, answer) = oneshot::channel();
        self.send_job(Job::Close(reply)).await?;
        answer.await.map_err(|_| self.stopped())?
    }

    /// Compiles and checks a program, on a thread of its own.
    async fn load(&self, program: Program) -> Result<LoadedProgram, PublishError> {
        let shared = Arc::clone(self.shared());
        let loaded = launch::on_thread("orrery-load", move || {
            LoadedProgram::load(&shared.host, program, shared.new_session())
        });
        let loaded = loaded.await.map_err(|error| PublishError::InvalidProgram(error.to_string()))?;
        loaded.map(|(program, _)| program).map_err(PublishError::InvalidProgram)
    }

    async fn plan_loaded(&self, program: &LoadedProgram) -> Result<UpgradePlan, PublishError> {
        let (snapshot, running) = self.snapshot().await?;
        let new = Arc::clone(&program.module);
        let (from, to) = (running.program.hash, program.hash);
        let plan = move || {
            let (old, stored) = (running.module(), Stored::then(&snapshot));
            let planned = schema::plan(Some(old), &new, &stored).and_then(|plan| {
                let reasons = schema::check_unique(&new, &plan, &stored);
                let changes = schema::changes(old, &new, &plan);
                let changes = PlannedChanges { changes, breaks_clients: plan.breaks_clients };
                if reasons.is_empty() { Ok(changes) } else { Err(reasons) }
            });
            UpgradePlan {
                from,
                to,
                is_major: old.raw_version < 10 && new.raw_version >= 10,
                outcome: planned,
            }
        };
        let planned = launch::on_thread("orrery-plan", plan).await;
        planned.map_err(|error| PublishError::InvalidProgram(error.to_string()))
    }

    /// The committed state, and the program that belongs to it.
    pub(crate) async fn snapshot(&self) -> Result<(Snapshot, Arc<Running>), Stopped> {
        let (reply, answer) = oneshot::channel();
        let reply = move |taken: SnapshotTaken| {
            // Fails if nobody waits any more.
            let _ = reply.send((taken.snapshot, taken.running));
        };
        self.shared().asides.want_snapshot(Box::new(reply));
        self.shared().wake();
        answer.await.map_err(|_| self.stopped())
    }

    /// Opens a connection for one call, if the module wants to know of connections. It ends with the value.
    pub(crate) async fn connect_if_asked(
        &self,
        module: &ModuleDef,
        caller: &Caller,
    ) -> Result<Option<Connection>, CallError> {
        if module.client_connected.is_none() && module.client_disconnected.is_none() {
            return Ok(None);
        }
        self.connect(caller).await?;
        Ok(Some(Connection { database: self.clone(), caller: caller.clone() }))
    }

    /// Queues a job, or says at once that the queue is full.
    pub(crate) fn try_send(&self, job: Job) -> Result<(), CallError> {
        self.shared().check_running()?;
        self.shared().jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => CallError::Busy,
            TrySendError::Disconnected(_) => self.stopped().into(),
        })
    }

    /// Queues a job however long it takes: for the few that must not be turned away.
    async fn send_job(&self, job: Job) -> Result<(), Stopped> {
        let jobs = self.shared().jobs.clone();
        match jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(self.stopped()),
            Err(TrySendError::Full(job)) => {
                let sent = launch::on_thread("orrery-send", move || jobs.send(job).is_ok()).await;
                if sent.unwrap_or(false) { Ok(()) } else { Err(self.stopped()) }
            }
        }
    }

    /// Why the worker does not answer.
    pub(crate) fn stopped(&self) -> Stopped {
        self.shared().stop("its worker has ended")
    }
}

fn damaged_history(error: &DecodeError) -> CallError {
    CallError::Broke(Fault::Protocol(format!("the history of programs is damaged: {error}")))
}

/// A connection that ends when this is dropped, also if the one who waits hangs up.
#[derive(Debug)]
pub(crate) struct Connection {
    database: Database,
    caller: Caller,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.disconnect(&self.caller);
    }
}

/// Arguments of a call, in one of the encodings that clients use.
#[derive(Debug, Clone)]
pub enum Args {
    /// SATS-JSON: an array in order or an object by parameter name.
    Json(Bytes),
    /// BSATN: the product of the parameters.
    Bsatn(Bytes),
}

impl Args {
    /// No arguments, for a function without parameters.
    pub const fn none() -> Self {
        Self::Bsatn(Bytes::new())
    }
}

/// Figures of one database.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Reducer calls that committed.
    pub reducers_committed: u64,
    /// Reducer calls that failed.
    pub reducers_failed: u64,
    /// View calls that ran the module.
    pub views_run: u64,
    /// View calls answered without running the module.
    pub views_unchanged: u64,
    /// Bytes that answers of views take.
    pub view_cache_bytes: u64,
    /// Views that are kept up because somebody watches them, or did a moment ago.
    pub live_views: u64,
    /// Those who watch a view.
    pub view_watchers: u64,
    /// Procedures and HTTP handlers that have run.
    pub procedures_run: u64,
    /// Functions that have run because a row of a scheduled table was due.
    pub scheduled_run: u64,
    /// Rows in all user tables.
    pub rows: u64,
    /// The offset up to which transactions are on disk.
    pub durable_offset: u64,
}
