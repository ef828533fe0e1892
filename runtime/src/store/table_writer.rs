//! Changes of one table's rows, and taking them back.
//!
//! The undo list has one entry for each slot that the open transaction has touched: what the slot held at its
//! start. Together with what the slot holds now, that is all that rollback and the change set need, in whatever
//! order things happened in between. It works because a slot that was used at the start of the transaction is not
//! used for another row before its end.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use orrery_host_abi::IndexId;
use triomphe::Arc;

use super::{
    TableKind, WriteError,
    change_set::{ChangeSet, LenEntry, ListEntry, TableEntry},
    heap::{Heap, Room},
    index::Index,
    page::{RowPtr, Stamp},
    sequence::Sequence,
    table::Table,
};

/// A table with what only its writer needs.
#[derive(Debug)]
pub(super) struct TableWriter {
    pub(super) table: Arc<Table>,
    pub(super) room: Room,
    pub(super) sequences: Vec<Sequence>,
    pub(super) tx: TableTx,
}

/// What the open transaction did to a table.
#[derive(Debug, Default)]
pub(super) struct TableTx {
    /// Whether the writer has the table on its list of touched tables.
    pub(super) is_listed: bool,
    /// Whether the table, its indexes or its row type were changed.
    pub(super) is_altered: bool,
    undo: Vec<Undo>,
    /// The old bytes of rows that were overwritten.
    saved: Vec<u8>,
    /// The index through which rows were updated in place, if it was always the same.
    update_index: Option<IndexId>,
    has_mixed_updates: bool,
    has_inserts: bool,
    has_deletes: bool,
}

/// What a slot held when the transaction began.
#[derive(Debug, Clone, Copy)]
struct Undo {
    ptr: RowPtr,
    was: Was,
    /// Rollback: the indexes have what was there already.
    is_indexed: bool,
}

impl Undo {
    fn new(ptr: RowPtr, was: Was) -> Self {
        Self { ptr, was, is_indexed: false }
    }
}

#[derive(Debug, Clone, Copy)]
enum Was {
    /// Nothing.
    Free,
    /// The row that is still there: it is dead now.
    Unchanged,
    /// Another row, whose bytes are among those saved.
    Saved { at: usize, len: u32 },
}

