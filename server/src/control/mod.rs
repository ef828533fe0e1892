//! The databases of a server: which there are, who may do what with them, and the one open handle of each.

mod catalog;
mod name;
mod restore;
mod upgrade;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use orrery_host_abi::{Hash, Identity};
use orrery_runtime::{
    CallError, Change, Database, DatabaseKey, Host, OpenError, Program, ProgramKind, PublishError, Published,
    Stopped,
};
use parking_lot::{Mutex, RwLock};
use tokio::{task::block_in_place, time::timeout};

use crate::auth::Authority;
pub(crate) use catalog::BindError;
use catalog::{Catalog, Phase, Record};
pub(crate) use name::{DatabaseName, NameError, Target};
use upgrade::client_policy;
pub(crate) use upgrade::{Planned, Policy};

/// A database that did not open, or did not open again after it had stopped, is not tried again for so long.
const RETRY_OPEN_AFTER: Duration = Duration::from_secs(1);

/// Names in the data directory.
const CATALOG_FILE: &str = "control.redb";
const DATABASES_DIR: &str = "databases";

/// Who may make databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MayCreate {
    /// Everybody, named or not.
    Anyone,
    /// Only these.
    Only(Vec<Identity>),
}

/// Why something could not be done with a database.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ControlError {
    /// The name leads nowhere.
    #[error("`{0}` not found")]
    NoSuchName(DatabaseName),
    /// The identity is not that of a database.
    #[error("No such database.")]
    NoSuchDatabase,
    /// Its owner has locked it.
    #[error(
        "the database {database} is locked, so nobody may {action}; `orrery unlock {database}` lifts that"
    )]
    Locked {
        /// The database.
        database: Identity,
        /// What was asked for.
        action: Action,
    },
    /// Somebody else's.
    #[error("{caller} is not the owner of the database {database} and may not {action}")]
    NotOwner {
        /// Who asked.
        caller: Identity,
        /// The database.
        database: Identity,
        /// What was asked for.
        action: Action,
    },
    /// The server is not open for new databases, not for this caller at least.
    #[error(
        "{0} may not create databases on this server; its operator can allow it with `orrery start --allow-create`"
    )]
    MayNotCreate(Identity),
    /// There is no database of that name at the moment, but the name is somebody else's.
    #[error("the name `{0}` belongs to somebody else")]
    Reserved(DatabaseName),
    /// The name cannot be given.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The program was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// There is such a database already.
    #[error("there is a database `{0}` already; restore to another name, or delete it first")]
    Exists(Target),
    /// The plan that was agreed to is that of another change.
    #[error(
        "the token is not that of the plan for this change: the program or the database has changed since; look at \
         the plan again"
    )]
    WrongPlan,
    /// The database has run no other program, or none that is kept.
    #[error("no earlier program of this database is kept")]
    NoEarlierProgram,
    /// The database has not run that program lately.
    #[error("the program {0} is not among those that are kept of this database")]
    NoSuchProgram(Hash),
    /// The database gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database does not open.
    #[error("the database cannot be opened: {0}")]
    Open(Arc<OpenError>),
    /// The database has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The disk.
    #[error("{0}")]
    Disk(String),
}

/// What only the owner of a database may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Put a new program in place of the old one.
    Publish,
    /// Drop its data.
    Reset,
    /// Remove it.
    Delete,
    /// Have it neither deleted nor reset from now on, or allow that again.
    Lock,
    /// Give it other names.
    Rename,
    /// Read what its module logs.
    ReadLogs,
    /// Read which programs it has run.
    ReadHistory,
    /// Copy it.
    Backup,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish to it",
            Self::Reset => "reset it",
            Self::Delete => "delete it",
            Self::Lock => "lock or unlock it",
            Self::Rename => "rename it",
            Self::ReadLogs => "read its logs",
            Self::ReadHistory => "read its history",
            Self::Backup => "copy it",
        })
    }
}

