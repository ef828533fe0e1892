//! The rows that a query is run over.

use std::collections::HashMap;

use orrery_host_abi::TableId;

use crate::store::{Snapshot, Table, Writer};

/// A state of the tables.
pub(crate) trait Tables {
    /// The table with that id.
    fn table(&self, table: TableId) -> Option<&Table>;
}

impl Tables for Snapshot {
    fn table(&self, table: TableId) -> Option<&Table> {
        Snapshot::table(self, table)
    }
}

impl Tables for Writer {
    fn table(&self, table: TableId) -> Option<&Table> {
        Writer::table(self, table)
    }
}

/// The rows of views, by the place of the view in the module.
pub(crate) type ViewRows<'a> = HashMap<usize, Vec<&'a [u8]>>;

/// Where the rows of tables and views are.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    tables: &'a dyn Tables,
    views: Option<&'a ViewRows<'a>>,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl<'a> Sources<'a> {
    /// Tables alone.
    pub(crate) fn tables(tables: &'a dyn Tables) -> Self {
        Self { tables, views: None }
    }

    /// Tables, and views whose rows have been computed.
    pub(crate) fn with_views(tables: &'a dyn Tables, views: &'a ViewRows<'a>) -> Self {
        Self { tables, views: Some(views) }
    }

    pub(super) fn table(self, table: TableId) -> Option<&'a Table> {
        self.tables.table(table)
    }

    /// The rows of a view; none if they have not been computed.
    pub(super) fn view(self, view: usize) -> &'a [&'a [u8]] {
        self.views.and_then(|views| views.get(&view)).map_or(&[], Vec::as_slice)
    }
}
