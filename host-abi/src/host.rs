//! The calls a module may make: one method for each, in plain Rust.
//!
//! Both engines translate their border to this trait, and the runtime's session implements it once. An engine
//! adds no meaning of its own; handles that exist for one engine only (bytes sources and sinks of WebAssembly)
//! stay in that engine.

use bytes::Bytes;

use crate::{ConnectionId, Errno, Identity, IndexId, IterId, TableId, Timestamp};

/// Why a host call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The module gets this code and goes on.
    #[error("{0}")]
    Errno(#[from] Errno),
    /// The buffer is too small for the next rows: errno 11, with the size in bytes that is needed.
    #[error("the buffer is too small, {0} bytes are needed")]
    BufferTooSmall(usize),
    /// An outgoing HTTP request failed: errno 21, with the reason.
    #[error("{0}")]
    Http(String),
    /// The call ends here; the module cannot catch it.
    #[error("{0}")]
    Trap(String),
}

/// How far a row iterator got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// Bytes written to the buffer: whole rows.
    pub written: usize,
    /// Nothing is left; the iterator is gone.
    pub exhausted: bool,
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// A panic of the module.
    Panic,
    /// An error.
    Error,
    /// A warning.
    Warn,
    /// Information.
    Info,
    /// For debugging.
    Debug,
    /// In great detail.
    Trace,
}

impl LogLevel {
    /// The level for the byte that modules pass; unknown bytes are [`LogLevel::Debug`].
    pub const fn from_byte(level: u8) -> Self {
        match level {
            0 => Self::Error,
            1 => Self::Warn,
            2 => Self::Info,
            4 => Self::Trace,
            101 => Self::Panic,
            _ => Self::Debug,
        }
    }
}

/// A line for the module's log.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord<'a> {
    /// How important it is.
    pub level: LogLevel,
    /// The part of the module that speaks.
    pub target: Option<&'a str>,
    /// The source file.
    pub filename: Option<&'a str>,
    /// The line in the source file.
    pub line: Option<u32>,
    /// What it says.
    pub message: &'a str,
    /// The module's call stack, innermost first: only for a panic.
    pub backtrace: &'a [Box<str>],
}

/// What a module may ask of its host during one call.
///
/// Unless noted, a method that touches data answers [`Errno::NotInTransaction`] outside a transaction.
/// All rows and keys are BSATN. In a view, methods that write answer [`Errno::TransactionIsReadOnly`].
pub trait HostCalls {
    /// The table with that canonical name or alias. [`Errno::NoSuchTable`].
    fn table_id_from_name(&mut self, name: &str) -> Result<TableId, HostError>;

    /// The index with that canonical name or alias. [`Errno::NoSuchIndex`].
    fn index_id_from_name(&mut self, name: &str) -> Result<IndexId, HostError>;

    /// How many rows the table has. [`Errno::NoSuchTable`].
    fn datastore_table_row_count(&mut self, table: TableId) -> Result<u64, HostError>;

    /// Opens an iterator over all rows as they are now. [`Errno::NoSuchTable`].
    fn datastore_table_scan_bsatn(&mut self, table: TableId) -> Result<IterId, HostError>;

    /// Opens an iterator over the rows whose first `prefix_elems` key columns equal `prefix` (their values one
    /// after the other) and whose next key column lies between `start` and `end` (each a BSATN `Bound`).
    /// [`Errno::NoSuchIndex`], [`Errno::BsatnDecodeError`]; traps on a hash index.
    fn datastore_index_scan_range_bsatn(
        &mut self,
        index: IndexId,
        prefix: &[u8],
        prefix_elems: u16,
        start: &[u8],
        end: &[u8],
    ) -> Result<IterId, HostError>;

    /// Deletes what [`Self::datastore_index_scan_range_bsatn`] would find; how many rows that were.
    fn datastore_delete_by_index_scan_range_bsatn(
        &mut self,
        index: IndexId,
        prefix: &[u8],
        prefix_elems: u16,
        start: &[u8],
        end: &[u8],
    ) -> Result<u32, HostError>;

    /// Opens an iterator over the rows whose whole key equals `point`. [`Errno::NoSuchIndex`],
    /// [`Errno::BsatnDecodeError`].
    fn datastore_index_scan_point_bsatn(&mut self, index: IndexId, point: &[u8])
    -> Result<IterId, HostError>;

