//! From rows that were found to the rows of a result.

use std::{collections::HashSet, ops::ControlFlow};

use orrery_host_abi::AlgebraicType;

use super::{
    check::Cell,
    error::QueryError,
    exec::run_all,
    groups::Grouping,
    limits::{Limits, Meter},
    plan::Plan,
    prepare::Prepared,
    relation::Relation,
    resolve::{Output, Piece},
    sort::{OrderCells, ResultRows, Sorter},
    sources::Sources,
};
use crate::store::{KeyBytes, encode_key};

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
}

/// A part of a row of the result, ready to be cut out.
pub(super) enum CutPiece<'q> {
    Row(usize),
    Column(Cell<'q>, &'q AlgebraicType),
}

impl<'q> CutPiece<'q> {
    pub(super) fn new(piece: Piece, relations: &'q [impl AsRef<Relation>]) -> Self {
        match piece {
            Piece::Row(relation) => Self::Row(relation),
            Piece::Column(column) => {
                let ty = relations[column.relation].as_ref().column_type(column.column);
                Self::Column(Cell::new(relations, column), ty)
            }
        }
    }

    #[inline]
    pub(super) fn append(&self, rows: &[&[u8]], out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Row(relation) => rows[*relation],
            Self::Column(cell, _) => cell.bytes(rows),
        });
    }

    /// Appends its key form.
    pub(super) fn encode(&self, rows: &[&[u8]], out: &mut KeyBytes) {
        if let Self::Column(cell, ty) = self {
            encode_key(ty, cell.bytes(rows), out);
        }
    }
}
