//! Brings a database to life: files, program, worker thread.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
    thread,
};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;

use crate::{
    backup::{BackupError, BackupReader, restore_tables},
    database::{DatabaseKey, Hold, OpenError, Program, PublishError},
    host::Host,
    log::ModuleLog,
    program::LoadedProgram,
    running::Running,
    schema::{self, Catalog, ModuleRow},
    session::Session,
    shared::Shared,
    store::{self, Writer},
    worker::{Job, STACK_BYTES, Start, Worker},
};

/// The data, in the database's folder.
const STORE_FILE: &str = "data.redb";
/// The module's log, in the database's folder.
const LOG_FILE: &str = "module.log";

/// Which database to bring to life, and where.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) host: Arc<Host>,
    /// The database's folder.
    pub(crate) path: PathBuf,
    pub(crate) key: DatabaseKey,
}

/// The worker's queue, both ends of it.
type Queue = (Sender<Job>, Receiver<Job>);

/// Makes a database. Leaves nothing behind if that fails.
pub(crate) async fn create(launch: Launch, program: Program) -> Result<Hold, PublishError> {
    make(launch, move |launch, queue| new_database(launch, program, queue)).await
}

/// Makes a database from a backup of another. Leaves nothing behind if that fails.
pub(crate) async fn restore(
    launch: Launch,
    backup: impl Read + Send + 'static,
) -> Result<Hold, PublishError> {
    make(launch, move |launch, queue| restored_database(launch, backup, queue)).await
}

async fn make(
    launch: Launch,
    make: impl FnOnce(&Launch, Queue) -> Result<Worker, PublishError> + Send + 'static,
) -> Result<Hold, PublishError> {
    let queue = bounded(launch.host.config().queue_capacity);
    let launched = on_worker_thread(move || {
        let made = make(&launch, queue);
        if made.is_err() {
            // Nobody knows of this folder yet, so what cannot be removed does no harm.
            let _ = fs::remove_dir_all(&launch.path);
        }
        made
    });
    launched.await.unwrap_or_else(|error| Err(PublishError::Storage(error.to_string())))
}

/// Opens a database.
pub(crate) async fn open(launch: Launch) -> Result<Hold, OpenError> {
    let queue = bounded(launch.host.config().queue_capacity);
    on_worker_thread(move || stored_database(&launch, queue)).await?
}

fn new_database(launch: &Launch, program: Program, queue: Queue) -> Result<Worker, PublishError> {
    let storage = |error: &dyn std::error::Error| PublishError::Storage(error.to_string());
    fs::create_dir_all(&launch.path).map_err(|error| storage(&error))?;
    let log = open_log(launch).map_err(|error| storage(&error))?;
    let session = new_session(launch, &log);
    let (program, session) =
        LoadedProgram::load(&launch.host, program, session).map_err(PublishError::InvalidProgram)?;
    let mut writer = store::open(&launch.path.join(STORE_FILE), &launch.host.store_options())
        .map_err(|error| storage(&error))?;
    schema::initialise(&mut writer, launch.key, &program)
        .map_err(|error| PublishError::InvalidProgram(error.to_string()))?;
    let mut worker =
        start(launch, log, program, session, writer, queue).map_err(PublishError::InvalidProgram)?;
    worker.initialise()?;
    worker.wait_durable()?;
    Ok(worker)
}

fn restored_database(launch: &Launch, backup: impl Read, queue: Queue) -> Result<Worker, PublishError> {
    let storage = |error: &dyn std::error::Error| PublishError::Storage(error.to_string());
    let (mut backup, head) = BackupReader::open(backup)?;
    fs::create_dir_all(&launch.path).map_err(|error| storage(&error))?;
    let log = open_log(launch).map_err(|error| storage(&error))?;
    let session = new_session(launch, &log);
    let (program, session) = LoadedProgram::load(&launch.host, head.program, session)
        .map_err(|error| PublishError::InvalidBackup(format!("its program does not load: {error}")))?;
    if program.hash != head.hash {
        return Err(BackupError::Invalid("its program does not have the hash that it should".into()).into());
    }
    let mut writer = store::open(&launch.path.join(STORE_FILE), &launch.host.store_options())
        .map_err(|error| storage(&error))?;
    schema::initialise(&mut writer, launch.key, &program)
        .map_err(|error| PublishError::InvalidBackup(error.to_string()))?;
    writer.commit().map_err(|error| storage(&error))?;
    let row_bytes_max = launch.host.config().storage_limit.saturating_add(writer.row_bytes());
    restore_tables(&mut backup, &mut writer, row_bytes_max)?;
    let mut worker =
        start(launch, log, program, session, writer, queue).map_err(PublishError::InvalidBackup)?;
    worker.disconnect_all();
    worker.wait_durable()?;
    tracing::info!(from = %head.database, "database {} was restored", launch.key.database);
    Ok(worker)
}

