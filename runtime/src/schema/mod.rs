//! The schema of a database: from a module's definition to tables in the store, and from names to ids.

mod apply;
mod catalog;
mod plan;
mod system;

pub(crate) use apply::{SchemaError, apply, initialise, write_module_row};
pub(crate) use catalog::{Catalog, ModuleRow, ScheduledTable};
pub(crate) use plan::plan;
pub(crate) use system::{FIRST_USER_ID, SYSTEM_TABLES, index as system_index, table as system_table};
