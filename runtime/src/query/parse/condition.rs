//! Conditions, columns and values.

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArguments, Ident, InTarget, Spanned, UnaryOperator, Value, ValueWithSpan,
};

use super::{Result, at, ident, joined, object_name};
use crate::query::{
    error::{At, QueryError},
    syntax::{ColumnName, Comparison, Condition, Literal, LiteralForm, Operand},
};

/// Reads a condition. Chains of `AND` and `OR` do not recur, so that only parentheses and `NOT` nest.
pub(super) fn condition(expr: Expr) -> Result<Condition> {
    match unwrapped(expr) {
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(not(condition(*expr)?)),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            chain(*left, &BinaryOperator::And, *right).map(Condition::And)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            chain(*left, &BinaryOperator::Or, *right).map(Condition::Or)
        }
        other => term(other),
    }
}

/// Reads a condition in which there are no others. (Apart from those, so that they take little of the stack.)
#[inline(never)]
fn term(expr: Expr) -> Result<Condition> {
    let place = start(&expr);
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let comparison = match op {
                BinaryOperator::Eq => Comparison::Equal,
                BinaryOperator::NotEq => Comparison::NotEqual,
                BinaryOperator::Lt => Comparison::Less,
                BinaryOperator::LtEq => Comparison::LessOrEqual,
                BinaryOperator::Gt => Comparison::Greater,
                BinaryOperator::GtEq => Comparison::GreaterOrEqual,
                other => {
                    let what = format!("the operator {other}");
                    return Err(QueryError::unsupported(place, &what));
                }
            };
            Ok(Condition::Compare(operand(*left)?, comparison, operand(*right)?, place))
        }
        Expr::In { expr, target: InTarget::List(values), negated, global: false } => {
            let values = values.into_iter().map(operand).collect::<Result<_>>()?;
            Ok(negate(Condition::In(column(*expr, "IN takes a column on its left")?, values), negated))
        }
        Expr::In { .. } => Err(QueryError::unsupported(place, "IN with anything but a list of values")),
        Expr::Between { expr, negated, low, high } => {
            let column = column(*expr, "BETWEEN takes a column on its left")?;
            let side = |comparison, bound| {
                let column = Operand::Column(column.clone());
                Ok(Condition::Compare(column, comparison, operand(bound)?, place))
            };
            let low = side(Comparison::GreaterOrEqual, *low)?;
            let high = side(Comparison::LessOrEqual, *high)?;
            Ok(negate(Condition::And(vec![low, high]), negated))
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            let column = column(*expr, "LIKE takes a column on its left")?;
            let pattern = literal(*pattern)
                .map_err(|_| QueryError::at(place, "LIKE takes a pattern in quotes on its right"))?;
            let escape = match escape_char {
                None => Some('\\'),
                Some(escape) => escape_char_of(*escape, place)?,
            };
            Ok(negate(Condition::Like(column, pattern, escape), negated))
        }
        Expr::IsNull(expr) => Ok(Condition::IsNull(column(*expr, "IS NULL takes a column")?)),
        Expr::IsNotNull(expr) => Ok(not(Condition::IsNull(column(*expr, "IS NOT NULL takes a column")?))),
        Expr::Value(ValueWithSpan { value: Value::Boolean(value), .. }) => Ok(Condition::Constant(value)),
        other => column(other, "only comparisons and columns that are true or false make a condition")
            .map(Condition::Column),
    }
}

/// The links of a chain, in order.
fn chain(first: Expr, operator: &BinaryOperator, last: Expr) -> Result<Vec<Condition>> {
    let mut links = vec![condition(last)?];
    let mut rest = first;
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == *operator => {
                links.push(condition(*right)?);
                rest = *left;
            }
            first => {
                links.push(condition(first)?);
                links.reverse();
                return Ok(links);
            }
        }
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn negate(condition: Condition, negated: bool) -> Condition {
    if negated { not(condition) } else { condition }
}

/// The character after `ESCAPE`; none if the text is empty.
fn escape_char_of(expr: Expr, place: At) -> Result<Option<char>> {
    if let Ok(Literal { form: LiteralForm::Text(text), .. }) = literal(expr) {
        let mut chars = text.chars();
        if let (escape, None) = (chars.next(), chars.next()) {
            return Ok(escape);
        }
    }
    Err(QueryError::at(place, "ESCAPE takes one character in quotes"))
}

