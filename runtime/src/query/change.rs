//! `INSERT`, `UPDATE`, `DELETE` and `SET`.

use std::sync::Arc;

use orrery_host_abi::{
    AlgebraicType, ColId, RowLayout, TableId,
    bsatn::{Encode, Reader},
};

use super::{
    Queries,
    error::{At, QueryError},
    limits::Limits,
    literal::{compared, stored},
    output::Repeats,
    prepare::{Asker, Prepared},
    relation::{Relation, Relations, Rights},
    resolve::Query,
    sources::{Sources, Tables},
    syntax::{
        Condition, Delete, Insert, Item, Literal, LiteralForm, Name, Select, Statement, TableName, Update,
    },
};
use crate::{
    schema::system_table,
    store::{Table, WriteError, Writer},
};

/// The one variable there is: how many rows a query of others than the owner may look at.
const ROW_LIMIT: &str = "row_limit";
/// The tag of `U64` among the values of variables.
const U64_TAG: u8 = 8;

/// A change of data, with all names looked up and all types checked.
#[derive(Debug)]
pub(crate) enum Change {
    /// Rows (BSATN, each) to be inserted.
    Insert(Arc<Relation>, Vec<Vec<u8>>),
    /// Those that a query gives get new values (BSATN) in some columns.
    Update(Arc<Relation>, Query, Vec<(usize, Vec<u8>)>),
    /// Those that a query gives are deleted.
    Delete(Arc<Relation>, Query),
    /// The variable that limits the rows of others.
    SetRowLimit(u64),
}

/// How many rows were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changed {
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Rows that were found for an update, whether that made a difference or not.
    pub updated: u64,
}

impl Change {
    /// Looks up the names of a change; none if the statement is a query.
    pub(super) fn resolve(
        statement: &Statement,
        relations: &Relations,
        rights: Rights,
    ) -> Result<Option<Self>, QueryError> {
        let change = match statement {
            Statement::Select(_) | Statement::Show(_) => return Ok(None),
            Statement::Insert(insert) => self::insert(insert, relations, rights)?,
            Statement::Update(update) => self::update(update, relations, rights)?,
            Statement::Delete(delete) => self::delete(delete, relations, rights)?,
            Statement::Set(name, value) => {
                check_variable(name)?;
                let value = compared(value, &AlgebraicType::U64)?;
                // The check found 8 bytes.
                Self::SetRowLimit(value.first_chunk().copied().map_or(0, u64::from_le_bytes))
            }
        };
        if rights != Rights::Owner {
            return Err(QueryError::plain("only the owner of a database may change it with SQL"));
        }
        Ok(Some(change))
    }

    /// Makes the change in the open transaction. After an error, that may be changed in part and must be rolled back.
    pub(crate) fn apply(
        &self,
        writer: &mut Writer,
        queries: &Queries,
        asker: Asker,
        limits: &Limits<'_>,
    ) -> Result<Changed, QueryError> {
        let find = |writer: &Writer, query: &Query| {
            let prepared = Prepared::new(query, &queries.rules, asker);
            prepared.run(Sources::tables(writer), Repeats::Keep, limits)
        };
        match self {
            Self::Insert(relation, rows) => insert_rows(writer, relation, rows),
            Self::Delete(relation, query) => {
                let table = table_of(relation)?;
                let deleted = if query.filter.is_empty() {
                    writer.clear(table)
                } else {
                    let rows = find(writer, query)?;
                    writer.delete_rows(table, &rows).map(u64::from)
                };
                let deleted = deleted.map_err(|error| write_error(&error, writer, relation, ""))?;
                Ok(Changed { deleted, ..Changed::default() })
            }
            Self::Update(relation, query, assignments) => {
                let rows = find(writer, query)?;
                update_rows(writer, relation, &rows, assignments)
            }
            Self::SetRowLimit(limit) => {
                let mut row = ROW_LIMIT.to_bsatn();
                row.push(U64_TAG);
                limit.encode(&mut row);
                let before =
                    writer.clear(system_table::VAR).map_err(|error| QueryError::plain(error.to_string()))?;
                writer
                    .insert(system_table::VAR, &mut row)
                    .map_err(|error| QueryError::plain(error.to_string()))?;
                Ok(Changed { inserted: 1, deleted: before, updated: 0 })
            }
        }
    }
}

