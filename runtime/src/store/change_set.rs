//! What a transaction changed.

use std::ops::Range;

use orrery_host_abi::TableId;

use super::TableKind;

/// What one transaction changed, net: a row that it inserted and deleted again does not appear, nor does one
/// that it deleted and inserted again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The rows of all lists, one after the other.
    pub(super) bytes: Vec<u8>,
    /// Where each row ends in its list, for tables whose rows differ in length.
    pub(super) ends: Vec<usize>,
    pub(super) tables: Vec<TableEntry>,
}

/// A table in a [`ChangeSet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableEntry {
    pub(super) table: TableId,
    pub(super) kind: TableKind,
    /// The first so many deleted rows were replaced by the inserted rows in the same places.
    pub(super) replaced: usize,
    pub(super) deletes: ListEntry,
    pub(super) inserts: ListEntry,
}

/// A list of rows in a [`ChangeSet`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ListEntry {
    pub(super) bytes: Range<usize>,
    pub(super) lens: LenEntry,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LenEntry {
    Fixed { row_len: usize, rows: usize },
    Ends(Range<usize>),
}

impl Default for LenEntry {
    fn default() -> Self {
        Self::Ends(0..0)
    }
}

impl ChangeSet {
    /// Forgets everything but the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.tables.clear();
    }

    /// How much memory it holds, about.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
            + self.tables.capacity() * size_of::<TableEntry>()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The tables with changes, each once.
    pub fn tables(&self) -> impl ExactSizeIterator<Item = TableChanges<'_>> {
        self.tables.iter().map(|entry| TableChanges { set: self, entry })
    }

    /// The changes of one table, if there are any.
    pub fn table(&self, table: TableId) -> Option<TableChanges<'_>> {
        self.tables().find(|changes| changes.table() == table)
    }

    /// The changes of the table that was added last.
    pub(super) fn last(&self) -> Option<TableChanges<'_>> {
        self.tables.last().map(|entry| TableChanges { set: self, entry })
    }

    fn list(&self, entry: &ListEntry) -> RowList<'_> {
        let lens = match &entry.lens {
            LenEntry::Fixed { row_len, rows } => Lens::Fixed { row_len: *row_len, rows: *rows },
            LenEntry::Ends(ends) => Lens::Ends(&self.ends[ends.clone()]),
        };
        RowList { bytes: &self.bytes[entry.bytes.clone()], lens }
    }
}

/// The changes of one table in a [`ChangeSet`]: at least one row was inserted or deleted.
#[derive(Debug, Clone, Copy)]
pub struct TableChanges<'a> {
    set: &'a ChangeSet,
    entry: &'a TableEntry,
}

impl<'a> TableChanges<'a> {
    /// The table.
    pub fn table(&self) -> TableId {
        self.entry.table
    }

    /// How long the table's rows live.
    pub fn kind(&self) -> TableKind {
        self.entry.kind
    }

    /// The rows that are new.
    pub fn inserts(&self) -> RowList<'a> {
        self.set.list(&self.entry.inserts)
    }

    /// The rows that are gone.
    pub fn deletes(&self) -> RowList<'a> {
        self.set.list(&self.entry.deletes)
    }

    /// The rows that were updated in place, as pairs of old and new. They are among the deletes and inserts;
    /// an update that had to move its row is only there.
    pub fn replaced(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> {
        let (deletes, inserts) = (self.deletes(), self.inserts());
        (0..self.entry.replaced).map(move |i| (deletes.row(i), inserts.row(i)))
    }
}

/// Rows, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct RowList<'a> {
    bytes: &'a [u8],
    lens: Lens<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Lens<'a> {
    Fixed { row_len: usize, rows: usize },
    Ends(&'a [usize]),
}

impl<'a> RowList<'a> {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self.lens {
            Lens::Fixed { rows, .. } => rows,
            Lens::Ends(ends) => ends.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows without anything between them.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The rows from that one on, without anything between them.
    pub(super) fn bytes_from(&self, index: usize) -> &'a [u8] {
        match self.lens {
            Lens::Fixed { row_len, .. } => &self.bytes[index * row_len..],
            Lens::Ends(ends) => &self.bytes[index.checked_sub(1).map_or(0, |before| ends[before])..],
        }
    }

    /// The length in bytes of every row, if the table's rows all have the same.
    pub fn fixed_len(&self) -> Option<usize> {
        match self.lens {
            Lens::Fixed { row_len, .. } => Some(row_len),
            Lens::Ends(_) => None,
        }
    }

    /// One row. Panics if `index` is not below [`Self::len`].
    pub fn row(&self, index: usize) -> &'a [u8] {
        match self.lens {
            Lens::Fixed { row_len, rows } => {
                assert!(index < rows, "row {index} of {rows}");
                &self.bytes[index * row_len..][..row_len]
            }
            Lens::Ends(ends) => {
                let start = index.checked_sub(1).map_or(0, |before| ends[before]);
                &self.bytes[start..ends[index]]
            }
        }
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let list = *self;
        (0..list.len()).map(move |i| list.row(i))
    }
}
