//! What a module may touch during one call: the implementation of [`HostCalls`].
//!
//! One session lives as long as its instance and is moved into each call and back out of it. It holds the
//! writer during a reducer call, a snapshot during a view call, and neither while a program starts. A procedure has
//! the writer on loan while it has a transaction open.

mod data;
mod procedure;
mod row_iter;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use orrery_host_abi::{
    Advance, ConnectionId, Errno, Function, HostCalls, HostError, Identity, IndexId, IterId, LogLevel,
    LogRecord, TableId, Timestamp,
};

use crate::{
    clock::Clock,
    lending::Loan,
    log::ModuleLog,
    pace::Pace,
    schema::{Catalog, system_index, system_table},
    store::{IndexRef, RangeArgs, Snapshot, WriteError, Writer},
    views::Reads,
};
use data::{key_error, write_error};
use procedure::Procedure;
use row_iter::RowIters;

pub(crate) use procedure::ProcedureEnd;

/// What one instance's calls may touch. Cheap to move.
#[derive(Debug)]
pub(crate) struct Session(Box<State>);

#[derive(Debug)]
struct State {
    data: Data,
    catalog: Option<Arc<Catalog>>,
    database: Identity,
    log: ModuleLog,
    clock: Arc<dyn Clock>,
    function: Option<Function>,
    now: Timestamp,
    token: Option<(ConnectionId, Arc<str>)>,
    iters: RowIters,
    timers: Vec<Option<(Box<str>, Instant)>>,
    /// What a view has read.
    reads: Reads,
    immediate_calls: Vec<ImmediateCall>,
    /// Only in a procedure or an HTTP handler.
    procedure: Option<Procedure>,
}

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
    /// A state of the past, and the pace of the view that reads it.
    Read(Snapshot, Pace),
    /// The open transaction of a procedure.
    Lent(Loan),
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
    pub(crate) fn new(database: Identity, log: ModuleLog, clock: Arc<dyn Clock>) -> Self {
        Self(Box::new(State {
            data: Data::None,
            catalog: None,
            database,
            log,
            clock,
            function: None,
            now: Timestamp::default(),
            token: None,
            iters: RowIters::default(),
            timers: Vec::new(),
            reads: Reads::default(),
            immediate_calls: Vec::new(),
            procedure: None,
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

    /// Begins a call that may read `snapshot`, at that pace.
    pub(crate) fn begin_read(&mut self, snapshot: Snapshot, pace: Pace, context: CallContext) {
        self.begin(Data::Read(snapshot, pace), context);
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
            _ => unreachable!("a write call was begun"),
        }
    }

    /// Ends a call that might read; what it has read.
    pub(crate) fn end_read(&mut self) -> Reads {
        self.end();
        self.0.data = Data::None;
        std::mem::take(&mut self.0.reads)
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
        self.0.read_table(table, |table| Ok(table.row_count()))
    }

    fn datastore_table_scan_bsatn(&mut self, table: TableId) -> Result<IterId, HostError> {
        if let Data::Read(..) = self.0.data {
            let scan = self.0.read_table(table, |table| Ok(table.scan()))?;
            return self.0.iters.open_scan(scan);
        }
        // What the call writes from here on must not be seen, and is written where the rows are.
        let mut collector = self.0.iters.collector();
        self.0.read_table(table, |table| {
            for row in table.rows() {
                collector.push(row);
            }
            Ok(())
        })?;
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
        let point = |index: IndexRef<'_>| index.number_of_point(&index.point_of_range(&range)?).ok();
        self.0.read_index(index, point, |index| {
            for row in index.range(&range).map_err(|error| key_error(&error))? {
                collector.push(row);
            }
            Ok(())
        })?;
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
        self.0.write(|writer| writer.delete_range(index, &range).map_err(write_error))
    }

    fn datastore_index_scan_point_bsatn(
        &mut self,
        index: IndexId,
        point: &[u8],
    ) -> Result<IterId, HostError> {
        let mut collector = self.0.iters.collector();
        let number = |index: IndexRef<'_>| index.number_of_point(point).ok();
        self.0.read_index(index, number, |index| {
            for row in index.point(point).map_err(|error| key_error(&error))? {
                collector.push(row);
            }
            Ok(())
        })?;
        self.0.iters.open(collector)
    }

    fn datastore_delete_by_index_scan_point_bsatn(
        &mut self,
        index: IndexId,
        point: &[u8],
    ) -> Result<u32, HostError> {
        self.0.write(|writer| writer.delete_point(index, point).map_err(write_error))
    }

    fn datastore_delete_all_by_eq_bsatn(
        &mut self,
        table: TableId,
        relation: &[u8],
    ) -> Result<u32, HostError> {
        self.0.write(|writer| {
            writer.delete_rows(table, relation).map_err(|error| match error {
                WriteError::NoSuchTable(_) => Errno::NoSuchTable.into(),
                WriteError::InvalidRow { .. } => Errno::BsatnDecodeError.into(),
                other => write_error(other),
            })
        })
    }

    fn datastore_clear(&mut self, table: TableId) -> Result<u64, HostError> {
        self.0.write(|writer| writer.clear(table).map_err(write_error))
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
        self.0.put(table, |writer| writer.insert(table, row))
    }

    fn datastore_update_bsatn(
        &mut self,
        table: TableId,
        index: IndexId,
        row: &mut [u8],
    ) -> Result<usize, HostError> {
        self.0.put(table, |writer| writer.update(table, index, row))
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
        self.0.read_table(system_table::CONNECTION_CREDENTIALS, |table| {
            let key = connection.0.to_le_bytes();
            let mut rows =
                table.point(system_index::CONNECTION_CREDENTIALS, &key).map_err(|error| key_error(&error))?;
            // After the text's length.
            Ok(rows.next().map(|row| Bytes::copy_from_slice(&table.layout().column(row, 1)[4..])))
        })
    }

    fn volatile_nonatomic_schedule_immediate(&mut self, name: &str, args: &[u8]) {
        let call = ImmediateCall { name: name.into(), args: Bytes::copy_from_slice(args) };
        match &self.0.procedure {
            // It may have a long way to go.
            Some(procedure) => procedure.call_soon(call),
            None => self.0.immediate_calls.push(call),
        }
    }

    fn procedure_sleep_until(&mut self, wake_at: Timestamp) -> Result<Timestamp, HostError> {
        self.0.sleep_until(wake_at)
    }

    fn procedure_start_mut_tx(&mut self) -> Result<Timestamp, HostError> {
        self.0.start_transaction()
    }

    fn procedure_commit_mut_tx(&mut self) -> Result<(), HostError> {
        self.0.commit_transaction()
    }

    fn procedure_abort_mut_tx(&mut self) -> Result<(), HostError> {
        self.0.abort_transaction()
    }

    fn procedure_http_request(&mut self, request: &[u8], body: &[u8]) -> Result<(Bytes, Bytes), HostError> {
        self.0.http_request(request, body)
    }
}
