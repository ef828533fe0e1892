//! The store: rows in memory in their wire form, durable through redb.
//!
//! One [`Writer`] changes the current state in place and can take it back; any number of [`Snapshot`]s keep
//! looking at the state of the commit at which they were taken. Both show their data as [`Table`]s.

mod api;
mod change_set;
mod error;
mod spec;

pub use api::*;
pub use change_set::{ChangeSet, RowList, TableChanges};
pub use error::{CommitError, Duplicate, DurabilityError, KeyError, OpenError, SchemaError, WriteError};
pub use spec::{IndexKind, IndexSpec, SequenceSpec, TableKind, TableSpec};
