//! `spacetime:sys@1.0` to `@1.3`, which bundles of the first bindings import: the same host calls, but bytes travel in
//! arrays that are made for each call. And the hooks, which those modules register themselves.

use orrery_host_abi::{Advance, HostCalls};
use v8::{FunctionCallbackArguments, Local, PinScope};

use super::{
    border::{Argument, Import, general},
    v2::{
        Made, console_log, console_timer_start, datastore_table_row_count, get_jwt_payload,
        index_id_from_name, index_of, iter_of, procedure_abort_mut_tx, procedure_commit_mut_tx,
        procedure_http_request, procedure_start_mut_tx, session, table_id_from_name, table_of,
        volatile_nonatomic_schedule_immediate,
    },
};
use crate::engine::{
    js::{
        hooks,
        state::{Failure, State},
        values::{bigint, bytes_of, string, u16_of, u32_of, uint8_array},
    },
    sender_words,
};

/// What 1.0 has.
pub(super) fn v1_0<H: HostCalls + 'static>() -> Vec<Import> {
    let register_hooks = general!(V1, register_first_hooks, 1);
    vec![
        Import { name: REGISTER_HOOKS, ..register_hooks },
        general!(V1, table_id_from_name, 1),
        general!(V1, index_id_from_name, 1),
        general!(V1, datastore_table_row_count, 1),
        general!(V1, datastore_table_scan_bsatn, 1),
        general!(V1, datastore_index_scan_range_bsatn, 5),
        general!(V1, datastore_delete_by_index_scan_range_bsatn, 5),
        general!(V1, datastore_delete_all_by_eq_bsatn, 2),
        general!(V1, row_iter_bsatn_advance, 2),
        general!(V1, row_iter_bsatn_close, 1),
        general!(V1, datastore_insert_bsatn, 2),
        general!(V1, datastore_update_bsatn, 3),
        general!(V1, console_log, 2),
        general!(V1, console_timer_start, 1),
        general!(V1, console_timer_end, 1),
        general!(V1, identity, 0),
        general!(V1, get_jwt_payload, 1),
        general!(V1, volatile_nonatomic_schedule_immediate, 2),
    ]
}

/// What 1.1 added: views.
pub(super) fn v1_1<H: HostCalls + 'static>() -> Vec<Import> {
    let register_hooks = general!(V1, register_view_hooks, 1);
    vec![Import { name: REGISTER_HOOKS, ..register_hooks }]
}

/// What 1.2 added: procedures.
pub(super) fn v1_2<H: HostCalls + 'static>() -> Vec<Import> {
    let register_hooks = general!(V1, register_procedure_hooks, 1);
    vec![
        Import { name: REGISTER_HOOKS, ..register_hooks },
        general!(V1, procedure_start_mut_tx, 0),
        general!(V1, procedure_commit_mut_tx, 0),
        general!(V1, procedure_abort_mut_tx, 0),
        general!(V1, procedure_http_request, 2),
    ]
}

/// What 1.3 added: point scans.
pub(super) fn v1_3<H: HostCalls + 'static>() -> Vec<Import> {
    vec![
        general!(V1, datastore_index_scan_point_bsatn, 2),
        general!(V1, datastore_delete_by_index_scan_point_bsatn, 2),
    ]
}

/// Three versions have a function of this name, each for other hooks.
const REGISTER_HOOKS: &str = "register_hooks";

fn register_first_hooks<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let describe = hooks::member(scope, arguments.get(0), hooks::DESCRIBE)?;
    let reducer = hooks::member(scope, arguments.get(0), hooks::REDUCER)?;
    // SAFETY: It is borrowed for this statement only.
    let registered = unsafe { &mut (*state).registered };
    hooks::register(&mut registered.describe, describe, hooks::DESCRIBE)?;
    hooks::register(&mut registered.reducer, reducer, hooks::REDUCER)?;
    Ok(v8::undefined(scope).into())
}

fn register_view_hooks<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let view = hooks::member(scope, arguments.get(0), hooks::VIEW)?;
    let anonymous_view = hooks::member(scope, arguments.get(0), hooks::ANONYMOUS_VIEW)?;
    // SAFETY: It is borrowed for this statement only.
    let registered = unsafe { &mut (*state).registered };
    hooks::register(&mut registered.view, view, hooks::VIEW)?;
    hooks::register(&mut registered.anonymous_view, anonymous_view, hooks::ANONYMOUS_VIEW)?;
    Ok(v8::undefined(scope).into())
}

fn register_procedure_hooks<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let procedure = hooks::member(scope, arguments.get(0), hooks::PROCEDURE)?;
    // SAFETY: It is borrowed for this statement only.
    let registered = unsafe { &mut (*state).registered };
    hooks::register(&mut registered.procedure, procedure, hooks::PROCEDURE)?;
    Ok(v8::undefined(scope).into())
}

fn datastore_table_scan_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let table = table_of(Argument::get(arguments, 0)?)?;
    let iter = session(state)?.datastore_table_scan_bsatn(table)?;
    Ok(v8::Integer::new_from_unsigned(scope, iter.0).into())
}

/// The arguments of a range scan, all but the index.
struct Range {
    prefix: Vec<u8>,
    prefix_elems: u16,
    start: Vec<u8>,
    end: Vec<u8>,
}

