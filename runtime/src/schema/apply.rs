//! Brings the store to a module's schema: tables and indexes, and the rows of the system tables about them.

use std::sync::Arc;

use orrery_host_abi::{
    AlgebraicType, ColId, Element, Hash, IndexId, ModuleDef, ProductType, SequenceId, TableId,
    bsatn::Encode,
    module_def::{IndexAlgorithm, IndexDef, TableDef, ViewDef},
};

use super::{
    catalog::Catalog,
    plan::{Step, plan},
    system::{FIRST_USER_ID, SYSTEM_TABLES, table},
};
use crate::{
    database::{DatabaseKey, Program, ProgramKind},
    query::Queries,
    store::{self, IndexKind, IndexSpec, SequenceSpec, TableKind, TableSpec, WriteError, Writer},
};

/// Why a schema could not be applied.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SchemaError(String);

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

/// A row of a system table in the making.
#[derive(Default)]
struct Row(Vec<u8>);

impl Row {
    /// Adds a column.
    fn with<T: Encode + ?Sized>(mut self, column: &T) -> Self {
        column.encode(&mut self.0);
        self
    }

    /// Adds a column of 32 bytes: an identity or a hash.
    fn with_32(mut self, column: [u8; 32]) -> Self {
        self.0.extend_from_slice(&column);
        self
    }

    /// Adds a list of columns.
    fn with_columns(self, columns: &[ColId]) -> Self {
        let columns: Vec<u16> = columns.iter().map(|column| column.0).collect();
        self.with(&columns)
    }

