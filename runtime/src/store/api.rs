//! The shape of the store's interface, until the files behind it are in place.
#![allow(
    clippy::unimplemented,
    clippy::needless_pass_by_value,
    unused_variables,
    missing_docs,
    dead_code,
    unreachable_pub
)]

use std::{iter, path::Path, sync::Arc};

use orrery_host_abi::{ColId, IndexId, ProductType, RowLayout, SequenceId, TableId};

use super::{
    ChangeSet, CommitError, DurabilityError, IndexSpec, KeyError, OpenError, SchemaError, SequenceSpec,
    TableSpec, WriteError,
};

/// The number of a committed transaction: the first durable one of a database has 1, and each next one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TxOffset(pub u64);

/// A row's place in its table. Stays the same while the row is updated in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowPtr(pub(super) u32);

/// How a store behaves. The default is right for a server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoreOptions {
    /// A checkpoint starts when the journal has grown by so many bytes.
    pub checkpoint_journal_bytes: u64,
    /// A commit waits while so many bytes wait for the disk.
    pub pending_bytes_max: usize,
    /// Memory for the disk's own cache.
    pub cache_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { checkpoint_journal_bytes: 64 << 20, pending_bytes_max: 64 << 20, cache_bytes: 16 << 20 }
    }
}

/// Opens the store in that file, which is created if it does not exist.
pub fn open(path: &Path, options: &StoreOptions) -> Result<Writer, OpenError> {
    unimplemented!()
}

/// Opens the store in that storage, which is initialised if it is empty.
pub fn open_backend(backend: impl redb::StorageBackend, options: &StoreOptions) -> Result<Writer, OpenError> {
    unimplemented!()
}

/// The write handle. It can be moved to another thread, and is a pointer wide.
#[derive(Debug)]
pub struct Writer(Box<()>);

/// What an insert or an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    /// Where the row is now.
    pub ptr: RowPtr,
    /// How many bytes of generated column values were written to the start of the row given.
    pub generated_len: usize,
    /// The row was there already, and nothing changed.
    pub existed: bool,
}

/// A committed transaction.
#[derive(Debug)]
pub struct Commit {
    /// The transaction's offset, or that of the last durable one before if this changed nothing durable.
    pub offset: TxOffset,
    /// What changed.
    pub changes: ChangeSet,
    /// Whether there is anything to make durable.
    pub durable_change: bool,
}

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceState {
    /// The next value.
    pub next: i128,
    /// Values before this one (in the sequence's direction) are never given again after a restart.
    pub allocated: i128,
}