impl Range {
    fn find(arguments: &FunctionCallbackArguments<'_>) -> Result<Self, Failure> {
        let mut prefix = bytes_of(arguments.get(1), "the prefix")?;
        let prefix_elems = u16_of(Argument::get(arguments, 2)?, "the number of columns of the prefix")?;
        // Bytes for no columns say nothing.
        if prefix_elems == 0 {
            prefix.clear();
        }
        let start = bytes_of(arguments.get(3), "the start")?;
        let end = bytes_of(arguments.get(4), "the end")?;
        Ok(Self { prefix, prefix_elems, start, end })
    }
}

fn datastore_index_scan_range_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let index = index_of(Argument::get(arguments, 0)?)?;
    let Range { prefix, prefix_elems, start, end } = Range::find(arguments)?;
    let iter =
        session(state)?.datastore_index_scan_range_bsatn(index, &prefix, prefix_elems, &start, &end)?;
    Ok(v8::Integer::new_from_unsigned(scope, iter.0).into())
}

fn datastore_delete_by_index_scan_range_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let index = index_of(Argument::get(arguments, 0)?)?;
    let Range { prefix, prefix_elems, start, end } = Range::find(arguments)?;
    let session = session(state)?;
    let count =
        session.datastore_delete_by_index_scan_range_bsatn(index, &prefix, prefix_elems, &start, &end)?;
    Ok(v8::Integer::new_from_unsigned(scope, count).into())
}

fn datastore_index_scan_point_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let index = index_of(Argument::get(arguments, 0)?)?;
    let point = bytes_of(arguments.get(1), "the key")?;
    let iter = session(state)?.datastore_index_scan_point_bsatn(index, &point)?;
    Ok(v8::Integer::new_from_unsigned(scope, iter.0).into())
}

fn datastore_delete_by_index_scan_point_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let index = index_of(Argument::get(arguments, 0)?)?;
    let point = bytes_of(arguments.get(1), "the key")?;
    let count = session(state)?.datastore_delete_by_index_scan_point_bsatn(index, &point)?;
    Ok(v8::Integer::new_from_unsigned(scope, count).into())
}

fn datastore_delete_all_by_eq_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let table = table_of(Argument::get(arguments, 0)?)?;
    let relation = bytes_of(arguments.get(1), "the rows")?;
    let count = session(state)?.datastore_delete_all_by_eq_bsatn(table, &relation)?;
    Ok(v8::Integer::new_from_unsigned(scope, count).into())
}

/// The answer is an object with two keys, `0`: nothing is left, and `1`: the rows.
fn row_iter_bsatn_advance<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let iter = iter_of(Argument::get(arguments, 0)?)?;
    let max_len = u32_of(Argument::get(arguments, 1)?, "the length")? as usize;
    // SAFETY: It is borrowed for this statement only.
    if !unsafe { &*state }.limits.check_held(max_len) {
        return Err(Failure::Range(format!("{max_len} bytes are more than this module may have")));
    }
    let mut rows = vec![0; max_len];
    let Advance { written, exhausted } = session(state)?.row_iter_bsatn_advance(iter, &mut rows)?;
    rows.truncate(written);
    rows.shrink_to_fit();
    let answer = v8::Object::new(scope);
    let exhausted = v8::Boolean::new(scope, exhausted);
    let rows = uint8_array(scope, rows)?;
    answer.set_index(scope, 0, exhausted.into());
    answer.set_index(scope, 1, rows.into());
    Ok(answer.into())
}

fn row_iter_bsatn_close<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let iter = iter_of(Argument::get(arguments, 0)?)?;
    session(state)?.row_iter_bsatn_close(iter)?;
    Ok(v8::undefined(scope).into())
}

fn datastore_insert_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let table = table_of(Argument::get(arguments, 0)?)?;
    let mut row = bytes_of(arguments.get(1), "the row")?;
    let generated = session(state)?.datastore_insert_bsatn(table, &mut row)?;
    row.truncate(generated);
    Ok(uint8_array(scope, row)?.into())
}

fn datastore_update_bsatn<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let table = table_of(Argument::get(arguments, 0)?)?;
    let index = index_of(Argument::get(arguments, 1)?)?;
    let mut row = bytes_of(arguments.get(2), "the row")?;
    let generated = session(state)?.datastore_update_bsatn(table, index, &mut row)?;
    row.truncate(generated);
    Ok(uint8_array(scope, row)?.into())
}

fn console_timer_end<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    arguments: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let timer = u32_of(Argument::get(arguments, 0)?, "the timer")?;
    session(state)?.console_timer_end(timer)?;
    Ok(v8::undefined(scope).into())
}

fn identity<'s, H: HostCalls>(
    scope: &mut PinScope<'s, '_>,
    _: &FunctionCallbackArguments<'s>,
    state: *mut State<H>,
) -> Made<'s> {
    let identity = session(state)?.identity();
    let answer = v8::Object::new(scope);
    let name = string(scope, "__identity__");
    let value: Local<'_, v8::Value> = bigint(scope, &sender_words(identity))?.into();
    answer.create_data_property(scope, name.into(), value);
    Ok(answer.into())
}