/// What to publish, and how.
#[derive(Debug, Clone)]
pub(crate) struct Publish {
    /// Who publishes.
    pub(crate) caller: Identity,
    /// Where to; a new database without a name if there is no target.
    pub(crate) target: Option<Target>,
    /// The program.
    pub(crate) program: Program,
    /// Whether the data of an existing database is dropped.
    pub(crate) clear: bool,
    /// Whether clients of an existing database may be broken.
    pub(crate) policy: Policy,
}

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishReport {
    /// The database.
    pub(crate) database: Identity,
    /// Whether it is new.
    pub(crate) created: bool,
    /// What changed in the data, in words.
    pub(crate) changes: Vec<String>,
}

/// A database as `GET /v1/database/:db` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatabaseInfo {
    /// Its identity.
    pub(crate) identity: Identity,
    /// Its owner.
    pub(crate) owner: Identity,
    /// What its module is written in.
    pub(crate) kind: ProgramKind,
    /// The program that it was made or last reset with.
    pub(crate) initial_program: Hash,
}

/// All databases of a server.
pub(crate) struct Control {
    host: Arc<Host>,
    dir: PathBuf,
    catalog: Catalog,
    may_create: MayCreate,
    authority: Arc<Authority>,
    /// The handles of the databases that are open: what nearly every request needs and nothing else.
    open: RwLock<HashMap<Identity, Database>>,
    slots: Mutex<HashMap<Identity, Arc<Slot>>>,
    /// The server is going down: nothing opens any more.
    closing: AtomicBool,
}

/// Keeps changes of one database apart: opening, publishing, deleting.
#[derive(Default)]
struct Slot {
    exclusive: tokio::sync::Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    /// Why and when it last failed to open.
    failed: Option<(Instant, Arc<OpenError>)>,
}

impl Control {
    /// Opens the catalog in `dir`, which is made if it does not exist, and finishes what a killed server left
    /// half done. The databases themselves are opened when somebody asks for them, or by [`Self::open_all`].
    pub(crate) fn open(
        host: Arc<Host>,
        dir: &Path,
        may_create: MayCreate,
        authority: Arc<Authority>,
    ) -> Result<Self, String> {
        let databases = dir.join(DATABASES_DIR);
        fs::create_dir_all(&databases).map_err(|error| format!("{}: {error}", databases.display()))?;
        let catalog = Catalog::open(&dir.join(CATALOG_FILE))?;
        let control = Self {
            host,
            dir: databases,
            catalog,
            may_create,
            authority,
            open: RwLock::default(),
            slots: Mutex::default(),
            closing: AtomicBool::new(false),
        };
        for unfinished in control.catalog.databases(|record| record.phase != Phase::Ready) {
            control.remove_now(unfinished)?;
        }
        Ok(control)
    }

    /// Opens every database, so that what its module has scheduled runs. A database that does not open hinders
    /// no other.
    pub(crate) async fn open_all(&self) {
        for identity in self.catalog.databases(|record| record.phase == Phase::Ready) {
            // What is wrong with it has been told to the log.
            let _ = self.database(identity).await;
        }
    }

