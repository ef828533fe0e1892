//! A query as one caller may run it: with the rules about which rows that caller may see.

use orrery_host_abi::{Identity, TableId};

use super::{
    predicate::Predicate,
    relation::{ColumnRef, Rights},
    resolve::Query,
    rules::Rules,
};

/// A query, and what its caller may see.
#[derive(Debug)]
pub(crate) struct Prepared<'q> {
    pub(super) query: &'q Query,
    /// What must be true of the rows.
    pub(super) filter: Vec<Predicate>,
    /// Relations of which a row counts only if one of these queries gives it.
    pub(super) guards: Vec<(usize, Vec<Prepared<'q>>)>,
    pub(super) sender: Identity,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) identity: Identity,
    pub(crate) rights: Rights,
}

impl<'q> Prepared<'q> {
    /// A query for that caller.
    pub(crate) fn new(query: &'q Query, rules: &'q Rules, asker: Asker) -> Self {
        Self::except(query, rules, asker, None)
    }

    /// A query for that caller, in which the rules about one table do not count.
    fn except(query: &'q Query, rules: &'q Rules, asker: Asker, except: Option<TableId>) -> Self {
        let mut prepared =
            Self { query, filter: query.filter.clone(), guards: Vec::new(), sender: asker.identity };
        if asker.rights == Rights::Owner {
            return prepared;
        }
        for (place, relation) in query.relations.iter().enumerate() {
            let Some(table) = relation.table().filter(|table| except != Some(*table)) else { continue };
            match rules.of(table) {
                [] => {}
                // What the rule demands can be found by an index like what the query demands.
                [only] if only.relations.len() == 1 => {
                    prepared.filter.extend(only.filter.iter().map(|predicate| predicate.moved(place)));
                }
                all => {
                    let rules = all.iter().map(|rule| Self::except(rule, rules, asker, Some(table)));
                    prepared.guards.push((place, rules.collect()));
                }
            }
        }
        prepared
    }
}

impl Predicate {
    /// The same of another relation: of a condition on the first one alone.
    fn moved(&self, relation: usize) -> Self {
        let list = |all: &[Self]| all.iter().map(|one| one.moved(relation)).collect();
        let column = |column: &ColumnRef| ColumnRef { relation, column: column.column };
        match self {
            Self::And(all) => Self::And(list(all)),
            Self::Or(all) => Self::Or(list(all)),
            Self::Not(inner) => Self::Not(Box::new(inner.moved(relation))),
            Self::Compare(of, comparison, given) => Self::Compare(column(of), *comparison, given.clone()),
            Self::Columns(left, comparison, right) => Self::Columns(column(left), *comparison, column(right)),
            Self::In(of, values) => Self::In(column(of), values.clone()),
            Self::Like(of, pattern) => Self::Like(column(of), pattern.clone()),
            Self::IsMissing(of) => Self::IsMissing(column(of)),
            Self::Constant(_) | Self::Sender(..) => self.clone(),
        }
    }
}
