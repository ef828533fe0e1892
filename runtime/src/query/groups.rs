//! Groups of rows, and what is wanted of them.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::ControlFlow,
};

use smallvec::SmallVec;

use super::{
    aggregate::{Accumulator, Aggregate},
    check::Cell,
    error::QueryError,
    exec::{Access, run_all},
    limits::Meter,
    output::CutPiece,
    plan::Plan,
    prepare::Prepared,
    relation::ColumnRef,
    resolve::{GroupItem, OrderBy, Piece, Query},
    sort::{ENTRY_BYTES, ResultRows, Sorter, append_ordered},
};
use crate::store::KeyBytes;

impl Prepared<'_> {
    /// One row of the result for each group.
    pub(super) fn groups(
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

/// What makes groups, and what is wanted of them.
pub(super) struct Grouping<'q> {
    pub(super) keys: &'q [ColumnRef],
    pub(super) aggregates: &'q [Aggregate],
    pub(super) items: &'q [GroupItem],
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
