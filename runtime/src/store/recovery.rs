//! Opening: the current checkpoint, then the journal that follows it.
//!
//! What is read has checksums, so bytes that changed on the disk are noticed. Bytes with a right checksum are still
//! not trusted so far that they could cause a panic: whatever does not fit is an error.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use orrery_host_abi::{
    IndexId, RowLayout, SequenceId, TableId,
    bsatn::{Decode, DecodeError, Reader},
};
use redb::{AccessGuard, Database, ReadTransaction, ReadableDatabase, TableHandle};
use triomphe::Arc;

use super::{
    OpenError, SequenceState, StoreOptions, TableKind, TableSpec, WriteError, Writer,
    checkpoint::{Checkpointer, Outdated},
    disk::{self, JOURNAL, META, META_CHECKPOINT, PAGES, PageKey, storage_error, table_error, unseal},
    journal::{GroupReader, Journal, panic_text},
    page::{INLINE_ROW_MAX, Large, Page, RowPtr, Shape, Stamp},
    page_table::PageRef,
    record::{read_id, read_number, rows, section},
    table_writer::TableWriter,
    writer::Inner,
};

/// Opens the store in that file, which is created if it does not exist. The file stays locked until the writer is
/// closed or dropped.
pub fn open(path: &Path, options: &StoreOptions) -> Result<Writer, OpenError> {
    recover(|| disk::open(path, options.cache_bytes, disk::STORE_MAGIC), options)
}

/// Opens the store in that storage, and makes one if it is empty.
pub fn open_backend(backend: impl redb::StorageBackend, options: &StoreOptions) -> Result<Writer, OpenError> {
    recover(|| disk::open_backend(backend, options.cache_bytes, disk::STORE_MAGIC), options)
}

fn recover(
    open: impl FnOnce() -> Result<Database, OpenError>,
    options: &StoreOptions,
) -> Result<Writer, OpenError> {
    // redb may panic over a file that was changed behind its back.
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        let database = open()?;
        let loaded = load(&database, options)?;
        Ok((database, loaded))
    }));
    let (database, (mut inner, checkpointer)) =
        loaded.unwrap_or_else(|panic| Err(OpenError::Corrupted(panic_text(&*panic))))?;
    for writer in inner.tables.values_mut() {
        writer.tx.is_altered = false;
        match writer.table.spec.kind {
            TableKind::Durable => {}
            TableKind::Ephemeral => Arc::make_mut(&mut writer.table).version = inner.passing_version,
            TableKind::Event => Arc::make_mut(&mut writer.table).version = 0,
        }
    }
    inner.row_bytes = inner.count_row_bytes();
    inner.journal.start(database, checkpointer, inner.offset)?;
    Ok(Writer(inner))
}

/// The state that a file holds.
fn load(database: &Database, options: &StoreOptions) -> Result<(Box<Inner>, Checkpointer), OpenError> {
    let journal = Journal::new(options.pending_bytes_max);
    let mut loader = Loader {
        inner: Box::new(Inner::new(journal, options.clone())),
        checkpointer: Checkpointer::default(),
        generation: 0,
    };
    loader.load(database)?;
    Ok((loader.inner, loader.checkpointer))
}

struct Loader {
    inner: Box<Inner>,
    checkpointer: Checkpointer,
    /// That of the current checkpoint.
    generation: u32,
}

/// Why a record or a description of a table makes no sense.
struct Nonsense(String);

impl<E: std::error::Error> From<E> for Nonsense {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Nonsense {
    fn in_file(self, place: &str) -> OpenError {
        OpenError::Corrupted(format!("{place}: {}", self.0))
    }
}

fn nonsense<T>(text: &str) -> Result<T, Nonsense> {
    Err(Nonsense(text.to_owned()))
}

impl Loader {
    fn load(&mut self, database: &Database) -> Result<(), OpenError> {
        let read = database.begin_read().map_err(disk::any_error)?;
        let meta = read.open_table(META).map_err(table_error)?;
        if let Some(value) = meta.get(META_CHECKPOINT).map_err(storage_error)? {
            let bytes = unseal(value.value(), "the checkpoint")?;
            self.load_checkpoint(bytes).map_err(|error| error.in_file("the checkpoint"))?;
        }
        self.checkpointer = Checkpointer::new(self.generation);
        if disk::has_table(&read, PAGES.name())? {
            self.load_pages(&read)?;
        }
        for writer in self.inner.tables.values_mut() {
            let table = Arc::make_mut(&mut writer.table);
            table.heap.take_stock(&mut writer.room);
            table.rebuild_indexes();
            if !table.indexes.iter().all(|index| index.is_unique_indeed(&table.layout, &table.heap)) {
                let text = format!("table {} has rows with equal unique keys", table.spec.id);
                return Err(OpenError::Corrupted(text));
            }
        }
        if disk::has_table(&read, JOURNAL.name())? {
            self.load_journal(&read)?;
        }
        Ok(())
    }

