//! A table as it is at one moment: its rows and the ways to find them.

use orrery_host_abi::{ColId, IndexId, RowLayout, TableId, Typespace};
use triomphe::Arc;

use super::{
    Duplicate, IndexKind, IndexSpec, SchemaError, TableSpec, TxOffset,
    error::KeyError,
    heap::{Chunks, Heap, Rows},
    index::{Index, IndexRef, Matches, RowSet},
    key::RangeArgs,
    page::{RowPtr, Shape},
};

/// A table: its rows and indexes. A clone shares all data with it.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) spec: Arc<TableSpec>,
    pub(super) layout: Arc<RowLayout>,
    pub(super) heap: Heap,
    /// In the order of the spec.
    pub(super) indexes: Vec<Index>,
    /// There if no index is unique.
    pub(super) row_set: Option<RowSet>,
    pub(super) version: u64,
    /// The round of checkpoints in which its pages began to be numbered: older ones on disk are not its own.
    pub(super) born: u32,
}

impl Table {
    /// An empty table. Sequences are not looked at.
    pub(super) fn new(spec: TableSpec, born: u32) -> Result<Self, SchemaError> {
        let layout = RowLayout::new(&spec.row_type, &Typespace::default())?;
        let shape = Shape::new(layout.fixed_len(), layout.min_len());
        let mut indexes = Vec::with_capacity(spec.indexes.len());
        for index in &spec.indexes {
            check_columns(&layout, &index.columns)
                .then_some(())
                .ok_or(SchemaError::InvalidIndex(index.id))?;
            indexes.push(Index::new(index.clone(), &layout)?);
        }
        let mut table = Self {
            spec: Arc::new(spec),
            layout: Arc::new(layout),
            heap: Heap::new(shape),
            indexes,
            row_set: None,
            version: 0,
            born,
        };
        table.choose_row_set();
        Ok(table)
    }

    /// Makes or drops the row set, as the indexes require.
    pub(super) fn choose_row_set(&mut self) {
        if self.indexes.iter().any(Index::is_unique) {
            self.row_set = None;
        } else if self.row_set.is_none() {
            self.row_set = Some(RowSet::of(self.heap.rows()));
        }
    }

    /// Builds all indexes from the rows.
    pub(super) fn rebuild_indexes(&mut self) {
        for index in &mut self.indexes {
            index.rebuild(&self.layout, self.heap.rows());
        }
        self.row_set = None;
        self.choose_row_set();
    }

    pub(super) fn unindex(&mut self, ptr: RowPtr) {
        let row = self.heap.row(ptr);
        for index in &mut self.indexes {
            index.remove(&self.layout, row, ptr);
        }
        if let Some(set) = &mut self.row_set {
            set.remove(row, ptr);
        }
    }

    pub(super) fn index_row(&mut self, ptr: RowPtr) {
        let row = self.heap.row(ptr);
        for index in &mut self.indexes {
            index.insert(&self.layout, row, ptr);
        }
        if let Some(set) = &mut self.row_set {
            set.insert(row, ptr);
        }
    }

    /// Makes the indexes find a live row by the keys of other bytes, which it is about to get.
    pub(super) fn reindex(&mut self, ptr: RowPtr, bytes: &[u8]) {
        let row = self.heap.row(ptr);
        for index in &mut self.indexes {
            if !index.is_same_key(&self.layout, row, bytes) {
                index.remove(&self.layout, row, ptr);
                index.insert(&self.layout, bytes, ptr);
            }
        }
        if let Some(set) = &mut self.row_set {
            set.remove(row, ptr);
            set.insert(bytes, ptr);
        }
    }

    pub(super) fn index_at(&self, index: IndexId) -> Option<usize> {
        self.indexes.iter().position(|i| i.spec().id == index)
    }

    /// What it is made of.
    pub fn spec(&self) -> &TableSpec {
        &self.spec
    }

    /// Its id.
    pub fn id(&self) -> TableId {
        self.spec.id
    }

    /// Where the columns of its rows are.
    pub fn layout(&self) -> &RowLayout {
        &self.layout
    }

