//! From rows that were found to the rows of a result.

use std::{
    collections::{BinaryHeap, HashMap, HashSet, hash_map::Entry},
    ops::ControlFlow,
};

use orrery_host_abi::AlgebraicType;
use smallvec::SmallVec;

use super::{
    aggregate::{Accumulator, Aggregate},
    check::Cell,
    error::QueryError,
    exec::{Access, run_all},
    limits::{Limits, Meter},
    plan::Plan,
    prepare::Prepared,
    relation::{ColumnRef, Relation},
    resolve::{GroupItem, OrderBy, OrderKey, Output, Piece, Query},
    sources::Sources,
};
use crate::store::{KeyBytes, encode_key};

/// What a group, or a row that was seen, costs beside its bytes.
const ENTRY_BYTES: usize = 96;
/// Up to so many rows, only those that will be needed are kept while sorting.
const TOP_MAX: u64 = 10_000;
/// The rows of a result are counted with 32 bits.
const ROWS_MAX: u64 = u32::MAX as u64;

/// Which rows a result has if some are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// All of them.
    Keep,
    /// A row of a table once, even if a join has found it many times.
    Drop,
}

impl Prepared<'_> {
    /// How many rows it would look at at most, over these rows.
    pub(crate) fn rows_max(&self, sources: Sources<'_>) -> Result<u64, QueryError> {
        Ok(Plan::new(self, sources)?.rows_max)
    }

    /// Runs the query over these rows. The result is BSATN: an array of rows.
    pub(crate) fn run(
        &self,
        sources: Sources<'_>,
        repeats: Repeats,
        limits: &Limits<'_>,
    ) -> Result<Vec<u8>, QueryError> {
        let plan = Plan::new(self, sources)?;
        let meter = Meter::new(limits);
        let result = match &self.query.output {
            Output::Each(pieces) => self.each(&plan, pieces, repeats, &meter),
            Output::Groups { keys, aggregates, items } => {
                self.groups(&plan, &Grouping { keys, aggregates, items }, &meter)
            }
        }?;
        Ok(result.finish())
    }

    /// One row of the result for each.
    fn each<'a>(
        &self,
        plan: &Plan<'_, 'a>,
        pieces: &[Piece],
        repeats: Repeats,
        meter: &Meter<'_>,
    ) -> Result<ResultRows, QueryError> {
        let query = self.query;
        let relations = &query.relations;
        let pieces: Vec<_> = pieces.iter().map(|piece| CutPiece::new(*piece, relations)).collect();
        let order = OrderCells::new(&query.order_by, relations);
        let mut seen: HashSet<usize> = HashSet::new();
        let mut is_new = |rows: &[&'a [u8]]| {
            let place = query.returned_place().filter(|_| repeats == Repeats::Drop && relations.len() > 1);
            // A row is at one place only, so the place tells which row it is.
            place.is_none_or(|place| seen.insert(rows[place].as_ptr().addr()))
        };
        let mut result = ResultRows::new(query.offset, query.limit);
        if plan.is_ordered {
            if result.is_full() {
                return Ok(result);
            }
            run_all(&plan.steps, relations.len(), meter, &mut |rows| {
                if !is_new(rows) {
                    return ControlFlow::Continue(());
                }
                result.add(meter, |out| pieces.iter().for_each(|piece| piece.append(rows, out)))
            })?;
            return Ok(result);
        }
        let mut sorter = Sorter::new(query.offset, query.limit);
        let mut key = KeyBytes::new();
        run_all(&plan.steps, relations.len(), meter, &mut |rows| {
            if !is_new(rows) {
                return ControlFlow::Continue(());
            }
            key.clear();
            order.append(rows, &mut key);
            sorter.add(&key, meter, |out| pieces.iter().for_each(|piece| piece.append(rows, out)))
        })?;
        sorter.into_rows(result, meter)
    }

    /// One row of the result for each group.
    fn groups(
        &self,
        plan: &Plan<'_, '_>,
        grouping: &Grouping<'_>,
        meter: &Meter<'_>,
    ) -> Result<ResultRows, QueryError> {
        let query = self.query;
        let relations = &query.relations;
        let keys: Vec<_> =
            grouping.keys.iter().map(|key| CutPiece::new(Piece::Column(*key), relations)).collect();
        let arguments: Vec<_> = grouping
            .aggregates
            .iter()
            .map(|aggregate| aggregate.column().map(|column| Cell::new(relations, column)))
            .collect();
        let mut groups = Groups::default();
        if keys.is_empty() {
            groups.find(KeyBytes::new(), || Group::new(&[], &[], grouping));
        }
        // To count all rows of a table they need not be looked at.
        if let (true, [step]) = (grouping.is_only_count(), &*plan.steps)
            && let (Access::Scan(table), []) = (&step.access, &*step.checks)
        {
            groups.all[0].accumulators.fill_with(|| Accumulator::Count(table.row_count()));
            return groups.into_rows(query, grouping, meter);
        }
        let mut failed = None;
        run_all(&plan.steps, relations.len(), meter, &mut |rows| {
            let mut key = KeyBytes::new();
            keys.iter().for_each(|piece| piece.encode(rows, &mut key));
            let mut kept = 0;
            let group = groups.find(key, || {
                let group = Group::new(&keys, rows, grouping);
                kept += 2 * group.keys.len() + ENTRY_BYTES * (1 + grouping.aggregates.len());
                group
            });
            for (at, aggregate) in grouping.aggregates.iter().enumerate() {
                let cell = arguments[at].map_or(&[][..], |cell| cell.bytes(rows));
                match aggregate.add(&mut group.accumulators[at], cell) {
                    Ok(bytes) => kept += bytes,
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            meter.memory(kept)
        })?;
        match failed {
            Some(error) => Err(error),
            None => groups.into_rows(query, grouping, meter),
        }
    }
}

/// A part of a row of the result, ready to be cut out.
enum CutPiece<'q> {
    Row(usize),
    Column(Cell<'q>, &'q AlgebraicType),
}