    fn load_checkpoint(&mut self, bytes: &[u8]) -> Result<(), Nonsense> {
        let inner = &mut *self.inner;
        let mut reader = Reader::new(bytes);
        self.generation = reader.read_u32()?;
        inner.stamp.epoch =
            self.generation.checked_add(1).ok_or_else(|| Nonsense("no generation left".into()))?;
        inner.offset = reader.read_u64()?;
        inner.checkpoint_offset = inner.offset;
        for _ in 0..reader.read_u32()? {
            let spec = TableSpec::decode(&mut reader)?;
            let id = spec.id;
            inner.do_create_table(spec)?;
            let Some(writer) = inner.tables.get_mut(id.0) else { return nonsense("no table") };
            let table = Arc::make_mut(&mut writer.table);
            table.version = reader.read_u64()?;
            table.born = reader.read_u32()?;
            for _ in 0..reader.read_u32()? {
                let sequence = SequenceId(reader.read_u32()?);
                let allocated = Decode::decode(&mut reader)?;
                inner.set_allocated(sequence, allocated)?;
            }
        }
        Ok(())
    }

    fn load_pages(&mut self, read: &ReadTransaction) -> Result<(), OpenError> {
        let pages = read.open_table(PAGES).map_err(table_error)?;
        // The newest generation of a page comes last.
        let mut newest: Option<(PageKey, AccessGuard<'_, &[u8]>)> = None;
        let mut unfinished_pages = 0u64;
        for entry in pages.range::<PageKey>(..).map_err(storage_error)? {
            let (key, value) = entry.map_err(storage_error)?;
            let key @ (table, page, generation) = key.value();
            // Of a checkpoint that was not completed: its number must not be used again for what it left behind.
            self.inner.stamp.epoch = self.inner.stamp.epoch.max(generation.saturating_add(1));
            unfinished_pages += u64::from(generation > self.generation);
            let is_current = generation <= self.generation
                && self.inner.tables.get(table).is_some_and(|writer| {
                    writer.table.spec.kind == TableKind::Durable && generation >= writer.table.born
                });
            if !is_current {
                self.checkpointer.add_outdated(Outdated::Page(table, page, generation));
                continue;
            }
            match newest.replace((key, value)) {
                Some(((t, p, g), _)) if (t, p) == (table, page) => {
                    self.checkpointer.add_outdated(Outdated::Page(t, p, g));
                }
                Some((key, value)) => self.load_page(key, value.value())?,
                None => {}
            }
        }
        if let Some((key, value)) = newest {
            self.load_page(key, value.value())?;
        }
        if unfinished_pages > 0 {
            tracing::info!(
                pages = unfinished_pages,
                "a checkpoint was not finished; the one before it and the journal have everything"
            );
        }
        Ok(())
    }

    fn load_page(&mut self, key: PageKey, value: &[u8]) -> Result<(), OpenError> {
        let (table, number, generation) = key;
        if value.is_empty() {
            self.checkpointer.add_outdated(Outdated::Page(table, number, generation));
            return Ok(());
        }
        let place = format!("page {number} of table {table}");
        let bytes = unseal(value, &place)?;
        let Some(writer) = self.inner.tables.get_mut(table) else { return Ok(()) };
        let heap = &mut Arc::make_mut(&mut writer.table).heap;
        let shape = heap.shape();
        let page =
            decode_page(bytes, shape, &writer.table.layout, generation).map_err(|e| e.in_file(&place))?;
        if number >= shape.pages_max() {
            return Err(OpenError::Corrupted(format!("{place} is beyond the last possible page")));
        }
        Arc::make_mut(&mut writer.table).heap.put_page(number, page, generation);
        self.checkpointer.add_page(TableId(table), number, generation);
        Ok(())
    }

    fn load_journal(&mut self, read: &ReadTransaction) -> Result<(), OpenError> {
        let journal = read.open_table(JOURNAL).map_err(table_error)?;
        let checkpoint_offset = self.inner.offset;
        let mut last = None;
        for entry in journal.range::<u64>(..).map_err(storage_error)? {
            let (first, value) = entry.map_err(storage_error)?;
            let (first, value) = (first.value(), value.value());
            let place = format!("the journal from transaction {first} on");
            let mut group = GroupReader::new(unseal(value, &place)?)
                .map_err(|error| Nonsense::from(error).in_file(&place))?;
            let end = first.checked_add(u64::from(group.count).saturating_sub(1));
            let (Some(end), true) = (end, group.count > 0) else {
                return Err(OpenError::Corrupted(format!("{place} has no transactions")));
            };
            if first != group.previous + 1 || last.is_some_and(|last| last != group.previous) {
                return Err(OpenError::Corrupted(format!("transactions are missing before {first}")));
            }
            if last.is_none() && first > checkpoint_offset + 1 {
                return Err(OpenError::Corrupted(format!(
                    "transactions are missing between {checkpoint_offset} and {first}"
                )));
            }
            last = Some(end);
            if end <= checkpoint_offset {
                self.checkpointer.add_outdated(Outdated::Group(first));
                continue;
            }
            self.checkpointer.add_group(first, end);
            self.inner.journal_bytes += value.len() as u64;
            for offset in first..=end {
                let record = group.next_record().map_err(|error| Nonsense::from(error).in_file(&place))?;
                if offset > checkpoint_offset {
                    let place = || format!("transaction {offset} in the journal");
                    self.inner.replay(record, offset).map_err(|error| error.in_file(&place()))?;
                }
            }
            if !group.is_at_end() {
                return Err(OpenError::Corrupted(format!("{place} is longer than it should be")));
            }
        }
        Ok(())
    }
}

/// A page with the rows that a checkpoint wrote.
fn decode_page(bytes: &[u8], shape: Shape, layout: &RowLayout, generation: u32) -> Result<PageRef, Nonsense> {
    let stamp = Stamp { tx: 0, epoch: generation };
    let mut reader = Reader::new(bytes);
    let count = reader.read_u32()?;
    let mut bytes = reader.rest();
    if count == 1 && bytes.len() > INLINE_ROW_MAX {
        if layout.validate(bytes)? != bytes.len() {
            return nonsense("bytes follow the row");
        }
        return Ok(PageRef::Large(Arc::new(Large::new(bytes, stamp))));
    }
    let mut page = Page::new();
    page.settle(shape, stamp);
    for _ in 0..count {
        let len = layout.validate(bytes)?;
        let (row, rest) = bytes.split_at(len);
        if page.insert(shape, row).is_none() {
            return nonsense("more rows than fit");
        }
        bytes = rest;
    }
    if !bytes.is_empty() {
        return nonsense("bytes follow the rows");
    }
    Ok(PageRef::Small(Arc::new(page)))
}

/// Replay of the journal.
impl Inner {
    fn replay(&mut self, record: &[u8], offset: u64) -> Result<(), Nonsense> {
        let mut reader = Reader::new(record);
        while !reader.rest().is_empty() {
            if let Some(table) = self.replay_section(&mut reader)?
                && let Some(writer) = self.tables.get_mut(table.0)
            {
                Arc::make_mut(&mut writer.table).version = offset;
            }
        }
        self.offset = offset;
        for table in mem::take(&mut self.touched) {
            if let Some(writer) = self.tables.get_mut(table.0) {
                writer.finish(self.stamp);
            }
        }
        self.stamp.tx += 1;
        Ok(())
    }