fn operand(expr: Expr) -> Result<Operand> {
    let expr = unwrapped(expr);
    let place = start(&expr);
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => match &*name {
            ":sender" => Ok(Operand::Sender(place)),
            _ => Err(QueryError::at(place, format!("there is no parameter `{name}`; there is :sender"))),
        },
        Expr::Value(_) | Expr::UnaryOp { .. } => literal(expr).map(Operand::Literal),
        other => column(other, "only columns, values and :sender can be compared").map(Operand::Column),
    }
}

/// Reads a column; `otherwise` says what is wrong with anything else.
pub(super) fn column(expr: Expr, otherwise: &str) -> Result<ColumnName> {
    let expr = unwrapped(expr);
    let place = start(&expr);
    match expr {
        Expr::Identifier(name) => Ok(ColumnName { table: None, column: ident(name) }),
        Expr::CompoundIdentifier(parts) => qualified(parts, place),
        // `user` and the like: functions elsewhere, names here.
        Expr::Function(function) if matches!(function.args, FunctionArguments::None) => {
            Ok(ColumnName { table: None, column: object_name(function.name)? })
        }
        _ => Err(QueryError::at(place, otherwise)),
    }
}

fn qualified(mut parts: Vec<Ident>, place: At) -> Result<ColumnName> {
    let column = parts.pop().ok_or_else(|| QueryError::at(place, "a name is empty"))?;
    let table = (!parts.is_empty()).then(|| joined(parts));
    Ok(ColumnName { table, column: ident(column) })
}

/// Reads a value.
pub(super) fn literal(expr: Expr) -> Result<Literal> {
    let expr = unwrapped(expr);
    let place = start(&expr);
    let refused = || QueryError::at(place, "only a value can stand here");
    let form = match expr {
        Expr::Value(value) => form(value.value).ok_or_else(refused)?,
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match unwrapped(*expr) {
            Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
                LiteralForm::Number(format!("-{digits}").into())
            }
            _ => return Err(refused()),
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => match unwrapped(*expr) {
            Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
                LiteralForm::Number(digits.into())
            }
            _ => return Err(refused()),
        },
        _ => return Err(refused()),
    };
    Ok(Literal { form, at: place })
}

fn form(value: Value) -> Option<LiteralForm> {
    Some(match value {
        Value::Boolean(value) => LiteralForm::Bool(value),
        Value::Number(digits, _) => match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(digits) => LiteralForm::Hex(digits.into()),
            None => LiteralForm::Number(digits.into()),
        },
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => LiteralForm::Text(text.into()),
        Value::HexStringLiteral(digits) => LiteralForm::Hex(digits.into()),
        Value::Null => LiteralForm::Null,
        _ => return None,
    })
}

/// Where an expression begins. Chains of operators, which nest as deep as a text is long, do not recur.
pub(super) fn start(expr: &Expr) -> At {
    let mut first = expr;
    loop {
        first = match first {
            Expr::BinaryOp { left, .. } | Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => left,
            Expr::IsDistinctFrom(left, _) | Expr::IsNotDistinctFrom(left, _) => left,
            Expr::In { expr, .. }
            | Expr::Between { expr, .. }
            | Expr::Like { expr, .. }
            | Expr::ILike { expr, .. }
            | Expr::SimilarTo { expr, .. }
            | Expr::RLike { expr, .. }
            | Expr::IsJson { expr, .. }
            | Expr::IsNormalized { expr, .. }
            | Expr::Cast { expr, .. }
            | Expr::Collate { expr, .. } => expr,
            Expr::Nested(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsUnknown(expr)
            | Expr::IsNotUnknown(expr)
            | Expr::OuterJoin(expr) => expr,
            Expr::CompoundFieldAccess { root, .. } => root,
            Expr::JsonAccess { value, .. } => value,
            Expr::AtTimeZone { timestamp, .. } => timestamp,
            other => return at(other.span()),
        };
    }
}

/// What is inside of parentheses.
fn unwrapped(mut expr: Expr) -> Expr {
    while let Expr::Nested(inner) = expr {
        expr = *inner;
    }
    expr
}
