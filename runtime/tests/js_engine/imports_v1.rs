//! Version 1 of the contract: what old bundles import, and how they register their hooks.

use bytes::Bytes;
use orrery_host_abi::{Errno, Fault, Function, HostError, Instance, LogLevel, Outcome};
use orrery_runtime::engine::LoadError;

use crate::{
    LIMIT, call, compile,
    mock::{COUNT, DELETED, INDEX, ITER, Mock, TABLE, TIMER},
    reducer, start,
};

/// A module of version 1 whose hooks are these functions, or do nothing.
fn module(body: &str) -> String {
    let mut text = String::from(
        "import * as sys1_0 from 'spacetime:sys@1.0';
         import * as sys1_1 from 'spacetime:sys@1.1';
         import * as sys1_2 from 'spacetime:sys@1.2';
         import * as sys1_3 from 'spacetime:sys@1.3';
         const sys = { ...sys1_0, ...sys1_2, ...sys1_3 };
         sys1_0.register_hooks({ __describe_module__: describe, __call_reducer__: reducer });
         sys1_1.register_hooks({ __call_view__: view, __call_view_anon__: anonymousView });
         sys1_2.register_hooks({ __call_procedure__: procedure });
         function show(value) {
           if (typeof value === 'bigint') return `${value}n`;
           if (value instanceof Uint8Array) return `bytes ${value.join(' ')}`;
           if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
           if (value instanceof Error) return `${value.name}: ${value.message}`;
           if (typeof value === 'object' && value !== null) {
             const sealed = Object.isSealed(value) ? 'sealed ' : '';
             return `${sealed}{${Object.keys(value).map(key => `${key}: ${show(value[key])}`).join(', ')}}`;
           }
           return String(value);
         }\n",
    );
    text += body;
    for (hook, nothing) in [
        ("describe", "new Uint8Array([1])"),
        ("reducer", "({ tag: 'ok' })"),
        ("view", "new Uint8Array()"),
        ("anonymousView", "new Uint8Array()"),
        ("procedure", "new Uint8Array()"),
    ] {
        if !body.contains(&format!("function {hook}(")) {
            text += &format!("\nfunction {hook}() {{ return {nothing}; }}");
        }
    }
    text
}

fn run(text: &str, mock: Mock, function: Function) -> (Mock, Outcome) {
    let mut instance = start(text).1.unwrap_or_else(|error| panic!("{error}"));
    let (mock, outcome) = instance.call(mock, &call(function, Bytes::from_static(&[7])));
    (mock, outcome)
}

fn evaluate(mock: Mock, expression: &str) -> (Mock, String) {
    let text = module(&format!(
        "function procedure() {{
           let text;
           try {{ text = show({expression}); }} catch (error) {{ text = 'threw ' + show(error); }}
           return new TextEncoder().encode(text);
         }}"
    ));
    match run(&text, mock, Function::Procedure(0)) {
        (mock, Outcome::Done(text)) => (mock, String::from_utf8(text).unwrap()),
        (_, other) => panic!("{expression}: {other:?}"),
    }
}

