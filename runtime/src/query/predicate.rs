//! Conditions with all names looked up and all types checked.

use orrery_host_abi::{AlgebraicType, Identity, SpecialProduct, bsatn::encode_len};

use super::{
    compare::{Comparable, Kind},
    error::{At, QueryError},
    like::Pattern,
    literal::{compared, type_name},
    relation::{ColumnRef, Scope},
    syntax::{ColumnName, Comparison, Condition, Literal, LiteralForm, Operand},
};

/// A condition on the rows of some relations.
///
/// There is no third truth value beside true and false: an optional value that is missing is equal to nothing,
/// not even to another one, and neither less nor greater than anything; `<>`, `NOT IN` and all that begins with
/// `NOT` are the opposites of that.
#[derive(Debug, Clone)]
pub(super) enum Predicate {
    /// Always or never.
    Constant(bool),
    /// All of them.
    And(Vec<Predicate>),
    /// At least one of them.
    Or(Vec<Predicate>),
    /// Not that.
    Not(Box<Predicate>),
    /// A column and a value.
    Compare(ColumnRef, Comparison, Given),
    /// Two columns of the same type, but for being optional.
    Columns(ColumnRef, Comparison, ColumnRef),
    /// A column and several values.
    In(ColumnRef, Vec<Given>),
    /// A column of text.
    Like(ColumnRef, Pattern),
    /// An optional column without value.
    IsMissing(ColumnRef),
    /// Who asks, and a value.
    Sender(Comparison, Box<[u8]>),
}

/// A value that is known before a query runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// As it is written in the query: BSATN, of what is inside of an option.
    Value(Box<[u8]>),
    /// The identity of who asks.
    Sender,
    /// The bytes of that identity, as an array, in the order of its text.
    SenderBytes,
}

impl Given {
    /// Its BSATN.
    pub(super) fn bsatn(&self, sender: Identity) -> Box<[u8]> {
        match self {
            Self::Value(value) => value.clone(),
            Self::Sender => sender.to_le_bytes().into(),
            Self::SenderBytes => {
                let mut bytes = Vec::with_capacity(36);
                encode_len(32, &mut bytes);
                bytes.extend_from_slice(&sender.to_be_bytes());
                bytes.into()
            }
        }
    }
}

impl Predicate {
    /// Whether it depends on who asks.
    pub(super) fn uses_sender(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::uses_sender),
            Self::Not(inner) => inner.uses_sender(),
            Self::Compare(_, _, given) => !matches!(given, Given::Value(_)),
            Self::In(_, values) => values.iter().any(|given| !matches!(given, Given::Value(_))),
            Self::Sender(..) => true,
            Self::Constant(_) | Self::Columns(..) | Self::Like(..) | Self::IsMissing(_) => false,
        }
    }

    /// Calls `visit` with each column in it.
    pub(super) fn each_column(&self, visit: &mut impl FnMut(ColumnRef)) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|one| one.each_column(visit)),
            Self::Not(inner) => inner.each_column(visit),
            Self::Compare(column, ..)
            | Self::In(column, _)
            | Self::Like(column, _)
            | Self::IsMissing(column) => {
                visit(*column);
            }
            Self::Columns(left, _, right) => {
                visit(*left);
                visit(*right);
            }
            Self::Constant(_) | Self::Sender(..) => {}
        }
    }

    /// Looks up the names of a condition and checks its types. What consists of several conditions that must all
    /// be met is added one by one.
    pub(super) fn resolve_all(
        condition: &Condition,
        scope: &Scope,
        into: &mut Vec<Self>,
    ) -> Result<(), QueryError> {
        match condition {
            Condition::And(all) => all.iter().try_for_each(|one| Self::resolve_all(one, scope, into)),
            other => {
                into.push(Self::resolve(other, scope)?);
                Ok(())
            }
        }
    }

    fn resolve(condition: &Condition, scope: &Scope) -> Result<Self, QueryError> {
        let list =
            |all: &[Condition]| all.iter().map(|one| Self::resolve(one, scope)).collect::<Result<_, _>>();
        Ok(match condition {
            Condition::Constant(value) => Self::Constant(*value),
            Condition::And(all) => Self::And(list(all)?),
            Condition::Or(all) => Self::Or(list(all)?),
            Condition::Not(inner) => Self::Not(Box::new(Self::resolve(inner, scope)?)),
            Condition::Column(name) => {
                let column = scope.column(name)?;
                let ty = scope.column_type(column);
                if *ty.as_option().unwrap_or(ty) != AlgebraicType::Bool {
                    let message = format!(
                        "`{}` is of type {}, not Bool, and makes no condition",
                        name.column.text,
                        type_name(ty)
                    );
                    return Err(QueryError::at(name.column.at, message));
                }
                Self::Compare(column, Comparison::Equal, Given::Value([1].into()))
            }
            Condition::Compare(left, comparison, right, at) => compare(left, *comparison, right, *at, scope)?,
            Condition::In(name, values) => {
                let column = scope.column(name)?;
                let ty = comparable_type(name, column, scope)?;
                let values = values.iter().map(|value| match value {
                    Operand::Column(name) => {
                        Err(QueryError::at(name.column.at, "IN takes a list of values, not of columns"))
                    }
                    Operand::Literal(literal) => compared(literal, ty).map(Given::Value),
                    Operand::Sender(at) => sender_as(ty, *at),
                });
                Self::In(column, values.collect::<Result<_, _>>()?)
            }
            Condition::Like(name, pattern, escape) => {
                let column = scope.column(name)?;
                let ty = scope.column_type(column);
                if *ty.as_option().unwrap_or(ty) != AlgebraicType::String {
                    let message =
                        format!("`{}` is of type {}; LIKE is for String", name.column.text, type_name(ty));
                    return Err(QueryError::at(name.column.at, message));
                }
                let LiteralForm::Text(text) = &pattern.form else {
                    return Err(QueryError::at(pattern.at, "LIKE takes a pattern in quotes on its right"));
                };
                Self::Like(
                    column,
                    Pattern::new(text, *escape).map_err(|what| QueryError::at(pattern.at, what))?,
                )
            }
            Condition::IsNull(name) => {
                let column = scope.column(name)?;
                match scope.column_type(column).as_option() {
                    Some(_) => Self::IsMissing(column),
                    None => Self::Constant(false),
                }
            }
        })
    }
}

