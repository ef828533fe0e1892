//! The ways to find the rows of one relation, and what each costs.

use orrery_host_abi::{ColId, bsatn::Encode};

use super::Planner;
use crate::{
    query::{
        check::{Cell, order},
        error::QueryError,
        exec::{Access, KeyPart},
        predicate::{Given, Predicate},
        relation::{ColumnRef, Source},
        syntax::Comparison,
    },
    store::{IndexKind, IndexRef, Table},
};

/// What it costs to look at a row that is found through an index, in rows that lie side by side.
const LOOKUP_COST: f64 = 2.0;

/// A way to find the rows of a relation.
pub(super) struct Candidate<'q, 'a> {
    pub(super) access: Access<'q, 'a>,
    /// The places of the conditions that it makes true.
    pub(super) covered: Vec<usize>,
    /// Rows that it finds, about, for each combination of rows before it.
    pub(super) rows: f64,
    /// What that costs, for each combination.
    pub(super) cost: f64,
    /// What it costs once.
    pub(super) setup: f64,
}

/// A bound (BSATN), and the place of the condition that says so.
type Bound = (usize, Vec<u8>);

impl<'q, 'a> Planner<'q, 'a> {
    /// The best way to find the rows of a relation.
    pub(super) fn candidate(
        &self,
        place: usize,
        bound: u32,
        checked: &[bool],
    ) -> Result<Candidate<'q, 'a>, QueryError> {
        let relation = &self.prepared.query.relations[place];
        let table = match relation.source {
            Source::Table(id) => {
                // The table was there when the name was looked up, and its program still runs.
                self.sources
                    .table(id)
                    .ok_or_else(|| QueryError::plain(format!("the table `{}` is gone", relation.name)))?
            }
            Source::View(view) => {
                let rows = self.sources.view(view);
                let count = rows.len() as f64;
                let all = Candidate {
                    access: Access::List(rows),
                    covered: Vec::new(),
                    rows: count,
                    cost: count,
                    setup: 0.0,
                };
                return Ok(self.hashed(place, bound, checked, count).unwrap_or(all));
            }
        };
        let count = table.row_count() as f64;
        let mut best = Candidate {
            access: Access::Scan(table),
            covered: Vec::new(),
            rows: count,
            cost: count.max(1.0),
            setup: 0.0,
        };
        if let Some(hashed) = self.hashed(place, bound, checked, count) {
            best = hashed;
        }
        let is_better = |one: &Candidate<'_, '_>, other: &Candidate<'_, '_>| {
            one.setup + one.cost < other.setup + other.cost
        };
        for index in table.indexes() {
            for candidate in self.by_index(place, table, index, bound, checked) {
                if is_better(&candidate, &best) {
                    best = candidate;
                }
            }
        }
        Ok(best)
    }

    /// The conditions about a relation that have not been checked and can be by then, with their places.
    fn usable(
        &self,
        place: usize,
        bound: u32,
        checked: &[bool],
    ) -> impl Iterator<Item = (usize, &'q Predicate)> {
        let known = bound | 1 << place;
        let all = self.predicates.iter().zip(checked).enumerate();
        all.filter(move |(_, ((_, relations), is_checked))| {
            !**is_checked && relations & !known == 0 && relations & 1 << place != 0
        })
        .map(|(at, ((predicate, _), _))| (at, *predicate))
    }

    /// What a column of a relation must be equal to: the place of the condition, and where the value comes from.
    fn equality(&self, column: ColumnRef, bound: u32, checked: &[bool]) -> Option<(usize, KeyPart<'q>)> {
        let is_optional = self.cell(column).comparable.is_optional;
        self.usable(column.relation, bound, checked).find_map(|(at, predicate)| {
            let part = match predicate {
                Predicate::Compare(of, Comparison::Equal, given) if *of == column => {
                    KeyPart::Value(self.bsatn(given, is_optional))
                }
                Predicate::Columns(left, Comparison::Equal, right) => {
                    let other = match (*left == column, *right == column) {
                        (true, false) => *right,
                        (false, true) => *left,
                        _ => return None,
                    };
                    if other.relation == column.relation {
                        return None;
                    }
                    KeyPart::Column(self.cell(other), is_optional)
                }
                _ => return None,
            };
            Some((at, part))
        })
    }

