//! Changes of tables, indexes and sequences: part of the transaction like changes of rows.

use std::mem;

use orrery_host_abi::{IndexId, ProductType, RowLayout, SequenceId, TableId, Typespace, bsatn::DecodeError};
use triomphe::Arc;

use super::{
    IndexSpec, SchemaError, SequenceSpec, SequenceState, Table, TableSpec, Writer,
    heap::{Heap, Room},
    id_map::ID_END,
    index::Index,
    page::{Shape, Stamp},
    record,
    sequence::Sequence,
    table::check_columns,
    table_writer::TableWriter,
    writer::Inner,
};

/// How to undo a change of the schema.
#[derive(Debug)]
pub(super) enum SchemaUndo {
    CreatedTable(TableId),
    DroppedTable(Box<TableWriter>),
    AlteredTable { old: Arc<Table> },
    AddedIndex(IndexId),
    DroppedIndex { table: TableId, at: usize, spec: IndexSpec },
    AddedSequence(SequenceId),
    DroppedSequence { table: TableId, at: usize, sequence: Box<Sequence> },
    SetSequence { sequence: SequenceId, state: SequenceState },
}

/// How many keys that occur more than once an error tells.
const DUPLICATES_MAX: usize = 10;

impl Writer {
    /// Adds an empty table, with its indexes and sequences.
    pub fn create_table(&mut self, spec: TableSpec) -> Result<(), SchemaError> {
        let mut text = Vec::new();
        record::put_create_table(&mut text, &spec);
        let table = spec.id;
        self.0.do_create_table(spec)?;
        self.0.note(SchemaUndo::CreatedTable(table), &text);
        Ok(())
    }

    /// Removes a table with its rows, which do not appear in the change set.
    pub fn drop_table(&mut self, table: TableId) -> Result<(), SchemaError> {
        let writer = self.0.do_drop_table(table)?;
        let mut text = Vec::new();
        record::put_drop_table(&mut text, table);
        self.0.note(SchemaUndo::DroppedTable(Box::new(writer)), &text);
        Ok(())
    }

    /// Gives a table another name, and its rows another type for which their bytes are valid once each row is
    /// followed by `added`: the values of new columns at the end. Without new columns, what was there must be valid
    /// as it is, under a type with more variants in a sum, say. Not after changing its rows in the same transaction.
    ///
    /// The journal takes down the change, not the rows. Until the transaction ends, rows that grew are in memory twice.
    pub fn alter_table(
        &mut self,
        table: TableId,
        name: &str,
        row_type: ProductType,
        added: &[u8],
    ) -> Result<(), SchemaError> {
        let mut text = Vec::new();
        record::put_alter_table(&mut text, table, name, &row_type, added);
        let undo = self.0.do_alter_table(table, name, row_type, added)?;
        self.0.note(undo, &text);
        Ok(())
    }

    /// Adds an index over the rows there are. If it is to be unique and they are not, the error tells which keys
    /// occur more than once.
    pub fn add_index(&mut self, table: TableId, spec: IndexSpec) -> Result<(), SchemaError> {
        let mut text = Vec::new();
        record::put_add_index(&mut text, table, &spec);
        let index = spec.id;
        self.0.do_add_index(table, spec, true)?;
        self.0.note(SchemaUndo::AddedIndex(index), &text);
        Ok(())
    }

    /// Removes an index.
    pub fn drop_index(&mut self, index: IndexId) -> Result<(), SchemaError> {
        let undo = self.0.do_drop_index(index)?;
        let mut text = Vec::new();
        record::put_drop_index(&mut text, index);
        self.0.note(undo, &text);
        Ok(())
    }

    /// Adds a sequence, which begins at its start. Rows that are there are not looked at.
    pub fn add_sequence(&mut self, table: TableId, spec: SequenceSpec) -> Result<(), SchemaError> {
        let mut text = Vec::new();
        record::put_add_sequence(&mut text, table, &spec);
        let sequence = spec.id;
        self.0.do_add_sequence(table, spec)?;
        self.0.note(SchemaUndo::AddedSequence(sequence), &text);
        Ok(())
    }

    /// Removes a sequence.
    pub fn drop_sequence(&mut self, sequence: SequenceId) -> Result<(), SchemaError> {
        let undo = self.0.do_drop_sequence(sequence)?;
        let mut text = Vec::new();
        record::put_drop_sequence(&mut text, sequence);
        self.0.note(undo, &text);
        Ok(())
    }