    fn insert(mut self, writer: &mut Writer, into: TableId) -> Result<(), SchemaError> {
        writer.insert(into, &mut self.0)?;
        Ok(())
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
fn take(counter: &mut u32) -> u32 {
    let id = *counter;
    *counter += 1;
    id
}

/// Makes all tables of a new database.
pub(crate) fn initialise(
    writer: &mut Writer,
    key: DatabaseKey,
    hash: Hash,
    program: &Program,
    module: &Arc<ModuleDef>,
) -> Result<(), SchemaError> {
    create_system_tables(writer)?;
    write_module_row(writer, key, hash, program)?;
    let steps = plan(None, module).map_err(|reasons| SchemaError(reasons.join("\n")))?;
    apply(writer, module, &steps)
}

/// Makes the system tables and writes down what they are in themselves.
fn create_system_tables(writer: &mut Writer) -> Result<(), SchemaError> {
    let mut first_index = 1;
    for table in SYSTEM_TABLES {
        writer.create_table(table.spec(first_index))?;
        first_index += u32::try_from(table.indexes.len()).expect("a system table has few indexes");
    }
    let (mut index_id, mut constraint_id) = (1, 1);
    for system in SYSTEM_TABLES {
        let id = system.id;
        let primary_key = system.primary_key.map(ColId);
        table_row(id, system.name, true, system.is_public, primary_key).insert(writer, table::TABLE)?;
        for ((name, ty), position) in system.columns.iter().zip(0..) {
            column_row(id, position, name, &ty.algebraic()).insert(writer, table::COLUMN)?;
        }
        for (columns, unique) in system.indexes {
            let names = system.column_names(columns);
            let columns: Vec<_> = columns.iter().map(|column| ColId(*column)).collect();
            let name = format!("{}_{names}_idx_btree", system.name);
            index_row(take(&mut index_id), id, &name, &IndexAlgorithm::BTree(columns.clone()))
                .insert(writer, table::INDEX)?;
            if *unique {
                let name = format!("{}_{names}_key", system.name);
                constraint_row(take(&mut constraint_id), &name, id, &columns)
                    .insert(writer, table::CONSTRAINT)?;
            }
        }
        if let Some((column, sequence)) = system.sequence {
            let name = format!("{}_{}_seq", system.name, system.column_names(&[column]));
            let spec = SequenceSpec {
                id: SequenceId(sequence),
                column: ColId(column),
                start: i128::from(FIRST_USER_ID) + 1,
                min_value: 1,
                max_value: i128::MAX,
                increment: 1,
            };
            sequence_row(&name, id, &spec, FIRST_USER_ID.into()).insert(writer, table::SEQUENCE)?;
        }
    }
    Ok(())
}

/// Writes the one row of `st_module`.
pub(crate) fn write_module_row(
    writer: &mut Writer,
    key: DatabaseKey,
    hash: Hash,
    program: &Program,
) -> Result<(), SchemaError> {
    writer.clear(table::MODULE)?;
    let mut row = Row::default();
    row.0.reserve(program.bytes.len() + 128);
    row.with_32(key.database.0)
        .with_32(key.owner.0)
        .with(match program.kind {
            ProgramKind::Wasm => &0u8,
            ProgramKind::Js => &1u8,
        })
        .with_32(hash.0)
        .with(&program.bytes)
        .with("")
        .insert(writer, table::MODULE)
}

/// Carries out the steps of a plan, within the open transaction.
pub(crate) fn apply(writer: &mut Writer, module: &Arc<ModuleDef>, steps: &[Step]) -> Result<(), SchemaError> {
    let mut ids = Ids::after_existing(writer);
    for step in steps {
        match step {
            Step::AddTable(place) => add_table(writer, &mut ids, &module.tables[*place])?,
            Step::AddIndex { table, index } => {
                let def = &module.tables[*table];
                let id = writer
                    .tables()
                    .find(|stored| *stored.spec().name == *def.name)
                    .map(|stored| stored.spec().id)
                    .ok_or_else(|| SchemaError(format!("table `{}` is missing", def.name)))?;
                let index = &def.indexes[*index];
                let spec = index_spec(def, index, take(&mut ids.index));
                writer.add_index(id, spec.clone())?;
                index_rows(writer, id, index, spec.id)?;
            }
            Step::AddView(place) => add_view(writer, take(&mut ids.view), &module.views[*place])?,
        }
    }
    writer.clear(table::ROW_LEVEL_SECURITY)?;
    if module.row_level_security.is_empty() {
        return Ok(());
    }
    let catalog = Catalog::new(module, writer).map_err(SchemaError)?;
    let queries = Queries::new(&catalog).map_err(SchemaError)?;
    for (filtered, sql) in queries.rules().tables().iter().zip(&module.row_level_security) {
        Row::default().with(&filtered.0).with(sql).insert(writer, table::ROW_LEVEL_SECURITY)?;
    }
    Ok(())
}

fn add_table(writer: &mut Writer, ids: &mut Ids, def: &TableDef) -> Result<(), SchemaError> {
    let id = TableId(take(&mut ids.table));
    let indexes: Vec<_> =
        def.indexes.iter().map(|index| index_spec(def, index, take(&mut ids.index))).collect();
    let sequences: Vec<_> = def
        .sequences
        .iter()
        .map(|sequence| SequenceSpec {
            id: SequenceId(take(&mut ids.sequence)),
            column: sequence.column,
            start: sequence.start.or(sequence.min_value).unwrap_or(1),
            min_value: sequence.min_value.unwrap_or(1),
            max_value: sequence.max_value.unwrap_or(i128::MAX),
            increment: sequence.increment,
        })
        .collect();
    let elements = def
        .columns
        .iter()
        .map(|column| Element { name: Some(column.name.clone()), ty: column.ty.clone() })
        .collect();
    writer.create_table(TableSpec {
        id,
        name: def.name.clone(),
        row_type: ProductType { elements },
        indexes: indexes.clone(),
        sequences: sequences.clone(),
        kind: if def.is_event { TableKind::Event } else { TableKind::Durable },
    })?;

    table_row(id.0, &def.name, false, def.is_public, def.primary_key).insert(writer, table::TABLE)?;
    Row::default().with(&def.name).with(&def.accessor_name).insert(writer, table::TABLE_ACCESSOR)?;
    for (column, position) in def.columns.iter().zip(0..) {
        column_row(id.0, position, &column.name, &column.ty).insert(writer, table::COLUMN)?;
        Row::default()
            .with(&def.name)
            .with(&column.name)
            .with(&column.accessor_name)
            .insert(writer, table::COLUMN_ACCESSOR)?;
    }
    for (index, spec) in def.indexes.iter().zip(&indexes) {
        index_rows(writer, id, index, spec.id)?;
    }
    for constraint in &def.unique_constraints {
        constraint_row(take(&mut ids.constraint), &constraint.name, id.0, &constraint.columns)
            .insert(writer, table::CONSTRAINT)?;
    }
    for (sequence, spec) in def.sequences.iter().zip(&sequences) {
        sequence_row(&sequence.name, id.0, spec, spec.start).insert(writer, table::SEQUENCE)?;
    }
    if let Some(schedule) = &def.schedule {
        Row::default()
            .with(&take(&mut ids.schedule))
            .with(&id.0)
            .with(&schedule.function)
            .with(&schedule.name)
            .with(&schedule.at_column.0)
            .insert(writer, table::SCHEDULED)?;
    }
    if def.is_event {
        Row::default().with(&id.0).insert(writer, table::EVENT_TABLE)?;
    }
    Ok(())
}

fn add_view(writer: &mut Writer, id: u32, view: &ViewDef) -> Result<(), SchemaError> {
    // No table stands behind a view: it is computed when it is asked for.
    let no_table = 1_u8;
    Row::default()
        .with(&id)
        .with(&view.name)
        .with(&no_table)
        .with(&view.is_public)
        .with(&view.is_anonymous)
        .insert(writer, table::VIEW)?;
    for (column, position) in view.columns.iter().zip(0..) {
        column_row(id, position, &column.name, &column.ty).insert(writer, table::VIEW_COLUMN)?;
    }
    Ok(())
}

fn index_rows(writer: &mut Writer, table: TableId, index: &IndexDef, id: IndexId) -> Result<(), SchemaError> {
    index_row(id.0, table.0, &index.name, &index.algorithm).insert(writer, table::INDEX)?;
    if let Some(alias) = &index.alias {
        Row::default().with(&index.name).with(alias).insert(writer, table::INDEX_ACCESSOR)?;
    }
    Ok(())
}

fn table_row(id: u32, name: &str, is_system: bool, is_public: bool, primary_key: Option<ColId>) -> Row {
    let row = Row::default()
        .with(&id)
        .with(name)
        .with(if is_system { "system" } else { "user" })
        .with(if is_public { "public" } else { "private" });
    match primary_key {
        Some(column) => row.with(&0_u8).with_columns(&[column]),
        None => row.with(&1_u8),
    }
}

fn column_row(table: u32, position: u16, name: &str, ty: &AlgebraicType) -> Row {
    Row::default().with(&table).with(&position).with(name).with(&ty.to_bsatn())
}

fn index_row(id: u32, table: u32, name: &str, algorithm: &IndexAlgorithm) -> Row {
    let row = Row::default().with(&id).with(&table).with(name);
    match algorithm {
        IndexAlgorithm::BTree(columns) => row.with(&1_u8).with_columns(columns),
        IndexAlgorithm::Direct(column) => row.with(&2_u8).with(&column.0),
        IndexAlgorithm::Hash(columns) => row.with(&3_u8).with_columns(columns),
    }
}

fn constraint_row(id: u32, name: &str, table: u32, columns: &[ColId]) -> Row {
    Row::default().with(&id).with(name).with(&table).with(&1_u8).with_columns(columns)
}

fn sequence_row(name: &str, table: u32, spec: &SequenceSpec, allocated: i128) -> Row {
    Row::default()
        .with(&spec.id.0)
        .with(name)
        .with(&table)
        .with(&spec.column.0)
        .with(&spec.increment)
        .with(&spec.start)
        .with(&spec.min_value)
        .with(&spec.max_value)
        .with(&allocated)
}

/// The index as the store wants it. It is unique if a unique constraint covers exactly its columns.
fn index_spec(table: &TableDef, index: &IndexDef, id: u32) -> IndexSpec {
    let columns = index.algorithm.columns();
    IndexSpec {
        id: IndexId(id),
        columns: columns.to_vec(),
        kind: index_kind(&index.algorithm),
        unique: table.unique_constraints.iter().any(|constraint| same_set(&constraint.columns, columns)),
    }
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
