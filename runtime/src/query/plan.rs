//! How a query is run: in which order its tables are gone through, and how the rows of each are found.

use orrery_host_abi::{ColId, bsatn::Encode};

use super::{
    check::{Cell, Check, order},
    error::QueryError,
    exec::{Access, Existence, KeyPart, Step},
    predicate::{Given, Predicate},
    prepare::Prepared,
    relation::{ColumnRef, Source},
    resolve::{OrderBy, Output},
    sources::Sources,
    syntax::Comparison,
};
use crate::store::{IndexKind, IndexRef, Table};

/// Up to so many tables, each is tried as the first one.
const FIRSTS_MAX: usize = 8;

/// What it costs to look at a row that is found through an index, in rows that lie side by side.
const LOOKUP_COST: f64 = 2.0;

/// How a query is run.
#[derive(Debug)]
pub(super) struct Plan<'q, 'a> {
    pub(super) steps: Vec<Step<'q, 'a>>,
    /// Whether the rows are found in the order in which the query wants them.
    pub(super) is_ordered: bool,
    /// How many rows it looks at, at most.
    pub(super) rows_max: u64,
}

/// What is known while steps are chosen.
struct Planner<'q, 'a> {
    prepared: &'q Prepared<'q>,
    sources: Sources<'a>,
    /// The conditions with the relations that each is about, as bits.
    predicates: Vec<(&'q Predicate, u32)>,
}

/// A way to find the rows of a relation.
struct Candidate<'q, 'a> {
    access: Access<'q, 'a>,
    /// The places of the conditions that it makes true.
    covered: Vec<usize>,
    /// Rows that it finds, about, for each combination of rows before it.
    rows: f64,
    /// What that costs, for each combination.
    cost: f64,
    /// What it costs once.
    setup: f64,
}

impl<'q, 'a> Plan<'q, 'a> {
    /// Chooses how to run a query over these rows.
    pub(super) fn new(prepared: &'q Prepared<'q>, sources: Sources<'a>) -> Result<Self, QueryError> {
        let planner = Planner::new(prepared, sources);
        let (steps, _) = planner.steps(0)?;
        let is_ordered = prepared.query.order_by.is_empty();
        let mut plan = Self { steps, is_ordered, rows_max: 1 };
        plan.use_order(prepared);
        for step in &plan.steps {
            plan.rows_max = plan.rows_max.saturating_mul(step.access.rows_max().max(1));
        }
        Ok(plan)
    }

    /// Notes, or sees to it, that rows are found in the order that is wanted.
    fn use_order(&mut self, prepared: &'q Prepared<'q>) {
        let query = prepared.query;
        let ([step], Output::Each(_), false) = (&mut *self.steps, &query.output, self.is_ordered) else {
            return;
        };
        let mut columns = Vec::new();
        for key in &query.order_by {
            match key.by {
                OrderBy::Column(column) if !key.is_descending => columns.push(ColId(column.column as u16)),
                _ => return,
            }
        }
        self.is_ordered = match &step.access {
            Access::Range { index, prefix, .. } => {
                let rest = &index.columns()[prefix.len()..];
                index.spec().kind != IndexKind::Hash && rest.starts_with(&columns)
            }
            Access::Scan(table) if query.limit.is_some() => {
                let mut indexes = table.indexes();
                let in_order = |index: &IndexRef<'_>| {
                    index.spec().kind != IndexKind::Hash && index.columns().starts_with(&columns)
                };
                match indexes.find(in_order) {
                    Some(index) => {
                        step.access = Access::Ordered(index, table.row_count());
                        true
                    }
                    None => false,
                }
            }
            _ => false,
        };
    }
}

impl<'q, 'a> Existence<'q, 'a> {
    /// How to find out whether a query gives a certain row.
    fn new(prepared: &'q Prepared<'q>, sources: Sources<'a>) -> Result<Self, QueryError> {
        // Rules return rows of one relation: that was checked when they were read.
        let place = prepared.query.returned_place().unwrap_or(0);
        let planner = Planner::new(prepared, sources);
        let (steps, checks) = planner.steps(1 << place)?;
        Ok(Self { relations: prepared.query.relations.len(), place, checks, steps })
    }
}

impl<'q, 'a> Planner<'q, 'a> {
    fn new(prepared: &'q Prepared<'q>, sources: Sources<'a>) -> Self {
        let relations_of = |predicate: &Predicate| {
            let mut bits = 0;
            predicate.each_column(&mut |column| bits |= 1 << column.relation);
            bits
        };
        let predicates = prepared.filter.iter().map(|predicate| (predicate, relations_of(predicate)));
        Self { prepared, sources, predicates: predicates.collect() }
    }

