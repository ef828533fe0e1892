//! What the fuzz targets have in common: [`memory`] bounds what is allocated, [`sql`] is a small database that takes
//! any text, and each other module is the check of one kind of input.
//!
//! A check panics if a promise is broken: no input makes a decoder panic or allocate much more than has arrived, and
//! what was decoded is encoded as it was.

pub mod bsatn;
pub mod memory;
pub mod module_def;
pub mod sats_json;
pub mod sql;

/// The store and the queries, compiled from their sources: a dependency on the runtime would bring the engines with it,
/// which take many minutes to compile and are not asked anything here.
#[path = "../../../runtime/src/store/mod.rs"]
#[allow(warnings)]
mod store;

#[path = "../../../runtime/src/query/mod.rs"]
#[allow(warnings)]
mod query;

#[path = "../../../runtime/src/schema/system.rs"]
#[allow(warnings)]
mod system;

/// What the queries want to know of a program.
mod schema {
    use orrery_host_abi::{ModuleDef, TableId};

    pub(crate) use crate::system::{FIRST_USER_ID, SYSTEM_TABLES, table as system_table};

    /// A program whose tables have the ids that follow [`FIRST_USER_ID`], in their order.
    #[derive(Debug)]
    pub(crate) struct Catalog {
        pub(crate) module: ModuleDef,
    }

    impl Catalog {
        pub(crate) fn table(&self, name: &str) -> Option<TableId> {
            let place = self.module.tables.iter().position(|table| &*table.name == name)?;
            u32::try_from(place).ok().map(|place| TableId(FIRST_USER_ID + place))
        }
    }
}
