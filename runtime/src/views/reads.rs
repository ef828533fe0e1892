//! What a view has read: what its answer depends on.

use orrery_host_abi::{IndexId, TableId};
use smallvec::SmallVec;

/// A view that looks up more keys than this depends on their tables as a whole.
const KEYS_MAX: usize = 1024;

/// The rows of a table that have a certain key, now or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) table: TableId,
    pub(crate) index: IndexId,
    /// See [`IndexRef::key_number`](crate::store::IndexRef::key_number).
    pub(crate) number: u64,
}

/// What a view has read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reads {
    /// Tables as a whole.
    tables: SmallVec<[TableId; 4]>,
    /// Rows with these keys.
    keys: Vec<Key>,
}

impl Reads {
    /// Notes that any row of the table may matter.
    #[inline]
    pub(crate) fn table(&mut self, table: TableId) {
        if !self.tables.contains(&table) {
            self.tables.push(table);
        }
    }

    /// Notes that the rows with a key matter.
    #[inline]
    pub(crate) fn key(&mut self, key: Key) {
        if self.keys.last() == Some(&key) {
            return;
        }
        // Keys may come again and again, so there is room for some of them twice.
        if self.keys.len() == 2 * KEYS_MAX {
            self.tidy();
        }
        self.keys.push(key);
    }

    /// Everything once, and no key of a table that matters as a whole.
    pub(crate) fn tidy(&mut self) {
        self.keys.sort_unstable();
        self.keys.dedup();
        if self.keys.len() > KEYS_MAX {
            for at in 0..self.keys.len() {
                self.table(self.keys[at].table);
            }
        }
        let tables = &self.tables;
        self.keys.retain(|key| !tables.contains(&key.table));
    }

    /// How much memory it takes to remember who depends on this, about.
    pub(super) fn bytes(&self) -> u64 {
        128 * (self.tables.len() + self.keys.len()) as u64
    }

    pub(super) fn tables(&self) -> &[TableId] {
        &self.tables
    }

    /// By table and index, once the whole is tidy.
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(table: u32, number: u64) -> Key {
        Key { table: TableId(table), index: IndexId(table), number }
    }

    #[test]
    fn keys_are_kept_once_and_give_way_to_tables() {
        let mut reads = Reads::default();
        for number in [3, 1, 3, 2] {
            reads.key(key(1, number));
            reads.key(key(2, number));
        }
        reads.table(TableId(2));
        reads.tidy();
        assert_eq!(reads.keys(), [key(1, 1), key(1, 2), key(1, 3)]);
        assert_eq!(reads.tables(), [TableId(2)]);
    }

    #[test]
    fn many_keys_are_a_table_and_the_same_key_many_times_is_not() {
        let mut reads = Reads::default();
        for number in 0..10 * KEYS_MAX as u64 {
            reads.key(key(1, number % 7));
        }
        reads.tidy();
        assert_eq!((reads.keys().len(), reads.tables().len()), (7, 0));
        for number in 0..3 * KEYS_MAX as u64 {
            reads.key(key(1, number));
        }
        reads.tidy();
        assert_eq!((reads.keys().len(), reads.tables()), (0, &[TableId(1)][..]));
    }
}
