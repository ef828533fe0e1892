//! What a module may touch during one call: the implementation of [`HostCalls`].
//!
//! One session lives as long as its instance and is moved into each call and back out of it. It holds the
//! writer during a reducer call, a snapshot during a view call, and neither while a program starts.

mod pace;
mod row_iter;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use orrery_host_abi::{
    Advance, ConnectionId, Errno, Function, HostCalls, HostError, Identity, IndexId, IterId, LogLevel,
    LogRecord, TableId, Timestamp,
};
use smallvec::SmallVec;

use crate::{
    log::ModuleLog,
    schema::{Catalog, system_index, system_table},
    store::{IndexRef, KeyError, RangeArgs, Snapshot, Table, WriteError, Writer},
};
use pace::Pace;
use row_iter::RowIters;

/// Schedules must begin within this many milliseconds: what fits into the peer's timer wheel.
const SCHEDULE_DELAY_LIMIT_MS: u64 = (1 << 36) - 1;

/// What one instance's calls may touch. Cheap to move.
#[derive(Debug)]
pub(crate) struct Session(Box<State>);

#[derive(Debug)]
struct State {
    data: Data,
    catalog: Option<Arc<Catalog>>,
    database: Identity,
    log: ModuleLog,
    function: Option<Function>,
    now: Timestamp,
    token: Option<(ConnectionId, Arc<str>)>,
    iters: RowIters,
    timers: Vec<Option<(Box<str>, Instant)>>,
    tables_read: TablesRead,
    immediate_calls: Vec<ImmediateCall>,
}

/// The tables that a view has read.
pub(crate) type TablesRead = SmallVec<[TableId; 8]>;

/// A call that a module wants to happen soon, outside its transaction.
#[derive(Debug)]
pub(crate) struct ImmediateCall {
    /// The reducer or procedure.
    pub(crate) name: Box<str>,
    /// BSATN of its arguments.
    pub(crate) args: Bytes,
}

/// The data within reach.
#[derive(Debug)]
enum Data {
    /// None: no transaction is open.
    None,
    /// The open transaction.
    Write(Writer),
    /// A state of the past, and how the view that reads it goes on.
    Read(Snapshot, Pace),
}

/// What a call is, as far as its session must know.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    /// The function, for the log.
    pub(crate) function: Function,
    /// When the call began.
    pub(crate) now: Timestamp,
    /// The caller's connection and the payload of the token that it was opened with.
    pub(crate) token: Option<(ConnectionId, Arc<str>)>,
}

impl Session {
    /// A session without data, for an instance of the database `database`.
    pub(crate) fn new(database: Identity, log: ModuleLog) -> Self {
        Self(Box::new(State {
            data: Data::None,
            catalog: None,
            database,
            log,
            function: None,
            now: Timestamp::default(),
            token: None,
            iters: RowIters::default(),
            timers: Vec::new(),
            tables_read: TablesRead::new(),
            immediate_calls: Vec::new(),
        }))
    }

    /// Makes the names of a program known. Without this, no table or index has a name.
    pub(crate) fn set_catalog(&mut self, catalog: Arc<Catalog>) {
        self.0.catalog = Some(catalog);
    }

    /// Begins a call that may write.
    pub(crate) fn begin_write(&mut self, writer: Writer, context: CallContext) {
        self.begin(Data::Write(writer), context);
    }

    /// Begins a call that may read `snapshot`.
    pub(crate) fn begin_read(&mut self, snapshot: Snapshot, context: CallContext) {
        self.begin(Data::Read(snapshot, Pace::new()), context);
    }

    fn begin(&mut self, data: Data, context: CallContext) {
        let state = &mut *self.0;
        state.data = data;
        state.function = Some(context.function);
        state.now = context.now;
        state.token = context.token;
    }

    /// Ends a call that might write; the writer with its transaction still open.
    ///
    /// # Panics
    ///
    /// If no such call was begun.
    pub(crate) fn end_write(&mut self) -> Writer {
        self.end();
        match std::mem::replace(&mut self.0.data, Data::None) {
            Data::Write(writer) => writer,
            Data::None | Data::Read(..) => unreachable!("a write call was begun"),
        }
    }

    /// Ends a call that might read; the tables that it has read.
    pub(crate) fn end_read(&mut self) -> TablesRead {
        self.end();
        self.0.data = Data::None;
        std::mem::take(&mut self.0.tables_read)
    }

