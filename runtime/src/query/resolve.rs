//! From `SELECT` to a [`Query`]: names are looked up and types are checked.

use std::sync::Arc;

use orrery_host_abi::{AlgebraicType, Element, ProductType, bsatn::Decode};

use super::{
    aggregate::{Aggregate, Argument},
    error::{At, QueryError},
    literal::{compared, type_name},
    predicate::Predicate,
    relation::{ColumnRef, Relation, Relations, Rights, Scope, Source},
    syntax::{Condition, Item, ItemValue, Literal, Name, Select},
};

/// Tables in one query.
const RELATIONS_MAX: usize = 32;

/// A query whose names have been looked up and whose types have been checked. It can be run over any state of the
/// database, for anybody.
#[derive(Debug)]
pub(crate) struct Query {
    /// The tables of `FROM` and `JOIN`, in order.
    pub(super) relations: Vec<Arc<Relation>>,
    /// What must be true of the rows.
    pub(super) filter: Vec<Predicate>,
    pub(super) output: Output,
    pub(super) order_by: Vec<OrderKey>,
    pub(super) limit: Option<u64>,
    pub(super) offset: u64,
    /// The names and types of the columns of its result.
    pub(super) schema: ProductType,
}

/// What becomes of the rows that meet the conditions.
#[derive(Debug)]
pub(super) enum Output {
    /// One row of the result for each.
    Each(Vec<Piece>),
    /// One row of the result for each group of them.
    Groups {
        /// The columns that are equal in a group. Without any, all rows are one group, even if there are none.
        keys: Vec<ColumnRef>,
        aggregates: Vec<Aggregate>,
        items: Vec<GroupItem>,
    },
}

/// A part of a row of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole row of that relation.
    Row(usize),
    Column(ColumnRef),
}

/// A column of the result for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupItem {
    /// The key at that place.
    Key(usize),
    /// The aggregate at that place.
    Aggregate(usize),
}

/// What rows of the result are ordered by.
#[derive(Debug, Clone)]
pub(super) struct OrderKey {
    pub(super) by: OrderBy,
    pub(super) ty: AlgebraicType,
    pub(super) is_descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderBy {
    Column(ColumnRef),
    Group(GroupItem),
}

impl Query {
    /// Looks up the names of a query as one with these rights sees them.
    pub(crate) fn resolve(
        select: &Select,
        relations: &Relations,
        rights: Rights,
    ) -> Result<Self, QueryError> {
        Self::resolve_with(select, None, relations, rights)
    }

    /// The same with one more condition.
    pub(super) fn resolve_with(
        select: &Select,
        condition: Option<&Condition>,
        relations: &Relations,
        rights: Rights,
    ) -> Result<Self, QueryError> {
        let mut scope = Scope::default();
        for table in &select.tables {
            if scope.relations.len() == RELATIONS_MAX {
                let message = format!("a query can join at most {RELATIONS_MAX} tables");
                return Err(QueryError::at(table.name.at, message));
            }
            scope.add(relations.find(&table.name, rights)?, &table.alias)?;
        }
        let mut filter = Vec::new();
        for condition in select.conditions.iter().chain(condition) {
            Predicate::resolve_all(condition, &scope, &mut filter)?;
        }
        let is_grouped = !select.group_by.is_empty()
            || select
                .items
                .iter()
                .any(|item| matches!(item, Item::Value { value: ItemValue::Aggregate(..), .. }));
        let mut columns = OutputColumns::default();
        let (output, order_by) = if is_grouped {
            groups(select, &scope, &mut columns)?
        } else {
            each(select, &scope, &mut columns)?
        };
        Ok(Self {
            relations: scope.relations,
            filter,
            output,
            order_by,
            limit: select.limit.as_ref().map(count).transpose()?,
            offset: select.offset.as_ref().map(count).transpose()?.unwrap_or(0),
            schema: ProductType { elements: columns.elements.into() },
        })
    }

    /// The names and types of the columns of its result.
    pub(crate) fn schema(&self) -> &ProductType {
        &self.schema
    }

    /// The tables and views that it reads.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().map(|relation| &**relation)
    }

    /// What it reads.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source> {
        self.relations.iter().map(|relation| relation.source)
    }

    /// Whether its result depends on who asks.
    pub(crate) fn uses_sender(&self) -> bool {
        self.filter.iter().any(Predicate::uses_sender)
    }

    /// The relation whose rows, whole and as they are, make its result.
    pub(crate) fn returned_relation(&self) -> Option<&Relation> {
        self.returned_place().map(|place| &*self.relations[place])
    }

    /// The place of that relation.
    pub(super) fn returned_place(&self) -> Option<usize> {
        match &self.output {
            Output::Each(pieces) => match **pieces {
                [Piece::Row(place)] => Some(place),
                _ => None,
            },
            Output::Groups { .. } => None,
        }
    }

    /// Whether it takes a part of the rows by their number, so that one row decides about another.
    pub(super) fn is_cut(&self) -> bool {
        self.limit.is_some() || self.offset > 0
    }
}

/// The columns of a result while they are being found.
#[derive(Default)]
struct OutputColumns {
    elements: Vec<Element>,
}

impl OutputColumns {
    fn add(&mut self, name: &str, ty: AlgebraicType, at: At) -> Result<(), QueryError> {
        if self.place(name).is_some() {
            let message =
                format!("two columns of the result are called `{name}`: give one another name with AS");
            return Err(QueryError::at(at, message));
        }
        self.elements.push(Element { name: Some(name.into()), ty });
        Ok(())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.elements.iter().position(|element| element.name.as_deref() == Some(name))
    }
}

