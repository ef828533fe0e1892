//! What modules import: a function for each, in the order of [`HostCalls`], then those that exist for
//! WebAssembly only.
//!
//! Each finds its arguments in the module's memory, asks the session, and writes the answer back. A code other than 0
//! is an [`Errno`]; a broken rule of the contract traps. Three things are easy to get wrong:
//!
//! - Pointers are checked before the session is asked, so that a trap leaves no trace; except for the one that
//!   the answer is written to, which is not looked at until there is an answer.
//! - Where a handle and a pointer are both bad, the handle is reported and nothing traps.
//! - On an error nothing is written, unless the error itself comes with a number.

#![expect(clippy::too_many_arguments, reason = "the contract decides how many there are")]

use ::bytes::Bytes;
use orrery_host_abi::{
    ConnectionId, Errno, HostCalls, HostError, IndexId, IterId, LogLevel, LogRecord, TableId, Timestamp,
};
use wasmtime::{Caller, Linker, WasmBacktrace};

use super::{
    bytes,
    fault::{HostTrap, functions},
    memory::{BadPointer, Memory},
    state::{State, split, waiting},
};

/// What an import answers: a code, or a trap.
type Code = wasmtime::Result<i32>;

const OK: i32 = 0;
/// There is nothing left, and what was read from is closed.
const EXHAUSTED: i32 = -1;

/// In place of a line number: there is none.
const NO_LINE: u32 = u32::MAX;

/// How much of a panic's text is remembered, in bytes. The log has all of it.
const PANIC_TEXT_MAX: usize = 4096;

/// Defines all imports.
pub(super) fn define<H: HostCalls + Send + 'static>(linker: &mut Linker<State<H>>) -> wasmtime::Result<()> {
    let v0 = "spacetime_10.0";
    linker
        .func_wrap(v0, "table_id_from_name", table_id_from_name::<H>)?
        .func_wrap(v0, "index_id_from_name", index_id_from_name::<H>)?
        .func_wrap(v0, "datastore_table_row_count", datastore_table_row_count::<H>)?
        .func_wrap(v0, "datastore_table_scan_bsatn", datastore_table_scan_bsatn::<H>)?
        .func_wrap(v0, "datastore_index_scan_range_bsatn", datastore_index_scan_range_bsatn::<H>)?
        .func_wrap(
            v0,
            "datastore_delete_by_index_scan_range_bsatn",
            datastore_delete_by_index_scan_range_bsatn::<H>,
        )?
        .func_wrap(v0, "datastore_delete_all_by_eq_bsatn", datastore_delete_all_by_eq_bsatn::<H>)?
        .func_wrap(v0, "row_iter_bsatn_advance", row_iter_bsatn_advance::<H>)?
        .func_wrap(v0, "row_iter_bsatn_close", row_iter_bsatn_close::<H>)?
        .func_wrap(v0, "datastore_insert_bsatn", datastore_insert_bsatn::<H>)?
        .func_wrap(v0, "datastore_update_bsatn", datastore_update_bsatn::<H>)?
        .func_wrap(v0, "console_log", console_log::<H>)?
        .func_wrap(v0, "console_timer_start", console_timer_start::<H>)?
        .func_wrap(v0, "console_timer_end", console_timer_end::<H>)?
        .func_wrap(v0, "identity", identity::<H>)?
        .func_wrap(v0, "volatile_nonatomic_schedule_immediate", volatile_nonatomic_schedule_immediate::<H>)?
        .func_wrap(v0, "bytes_source_read", bytes_source_read::<H>)?
        .func_wrap(v0, "bytes_sink_write", bytes_sink_write::<H>)?
        // Names from before there were indexes of other kinds.
        .func_wrap(v0, "datastore_btree_scan_bsatn", datastore_index_scan_range_bsatn::<H>)?
        .func_wrap(
            v0,
            "datastore_delete_by_btree_scan_bsatn",
            datastore_delete_by_index_scan_range_bsatn::<H>,
        )?;

    linker.func_wrap(
        "spacetime_10.1",
        "bytes_source_remaining_length",
        bytes_source_remaining_length::<H>,
    )?;

    linker.func_wrap("spacetime_10.2", "get_jwt", get_jwt::<H>)?;

    let v3 = "spacetime_10.3";
    linker
        .func_wrap(v3, "procedure_sleep_until", procedure_sleep_until::<H>)?
        .func_wrap(v3, "procedure_start_mut_tx", procedure_start_mut_tx::<H>)?
        .func_wrap(v3, "procedure_commit_mut_tx", procedure_commit_mut_tx::<H>)?
        .func_wrap(v3, "procedure_abort_mut_tx", procedure_abort_mut_tx::<H>)?
        .func_wrap(v3, "procedure_http_request", procedure_http_request::<H>)?;

    let v4 = "spacetime_10.4";
    linker
        .func_wrap(v4, "datastore_index_scan_point_bsatn", datastore_index_scan_point_bsatn::<H>)?
        .func_wrap(
            v4,
            "datastore_delete_by_index_scan_point_bsatn",
            datastore_delete_by_index_scan_point_bsatn::<H>,
        )?;

    linker.func_wrap("spacetime_10.5", "datastore_clear", datastore_clear::<H>)?;
    Ok(())
}

