//! The versions of tables, for threads that must not wait for the writer.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use orrery_host_abi::TableId;

use super::{TxOffset, id_map::place_of};

/// Stands for no table: no offset gets that far.
const ABSENT: u64 = u64::MAX;
/// Segment `i` has `FIRST_LEN << i` places, so that 18 of them have room for every id.
const FIRST_LEN: usize = 64;
const SEGMENTS: usize = 19;

/// The versions of all tables as of the last commit, read without a lock. For any thread, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TableVersions(Arc<Lists>);

#[derive(Debug, Default)]
struct Lists {
    system: Segments,
    user: Segments,
}

/// A list of numbers that grows without moving.
type Segments = [OnceLock<Box<[AtomicU64]>>; SEGMENTS];

impl TableVersions {
    /// [`Table::version`](super::Table::version) as of the last commit. A snapshot that is taken later shows the
    /// table in this version or a later one.
    pub fn get(&self, table: TableId) -> Option<TxOffset> {
        let (segment, at) = self.place(table);
        let version = self.list(table).get(segment)?.get()?.get(at)?.load(Ordering::Acquire);
        (version != ABSENT).then_some(TxOffset(version))
    }

    pub(super) fn set(&self, table: TableId, version: Option<u64>) {
        let (segment, at) = self.place(table);
        let places = self.list(table)[segment]
            .get_or_init(|| (0..FIRST_LEN << segment).map(|_| AtomicU64::new(ABSENT)).collect());
        places[at].store(version.unwrap_or(ABSENT), Ordering::Release);
    }

    fn list(&self, table: TableId) -> &Segments {
        if place_of(table.0).0 { &self.0.user } else { &self.0.system }
    }

    /// The segment, and the place in it.
    fn place(&self, table: TableId) -> (usize, usize) {
        let at = place_of(table.0).1 + FIRST_LEN;
        let segment = (at.ilog2() - FIRST_LEN.ilog2()) as usize;
        (segment, at - (FIRST_LEN << segment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_its_own_place() {
        let versions = TableVersions::default();
        let ids = (0..300).chain(4090..6000).chain([1 << 20, (1 << 24) - 1]);
        for id in ids.clone() {
            assert_eq!(versions.get(TableId(id)), None);
            versions.set(TableId(id), Some(u64::from(id)));
        }
        for id in ids {
            assert_eq!(versions.get(TableId(id)), Some(TxOffset(u64::from(id))));
        }
        versions.set(TableId(4096), None);
        assert_eq!(versions.get(TableId(4096)), None);
        assert_eq!(versions.get(TableId(u32::MAX)), None);
    }
}