impl From<BackupError> for PublishError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Storage(reason) => Self::Storage(reason),
            error => Self::InvalidBackup(error.to_string()),
        }
    }
}

fn stored_database(launch: &Launch, queue: Queue) -> Result<Worker, OpenError> {
    let file = launch.path.join(STORE_FILE);
    // The store would make a new file.
    fs::metadata(&file)?;
    let log = open_log(launch)?;
    let writer = store::open(&file, &launch.host.store_options())?;
    let row = ModuleRow::read(&writer).map_err(OpenError::Damaged)?;
    let row = row.ok_or_else(|| OpenError::Damaged("it holds no program".into()))?;
    if row.key != launch.key {
        return Err(OpenError::WrongDatabase(Box::new(row.key)));
    }
    let program = Program { kind: row.kind, bytes: Bytes::from(row.program) };
    let session = new_session(launch, &log);
    let (program, session) =
        LoadedProgram::load(&launch.host, program, session).map_err(OpenError::Program)?;
    if program.hash != row.hash {
        return Err(OpenError::Damaged(
            "the stored program does not have the hash that is stored with it".into(),
        ));
    }
    let mut worker = start(launch, log, program, session, writer, queue).map_err(OpenError::Program)?;
    worker.disconnect_all();
    Ok(worker)
}

fn open_log(launch: &Launch) -> io::Result<ModuleLog> {
    ModuleLog::open(&launch.path.join(LOG_FILE), launch.host.config().module_log)
}

fn new_session(launch: &Launch, log: &ModuleLog) -> Session {
    Session::new(launch.key.database, log.clone(), Arc::clone(&launch.host.config().clock))
}

fn start(
    launch: &Launch,
    log: ModuleLog,
    program: LoadedProgram,
    session: Session,
    writer: Writer,
    (sender, jobs): Queue,
) -> Result<Worker, String> {
    let catalog = Arc::new(Catalog::new(&program.module, &writer)?);
    let running = Arc::new(Running::new(0, program, catalog)?);
    let (alive, worker_ended) = bounded(0);
    let shared = Arc::new(Shared::new(
        Arc::clone(&launch.host),
        launch.key,
        log,
        &writer,
        Arc::clone(&running),
        sender,
        worker_ended,
    ));
    Worker::new(Start { shared, alive, jobs, writer, session, running })
}

/// Runs `make` on a new thread, which goes on as the worker's if that succeeds.
async fn on_worker_thread<E: Send + 'static>(
    make: impl FnOnce() -> Result<Worker, E> + Send + 'static,
) -> io::Result<Result<Hold, E>> {
    let (ready, is_ready) = oneshot::channel();
    let worker = move || match make() {
        Ok(worker) => {
            // If nobody waits any more, what is sent goes at once, and the worker then ends.
            let _ = ready.send(Ok(Hold(Arc::clone(worker.shared()))));
            worker.run();
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    };
    thread::Builder::new().name("orrery-worker".into()).stack_size(STACK_BYTES).spawn(worker)?;
    is_ready.await.map_err(|_| io::Error::other("the thread of the database has ended unexpectedly"))
}

/// Runs `work` on a thread of its own, for what takes long.
pub(crate) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, is_done) = oneshot::channel();
    let work = move || {
        // Fails if nobody waits any more.
        let _ = done.send(work());
    };
    thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(work)?;
    is_done.await.map_err(|_| io::Error::other(format!("the thread {name} has ended unexpectedly")))
}