/// Writes the answer of a host call, or turns its error into a code or a trap.
#[inline]
fn answer<T>(result: Result<T, HostError>, write: impl FnOnce(T) -> Result<(), BadPointer>) -> Code {
    match result {
        Ok(value) => {
            write(value)?;
            Ok(OK)
        }
        Err(error) => refuse(error),
    }
}

#[cold]
fn refuse(error: HostError) -> Code {
    match error {
        HostError::Errno(errno) => Ok(code(errno)),
        HostError::BufferTooSmall(_) => Ok(code(Errno::BufferTooSmall)),
        HostError::Http(_) => Ok(code(Errno::HttpError)),
        HostError::Trap(text) => Err(HostTrap(text).into()),
    }
}

fn code(errno: Errno) -> i32 {
    i32::from(errno.code())
}

fn table_id_from_name<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    name: u32,
    name_len: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let found = state.session().table_id_from_name(memory.str(name, name_len)?);
    answer(found, |id| memory.write_u32(out, id.0))
}

fn index_id_from_name<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    name: u32,
    name_len: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let found = state.session().index_id_from_name(memory.str(name, name_len)?);
    answer(found, |id| memory.write_u32(out, id.0))
}

fn datastore_table_row_count<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    table: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let count = state.session().datastore_table_row_count(TableId(table));
    answer(count, |count| memory.write(out, count.to_le_bytes()))
}

fn datastore_table_scan_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    table: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let iter = state.session().datastore_table_scan_bsatn(TableId(table));
    answer(iter, |iter| memory.write_u32(out, iter.0))
}

/// The arguments of a range scan, found in memory.
struct Range<'a> {
    prefix: &'a [u8],
    prefix_elems: u16,
    start: &'a [u8],
    end: &'a [u8],
}

impl<'a> Range<'a> {
    #[inline]
    fn find(
        memory: &'a Memory<'_>,
        (prefix, prefix_len): (u32, u32),
        prefix_elems: u32,
        (start, start_len): (u32, u32),
        (end, end_len): (u32, u32),
    ) -> wasmtime::Result<Self> {
        let prefix_elems = u16::try_from(prefix_elems)
            .map_err(|_| HostTrap(format!("an index cannot have the {prefix_elems} columns of a prefix")))?;
        // The pointer to nothing may be anything here.
        let prefix = if prefix_elems == 0 { &[][..] } else { memory.bytes(prefix, prefix_len)? };
        Ok(Self {
            prefix,
            prefix_elems,
            start: memory.bytes(start, start_len)?,
            end: memory.bytes(end, end_len)?,
        })
    }
}

fn datastore_index_scan_range_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    index: u32,
    prefix: u32,
    prefix_len: u32,
    prefix_elems: u32,
    start: u32,
    start_len: u32,
    end: u32,
    end_len: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let range = Range::find(&memory, (prefix, prefix_len), prefix_elems, (start, start_len), (end, end_len))?;
    let iter = state.session().datastore_index_scan_range_bsatn(
        IndexId(index),
        range.prefix,
        range.prefix_elems,
        range.start,
        range.end,
    );
    answer(iter, |iter| memory.write_u32(out, iter.0))
}

fn datastore_delete_by_index_scan_range_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    index: u32,
    prefix: u32,
    prefix_len: u32,
    prefix_elems: u32,
    start: u32,
    start_len: u32,
    end: u32,
    end_len: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let range = Range::find(&memory, (prefix, prefix_len), prefix_elems, (start, start_len), (end, end_len))?;
    let count = state.session().datastore_delete_by_index_scan_range_bsatn(
        IndexId(index),
        range.prefix,
        range.prefix_elems,
        range.start,
        range.end,
    );
    answer(count, |count| memory.write_u32(out, count))
}

fn datastore_index_scan_point_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    index: u32,
    point: u32,
    point_len: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let point = memory.bytes(point, point_len)?;
    let iter = state.session().datastore_index_scan_point_bsatn(IndexId(index), point);
    answer(iter, |iter| memory.write_u32(out, iter.0))
}

