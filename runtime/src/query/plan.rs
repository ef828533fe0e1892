//! How a query is run: in which order its tables are gone through, and how the rows of each are found.

mod candidate;

use orrery_host_abi::ColId;

use self::candidate::Candidate;
use super::{
    check::Check,
    error::QueryError,
    exec::{Access, Existence, Step},
    predicate::Predicate,
    prepare::Prepared,
    resolve::{OrderBy, Output},
    sources::Sources,
};
use crate::store::{IndexKind, IndexRef};

/// Up to so many tables, each is tried as the first one.
const FIRSTS_MAX: usize = 8;

/// The steps that find rows, and what is to be checked of those that are known before.
type Steps<'q, 'a> = (Vec<Step<'q, 'a>>, Vec<Check<'q, 'a>>);

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

impl<'q, 'a> Plan<'q, 'a> {
    /// Chooses how to run a query over these rows.
    pub(super) fn new(prepared: &'q Prepared<'q>, sources: Sources<'a>) -> Result<Self, QueryError> {
        let planner = Planner::new(prepared, sources);
        let (steps, _) = planner.steps(0)?;
        let is_ordered = prepared.query.order_by.is_empty();
        let mut plan = Self { steps, is_ordered, rows_max: 1 };
        plan.use_order(prepared);
        if !prepared.guards.is_empty() {
            // Nobody has counted what rules look at.
            plan.rows_max = u64::MAX;
        }
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
    fn steps(&self, bound: u32) -> Result<Steps<'q, 'a>, QueryError> {
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
}