    /// Makes `next` the next value of a sequence: for a table that takes the place of another and goes on where that
    /// one was. Not within the sequence's bounds is an error.
    pub fn set_sequence(&mut self, sequence: SequenceId, next: i128) -> Result<(), SchemaError> {
        let found = self.0.sequence_mut(sequence)?;
        if !(found.spec.min_value..=found.spec.max_value).contains(&next) {
            return Err(SchemaError::InvalidSequence(sequence));
        }
        let state = found.state;
        found.set_next(next);
        self.0.ahead.push(sequence);
        self.0.note(SchemaUndo::SetSequence { sequence, state }, &[]);
        Ok(())
    }
}

/// The changes themselves, which recovery makes as well.
impl Inner {
    fn note(&mut self, undo: SchemaUndo, text: &[u8]) {
        self.schema_undo.push(undo);
        self.schema_record.extend_from_slice(text);
    }

    fn table_mut(&mut self, table: TableId) -> Result<&mut TableWriter, SchemaError> {
        self.tables.get_mut(table.0).ok_or(SchemaError::NoSuchTable(table))
    }

    pub(super) fn sequence_mut(&mut self, sequence: SequenceId) -> Result<&mut Sequence, SchemaError> {
        let missing = SchemaError::NoSuchSequence(sequence);
        let table = *self.sequence_tables.get(sequence.0).ok_or(missing.clone())?;
        self.table_mut(table)?.sequences.iter_mut().find(|s| s.id() == sequence).ok_or(missing)
    }

    pub(super) fn do_create_table(&mut self, spec: TableSpec) -> Result<(), SchemaError> {
        check_id(spec.id.0)?;
        if self.tables.get(spec.id.0).is_some() {
            return Err(SchemaError::TableExists(spec.id));
        }
        for (at, index) in spec.indexes.iter().enumerate() {
            check_id(index.id.0)?;
            if self.index_tables.get(index.id.0).is_some()
                || spec.indexes[..at].iter().any(|i| i.id == index.id)
            {
                return Err(SchemaError::IndexExists(index.id));
            }
        }
        let table = Table::new(spec, self.stamp.epoch)?;
        let mut writer = TableWriter::new(table, Vec::new());
        for (at, spec) in writer.table.spec.sequences.iter().enumerate() {
            check_id(spec.id.0)?;
            let is_taken = |other: &SequenceSpec| other.id == spec.id || other.column == spec.column;
            if self.sequence_tables.get(spec.id.0).is_some()
                || writer.table.spec.sequences[..at].iter().any(is_taken)
            {
                return Err(SchemaError::SequenceExists(spec.id));
            }
            writer.sequences.push(Sequence::new(spec.clone(), &writer.table.layout)?);
        }
        writer.sort_sequences();
        writer.tx.is_altered = true;
        self.enter(writer);
        Ok(())
    }

    /// Makes a table and what belongs to it known.
    fn enter(&mut self, writer: TableWriter) {
        let spec = Arc::clone(&writer.table.spec);
        for index in &spec.indexes {
            Arc::make_mut(&mut self.index_tables).insert(index.id.0, spec.id);
        }
        for sequence in &spec.sequences {
            self.sequence_tables.insert(sequence.id.0, spec.id);
        }
        self.tables.insert(spec.id.0, writer);
    }

    pub(super) fn do_drop_table(&mut self, table: TableId) -> Result<TableWriter, SchemaError> {
        let writer = self.tables.remove(table.0).ok_or(SchemaError::NoSuchTable(table))?;
        for index in &writer.table.spec.indexes {
            Arc::make_mut(&mut self.index_tables).remove(index.id.0);
        }
        for sequence in &writer.table.spec.sequences {
            self.sequence_tables.remove(sequence.id.0);
        }
        Ok(writer)
    }

    pub(super) fn do_alter_table(
        &mut self,
        table: TableId,
        name: &str,
        row_type: ProductType,
        added: &[u8],
    ) -> Result<SchemaUndo, SchemaError> {
        let epoch = self.stamp.epoch;
        let writer = self.table_mut(table)?;
        if writer.is_touched() {
            return Err(SchemaError::RowsChanged(table));
        }
        let old = Arc::clone(&writer.table);
        let layout = RowLayout::new(&row_type, &Typespace::default())?;
        let mut indexes = Vec::with_capacity(old.indexes.len());
        for index in &old.spec.indexes {
            if !check_columns(&layout, &index.columns) {
                return Err(SchemaError::InvalidIndex(index.id));
            }
            indexes.push(Index::new(index.clone(), &layout)?);
        }
        let mut sequences = Vec::with_capacity(writer.sequences.len());
        for old in &writer.sequences {
            let mut sequence = Sequence::new(old.spec.clone(), &layout)?;
            (sequence.state, sequence.journaled) = (old.state, old.journaled);
            sequences.push(sequence);
        }
        let moved = rows_under(&old, &layout, added, epoch)?;

        let mut spec = TableSpec::clone(&old.spec);
        spec.name = name.into();
        spec.row_type = row_type;
        let table = Arc::make_mut(&mut writer.table);
        if let Some((heap, room)) = moved {
            table.heap = heap;
            table.born = epoch;
            writer.room = room;
        }
        table.spec = Arc::new(spec);
        table.layout = Arc::new(layout);
        table.indexes = indexes;
        table.rebuild_indexes();
        writer.sequences = sequences;
        writer.tx.is_altered = true;
        Ok(SchemaUndo::AlteredTable { old })
    }