impl<'q> CutPiece<'q> {
    fn new(piece: Piece, relations: &'q [impl AsRef<Relation>]) -> Self {
        match piece {
            Piece::Row(relation) => Self::Row(relation),
            Piece::Column(column) => {
                let ty = relations[column.relation].as_ref().column_type(column.column);
                Self::Column(Cell::new(relations, column), ty)
            }
        }
    }

    #[inline]
    fn append(&self, rows: &[&[u8]], out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Row(relation) => rows[*relation],
            Self::Column(cell, _) => cell.bytes(rows),
        });
    }

    /// Appends its key form.
    fn encode(&self, rows: &[&[u8]], out: &mut KeyBytes) {
        if let Self::Column(cell, ty) = self {
            encode_key(ty, cell.bytes(rows), out);
        }
    }
}

/// What rows are ordered by.
struct OrderCells<'q>(Vec<(Cell<'q>, &'q OrderKey)>);

impl<'q> OrderCells<'q> {
    fn new(order_by: &'q [OrderKey], relations: &'q [impl AsRef<Relation>]) -> Self {
        let cell = |key: &'q OrderKey| match key.by {
            OrderBy::Column(column) => Some((Cell::new(relations, column), key)),
            OrderBy::Group(_) => None,
        };
        Self(order_by.iter().filter_map(cell).collect())
    }

    fn append(&self, rows: &[&[u8]], out: &mut KeyBytes) {
        for (cell, key) in &self.0 {
            append_ordered(key, cell.bytes(rows), out);
        }
    }
}