    /// The BSATN of a value for an optional column or another one.
    fn bsatn(&self, given: &Given, is_optional: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if is_optional {
            bytes.push(0);
        }
        bytes.extend_from_slice(&given.bsatn(self.prepared.sender));
        bytes
    }

    /// The ways to find rows through an index.
    fn by_index(
        &self,
        place: usize,
        table: &'a Table,
        index: IndexRef<'a>,
        bound: u32,
        checked: &[bool],
    ) -> Vec<Candidate<'q, 'a>> {
        let count = table.row_count() as f64;
        let column = |id: &ColId| ColumnRef { relation: place, column: usize::from(id.0) };
        let (mut covered, mut prefix) = (Vec::new(), Vec::new());
        for id in index.columns() {
            let Some((at, part)) = self.equality(column(id), bound, checked) else { break };
            covered.push(at);
            prefix.push(part);
        }
        let mut found = Vec::new();
        if let Some(next) = index.columns().get(prefix.len()) {
            let next = column(next);
            if let ([only], Some((at, keys))) = (index.columns(), self.alternatives(next, bound, checked)) {
                let each = if index.spec().unique { 1.0 } else { matches_of_key(count, 1, 1) };
                let rows = each * keys.len() as f64;
                debug_assert_eq!(usize::from(only.0), next.column);
                found.push(Candidate {
                    access: Access::Points(index, keys),
                    covered: vec![at],
                    rows,
                    cost: rows * LOOKUP_COST,
                    setup: 0.0,
                });
            }
            if index.spec().kind == IndexKind::Hash {
                return found;
            }
            let (start, end) = self.bounds(next, bound, checked);
            if prefix.is_empty() && start.is_none() && end.is_none() {
                return found;
            }
            let mut rows = matches_of_key(count, prefix.len(), index.columns().len());
            let mut bsatn = |bound: Option<Bound>| match bound {
                None => 2_u8.to_bsatn(),
                Some((at, bsatn)) => {
                    covered.push(at);
                    rows /= 3.0;
                    bsatn
                }
            };
            let (start, end) = (bsatn(start), bsatn(end));
            let rows = rows.max(1.0);
            found.push(Candidate {
                access: Access::Range { index, prefix, start, end, rows_max: table.row_count() },
                covered,
                rows,
                cost: rows * LOOKUP_COST,
                setup: 0.0,
            });
            return found;
        }
        let rows = if index.spec().unique { 1.0 } else { matches_of_key(count, prefix.len(), prefix.len()) };
        found.push(Candidate {
            access: Access::Point { index, key: prefix, rows_max: table.row_count() },
            covered,
            rows,
            cost: rows * LOOKUP_COST,
            setup: 0.0,
        });
        found
    }

    /// The tightest bounds on a column by values that are known, with the places of the conditions, as BSATN of a
    /// bound.
    fn bounds(&self, column: ColumnRef, bound: u32, checked: &[bool]) -> (Option<Bound>, Option<Bound>) {
        let cell = self.cell(column);
        let (mut start, mut end) = (None, None);
        if cell.comparable.is_optional {
            return (start, end);
        }
        for (at, predicate) in self.usable(column.relation, bound, checked) {
            let Predicate::Compare(of, comparison, given) = predicate else { continue };
            let (side, is_excluded) = match comparison {
                Comparison::Greater => (&mut start, true),
                Comparison::GreaterOrEqual => (&mut start, false),
                Comparison::Less => (&mut end, true),
                Comparison::LessOrEqual => (&mut end, false),
                Comparison::Equal | Comparison::NotEqual => continue,
            };
            if *of != column {
                continue;
            }
            let mut bsatn = vec![u8::from(is_excluded)];
            bsatn.extend_from_slice(&given.bsatn(self.prepared.sender));
            let is_lower = matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
            let is_tighter = side.as_ref().is_none_or(|(_, known): &Bound| {
                let ordering = order(cell, &bsatn[1..], &known[1..]);
                let ordering = if is_lower { ordering } else { ordering.reverse() };
                ordering.then(bsatn[0].cmp(&known[0])).is_gt()
            });
            if is_tighter {
                *side = Some((at, bsatn));
            }
        }
        (start, end)
    }