#[test]
fn each_call_asks_the_session() {
    let asked = |expression: &str, call: &str, answer: &str| {
        let (mock, text) = evaluate(Mock::default(), expression);
        assert_eq!((mock.calls.concat().as_str(), text.as_str()), (call, answer), "{expression}");
    };
    let (iter, deleted) = (ITER.to_string(), DELETED.to_string());
    let bytes = |list: &str| format!("new Uint8Array([{list}])");
    let (one, two, three) = (bytes("1"), bytes("2"), bytes("3"));
    asked("sys.table_id_from_name('t')", "table \"t\"", &TABLE.to_string());
    asked("sys.index_id_from_name('i')", "index \"i\"", &INDEX.to_string());
    asked("sys.datastore_table_row_count(1)", "count 1", &format!("{COUNT}n"));
    asked("sys.datastore_table_scan_bsatn(1)", "scan 1", &iter);
    asked(
        &format!("sys.datastore_index_scan_range_bsatn(1, {one}, 1, {two}, {three})"),
        "range 1 [1] 1 [2] [3]",
        &iter,
    );
    asked(
        &format!("sys.datastore_delete_by_index_scan_range_bsatn(1, {one}, 0, {two}, {three})"),
        "delete range 1 [] 0 [2] [3]",
        &deleted,
    );
    asked(&format!("sys.datastore_index_scan_point_bsatn(1, {two})"), "point 1 [2]", &iter);
    asked(
        &format!("sys.datastore_delete_by_index_scan_point_bsatn(1, {two})"),
        "delete point 1 [2]",
        &deleted,
    );
    asked(&format!("sys.datastore_delete_all_by_eq_bsatn(1, {two})"), "delete all 1 [2]", &deleted);
    asked("sys.row_iter_bsatn_close(1)", "close 1", "undefined");
    let row = bytes("1, 2, 3, 4");
    asked(&format!("sys.datastore_insert_bsatn(1, {row})"), "insert 1 [1, 2, 3, 4]", "bytes 170 171 172");
    asked(
        &format!("sys.datastore_update_bsatn(1, 2, {row})"),
        "update 1 2 [1, 2, 3, 4]",
        "bytes 170 171 172",
    );
    asked(&format!("sys.datastore_insert_bsatn(1, {one})"), "insert 1 [1]", "bytes ");
    asked("sys.console_timer_start('t')", "timer \"t\"", &TIMER.to_string());
    asked("sys.console_timer_end(1)", "timer end 1", "undefined");
    let hex: String = (0..32u8).rev().map(|n| format!("{:02x}", 0x80 + n)).collect();
    asked(&format!("sys.identity().__identity__ === 0x{hex}n"), "identity", "true");
    asked("sys.get_jwt_payload(5n)", "jwt 5", "bytes ");
    asked(
        &format!("sys.volatile_nonatomic_schedule_immediate('r', {one})"),
        "schedule \"r\" [1]",
        "undefined",
    );
    asked("sys.procedure_start_mut_tx()", "start", "-2n");
    asked("sys.procedure_commit_mut_tx()", "commit", "undefined");
    asked("sys.procedure_abort_mut_tx()", "abort", "undefined");
    asked(&format!("sys.procedure_http_request({one}, {two})"), "http [1] [2]", "[bytes , bytes ]");
}

#[test]
fn rows_are_read_in_pieces() {
    let rows = |rows: &[u8], more| Mock { rows: (rows.to_vec(), more), ..Mock::default() };
    let advance = format!("sys.row_iter_bsatn_advance({ITER}, 4)");
    assert_eq!(evaluate(rows(&[7, 8], true), &advance).1, "{0: false, 1: bytes 7 8}");
    assert_eq!(evaluate(rows(&[7, 8], false), &advance).1, "{0: true, 1: bytes 7 8}");
    assert_eq!(evaluate(rows(&[1; 5], true), &advance).1, "threw sealed {__buffer_too_small__: 5}");
    let huge = format!("sys.row_iter_bsatn_advance({ITER}, 4294967295)");
    assert!(evaluate(rows(&[1], true), &huge).1.starts_with("threw RangeError: "));
}

#[test]
fn errors_are_plain_objects() {
    let fail =
        |error: HostError, expression| evaluate(Mock { fail: Some(error), ..Mock::default() }, expression).1;
    assert_eq!(
        fail(Errno::NoSuchTable.into(), "sys.table_id_from_name('x')"),
        "threw sealed {__code_error__: 4}"
    );
    assert_eq!(
        fail(HostError::Http("no route".into()), "sys.procedure_http_request(new Uint8Array(), '')"),
        "threw sealed {__code_error__: 21, __error_message__: no route}"
    );
    assert!(
        evaluate(Mock::default(), "sys.datastore_insert_bsatn(1, new ArrayBuffer(1))")
            .1
            .starts_with("threw TypeError")
    );
    let (mock, outcome) = run(
        &module(
            "function reducer() { try { sys.datastore_table_scan_bsatn(1) } catch {} return { tag: 'ok' } }",
        ),
        Mock { fail: Some(HostError::Trap("end".into())), ..Mock::default() },
        Function::Reducer(0),
    );
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    assert_eq!(mock.log[0].message, "end");
}

