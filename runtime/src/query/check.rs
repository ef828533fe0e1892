//! Conditions made ready to be checked on rows as they lie in their pages.

use std::cmp::Ordering;

use orrery_host_abi::{Identity, RowLayout};

use super::{
    compare::{Comparable, Kind, ordered},
    exec::Existence,
    like::Pattern,
    limits::Meter,
    predicate::{Given, Predicate, comparable},
    relation::{ColumnRef, Relation},
    syntax::Comparison,
};
use crate::store::{KeyBytes, encode_key};

/// Where a value is: in which row, and where in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'q> {
    pub(super) relation: usize,
    column: usize,
    layout: &'q RowLayout,
    /// Where it begins and how long it is, if that is so in all rows.
    place: Option<(usize, usize)>,
    pub(super) comparable: Comparable,
}

impl<'q> Cell<'q> {
    pub(super) fn new(relations: &'q [impl AsRef<Relation>], column: ColumnRef) -> Self {
        let layout = &relations[column.relation].as_ref().layout;
        let described = &layout.columns()[column.column];
        Self {
            relation: column.relation,
            column: column.column,
            layout,
            place: described.offset.zip(described.fixed_len),
            comparable: comparable(&described.ty),
        }
    }

    /// Its bytes.
    #[inline(always)]
    pub(super) fn bytes<'a>(&self, rows: &[&'a [u8]]) -> &'a [u8] {
        let row = rows[self.relation];
        match self.place {
            Some((start, len)) => row.get(start..start + len).unwrap_or_default(),
            None => self.layout.column(row, self.column),
        }
    }

    /// Its bytes, without the tag of an option; none if the value is missing.
    #[inline(always)]
    pub(super) fn value<'a>(&self, rows: &[&'a [u8]]) -> Option<&'a [u8]> {
        self.comparable.value(self.bytes(rows))
    }

    /// Appends the value of these rows in its key form; none if it is missing.
    pub(super) fn key(&self, rows: &[&[u8]], out: &mut KeyBytes) -> Option<()> {
        self.encode(self.value(rows)?, out);
        Some(())
    }

    /// A value in its key form: that in which equal values are equal bytes, and the order is that of the bytes.
    pub(super) fn key_of(&self, value: &[u8]) -> KeyBytes {
        let mut key = KeyBytes::new();
        self.encode(value, &mut key);
        key
    }

    fn encode(&self, value: &[u8], out: &mut KeyBytes) {
        let ty = &self.layout.columns()[self.column].ty;
        encode_key(ty.as_option().unwrap_or(ty), value, out);
    }
}