    /// `check_unique`: a unique index with duplicates is an error. Recovery does not look, because rows of the same
    /// transaction that resolve them come later.
    pub(super) fn do_add_index(
        &mut self,
        table: TableId,
        spec: IndexSpec,
        check_unique: bool,
    ) -> Result<(), SchemaError> {
        check_id(spec.id.0)?;
        if self.index_tables.get(spec.id.0).is_some() {
            return Err(SchemaError::IndexExists(spec.id));
        }
        let writer = self.table_mut(table)?;
        let table_now = &writer.table;
        if !check_columns(&table_now.layout, &spec.columns) {
            return Err(SchemaError::InvalidIndex(spec.id));
        }
        let id = spec.id;
        let mut index = Index::new(spec.clone(), &table_now.layout)?;
        index.rebuild(&table_now.layout, table_now.heap.rows());
        if index.is_unique() && check_unique {
            let duplicates = index.duplicates(&table_now.layout, &table_now.heap, DUPLICATES_MAX);
            if !duplicates.is_empty() {
                return Err(SchemaError::Duplicates { index: id, duplicates });
            }
        }
        let table_now = Arc::make_mut(&mut writer.table);
        table_now.indexes.push(index);
        Arc::make_mut(&mut table_now.spec).indexes.push(spec);
        table_now.choose_row_set();
        writer.tx.is_altered = true;
        Arc::make_mut(&mut self.index_tables).insert(id.0, table);
        Ok(())
    }

    pub(super) fn do_drop_index(&mut self, index: IndexId) -> Result<SchemaUndo, SchemaError> {
        let missing = SchemaError::NoSuchIndex(index);
        let table = *self.index_tables.get(index.0).ok_or(missing.clone())?;
        let writer = self.table_mut(table)?;
        let at = writer.table.index_at(index).ok_or(missing)?;
        let table_now = Arc::make_mut(&mut writer.table);
        table_now.indexes.remove(at);
        let spec = Arc::make_mut(&mut table_now.spec).indexes.remove(at);
        table_now.choose_row_set();
        writer.tx.is_altered = true;
        Arc::make_mut(&mut self.index_tables).remove(index.0);
        Ok(SchemaUndo::DroppedIndex { table, at, spec })
    }

    pub(super) fn do_add_sequence(&mut self, table: TableId, spec: SequenceSpec) -> Result<(), SchemaError> {
        check_id(spec.id.0)?;
        if self.sequence_tables.get(spec.id.0).is_some() {
            return Err(SchemaError::SequenceExists(spec.id));
        }
        let writer = self.table_mut(table)?;
        if writer.sequences.iter().any(|other| other.spec.column == spec.column) {
            return Err(SchemaError::SequenceExists(spec.id));
        }
        let id = spec.id;
        writer.sequences.push(Sequence::new(spec.clone(), &writer.table.layout)?);
        writer.sort_sequences();
        Arc::make_mut(&mut Arc::make_mut(&mut writer.table).spec).sequences.push(spec);
        self.sequence_tables.insert(id.0, table);
        Ok(())
    }

    pub(super) fn do_drop_sequence(&mut self, sequence: SequenceId) -> Result<SchemaUndo, SchemaError> {
        let missing = SchemaError::NoSuchSequence(sequence);
        let table = *self.sequence_tables.get(sequence.0).ok_or(missing.clone())?;
        let writer = self.table_mut(table)?;
        let at = writer.sequences.iter().position(|s| s.id() == sequence).ok_or(missing.clone())?;
        let removed = writer.sequences.remove(at);
        let spec = Arc::make_mut(&mut Arc::make_mut(&mut writer.table).spec);
        let at = spec.sequences.iter().position(|s| s.id == sequence).ok_or(missing)?;
        spec.sequences.remove(at);
        self.sequence_tables.remove(sequence.0);
        Ok(SchemaUndo::DroppedSequence { table, at, sequence: Box::new(removed) })
    }