fn datastore_delete_by_index_scan_point_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    index: u32,
    point: u32,
    point_len: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let point = memory.bytes(point, point_len)?;
    let count = state.session().datastore_delete_by_index_scan_point_bsatn(IndexId(index), point);
    answer(count, |count| memory.write_u32(out, count))
}

fn datastore_delete_all_by_eq_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    table: u32,
    relation: u32,
    relation_len: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let relation = memory.bytes(relation, relation_len)?;
    let count = state.session().datastore_delete_all_by_eq_bsatn(TableId(table), relation);
    answer(count, |count| memory.write_u32(out, count))
}

fn datastore_clear<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>, table: u32, out: u32) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let count = state.session().datastore_clear(TableId(table));
    answer(count, |count| memory.write(out, count.to_le_bytes()))
}

fn row_iter_bsatn_advance<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    iter: u32,
    buffer: u32,
    buffer_len: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let session = state.session();
    let found = memory.u32(buffer_len).and_then(|len| memory.bytes_mut(buffer, len));
    let buffer = match found {
        Ok(buffer) => buffer,
        // With no room at all nothing is read; but whether there is such an iterator comes to light.
        Err(bad) => match session.row_iter_bsatn_advance(IterId(iter), &mut []) {
            Err(HostError::Errno(errno @ Errno::NoSuchIter)) => return Ok(code(errno)),
            _ => return Err(bad.into()),
        },
    };
    match session.row_iter_bsatn_advance(IterId(iter), buffer) {
        Ok(advance) => {
            memory.write_u32(buffer_len, advance.written as u32)?;
            Ok(if advance.exhausted { EXHAUSTED } else { OK })
        }
        Err(HostError::BufferTooSmall(needed)) => {
            memory.write_u32(buffer_len, u32::try_from(needed).unwrap_or(u32::MAX))?;
            Ok(code(Errno::BufferTooSmall))
        }
        Err(error) => refuse(error),
    }
}

fn row_iter_bsatn_close<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>, iter: u32) -> Code {
    let closed = caller.data_mut().session().row_iter_bsatn_close(IterId(iter));
    answer(closed, Ok)
}

fn datastore_insert_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    table: u32,
    row: u32,
    row_len: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let len = memory.u32(row_len)?;
    let row = memory.bytes_mut(row, len)?;
    let generated = state.session().datastore_insert_bsatn(TableId(table), row);
    answer(generated, |generated| memory.write_u32(row_len, generated as u32))
}

fn datastore_update_bsatn<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    table: u32,
    index: u32,
    row: u32,
    row_len: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let len = memory.u32(row_len)?;
    let row = memory.bytes_mut(row, len)?;
    let generated = state.session().datastore_update_bsatn(TableId(table), IndexId(index), row);
    answer(generated, |generated| memory.write_u32(row_len, generated as u32))
}

/// Never traps: a line that cannot be read is dropped.
fn console_log<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    level: u32,
    target: u32,
    target_len: u32,
    filename: u32,
    filename_len: u32,
    line: u32,
    message: u32,
    message_len: u32,
) {
    // Only the low byte counts.
    let level = LogLevel::from_byte(level as u8);
    let backtrace = match level {
        LogLevel::Panic => functions(&WasmBacktrace::capture(&caller)),
        _ => Vec::new(),
    };
    let Ok((memory, state)) = split(&mut caller) else { return };
    let text = |ptr, len| memory.bytes(ptr, len).map(String::from_utf8_lossy);
    let optional = |ptr, len| match text(ptr, len) {
        Ok(text) => Ok(Some(text)),
        Err(BadPointer::Null) => Ok(None),
        Err(bad) => Err(bad),
    };
    let texts = (optional(target, target_len), optional(filename, filename_len), text(message, message_len));
    let (Ok(target), Ok(filename), Ok(message)) = texts else { return };
    if level == LogLevel::Panic {
        state.panic = Some(beginning(&message).into());
    }
    state.session().console_log(LogRecord {
        level,
        target: target.as_deref(),
        filename: filename.as_deref(),
        line: (line != NO_LINE).then_some(line),
        message: &message,
        backtrace: &backtrace,
    });
}

/// What is remembered of a panic's text.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(PANIC_TEXT_MAX)]
}

fn console_timer_start<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    name: u32,
    name_len: u32,
) -> wasmtime::Result<u32> {
    let (memory, state) = split(&mut caller)?;
    let name = String::from_utf8_lossy(memory.bytes(name, name_len)?);
    Ok(state.session().console_timer_start(&name))
}

fn console_timer_end<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>, timer: u32) -> Code {
    answer(caller.data_mut().session().console_timer_end(timer), Ok)
}

fn identity<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>, out: u32) -> wasmtime::Result<()> {
    let (mut memory, state) = split(&mut caller)?;
    memory.write(out, state.session().identity().0)?;
    Ok(())
}

