//! The state at a commit, to read from while the writer goes on.

use std::sync::Arc;

use orrery_host_abi::{IndexId, TableId};

use super::{TxOffset, id_map::IdMap, table::Table};

/// The committed state at one moment. Cheap to take and to clone; it stays as it is and blocks nobody. While it is
/// held, what the writer changes is copied first, in pieces of 4 KiB.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) offset: TxOffset,
    /// By id.
    pub(super) tables: Arc<[triomphe::Arc<Table>]>,
    pub(super) index_tables: triomphe::Arc<IdMap<TableId>>,
}

impl Snapshot {
    /// The offset of the last durable transaction in it.
    pub fn offset(&self) -> TxOffset {
        self.offset
    }

    /// The table with that id.
    pub fn table(&self, table: TableId) -> Option<&Table> {
        let at = self.tables.binary_search_by_key(&table, |table| table.id()).ok()?;
        Some(&self.tables[at])
    }

    /// All tables, by id.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().map(|table| &**table)
    }

    /// The table that has that index.
    pub fn index_table(&self, index: IndexId) -> Option<TableId> {
        self.index_tables.get(index.0).copied()
    }
}