    /// Undoes all changes of the schema that the open transaction made. The rows of the tables that are there have
    /// been rolled back before.
    pub(super) fn undo_schema(&mut self) {
        let stamp = self.stamp;
        for undo in mem::take(&mut self.schema_undo).into_iter().rev() {
            // What is undone was done, so it cannot fail; and if it does, there is nothing better to do.
            let _: Result<(), SchemaError> = (|| {
                match undo {
                    SchemaUndo::CreatedTable(table) => {
                        self.do_drop_table(table)?;
                    }
                    SchemaUndo::DroppedTable(mut writer) => {
                        writer.rollback(stamp);
                        self.enter(*writer);
                    }
                    SchemaUndo::AlteredTable { old } => {
                        let writer = self.table_mut(old.spec.id)?;
                        writer.table = old;
                        let heap = &mut Arc::make_mut(&mut writer.table).heap;
                        heap.take_stock(&mut writer.room);
                        for sequence in &mut writer.sequences {
                            let mut old = Sequence::new(sequence.spec.clone(), &writer.table.layout)?;
                            (old.state, old.journaled) = (sequence.state, sequence.journaled);
                            *sequence = old;
                        }
                    }
                    SchemaUndo::AddedIndex(index) => {
                        self.do_drop_index(index)?;
                    }
                    SchemaUndo::DroppedIndex { table, at, spec } => {
                        let id = spec.id;
                        self.do_add_index(table, spec, false)?;
                        let table = Arc::make_mut(&mut self.table_mut(table)?.table);
                        let specs = &mut Arc::make_mut(&mut table.spec).indexes;
                        debug_assert_eq!(specs.last().map(|spec| spec.id), Some(id));
                        specs[at..].rotate_right(1);
                        table.indexes[at..].rotate_right(1);
                    }
                    SchemaUndo::AddedSequence(sequence) => {
                        self.do_drop_sequence(sequence)?;
                    }
                    SchemaUndo::DroppedSequence { table, at, sequence } => {
                        self.sequence_tables.insert(sequence.id().0, table);
                        let writer = self.table_mut(table)?;
                        let spec = Arc::make_mut(&mut Arc::make_mut(&mut writer.table).spec);
                        spec.sequences.insert(at, sequence.spec.clone());
                        writer.sequences.push(*sequence);
                        writer.sort_sequences();
                    }
                    SchemaUndo::SetSequence { sequence, state } => {
                        self.sequence_mut(sequence)?.state = state;
                    }
                }
                Ok(())
            })();
        }
        self.schema_record.clear();
        for writer in self.tables.values_mut() {
            writer.tx.is_altered = false;
        }
    }
}

impl TableWriter {
    /// In the order of their columns, which is the order in which generated values are told.
    fn sort_sequences(&mut self) {
        self.sequences.sort_by_key(|sequence| sequence.spec.column);
    }
}

/// The rows of a table under another layout, each followed by `added`: in pages of their own, unless they can stay
/// where they are.
fn rows_under(
    old: &Table,
    layout: &RowLayout,
    added: &[u8],
    epoch: u32,
) -> Result<Option<(Heap, Room)>, SchemaError> {
    let table = old.spec.id;
    let shape = Shape::new(layout.fixed_len(), layout.min_len());
    // With another shape, rows may differ in length from now on, or always did and the slots got another number.
    let mut moved =
        (!added.is_empty() || shape != old.heap.shape()).then(|| (Heap::new(shape), Room::default()));
    let stamp = Stamp { tx: 0, epoch };
    let mut grown = Vec::new();
    for row in old.rows() {
        let row = if added.is_empty() {
            row
        } else {
            grown.clear();
            grown.extend_from_slice(row);
            grown.extend_from_slice(added);
            &grown
        };
        let len = layout.validate(row).map_err(|error| SchemaError::RowDoesNotFit { table, error })?;
        if len != row.len() {
            let error = DecodeError::Invalid { at: len, message: "bytes are left over" };
            return Err(SchemaError::RowDoesNotFit { table, error });
        }
        if let Some((heap, room)) = &mut moved {
            heap.insert(room, row, stamp).map_err(|_| SchemaError::TableFull(table))?;
        }
    }
    Ok(moved)
}

fn check_id(id: u32) -> Result<(), SchemaError> {
    if id < ID_END { Ok(()) } else { Err(SchemaError::IdTooLarge(id)) }
}
