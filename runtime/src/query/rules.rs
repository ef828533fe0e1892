//! Row-level security: rules about which rows of a table others than the owner may see.
//!
//! A rule is a query that gives whole rows of one public table; whoever is not the owner sees a row of that table
//! only if one of its rules gives it. A rule may join other tables, private ones too; of those it sees what the
//! caller may see.

use std::collections::HashMap;

use orrery_host_abi::TableId;

use super::{
    parse::parse_one,
    relation::{Relation, Relations, Rights, Source},
    resolve::Query,
    syntax::Statement,
};

/// How many rules may depend on each other's tables in a row.
const NESTING_MAX: usize = 16;

/// The rules of a database.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    by_table: HashMap<TableId, Vec<Query>>,
    /// The table that each rule is about, in the order of the definition.
    tables: Vec<TableId>,
}

impl Rules {
    /// Reads the rules of a module. The error says which rule is wrong, and why.
    pub(crate) fn new<'r>(
        texts: impl IntoIterator<Item = &'r str>,
        relations: &Relations,
    ) -> Result<Self, String> {
        let mut rules = Self::default();
        for text in texts {
            let rule = read(text, relations)
                .map_err(|what| format!("the row-level security rule `{text}` is not valid: {what}"))?;
            // The check found that it returns rows of a table.
            let Some(table) = rule.returned_relation().and_then(Relation::table) else {
                continue;
            };
            rules.tables.push(table);
            rules.by_table.entry(table).or_default().push(rule);
        }
        rules.check_nesting()?;
        Ok(rules)
    }

    /// The rules about a table.
    pub(super) fn of(&self, table: TableId) -> &[Query] {
        self.by_table.get(&table).map_or(&[], Vec::as_slice)
    }

    /// The table that each rule is about, in the order of the definition.
    pub(crate) fn tables(&self) -> &[TableId] {
        &self.tables
    }

    /// Refuses rules that need each other in a circle, or too many in a row.
    fn check_nesting(&self) -> Result<(), String> {
        // How many rules come one after the other from a table on; found by going one step further each time.
        let mut reached: Vec<TableId> = self.by_table.keys().copied().collect();
        for _ in 0..NESTING_MAX {
            let mut next: Vec<TableId> = Vec::new();
            for table in reached {
                for rule in self.of(table) {
                    let others = rule.relations.iter().filter_map(|relation| relation.table());
                    next.extend(others.filter(|other| *other != table && self.by_table.contains_key(other)));
                }
            }
            if next.is_empty() {
                return Ok(());
            }
            next.sort_unstable();
            next.dedup();
            reached = next;
        }
        Err(format!(
            "the row-level security rules depend on each other in a circle, or more than {NESTING_MAX} in a row"
        ))
    }
}

fn read(text: &str, relations: &Relations) -> Result<Query, String> {
    let Statement::Select(select) = parse_one(text).map_err(|error| error.to_string())? else {
        return Err("it must be a SELECT".into());
    };
    let rule = Query::resolve(&select, relations, Rights::Owner).map_err(|error| error.to_string())?;
    let Some(relation) = rule.returned_relation() else {
        return Err("it must select all columns of one table, as `SELECT table.*` does".into());
    };
    if !relation.is_public() || relation.is_system() {
        return Err(format!("`{}` must be a public table", relation.name));
    }
    if rule.sources().any(|source| matches!(source, Source::View(_))) {
        return Err("it must not read a view".into());
    }
    if rule.is_cut() {
        return Err("LIMIT and OFFSET make no rule".into());
    }
    Ok(rule)
}
