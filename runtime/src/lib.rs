//! Databases that run code: a store of rows, engines for modules, and the worker that brings them together.

mod database;
mod host;
mod log;
pub mod store;

pub use database::{
    Args, CallError, Caller, Database, DatabaseKey, OpenError, Program, ProgramKind, PublishError, Published,
    Stats, Stopped, ViewReply,
};
pub use host::{Host, HostConfig};
pub use log::ModuleLog;
