//! `SELECT`.

use sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, JoinConstraint, JoinOperator,
    LimitClause, OrderByKind, OrderBySort, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Spanned,
    TableFactor, TableWithJoins,
};

use super::{
    Result, at,
    condition::{column, condition, literal, start},
    ident, object_name, refuse,
    statement::table_name,
};
use crate::query::{
    error::{At, QueryError},
    syntax::{Condition, Function, Item, ItemValue, Literal, OrderItem, Select, TableName},
};

pub(super) fn select(query: ast::Query) -> Result<Select> {
    let ast::Query {
        with,
        body,
        order_by,
        limit_clause,
        fetch,
        locks,
        for_clause,
        settings,
        format_clause,
        pipe_operators,
    } = query;
    refuse! {
        with => "WITH", fetch => "FETCH (use LIMIT)", locks => "FOR UPDATE", for_clause => "FOR",
        settings => "SETTINGS", format_clause => "FORMAT", pipe_operators => "a pipe",
    }
    let body = match *body {
        SetExpr::Select(select) => *select,
        SetExpr::SetOperation { op, .. } => {
            return Err(QueryError::unsupported(At::default(), &op.to_string()));
        }
        SetExpr::Query(_) => return Err(QueryError::unsupported(At::default(), "a query in parentheses")),
        _ => return Err(QueryError::plain("a query begins with SELECT")),
    };
    let mut select = select_body(body)?;
    if let Some(order_by) = order_by {
        select.order_by = order_items(order_by)?;
    }
    if let Some(clause) = limit_clause {
        (select.limit, select.offset) = limit_and_offset(clause)?;
    }
    Ok(select)
}

fn select_body(select: ast::Select) -> Result<Select> {
    let ast::Select {
        select_token,
        optimizer_hints: _,
        distinct,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection,
        exclude,
        into,
        from,
        lateral_views,
        prewhere,
        selection,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having,
        named_window,
        qualify,
        window_before_qualify: _,
        value_table_mode,
        flavor: _,
    } = select;
    refuse! {
        distinct => "DISTINCT (use GROUP BY)", select_modifiers => "a modifier of SELECT", top => "TOP (use LIMIT)",
        exclude => "EXCLUDE", into => "INTO", lateral_views => "LATERAL VIEW", prewhere => "PREWHERE",
        connect_by => "CONNECT BY", cluster_by => "CLUSTER BY", distribute_by => "DISTRIBUTE BY",
        sort_by => "SORT BY", having => "HAVING", named_window => "WINDOW", qualify => "QUALIFY",
        value_table_mode => "AS STRUCT",
    }
    let (mut tables, mut conditions) = (Vec::new(), Vec::new());
    let mut from = from.into_iter();
    let Some(first) = from.next() else {
        return Err(QueryError::at(at(select_token.0.span), "SELECT needs FROM and a table"));
    };
    if let Some(second) = from.next() {
        return Err(QueryError::at(
            at(second.span()),
            "tables are joined with JOIN ... ON, not with a comma",
        ));
    }
    let items = projection.into_iter().map(item).collect::<Result<Vec<_>>>()?;
    add_tables(first, &mut tables, &mut conditions)?;
    match selection.map(condition).transpose()? {
        Some(Condition::And(all)) => conditions.extend(all),
        Some(other) => conditions.push(other),
        None => {}
    }
    let group_by = match group_by {
        GroupByExpr::Expressions(columns, modifiers) => {
            refuse! { modifiers => "ROLLUP, CUBE and the like" }
            columns.into_iter().map(|expr| column(expr, "GROUP BY takes columns")).collect::<Result<_>>()?
        }
        GroupByExpr::All(_) => return Err(QueryError::unsupported(At::default(), "GROUP BY ALL")),
    };
    Ok(Select { items, tables, conditions, group_by, order_by: Vec::new(), limit: None, offset: None })
}

/// Adds tables that are joined, and the conditions of that. All joins are inner ones, so it does not matter how they
/// nest.
fn add_tables(
    joined: TableWithJoins,
    tables: &mut Vec<TableName>,
    conditions: &mut Vec<Condition>,
) -> Result<()> {
    let mut add = |factor, conditions: &mut Vec<Condition>| match factor {
        // Without ON between them, `a JOIN b JOIN c` is read as `a JOIN (b JOIN c)`.
        TableFactor::NestedJoin { table_with_joins, alias: None } => {
            add_tables(*table_with_joins, tables, conditions)
        }
        other => {
            tables.push(table(other)?);
            Ok(())
        }
    };
    add(joined.relation, conditions)?;
    for join in joined.joins {
        add(join.relation, conditions)?;
        conditions.extend(join_condition(join.join_operator)?);
    }
    Ok(())
}

fn table(factor: TableFactor) -> Result<TableName> {
    let (name, alias) = table_name(factor)?;
    Ok(TableName { alias: alias.unwrap_or_else(|| name.clone()), name })
}

