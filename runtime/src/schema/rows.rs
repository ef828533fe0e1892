//! Rows of the system tables: how they are made, found and removed.

use orrery_host_abi::{
    AlgebraicType, ColId, IndexId, RowLayout, TableId,
    bsatn::Encode,
    module_def::{ColumnDef, IndexAlgorithm, ScheduleDef, ViewDef},
};

use super::{apply::SchemaError, system::table};
use crate::store::{SequenceSpec, Writer};

/// A row of a system table in the making.
#[derive(Default)]
pub(super) struct Row(Vec<u8>);

impl Row {
    /// A row that is about to get so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a column.
    pub(super) fn with<T: Encode + ?Sized>(mut self, column: &T) -> Self {
        column.encode(&mut self.0);
        self
    }

    /// Adds a column of 32 bytes: an identity or a hash.
    pub(super) fn with_32(mut self, column: [u8; 32]) -> Self {
        self.0.extend_from_slice(&column);
        self
    }

    /// Adds a list of columns.
    fn with_columns(self, columns: &[ColId]) -> Self {
        let columns: Vec<u16> = columns.iter().map(|column| column.0).collect();
        self.with(&columns)
    }

    pub(super) fn insert(mut self, writer: &mut Writer, into: TableId) -> Result<(), SchemaError> {
        writer.insert(into, &mut self.0)?;
        Ok(())
    }
}

pub(super) fn table_row(
    id: TableId,
    name: &str,
    is_system: bool,
    is_public: bool,
    primary_key: Option<ColId>,
) -> Row {
    let row = Row::default()
        .with(&id.0)
        .with(name)
        .with(if is_system { "system" } else { "user" })
        .with(if is_public { "public" } else { "private" });
    match primary_key {
        Some(column) => row.with(&0_u8).with_columns(&[column]),
        None => row.with(&1_u8),
    }
}

/// A row of `st_column`, `st_view_column` or `st_view_param`.
pub(super) fn column_row(owner: u32, position: u16, name: &str, ty: &AlgebraicType) -> Row {
    Row::default().with(&owner).with(&position).with(name).with(&ty.to_bsatn())
}

pub(super) fn column_accessor_row(table: &str, column: &ColumnDef) -> Row {
    Row::default().with(table).with(&column.name).with(&column.accessor_name)
}

pub(super) fn index_row(id: IndexId, table: TableId, name: &str, algorithm: &IndexAlgorithm) -> Row {
    let row = Row::default().with(&id.0).with(&table.0).with(name);
    match algorithm {
        IndexAlgorithm::BTree(columns) => row.with(&1_u8).with_columns(columns),
        IndexAlgorithm::Direct(column) => row.with(&2_u8).with(&column.0),
        IndexAlgorithm::Hash(columns) => row.with(&3_u8).with_columns(columns),
    }
}

pub(super) fn constraint_row(id: u32, name: &str, table: TableId, columns: &[ColId]) -> Row {
    Row::default().with(&id).with(name).with(&table.0).with(&1_u8).with_columns(columns)
}

pub(super) fn sequence_row(name: &str, table: TableId, spec: &SequenceSpec, allocated: i128) -> Row {
    Row::default()
        .with(&spec.id.0)
        .with(name)
        .with(&table.0)
        .with(&spec.column.0)
        .with(&spec.increment)
        .with(&spec.start)
        .with(&spec.min_value)
        .with(&spec.max_value)
        .with(&allocated)
}

pub(super) fn schedule_row(id: u32, table: TableId, schedule: &ScheduleDef) -> Row {
    Row::default()
        .with(&id)
        .with(&table.0)
        .with(&schedule.function)
        .with(&schedule.name)
        .with(&schedule.at_column.0)
}

pub(super) fn view_row(id: u32, view: &ViewDef) -> Row {
    // No table stands behind a view: it is computed when it is asked for.
    let no_table = 1_u8;
    Row::default().with(&id).with(&view.name).with(&no_table).with(&view.is_public).with(&view.is_anonymous)
}

pub(super) fn rule_row(filtered: TableId, sql: &str) -> Row {
    Row::default().with(&filtered.0).with(sql)
}

/// A row of a system table that is there.
pub(super) struct Found<'r> {
    layout: &'r RowLayout,
    row: &'r [u8],
}

impl Found<'_> {
    /// An id in that column.
    pub(super) fn id(&self, column: usize) -> u32 {
        let cell = self.layout.column(self.row, column);
        cell.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
    }

    /// Whether that column holds this text.
    pub(super) fn has_text(&self, column: usize, text: &str) -> bool {
        // After the length.
        self.layout.column(self.row, column).get(4..) == Some(text.as_bytes())
    }
}

/// The id (the first column) of a row of a system table that is as asked for.
pub(super) fn find_id(writer: &Writer, table: TableId, is_meant: impl Fn(&Found<'_>) -> bool) -> Option<u32> {
    let table = writer.table(table)?;
    let mut found = table.rows().map(|row| Found { layout: table.layout(), row });
    found.find(|row| is_meant(row)).map(|row| row.id(0))
}

/// Deletes the rows of a system table that are as asked for.
pub(super) fn delete_where(
    writer: &mut Writer,
    table: TableId,
    is_meant: impl Fn(&Found<'_>) -> bool,
) -> Result<(), SchemaError> {
    let Some(found) = writer.table(table) else { return Ok(()) };
    let mut relation = vec![0; 4];
    let mut count = 0_u32;
    for row in found.rows() {
        if is_meant(&Found { layout: found.layout(), row }) {
            relation.extend_from_slice(row);
            count += 1;
        }
    }
    if count > 0 {
        relation[..4].copy_from_slice(&count.to_le_bytes());
        writer.delete_rows(table, &relation)?;
    }
    Ok(())
}

/// Deletes all that the system tables say about a table.
pub(super) fn forget_table(writer: &mut Writer, id: TableId, name: &str) -> Result<(), SchemaError> {
    let Some(indexes) = writer.table(table::INDEX) else { return Ok(()) };
    let of_table = |row: &Found<'_>, column| row.id(column) == id.0;
    let names: Vec<Box<[u8]>> = indexes
        .rows()
        .filter(|row| of_table(&Found { layout: indexes.layout(), row }, 1))
        .filter_map(|row| indexes.layout().column(row, 2).get(4..).map(Into::into))
        .collect();
    for index in names {
        let index = String::from_utf8_lossy(&index);
        delete_where(writer, table::INDEX_ACCESSOR, |row| row.has_text(0, &index))?;
    }
    delete_where(writer, table::TABLE, |row| of_table(row, 0))?;
    delete_where(writer, table::COLUMN, |row| of_table(row, 0))?;
    delete_where(writer, table::INDEX, |row| of_table(row, 1))?;
    delete_where(writer, table::CONSTRAINT, |row| of_table(row, 2))?;
    delete_where(writer, table::SEQUENCE, |row| of_table(row, 2))?;
    delete_where(writer, table::SCHEDULED, |row| of_table(row, 1))?;
    delete_where(writer, table::EVENT_TABLE, |row| of_table(row, 0))?;
    delete_where(writer, table::TABLE_ACCESSOR, |row| row.has_text(0, name))?;
    delete_where(writer, table::COLUMN_ACCESSOR, |row| row.has_text(0, name))
}