/// A condition, ready to be checked.
#[derive(Debug)]
pub(super) enum Check<'q, 'a> {
    Constant(bool),
    All(Vec<Check<'q, 'a>>),
    Any(Vec<Check<'q, 'a>>),
    Not(Box<Check<'q, 'a>>),
    /// An integer of up to 8 bytes, in the same place in all rows, and never missing.
    Integer {
        relation: usize,
        offset: usize,
        width: u8,
        is_signed: bool,
        comparison: Comparison,
        value: u64,
    },
    Value(Cell<'q>, Comparison, Box<[u8]>),
    Columns(Cell<'q>, Comparison, Cell<'q>),
    /// The values in their key form, sorted.
    In(Cell<'q>, Vec<KeyBytes>),
    Like(Cell<'q>, &'q Pattern),
    IsMissing(Cell<'q>),
    /// At least one of the rules lets the caller see the row of that relation.
    Visible(usize, Vec<Existence<'q, 'a>>),
}

impl<'q, 'a> Check<'q, 'a> {
    /// A condition on rows of these relations, for that caller.
    pub(super) fn new(
        predicate: &'q Predicate,
        relations: &'q [impl AsRef<Relation>],
        sender: Identity,
    ) -> Self {
        let cell = |column: &ColumnRef| Cell::new(relations, *column);
        let list = |all: &'q [Predicate]| all.iter().map(|one| Self::new(one, relations, sender)).collect();
        match predicate {
            Predicate::Constant(value) => Self::Constant(*value),
            Predicate::And(all) => Self::All(list(all)),
            Predicate::Or(all) => Self::Any(list(all)),
            Predicate::Not(inner) => Self::Not(Box::new(Self::new(inner, relations, sender))),
            Predicate::Compare(column, comparison, given) => {
                compare(cell(column), *comparison, given.bsatn(sender))
            }
            Predicate::Columns(left, comparison, right) => {
                Self::Columns(cell(left), *comparison, cell(right))
            }
            Predicate::In(column, values) => {
                let cell = cell(column);
                Self::In(cell, keys(cell, values, sender))
            }
            Predicate::Like(column, pattern) => Self::Like(cell(column), pattern),
            Predicate::IsMissing(column) => Self::IsMissing(cell(column)),
            Predicate::Sender(comparison, value) => {
                let kind = Kind::Wide { width: 32, is_signed: false };
                Self::Constant(comparison.is_met(kind.compare(&sender.to_le_bytes(), value)))
            }
        }
    }

    /// Whether it is met by these rows, one of each relation. If the meter runs out, the answer means nothing.
    pub(super) fn is_met(&self, rows: &[&'a [u8]], meter: &Meter<'_>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::All(all) => all.iter().all(|one| one.is_met(rows, meter)),
            Self::Any(any) => any.iter().any(|one| one.is_met(rows, meter)),
            Self::Not(inner) => !inner.is_met(rows, meter),
            Self::Integer { relation, offset, width, is_signed, comparison, value } => {
                let bytes = rows[*relation].get(*offset..).unwrap_or_default();
                comparison.is_met(ordered(bytes, *width, *is_signed).cmp(value))
            }
            Self::Value(cell, comparison, value) => match cell.value(rows) {
                Some(found) => met(cell.comparable.kind, *comparison, found, value),
                None => *comparison == Comparison::NotEqual,
            },
            Self::Columns(left, comparison, right) => match (left.value(rows), right.value(rows)) {
                (Some(left_value), Some(right_value)) => {
                    met(left.comparable.kind, *comparison, left_value, right_value)
                }
                _ => *comparison == Comparison::NotEqual,
            },
            Self::In(cell, values) => {
                let mut key = KeyBytes::new();
                cell.key(rows, &mut key).is_some() && values.binary_search(&key).is_ok()
            }
            Self::Like(cell, pattern) => cell
                .value(rows)
                // After the length. What is stored is UTF-8.
                .and_then(|text| std::str::from_utf8(text.get(4..)?).ok())
                .is_some_and(|text| pattern.is_met(text, meter)),
            Self::IsMissing(cell) => cell.value(rows).is_none(),
            Self::Visible(relation, rules) => rules.iter().any(|rule| rule.holds(rows[*relation], meter)),
        }
    }
}

#[inline(always)]
fn met(kind: Kind, comparison: Comparison, left: &[u8], right: &[u8]) -> bool {
    match comparison {
        Comparison::Equal => kind.is_equal(left, right),
        Comparison::NotEqual => !kind.is_equal(left, right),
        other => other.is_met(kind.compare(left, right)),
    }
}

fn compare<'q, 'a>(cell: Cell<'q>, comparison: Comparison, value: Box<[u8]>) -> Check<'q, 'a> {
    match (cell.comparable, cell.place) {
        (Comparable { kind: Kind::Integer { width, is_signed }, is_optional: false }, Some((offset, _))) => {
            let value = ordered(&value, width, is_signed);
            Check::Integer { relation: cell.relation, offset, width, is_signed, comparison, value }
        }
        _ => Check::Value(cell, comparison, value),
    }
}

/// Values in their key form, sorted.
fn keys(cell: Cell<'_>, values: &[Given], sender: Identity) -> Vec<KeyBytes> {
    let mut keys: Vec<_> = values.iter().map(|given| cell.key_of(&given.bsatn(sender))).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The order of two values of a cell, for choosing the narrower of two bounds.
pub(super) fn order(cell: Cell<'_>, a: &[u8], b: &[u8]) -> Ordering {
    cell.comparable.kind.compare(a, b)
}
