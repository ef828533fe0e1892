//! Databases that run code: a store of rows, engines for modules, and the worker that brings them together.

mod backup;
mod calls;
mod clock;
mod database;
pub mod engine;
mod host;
mod launch;
mod lending;
mod log;
mod outbound;
mod pace;
mod pool;
mod procedures;
mod program;
mod query;
mod readers;
mod running;
mod scheduler;
mod schema;
mod session;
mod shared;
mod sql;
pub mod store;
mod views;
mod worker;

pub use calls::Called;
pub use clock::{Clock, SystemClock};
pub use database::{
    Args, CallError, Caller, ClientPolicy, Database, DatabaseKey, OpenError, PlannedChanges, Program,
    ProgramKind, PublishError, Published, Stats, Stopped, UpgradePlan,
};
pub use host::{Host, HostConfig};
pub use log::{LogOptions, ModuleLog};
pub use outbound::Outbound;
pub use query::Changed;
pub use schema::{Action, Change, ProgramRecord};
pub use sql::{SqlError, SqlResult};
pub use views::{
    Forms, InvalidStateId, StateId, ViewAnswer, ViewChange, ViewEnd, ViewEvent, ViewReply, ViewShape,
    ViewWatch,
};