/// How many rows a query of others than the owner may look at, if there is a limit.
pub(crate) fn row_limit(tables: &dyn Tables) -> Option<u64> {
    let table = tables.table(system_table::VAR)?;
    let name = ROW_LIMIT.to_bsatn();
    let row = table.rows().find(|row| table.layout().column(row, 0) == name)?;
    match table.layout().column(row, 1).split_first()? {
        (&U64_TAG, value) => value.first_chunk().copied().map(u64::from_le_bytes),
        _ => None,
    }
}

/// `SHOW` as the query that it stands for.
pub(super) fn show(name: &Name) -> Result<String, QueryError> {
    check_variable(name)?;
    Ok(format!("SELECT value FROM st_var WHERE name = '{ROW_LIMIT}'"))
}

fn check_variable(name: &Name) -> Result<(), QueryError> {
    if *name.text == *ROW_LIMIT {
        return Ok(());
    }
    Err(QueryError::at(name.at, format!("there is no variable `{}`; there is {ROW_LIMIT}", name.text)))
}

fn insert(insert: &Insert, relations: &Relations, rights: Rights) -> Result<Change, QueryError> {
    let relation = changed_relation(&insert.table, relations, rights)?;
    let count = relation.column_count();
    // Where the value of each column is in the list of values.
    let mut places: Vec<Option<usize>> = vec![None; count];
    if insert.columns.is_empty() {
        places = (0..count).map(Some).collect();
    }
    for (at, name) in insert.columns.iter().enumerate() {
        let column = relation.own_column(name)?;
        if places[column].replace(at).is_some() {
            return Err(QueryError::at(name.at, format!("the column `{}` is there twice", name.text)));
        }
    }
    let values = if insert.columns.is_empty() { count } else { insert.columns.len() };
    let mut rows = Vec::with_capacity(insert.rows.len());
    for (number, row) in insert.rows.iter().enumerate() {
        if row.len() != values {
            let at = row.first().map_or(insert.table.at, |literal| literal.at);
            let message = format!(
                "row {} has {} values, and `{}` takes {values} here",
                number + 1,
                row.len(),
                relation.name
            );
            return Err(QueryError::at(at, message));
        }
        let mut bsatn = Vec::new();
        for (column, place) in places.iter().enumerate() {
            let ty = relation.column_type(column);
            match place {
                Some(place) => stored(&row[*place], ty, &mut bsatn)?,
                None if relation.is_generated(column) => {
                    bsatn.resize(bsatn.len() + ty.scalar_width().unwrap_or(0), 0);
                }
                None => {
                    let null = Literal { form: LiteralForm::Null, at: insert.table.at };
                    stored(&null, ty, &mut bsatn).map_err(|_| {
                        let name = relation.column_name(column);
                        QueryError::at(insert.table.at, format!("the column `{name}` needs a value"))
                    })?;
                }
            }
        }
        rows.push(bsatn);
    }
    Ok(Change::Insert(relation, rows))
}

fn update(update: &Update, relations: &Relations, rights: Rights) -> Result<Change, QueryError> {
    let relation = changed_relation(&update.table, relations, rights)?;
    let mut assignments: Vec<(usize, Vec<u8>)> = Vec::new();
    for (name, value) in &update.assignments {
        let column = relation.own_column(name)?;
        if assignments.iter().any(|(known, _)| *known == column) {
            return Err(QueryError::at(name.at, format!("the column `{}` is set twice", name.text)));
        }
        let mut bsatn = Vec::new();
        stored(value, relation.column_type(column), &mut bsatn)?;
        assignments.push((column, bsatn));
    }
    let query = matching(&update.table, update.condition.as_ref(), relations, rights)?;
    Ok(Change::Update(relation, query, assignments))
}

fn delete(delete: &Delete, relations: &Relations, rights: Rights) -> Result<Change, QueryError> {
    let relation = match relations.find(&delete.table, rights)? {
        // How a limit is taken away.
        variables if variables.table() == Some(system_table::VAR) => Arc::clone(variables),
        _ => changed_relation(&delete.table, relations, rights)?,
    };
    let query = matching(&delete.table, delete.condition.as_ref(), relations, rights)?;
    Ok(Change::Delete(relation, query))
}

/// A table that may be changed.
fn changed_relation(name: &Name, relations: &Relations, rights: Rights) -> Result<Arc<Relation>, QueryError> {
    let relation = relations.find(name, rights)?;
    if relation.table().is_none() {
        return Err(QueryError::at(name.at, format!("`{}` is a view, which cannot be changed", name.text)));
    }
    if relation.is_system() {
        return Err(QueryError::at(
            name.at,
            format!("`{}` is a system table, which cannot be changed", name.text),
        ));
    }
    Ok(Arc::clone(relation))
}