fn get_jwt<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>, connection: u32, out: u32) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let connection = ConnectionId(u128::from_le_bytes(memory.array(connection)?));
    match state.session().get_jwt(connection) {
        Ok(payload) => {
            let source = state.sources.open(payload.unwrap_or_default())?;
            memory.write_u32(out, source)?;
            Ok(OK)
        }
        Err(error) => refuse(error),
    }
}

fn volatile_nonatomic_schedule_immediate<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    name: u32,
    name_len: u32,
    args: u32,
    args_len: u32,
) -> wasmtime::Result<()> {
    let (memory, state) = split(&mut caller)?;
    let name = memory.str(name, name_len)?;
    let args = memory.bytes(args, args_len)?;
    state.session().volatile_nonatomic_schedule_immediate(name, args);
    Ok(())
}

/// The answer is a time and has no room for a code, so every error traps.
fn procedure_sleep_until<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    wake_at: i64,
) -> wasmtime::Result<i64> {
    let sleep = |caller: &mut Caller<'_, State<H>>| {
        caller.data_mut().session().procedure_sleep_until(Timestamp(wake_at))
    };
    match waiting(&mut caller, sleep) {
        Ok(now) => Ok(now.0),
        Err(error) => Err(HostTrap(error.to_string()).into()),
    }
}

fn procedure_start_mut_tx<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>, out: u32) -> Code {
    let time = waiting(&mut caller, |caller| caller.data_mut().session().procedure_start_mut_tx());
    let (mut memory, _) = split(&mut caller)?;
    answer(time, |time| memory.write(out, time.0.to_le_bytes()))
}

fn procedure_commit_mut_tx<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>) -> Code {
    answer(waiting(&mut caller, |caller| caller.data_mut().session().procedure_commit_mut_tx()), Ok)
}

fn procedure_abort_mut_tx<H: HostCalls + 'static>(mut caller: Caller<'_, State<H>>) -> Code {
    answer(caller.data_mut().session().procedure_abort_mut_tx(), Ok)
}

/// The answer is two sources, head and body of the response; or one, the text of the error.
fn procedure_http_request<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    request: u32,
    request_len: u32,
    body: u32,
    body_len: u32,
    out: u32,
) -> Code {
    let response = waiting(&mut caller, |caller| {
        let (memory, state) = split(caller)?;
        let request = memory.bytes(request, request_len)?;
        let body = memory.bytes(body, body_len)?;
        Ok::<_, wasmtime::Error>(state.session().procedure_http_request(request, body))
    });
    let (mut memory, state) = split(&mut caller)?;
    match response? {
        Ok((head, body)) => {
            let head = state.sources.open(head)?;
            let body = state.sources.open(body)?;
            memory.write(out, (u64::from(head) | u64::from(body) << 32).to_le_bytes())?;
            Ok(OK)
        }
        Err(HostError::Http(text)) => {
            let source = state.sources.open(bsatn_string(&text))?;
            memory.write_u32(out, source)?;
            Ok(code(Errno::HttpError))
        }
        Err(error) => refuse(error),
    }
}

fn bsatn_string(text: &str) -> Bytes {
    let mut bytes = Vec::with_capacity(4 + text.len());
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.into()
}

fn bytes_source_read<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    source: u32,
    buffer: u32,
    buffer_len: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let Some(source) = state.sources.get(source) else { return Ok(code(Errno::NoSuchBytes)) };
    let len = memory.u32(buffer_len)?;
    let (read, drained) = bytes::read(source, memory.bytes_mut(buffer, len)?);
    memory.write_u32(buffer_len, read)?;
    Ok(if drained { EXHAUSTED } else { OK })
}

fn bytes_source_remaining_length<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    source: u32,
    out: u32,
) -> Code {
    let (mut memory, state) = split(&mut caller)?;
    let Some(source) = state.sources.get(source) else { return Ok(code(Errno::NoSuchBytes)) };
    memory.write_u32(out, source.len() as u32)?;
    Ok(OK)
}

/// Takes all of the buffer, so its length stays as it is.
fn bytes_sink_write<H: HostCalls + 'static>(
    mut caller: Caller<'_, State<H>>,
    sink: u32,
    buffer: u32,
    buffer_len: u32,
) -> Code {
    let (memory, state) = split(&mut caller)?;
    let held = state.sinks.total();
    let Some(sink) = state.sinks.get(sink) else { return Ok(code(Errno::NoSuchBytes)) };
    let len = memory.u32(buffer_len)?;
    let buffer = memory.bytes(buffer, len)?;
    state.limits.check_held(held + buffer.len())?;
    sink.extend_from_slice(buffer);
    Ok(OK)
}