    /// Closes every database: each finishes what is running and writes a checkpoint. One that takes longer than
    /// `limit` is left as it is, which is what a kill would do: nothing that it has acknowledged is lost.
    pub(crate) async fn close_all(&self, limit: Duration) {
        self.closing.store(true, Ordering::SeqCst);
        let slots: Vec<_> =
            self.slots.lock().iter().map(|(identity, slot)| (*identity, slot.clone())).collect();
        let close = |(identity, slot): (Identity, Arc<Slot>)| async move {
            let closed = timeout(limit, async {
                let _state = slot.exclusive.lock().await;
                let database = self.open.write().remove(&identity);
                match database {
                    Some(database) => database.close().await,
                    None => Ok(()),
                }
            });
            match closed.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("database {identity}: {error}"),
                Err(_) => tracing::warn!("database {identity} is busy; what it is doing is cut off"),
            }
        };
        futures::future::join_all(slots.into_iter().map(close)).await;
    }

    /// The identity that a name or an identity stands for, whether or not there is a database.
    pub(crate) fn resolve(&self, target: &Target) -> Result<Identity, ControlError> {
        match target {
            Target::Identity(identity) => Ok(*identity),
            Target::Name(name) => {
                self.catalog.lookup(name).ok_or_else(|| ControlError::NoSuchName(name.clone()))
            }
        }
    }

    /// What is known of a database.
    pub(crate) fn info(&self, target: &Target) -> Result<DatabaseInfo, ControlError> {
        let identity = self.resolve(target)?;
        let record = self.ready(identity).ok_or(ControlError::NoSuchDatabase)?;
        let Record { owner, kind, initial_program, phase: _, locked: _ } = record;
        Ok(DatabaseInfo { identity, owner, kind, initial_program })
    }

    /// The same, for the owner only.
    pub(crate) fn info_for_owner(
        &self,
        target: &Target,
        caller: Identity,
        action: Action,
    ) -> Result<DatabaseInfo, ControlError> {
        let info = self.info(target)?;
        check_owner(info.identity, info.owner, caller, action)?;
        Ok(info)
    }

    /// The open handle of a database. Opens it if need be.
    pub(crate) async fn find(&self, target: &Target) -> Result<Database, ControlError> {
        let identity = self.resolve(target)?;
        self.database(identity).await
    }

    /// The names of a database, in order.
    pub(crate) fn names_of(&self, identity: Identity) -> Vec<DatabaseName> {
        self.catalog.names_of(identity)
    }

    /// The databases of an owner, in order.
    pub(crate) fn owned_by(&self, owner: Identity) -> Vec<Identity> {
        self.catalog.databases(|record| record.phase == Phase::Ready && record.owner == owner)
    }

    /// The databases that are open, in order.
    pub(crate) fn running(&self) -> Vec<(Identity, Database)> {
        let mut running: Vec<_> =
            self.open.read().iter().map(|(identity, database)| (*identity, database.clone())).collect();
        running.sort_by_key(|(identity, _)| *identity);
        running
    }

    /// Adds a name. That is open to whoever may make databases; the name is theirs then.
    pub(crate) fn add_name(
        &self,
        name: &DatabaseName,
        target: &Target,
        caller: Identity,
    ) -> Result<Identity, ControlError> {
        let identity = self.info(target)?.identity;
        self.check_may_create(caller)?;
        block_in_place(|| self.catalog.bind(name, identity, caller))?;
        Ok(identity)
    }

    /// Replaces all names of a database.
    pub(crate) fn replace_names(
        &self,
        names: &[DatabaseName],
        target: &Target,
        caller: Identity,
    ) -> Result<(), ControlError> {
        let info = self.info_for_owner(target, caller, Action::Rename)?;
        Ok(block_in_place(|| self.catalog.replace_names(names, info.identity, caller))?)
    }

    /// Whether the caller may publish there at all: to be asked before a program is received.
    pub(crate) fn check_may_publish(
        &self,
        target: Option<&Target>,
        caller: Identity,
        clear: bool,
    ) -> Result<(), ControlError> {
        let Some(target) = target else {
            return self.check_may_create(caller);
        };
        let identity = match self.resolve(target) {
            Ok(identity) => identity,
            Err(ControlError::NoSuchName(name)) => {
                self.check_name_is_free_for(&name, caller)?;
                return self.check_may_create(caller);
            }
            Err(error) => return Err(error),
        };
        match self.ready(identity) {
            Some(record) => check_may_republish(identity, &record, caller, clear),
            None => {
                self.check_vacant_identity(identity, caller)?;
                self.check_may_create(caller)
            }
        }
    }

    /// Publishes a program: to a database that exists, or to a new one. Not to be dropped before its end.
    pub(crate) async fn publish(&self, publish: Publish) -> Result<PublishReport, ControlError> {
        let Publish { caller, target, program, clear, policy } = publish;
        self.check_may_publish(target.as_ref(), caller, clear)?;
        let database = match &target {
            None => self.new_identity(),
            Some(target) => self.identity_for(target, caller)?,
        };

        let slot = self.slot(database);
        let mut state = slot.exclusive.lock().await;
        let Some(record) = self.ready(database) else {
            self.check_vacant_identity(database, caller)?;
            self.create(database, caller, program).await?;
            state.failed = None;
            tracing::info!("database {database} was created by {caller}");
            return Ok(PublishReport { database, created: true, changes: Vec::new() });
        };
        check_may_republish(database, &record, caller, clear)?;
        let handle = self.open_in_slot(database, &mut state).await?;
        if !clear {
            let report = self.update(&handle, &record, program, policy).await?;
            tracing::info!("database {database} was published to");
            return Ok(report);
        }
        let record = Record { kind: program.kind, initial_program: Hash::of(&program.bytes), ..record };
        handle.reset(Some(program)).await?;
        tracing::info!("database {database} was published to, and its data dropped");
        self.put_record(database, &record)?;
        Ok(PublishReport { database, created: false, changes: vec!["all data was dropped".to_owned()] })
    }

    /// Publishes to a database that keeps its data.
    async fn update(
        &self,
        database: &Database,
        record: &Record,
        program: Program,
        policy: Policy,
    ) -> Result<PublishReport, ControlError> {
        let identity = database.key().database;
        let policy = client_policy(database, Hash::of(&program.bytes), policy)?;
        let kind = program.kind;
        let changes = match database.publish(program, policy).await? {
            Published::Unchanged => Vec::new(),
            Published::Updated { changes, .. } => changes,
        };
        if record.kind != kind {
            self.put_record(identity, &Record { kind, ..record.clone() })?;
        }
        let changes = changes.iter().map(Change::to_string).collect();
        Ok(PublishReport { database: identity, created: false, changes })
    }

    /// Drops the data of a database and starts its present program anew. Not to be dropped before its end.
    pub(crate) async fn reset(&self, target: &Target, caller: Identity) -> Result<Identity, ControlError> {
        let info = self.info_for_owner(target, caller, Action::Reset)?;
        let slot = self.slot(info.identity);
        let mut state = slot.exclusive.lock().await;
        let record = self.ready(info.identity).ok_or(ControlError::NoSuchDatabase)?;
        check_unlocked(info.identity, &record, Action::Reset)?;
        let handle = self.open_in_slot(info.identity, &mut state).await?;
        handle.reset(None).await?;
        tracing::info!("database {} was reset", info.identity);
        Ok(info.identity)
    }

    /// Removes a database and its data; its names keep leading to its identity. Nothing to do if there is none.
    /// Not to be dropped before its end.
    pub(crate) async fn delete(&self, target: &Target, caller: Identity) -> Result<(), ControlError> {
        let identity = self.resolve(target)?;
        let slot = self.slot(identity);
        let mut state = slot.exclusive.lock().await;
        let Some(record) = self.ready(identity) else {
            return Ok(());
        };
        check_owner(identity, record.owner, caller, Action::Delete)?;
        check_unlocked(identity, &record, Action::Delete)?;
        // From here on it is gone, even if the server is killed before its files are.
        let record = Record { phase: Phase::Deleting, ..record };
        self.put_record(identity, &record)?;
        let handle = self.open.write().remove(&identity);
        if let Some(handle) = handle {
            // A database that has stopped can be deleted as well.
            let _ = handle.close().await;
        }
        self.remove(identity)?;
        state.failed = None;
        tracing::info!("database {identity} was deleted");
        Ok(())
    }

    /// Locks a database, so that it is neither deleted nor reset, or unlocks it. Not to be dropped before its end.
    pub(crate) async fn set_locked(
        &self,
        target: &Target,
        caller: Identity,
        locked: bool,
    ) -> Result<(), ControlError> {
        let identity = self.resolve(target)?;
        let slot = self.slot(identity);
        let _state = slot.exclusive.lock().await;
        let record = self.ready(identity).ok_or(ControlError::NoSuchDatabase)?;
        check_owner(identity, record.owner, caller, Action::Lock)?;
        if record.locked != locked {
            self.put_record(identity, &Record { locked, ..record })?;
            tracing::info!("database {identity} was {}", if locked { "locked" } else { "unlocked" });
        }
        Ok(())
    }

    /// The identity of a database that may have to be made. A name is registered before there is a database, and
    /// stays registered if there will be none.
    fn identity_for(&self, target: &Target, caller: Identity) -> Result<Identity, ControlError> {
        let name = match target {
            Target::Identity(identity) => return Ok(*identity),
            Target::Name(name) => name,
        };
        if let Some(identity) = self.catalog.lookup(name) {
            return Ok(identity);
        }
        let identity = self.new_identity();
        match block_in_place(|| self.catalog.bind(name, identity, caller)) {
            Ok(()) => Ok(identity),
            // Somebody was quicker, the same caller even.
            Err(BindError::Taken(_)) => self.resolve(target),
            Err(error) => Err(error.into()),
        }
    }

    async fn database(&self, identity: Identity) -> Result<Database, ControlError> {
        if let Some(database) = self.open.read().get(&identity).filter(|it| !it.has_stopped()) {
            return Ok(database.clone());
        }
        if self.ready(identity).is_none() {
            return Err(ControlError::NoSuchDatabase);
        }
        let slot = self.slot(identity);
        let mut state = slot.exclusive.lock().await;
        self.open_in_slot(identity, &mut state).await
    }

    async fn open_in_slot(
        &self,
        identity: Identity,
        state: &mut SlotState,
    ) -> Result<Database, ControlError> {
        let present = self.open.read().get(&identity).cloned();
        if let Some(database) = present.as_ref().filter(|it| !it.has_stopped()) {
            return Ok(database.clone());
        }
        self.check_not_closing()?;
        let record = self.ready(identity).ok_or(ControlError::NoSuchDatabase)?;
        if let Some((when, error)) = &state.failed
            && when.elapsed() < RETRY_OPEN_AFTER
        {
            // One that has stopped says why, and has a log that can be read.
            return present.ok_or_else(|| ControlError::Open(error.clone()));
        }
        if let Some(stopped) = &present {
            // It lets go of its file. Why it has stopped is known.
            let _ = stopped.close().await;
        }
        let key = DatabaseKey { database: identity, owner: record.owner };
        match Database::open(&self.host, &self.database_dir(identity), key).await {
            Ok(database) => {
                if present.is_some() {
                    tracing::info!("database {identity} had stopped and is open again");
                }
                state.failed = None;
                self.open.write().insert(identity, database.clone());
                Ok(database)
            }
            Err(error) => {
                tracing::error!("database {identity}: {error}");
                let error = Arc::new(error);
                state.failed = Some((Instant::now(), error.clone()));
                present.ok_or(ControlError::Open(error))
            }
        }
    }

    async fn create(
        &self,
        identity: Identity,
        owner: Identity,
        program: Program,
    ) -> Result<(), ControlError> {
        self.check_not_closing()?;
        let mut record = Record {
            owner,
            kind: program.kind,
            initial_program: Hash::of(&program.bytes),
            phase: Phase::Creating,
            locked: false,
        };
        self.put_record(identity, &record)?;
        let key = DatabaseKey { database: identity, owner };
        let created = Database::create(&self.host, &self.database_dir(identity), key, program).await;
        match created {
            Ok(database) => {
                record.phase = Phase::Ready;
                self.put_record(identity, &record)?;
                self.open.write().insert(identity, database);
                Ok(())
            }
            Err(error) => {
                if let Err(also) = self.remove(identity) {
                    tracing::error!("database {identity}: {also}");
                }
                Err(error.into())
            }
        }
    }

    /// Random, like those of callers: nobody can lay claim to it beforehand.
    fn new_identity(&self) -> Identity {
        self.authority.anonymous().0
    }

    /// What is known of a database that is there.
    fn ready(&self, identity: Identity) -> Option<Record> {
        self.catalog.database(identity).filter(|record| record.phase == Phase::Ready)
    }

    fn check_may_create(&self, caller: Identity) -> Result<(), ControlError> {
        match &self.may_create {
            MayCreate::Anyone => Ok(()),
            MayCreate::Only(these) if these.contains(&caller) => Ok(()),
            MayCreate::Only(_) => Err(ControlError::MayNotCreate(caller)),
        }
    }

    fn check_name_is_free_for(&self, name: &DatabaseName, caller: Identity) -> Result<(), ControlError> {
        match self.catalog.name_owner(name) {
            Some(owner) if owner != caller => Err(BindError::NotYours(name.clone()).into()),
            _ => Ok(()),
        }
    }

    /// A deleted database's identity comes back to life only through the owner of its names: otherwise whoever
    /// is quick would take over an address that clients trust.
    fn check_vacant_identity(&self, identity: Identity, caller: Identity) -> Result<(), ControlError> {
        let is_foreign =
            |name: &DatabaseName| self.catalog.name_owner(name).is_some_and(|owner| owner != caller);
        match self.catalog.names_of(identity).into_iter().find(is_foreign) {
            Some(name) => Err(ControlError::Reserved(name)),
            None => Ok(()),
        }
    }

    fn check_not_closing(&self) -> Result<(), ControlError> {
        if self.closing.load(Ordering::SeqCst) {
            return Err(Stopped("the server is going down".into()).into());
        }
        Ok(())
    }

    fn slot(&self, identity: Identity) -> Arc<Slot> {
        self.slots.lock().entry(identity).or_default().clone()
    }

    fn database_dir(&self, identity: Identity) -> PathBuf {
        self.dir.join(identity.to_hex())
    }

    fn put_record(&self, identity: Identity, record: &Record) -> Result<(), ControlError> {
        block_in_place(|| self.catalog.put_database(identity, record)).map_err(ControlError::Disk)
    }

    fn remove(&self, identity: Identity) -> Result<(), ControlError> {
        block_in_place(|| self.remove_now(identity)).map_err(ControlError::Disk)
    }

    /// Removes the files of a database and then, when nothing is left to be removed, its record.
    fn remove_now(&self, identity: Identity) -> Result<(), String> {
        let dir = self.database_dir(identity);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", dir.display()));
            }
            _ => {}
        }
        self.catalog.remove_database(identity)
    }
}