    fn end(&mut self) {
        let state = &mut *self.0;
        state.iters.close_all();
        state.timers.clear();
        state.function = None;
        state.token = None;
    }

    /// The calls that the module asked for and that have not been taken yet.
    pub(crate) fn take_immediate_calls(&mut self) -> Vec<ImmediateCall> {
        std::mem::take(&mut self.0.immediate_calls)
    }
}

impl State {
    /// A table to read, noted as read.
    #[inline]
    fn read_table(&mut self, table: TableId) -> Result<&Table, HostError> {
        match &self.data {
            Data::None => Err(Errno::NotInTransaction.into()),
            Data::Write(writer) => Ok(writer.table(table).ok_or(Errno::NoSuchTable)?),
            Data::Read(snapshot, _) => {
                note(&mut self.tables_read, table);
                Ok(snapshot.table(table).ok_or(Errno::NoSuchTable)?)
            }
        }
    }

    /// An index to read, its table noted as read.
    #[inline]
    fn read_index(&mut self, index: IndexId) -> Result<IndexRef<'_>, HostError> {
        let table = match &self.data {
            Data::None => return Err(Errno::NotInTransaction.into()),
            Data::Write(writer) => writer.index_table(index).and_then(|table| writer.table(table)),
            Data::Read(snapshot, _) => {
                let table = snapshot.index_table(index).and_then(|table| snapshot.table(table));
                if let Some(table) = table {
                    note(&mut self.tables_read, table.id());
                }
                table
            }
        };
        Ok(table.and_then(|table| table.index(index)).ok_or(Errno::NoSuchIndex)?)
    }

    /// The writer, if this call may write.
    #[inline]
    fn writer(&mut self) -> Result<&mut Writer, HostError> {
        match &mut self.data {
            Data::Write(writer) => Ok(writer),
            Data::Read(..) => Err(Errno::TransactionIsReadOnly.into()),
            Data::None => Err(Errno::NotInTransaction.into()),
        }
    }

    fn require_transaction(&self) -> Result<(), HostError> {
        match self.data {
            Data::None => Err(Errno::NotInTransaction.into()),
            Data::Write(_) | Data::Read(..) => Ok(()),
        }
    }

    /// Refuses a row of a scheduled table whose time is too far away. The row stays: the module is expected to
    /// fail.
    fn check_schedule(
        &self,
        table: TableId,
        row: impl FnOnce(&Table) -> Option<&[u8]>,
    ) -> Result<(), HostError> {
        let Some(column) = self.catalog.as_ref().and_then(|catalog| catalog.schedule_column(table)) else {
            return Ok(());
        };
        let Data::Write(writer) = &self.data else { return Ok(()) };
        let Some(table) = writer.table(table) else { return Ok(()) };
        let Some(row) = row(table) else { return Ok(()) };
        let delay_us = match table.layout().column(row, column.0.into()).split_first() {
            Some((0, interval)) => {
                interval.try_into().map_or(0, |bytes| i64::from_le_bytes(bytes).unsigned_abs())
            }
            Some((_, time)) => time.try_into().map_or(0, |bytes| {
                let now = self.now.0.max(Timestamp::now().0);
                u64::try_from(i64::from_le_bytes(bytes).saturating_sub(now)).unwrap_or(0)
            }),
            None => 0,
        };
        if delay_us / 1000 >= SCHEDULE_DELAY_LIMIT_MS {
            return Err(Errno::ScheduleAtDelayTooLong.into());
        }
        Ok(())
    }

    /// The name of the running function, for the log.
    fn function_name(&self) -> Option<&str> {
        let module = &self.catalog.as_ref()?.module;
        let name = match self.function? {
            Function::Reducer(id) => &module.reducers.get(id as usize)?.name,
            Function::Procedure(id) => &module.procedures.get(id as usize)?.name,
            Function::HttpHandler(id) => &module.http_handlers.get(id as usize)?.name,
            Function::View(index) => &module.views.iter().find(|v| !v.is_anonymous && v.index == index)?.name,
            Function::AnonymousView(index) => {
                &module.views.iter().find(|view| view.is_anonymous && view.index == index)?.name
            }
        };
        Some(name)
    }
}

/// Adds a table to those that were read.
#[inline]
fn note(tables: &mut TablesRead, table: TableId) {
    if !tables.contains(&table) {
        tables.push(table);
    }
}