    /// How many rows it has.
    pub fn row_count(&self) -> u64 {
        self.heap.row_count()
    }

    /// How many bytes its rows take, without what is kept about them. Looks at every row if they differ in length.
    pub fn row_bytes(&self) -> u64 {
        match self.layout.fixed_len() {
            Some(len) => len as u64 * self.row_count(),
            None => self.chunks().map(|chunk| chunk.bytes.len() as u64).sum(),
        }
    }

    /// The offset of the last commit that changed its rows or their type, kept across restarts.
    ///
    /// After a crash, a version beyond [`Durability::durable_offset`](super::Durability::durable_offset) may be given
    /// to something else, so it must not be remembered outside before it is durable. For a table that is not durable
    /// the version is no offset, but a number that differs after each change, and from those before a restart; an
    /// event table, which is empty at every commit, stays at 0.
    pub fn version(&self) -> TxOffset {
        TxOffset(self.version)
    }

    /// All rows, in no order.
    pub fn rows(&self) -> Rows<'_> {
        self.heap.rows()
    }

    /// All rows, in no order, as many at a time as lie side by side.
    pub fn chunks(&self) -> Chunks<'_> {
        self.heap.chunks()
    }

    /// The row at that place, if there is one.
    pub fn get(&self, ptr: RowPtr) -> Option<&[u8]> {
        self.heap.is_live(ptr).then(|| self.heap.row(ptr))
    }

    /// An index.
    #[inline]
    pub fn index(&self, index: IndexId) -> Option<IndexRef<'_>> {
        self.indexes().find(|i| i.spec().id == index)
    }

    /// All indexes.
    #[inline]
    pub fn indexes(&self) -> impl Iterator<Item = IndexRef<'_>> {
        self.indexes.iter().map(|index| IndexRef { index, layout: &self.layout, heap: &self.heap })
    }

    /// The rows with that key in an index; see [`IndexRef::point`].
    pub fn point(&self, index: IndexId, key: &[u8]) -> Result<Matches<'_>, KeyError> {
        self.index(index).ok_or(KeyError::NoSuchIndex(index))?.point(key)
    }

    /// The rows in that range of an index, in key order; see [`IndexRef::range`].
    pub fn range(&self, index: IndexId, args: &RangeArgs<'_>) -> Result<Matches<'_>, KeyError> {
        self.index(index).ok_or(KeyError::NoSuchIndex(index))?.range(args)
    }

    /// Keys of these columns that occur more than once, at most `max` of them. Takes as long as building an index.
    ///
    /// Without columns all rows are the same. The error is for columns that do not exist or appear twice.
    pub fn duplicates(&self, columns: &[ColId], max: usize) -> Result<Vec<Duplicate>, SchemaError> {
        if columns.is_empty() {
            let rows = self.row_count();
            let all = (rows > 1).then(|| Duplicate { key: Box::default(), rows });
            return Ok(all.into_iter().collect());
        }
        let spec =
            IndexSpec { id: IndexId(0), columns: columns.to_vec(), kind: IndexKind::BTree, unique: true };
        if !check_columns(&self.layout, columns) {
            return Err(SchemaError::InvalidIndex(spec.id));
        }
        let mut index = Index::new(spec, &self.layout)?;
        index.rebuild(&self.layout, self.heap.rows());
        Ok(index.duplicates(&self.layout, &self.heap, max))
    }

    /// Where exactly this row is, if it is there.
    pub fn find_row(&self, row: &[u8]) -> Option<RowPtr> {
        if let Some(set) = &self.row_set {
            return set.find(&self.heap, row);
        }
        let index = self.indexes.iter().find(|index| index.is_unique())?;
        index.find_exactly(&self.layout, &self.heap, row)
    }
}

/// Whether there is a column, all exist, and none appears twice.
pub(super) fn check_columns(layout: &RowLayout, columns: &[ColId]) -> bool {
    let exists = |column: &ColId| usize::from(column.0) < layout.columns().len();
    let is_new = |(at, column): (usize, &ColId)| !columns[..at].contains(column);
    !columns.is_empty() && columns.iter().all(exists) && columns.iter().enumerate().all(is_new)
}