impl Writer {
    /// The table with that id, as the open transaction sees it.
    pub fn table(&self, table: TableId) -> Option<&Table> {
        unimplemented!()
    }
    /// All tables, by id.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        iter::empty()
    }
    /// The table that has that index.
    pub fn index_table(&self, index: IndexId) -> Option<TableId> {
        unimplemented!()
    }
    /// The offset of the last durable transaction.
    pub fn offset(&self) -> TxOffset {
        unimplemented!()
    }
    /// Inserts a row. Sequence columns that hold zero get their next value; the generated values are written one
    /// after the other in column order to the start of `row`. Bytes after the row are ignored.
    pub fn insert(&mut self, table: TableId, row: &mut [u8]) -> Result<Inserted, WriteError> {
        unimplemented!()
    }
    /// Replaces the row with the same key in the unique `index`. Sequence columns as for an insert.
    pub fn update(&mut self, table: TableId, index: IndexId, row: &mut [u8]) -> Result<Inserted, WriteError> {
        unimplemented!()
    }
    /// Deletes the rows with that key; how many.
    pub fn delete_point(&mut self, index: IndexId, key: &[u8]) -> Result<u32, WriteError> {
        unimplemented!()
    }
    /// Deletes the rows in that range; how many.
    pub fn delete_range(&mut self, index: IndexId, range: &RangeArgs<'_>) -> Result<u32, WriteError> {
        unimplemented!()
    }
    /// Deletes each of the given rows that exists; how many. `relation` is a BSATN array of rows.
    pub fn delete_rows(&mut self, table: TableId, relation: &[u8]) -> Result<u32, WriteError> {
        unimplemented!()
    }
    /// Deletes the row at that place, if there is one.
    pub fn delete_row(&mut self, table: TableId, ptr: RowPtr) -> Result<bool, WriteError> {
        unimplemented!()
    }
    /// Deletes all rows; how many.
    pub fn clear(&mut self, table: TableId) -> Result<u64, WriteError> {
        unimplemented!()
    }
    /// Adds an empty table. Part of the transaction, like all changes of the schema.
    pub fn create_table(&mut self, spec: TableSpec) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Removes a table with its rows. The rows do not appear in the change set.
    pub fn drop_table(&mut self, table: TableId) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Gives the rows of a table another type for which the same bytes are valid, and the table another name.
    pub fn alter_table(
        &mut self,
        table: TableId,
        name: &str,
        row_type: ProductType,
    ) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Adds an index over the rows there are.
    pub fn add_index(&mut self, table: TableId, spec: IndexSpec) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Removes an index.
    pub fn drop_index(&mut self, index: IndexId) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Adds a sequence, which begins at its start.
    pub fn add_sequence(&mut self, table: TableId, spec: SequenceSpec) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Removes a sequence.
    pub fn drop_sequence(&mut self, sequence: SequenceId) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Where a sequence stands.
    pub fn sequence(&self, sequence: SequenceId) -> Option<SequenceState> {
        unimplemented!()
    }
    /// Makes `next` the next value of a sequence: to carry a position over to a table that takes another's place.
    pub fn set_sequence(&mut self, sequence: SequenceId, next: i128) -> Result<(), SchemaError> {
        unimplemented!()
    }
    /// Whether the open transaction has changed anything.
    pub fn has_changes(&self) -> bool {
        unimplemented!()
    }
    /// Ends the transaction and keeps its changes. On an error they have been rolled back. May wait if the disk
    /// is far behind.
    pub fn commit(&mut self) -> Result<Commit, CommitError> {
        unimplemented!()
    }
    /// Ends the transaction and takes back its changes (but not the values taken from sequences).
    pub fn rollback(&mut self) {
        unimplemented!()
    }
    /// The committed state. Panics if the open transaction has changed anything.
    pub fn snapshot(&self) -> Snapshot {
        unimplemented!()
    }
    /// Tells what is durable.
    pub fn durability(&self) -> Durability {
        unimplemented!()
    }
    /// The versions of all tables, for other threads.
    pub fn versions(&self) -> TableVersions {
        unimplemented!()
    }
    /// Asks for a checkpoint, which runs in the background. Panics if the open transaction has changed anything.
    pub fn checkpoint(&mut self) {
        unimplemented!()
    }
    /// Rolls back, waits for the disk, writes a checkpoint and lets go of the file.
    pub fn close(self) -> Result<(), DurabilityError> {
        unimplemented!()
    }
}

/// The state at a commit. Cheap to take and to clone; blocks nobody.
#[derive(Debug, Clone)]
pub struct Snapshot(Arc<()>);

impl Snapshot {
    /// The offset of the last durable transaction in it.
    pub fn offset(&self) -> TxOffset {
        unimplemented!()
    }
    /// The table with that id.
    pub fn table(&self, table: TableId) -> Option<&Table> {
        unimplemented!()
    }
    /// All tables, by id.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        iter::empty()
    }
    /// The table that has that index.
    pub fn index_table(&self, index: IndexId) -> Option<TableId> {
        unimplemented!()
    }
}

/// A table: its rows and indexes.
#[derive(Debug, Clone)]
pub struct Table(());

impl Table {
    /// What it is made of.
    pub fn spec(&self) -> &TableSpec {
        unimplemented!()
    }
    /// Its id.
    pub fn id(&self) -> TableId {
        self.spec().id
    }
    /// Where the columns of its rows are.
    pub fn layout(&self) -> &RowLayout {
        unimplemented!()
    }
    /// How many rows it has.
    pub fn row_count(&self) -> u64 {
        unimplemented!()
    }
    /// The offset of the last commit that changed it, kept across restarts. For a table that is not durable, a
    /// number that differs with each change and from all numbers before the last restart.
    pub fn version(&self) -> TxOffset {
        unimplemented!()
    }
    /// All rows.
    pub fn rows(&self) -> Rows<'_> {
        unimplemented!()
    }
    /// All rows, as many together as lie side by side.
    pub fn chunks(&self) -> Chunks<'_> {
        unimplemented!()
    }
    /// The row at that place.
    pub fn get(&self, ptr: RowPtr) -> Option<&[u8]> {
        unimplemented!()
    }
    /// An index.
    pub fn index(&self, index: IndexId) -> Option<IndexRef<'_>> {
        unimplemented!()
    }
    /// All indexes.
    pub fn indexes(&self) -> impl Iterator<Item = IndexRef<'_>> {
        iter::empty()
    }
    /// The rows with that key in an index. [`WriteError`] is for writers: here an unknown index has no rows.
    pub fn point(&self, index: IndexId, key: &[u8]) -> Result<Matches<'_>, KeyError> {
        unimplemented!()
    }
    /// The rows in that range of an index, in key order.
    pub fn range(&self, index: IndexId, range: &RangeArgs<'_>) -> Result<Matches<'_>, KeyError> {
        unimplemented!()
    }
    /// Whether exactly this row is there.
    pub fn find_row(&self, row: &[u8]) -> Option<RowPtr> {
        unimplemented!()
    }
}