    /// The steps that find the rows of all relations but those that are `bound` before, and what is to be checked of
    /// those.
    #[allow(clippy::type_complexity)]
    fn steps(&self, bound: u32) -> Result<(Vec<Step<'q, 'a>>, Vec<Check<'q, 'a>>), QueryError> {
        let relations = &self.prepared.query.relations;
        let free: Vec<usize> = (0..relations.len()).filter(|place| bound & 1 << place == 0).collect();
        let mut checked = vec![false; self.predicates.len()];
        let at_once = self.checks(bound, &mut checked);
        let firsts: Vec<Option<usize>> = match free.len() {
            0 => return Ok((Vec::new(), at_once)),
            2..=FIRSTS_MAX => free.iter().copied().map(Some).collect(),
            _ => vec![None],
        };
        let mut best: Option<(f64, Vec<Step<'q, 'a>>)> = None;
        for first in firsts {
            let (cost, steps) = self.steps_from(first, &free, bound, checked.clone())?;
            if best.as_ref().is_none_or(|(known, _)| cost < *known) {
                best = Some((cost, steps));
            }
        }
        let mut steps = best.map(|(_, steps)| steps).unwrap_or_default();
        if bound == 0
            && let Some(step) = steps.first_mut()
        {
            // What depends on no row is looked at before any.
            let mut all = at_once;
            if all.iter().any(|check| matches!(check, Check::Constant(false))) {
                step.access = Access::Nothing;
            }
            all.append(&mut step.checks);
            all.retain(|check| !matches!(check, Check::Constant(true)));
            step.checks = all;
            return Ok((steps, Vec::new()));
        }
        Ok((steps, at_once))
    }

    /// The steps in the order that looks best if they begin with that relation, and what they cost, about.
    fn steps_from(
        &self,
        first: Option<usize>,
        free: &[usize],
        mut bound: u32,
        mut checked: Vec<bool>,
    ) -> Result<(f64, Vec<Step<'q, 'a>>), QueryError> {
        let mut left = free.to_vec();
        let mut steps = Vec::with_capacity(left.len());
        let (mut cost, mut rows) = (0.0, 1.0);
        while !left.is_empty() {
            let only = first.filter(|_| steps.is_empty());
            let mut best: Option<(usize, Candidate<'q, 'a>)> = None;
            for (at, &place) in left.iter().enumerate() {
                if only.is_some_and(|only| only != place) {
                    continue;
                }
                let candidate = self.candidate(place, bound, &checked)?;
                let total = |candidate: &Candidate<'_, '_>| candidate.setup + rows * candidate.cost;
                if best.as_ref().is_none_or(|(_, known)| total(&candidate) < total(known)) {
                    best = Some((at, candidate));
                }
            }
            let Some((at, candidate)) = best else { break };
            let place = left.remove(at);
            bound |= 1 << place;
            for covered in candidate.covered {
                checked[covered] = true;
            }
            let mut checks = self.checks(bound, &mut checked);
            for (guarded, rules) in &self.prepared.guards {
                if *guarded == place {
                    let rules = rules.iter().map(|rule| Existence::new(rule, self.sources));
                    checks.push(Check::Visible(place, rules.collect::<Result<_, _>>()?));
                }
            }
            cost += candidate.setup + rows * candidate.cost;
            rows *= candidate.rows / 2_f64.powi(checks.len() as i32);
            rows = rows.max(1.0);
            steps.push(Step { relation: place, access: candidate.access, checks });
        }
        Ok((cost, steps))
    }

    /// The conditions that can be checked once the relations in `bound` are, and that have not been checked.
    fn checks(&self, bound: u32, checked: &mut [bool]) -> Vec<Check<'q, 'a>> {
        let mut checks = Vec::new();
        for ((predicate, relations), is_checked) in self.predicates.iter().zip(checked) {
            if !*is_checked && relations & !bound == 0 {
                *is_checked = true;
                checks.push(Check::new(predicate, &self.prepared.query.relations, self.prepared.sender));
            }
        }
        checks
    }

    fn cell(&self, column: ColumnRef) -> Cell<'q> {
        Cell::new(&self.prepared.query.relations, column)
    }

    /// The best way to find the rows of a relation.
    fn candidate(&self, place: usize, bound: u32, checked: &[bool]) -> Result<Candidate<'q, 'a>, QueryError> {
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
            let mut bsatn = |bound: Option<(usize, Vec<u8>)>| match bound {
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
    #[allow(clippy::type_complexity)]
    fn bounds(
        &self,
        column: ColumnRef,
        bound: u32,
        checked: &[bool],
    ) -> (Option<(usize, Vec<u8>)>, Option<(usize, Vec<u8>)>) {
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
            let is_tighter = side.as_ref().is_none_or(|(_, known): &(usize, Vec<u8>)| {
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