    /// The table whose rows the section changes, if it does that.
    fn replay_section(&mut self, reader: &mut Reader<'_>) -> Result<Option<TableId>, Nonsense> {
        match reader.read_u8()? {
            section::ROWS => {
                let table = TableId(read_id(reader)?);
                let stamp = self.stamp;
                let Some(writer) = self.tables.get_mut(table.0) else { return nonsense("an unknown table") };
                if writer.table.spec.kind != TableKind::Durable {
                    return nonsense("rows of a table that is not durable");
                }
                writer.replay_rows(reader, stamp)?;
                self.touch(table);
                return Ok(Some(table));
            }
            section::SEQUENCE => {
                let sequence = SequenceId(read_id(reader)?);
                let allocated = Decode::decode(reader)?;
                self.set_allocated(sequence, allocated)?;
            }
            section::CREATE_TABLE => {
                let spec = TableSpec::decode(reader)?;
                let table = spec.id;
                self.do_create_table(spec)?;
                return Ok(Some(table));
            }
            section::DROP_TABLE => drop(self.do_drop_table(TableId(read_id(reader)?))?),
            kind @ (section::ALTER_TABLE | section::EXTEND_TABLE) => {
                let table = TableId(read_id(reader)?);
                let name = Box::<str>::decode(reader)?;
                let row_type = Decode::decode(reader)?;
                let added = match kind {
                    section::EXTEND_TABLE => {
                        let len = usize::try_from(read_number(reader)?).unwrap_or(usize::MAX);
                        reader.read_bytes(len, "the values of new columns")?
                    }
                    _ => &[],
                };
                self.do_alter_table(table, &name, row_type, added)?;
                return Ok(Some(table));
            }
            section::ADD_INDEX => {
                let table = TableId(read_id(reader)?);
                let spec = Decode::decode(reader)?;
                self.do_add_index(table, spec, false)?;
            }
            section::DROP_INDEX => drop(self.do_drop_index(IndexId(read_id(reader)?))?),
            section::ADD_SEQUENCE => {
                let table = TableId(read_id(reader)?);
                let spec = Decode::decode(reader)?;
                self.do_add_sequence(table, spec)?;
            }
            section::DROP_SEQUENCE => drop(self.do_drop_sequence(SequenceId(read_id(reader)?))?),
            _ => return nonsense("an unknown kind of change"),
        }
        Ok(None)
    }

