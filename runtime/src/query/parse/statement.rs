//! Statements other than `SELECT`.

use sqlparser::ast::{self, FromTable, SetExpr, TableFactor, TableObject, TableWithJoins};

use super::{
    Result,
    condition::{condition, literal, start},
    ident, joined, object_name, refuse,
    select::select,
};
use crate::query::{
    error::{At, QueryError},
    syntax::{Delete, Insert, Literal, Name, Statement, Update},
};

pub(super) fn statement(statement: ast::Statement) -> Result<Statement> {
    Ok(match statement {
        ast::Statement::Query(query) => Statement::Select(select(*query)?),
        ast::Statement::Insert(insert) => Statement::Insert(self::insert(insert)?),
        ast::Statement::Update(update) => Statement::Update(self::update(update)?),
        ast::Statement::Delete(delete) => Statement::Delete(self::delete(delete)?),
        ast::Statement::Set(set) => set_variable(set)?,
        ast::Statement::ShowVariable { variable } if !variable.is_empty() => {
            Statement::Show(joined(variable))
        }
        _ => {
            return Err(QueryError::plain(
                "this kind of statement is not supported; there are SELECT, INSERT, UPDATE, DELETE, SET and SHOW \
                 (tables are made by publishing a module)",
            ));
        }
    })
}

fn insert(insert: ast::Insert) -> Result<Insert> {
    let ast::Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into: _,
        table,
        table_alias,
        columns,
        by_name,
        overwrite,
        source,
        assignments,
        partitioned,
        after_columns,
        overriding,
        has_table_keyword,
        on,
        returning,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    refuse! {
        or => "INSERT OR", ignore => "INSERT IGNORE", table_alias => "an alias in INSERT",
        by_name => "INSERT BY NAME", overwrite => "INSERT OVERWRITE", assignments => "INSERT SET",
        partitioned => "PARTITION", after_columns => "PARTITION", overriding => "OVERRIDING",
        has_table_keyword => "INSERT INTO TABLE", on => "ON CONFLICT", returning => "RETURNING",
        output => "OUTPUT", replace_into => "REPLACE INTO", priority => "a priority", insert_alias => "an alias in INSERT",
        settings => "SETTINGS", format_clause => "FORMAT", multi_table_insert_type => "INSERT ALL",
        multi_table_into_clauses => "INSERT ALL", multi_table_when_clauses => "INSERT ALL",
        multi_table_else_clause => "INSERT ALL",
    }
    let TableObject::TableName(table) = table else {
        return Err(QueryError::unsupported(At::default(), "INSERT into anything but a table"));
    };
    let table = object_name(table)?;
    let values = |values| {
        let ast::Query {
            with: None,
            body,
            order_by: None,
            limit_clause: None,
            fetch: None,
            locks: _,
            for_clause: None,
            settings: None,
            format_clause: None,
            pipe_operators: _,
        } = values
        else {
            return None;
        };
        match *body {
            SetExpr::Values(ast::Values { explicit_row: false, value_keyword: false, rows }) => Some(rows),
            _ => None,
        }
    };
    let Some(rows) = source.and_then(|source| values(*source)) else {
        return Err(QueryError::at(table.at, "INSERT needs VALUES with the rows to insert"));
    };
    let rows = rows.into_iter().map(|row| row.content.into_iter().map(value).collect());
    Ok(Insert {
        table,
        columns: columns.into_iter().map(object_name).collect::<Result<_>>()?,
        rows: rows.collect::<Result<_>>()?,
    })
}

