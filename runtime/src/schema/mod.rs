//! The schema of a database: from a module's definition to tables in the store, and from names to ids.

mod apply;
mod catalog;
mod changes;
mod checks;
mod growth;
mod history;
mod initialise;
mod plan;
mod rows;
mod sequences;
mod system;

pub(crate) use apply::{SchemaError, apply};
pub(crate) use catalog::{Catalog, ModuleRow, ScheduledTable};
pub(crate) use changes::changes;
pub use changes::{Action, Change};
pub(crate) use checks::{Stored, check_unique};
pub use history::ProgramRecord;
pub(crate) use history::{HISTORY, program, programs};
pub(crate) use initialise::{initialise, write_program};
pub(crate) use plan::plan;
pub(crate) use sequences::note_allocated;
pub(crate) use system::{FIRST_USER_ID, SYSTEM_TABLES, index as system_index, table as system_table};

#[cfg(test)]
pub(crate) mod tests;
