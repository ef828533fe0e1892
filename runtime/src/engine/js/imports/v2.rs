//! `spacetime:sys@2.0` and `@2.1`: a function for each host call, in the order of [`HostCalls`].
//!
//! Each takes its arguments apart, asks the session, and hands back the answer. Buffers are the module's own: rows and
//! keys are read where they are, and what is generated is written over them.

use orrery_host_abi::{
    Advance, ConnectionId, Errno, HostCalls, HostError, IndexId, IterId, LogLevel, LogRecord, TableId,
};
use v8::{FunctionCallbackArguments, Local, PinScope, Value};

use super::border::{Argument, Import, direct, general};
use crate::engine::{
    js::{
        stack,
        state::{Failure, State},
        values::{
            bigint, buffer_of, bytes_of, name_of, prefix_of, text_of, too_long, u8_of, u16_of, u32_of,
            u128_of, uint8_array,
        },
    },
    sender_words,
};

/// What a function answers that makes values.
pub(super) type Made<'s> = Result<Local<'s, Value>, Failure>;

/// What 2.0 has beside the symbol.
pub(super) fn v2_0<H: HostCalls + 'static>() -> Vec<Import> {
    vec![
        general!(V2, table_id_from_name, 1),
        general!(V2, index_id_from_name, 1),
        general!(V2, datastore_table_row_count, 1),
        direct!(datastore_table_scan_bsatn(table: number) -> u32),
        direct!(datastore_index_scan_range_bsatn(
            index: number, buffer: value, prefix_len: number, prefix_elems: number, start_len: number, end_len: number
        ) -> u32),
        direct!(datastore_delete_by_index_scan_range_bsatn(
            index: number, buffer: value, prefix_len: number, prefix_elems: number, start_len: number, end_len: number
        ) -> u32),
        direct!(datastore_index_scan_point_bsatn(index: number, point: value, len: number) -> u32),
        direct!(datastore_delete_by_index_scan_point_bsatn(index: number, point: value, len: number) -> u32),
        direct!(datastore_delete_all_by_eq_bsatn(table: number, relation: value, len: number) -> u32),
        direct!(row_iter_bsatn_advance(iter: number, buffer: value) -> i32),
        direct!(row_iter_bsatn_close(iter: number) -> nothing),
        direct!(datastore_insert_bsatn(table: number, row: value, len: number) -> u32),
        direct!(datastore_update_bsatn(table: number, index: number, row: value, len: number) -> u32),
        general!(V2, console_log, 2),
        general!(V2, console_timer_start, 1),
        direct!(console_timer_end(timer: number) -> nothing),
        general!(V2, identity, 0),
        general!(V2, get_jwt_payload, 1),
        general!(V2, volatile_nonatomic_schedule_immediate, 2),
        general!(V2, procedure_start_mut_tx, 0),
        general!(V2, procedure_commit_mut_tx, 0),
        general!(V2, procedure_abort_mut_tx, 0),
        general!(V2, procedure_http_request, 2),
    ]
}

/// What 2.1 added.
pub(super) fn v2_1<H: HostCalls + 'static>() -> Vec<Import> {
    vec![general!(V2, datastore_clear, 1)]
}

/// The session of the call that a host call belongs to.
#[inline]
pub(super) fn session<'a, H>(state: *mut State<H>) -> Result<&'a mut H, Failure> {
    // SAFETY: Bodies of host calls use it one statement at a time, and none of the module's code runs meanwhile.
    unsafe { &mut *state }.session()
}

/// Makes a host call that may wait for others. The time that it takes is not the module's.
fn waiting<H: HostCalls, T>(
    state: *mut State<H>,
    make: impl FnOnce(&mut H) -> Result<T, HostError>,
) -> Result<T, Failure> {
    // SAFETY: As above.
    let watch = unsafe { &*state }.watch.clone().ok_or(Failure::Ending)?;
    let session = session(state)?;
    Ok(watch.pause(|| make(session))?)
}

// ---- names ----

pub(super) fn table_id_from_name<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let name = name_of(scope, arguments.get(0), "the table's name")?;
    let table = session(state)?.table_id_from_name(&name)?;
    Ok(v8::Integer::new_from_unsigned(scope, table.0).into())
}

pub(super) fn index_id_from_name<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let name = name_of(scope, arguments.get(0), "the index's name")?;
    let index = session(state)?.index_id_from_name(&name)?;
    Ok(v8::Integer::new_from_unsigned(scope, index.0).into())
}

// ---- rows ----

pub(super) fn datastore_table_row_count<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let table = table_of(Argument::get(arguments, 0)?)?;
    let count = session(state)?.datastore_table_row_count(table)?;
    Ok(v8::BigInt::new_from_u64(scope, count).into())
}

#[inline]
fn datastore_table_scan_bsatn<H: HostCalls>(state: &mut State<H>, table: f64) -> Result<u32, Failure> {
    let table = table_of(table)?;
    Ok(state.session()?.datastore_table_scan_bsatn(table)?.0)
}

/// The arguments of a range scan: prefix, start and end follow each other in one buffer.
struct Range<'a> {
    prefix: &'a [u8],
    prefix_elems: u16,
    start: &'a [u8],
    end: &'a [u8],
}