fn update(update: ast::Update) -> Result<Update> {
    let ast::Update {
        update_token: _,
        optimizer_hints: _,
        table,
        on_cluster,
        assignments,
        from,
        selection,
        returning,
        output,
        or,
        order_by,
        limit,
        settings,
    } = update;
    refuse! {
        on_cluster => "ON CLUSTER", from => "UPDATE with FROM", returning => "RETURNING", output => "OUTPUT",
        or => "UPDATE OR", order_by => "UPDATE with ORDER BY", limit => "UPDATE with LIMIT", settings => "SETTINGS",
    }
    let assignments = assignments.into_iter().map(|assignment| match assignment.target {
        ast::AssignmentTarget::ColumnName(column) => Ok((object_name(column)?, value(assignment.value)?)),
        ast::AssignmentTarget::Tuple(_) => {
            Err(QueryError::unsupported(At::default(), "an assignment to several columns at once"))
        }
    });
    Ok(Update {
        table: only_table(table, "UPDATE")?,
        assignments: assignments.collect::<Result<_>>()?,
        condition: selection.map(condition).transpose()?,
    })
}

fn delete(delete: ast::Delete) -> Result<Delete> {
    let ast::Delete {
        delete_token: _,
        optimizer_hints: _,
        tables,
        from,
        on_cluster,
        using,
        selection,
        returning,
        output,
        order_by,
        limit,
        settings,
    } = delete;
    refuse! {
        tables => "DELETE from several tables", on_cluster => "ON CLUSTER", using => "USING", returning => "RETURNING",
        output => "OUTPUT", order_by => "DELETE with ORDER BY", limit => "DELETE with LIMIT", settings => "SETTINGS",
    }
    let FromTable::WithFromKeyword(mut from) = from else {
        return Err(QueryError::plain("DELETE needs FROM before the table"));
    };
    let table = match (from.pop(), from.is_empty()) {
        (Some(table), true) => only_table(table, "DELETE")?,
        _ => return Err(QueryError::unsupported(At::default(), "DELETE from several tables")),
    };
    Ok(Delete { table, condition: selection.map(condition).transpose()? })
}

/// The table that a statement changes.
fn only_table(table: TableWithJoins, statement: &str) -> Result<Name> {
    let refused = |what: &str| QueryError::unsupported(At::default(), &format!("{statement} with {what}"));
    if !table.joins.is_empty() {
        return Err(refused("JOIN"));
    }
    match table_name(table.relation)? {
        (name, None) => Ok(name),
        (_, Some(_)) => Err(refused("an alias")),
    }
}

fn set_variable(set: ast::Set) -> Result<Statement> {
    match set {
        ast::Set::SingleAssignment { scope: None, hivevar: false, variable, mut values } => {
            let variable = object_name(variable)?;
            match (values.pop(), values.is_empty()) {
                (Some(only), true) => Ok(Statement::Set(variable, value(only)?)),
                _ => Err(QueryError::at(variable.at, "SET needs one value")),
            }
        }
        _ => Err(QueryError::plain("SET is understood in the form SET name = number only")),
    }
}

/// A value that is stored.
fn value(expr: ast::Expr) -> Result<Literal> {
    let place = start(&expr);
    literal(expr).map_err(|_| QueryError::at(place, "only values can be stored, not expressions"))
}

/// A table in `FROM` or `JOIN`: its name and alias.
pub(super) fn table_name(table: TableFactor) -> Result<(Name, Option<Name>)> {
    let TableFactor::Table {
        name,
        alias,
        args,
        with_hints,
        version,
        with_ordinality,
        partitions,
        json_path,
        sample,
        index_directives,
        inheritance,
    } = table
    else {
        return Err(QueryError::unsupported(
            At::default(),
            "FROM with anything but tables (a subquery, say)",
        ));
    };
    refuse! {
        args => "a function in FROM", with_hints => "WITH hints", version => "a version of a table",
        with_ordinality => "WITH ORDINALITY", partitions => "PARTITION", json_path => "a JSON path",
        sample => "TABLESAMPLE", index_directives => "an index hint", inheritance => "ONLY",
    }
    let alias = match alias {
        None => None,
        Some(ast::TableAlias { explicit: _, name, columns, at }) => {
            refuse! { columns => "a list of columns in an alias", at => "AT" }
            Some(ident(name))
        }
    };
    Ok((object_name(name)?, alias))
}