#[test]
fn hooks_are_handed_what_they_should_be() {
    let text = module(
        "const tell = function() { 'use strict'; return new TextEncoder().encode(show([this, ...arguments].slice(0, 2).concat([...arguments].slice(-1)))); };
         function reducer() { 'use strict'; sys.console_log(2, show([this, arguments.length, arguments[4]])); return { tag: 'ok' }; }
         function view() { return tell.apply(this, arguments); }
         function anonymousView() { return { data: tell.apply(this, arguments) }; }
         function procedure() { return tell.apply(this, arguments); }",
    );
    let (mock, outcome) = run(&text, Mock::default(), Function::Reducer(3));
    assert_eq!((outcome, mock.log[0].message.as_str()), (Outcome::Done(vec![]), "[undefined, 5, bytes 7]"));
    let done = |function| match run(&text, Mock::default(), function).1 {
        Outcome::Done(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    // Rows without a header get one.
    assert_eq!(done(Function::View(3)), b"\0[undefined, 3, bytes 7]");
    assert_eq!(done(Function::AnonymousView(4)), b"[undefined, 4, bytes 7]");
    assert_eq!(done(Function::Procedure(5)), b"[undefined, 5, bytes 7]");
    let (_, outcome) = run(&text, Mock::default(), Function::HttpHandler(0));
    assert!(matches!(outcome, Outcome::Broke(Fault::Protocol(_))));
}

#[test]
fn reducers_return_how_they_ended() {
    let outcome = |answer: &str| {
        run(&module(&format!("function reducer() {{ {answer} }}")), Mock::default(), Function::Reducer(0))
    };
    assert_eq!(outcome("return { tag: 'ok', value: {} }").1, Outcome::Done(vec![]));
    assert_eq!(outcome("return { tag: 'err', value: 'no' }").1, Outcome::Refused("no".into()));
    for wrong in [
        "",
        "return 'ok'",
        "return {}",
        "return { tag: 'maybe' }",
        "return { tag: 'err' }",
        "return (async () => ({ tag: 'ok' }))()",
    ] {
        assert!(matches!(outcome(wrong).1, Outcome::Broke(Fault::Protocol(_))), "{wrong}");
    }
    let (mock, outcome) = outcome("throw new Error('x')");
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    assert_eq!((mock.log[0].level, mock.log[0].message.as_str()), (LogLevel::Panic, "Error: x"));
}

#[test]
fn hooks_are_registered_once_and_whole() {
    let fails = |text: &str| match start(text).1 {
        Err(LoadError::Start { function, fault: Fault::Trapped(text) }) => {
            assert_eq!(function, "top level");
            text
        }
        Ok(_) => panic!("it starts: {text}"),
        Err(other) => panic!("{other:?}"),
    };
    let import = "import { register_hooks } from 'spacetime:sys@1.0';";
    let hooks = "{ __describe_module__() {}, __call_reducer__() {} }";
    assert!(fails(&format!("{import} register_hooks()")).starts_with("TypeError: "));
    assert!(fails(&format!("{import} register_hooks({{}})")).contains("`__describe_module__`"));
    assert!(
        fails(&format!("{import} register_hooks({{ __describe_module__() {{}} }})"))
            .contains("`__call_reducer__`")
    );
    let twice = format!("{import} register_hooks({hooks}); register_hooks({hooks});");
    assert!(fails(&twice).contains("was registered already"));
    assert!(
        fails("import { register_hooks } from 'spacetime:sys@1.1'; register_hooks({ __call_view__() {} })")
            .contains("`__call_view_anon__`")
    );
    // The oldest modules have no views and no procedures.
    let mut old = start(&format!("{import} register_hooks({hooks});")).1.unwrap();
    let (_, outcome) = old.call(Mock::default(), &call(Function::View(0), Bytes::new()));
    assert!(matches!(outcome, Outcome::Broke(Fault::Protocol(text)) if text.contains("`__call_view__`")));
    // Describing works as ever.
    assert_eq!(compile(&module("")).unwrap().describe(Mock::default(), LIMIT).1, Ok(vec![1]));
    let (_, outcome) = start(&module("")).1.unwrap().call(Mock::default(), &reducer());
    assert_eq!(outcome, Outcome::Done(vec![]));
}
