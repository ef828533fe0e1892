//! The write handle: one transaction after the other on the current state.

use orrery_host_abi::{IndexId, SequenceId, TableId};
use smallvec::SmallVec;
use triomphe::Arc;

use super::{
    RangeArgs, SequenceState, Snapshot, StoreOptions, Table, TableKind, TxOffset, WriteError,
    change_set::ChangeSet,
    id_map::IdMap,
    index::Matches,
    journal::{Durability, Journal},
    page::{RowPtr, Stamp},
    schema::SchemaUndo,
    table_writer::{Scratch, TableWriter},
};

/// The write handle of a store: the current state, which it changes in place, and what it takes to undo that.
///
/// A transaction is open at all times: it begins where the last one ended, with [`Self::commit`] or
/// [`Self::rollback`]. The handle can be moved to another thread and is as wide as a pointer. When it is dropped,
/// the open transaction is lost and the committed ones are made durable; [`Self::close`] does that and tells
/// whether it went well.
#[derive(Debug)]
pub struct Writer(pub(super) Box<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) tables: IdMap<TableWriter>,
    pub(super) index_tables: Arc<IdMap<TableId>>,
    pub(super) sequence_tables: IdMap<TableId>,
    pub(super) stamp: Stamp,
    /// The last committed transaction that changed something durable.
    pub(super) offset: u64,
    /// The last version given to a table that is not durable.
    pub(super) passing_version: u64,
    pub(super) journal: Journal,
    pub(super) options: StoreOptions,
    /// Bytes of the journal since the last checkpoint was asked for.
    pub(super) journal_bytes: u64,
    /// The offset of that checkpoint.
    pub(super) checkpoint_offset: u64,
    /// How many bytes all rows take that are committed.
    pub(super) row_bytes: u64,

    // The open transaction.
    /// Tables whose rows were touched.
    pub(super) touched: Vec<TableId>,
    /// Changes of the schema in order: how to undo them, and the same for the journal.
    pub(super) schema_undo: Vec<SchemaUndo>,
    pub(super) schema_record: Vec<u8>,
    /// Sequences that may be ahead of what the journal knows. Stays over a rollback.
    pub(super) ahead: Vec<SequenceId>,

    // Memory that is used again.
    pub(super) record: Vec<u8>,
    pub(super) scratch: Scratch,
    pub(super) spare_changes: ChangeSet,
    ptrs: Vec<RowPtr>,
}

/// What an insert or an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    /// Where the row is now.
    pub ptr: RowPtr,
    /// How many bytes of generated column values were written to the start of the row that was given.
    pub generated_len: usize,
    /// The row was there already, and nothing changed.
    pub existed: bool,
}

impl Inner {
    pub(super) fn new(journal: Journal, options: StoreOptions) -> Self {
        Self {
            tables: IdMap::default(),
            index_tables: Arc::default(),
            sequence_tables: IdMap::default(),
            stamp: Stamp { tx: 1, epoch: 1 },
            offset: 0,
            passing_version: first_passing_version(),
            journal,
            options,
            journal_bytes: 0,
            checkpoint_offset: 0,
            row_bytes: 0,
            touched: Vec::new(),
            schema_undo: Vec::new(),
            schema_record: Vec::new(),
            ahead: Vec::new(),
            record: Vec::new(),
            scratch: Scratch::default(),
            spare_changes: ChangeSet::default(),
            ptrs: Vec::new(),
        }
    }

    fn table_of(&self, index: IndexId) -> Result<TableId, WriteError> {
        self.index_tables.get(index.0).copied().ok_or(WriteError::NoSuchIndex(index))
    }
}

/// Versions of tables that are not durable begin here after opening: beyond all offsets, and beyond those before the
/// last restart unless there was more than a change in a microsecond, or the clock was set back.
fn first_passing_version() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    1 << 63 | since_epoch.as_micros() as u64
}

impl Writer {
    /// The table with that id, as the open transaction sees it.
    #[inline]
    pub fn table(&self, table: TableId) -> Option<&Table> {
        self.0.tables.get(table.0).map(|writer| &*writer.table)
    }

