//! A database: a program and its data, as the frontend sees it.
//!
//! [`Database`] is a handle that can be cloned and used from any thread. Behind it one worker thread owns
//! the write side; what may run beside it (views) runs on readers over snapshots.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use orrery_host_abi::{AlgebraicType, ConnectionId, Fault, Hash, Identity, ModuleDef, Typespace};

use crate::{host::Host, log::ModuleLog};

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
    /// The program runs now; these changes were made to the data, in words. Empty if the schema is the same.
    Updated(Vec<String>),
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
    /// The database has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
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
    #[error("the file holds database {found:?}, not {expected:?}")]
    WrongDatabase {
        /// What was asked for.
        expected: DatabaseKey,
        /// What the file says.
        found: DatabaseKey,
    },
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
        /// `reducer` or `view`.
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
        /// `reducer` or `view`.
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
    /// The function broke.
    #[error(transparent)]
    Broke(Fault),
    /// The function needs something that is not built in.
    #[error("{0}")]
    Unsupported(String),
    /// More calls wait than the database takes.
    #[error("the database has too many calls waiting; try again")]
    Busy,
    /// The database has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What a view answered.
#[derive(Debug, Clone)]
pub enum ViewReply {
    /// Nothing that the view read has changed since the answer with the `ETag` that the caller named.
    NotModified(Arc<str>),
    /// The rows.
    Rows {
        /// Names this answer: strong, without quotes.
        etag: Arc<str>,
        /// BSATN: an array of rows.
        rows: Bytes,
        /// The type of a row; its references lead into `typespace`.
        row_type: AlgebraicType,
        /// The definition whose typespace `row_type` refers to.
        module: Arc<ModuleDef>,
        /// Whether the answer depends on who asks.
        per_caller: bool,
    },
}

/// A handle to a running database.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: DatabaseKey,
}

impl Database {
    /// Makes a database at `path` (which must not exist) and runs the module's `init`. Leaves nothing behind if
    /// that fails.
    pub async fn create(
        host: &Arc<Host>,
        path: &Path,
        key: DatabaseKey,
        program: Program,
    ) -> Result<Self, PublishError> {
        unimplemented!()
    }

    /// Opens the database at `path`, runs its stored program, and ends the connections that a killed server
    /// left open.
    pub async fn open(host: &Arc<Host>, path: &Path, key: DatabaseKey) -> Result<Self, OpenError> {
        unimplemented!()
    }

    /// The database's identity and owner.
    pub fn key(&self) -> DatabaseKey {
        unimplemented!()
    }

    /// The definition of the running program.
    pub fn module(&self) -> Arc<ModuleDef> {
        unimplemented!()
    }

    /// The kind and hash of the running program.
    pub fn program(&self) -> (ProgramKind, Hash) {
        unimplemented!()
    }

    /// Swaps the program and keeps the data.
    pub async fn publish(&self, program: Program) -> Result<Published, PublishError> {
        unimplemented!()
    }

    /// Drops all data and starts anew with that program, or with the present one.
    pub async fn reset(&self, program: Option<Program>) -> Result<(), PublishError> {
        unimplemented!()
    }

    /// One reducer call that is its own connection: `client_connected` is asked first if the module has one, and
    /// `client_disconnected` runs afterwards. `args` is JSON or BSATN. Answers when the changes are durable.
    pub async fn call_once(&self, caller: &Caller, reducer: &str, args: Args) -> Result<(), CallError> {
        unimplemented!()
    }

    /// A reducer call on a connection that is open. Answers when the changes are durable.
    pub async fn call(&self, caller: &Caller, reducer: &str, args: Args) -> Result<(), CallError> {
        unimplemented!()
    }

    /// One view call, over what is durable; connects as [`Self::call_once`] does. `if_none_match` are the `ETag`s
    /// (without quotes) that the caller has.
    pub async fn view_once(&self, caller: &Caller, view: &str, if_none_match: &[&str]) -> Result<ViewReply, CallError> {
        unimplemented!()
    }

    /// Opens a connection: asks `client_connected`.
    pub async fn connect(&self, caller: &Caller) -> Result<(), CallError> {
        unimplemented!()
    }

    /// Ends a connection: runs `client_disconnected`, whose failure is only logged.
    pub async fn disconnect(&self, caller: &Caller) -> Result<(), Stopped> {
        unimplemented!()
    }

    /// The module's log.
    pub fn log(&self) -> &ModuleLog {
        unimplemented!()
    }

    /// Figures for `/metrics`.
    pub fn stats(&self) -> Stats {
        unimplemented!()
    }

    /// Finishes what is running, writes a checkpoint and lets go of the file.
    pub async fn close(&self) -> Result<(), Stopped> {
        unimplemented!()
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
    /// Rows in all user tables.
    pub rows: u64,
    /// The offset of the newest transaction.
    pub committed_offset: u64,
    /// The offset up to which transactions are on disk.
    pub durable_offset: u64,
}
