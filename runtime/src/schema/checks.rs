//! What the rows that are there have to say about a change of the schema.

use std::collections::HashMap;

use orrery_host_abi::{
    AlgebraicType, ColId, ModuleDef, ProductType, Typespace, json,
    module_def::{SequenceDef, TableDef},
};

use super::plan::{Plan, Step};
use crate::store::{Duplicate, Snapshot, Table, Writer};

/// How many keys that occur more than once a refusal shows.
pub(super) const DUPLICATES_SHOWN: usize = 10;

/// The tables that hold the data, by name.
pub(crate) struct Stored<'t>(HashMap<&'t str, &'t Table>);

impl<'t> Stored<'t> {
    /// None at all.
    pub(crate) fn nothing() -> Self {
        Self(HashMap::new())
    }

    /// As the open transaction sees them.
    pub(crate) fn now(writer: &'t Writer) -> Self {
        Self::of(writer.tables())
    }

    /// As they were.
    pub(crate) fn then(snapshot: &'t Snapshot) -> Self {
        Self::of(snapshot.tables())
    }

    fn of(tables: impl Iterator<Item = &'t Table>) -> Self {
        Self(tables.map(|table| (&*table.spec().name, table)).collect())
    }

    pub(super) fn row_count(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |table| table.row_count())
    }
}

/// The first value in the column of a new sequence that the sequence would come to. Rows that have yet to get the
/// column get its default.
pub(super) fn value_in_range(stored: &Stored<'_>, table: &TableDef, sequence: &SequenceDef) -> Option<i128> {
    let rows = stored.0.get(&*table.name)?;
    let (_, min, max) = sequence.range();
    let place = usize::from(sequence.column.0);
    let column = table.columns.get(place)?;
    let in_range = |cell: &[u8]| integer(&column.ty, cell).filter(|value| (min..=max).contains(value));
    if place < rows.layout().columns().len() {
        rows.rows().find_map(|row| in_range(rows.layout().column(row, place)))
    } else if rows.row_count() > 0 {
        in_range(column.default.as_deref()?)
    } else {
        None
    }
}

/// The integer that is all there is to a value; none if it takes more than 128 bits and a sign, where no sequence
/// gets to.
fn integer(ty: &AlgebraicType, cell: &[u8]) -> Option<i128> {
    let is_signed = matches!(
        ty,
        AlgebraicType::I8
            | AlgebraicType::I16
            | AlgebraicType::I32
            | AlgebraicType::I64
            | AlgebraicType::I128
            | AlgebraicType::I256
    );
    let is_negative = is_signed && cell.last()? & 0x80 != 0;
    let fill = if is_negative { 0xff } else { 0 };
    let (low, high) = cell.split_at(cell.len().min(16));
    let mut bytes = [fill; 16];
    bytes[..low.len()].copy_from_slice(low);
    let value = i128::from_le_bytes(bytes);
    (high.iter().all(|&byte| byte == fill) && (value < 0) == is_negative).then_some(value)
}

/// The reasons why a plan's new unique constraints cannot be added. Takes as long as building their indexes.
pub(crate) fn check_unique(new: &ModuleDef, plan: &Plan, stored: &Stored<'_>) -> Vec<String> {
    let constraints = plan.steps.iter().filter_map(|step| match step {
        Step::AddConstraint { table, constraint } => {
            let table = &new.tables[*table];
            Some((table, &*table.unique_constraints[*constraint].columns))
        }
        _ => None,
    });
    constraints.filter_map(|(table, columns)| not_unique(stored, table, columns)).collect()
}

/// The reason why those columns cannot be unique.
fn not_unique(stored: &Stored<'_>, table: &TableDef, columns: &[ColId]) -> Option<String> {
    let rows = stored.0.get(&*table.name)?;
    // In columns that are yet to come, all rows are the same.
    let is_there = |column: &&ColId| usize::from(column.0) < rows.layout().columns().len();
    let present: Vec<ColId> = columns.iter().filter(is_there).copied().collect();
    let mut duplicates = rows.duplicates(&present, DUPLICATES_SHOWN).ok()?;
    for duplicate in &mut duplicates {
        let mut key = Vec::new();
        let mut at = &*duplicate.key;
        for column in columns {
            if is_there(&column) {
                let ty = &rows.layout().columns()[usize::from(column.0)].ty;
                let len = orrery_host_abi::Layout::new(ty, &Typespace::default()).ok()?.validate(at).ok()?;
                let cell;
                (cell, at) = at.split_at(len);
                key.extend_from_slice(cell);
            } else {
                key.extend_from_slice(table.columns[usize::from(column.0)].default.as_deref()?);
            }
        }
        duplicate.key = key.into();
    }
    (!duplicates.is_empty()).then(|| duplicates_reason(table, columns, &duplicates))
}

/// Why columns cannot be unique, in words.
pub(super) fn duplicates_reason(table: &TableDef, columns: &[ColId], duplicates: &[Duplicate]) -> String {
    let columns = columns.iter().filter_map(|column| table.columns.get(usize::from(column.0)));
    let elements = columns
        .map(|column| orrery_host_abi::Element { name: Some(column.name.clone()), ty: column.ty.clone() })
        .collect();
    let key = ProductType { elements };
    let names: Vec<_> = key
        .elements
        .iter()
        .filter_map(|element| element.name.as_deref())
        .map(|name| format!("`{name}`"))
        .collect();
    let writer = json::JsonWriter::of_product(&key, &Typespace::default(), json::Dialect::Plain);
    let shown = duplicates.iter().map(|duplicate| {
        let key = writer.as_ref().ok().and_then(|writer| writer.to_string(&duplicate.key).ok());
        format!("{} have {}", count(duplicate.rows, "row"), key.as_deref().unwrap_or("?"))
    });
    let (noun, be) = if names.len() == 1 { ("column", "is") } else { ("columns", "are") };
    format!(
        "table `{}`: {noun} {} {be} to be unique, and {}; change or delete these rows first, or leave out the \
         constraint, or publish with the data deleted",
        table.name,
        names.join(", "),
        shown.collect::<Vec<_>>().join(", ")
    )
}

/// A number of things.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_all_widths_are_read() {
        use AlgebraicType as T;
        assert_eq!(integer(&T::U8, &[0xff]), Some(255));
        assert_eq!(integer(&T::I8, &[0xff]), Some(-1));
        assert_eq!(integer(&T::I64, &(-5_i64).to_le_bytes()), Some(-5));
        assert_eq!(integer(&T::U128, &u128::MAX.to_le_bytes()), None);
        assert_eq!(integer(&T::I128, &i128::MIN.to_le_bytes()), Some(i128::MIN));
        assert_eq!(integer(&T::I256, &[0xff; 32]), Some(-1));
        let mut large = [0; 32];
        large[0] = 7;
        assert_eq!(integer(&T::U256, &large), Some(7));
        large[31] = 1;
        assert_eq!(integer(&T::U256, &large), None);
    }
}
