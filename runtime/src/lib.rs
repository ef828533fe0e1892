//! Databases that run code: a store of rows, engines for modules, and the worker that brings them together.

mod database;
pub mod engine;
mod etag;
mod host;
mod launch;
mod log;
mod program;
mod readers;
mod running;
mod schema;
mod session;
mod shared;
pub mod store;
mod worker;

pub use database::{
    Args, CallError, Caller, Database, DatabaseKey, OpenError, Program, ProgramKind, PublishError, Published,
    Stats, Stopped, ViewReply,
};
pub use host::{Host, HostConfig};
pub use log::ModuleLog;
