//! Brings the store to a module's schema: tables and indexes, and the rows of the system tables about them.

use std::sync::Arc;

use orrery_host_abi::{
    ColId, Element, IndexId, ModuleDef, ProductType, SequenceId, TableId,
    module_def::{ColumnDef, IndexAlgorithm, IndexDef, SequenceDef, TableDef, ViewDef},
};

use super::{
    catalog::Catalog,
    checks::duplicates_reason,
    plan::{Plan, Step},
    rows::{
        Row, column_accessor_row, column_row, constraint_row, delete_where, find_id, forget_table, index_row,
        rule_row, schedule_row, sequence_row, table_row, view_row,
    },
    system::{FIRST_USER_ID, table},
};
use crate::{
    query::Queries,
    store::{self, IndexKind, IndexSpec, SequenceSpec, Table, TableKind, TableSpec, WriteError, Writer},
};

/// Why a schema could not be applied.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SchemaError(pub(super) String);

impl From<WriteError> for SchemaError {
    fn from(error: WriteError) -> Self {
        Self(error.to_string())
    }
}

impl From<store::SchemaError> for SchemaError {
    fn from(error: store::SchemaError) -> Self {
        Self(error.to_string())
    }
}

/// Ids for new things, counting up from what is there.
struct Ids {
    table: u32,
    index: u32,
    constraint: u32,
    sequence: u32,
    schedule: u32,
    view: u32,
}

impl Ids {
    fn after_existing(writer: &Writer) -> Self {
        // Every one of these system tables has its id as the first column.
        let next = |table: TableId| {
            let Some(table) = writer.table(table) else { return FIRST_USER_ID };
            let ids = table.rows().filter_map(|row| row.first_chunk().copied().map(u32::from_le_bytes));
            ids.max().map_or(FIRST_USER_ID, |last| FIRST_USER_ID.max(last + 1))
        };
        Self {
            table: next(table::TABLE),
            index: next(table::INDEX),
            constraint: next(table::CONSTRAINT),
            sequence: next(table::SEQUENCE),
            schedule: next(table::SCHEDULED),
            view: next(table::VIEW),
        }
    }
}

/// Takes the next id.
pub(super) fn take(counter: &mut u32) -> u32 {
    let id = *counter;
    *counter += 1;
    id
}

/// Carries out a plan from `old` (none for an empty database) to `new`, within the open transaction.
pub(crate) fn apply(
    writer: &mut Writer,
    old: Option<&ModuleDef>,
    new: &ModuleDef,
    plan: &Plan,
) -> Result<(), SchemaError> {
    let nothing = ModuleDef::default();
    let ids = Ids::after_existing(writer);
    let mut change = Change { writer, ids, old: old.unwrap_or(&nothing), new };
    change.forget_aliases(&plan.steps)?;
    plan.steps.iter().try_for_each(|step| change.step(*step))?;
    change.rules()
}

/// A change of the schema under way.
struct Change<'c> {
    writer: &'c mut Writer,
    ids: Ids,
    old: &'c ModuleDef,
    new: &'c ModuleDef,
}