impl<'a> Range<'a> {
    #[inline]
    fn find(
        buffer: Local<'_, Value>,
        prefix_len: f64,
        prefix_elems: f64,
        start_len: f64,
        end_len: f64,
    ) -> Result<Self, Failure> {
        let bytes: &'a [u8] = buffer_of(buffer, "the buffer")?;
        let prefix_elems = u16_of(prefix_elems, "the number of columns of the prefix")?;
        let len = |len| u32_of(len, "a length").map(|len| len as usize);
        let (prefix, rest) = split(bytes, len(prefix_len)?)?;
        let (start, rest) = split(rest, len(start_len)?)?;
        // How bindings say that both are the same.
        let end = match len(end_len)? {
            0 => start,
            len => split(rest, len)?.0,
        };
        Ok(Self { prefix, prefix_elems, start, end })
    }
}

#[inline]
fn split(bytes: &[u8], len: usize) -> Result<(&[u8], &[u8]), Failure> {
    bytes.split_at_checked(len).ok_or_else(|| too_long(len, bytes.len(), "the rest of the buffer"))
}

#[inline]
fn datastore_index_scan_range_bsatn<H: HostCalls>(
    state: &mut State<H>,
    index: f64,
    buffer: Local<'_, Value>,
    prefix_len: f64,
    prefix_elems: f64,
    start_len: f64,
    end_len: f64,
) -> Result<u32, Failure> {
    let index = index_of(index)?;
    let range = Range::find(buffer, prefix_len, prefix_elems, start_len, end_len)?;
    // Bytes for no columns say nothing.
    let prefix = if range.prefix_elems == 0 { &[] } else { range.prefix };
    let iter = state.session()?.datastore_index_scan_range_bsatn(
        index,
        prefix,
        range.prefix_elems,
        range.start,
        range.end,
    )?;
    Ok(iter.0)
}

#[inline]
fn datastore_delete_by_index_scan_range_bsatn<H: HostCalls>(
    state: &mut State<H>,
    index: f64,
    buffer: Local<'_, Value>,
    prefix_len: f64,
    prefix_elems: f64,
    start_len: f64,
    end_len: f64,
) -> Result<u32, Failure> {
    let index = index_of(index)?;
    let range = Range::find(buffer, prefix_len, prefix_elems, start_len, end_len)?;
    let session = state.session()?;
    // Bytes for no columns are an error here.
    if range.prefix_elems == 0 && !range.prefix.is_empty() {
        return Err(Failure::Host(Errno::BsatnDecodeError.into()));
    }
    Ok(session.datastore_delete_by_index_scan_range_bsatn(
        index,
        range.prefix,
        range.prefix_elems,
        range.start,
        range.end,
    )?)
}

#[inline]
fn datastore_index_scan_point_bsatn<H: HostCalls>(
    state: &mut State<H>,
    index: f64,
    point: Local<'_, Value>,
    len: f64,
) -> Result<u32, Failure> {
    let index = index_of(index)?;
    let point = prefix_of(point, len, "the buffer")?;
    Ok(state.session()?.datastore_index_scan_point_bsatn(index, point)?.0)
}

#[inline]
fn datastore_delete_by_index_scan_point_bsatn<H: HostCalls>(
    state: &mut State<H>,
    index: f64,
    point: Local<'_, Value>,
    len: f64,
) -> Result<u32, Failure> {
    let index = index_of(index)?;
    let point = prefix_of(point, len, "the buffer")?;
    Ok(state.session()?.datastore_delete_by_index_scan_point_bsatn(index, point)?)
}

#[inline]
fn datastore_delete_all_by_eq_bsatn<H: HostCalls>(
    state: &mut State<H>,
    table: f64,
    relation: Local<'_, Value>,
    len: f64,
) -> Result<u32, Failure> {
    let table = table_of(table)?;
    let relation = prefix_of(relation, len, "the buffer")?;
    Ok(state.session()?.datastore_delete_all_by_eq_bsatn(table, relation)?)
}

pub(super) fn datastore_clear<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let table = table_of(Argument::get(arguments, 0)?)?;
    let count = session(state)?.datastore_clear(table)?;
    Ok(v8::BigInt::new_from_u64(scope, count).into())
}

/// How many bytes were written; as a negative number if nothing is left.
#[inline]
fn row_iter_bsatn_advance<H: HostCalls>(
    state: &mut State<H>,
    iter: f64,
    buffer: Local<'_, Value>,
) -> Result<i32, Failure> {
    let iter = iter_of(iter)?;
    let buffer = buffer_of(buffer, "the buffer")?;
    // The answer has room for no more.
    let len = buffer.len().min(i32::MAX as usize);
    let Advance { written, exhausted } = state.session()?.row_iter_bsatn_advance(iter, &mut buffer[..len])?;
    let written = written as i32;
    Ok(if exhausted { -written } else { written })
}

#[inline]
fn row_iter_bsatn_close<H: HostCalls>(state: &mut State<H>, iter: f64) -> Result<(), Failure> {
    let iter = iter_of(iter)?;
    Ok(state.session()?.row_iter_bsatn_close(iter)?)
}