/// What the module sees of an error of a write.
fn write_error(error: WriteError) -> HostError {
    match error {
        WriteError::NoSuchIndex(_) => Errno::NoSuchIndex.into(),
        WriteError::IndexNotUnique(_) => Errno::IndexNotUnique.into(),
        WriteError::UniqueViolation(_) => Errno::UniqueAlreadyExists.into(),
        WriteError::NoSuchRow(_) => Errno::NoSuchRow.into(),
        WriteError::Key(error) => key_error(&error),
        // What modules built with an SDK never do: the peer ends the call here too.
        WriteError::NoSuchTable(_) | WriteError::InvalidRow { .. } | WriteError::TableFull(_) => {
            HostError::Trap(error.to_string())
        }
    }
}

/// What the module sees of a key or range that makes no sense.
fn key_error(error: &KeyError) -> HostError {
    match error {
        KeyError::Invalid { .. } | KeyError::PrefixTooLong { .. } => Errno::BsatnDecodeError.into(),
        KeyError::NoSuchIndex(_) => Errno::NoSuchIndex.into(),
        // The peer traps here rather than answering with errno 10.
        KeyError::NotRanged(_) => HostError::Trap(error.to_string()),
    }
}

/// What waits or reaches outside is for procedures; every call that a session serves is a reducer or view.
fn only_in_procedures(what: &str) -> HostError {
    HostError::Trap(format!("{what} is possible in procedures only"))
}

impl HostCalls for Session {
    fn table_id_from_name(&mut self, name: &str) -> Result<TableId, HostError> {
        self.0.require_transaction()?;
        let id = self.0.catalog.as_ref().and_then(|catalog| catalog.table(name));
        Ok(id.ok_or(Errno::NoSuchTable)?)
    }

    fn index_id_from_name(&mut self, name: &str) -> Result<IndexId, HostError> {
        self.0.require_transaction()?;
        let id = self.0.catalog.as_ref().and_then(|catalog| catalog.index(name));
        Ok(id.ok_or(Errno::NoSuchIndex)?)
    }

    fn datastore_table_row_count(&mut self, table: TableId) -> Result<u64, HostError> {
        self.0.read_table(table).map(Table::row_count)
    }

    fn datastore_table_scan_bsatn(&mut self, table: TableId) -> Result<IterId, HostError> {
        if let Data::Read(..) = self.0.data {
            let scan = self.0.read_table(table)?.scan();
            return self.0.iters.open_scan(scan);
        }
        // What the call writes from here on must not be seen, and is written where the rows are.
        let mut collector = self.0.iters.collector();
        for row in self.0.read_table(table)?.rows() {
            collector.push(row);
        }
        self.0.iters.open(collector)
    }

    fn datastore_index_scan_range_bsatn(
        &mut self,
        index: IndexId,
        prefix: &[u8],
        prefix_elems: u16,
        start: &[u8],
        end: &[u8],
    ) -> Result<IterId, HostError> {
        let mut collector = self.0.iters.collector();
        let range = RangeArgs { prefix, prefix_elems, start, end };
        for row in self.0.read_index(index)?.range(&range).map_err(|error| key_error(&error))? {
            collector.push(row);
        }
        self.0.iters.open(collector)
    }

    fn datastore_delete_by_index_scan_range_bsatn(
        &mut self,
        index: IndexId,
        prefix: &[u8],
        prefix_elems: u16,
        start: &[u8],
        end: &[u8],
    ) -> Result<u32, HostError> {
        let range = RangeArgs { prefix, prefix_elems, start, end };
        self.0.writer()?.delete_range(index, &range).map_err(write_error)
    }

    fn datastore_index_scan_point_bsatn(
        &mut self,
        index: IndexId,
        point: &[u8],
    ) -> Result<IterId, HostError> {
        let mut collector = self.0.iters.collector();
        for row in self.0.read_index(index)?.point(point).map_err(|error| key_error(&error))? {
            collector.push(row);
        }
        self.0.iters.open(collector)
    }

    fn datastore_delete_by_index_scan_point_bsatn(
        &mut self,
        index: IndexId,
        point: &[u8],
    ) -> Result<u32, HostError> {
        self.0.writer()?.delete_point(index, point).map_err(write_error)
    }

    fn datastore_delete_all_by_eq_bsatn(
        &mut self,
        table: TableId,
        relation: &[u8],
    ) -> Result<u32, HostError> {
        self.0.writer()?.delete_rows(table, relation).map_err(|error| match error {
            WriteError::NoSuchTable(_) => Errno::NoSuchTable.into(),
            WriteError::InvalidRow { .. } => Errno::BsatnDecodeError.into(),
            other => write_error(other),
        })
    }