impl Change<'_> {
    /// Before any is given: one thing may get the name that another one had.
    fn forget_aliases(&mut self, steps: &[Step]) -> Result<(), SchemaError> {
        for step in steps {
            match *step {
                Step::ChangeIndexAlias { table, index } => {
                    let name = &self.new.tables[table].indexes[index].name;
                    delete_where(self.writer, table::INDEX_ACCESSOR, |row| row.has_text(0, name))?;
                }
                Step::ChangeTableAccessor(table) => {
                    let name = &self.new.tables[table].name;
                    delete_where(self.writer, table::TABLE_ACCESSOR, |row| row.has_text(0, name))?;
                }
                Step::ChangeColumnAccessor { table, column } => {
                    let table = &self.new.tables[table];
                    let column = &table.columns[column].name;
                    delete_where(self.writer, table::COLUMN_ACCESSOR, |row| {
                        row.has_text(0, &table.name) && row.has_text(1, column)
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), SchemaError> {
        let (old, new) = (self.old, self.new);
        match step {
            Step::RemoveIndex { table, index } => {
                let table = &old.tables[table];
                self.remove_index(table, &table.indexes[index])
            }
            Step::RemoveConstraint { table, constraint } => {
                let table = &old.tables[table];
                let constraint = &table.unique_constraints[constraint];
                let id = self.table_id(&table.name)?;
                delete_where(self.writer, table::CONSTRAINT, |row| {
                    row.id(2) == id.0 && row.has_text(1, &constraint.name)
                })?;
                let now = new.tables.iter().find(|other| other.name == table.name);
                let is_unique = now.is_some_and(|now| is_unique(now, &constraint.columns));
                self.set_unique(table, &constraint.columns, is_unique)
            }
            Step::RemoveSequence { table, sequence } => {
                let table = &old.tables[table];
                self.remove_sequence(table, &table.sequences[sequence])
            }
            Step::RemoveSchedule(table) => {
                let id = self.table_id(&old.tables[table].name)?;
                delete_where(self.writer, table::SCHEDULED, |row| row.id(1) == id.0)
            }
            Step::RemoveView(view) => self.remove_view(&old.views[view]),
            Step::RemoveTable(table) => {
                let name = &old.tables[table].name;
                let id = self.table_id(name)?;
                self.writer.drop_table(id)?;
                forget_table(self.writer, id, name)
            }
            Step::ReplaceTable(table) => self.replace_table(&new.tables[table]),
            Step::ChangeColumns(table) | Step::AddColumns(table) => self.change_columns(&new.tables[table]),
            Step::ChangeIndexAlias { table, index } => self.index_alias(&new.tables[table].indexes[index]),
            Step::ChangeTableAccessor(table) => self.table_accessor(&new.tables[table]),
            Step::ChangeColumnAccessor { table, column } => {
                let table = &new.tables[table];
                column_accessor_row(&table.name, &table.columns[column])
                    .insert(self.writer, table::COLUMN_ACCESSOR)
            }
            Step::AddTable(table) => {
                let id = TableId(take(&mut self.ids.table));
                self.add_table(id, &new.tables[table])
            }
            Step::AddIndex { table, index } => {
                let table = &new.tables[table];
                let index = &table.indexes[index];
                let id = self.table_id(&table.name)?;
                let spec = index_spec(table, index, take(&mut self.ids.index));
                self.writer
                    .add_index(id, spec.clone())
                    .map_err(|error| explain(error, table, &spec.columns))?;
                self.index_rows(id, index, spec.id)
            }
            Step::AddConstraint { table, constraint } => {
                let table = &new.tables[table];
                let constraint = &table.unique_constraints[constraint];
                let (id, constraint_id) = (self.table_id(&table.name)?, take(&mut self.ids.constraint));
                constraint_row(constraint_id, &constraint.name, id, &constraint.columns)
                    .insert(self.writer, table::CONSTRAINT)?;
                self.set_unique(table, &constraint.columns, true)
            }
            Step::AddSequence { table, sequence } => {
                let table = &new.tables[table];
                let sequence = &table.sequences[sequence];
                let id = self.table_id(&table.name)?;
                let spec = sequence_spec(sequence, take(&mut self.ids.sequence));
                self.writer.add_sequence(id, spec.clone())?;
                sequence_row(&sequence.name, id, &spec, spec.start).insert(self.writer, table::SEQUENCE)
            }
            Step::AddSchedule(table) => {
                let table = &new.tables[table];
                let id = self.table_id(&table.name)?;
                self.add_schedule(id, table)
            }
            Step::AddView(view) => self.add_view(&new.views[view]),
            // At the end, when there are the tables that they are about.
            Step::RemoveRule(_) | Step::AddRule(_) => Ok(()),
            Step::ChangeAccess(table) | Step::ChangePrimaryKey(table) => {
                let table = &new.tables[table];
                let id = self.table_id(&table.name)?;
                delete_where(self.writer, table::TABLE, |row| row.id(0) == id.0)?;
                self.describe_table(id, table)
            }
            Step::ChangeViewAccess(view) => {
                let view = &new.views[view];
                let id = find_id(self.writer, table::VIEW, |row| row.has_text(1, &view.name));
                let id = id.ok_or_else(|| SchemaError(format!("view `{}` is missing", view.name)))?;
                delete_where(self.writer, table::VIEW, |row| row.id(0) == id)?;
                view_row(id, view).insert(self.writer, table::VIEW)
            }
        }
    }

    /// Writes the row-level security rules.
    fn rules(&mut self) -> Result<(), SchemaError> {
        self.writer.clear(table::ROW_LEVEL_SECURITY)?;
        if self.new.row_level_security.is_empty() {
            return Ok(());
        }
        let catalog = Catalog::new(&Arc::new(self.new.clone()), self.writer).map_err(SchemaError)?;
        let queries = Queries::new(&catalog).map_err(SchemaError)?;
        for (filtered, sql) in queries.rules().tables().iter().zip(&self.new.row_level_security) {
            rule_row(*filtered, sql).insert(self.writer, table::ROW_LEVEL_SECURITY)?;
        }
        Ok(())
    }

    // ---- tables ----

    fn table_id(&self, name: &str) -> Result<TableId, SchemaError> {
        let stored = self.writer.tables().find(|stored| *stored.spec().name == *name);
        stored.map(Table::id).ok_or_else(|| SchemaError(format!("table `{name}` is missing")))
    }

    fn add_table(&mut self, id: TableId, def: &TableDef) -> Result<(), SchemaError> {
        let ids = &mut self.ids;
        let indexes: Vec<_> =
            def.indexes.iter().map(|index| index_spec(def, index, take(&mut ids.index))).collect();
        let sequences: Vec<_> =
            def.sequences.iter().map(|sequence| sequence_spec(sequence, take(&mut ids.sequence))).collect();
        self.writer.create_table(TableSpec {
            id,
            name: def.name.clone(),
            row_type: row_type(&def.columns),
            indexes: indexes.clone(),
            sequences: sequences.clone(),
            kind: if def.is_event { TableKind::Event } else { TableKind::Durable },
        })?;

        self.describe_table(id, def)?;
        self.table_accessor(def)?;
        for (column, position) in def.columns.iter().zip(0..) {
            column_row(id.0, position, &column.name, &column.ty).insert(self.writer, table::COLUMN)?;
            column_accessor_row(&def.name, column).insert(self.writer, table::COLUMN_ACCESSOR)?;
        }
        for (index, spec) in def.indexes.iter().zip(&indexes) {
            self.index_rows(id, index, spec.id)?;
        }
        for constraint in &def.unique_constraints {
            let constraint_id = take(&mut self.ids.constraint);
            constraint_row(constraint_id, &constraint.name, id, &constraint.columns)
                .insert(self.writer, table::CONSTRAINT)?;
        }
        for (sequence, spec) in def.sequences.iter().zip(&sequences) {
            sequence_row(&sequence.name, id, spec, spec.start).insert(self.writer, table::SEQUENCE)?;
        }
        if def.schedule.is_some() {
            self.add_schedule(id, def)?;
        }
        if def.is_event {
            Row::default().with(&id.0).insert(self.writer, table::EVENT_TABLE)?;
        }
        Ok(())
    }

    fn describe_table(&mut self, id: TableId, def: &TableDef) -> Result<(), SchemaError> {
        table_row(id, &def.name, false, def.is_public, def.primary_key).insert(self.writer, table::TABLE)
    }

    fn table_accessor(&mut self, def: &TableDef) -> Result<(), SchemaError> {
        Row::default().with(&def.name).with(&def.accessor_name).insert(self.writer, table::TABLE_ACCESSOR)
    }

    /// Makes a table anew that has no rows. It keeps its id, and its sequences go on where they were.
    fn replace_table(&mut self, def: &TableDef) -> Result<(), SchemaError> {
        let id = self.table_id(&def.name)?;
        let mut reached = Vec::new();
        for sequence in &def.sequences {
            let stored = find_id(self.writer, table::SEQUENCE, |row| {
                row.id(2) == id.0 && row.has_text(1, &sequence.name)
            });
            if let Some(state) = stored.and_then(|stored| self.writer.sequence(SequenceId(stored))) {
                reached.push((&sequence.name, state.next));
            }
        }
        self.writer.drop_table(id)?;
        forget_table(self.writer, id, &def.name)?;
        self.add_table(id, def)?;
        for (name, next) in reached {
            let new = find_id(self.writer, table::SEQUENCE, |row| row.id(2) == id.0 && row.has_text(1, name));
            match new.map(|new| self.writer.set_sequence(SequenceId(new), next)) {
                // One with other bounds begins at its own start.
                None | Some(Ok(()) | Err(store::SchemaError::InvalidSequence(_))) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives a table the types of its columns and its new ones.
    fn change_columns(&mut self, def: &TableDef) -> Result<(), SchemaError> {
        let id = self.table_id(&def.name)?;
        let there = self.writer.table(id).map_or(0, |stored| stored.layout().columns().len());
        let added = def.columns.get(there..).unwrap_or_default();
        let defaults: Vec<&[u8]> = added.iter().filter_map(|column| column.default.as_deref()).collect();
        self.writer.alter_table(id, &def.name, row_type(&def.columns), &defaults.concat())?;
        delete_where(self.writer, table::COLUMN, |row| row.id(0) == id.0)?;
        for (column, position) in def.columns.iter().zip(0..) {
            column_row(id.0, position, &column.name, &column.ty).insert(self.writer, table::COLUMN)?;
        }
        for column in added {
            column_accessor_row(&def.name, column).insert(self.writer, table::COLUMN_ACCESSOR)?;
        }
        Ok(())
    }

    fn add_schedule(&mut self, id: TableId, def: &TableDef) -> Result<(), SchemaError> {
        let Some(schedule) = &def.schedule else { return Ok(()) };
        schedule_row(take(&mut self.ids.schedule), id, schedule).insert(self.writer, table::SCHEDULED)
    }

    // ---- indexes and sequences ----

    fn index_rows(&mut self, table: TableId, index: &IndexDef, id: IndexId) -> Result<(), SchemaError> {
        index_row(id, table, &index.name, &index.algorithm).insert(self.writer, table::INDEX)?;
        self.index_alias(index)
    }

    fn index_alias(&mut self, index: &IndexDef) -> Result<(), SchemaError> {
        let Some(alias) = &index.alias else { return Ok(()) };
        Row::default().with(&index.name).with(alias).insert(self.writer, table::INDEX_ACCESSOR)
    }

    fn remove_index(&mut self, table: &TableDef, index: &IndexDef) -> Result<(), SchemaError> {
        let table_id = self.table_id(&table.name)?;
        let id =
            find_id(self.writer, table::INDEX, |row| row.id(1) == table_id.0 && row.has_text(2, &index.name));
        let id = id.ok_or_else(|| SchemaError(format!("index `{}` is missing", index.name)))?;
        self.writer.drop_index(IndexId(id))?;
        delete_where(self.writer, table::INDEX, |row| row.id(0) == id)?;
        delete_where(self.writer, table::INDEX_ACCESSOR, |row| row.has_text(0, &index.name))
    }

    /// Makes the indexes over these columns unique, or not.
    fn set_unique(
        &mut self,
        table: &TableDef,
        columns: &[ColId],
        is_unique: bool,
    ) -> Result<(), SchemaError> {
        let id = self.table_id(&table.name)?;
        let stored = self.writer.table(id).map(|stored| stored.spec().indexes.clone()).unwrap_or_default();
        for spec in stored {
            if spec.unique != is_unique && same_set(&spec.columns, columns) {
                self.writer.drop_index(spec.id)?;
                let spec = IndexSpec { unique: is_unique, ..spec };
                self.writer.add_index(id, spec).map_err(|error| explain(error, table, columns))?;
            }
        }
        Ok(())
    }

    fn remove_sequence(&mut self, table: &TableDef, sequence: &SequenceDef) -> Result<(), SchemaError> {
        let table_id = self.table_id(&table.name)?;
        let id = find_id(self.writer, table::SEQUENCE, |row| {
            row.id(2) == table_id.0 && row.has_text(1, &sequence.name)
        });
        let id = id.ok_or_else(|| SchemaError(format!("sequence `{}` is missing", sequence.name)))?;
        self.writer.drop_sequence(SequenceId(id))?;
        delete_where(self.writer, table::SEQUENCE, |row| row.id(0) == id)
    }

    // ---- views ----

    fn add_view(&mut self, view: &ViewDef) -> Result<(), SchemaError> {
        let id = take(&mut self.ids.view);
        view_row(id, view).insert(self.writer, table::VIEW)?;
        let params = view.params.resolve(&self.new.typespace);
        let params = params.map_err(|error| SchemaError(format!("view `{}`: {error}", view.name)))?;
        for (param, position) in params.elements.iter().zip(0..) {
            let name = param.name.as_deref().unwrap_or_default();
            column_row(id, position, name, &param.ty).insert(self.writer, table::VIEW_PARAM)?;
        }
        for (column, position) in view.columns.iter().zip(0..) {
            column_row(id, position, &column.name, &column.ty).insert(self.writer, table::VIEW_COLUMN)?;
        }
        Ok(())
    }

    fn remove_view(&mut self, view: &ViewDef) -> Result<(), SchemaError> {
        let id = find_id(self.writer, table::VIEW, |row| row.has_text(1, &view.name));
        let id = id.ok_or_else(|| SchemaError(format!("view `{}` is missing", view.name)))?;
        delete_where(self.writer, table::VIEW, |row| row.id(0) == id)?;
        delete_where(self.writer, table::VIEW_PARAM, |row| row.id(0) == id)?;
        delete_where(self.writer, table::VIEW_COLUMN, |row| row.id(0) == id)
    }
}

/// What is wrong with an index that was to be unique, in words.
fn explain(error: store::SchemaError, table: &TableDef, columns: &[ColId]) -> SchemaError {
    match error {
        store::SchemaError::Duplicates { duplicates, .. } => {
            SchemaError(duplicates_reason(table, columns, &duplicates))
        }
        error => error.into(),
    }
}

fn row_type(columns: &[ColumnDef]) -> ProductType {
    let element = |column: &ColumnDef| Element { name: Some(column.name.clone()), ty: column.ty.clone() };
    ProductType { elements: columns.iter().map(element).collect() }
}

fn sequence_spec(sequence: &SequenceDef, id: u32) -> SequenceSpec {
    SequenceSpec {
        id: SequenceId(id),
        column: sequence.column,
        start: sequence.start.or(sequence.min_value).unwrap_or(1),
        min_value: sequence.min_value.unwrap_or(1),
        max_value: sequence.max_value.unwrap_or(i128::MAX),
        increment: sequence.increment,
    }
}

/// The index as the store wants it. It is unique if a unique constraint covers exactly its columns.
fn index_spec(table: &TableDef, index: &IndexDef, id: u32) -> IndexSpec {
    let columns = index.algorithm.columns();
    IndexSpec {
        id: IndexId(id),
        columns: columns.to_vec(),
        kind: index_kind(&index.algorithm),
        unique: is_unique(table, columns),
    }
}

/// Whether a unique constraint covers exactly these columns.
fn is_unique(table: &TableDef, columns: &[ColId]) -> bool {
    table.unique_constraints.iter().any(|constraint| same_set(&constraint.columns, columns))
}

/// The store's kind of an index.
pub(super) fn index_kind(algorithm: &IndexAlgorithm) -> IndexKind {
    match algorithm {
        IndexAlgorithm::BTree(_) => IndexKind::BTree,
        IndexAlgorithm::Hash(_) => IndexKind::Hash,
        IndexAlgorithm::Direct(_) => IndexKind::Direct,
    }
}

/// Whether both name the same columns, in any order.
pub(super) fn same_set(left: &[ColId], right: &[ColId]) -> bool {
    left.len() == right.len() && left.iter().all(|column| right.contains(column))
}