/// The query for the rows that a statement is about.
fn matching(
    table: &Name,
    condition: Option<&Condition>,
    relations: &Relations,
    rights: Rights,
) -> Result<Query, QueryError> {
    let select = Select {
        items: vec![Item::All(None, At::default())],
        tables: vec![TableName { name: table.clone(), alias: table.clone() }],
        conditions: Vec::new(),
        group_by: Vec::new(),
        order_by: Vec::new(),
        limit: None,
        offset: None,
    };
    Query::resolve_with(&select, condition, relations, rights)
}

fn table_of(relation: &Relation) -> Result<TableId, QueryError> {
    relation.table().ok_or_else(|| QueryError::plain(format!("`{}` is not a table", relation.name)))
}

fn insert_rows(writer: &mut Writer, relation: &Relation, rows: &[Vec<u8>]) -> Result<Changed, QueryError> {
    let table = table_of(relation)?;
    let mut inserted = 0;
    for (number, row) in rows.iter().enumerate() {
        let done = writer.insert(table, &mut row.clone()).map_err(|error| {
            let row = if rows.len() > 1 { format!("row {}: ", number + 1) } else { String::new() };
            write_error(&error, writer, relation, &row)
        })?;
        inserted += u64::from(!done.existed);
    }
    Ok(Changed { inserted, ..Changed::default() })
}

fn update_rows(
    writer: &mut Writer,
    relation: &Relation,
    rows: &[u8],
    assignments: &[(usize, Vec<u8>)],
) -> Result<Changed, QueryError> {
    let table = table_of(relation)?;
    let invalid = |error: &dyn std::fmt::Display| QueryError::plain(error.to_string());
    let mut changed = Vec::new();
    let mut reader = Reader::new(rows);
    let updated = reader.read_u32().map_err(|error| invalid(&error))?;
    let mut rest = reader.rest();
    for _ in 0..updated {
        let len = relation.layout.validate(rest).map_err(|error| invalid(&error))?;
        changed.push(with_assignments(&relation.layout, &rest[..len], assignments));
        rest = &rest[len..];
    }
    // A key that stays the same finds the old row, which then is replaced where it is.
    let is_assigned = |column: &ColId| assignments.iter().any(|(place, _)| *place == usize::from(column.0));
    let key = writer.table(table).and_then(|table| {
        let mut indexes = table.spec().indexes.iter();
        indexes.find(|index| index.unique && !index.columns.iter().any(is_assigned)).map(|index| index.id)
    });
    if key.is_none() {
        writer.delete_rows(table, rows).map_err(|error| write_error(&error, writer, relation, ""))?;
    }
    for mut row in changed {
        let done = match key {
            Some(key) => writer.update(table, key, &mut row),
            None => writer.insert(table, &mut row),
        };
        done.map_err(|error| write_error(&error, writer, relation, ""))?;
    }
    Ok(Changed { updated: updated.into(), ..Changed::default() })
}

/// A row with other values in some columns.
fn with_assignments(layout: &RowLayout, row: &[u8], assignments: &[(usize, Vec<u8>)]) -> Vec<u8> {
    // A table has at most 2^16 columns.
    let columns: Vec<_> = (0..layout.columns().len()).map(|column| ColId(column as u16)).collect();
    let mut changed = Vec::with_capacity(row.len());
    for (column, cell) in layout.columns_at(row, &columns).into_iter().enumerate() {
        let assigned = assignments.iter().find(|(place, _)| *place == column);
        changed.extend_from_slice(assigned.map_or(cell, |(_, value)| value));
    }
    changed
}

fn write_error(error: &WriteError, writer: &Writer, relation: &Relation, row: &str) -> QueryError {
    let name = &relation.name;
    QueryError::plain(match error {
        WriteError::UniqueViolation(id) => {
            let index = relation
                .table()
                .and_then(|table| writer.table(table))
                .and_then(|table: &Table| table.spec().indexes.iter().find(|index| index.id == *id));
            let columns = index.map_or_else(String::new, |index| relation.column_names(&index.columns));
            format!("{row}`{name}` already has another row with the same `{columns}`")
        }
        other => format!("{row}`{name}`: {other}"),
    })
}