    /// All tables, by id, as the open transaction sees them.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.0.tables.values().map(|writer| &*writer.table)
    }

    /// The table that has that index.
    #[inline]
    pub fn index_table(&self, index: IndexId) -> Option<TableId> {
        self.0.index_tables.get(index.0).copied()
    }

    /// The offset of the last committed transaction that changed something durable; 0 if there is none.
    pub fn offset(&self) -> TxOffset {
        TxOffset(self.0.offset)
    }

    /// How many bytes all committed rows take, without what is kept about them.
    pub fn row_bytes(&self) -> u64 {
        self.0.row_bytes
    }

    /// Where a sequence stands.
    pub fn sequence(&self, sequence: SequenceId) -> Option<SequenceState> {
        let table = self.0.sequence_tables.get(sequence.0)?;
        let sequences = &self.0.tables.get(table.0)?.sequences;
        sequences.iter().find(|s| s.id() == sequence).map(|s| s.state)
    }

    /// The sequences that are used up further than the journal knows, with [`SequenceState::allocated`]: the next
    /// commit that writes anything tells it.
    pub fn sequences_ahead(&self) -> impl Iterator<Item = (SequenceId, i128)> {
        let states = self.0.ahead.iter().filter_map(|&id| Some((id, self.sequence(id)?)));
        states.map(|(id, state)| (id, state.allocated))
    }

    /// Inserts a row. Bytes after the row are ignored.
    ///
    /// Sequence columns that hold zero get their next value first; the generated values are written one after the
    /// other in column order to the start of `row`, and stay consumed even if the insert fails. A row that is there
    /// already is left as it is, which is a success.
    pub fn insert(&mut self, table: TableId, row: &mut [u8]) -> Result<Inserted, WriteError> {
        let stamp = self.0.stamp;
        self.put(table, row, |writer, row| writer.insert(row, stamp))
    }

    /// Inserts rows as they are, side by side in `rows`: sequence columns that hold zero keep it. How many of them
    /// were not there before. Stops at the first error.
    pub fn load(&mut self, table: TableId, count: u64, mut rows: &[u8]) -> Result<u64, WriteError> {
        let inner = &mut *self.0;
        let stamp = inner.stamp;
        let writer = inner.tables.get_mut(table.0).ok_or(WriteError::NoSuchTable(table))?;
        let mut new = 0;
        let loaded = (0..count).try_for_each(|_| {
            let invalid = |error| WriteError::InvalidRow { table, error };
            let len = writer.table.layout.validate(rows).map_err(invalid)?;
            let (row, rest) = rows.split_at(len);
            rows = rest;
            let (_, existed) = writer.insert(row, stamp)?;
            new += u64::from(!existed);
            Ok(())
        });
        inner.touch(table);
        loaded.map(|()| new)
    }

    /// Replaces the row with the same key in the unique `index`. Sequence columns as for [`Self::insert`], and before
    /// the key is looked at.
    pub fn update(&mut self, table: TableId, index: IndexId, row: &mut [u8]) -> Result<Inserted, WriteError> {
        let stamp = self.0.stamp;
        self.put(table, row, |writer, row| writer.update(index, row, stamp))
    }

    #[inline(always)]
    fn put(
        &mut self,
        table: TableId,
        row: &mut [u8],
        put: impl FnOnce(&mut TableWriter, &[u8]) -> Result<(RowPtr, bool), WriteError>,
    ) -> Result<Inserted, WriteError> {
        let inner = &mut *self.0;
        let writer = inner.tables.get_mut(table.0).ok_or(WriteError::NoSuchTable(table))?;
        let len =
            writer.table.layout.validate(row).map_err(|error| WriteError::InvalidRow { table, error })?;
        if writer.sequences.is_empty() {
            let (ptr, existed) = put(writer, &row[..len])?;
            inner.touch(table);
            return Ok(Inserted { ptr, generated_len: 0, existed });
        }
        let generated = writer.generate(&mut row[..len], &mut inner.ahead);
        let (ptr, existed) = put(writer, &row[..len])?;
        inner.touch(table);
        let mut generated_len = 0;
        for (at, len) in generated {
            // Never over what is still to be moved, as each goes towards the start.
            row.copy_within(at..at + len, generated_len);
            generated_len += len;
        }
        Ok(Inserted { ptr, generated_len, existed })
    }

    /// Deletes the rows with that key; how many they were.
    pub fn delete_point(&mut self, index: IndexId, key: &[u8]) -> Result<u32, WriteError> {
        let table = self.0.table_of(index)?;
        self.delete_found(table, |table| Ok(table.point(index, key)?))
    }

    /// Deletes the rows in that range; how many they were.
    pub fn delete_range(&mut self, index: IndexId, args: &RangeArgs<'_>) -> Result<u32, WriteError> {
        let table = self.0.table_of(index)?;
        self.delete_found(table, |table| Ok(table.range(index, args)?))
    }

    fn delete_found(
        &mut self,
        table: TableId,
        find: impl FnOnce(&Table) -> Result<Matches<'_>, WriteError>,
    ) -> Result<u32, WriteError> {
        let inner = &mut *self.0;
        let writer = inner.tables.get_mut(table.0).ok_or(WriteError::NoSuchTable(table))?;
        let ptrs = &mut inner.ptrs;
        ptrs.clear();
        ptrs.extend(find(&writer.table)?.ptrs());
        for &ptr in &*ptrs {
            writer.delete(ptr, inner.stamp);
        }
        let deleted = ptrs.len();
        if deleted > 0 {
            inner.touch(table);
        }
        // A table has no more rows than there are pointers of 32 bits.
        Ok(deleted as u32)
    }

    /// Deletes each of the given rows that exists; how many they were. `relation` is a BSATN array of rows, and is
    /// checked as a whole first.
    pub fn delete_rows(&mut self, table: TableId, relation: &[u8]) -> Result<u32, WriteError> {
        let inner = &mut *self.0;
        let writer = inner.tables.get_mut(table.0).ok_or(WriteError::NoSuchTable(table))?;
        let mut reader = orrery_host_abi::bsatn::Reader::new(relation);
        let invalid = |error| WriteError::InvalidRow { table, error };
        let count = reader.read_u32().map_err(invalid)?;
        let rows = reader.rest();
        let mut at = 0;
        let mut present = 0;
        for _ in 0..count {
            let len = writer.table.layout.validate(&rows[at..]).map_err(invalid)?;
            at += len;
            present += 1;
            if len == 0 {
                // Rows without content are all equal, and any number of them takes no bytes.
                break;
            }
        }
        let mut rows = &rows[..at];
        let mut deleted = 0;
        for _ in 0..present {
            let len = writer.table.layout.validate(rows).map_err(invalid)?;
            let (row, rest) = rows.split_at(len);
            rows = rest;
            if let Some(ptr) = writer.table.find_row(row) {
                writer.delete(ptr, inner.stamp);
                deleted += 1;
            }
        }
        if deleted > 0 {
            inner.touch(table);
        }
        Ok(deleted)
    }

    /// Deletes the row at that place; whether there was one.
    pub fn delete_row(&mut self, table: TableId, ptr: RowPtr) -> Result<bool, WriteError> {
        let inner = &mut *self.0;
        let writer = inner.tables.get_mut(table.0).ok_or(WriteError::NoSuchTable(table))?;
        let is_there = writer.table.heap.is_live(ptr);
        if is_there {
            writer.delete(ptr, inner.stamp);
            inner.touch(table);
        }
        Ok(is_there)
    }

    /// Deletes all rows of a table; how many they were.
    pub fn clear(&mut self, table: TableId) -> Result<u64, WriteError> {
        let inner = &mut *self.0;
        let writer = inner.tables.get_mut(table.0).ok_or(WriteError::NoSuchTable(table))?;
        let rows = writer.table.row_count();
        if rows > 0 {
            writer.clear(inner.stamp);
            inner.touch(table);
        }
        Ok(rows)
    }

    /// Whether the open transaction has done anything that rolling back would undo.
    pub fn has_changes(&self) -> bool {
        !self.0.touched.is_empty() || !self.0.schema_undo.is_empty()
    }

    /// The committed state.
    ///
    /// # Panics
    ///
    /// If the open transaction has changed anything ([`Self::has_changes`]).
    pub fn snapshot(&self) -> Snapshot {
        assert!(!self.has_changes(), "a snapshot shows committed state, and a transaction is under way");
        Snapshot {
            offset: TxOffset(self.0.offset),
            tables: self.0.tables.values().map(|writer| Arc::clone(&writer.table)).collect(),
            index_tables: Arc::clone(&self.0.index_tables),
        }
    }

    /// Tells what is durable.
    pub fn durability(&self) -> Durability {
        self.0.journal.durability()
    }
}

