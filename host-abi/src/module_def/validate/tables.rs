//! Checks tables, their indexes, constraints and sequences.

use std::collections::HashSet;

use super::Validator;
use crate::{
    AlgebraicType, ColId, Layout, ProductType,
    module_def::{
        ColumnDef, DefError, IndexAlgorithm, IndexDef, RawColumnDefaultV10, RawConstraintData,
        RawConstraintDefV10, RawIndexAlgorithm, RawIndexDefV10, RawSequenceDefV10, RawTableAccess,
        RawTableDefV10, SequenceDef, TableDef, UniqueConstraintDef, names,
    },
};

/// A table whose parts are being checked.
struct Table<'t> {
    /// Canonical name.
    name: Box<str>,
    /// The row type with canonical names.
    row: &'t ProductType,
}

impl Table<'_> {
    fn has(&self, column: ColId) -> bool {
        usize::from(column.0) < self.row.elements.len()
    }
}

impl<'t> Validator<'t> {
    pub(super) fn tables(&mut self, tables: Vec<RawTableDefV10>) -> Vec<TableDef> {
        tables.into_iter().filter_map(|table| self.table(table)).collect()
    }

    fn table(&mut self, raw: RawTableDefV10) -> Option<TableDef> {
        let name = self.names.table(&raw.source_name);
        self.check_name(&raw.source_name);
        self.check_name(&name);
        self.take_names(&raw.source_name, &name);
        // The host's own tables are not declared by modules, whatever type these give them.
        if name.starts_with("st_") {
            self.errors.push(DefError::ReservedTableName { table: name.clone() });
        }
        let (source_row, row) = self.row_type(&raw.source_name, raw.product_type_ref)?;
        let table = Table { name, row };

        let mut columns = self.columns(&raw.source_name, source_row, row);
        let indexes: Vec<IndexDef> =
            raw.indexes.into_iter().filter_map(|index| self.index(&table, index)).collect();
        let unique_constraints: Vec<UniqueConstraintDef> =
            raw.constraints.into_iter().map(|constraint| self.constraint(&table, constraint)).collect();
        for constraint in &unique_constraints {
            if !indexes.iter().any(|index| is_same_set(index.algorithm.columns(), &constraint.columns)) {
                let (table, constraint) = (table.name.clone(), constraint.name.clone());
                self.errors.push(DefError::UniqueWithoutIndex { table, constraint });
            }
        }
        let primary_key = self.primary_key(&table, &raw.primary_key, &unique_constraints);
        let sequences = self.sequences(&table, raw.sequences);
        self.defaults(&table, &raw.default_values, &mut columns);

        Some(TableDef {
            name: table.name,
            accessor_name: raw.source_name,
            row_type: raw.product_type_ref,
            columns,
            primary_key,
            indexes,
            unique_constraints,
            sequences,
            schedule: None,
            is_public: raw.table_access == RawTableAccess::Public,
            is_event: raw.is_event,
        })
    }

    /// Checks columns that something refers to: they exist, and none is there twice.
    fn check_columns(&mut self, table: &Table<'_>, of: &str, columns: &[ColId]) {
        for &column in columns {
            if !table.has(column) {
                let table = table.name.clone();
                self.errors.push(DefError::NoSuchColumn { table, of: of.into(), column });
            }
        }
        if columns.iter().collect::<HashSet<_>>().len() != columns.len() {
            self.errors.push(DefError::RepeatedColumn { table: table.name.clone(), of: of.into() });
        }
    }

    fn index(&mut self, table: &Table<'_>, raw: RawIndexDefV10) -> Option<IndexDef> {
        let algorithm = match raw.algorithm {
            RawIndexAlgorithm::BTree(columns) => IndexAlgorithm::BTree(columns),
            RawIndexAlgorithm::Hash(columns) => IndexAlgorithm::Hash(columns),
            RawIndexAlgorithm::Direct(column) => IndexAlgorithm::Direct(column),
        };
        let (name, alias) = if self.version == 9 {
            let name = raw.source_name.unwrap_or_else(|| names::of_index(&table.name, table.row, &algorithm));
            self.take_name(&name);
            (name, None)
        } else {
            let Some(source_name) = raw.source_name else {
                self.errors.push(DefError::UnnamedIndex { table: table.name.clone() });
                return None;
            };
            let name = self
                .names
                .index(&source_name)
                .unwrap_or_else(|| names::of_index(&table.name, table.row, &algorithm));
            self.check_name(&name);
            self.take_names(&source_name, &name);
            (name, Some(source_name))
        };
        if let Some(accessor_name) = &raw.accessor_name {
            self.check_name(accessor_name);
        }
        self.check_columns(table, &name, algorithm.columns());
        if let IndexAlgorithm::Direct(column) = algorithm
            && let Some(element) = table.row.elements.get(usize::from(column.0))
            && !self.is_direct_key(&element.ty)
        {
            self.errors.push(DefError::BadDirectIndex { index: name.clone() });
        }
        Some(IndexDef { name, alias, accessor_name: raw.accessor_name, algorithm })
    }