#[inline]
fn datastore_insert_bsatn<H: HostCalls>(
    state: &mut State<H>,
    table: f64,
    row: Local<'_, Value>,
    len: f64,
) -> Result<u32, Failure> {
    let table = table_of(table)?;
    let row = prefix_of(row, len, "the row's buffer")?;
    Ok(state.session()?.datastore_insert_bsatn(table, row)? as u32)
}

#[inline]
fn datastore_update_bsatn<H: HostCalls>(
    state: &mut State<H>,
    table: f64,
    index: f64,
    row: Local<'_, Value>,
    len: f64,
) -> Result<u32, Failure> {
    let (table, index) = (table_of(table)?, index_of(index)?);
    let row = prefix_of(row, len, "the row's buffer")?;
    Ok(state.session()?.datastore_update_bsatn(table, index, row)? as u32)
}

// ---- the log ----

pub(super) fn console_log<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let level = LogLevel::from_byte(u8_of(Argument::get(arguments, 0)?, "the level")?);
    let message = text_of(scope, arguments.get(1), state, "the message")?;
    // SAFETY: It is borrowed for this statement only.
    let source = unsafe { &*state }.source.clone();
    // Innermost is the function that passes on what it was given; the one that has something to say called it.
    let frames = match level {
        LogLevel::Panic => stack::current(scope, &source, stack::FRAMES_MAX),
        _ => stack::current(scope, &source, 2),
    };
    let speaker = frames.get(1);
    let backtrace = if level == LogLevel::Panic { stack::to_lines(&frames) } else { Vec::new() };
    session(state)?.console_log(LogRecord {
        level,
        target: None,
        filename: speaker.map(|frame| &*frame.file),
        line: speaker.and_then(|frame| frame.line),
        message: &message,
        backtrace: &backtrace,
    });
    Ok(v8::undefined(scope).into())
}

pub(super) fn console_timer_start<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let name = name_of(scope, arguments.get(0), "the timer's name")?;
    let timer = session(state)?.console_timer_start(&name);
    Ok(v8::Integer::new_from_unsigned(scope, timer).into())
}

fn console_timer_end<H: HostCalls>(state: &mut State<H>, timer: f64) -> Result<(), Failure> {
    let timer = u32_of(timer, "the timer")?;
    Ok(state.session()?.console_timer_end(timer)?)
}

// ---- the database and its surroundings ----

fn identity<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    _: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let identity = session(state)?.identity();
    Ok(bigint(scope, &sender_words(identity))?.into())
}

pub(super) fn get_jwt_payload<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let connection = ConnectionId(u128_of(arguments.get(0), "the connection")?);
    let payload = session(state)?.get_jwt(connection)?;
    Ok(uint8_array(scope, payload.map(Vec::from).unwrap_or_default())?.into())
}

pub(super) fn volatile_nonatomic_schedule_immediate<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let name = name_of(scope, arguments.get(0), "the function's name")?;
    let args = bytes_of(arguments.get(1), "the arguments")?;
    session(state)?.volatile_nonatomic_schedule_immediate(&name, &args);
    Ok(v8::undefined(scope).into())
}

// ---- procedures ----

pub(super) fn procedure_start_mut_tx<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    _: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let time = waiting(state, H::procedure_start_mut_tx)?;
    Ok(v8::BigInt::new_from_i64(scope, time.0).into())
}

pub(super) fn procedure_commit_mut_tx<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    _: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    waiting(state, H::procedure_commit_mut_tx)?;
    Ok(v8::undefined(scope).into())
}

pub(super) fn procedure_abort_mut_tx<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    _: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    session(state)?.procedure_abort_mut_tx()?;
    Ok(v8::undefined(scope).into())
}

/// The answer is a pair: the response's head and its body.
pub(super) fn procedure_http_request<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let request = bytes_of(arguments.get(0), "the request")?;
    let body = match arguments.get(1) {
        text if text.is_string() => text_of(scope, text, state, "the body")?.into_bytes(),
        bytes => bytes_of(bytes, "the body")?,
    };
    let (head, body) = match waiting(state, |session| session.procedure_http_request(&request, &body)) {
        // The one call that has another way to say this.
        Err(Failure::Host(HostError::Errno(Errno::BsatnDecodeError))) => {
            return Err(Failure::Type("the request is not a valid `HttpRequest`".to_owned()));
        }
        answer => answer?,
    };
    let pair = [uint8_array(scope, head.into())?.into(), uint8_array(scope, body.into())?.into()];
    Ok(v8::Array::new_with_elements(scope, &pair).into())
}

// ---- helpers ----

#[inline]
pub(super) fn table_of(number: f64) -> Result<TableId, Failure> {
    u32_of(number, "the table").map(TableId)
}

#[inline]
pub(super) fn index_of(number: f64) -> Result<IndexId, Failure> {
    u32_of(number, "the index").map(IndexId)
}

#[inline]
pub(super) fn iter_of(number: f64) -> Result<IterId, Failure> {
    u32_of(number, "the iterator").map(IterId)
}
