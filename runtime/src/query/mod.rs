//! SQL: queries over the tables and views of a database, and changes of its tables.
//!
//! A text becomes [`Statement`]s ([`parse`]), a statement is looked up in a program's tables ([`Queries`]) and becomes
//! a [`Query`] or a [`Change`], and a query is prepared for its caller ([`Prepared`]) and run over [`Sources`]: a
//! snapshot, or the writer in the middle of a transaction. A `Query` is about names and types only, so one can be
//! kept and run again over later states.
//!
//! The language is that of the peer, and beyond it `ORDER BY`, `GROUP BY` with aggregates, `OFFSET`, `IN`, `BETWEEN`,
//! `LIKE`, `NOT`, `IS NULL`, conditions of any form after `ON`, and names in `INSERT` that mean something. What they
//! mean exactly is written down where it is done: values and types in `literal`, truth in `predicate`, functions in
//! `aggregate`. `ORDER BY` sorts by the order of indexes: numbers by size with NaN last, texts and bytes by their
//! bytes, `false` before `true`, enums as declared, missing values last; rows that are equal in it come in any order.

mod aggregate;
mod change;
mod check;
mod compare;
mod error;
mod exec;
mod groups;
mod like;
mod limits;
mod literal;
mod number;
mod output;
mod parse;
mod plan;
mod predicate;
mod prepare;
mod relation;
mod resolve;
mod rules;
mod sort;
mod sources;
mod syntax;

pub(crate) use change::Change;
pub use change::Changed;
pub(crate) use change::row_limit;
pub(crate) use error::QueryError;
pub(crate) use limits::Limits;
pub(crate) use output::Repeats;
pub(crate) use parse::parse;
pub(crate) use prepare::{Asker, Prepared};
pub(crate) use relation::{Relation, Rights, Source};
pub(crate) use resolve::Query;

pub(crate) use sources::{Sources, ViewRows};
pub(crate) use syntax::Statement;

use orrery_host_abi::{Identity, TableId, module_def::ViewDef};

use self::{parse::parse_one, relation::Relations, rules::Rules, sources::Tables};
use crate::schema::Catalog;

/// What a running program lets be asked.
#[derive(Debug)]
pub(crate) struct Queries {
    relations: Relations,
    rules: Rules,
}

/// A statement that can be run.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// It reads.
    Query(Query),
    /// It writes.
    Change(Change),
}

impl Queries {
    /// What the program of this catalog lets be asked. The error is for the publisher: a rule is not valid.
    pub(crate) fn new(catalog: &Catalog) -> Result<Self, String> {
        let relations = Relations::new(catalog).map_err(|error| error.to_string())?;
        let texts = catalog.module.row_level_security.iter().map(|text| &**text);
        let rules = Rules::new(texts, &relations)?;
        Ok(Self { relations, rules })
    }

    /// Looks up the names of a statement, as one with these rights sees them.
    pub(crate) fn compile(&self, statement: &Statement, rights: Rights) -> Result<Compiled, QueryError> {
        if let Some(change) = Change::resolve(statement, &self.relations, rights)? {
            return Ok(Compiled::Change(change));
        }
        let query = match statement {
            Statement::Show(name) => match parse_one(&change::show(name)?)? {
                Statement::Select(select) => Query::resolve(&select, &self.relations, rights)?,
                _ => return Err(QueryError::plain("SHOW is not possible")),
            },
            Statement::Select(select) => Query::resolve(select, &self.relations, rights)?,
            _ => return Err(QueryError::plain("this statement is neither a query nor a change")),
        };
        Ok(Compiled::Query(query))
    }

    /// The rows of the query that a view has answered with: BSATN, an array. Calls `read` with each table of it.
    pub(crate) fn view_rows(
        &self,
        text: &str,
        view: &ViewDef,
        tables: &dyn Tables,
        limits: &Limits<'_>,
        read: impl FnMut(TableId),
    ) -> Result<Vec<u8>, QueryError> {
        if text.trim().is_empty() {
            return Ok(vec![0; 4]);
        }
        let query = self.view_query(text, view)?;
        query.relations.iter().filter_map(|relation| relation.table()).for_each(read);
        let asker = Asker { identity: Identity::ZERO, rights: Rights::Owner };
        self.prepare(&query, asker).run(Sources::tables(tables), Repeats::Drop, limits)
    }

    /// The query that a view has answered with, which must fit the view and be the same for everybody.
    fn view_query(&self, text: &str, view: &ViewDef) -> Result<Query, QueryError> {
        let Statement::Select(select) = parse_one(text)? else {
            return Err(QueryError::plain("it is not a SELECT"));
        };
        let query = Query::resolve(&select, &self.relations, Rights::Owner)?;
        if query.uses_sender() {
            return Err(QueryError::plain("it must not use :sender; put the identity into the query"));
        }
        if query.sources().any(|source| matches!(source, Source::View(_))) {
            return Err(QueryError::plain("it must not read views"));
        }
        let Some(returned) = query.returned_relation() else {
            return Err(QueryError::plain("it must give whole rows of one table"));
        };
        let declared = view.columns.iter().map(|column| (Some(&column.name), &column.ty));
        if !query.schema.elements.iter().map(|element| (element.name.as_ref(), &element.ty)).eq(declared) {
            return Err(QueryError::plain(format!(
                "it gives rows of `{}`, whose type is not the one that the view is declared with",
                returned.name
            )));
        }
        Ok(query)
    }

    /// A query for that caller.
    pub(crate) fn prepare<'q>(&'q self, query: &'q Query, asker: Asker) -> Prepared<'q> {
        Prepared::new(query, &self.rules, asker)
    }

    /// The rules about which rows others than the owner may see.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }
}

#[cfg(test)]
mod tests;