/// One row of the result for each row.
fn each(
    select: &Select,
    scope: &Scope,
    columns: &mut OutputColumns,
) -> Result<(Output, Vec<OrderKey>), QueryError> {
    let mut pieces = Vec::new();
    // What each column of the result is, for those that have a name of their own.
    let mut named: Vec<(&str, ColumnRef)> = Vec::new();
    for item in &select.items {
        match item {
            Item::All(table, at) => {
                let place = match table {
                    Some(table) => scope.relation(table)?,
                    None if scope.relations.len() == 1 => 0,
                    None => {
                        let message =
                            "`*` alone cannot be selected from a join: write the table and a dot before it";
                        return Err(QueryError::at(*at, message));
                    }
                };
                for element in scope.relations[place].elements() {
                    columns.add(element.name.as_deref().unwrap_or_default(), element.ty, *at)?;
                }
                pieces.push(Piece::Row(place));
            }
            Item::Value { value: ItemValue::Column(name), alias } => {
                let column = scope.column(name)?;
                let shown = alias.as_ref().unwrap_or(&name.column);
                columns.add(&shown.text, scope.column_type(column).clone(), shown.at)?;
                named.push((&shown.text, column));
                pieces.push(Piece::Column(column));
            }
            // Then there are groups.
            Item::Value { value: ItemValue::Aggregate(_, _, at), .. } => {
                return Err(aggregate_misplaced(*at));
            }
        }
    }
    let order_by = select.order_by.iter().map(|order| {
        let ItemValue::Column(name) = &order.value else {
            return Err(match &order.value {
                ItemValue::Aggregate(_, _, at) => aggregate_misplaced(*at),
                ItemValue::Column(name) => QueryError::at(name.column.at, "this is not a column"),
            });
        };
        let by_alias =
            || named.iter().find(|(alias, _)| name.table.is_none() && **alias == *name.column.text);
        let column = match by_alias() {
            Some((_, column)) => *column,
            None => scope.column(name)?,
        };
        let ty = scope.column_type(column).clone();
        Ok(OrderKey { by: OrderBy::Column(column), ty, is_descending: order.descending })
    });
    let order_by = order_by.collect::<Result<_, _>>()?;
    Ok((Output::Each(pieces), order_by))
}

fn aggregate_misplaced(at: At) -> QueryError {
    QueryError::at(at, "an aggregate can be ordered by only where groups are selected")
}

/// One row of the result for each group.
fn groups(
    select: &Select,
    scope: &Scope,
    columns: &mut OutputColumns,
) -> Result<(Output, Vec<OrderKey>), QueryError> {
    let keys = select.group_by.iter().map(|name| scope.column(name)).collect::<Result<Vec<_>, _>>()?;
    let mut aggregates: Vec<Aggregate> = Vec::new();
    let mut find = |value: &ItemValue| match value {
        ItemValue::Column(name) => {
            let column = scope.column(name)?;
            let place = keys.iter().position(|key| *key == column).ok_or_else(|| {
                let name = &name.column;
                let message = format!(
                    "`{}` may differ from row to row of a group: add it to GROUP BY or use an aggregate of it",
                    name.text
                );
                QueryError::at(name.at, message)
            })?;
            Ok((GroupItem::Key(place), scope.column_type(column).clone()))
        }
        ItemValue::Aggregate(function, argument, at) => {
            let argument = match argument {
                None => None,
                Some(name) => {
                    let column = scope.column(name)?;
                    Some(Argument { column, ty: scope.column_type(column).clone() })
                }
            };
            let aggregate = Aggregate::new(*function, argument, keys.is_empty()).map_err(|ty| {
                let message = format!("{} of {} is not possible", function.name(), type_name(&ty));
                QueryError::at(*at, message)
            })?;
            let ty = aggregate.result_type();
            let place = aggregates.iter().position(|known| *known == aggregate).unwrap_or_else(|| {
                aggregates.push(aggregate);
                aggregates.len() - 1
            });
            Ok((GroupItem::Aggregate(place), ty))
        }
    };
    let mut items = Vec::new();
    for item in &select.items {
        let Item::Value { value, alias } = item else {
            let Item::All(_, at) = item else { continue };
            return Err(QueryError::at(*at, "`*` cannot be selected together with groups"));
        };
        let (item, ty) = find(value)?;
        let shown = match (alias, value) {
            (Some(alias), _) => alias.clone(),
            (None, ItemValue::Column(name)) => name.column.clone(),
            (None, ItemValue::Aggregate(function, _, at)) => Name { text: function.name().into(), at: *at },
        };
        columns.add(&shown.text, ty, shown.at)?;
        items.push(item);
    }
    let mut order_by = Vec::new();
    for order in &select.order_by {
        let by_alias = match &order.value {
            ItemValue::Column(name) if name.table.is_none() => columns.place(&name.column.text),
            _ => None,
        };
        let (item, ty) = match by_alias {
            Some(place) => (items[place], columns.elements[place].ty.clone()),
            None => find(&order.value)?,
        };
        order_by.push(OrderKey { by: OrderBy::Group(item), ty, is_descending: order.descending });
    }
    Ok((Output::Groups { keys, aggregates, items }, order_by))
}

/// The number after `LIMIT` or `OFFSET`.
fn count(literal: &Literal) -> Result<u64, QueryError> {
    let value = compared(literal, &AlgebraicType::U64)?;
    u64::from_bsatn(&value).map_err(|error| QueryError::at(literal.at, error.to_string()))
}