/// What became of a slot.
enum Change<'a> {
    None,
    Inserted(&'a [u8]),
    Deleted(&'a [u8]),
    Replaced(&'a [u8], &'a [u8]),
}

/// What a transaction changed in a table, for the journal.
#[derive(Debug)]
pub(super) struct NetChange {
    /// Rows were replaced by rows with the same key in that unique index.
    pub(super) update_index: Option<IndexId>,
}

/// Undo lists and saved bytes beyond this are given back to the allocator after the transaction.
const KEPT_BYTES_MAX: usize = 1 << 20;

impl TableWriter {
    pub(super) fn new(table: Table, sequences: Vec<Sequence>) -> Self {
        Self { table: Arc::new(table), room: Room::default(), sequences, tx: TableTx::default() }
    }

    /// Inserts a valid row. Where it is now, and whether it was there before.
    pub(super) fn insert(&mut self, row: &[u8], stamp: Stamp) -> Result<(RowPtr, bool), WriteError> {
        let table = &*self.table;
        if let Some(set) = &table.row_set {
            if let Some(ptr) = set.find(&table.heap, row) {
                return Ok((ptr, true));
            }
        } else {
            // An equal row has an equal key in every unique index, so it would be found in the first.
            let mut is_first = true;
            for index in table.indexes.iter().filter(|index| index.is_unique()) {
                if let Some(ptr) = index.find_like(&table.layout, &table.heap, row) {
                    if is_first && table.heap.row(ptr) == row {
                        return Ok((ptr, true));
                    }
                    return Err(WriteError::UniqueViolation(index.spec().id));
                }
                is_first = false;
            }
        }
        self.insert_new(row, stamp).map(|ptr| (ptr, false))
    }

    /// Inserts a valid row that is not there and violates no constraint.
    pub(super) fn insert_new(&mut self, row: &[u8], stamp: Stamp) -> Result<RowPtr, WriteError> {
        let table = Arc::make_mut(&mut self.table);
        let full = WriteError::TableFull(table.spec.id);
        let ptr = table.heap.insert(&mut self.room, row, stamp).map_err(|_| full)?;
        for index in &mut table.indexes {
            index.insert(&table.layout, row, ptr);
        }
        if let Some(set) = &mut table.row_set {
            set.insert(row, ptr);
        }
        self.tx.undo.push(Undo::new(ptr, Was::Free));
        self.tx.has_inserts = true;
        Ok(ptr)
    }

    /// Replaces the row with the same key in a unique index by a valid row. Where the new one is, and whether it was
    /// there before.
    pub(super) fn update(
        &mut self,
        index: IndexId,
        row: &[u8],
        stamp: Stamp,
    ) -> Result<(RowPtr, bool), WriteError> {
        let table = &*self.table;
        let at = table.index_at(index).ok_or(WriteError::NoSuchIndex(index))?;
        let through = &table.indexes[at];
        if !through.is_unique() {
            return Err(WriteError::IndexNotUnique(index));
        }
        let ptr = through.find_like(&table.layout, &table.heap, row).ok_or(WriteError::NoSuchRow(index))?;
        let old = table.heap.row(ptr);
        if old == row {
            return Ok((ptr, true));
        }
        for other in table.indexes.iter().filter(|other| other.is_unique() && other.spec().id != index) {
            if !other.is_same_key(&table.layout, old, row)
                && let Some(holder) = other.find_like(&table.layout, &table.heap, row)
                && holder != ptr
            {
                return Err(WriteError::UniqueViolation(other.spec().id));
            }
        }
        self.replace(at, ptr, row, stamp).map(|ptr| (ptr, false))
    }

    /// Replaces a live row by one with the same key in the index at `through` that violates no constraint. Where the
    /// new one is.
    pub(super) fn replace(
        &mut self,
        through: usize,
        ptr: RowPtr,
        row: &[u8],
        stamp: Stamp,
    ) -> Result<RowPtr, WriteError> {
        if !self.table.heap.can_replace(ptr, row.len(), stamp) {
            let new = self.insert_new(row, stamp)?;
            self.delete(ptr, stamp);
            return Ok(new);
        }
        let table = Arc::make_mut(&mut self.table);
        table.reindex(ptr, row);
        let tx = &mut self.tx;
        table.heap.replace(ptr, row, stamp, |old| {
            let was = Was::Saved { at: tx.saved.len(), len: old.len() as u32 };
            tx.saved.extend_from_slice(old);
            tx.undo.push(Undo::new(ptr, was));
        });
        let index = table.indexes[through].spec().id;
        tx.has_mixed_updates |= tx.update_index.is_some_and(|before| before != index);
        tx.update_index = Some(index);
        Ok(ptr)
    }

    /// Deletes a live row.
    pub(super) fn delete(&mut self, ptr: RowPtr, stamp: Stamp) {
        let table = Arc::make_mut(&mut self.table);
        table.unindex(ptr);
        if table.heap.kill(ptr, stamp) {
            self.tx.undo.push(Undo::new(ptr, Was::Unchanged));
        }
        self.tx.has_deletes = true;
    }

    /// Deletes all rows.
    pub(super) fn clear(&mut self, stamp: Stamp) {
        let table = Arc::make_mut(&mut self.table);
        let mut ptrs = Vec::with_capacity(table.heap.rows().len());
        let mut rows = table.heap.rows();
        while let Some((ptr, _)) = rows.next_entry() {
            ptrs.push(ptr);
        }
        table.indexes.iter_mut().for_each(Index::clear);
        if let Some(set) = &mut table.row_set {
            set.clear();
        }
        for ptr in ptrs {
            if table.heap.kill(ptr, stamp) {
                self.tx.undo.push(Undo::new(ptr, Was::Unchanged));
            }
        }
        self.tx.has_deletes = true;
    }

    /// Whether the open transaction has touched any row.
    pub(super) fn is_touched(&self) -> bool {
        !self.tx.undo.is_empty()
    }

    /// Appends what the open transaction changed to a change set, if anything. `scratch` is empty before and after.
    pub(super) fn net_changes(&self, changes: &mut ChangeSet, scratch: &mut Scratch) -> Option<NetChange> {
        let tx = &self.tx;
        let heap = &self.table.heap;
        // With one index for all updates, a row replaced in place keeps its key in it, so it cannot be equal to a row
        // deleted or inserted elsewhere, and the pair can be told as an update. Otherwise it is a delete and an insert.
        let update_index = if tx.has_mixed_updates || tx.is_altered { None } else { tx.update_index };
        let cancelled = self.cancelled(update_index.is_none());
        let is_cancelled = |at: usize| cancelled.get(at).copied().unwrap_or(false);

        let deletes_start = changes.bytes.len();
        let ends_start = changes.ends.len();
        let fixed = heap.shape().slot_len();
        let mut deletes = 0;
        let mut inserts = 0;
        let mut delete = |row: &[u8], changes: &mut ChangeSet| {
            changes.bytes.extend_from_slice(row);
            deletes += 1;
            if fixed.is_none() {
                changes.ends.push(changes.bytes.len() - deletes_start);
            }
        };
        let mut insert = |row: &[u8], scratch: &mut Scratch| {
            scratch.bytes.extend_from_slice(row);
            inserts += 1;
            if fixed.is_none() {
                scratch.ends.push(scratch.bytes.len());
            }
        };
        let mut replaced = 0;
        if update_index.is_some() {
            for entry in &tx.undo {
                if let Change::Replaced(old, new) = tx.change(heap, entry) {
                    delete(old, changes);
                    insert(new, scratch);
                    replaced += 1;
                }
            }
        }
        if update_index.is_none() || tx.has_inserts || tx.has_deletes {
            for (at, entry) in tx.undo.iter().enumerate() {
                match tx.change(heap, entry) {
                    Change::None => {}
                    Change::Inserted(row) if !is_cancelled(at) => insert(row, scratch),
                    Change::Deleted(row) if !is_cancelled(at) => delete(row, changes),
                    Change::Replaced(old, new) if update_index.is_none() => {
                        if !is_cancelled(at) {
                            delete(old, changes);
                        }
                        if !is_cancelled(tx.undo.len() + at) {
                            insert(new, scratch);
                        }
                    }
                    _ => {}
                }
            }
        }
        if deletes == 0 && inserts == 0 {
            return None;
        }
        let inserts_start = changes.bytes.len();
        if changes.bytes.is_empty() {
            std::mem::swap(&mut changes.bytes, &mut scratch.bytes);
        } else {
            changes.bytes.append(&mut scratch.bytes);
        }
        let delete_ends = ends_start..changes.ends.len();
        changes.ends.append(&mut scratch.ends);
        scratch.shrink();
        let insert_ends = delete_ends.end..changes.ends.len();
        let list = |bytes, rows, ends| ListEntry {
            bytes,
            lens: match fixed {
                Some(row_len) => LenEntry::Fixed { row_len, rows },
                None => LenEntry::Ends(ends),
            },
        };
        changes.tables.push(TableEntry {
            table: self.table.spec.id,
            kind: self.table.spec.kind,
            replaced,
            deletes: list(deletes_start..inserts_start, deletes, delete_ends),
            inserts: list(inserts_start..changes.bytes.len(), inserts, insert_ends),
        });
        Some(NetChange { update_index })
    }

    /// For each entry of the undo list, whether the row that it deleted or inserted was inserted or deleted by
    /// another entry; then, where replaced rows count as deleted and inserted, the same for what they insert. Empty
    /// if there is no such row.
    fn cancelled(&self, split_replaced: bool) -> Vec<bool> {
        let tx = &self.tx;
        let may_cancel = if split_replaced && tx.update_index.is_some() {
            tx.has_inserts || tx.has_deletes || tx.has_mixed_updates
        } else {
            tx.has_inserts && tx.has_deletes
        };
        if !may_cancel {
            return Vec::new();
        }
        let mut deleted: HashMap<&[u8], usize, RandomState> = HashMap::default();
        let mut inserted: Vec<(&[u8], usize)> = Vec::new();
        for (at, entry) in tx.undo.iter().enumerate() {
            match tx.change(&self.table.heap, entry) {
                Change::Inserted(row) => inserted.push((row, at)),
                Change::Deleted(row) => {
                    deleted.insert(row, at);
                }
                Change::Replaced(old, new) if split_replaced => {
                    deleted.insert(old, at);
                    inserted.push((new, tx.undo.len() + at));
                }
                _ => {}
            }
        }
        if deleted.is_empty() || inserted.is_empty() {
            return Vec::new();
        }
        let mut cancelled = vec![false; 2 * tx.undo.len()];
        for (row, at) in inserted {
            // A row is at most once among those deleted, because a table is a set.
            if let Some(&deleted_at) = deleted.get(row) {
                cancelled[at] = true;
                cancelled[deleted_at] = true;
            }
        }
        cancelled
    }

    /// Ends the transaction and keeps its changes.
    pub(super) fn finish(&mut self, stamp: Stamp) {
        if self.table.spec.kind == TableKind::Event && self.is_touched() {
            let table = Arc::make_mut(&mut self.table);
            table.heap = Heap::new(table.heap.shape());
            table.indexes.iter_mut().for_each(Index::clear);
            if let Some(set) = &mut table.row_set {
                set.clear();
            }
            self.room = Room::default();
        } else if self.tx.has_deletes {
            let table = Arc::make_mut(&mut self.table);
            for entry in &self.tx.undo {
                if !table.heap.is_live(entry.ptr) {
                    table.heap.reclaim(&mut self.room, entry.ptr, stamp);
                }
            }
        }
        self.tx.reset();
    }

    /// Ends the transaction and takes back its changes of rows.
    pub(super) fn rollback(&mut self, stamp: Stamp) {
        if self.is_touched() {
            let table = Arc::make_mut(&mut self.table);
            let tx = &mut self.tx;
            // Changing every index by most of the rows takes longer than building it.
            let is_small = (tx.undo.len() as u64) < table.heap.row_count() / 2 + 64;
            // First everything new goes, to make room in the pages for what was there.
            for entry in &mut tx.undo {
                let is_live = table.heap.is_live(entry.ptr);
                if is_live && is_small {
                    match entry.was {
                        Was::Saved { at, len } => {
                            // Most updates change no key.
                            table.reindex(entry.ptr, &tx.saved[at..][..len as usize]);
                            entry.is_indexed = true;
                        }
                        Was::Free | Was::Unchanged => table.unindex(entry.ptr),
                    }
                }
                if is_live {
                    table.heap.kill(entry.ptr, stamp);
                }
                match entry.was {
                    Was::Free => table.heap.free(entry.ptr, stamp),
                    Was::Unchanged => {}
                    Was::Saved { .. } => table.heap.blank(entry.ptr, stamp),
                }
            }
            for entry in &tx.undo {
                match entry.was {
                    Was::Free => continue,
                    Was::Unchanged => table.heap.revive(entry.ptr, stamp),
                    Was::Saved { at, len } => {
                        table.heap.restore(entry.ptr, &tx.saved[at..][..len as usize], stamp);
                    }
                }
                if is_small && !entry.is_indexed {
                    table.index_row(entry.ptr);
                }
            }
            // Last, so that no page goes that is empty only for the moment.
            for entry in tx.undo.iter().filter(|entry| matches!(entry.was, Was::Free)) {
                table.heap.reclaim(&mut self.room, entry.ptr, stamp);
            }
            if !is_small {
                table.rebuild_indexes();
            }
        }
        self.tx.reset();
    }
}

impl TableTx {
    fn change<'a>(&'a self, heap: &'a Heap, entry: &Undo) -> Change<'a> {
        let is_live = heap.is_live(entry.ptr);
        let now = heap.row(entry.ptr);
        match entry.was {
            Was::Free if is_live => Change::Inserted(now),
            Was::Free => Change::None,
            Was::Unchanged => Change::Deleted(now),
            Was::Saved { at, len } => {
                let old = &self.saved[at..][..len as usize];
                if !is_live {
                    Change::Deleted(old)
                } else if old == now {
                    Change::None
                } else {
                    Change::Replaced(old, now)
                }
            }
        }
    }

    fn reset(&mut self) {
        self.undo.clear();
        self.saved.clear();
        if self.undo.capacity() * size_of::<Undo>() + self.saved.capacity() > KEPT_BYTES_MAX {
            self.undo = Vec::new();
            self.saved = Vec::new();
        }
        self.update_index = None;
        self.is_listed = false;
        self.is_altered = false;
        self.has_mixed_updates = false;
        self.has_inserts = false;
        self.has_deletes = false;
    }
}

/// Buffers that are kept from one transaction to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Scratch {
    fn shrink(&mut self) {
        if self.bytes.capacity() + self.ends.capacity() * size_of::<usize>() > KEPT_BYTES_MAX {
            *self = Self::default();
        }
    }
}