/// Appends a value such that the bytes are in the order that is wanted.
fn append_ordered(key: &OrderKey, bsatn: &[u8], out: &mut KeyBytes) {
    let start = out.len();
    encode_key(&key.ty, bsatn, out);
    if key.is_descending {
        // No encoding is the beginning of another, so the opposite order is that of the opposite bytes.
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// The rows of a result: BSATN, an array.
struct ResultRows {
    bytes: Vec<u8>,
    count: u64,
    skip: u64,
    limit: u64,
}

impl ResultRows {
    fn new(offset: u64, limit: Option<u64>) -> Self {
        Self { bytes: vec![0; 4], count: 0, skip: offset, limit: limit.unwrap_or(ROWS_MAX).min(ROWS_MAX) }
    }

    fn is_full(&self) -> bool {
        self.count >= self.limit
    }

    /// Adds the next row, unless it is to be skipped.
    #[inline]
    fn add(&mut self, meter: &Meter<'_>, append: impl FnOnce(&mut Vec<u8>)) -> ControlFlow<()> {
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

    fn finish(mut self) -> Vec<u8> {
        // No more rows were added than fit.
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

/// Rows that are being sorted.
enum Sorter {
    /// All of them: where the key and the row of each end, one after the other.
    All { bytes: Vec<u8>, entries: Vec<SortEntry> },
    /// The first so many. The last of them is on top.
    Top { rows: BinaryHeap<(Box<[u8]>, Box<[u8]>)>, wanted: usize },
}

/// Where the bytes of a row are.
#[derive(Debug, Clone, Copy)]
struct SortEntry {
    key: usize,
    row: usize,
    end: usize,
}

impl Sorter {
    fn new(offset: u64, limit: Option<u64>) -> Self {
        match limit.map(|limit| limit.saturating_add(offset)) {
            Some(wanted @ ..=TOP_MAX) => Self::Top { rows: BinaryHeap::new(), wanted: wanted as usize },
            _ => Self::All { bytes: Vec::new(), entries: Vec::new() },
        }
    }

    fn add(&mut self, key: &[u8], meter: &Meter<'_>, append: impl FnOnce(&mut Vec<u8>)) -> ControlFlow<()> {
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

    fn into_rows(self, mut result: ResultRows, meter: &Meter<'_>) -> Result<ResultRows, QueryError> {
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

/// What makes groups, and what is wanted of them.
struct Grouping<'q> {
    keys: &'q [ColumnRef],
    aggregates: &'q [Aggregate],
    items: &'q [GroupItem],
}

impl Grouping<'_> {
    /// Whether all that is wanted is how many rows there are.
    fn is_only_count(&self) -> bool {
        self.keys.is_empty() && self.aggregates.iter().all(|aggregate| aggregate.column().is_none())
    }
}

/// Groups of rows.
#[derive(Default)]
struct Groups {
    /// In the order in which they were found.
    all: Vec<Group>,
    /// Their places, by the key form of what is equal in them.
    places: HashMap<KeyBytes, usize>,
}

struct Group {
    /// BSATN of the keys, one after the other.
    keys: Vec<u8>,
    /// Where each of them ends.
    ends: SmallVec<[usize; 4]>,
    accumulators: Vec<Accumulator>,
}

impl Group {
    fn new(pieces: &[CutPiece<'_>], rows: &[&[u8]], grouping: &Grouping<'_>) -> Self {
        let (mut keys, mut ends) = (Vec::new(), SmallVec::new());
        for piece in pieces {
            piece.append(rows, &mut keys);
            ends.push(keys.len());
        }
        Self { keys, ends, accumulators: grouping.aggregates.iter().map(Aggregate::start).collect() }
    }

    /// Appends a column of the result.
    fn append(&self, item: GroupItem, grouping: &Grouping<'_>, out: &mut Vec<u8>) -> Result<(), QueryError> {
        match item {
            GroupItem::Key(at) => {
                let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
                out.extend_from_slice(&self.keys[start..self.ends[at]]);
            }
            GroupItem::Aggregate(at) => grouping.aggregates[at].finish(&self.accumulators[at], out)?,
        }
        Ok(())
    }
}

impl Groups {
    /// The group with that key, which is made if it is not there.
    fn find(&mut self, key: KeyBytes, make: impl FnOnce() -> Group) -> &mut Group {
        let place = match self.places.entry(key) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                self.all.push(make());
                *entry.insert(self.all.len() - 1)
            }
        };
        &mut self.all[place]
    }

    fn into_rows(
        self,
        query: &Query,
        grouping: &Grouping<'_>,
        meter: &Meter<'_>,
    ) -> Result<ResultRows, QueryError> {
        let mut result = ResultRows::new(query.offset, query.limit);
        if result.is_full() {
            return Ok(result);
        }
        let is_ordered = query.order_by.is_empty();
        let mut sorter = Sorter::new(query.offset, query.limit);
        let (mut row, mut value) = (Vec::new(), Vec::new());
        for group in &self.all {
            row.clear();
            for item in grouping.items {
                group.append(*item, grouping, &mut row)?;
            }
            let added = if is_ordered {
                result.add(meter, |out| out.extend_from_slice(&row))
            } else {
                let mut key = KeyBytes::new();
                for order in &query.order_by {
                    let OrderBy::Group(item) = order.by else { continue };
                    value.clear();
                    group.append(item, grouping, &mut value)?;
                    append_ordered(order, &value, &mut key);
                }
                sorter.add(&key, meter, |out| out.extend_from_slice(&row))
            };
            if added.is_break() {
                break;
            }
        }
        meter.check()?;
        if is_ordered { Ok(result) } else { sorter.into_rows(result, meter) }
    }
}