fn join_condition(operator: JoinOperator) -> Result<Option<Condition>> {
    let (JoinOperator::Join(constraint)
    | JoinOperator::Inner(constraint)
    | JoinOperator::CrossJoin(constraint)) = operator
    else {
        return Err(QueryError::unsupported(At::default(), "a join other than [INNER] JOIN and CROSS JOIN"));
    };
    match constraint {
        JoinConstraint::On(expr) => condition(expr).map(Some),
        JoinConstraint::None => Ok(None),
        JoinConstraint::Using(_) | JoinConstraint::UsingAlias(..) => {
            Err(QueryError::unsupported(At::default(), "USING (use ON)"))
        }
        JoinConstraint::Natural => Err(QueryError::unsupported(At::default(), "NATURAL JOIN (use ON)")),
    }
}

fn item(item: SelectItem) -> Result<Item> {
    Ok(match item {
        SelectItem::Wildcard(options) => {
            let place = at(options.wildcard_token.0.span);
            plain_wildcard(options)?;
            Item::All(None, place)
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), options) => {
            plain_wildcard(options)?;
            let table = object_name(table)?;
            let place = table.at;
            Item::All(Some(table), place)
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), _) => {
            return Err(QueryError::unsupported(start(&expr), "`.*` after anything but a table"));
        }
        SelectItem::UnnamedExpr(expr) => Item::Value { value: item_value(expr)?, alias: None },
        SelectItem::ExprWithAlias { expr, alias } => {
            Item::Value { value: item_value(expr)?, alias: Some(ident(alias)) }
        }
        SelectItem::ExprWithAliases { expr, .. } => {
            return Err(QueryError::unsupported(start(&expr), "more than one alias"));
        }
    })
}

fn plain_wildcard(options: ast::WildcardAdditionalOptions) -> Result<()> {
    let ast::WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    refuse! {
        opt_ilike => "ILIKE after `*`", opt_exclude => "EXCLUDE", opt_except => "EXCEPT", opt_replace => "REPLACE",
        opt_rename => "RENAME", opt_alias => "an alias of `*`",
    }
    Ok(())
}

fn item_value(expr: Expr) -> Result<ItemValue> {
    match expr {
        // Some names are functions without parentheses in other databases.
        Expr::Function(function) if !matches!(function.args, FunctionArguments::None) => aggregate(function),
        other => column(other, "only columns and aggregates can be selected").map(ItemValue::Column),
    }
}

fn aggregate(function: ast::Function) -> Result<ItemValue> {
    let place = at(function.name.span());
    let ast::Function {
        name,
        uses_odbc_syntax: _,
        parameters,
        args,
        within_group,
        filter,
        null_treatment,
        over,
    } = function;
    let name = object_name(name)?;
    let kinds = [Function::Count, Function::Sum, Function::Min, Function::Max, Function::Avg];
    let Some(kind) = kinds.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(&name.text)) else {
        let text = format!("there is no function `{}`; there are count, sum, min, max and avg", name.text);
        return Err(QueryError::at(place, text));
    };
    refuse! {
        within_group => "WITHIN GROUP", filter => "FILTER", null_treatment => "IGNORE NULLS", over => "OVER",
    }
    let FunctionArguments::List(ast::FunctionArgumentList { duplicate_treatment, args, clauses }) = args
    else {
        return Err(QueryError::at(place, format!("{} takes a column", kind.name())));
    };
    refuse! { duplicate_treatment => "DISTINCT in an aggregate", clauses => "a clause in an aggregate" }
    if !matches!(parameters, FunctionArguments::None) {
        return Err(QueryError::unsupported(place, "a function with parameters"));
    }
    let mut args = args.into_iter();
    let argument = match (args.next(), args.next()) {
        (Some(FunctionArg::Unnamed(FunctionArgExpr::Wildcard)), None) if kind == Function::Count => None,
        (Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))), None) => {
            Some(column(expr, "aggregates take a column")?)
        }
        _ => return Err(QueryError::at(place, format!("{} takes one column", kind.name()))),
    };
    Ok(ItemValue::Aggregate(kind, argument, place))
}

fn order_items(order_by: ast::OrderBy) -> Result<Vec<OrderItem>> {
    refuse! { order_by.interpolate => "INTERPOLATE" }
    let OrderByKind::Expressions(items) = order_by.kind else {
        return Err(QueryError::unsupported(At::default(), "ORDER BY ALL"));
    };
    let item = |item: ast::OrderByExpr| {
        refuse! { item.with_fill => "WITH FILL", item.options.nulls_first => "NULLS FIRST or LAST" }
        let descending = match item.options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(_)) => {
                return Err(QueryError::unsupported(At::default(), "ORDER BY USING"));
            }
        };
        Ok(OrderItem { value: item_value(item.expr)?, descending })
    };
    items.into_iter().map(item).collect()
}

fn limit_and_offset(clause: LimitClause) -> Result<(Option<Literal>, Option<Literal>)> {
    match clause {
        LimitClause::LimitOffset { limit, offset, limit_by } => {
            refuse! { limit_by => "LIMIT BY" }
            let count = |expr| literal(expr).map_err(|_| QueryError::plain("LIMIT and OFFSET take a number"));
            Ok((limit.map(count).transpose()?, offset.map(|offset| count(offset.value)).transpose()?))
        }
        LimitClause::OffsetCommaLimit { .. } => {
            Err(QueryError::unsupported(At::default(), "LIMIT with a comma (use OFFSET)"))
        }
    }
}