    /// The values of which a column must have one, and the place of the condition.
    fn alternatives(&self, column: ColumnRef, bound: u32, checked: &[bool]) -> Option<(usize, Vec<Vec<u8>>)> {
        let cell = self.cell(column);
        self.usable(column.relation, bound, checked).find_map(|(at, predicate)| {
            // Values that are equal and not the same (floats) must not find the same rows twice.
            let mut keys = Vec::new();
            let is_about_it = collect_alternatives(predicate, column, &mut |given| {
                let key = cell.key_of(&given.bsatn(self.prepared.sender));
                keys.push((key, self.bsatn(given, cell.comparable.is_optional)));
            });
            if !is_about_it {
                return None;
            }
            keys.sort_unstable();
            keys.dedup_by(|(a, _), (b, _)| a == b);
            Some((at, keys.into_iter().map(|(_, bsatn)| bsatn).collect()))
        })
    }

    /// A table of all rows by what they must be equal to in the rows before, made when the first one is looked for.
    fn hashed(&self, place: usize, bound: u32, checked: &[bool], count: f64) -> Option<Candidate<'q, 'a>> {
        let (mut covered, mut own, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (at, predicate) in self.usable(place, bound, checked) {
            let Predicate::Columns(left, Comparison::Equal, right) = predicate else { continue };
            let (mine, other) = match (left.relation == place, right.relation == place) {
                (true, false) => (*left, *right),
                (false, true) => (*right, *left),
                _ => continue,
            };
            covered.push(at);
            own.push(self.cell(mine));
            others.push(self.cell(other));
        }
        if covered.is_empty() {
            return None;
        }
        let relation = &self.prepared.query.relations[place];
        let all = match relation.source {
            Source::Table(id) => Access::Scan(self.sources.table(id)?),
            Source::View(view) => Access::List(self.sources.view(view)),
        };
        Some(Candidate {
            access: Access::hashed(place, all, own, others),
            covered,
            rows: matches_of_key(count, 1, 1),
            cost: LOOKUP_COST,
            setup: count * LOOKUP_COST,
        })
    }

    fn cell(&self, column: ColumnRef) -> Cell<'q> {
        Cell::new(&self.prepared.query.relations, column)
    }
}

/// How many of so many rows have the same key, about, if the key has so many columns and `known` of them are given.
fn matches_of_key(count: f64, known: usize, columns: usize) -> f64 {
    match known {
        0 => count,
        // Nobody has counted; a key is taken to be more telling the more of it is known.
        _ => count.powf(1.0 - known as f64 / (columns as f64 + 1.0)).max(1.0),
    }
}

/// Calls `take` with each value, if the condition says that the column has one of some values.
fn collect_alternatives<'q>(
    predicate: &'q Predicate,
    column: ColumnRef,
    take: &mut impl FnMut(&'q Given),
) -> bool {
    match predicate {
        Predicate::In(of, values) if *of == column => {
            values.iter().for_each(take);
            true
        }
        Predicate::Compare(of, Comparison::Equal, given) if *of == column => {
            take(given);
            true
        }
        Predicate::Or(any) => any.iter().all(|one| collect_alternatives(one, column, take)),
        _ => false,
    }
}