fn compare(
    left: &Operand,
    comparison: Comparison,
    right: &Operand,
    at: At,
    scope: &Scope,
) -> Result<Predicate, QueryError> {
    let value_of = |name: &ColumnName, literal: &Literal| {
        let column = scope.column(name)?;
        Ok((column, Given::Value(compared(literal, comparable_type(name, column, scope)?)?)))
    };
    let sender_of = |name: &ColumnName, at: At| {
        let column = scope.column(name)?;
        Ok((column, sender_as(comparable_type(name, column, scope)?, at)?))
    };
    let identity = SpecialProduct::Identity.ty();
    Ok(match (left, right) {
        (Operand::Column(name), Operand::Literal(literal)) => {
            let (column, value) = value_of(name, literal)?;
            Predicate::Compare(column, comparison, value)
        }
        (Operand::Literal(literal), Operand::Column(name)) => {
            let (column, value) = value_of(name, literal)?;
            Predicate::Compare(column, comparison.turned(), value)
        }
        (Operand::Column(name), Operand::Sender(at)) => {
            let (column, value) = sender_of(name, *at)?;
            Predicate::Compare(column, comparison, value)
        }
        (Operand::Sender(at), Operand::Column(name)) => {
            let (column, value) = sender_of(name, *at)?;
            Predicate::Compare(column, comparison.turned(), value)
        }
        (Operand::Column(left), Operand::Column(right)) => columns(left, comparison, right, at, scope)?,
        (Operand::Sender(_), Operand::Literal(literal)) => {
            Predicate::Sender(comparison, compared(literal, &identity)?)
        }
        (Operand::Literal(literal), Operand::Sender(_)) => {
            Predicate::Sender(comparison.turned(), compared(literal, &identity)?)
        }
        (Operand::Sender(_), Operand::Sender(_)) => {
            Predicate::Constant(comparison.is_met(std::cmp::Ordering::Equal))
        }
        (Operand::Literal(left), Operand::Literal(right)) => match (&left.form, &right.form) {
            (LiteralForm::Bool(left), LiteralForm::Bool(right)) => {
                Predicate::Constant(comparison.is_met(left.cmp(right)))
            }
            _ => {
                return Err(QueryError::at(
                    at,
                    "a comparison needs a column, which gives the value its type",
                ));
            }
        },
    })
}

fn columns(
    left_name: &ColumnName,
    comparison: Comparison,
    right_name: &ColumnName,
    at: At,
    scope: &Scope,
) -> Result<Predicate, QueryError> {
    let (left, right) = (scope.column(left_name)?, scope.column(right_name)?);
    let left_type = comparable_type(left_name, left, scope)?;
    let right_type = comparable_type(right_name, right, scope)?;
    if left_type != right_type {
        let message = format!(
            "`{}` is of type {} and `{}` of type {}: they cannot be compared",
            left_name.column.text,
            type_name(left_type),
            right_name.column.text,
            type_name(right_type)
        );
        return Err(QueryError::at(at, message));
    }
    Ok(Predicate::Columns(left, comparison, right))
}

/// The type of a column's values, inside of an option if it is one, if they can be compared.
fn comparable_type<'s>(
    name: &ColumnName,
    column: ColumnRef,
    scope: &'s Scope,
) -> Result<&'s AlgebraicType, QueryError> {
    let ty = scope.column_type(column);
    if Comparable::of(ty).is_none() {
        let message =
            format!("`{}` is of type {}, whose values cannot be compared", name.column.text, type_name(ty));
        return Err(QueryError::at(name.column.at, message));
    }
    Ok(ty.as_option().unwrap_or(ty))
}

/// `:sender` as a value of that type.
fn sender_as(ty: &AlgebraicType, at: At) -> Result<Given, QueryError> {
    if ty.as_special() == Some(SpecialProduct::Identity) {
        return Ok(Given::Sender);
    }
    if ty.is_bytes() {
        return Ok(Given::SenderBytes);
    }
    Err(QueryError::at(at, format!(":sender is an Identity and does not compare with {}", type_name(ty))))
}

/// How the values of a column are compared that was found to be comparable.
pub(super) fn comparable(ty: &AlgebraicType) -> Comparable {
    Comparable::of(ty).unwrap_or(Comparable { kind: Kind::Bytes, is_optional: false })
}