    fn datastore_clear(&mut self, table: TableId) -> Result<u64, HostError> {
        self.0.writer()?.clear(table).map_err(write_error)
    }

    fn row_iter_bsatn_advance(&mut self, iter: IterId, buffer: &mut [u8]) -> Result<Advance, HostError> {
        if let Data::Read(_, pace) = &mut self.0.data {
            pace.keep();
        }
        self.0.iters.advance(iter, buffer)
    }

    fn row_iter_bsatn_close(&mut self, iter: IterId) -> Result<(), HostError> {
        self.0.iters.close(iter)
    }

    fn datastore_insert_bsatn(&mut self, table: TableId, row: &mut [u8]) -> Result<usize, HostError> {
        let inserted = self.0.writer()?.insert(table, row).map_err(write_error)?;
        self.0.check_schedule(table, |table| table.get(inserted.ptr))?;
        Ok(inserted.generated_len)
    }

    fn datastore_update_bsatn(
        &mut self,
        table: TableId,
        index: IndexId,
        row: &mut [u8],
    ) -> Result<usize, HostError> {
        let inserted = self.0.writer()?.update(table, index, row).map_err(write_error)?;
        self.0.check_schedule(table, |table| table.get(inserted.ptr))?;
        Ok(inserted.generated_len)
    }

    fn console_log(&mut self, record: LogRecord<'_>) {
        self.0.log.write(self.0.function_name(), &record);
    }

    fn console_timer_start(&mut self, name: &str) -> u32 {
        let timer = Some((name.into(), Instant::now()));
        let timers = &mut self.0.timers;
        let place = if let Some(place) = timers.iter().position(Option::is_none) {
            timers[place] = timer;
            place
        } else {
            timers.push(timer);
            timers.len() - 1
        };
        // A module would run out of memory long before it has started 2^32 timers.
        place as u32 + 1
    }

    fn console_timer_end(&mut self, timer: u32) -> Result<(), HostError> {
        let place = timer.checked_sub(1).ok_or(Errno::NoSuchConsoleTimer)?;
        let slot = self.0.timers.get_mut(place as usize).ok_or(Errno::NoSuchConsoleTimer)?;
        let (name, started) = slot.take().ok_or(Errno::NoSuchConsoleTimer)?;
        let message = format!("Timing span {name:?}: {:?}", started.elapsed());
        self.console_log(LogRecord {
            level: LogLevel::Info,
            target: None,
            filename: None,
            line: None,
            message: &message,
            backtrace: &[],
        });
        Ok(())
    }

    fn identity(&mut self) -> Identity {
        self.0.database
    }

    fn get_jwt(&mut self, connection: ConnectionId) -> Result<Option<Bytes>, HostError> {
        self.0.require_transaction()?;
        if let Some((own, payload)) = &self.0.token
            && *own == connection
        {
            return Ok(Some(Bytes::copy_from_slice(payload.as_bytes())));
        }
        let table = self.0.read_table(system_table::CONNECTION_CREDENTIALS)?;
        let key = connection.0.to_le_bytes();
        let mut rows =
            table.point(system_index::CONNECTION_CREDENTIALS, &key).map_err(|error| key_error(&error))?;
        // After the text's length.
        Ok(rows.next().map(|row| Bytes::copy_from_slice(&table.layout().column(row, 1)[4..])))
    }

    fn volatile_nonatomic_schedule_immediate(&mut self, name: &str, args: &[u8]) {
        let args = Bytes::copy_from_slice(args);
        self.0.immediate_calls.push(ImmediateCall { name: name.into(), args });
    }

    fn procedure_sleep_until(&mut self, _wake_at: Timestamp) -> Result<Timestamp, HostError> {
        Err(only_in_procedures("sleeping"))
    }

    fn procedure_start_mut_tx(&mut self) -> Result<Timestamp, HostError> {
        Err(Errno::WouldBlockTransaction.into())
    }

    fn procedure_commit_mut_tx(&mut self) -> Result<(), HostError> {
        Err(Errno::TransactionNotAnonymous.into())
    }

    fn procedure_abort_mut_tx(&mut self) -> Result<(), HostError> {
        Err(Errno::TransactionNotAnonymous.into())
    }

    fn procedure_http_request(&mut self, _request: &[u8], _body: &[u8]) -> Result<(Bytes, Bytes), HostError> {
        Err(only_in_procedures("an HTTP request"))
    }
}