    /// Deletes what [`Self::datastore_index_scan_point_bsatn`] would find; how many rows that were.
    fn datastore_delete_by_index_scan_point_bsatn(
        &mut self,
        index: IndexId,
        point: &[u8],
    ) -> Result<u32, HostError>;

    /// Deletes each of the given rows that exists; `relation` is a BSATN array of rows. How many rows that
    /// were. [`Errno::NoSuchTable`], [`Errno::BsatnDecodeError`].
    fn datastore_delete_all_by_eq_bsatn(&mut self, table: TableId, relation: &[u8])
    -> Result<u32, HostError>;

    /// Deletes all rows; how many that were. An unknown table traps.
    fn datastore_clear(&mut self, table: TableId) -> Result<u64, HostError>;

    /// Copies as many whole chunks of rows into `buffer` as fit. Needs no transaction.
    /// [`Errno::NoSuchIter`], [`HostError::BufferTooSmall`].
    fn row_iter_bsatn_advance(&mut self, iter: IterId, buffer: &mut [u8]) -> Result<Advance, HostError>;

    /// Closes an iterator before its end. Needs no transaction. [`Errno::NoSuchIter`].
    fn row_iter_bsatn_close(&mut self, iter: IterId) -> Result<(), HostError>;

    /// Inserts a row. Sequence columns that hold zero get their next value, and those values are written,
    /// one after the other in column order, to the start of `row`; the answer is how many bytes they take.
    /// A row that is there already is left as it is. [`Errno::UniqueAlreadyExists`],
    /// [`Errno::ScheduleAtDelayTooLong`]; an unknown table and an invalid row trap.
    fn datastore_insert_bsatn(&mut self, table: TableId, row: &mut [u8]) -> Result<usize, HostError>;

    /// Replaces the row that has the same key in the unique `index`. Sequence columns as for an insert.
    /// [`Errno::NoSuchIndex`], [`Errno::IndexNotUnique`], [`Errno::NoSuchRow`], [`Errno::UniqueAlreadyExists`],
    /// [`Errno::ScheduleAtDelayTooLong`]; an unknown table and an invalid row trap.
    fn datastore_update_bsatn(
        &mut self,
        table: TableId,
        index: IndexId,
        row: &mut [u8],
    ) -> Result<usize, HostError>;

    /// Writes a line to the module's log. Always possible, never fails.
    fn console_log(&mut self, record: LogRecord<'_>);

    /// Starts a named stopwatch. Needs no transaction.
    fn console_timer_start(&mut self, name: &str) -> u32;

    /// Stops a stopwatch and logs what it shows. [`Errno::NoSuchConsoleTimer`].
    fn console_timer_end(&mut self, timer: u32) -> Result<(), HostError>;

    /// The database's own identity. Always possible.
    fn identity(&mut self) -> Identity;

    /// The payload (JSON text) of the token that the connection was opened with, if it is known.
    fn get_jwt(&mut self, connection: ConnectionId) -> Result<Option<Bytes>, HostError>;

    /// Queues a call of the procedure or reducer `name`, outside the transaction: it happens even if the
    /// transaction fails, and is lost if the server stops. An unknown name is only logged.
    fn volatile_nonatomic_schedule_immediate(&mut self, name: &str, args: &[u8]);

    /// Waits until that time; the time then. Only in procedures outside a transaction; traps elsewhere.
    fn procedure_sleep_until(&mut self, wake_at: Timestamp) -> Result<Timestamp, HostError>;

    /// Opens a transaction, as soon as no other one is open; its time. [`Errno::WouldBlockTransaction`] if this call
    /// has one open, or is not a procedure. A transaction that stays open for too long ends, and with it the procedure:
    /// the next host call traps.
    fn procedure_start_mut_tx(&mut self) -> Result<Timestamp, HostError>;

    /// Commits the transaction that the module has opened. [`Errno::TransactionNotAnonymous`].
    fn procedure_commit_mut_tx(&mut self) -> Result<(), HostError>;

    /// Drops the transaction that the module has opened. [`Errno::TransactionNotAnonymous`].
    fn procedure_abort_mut_tx(&mut self) -> Result<(), HostError>;

    /// Sends an HTTP request (BSATN `HttpRequest`) with its body; the response (BSATN `HttpResponse`) and its
    /// body. [`Errno::BsatnDecodeError`], [`HostError::Http`], [`Errno::WouldBlockTransaction`]; outside
    /// procedures it traps.
    fn procedure_http_request(&mut self, request: &[u8], body: &[u8]) -> Result<(Bytes, Bytes), HostError>;
}