/// An index of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct IndexRef<'a>(&'a ());

impl<'a> IndexRef<'a> {
    /// What it is made of.
    pub fn spec(&self) -> &'a IndexSpec {
        unimplemented!()
    }
    /// The rows whose key is `key`: the BSATN of the key's columns one after the other.
    pub fn point(&self, key: &[u8]) -> Result<Matches<'a>, KeyError> {
        unimplemented!()
    }
    /// The one row of a unique index with that key.
    pub fn find(&self, key: &[u8]) -> Result<Option<&'a [u8]>, KeyError> {
        unimplemented!()
    }
    /// The rows in that range, in key order.
    pub fn range(&self, range: &RangeArgs<'_>) -> Result<Matches<'a>, KeyError> {
        unimplemented!()
    }
    /// The columns of the key.
    pub fn columns(&self) -> &'a [ColId] {
        unimplemented!()
    }
}

/// Raw arguments of a range scan, BSATN as modules pass them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeArgs<'a> {
    /// The values of the first `prefix_elems` columns of the key, one after the other.
    pub prefix: &'a [u8],
    /// How many columns `prefix` has.
    pub prefix_elems: u16,
    /// The lower bound of the next column: a BSATN `Bound`.
    pub start: &'a [u8],
    /// The upper bound of the next column: a BSATN `Bound`.
    pub end: &'a [u8],
}

/// Rows of a table, in no order.
#[derive(Debug, Clone)]
pub struct Rows<'a>(&'a ());

impl<'a> Iterator for Rows<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        unimplemented!()
    }
}

/// Rows of a table, in no order, by the run.
#[derive(Debug, Clone)]
pub struct Chunks<'a>(&'a ());

/// Rows that lie side by side.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Their bytes.
    pub bytes: &'a [u8],
    /// How many they are.
    pub rows: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;
    fn next(&mut self) -> Option<Chunk<'a>> {
        unimplemented!()
    }
}

/// Rows found by an index: in key order, unless it is a hash index.
#[derive(Debug, Clone)]
pub struct Matches<'a>(&'a ());

impl<'a> Matches<'a> {
    /// Where the rows are, instead of the rows.
    pub fn ptrs(self) -> impl Iterator<Item = RowPtr> + use<'a> {
        iter::empty()
    }
}

impl<'a> Iterator for Matches<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        unimplemented!()
    }
}

/// Tells what is durable. For any thread.
#[derive(Debug, Clone)]
pub struct Durability(Arc<()>);

impl Durability {
    /// The offset of the last transaction that is durable.
    pub fn durable_offset(&self) -> TxOffset {
        unimplemented!()
    }
    /// Calls `then` once the transaction is durable, or can never be: on the journal's thread, or at once if that
    /// is known already. It must not block.
    pub fn after(&self, offset: TxOffset, then: impl FnOnce(Result<(), DurabilityError>) + Send + 'static) {
        unimplemented!()
    }
    /// Waits until the transaction is durable.
    pub fn wait(&self, offset: TxOffset) -> Result<(), DurabilityError> {
        unimplemented!()
    }
    /// Why nothing is made durable any more, if that is so.
    pub fn failure(&self) -> Option<DurabilityError> {
        unimplemented!()
    }
}

/// The versions of all tables, read without a lock. For any thread.
#[derive(Debug, Clone)]
pub struct TableVersions(Arc<()>);

impl TableVersions {
    /// [`Table::version`] as of the last commit.
    pub fn get(&self, table: TableId) -> Option<TxOffset> {
        unimplemented!()
    }
}

/// A small durable map from bytes to bytes, in order of keys, in a file of its own.
#[derive(Debug)]
pub struct Kv(());

/// Why a [`Kv`] does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file of the control plane cannot be used: {reason}")]
pub struct KvError {
    /// What failed.
    pub reason: Arc<str>,
}

/// Changes of a [`Kv`] that are made together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KvBatch {
    changes: Vec<(Box<[u8]>, Option<Box<[u8]>>)>,
}

impl KvBatch {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }
    /// Sets a key.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.changes.push((key.into(), Some(value.into())));
    }
    /// Removes a key.
    pub fn delete(&mut self, key: &[u8]) {
        self.changes.push((key.into(), None));
    }
}

impl Kv {
    /// Opens the map in that file, which is created if it does not exist.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        unimplemented!()
    }
    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        unimplemented!()
    }
    /// All keys that begin with `prefix` and their values, in order.
    pub fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, KvError> {
        unimplemented!()
    }
    /// Makes all changes durably, or none.
    pub fn write(&self, batch: &KvBatch) -> Result<(), KvError> {
        unimplemented!()
    }
}