/// Whether the caller may publish to a database that is there, and drop its data if `clear`.
fn check_may_republish(
    database: Identity,
    record: &Record,
    caller: Identity,
    clear: bool,
) -> Result<(), ControlError> {
    let action = if clear { Action::Reset } else { Action::Publish };
    check_owner(database, record.owner, caller, action)?;
    if clear { check_unlocked(database, record, action) } else { Ok(()) }
}

fn check_unlocked(database: Identity, record: &Record, action: Action) -> Result<(), ControlError> {
    if record.locked { Err(ControlError::Locked { database, action }) } else { Ok(()) }
}

fn check_owner(
    database: Identity,
    owner: Identity,
    caller: Identity,
    action: Action,
) -> Result<(), ControlError> {
    if owner == caller { Ok(()) } else { Err(ControlError::NotOwner { caller, database, action }) }
}

#[cfg(test)]
mod tests {
    use orrery_runtime::HostConfig;

    use super::*;

    const ALICE: Identity = Identity([1; 32]);
    const BOB: Identity = Identity([2; 32]);
    const ONE: Identity = Identity([3; 32]);

    fn open(dir: &Path, may_create: MayCreate) -> Control {
        let config = HostConfig {
            program_cache: None,
            memory_limit: 1 << 20,
            time_limit: Duration::from_secs(1),
            queue_capacity: 1,
            view_instances: 1,
            ..HostConfig::default()
        };
        let host = Host::new(config).unwrap();
        Control::open(host, dir, may_create, Arc::new(Authority::open(dir).unwrap())).unwrap()
    }