impl Inner {
    /// How many bytes the rows take that there are now, counted anew.
    pub(super) fn count_row_bytes(&self) -> u64 {
        let tables = self.tables.values().map(|writer| &writer.table);
        // Rows of event tables are there only until they are committed.
        tables.filter(|table| table.spec.kind != TableKind::Event).map(|table| table.row_bytes()).sum()
    }

    /// Notes that rows of a table may have changed.
    #[inline(always)]
    pub(super) fn touch(&mut self, table: TableId) {
        if let Some(writer) = self.tables.get_mut(table.0)
            && !writer.tx.is_listed
            && writer.is_touched()
        {
            writer.tx.is_listed = true;
            self.touched.push(table);
        }
    }
}

impl TableWriter {
    /// Fills sequence columns that hold zero: where they are, and how long.
    fn generate(&mut self, row: &mut [u8], ahead: &mut Vec<SequenceId>) -> SmallVec<[(usize, usize); 2]> {
        let mut generated = SmallVec::new();
        for sequence in &mut self.sequences {
            let cell = self.table.layout.column(row, usize::from(sequence.spec.column.0));
            if cell.iter().any(|&byte| byte != 0) {
                continue;
            }
            let (at, len) = (cell.as_ptr().addr() - row.as_ptr().addr(), cell.len());
            let was_ahead = sequence.is_ahead();
            let value = sequence.take();
            sequence.write(value, &mut row[at..at + len]);
            generated.push((at, len));
            if !was_ahead && sequence.is_ahead() && self.table.spec.kind != TableKind::Ephemeral {
                ahead.push(sequence.id());
            }
        }
        generated
    }
}
