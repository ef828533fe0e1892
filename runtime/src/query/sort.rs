//! The order of rows, and which of them a result has.

use std::{collections::BinaryHeap, ops::ControlFlow};

use super::{
    check::Cell,
    error::QueryError,
    limits::Meter,
    relation::Relation,
    resolve::{OrderBy, OrderKey},
};
use crate::store::{KeyBytes, encode_key};

/// What a group, or a row that is kept apart, costs beside its bytes.
pub(super) const ENTRY_BYTES: usize = 96;
/// Up to so many rows, only those that will be needed are kept while sorting.
const TOP_MAX: u64 = 10_000;
/// The rows of a result are counted with 32 bits.
const ROWS_MAX: u64 = u32::MAX as u64;

/// What rows are ordered by.
pub(super) struct OrderCells<'q>(Vec<(Cell<'q>, &'q OrderKey)>);

impl<'q> OrderCells<'q> {
    pub(super) fn new(order_by: &'q [OrderKey], relations: &'q [impl AsRef<Relation>]) -> Self {
        let cell = |key: &'q OrderKey| match key.by {
            OrderBy::Column(column) => Some((Cell::new(relations, column), key)),
            OrderBy::Group(_) => None,
        };
        Self(order_by.iter().filter_map(cell).collect())
    }

    pub(super) fn append(&self, rows: &[&[u8]], out: &mut KeyBytes) {
        for (cell, key) in &self.0 {
            append_ordered(key, cell.bytes(rows), out);
        }
    }
}

/// Appends a value such that the bytes are in the order that is wanted.
pub(super) fn append_ordered(key: &OrderKey, bsatn: &[u8], out: &mut KeyBytes) {
    let start = out.len();
    encode_key(&key.ty, bsatn, out);
    if key.is_descending {
        // No encoding is the beginning of another, so the opposite order is that of the opposite bytes.
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// The rows of a result: BSATN, an array.
pub(super) struct ResultRows {
    bytes: Vec<u8>,
    count: u64,
    skip: u64,
    limit: u64,
}

impl ResultRows {
    pub(super) fn new(offset: u64, limit: Option<u64>) -> Self {
        Self { bytes: vec![0; 4], count: 0, skip: offset, limit: limit.unwrap_or(ROWS_MAX).min(ROWS_MAX) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.count >= self.limit
    }

    /// Adds the next row, unless it is to be skipped.
    #[inline]
    pub(super) fn add(&mut self, meter: &Meter<'_>, append: impl FnOnce(&mut Vec<u8>)) -> ControlFlow<()> {
        if self.skip > 0 {
            self.skip -= 1;
            return ControlFlow::Continue(());
        }
        if self.is_full() {
            return ControlFlow::Break(());
        }
        let before = self.bytes.len();
        append(&mut self.bytes);
        self.count += 1;
        meter.memory(self.bytes.len() - before)?;
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        // No more rows were added than fit.
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

/// Rows that are being sorted.
pub(super) enum Sorter {
    /// All of them: where the key and the row of each end, one after the other.
    All { bytes: Vec<u8>, entries: Vec<SortEntry> },
    /// The first so many. The last of them is on top.
    Top { rows: BinaryHeap<KeyAndRow>, wanted: usize },
}

/// A row with the key that it is sorted by.
type KeyAndRow = (Box<[u8]>, Box<[u8]>);

/// Where the bytes of a row are.
#[derive(Debug, Clone, Copy)]
pub(super) struct SortEntry {
    key: usize,
    row: usize,
    end: usize,
}

impl Sorter {
    pub(super) fn new(offset: u64, limit: Option<u64>) -> Self {
        match limit.map(|limit| limit.saturating_add(offset)) {
            Some(wanted @ ..=TOP_MAX) => Self::Top { rows: BinaryHeap::new(), wanted: wanted as usize },
            _ => Self::All { bytes: Vec::new(), entries: Vec::new() },
        }
    }

    pub(super) fn add(
        &mut self,
        key: &[u8],
        meter: &Meter<'_>,
        append: impl FnOnce(&mut Vec<u8>),
    ) -> ControlFlow<()> {
        match self {
            Self::All { bytes, entries } => {
                let start = bytes.len();
                bytes.extend_from_slice(key);
                let row = bytes.len();
                append(bytes);
                entries.push(SortEntry { key: start, row, end: bytes.len() });
                meter.memory(bytes.len() - start + size_of::<SortEntry>())
            }
            Self::Top { rows, wanted } => {
                if rows.len() >= *wanted && rows.peek().is_none_or(|(last, _)| key >= &**last) {
                    return ControlFlow::Continue(());
                }
                let mut row = Vec::new();
                append(&mut row);
                let bytes = |key: &[u8], row: &[u8]| key.len() + row.len() + ENTRY_BYTES;
                meter.memory(bytes(key, &row))?;
                rows.push((key.into(), row.into()));
                if rows.len() > *wanted
                    && let Some((key, row)) = rows.pop()
                {
                    meter.give_back(bytes(&key, &row));
                }
                ControlFlow::Continue(())
            }
        }
    }

    pub(super) fn into_rows(
        self,
        mut result: ResultRows,
        meter: &Meter<'_>,
    ) -> Result<ResultRows, QueryError> {
        match self {
            Self::All { bytes, mut entries } => {
                entries.sort_unstable_by(|a, b| bytes[a.key..a.row].cmp(&bytes[b.key..b.row]));
                for entry in entries {
                    if result.add(meter, |out| out.extend_from_slice(&bytes[entry.row..entry.end])).is_break()
                    {
                        break;
                    }
                }
            }
            Self::Top { rows, .. } => {
                for (_, row) in rows.into_sorted_vec() {
                    if result.add(meter, |out| out.extend_from_slice(&row)).is_break() {
                        break;
                    }
                }
            }
        }
        meter.check()?;
        Ok(result)
    }
}