    fn target(name: &str) -> Target {
        name.parse().unwrap()
    }

    fn record(phase: Phase) -> Record {
        let initial_program = Hash([7; 32]);
        Record { owner: ALICE, kind: ProgramKind::Wasm, initial_program, phase, locked: false }
    }

    #[test]
    fn what_a_killed_server_left_half_done_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let control = open(dir.path(), MayCreate::Anyone);
        for (identity, phase) in [(ONE, Phase::Creating), (BOB, Phase::Deleting), (ALICE, Phase::Ready)] {
            fs::create_dir(control.database_dir(identity)).unwrap();
            fs::write(control.database_dir(identity).join("file"), "data").unwrap();
            control.catalog.put_database(identity, &record(phase)).unwrap();
        }
        assert!(matches!(control.info(&Target::Identity(ONE)), Err(ControlError::NoSuchDatabase)));
        drop(control);
        let control = open(dir.path(), MayCreate::Anyone);
        for gone in [ONE, BOB] {
            assert!(!control.database_dir(gone).exists());
            assert_eq!(control.catalog.database(gone), None);
        }
        assert!(control.database_dir(ALICE).join("file").exists());
        assert_eq!(control.owned_by(ALICE), [ALICE]);
    }

    #[test]
    fn creating_can_be_for_some_only() {
        let dir = tempfile::tempdir().unwrap();
        let control = open(dir.path(), MayCreate::Only(vec![ALICE]));
        control.catalog.put_database(ONE, &record(Phase::Ready)).unwrap();
        let new = target("new");
        for target in [None, Some(&new), Some(&Target::Identity(BOB))] {
            assert!(control.check_may_publish(target, ALICE, false).is_ok());
            let refused = control.check_may_publish(target, BOB, false);
            assert!(matches!(refused, Err(ControlError::MayNotCreate(BOB))), "{target:?}");
        }
    }

    #[test]
    fn only_the_owner_may_change_a_database() {
        let dir = tempfile::tempdir().unwrap();
        let control = open(dir.path(), MayCreate::Anyone);
        control.catalog.put_database(ONE, &record(Phase::Ready)).unwrap();
        let one = Target::Identity(ONE);
        for clear in [false, true] {
            assert!(control.check_may_publish(Some(&one), ALICE, clear).is_ok());
            let refused = control.check_may_publish(Some(&one), BOB, clear);
            assert!(matches!(refused, Err(ControlError::NotOwner { caller: BOB, database: ONE, .. })));
        }
        assert!(control.info_for_owner(&one, ALICE, Action::ReadLogs).is_ok());
        assert!(control.info_for_owner(&one, BOB, Action::ReadLogs).is_err());
        assert!(control.info(&one).is_ok());
    }

    #[test]
    fn a_name_without_a_database_waits_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let control = open(dir.path(), MayCreate::Anyone);
        let name = "app".parse().unwrap();
        control.catalog.bind(&name, ONE, ALICE).unwrap();
        for target in [target("app"), Target::Identity(ONE)] {
            assert!(control.check_may_publish(Some(&target), ALICE, false).is_ok());
            let refused = control.check_may_publish(Some(&target), BOB, false);
            assert!(matches!(refused, Err(ControlError::Reserved(_))));
        }
        control.catalog.replace_names(&[], ONE, ALICE).unwrap();
        let refused = control.check_may_publish(Some(&target("app")), BOB, false);
        assert!(matches!(refused, Err(ControlError::Bind(BindError::NotYours(_)))));
    }
}