    /// Whether a direct index can be kept on a column of that type.
    fn is_direct_key(&self, ty: &AlgebraicType) -> bool {
        match ty {
            AlgebraicType::U8 | AlgebraicType::U16 | AlgebraicType::U32 | AlgebraicType::U64 => true,
            AlgebraicType::Sum(sum) => sum.is_plain_enum(),
            AlgebraicType::Ref(target) => {
                matches!(self.typespace.get(*target), Some(AlgebraicType::Sum(sum)) if sum.is_plain_enum())
            }
            _ => false,
        }
    }

    fn constraint(&mut self, table: &Table<'_>, raw: RawConstraintDefV10) -> UniqueConstraintDef {
        let RawConstraintData::Unique(unique) = raw.data;
        let mut columns = unique.columns;
        // Version 10 always generates the name.
        let name = match raw.source_name {
            Some(name) if self.version == 9 => name,
            _ => names::of_unique(&table.name, table.row, &columns),
        };
        self.take_name(&name);
        self.check_columns(table, &name, &columns);
        // The columns are a set, which is kept in order.
        columns.sort_unstable();
        UniqueConstraintDef { name, columns }
    }

    fn primary_key(
        &mut self,
        table: &Table<'_>,
        columns: &[ColId],
        unique_constraints: &[UniqueConstraintDef],
    ) -> Option<ColId> {
        let &column = columns.first()?;
        if columns.len() > 1 {
            self.errors.push(DefError::WidePrimaryKey { table: table.name.clone() });
        }
        self.check_columns(table, &table.name, &[column]);
        if !unique_constraints.iter().any(|constraint| constraint.columns == [column]) {
            self.errors.push(DefError::PrimaryKeyNotUnique { table: table.name.clone(), column });
        }
        Some(column)
    }

    fn sequences(&mut self, table: &Table<'_>, raw: Vec<RawSequenceDefV10>) -> Vec<SequenceDef> {
        let mut with_sequence = HashSet::new();
        let mut sequences = Vec::with_capacity(raw.len());
        for raw in raw {
            let name =
                raw.source_name.unwrap_or_else(|| names::of_sequence(&table.name, table.row, raw.column));
            self.take_name(&name);
            self.check_columns(table, &name, &[raw.column]);
            if let Some(element) = table.row.elements.get(usize::from(raw.column.0))
                && !element.ty.is_integer()
            {
                self.errors.push(DefError::BadSequenceColumn { sequence: name.clone() });
            }
            if !with_sequence.insert(raw.column) {
                let (table, column) = (table.name.clone(), raw.column);
                self.errors.push(DefError::SecondSequence { table, column });
            }
            let sequence = SequenceDef {
                name,
                column: raw.column,
                start: raw.start,
                min_value: raw.min_value,
                max_value: raw.max_value,
                increment: raw.increment,
            };
            if !is_possible(&sequence) {
                self.errors.push(DefError::BadSequenceRange { sequence: sequence.name.clone() });
            }
            sequences.push(sequence);
        }
        sequences
    }

    fn defaults(&mut self, table: &Table<'_>, raw: &[RawColumnDefaultV10], columns: &mut [ColumnDef]) {
        let no_references = crate::Typespace::default();
        for raw in raw {
            let Some(column) = columns.get_mut(usize::from(raw.col_id.0)) else {
                self.check_columns(table, "default value", &[raw.col_id]);
                continue;
            };
            // Types that cannot be laid out have been reported with the columns.
            let Ok(layout) = Layout::new(&column.ty, &no_references) else { continue };
            match layout.validate(&raw.value) {
                // What follows the value is not part of it. Of several values for a column the last counts.
                Ok(len) => column.default = Some(raw.value.slice(..len)),
                Err(error) => {
                    let (table, column) = (table.name.clone(), raw.col_id);
                    self.errors.push(DefError::BadDefault { table, column, error });
                }
            }
        }
    }
}

/// Whether two lists have the same columns, in any order.
fn is_same_set(a: &[ColId], b: &[ColId]) -> bool {
    a.iter().all(|column| b.contains(column)) && b.iter().all(|column| a.contains(column))
}

/// Whether a sequence can run: it starts in its range, and a step leads neither nowhere nor across the range.
fn is_possible(sequence: &SequenceDef) -> bool {
    let (start, min, max) = sequence.range();
    // A distance that cannot be expressed is larger than any step.
    let is_within = max
        .checked_sub(min)
        .is_none_or(|distance| sequence.increment.unsigned_abs() < distance.unsigned_abs());
    sequence.increment != 0 && min < max && min <= start && start <= max && is_within
}