    fn set_allocated(&mut self, sequence: SequenceId, allocated: i128) -> Result<(), Nonsense> {
        let sequence = self.sequence_mut(sequence)?;
        if !(sequence.spec.min_value..=sequence.spec.max_value).contains(&allocated) {
            return nonsense("a sequence beyond its bounds");
        }
        sequence.state = SequenceState { next: allocated, allocated };
        sequence.journaled = allocated;
        Ok(())
    }
}

impl TableWriter {
    fn replay_rows(&mut self, reader: &mut Reader<'_>, stamp: Stamp) -> Result<(), Nonsense> {
        let flags = reader.read_u8()?;
        if flags & !rows::ALL != 0 {
            return nonsense("an unknown kind of rows");
        }
        let missing = "a row that is not there is deleted or updated";
        if flags & rows::DELETED_KEYS != 0 {
            let index = self.unique_index(IndexId(read_id(reader)?))?;
            for _ in 0..read_number(reader)? {
                let table = &*self.table;
                let (len, ptr) =
                    table.indexes[index].find_first(&table.layout, &table.heap, reader.rest())?;
                reader.read_bytes(len, "a key")?;
                let Some(ptr) = ptr else { return nonsense(missing) };
                self.delete(ptr, stamp);
            }
        }
        if flags & rows::DELETED_ROWS != 0 {
            for _ in 0..read_number(reader)? {
                let row = self.read_row(reader)?;
                let Some(ptr) = self.table.find_row(row) else { return nonsense(missing) };
                self.delete(ptr, stamp);
            }
        }
        if flags & rows::UPDATED_ROWS != 0 {
            let index = self.unique_index(IndexId(read_id(reader)?))?;
            for _ in 0..read_number(reader)? {
                let row = self.read_row(reader)?;
                let table = &*self.table;
                let found: Option<RowPtr> = table.indexes[index].find_like(&table.layout, &table.heap, row);
                let Some(ptr) = found else { return nonsense(missing) };
                self.replace(index, ptr, row, stamp)?;
            }
        }
        if flags & rows::INSERTED_ROWS != 0 {
            for _ in 0..read_number(reader)? {
                let row = self.read_row(reader)?;
                match self.insert(row, stamp) {
                    Ok((_, false)) => {}
                    Ok((_, true)) | Err(WriteError::UniqueViolation(_)) => {
                        return nonsense("a row that is there already is inserted");
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn read_row<'r>(&self, reader: &mut Reader<'r>) -> Result<&'r [u8], DecodeError> {
        let len = self.table.layout.validate(reader.rest())?;
        reader.read_bytes(len, "a row")
    }

    fn unique_index(&self, index: IndexId) -> Result<usize, Nonsense> {
        match self.table.index_at(index) {
            Some(at) if self.table.indexes[at].is_unique() => Ok(at),
            _ => nonsense("an unknown unique index"),
        }
    }
}

#[cfg(test)]
mod hostile_tests;
