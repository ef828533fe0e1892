//! What is taken as a module, and how an instance of it starts.

use std::time::Duration;

use orrery_host_abi::{Fault, HostError, Instance, LogLevel, Outcome};
use orrery_runtime::engine::LoadError;

use crate::{
    LIMIT, MEMORY_LIMIT, compile,
    mock::Mock,
    module,
    probe::{IMPORTS, Probe},
    reducer, start,
};

/// Why a module is not taken.
#[track_caller]
fn refusal(wat: &str) -> String {
    match compile(wat) {
        Err(LoadError::Abi(text)) => text,
        other => panic!("it is not built for this host: {other:?}"),
    }
}

fn importing(imports: &str) -> String {
    format!(
        "(module {imports} (memory (export \"memory\") 1)
            (func (export \"__describe_module__\") (param i32))
            (func (export \"__call_reducer__\")
                (param i32 i64 i64 i64 i64 i64 i64 i64 i32 i32) (result i32) (i32.const 0)))"
    )
}

fn import(module: &str) -> String {
    format!("(import \"{module}\" \"identity\" (func (param i32)))")
}

#[test]
fn the_version_is_that_of_the_imports() {
    for (imports, expected) in [
        ("(import \"spacetime_10\" \"identity\" (func (param i32)))".to_owned(), "`spacetime_10`"),
        (import("spacetime_"), "`spacetime_`"),
        (import("spacetime_10.x"), "`spacetime_10.x`"),
        (import("spacetime_10.0.1"), "`spacetime_10.0.1`"),
        (import("spacetime_10.70000"), "`spacetime_10.70000`"),
        (import("spacetime_10.0") + &import("spacetime_11.0"), "two major versions"),
        (String::new(), "imports no function"),
        (import("env"), "imports no function"),
        // Only functions count.
        ("(import \"spacetime_10.0\" \"g\" (global i32))".to_owned(), "imports no function"),
        (import("spacetime_9.0"), "9.0"),
        (import("spacetime_11.0"), "11.0"),
        (import("spacetime_10.0") + &import("spacetime_10.6"), "10.6"),
    ] {
        let text = refusal(&importing(&imports));
        assert!(text.contains(expected), "{imports}: {text}");
    }
    compile(&importing(&import("spacetime_10.0"))).expect("that is the host's version");
}

#[test]
fn every_import_exists_in_one_version_only() {
    for (module, name, params, result) in IMPORTS {
        let result = if result.is_empty() { String::new() } else { format!("(result {result})") };
        let ty = format!("(func (param {}) {result})", params.join(" "));
        for minor in 0..=5 {
            let version = format!("spacetime_10.{minor}");
            let wat = importing(&format!("(import \"{version}\" \"{name}\" {ty})"));
            if version == module {
                compile(&wat).unwrap_or_else(|e| panic!("{name}: {e}"));
            } else {
                let text = refusal(&wat);
                assert!(text.contains(&format!("`{version}.{name}`")), "{text}");
            }
        }
        let other = importing(&format!("(import \"{module}\" \"{name}\" (func (param f32) {result}))"));
        assert!(refusal(&other).contains(name));
    }
    Probe::new();
}

#[test]
fn other_imports_are_named() {
    let known = import("spacetime_10.0");
    for (import, expected) in [
        ("(import \"wasi_snapshot_preview1\" \"fd_write\" (func))", "`wasi_snapshot_preview1.fd_write`"),
        ("(import \"__wbindgen_placeholder__\" \"__wbg_now\" (func))", "cargo tree -i wasm-bindgen"),
        ("(import \"wbg\" \"__wbg_now\" (func))", "cargo tree -i wasm-bindgen"),
        ("(import \"env\" \"__getrandom_custom\" (func))", "`ctx.rng()`"),
        ("(import \"env\" \"abort\" (func))", "`env.abort`"),
        ("(import \"spacetime_10.0\" \"no_such\" (func))", "`spacetime_10.0.no_such`"),
        ("(import \"env\" \"table\" (table 1 funcref))", "`env.table`"),
        ("(import \"env\" \"g\" (global i32))", "`env.g`"),
    ] {
        let text = refusal(&importing(&(known.clone() + import)));
        assert!(text.contains(expected), "{text}");
    }
    assert!(
        refusal(&importing(&(known + "(import \"wasi_unstable\" \"x\" (func))")))
            .contains("no access to WASI")
    );
}

#[test]
fn required_exports_are_checked() {
    let whole = module("");
    for (from, to, expected) in [
        ("(memory (export \"memory\") 1)", "(memory 1)", "export its memory"),
        ("(memory (export \"memory\") 1)", "(func (export \"memory\"))", "`memory` is not a memory"),
        ("(export \"__describe_module__\" (func $describe))", "", "`__describe_module__`"),
        ("(export \"__call_reducer__\" (func $reducer))", "", "`__call_reducer__`"),
        (
            "(export \"__describe_module__\" (func $describe))",
            "(func (export \"__describe_module__\"))",
            "() -> ()",
        ),
        (
            "(export \"__describe_module__\" (func $describe))",
            "(global (export \"__describe_module__\") i32 (i32.const 0))",
            "`__describe_module__` is not a function",
        ),
        ("(export \"__call_reducer__\" (func $reducer))", "(func (export \"__call_reducer__\"))", "() -> ()"),
    ] {
        assert!(whole.contains(from));
        let text = refusal(&whole.replace(from, to));
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn optional_exports_must_have_the_right_type() {
    for name in [
        "__setup__",
        "__preinit__10_x",
        "__call_view__",
        "__call_view_anon__",
        "__call_procedure__",
        "__call_http_handler__",
    ] {
        let text = refusal(&module(&format!("(func (export \"{name}\") (param f64))")));
        assert!(text.contains(name) && text.contains("(f64) -> ()"), "{text}");
        let text = refusal(&module(&format!("(global (export \"{name}\") i32 (i32.const 0))")));
        assert!(text.contains(name) && text.contains("not a function"), "{text}");
    }
    let handler = "(func (export \"__call_http_handler__\") (param i32 i64 i32 i32 i32 i32) (result i32) (i32.const 0))";
    compile(&module(handler)).unwrap();
}

#[test]
fn a_start_section_is_refused() {
    let text = refusal(&module("(func $go (unreachable)) (start $go)"));
    assert!(text.contains("`start` section"), "{text}");
}

#[test]
fn other_memories_than_one_of_32_bits_are_refused() {
    for body in ["(memory (export \"memory\") i64 1)", "(memory (export \"memory\") 1) (memory 1)"] {
        assert!(matches!(compile(&module(body)), Err(LoadError::Invalid(_))), "{body}");
    }
}

/// Functions that each append a letter to the description.
const STEPS: &str = "(global $at (mut i32) (i32.const 1024))
    (func $step (param i32) (i32.store8 (global.get $at) (local.get 0))
        (global.set $at (i32.add (global.get $at) (i32.const 1))))
    (func $describe (param $sink i32)
        (call $step (i32.const 68)) ;; D
        (i32.store (i32.const 512) (i32.sub (global.get $at) (i32.const 1024)))
        (drop (call $bytes_sink_write (local.get $sink) (i32.const 1024) (i32.const 512))))";

fn step(export: &str, letter: char) -> String {
    format!("(func (export \"{export}\") (call $step (i32.const {})))", letter as u32)
}

#[test]
fn an_instance_starts_in_order() {
    let wat = module(
        &[
            STEPS,
            &step("__preinit__20_b", 'b'),
            "(func (export \"__setup__\") (param i32) (result i32) (call $step (i32.const 115)) (i32.const 0))",
            &step("__preinit__10_c", 'c'),
            &step("_initialize", 'i'),
            &step("__preinit__05_d", 'd'),
            &step("__preinit__10_a", 'a'),
            &step("__preinit__", '0'),
            &step("_start", 'X'),
            &step("__preinit", 'Y'),
        ]
        .concat(),
    );
    let (mock, started) = start(&wat);
    let (mut instance, description) = started.unwrap();
    assert_eq!(String::from_utf8(description).unwrap(), "i0dacbsD");
    assert!(mock.log.is_empty());
    // Nothing of this happens again.
    assert_eq!(instance.call(Mock::default(), &reducer()).1, Outcome::Done(vec![]));
}

#[test]
fn each_instance_describes_itself_once() {
    let wat = module(STEPS);
    let program = compile(&wat).unwrap();
    for _ in 0..2 {
        assert_eq!(program.start(Mock::default(), LIMIT).1.unwrap().1, b"D");
    }
}

#[test]
fn an_initialize_of_another_type_is_not_called() {
    let wat = module("(func (export \"_initialize\") (param i32) (unreachable))");
    start(&wat).1.unwrap();
}

#[test]
fn setup_may_say_no() {
    let setup = |code| {
        module(&format!(
            "(data (i32.const 1024) \"no \\ff table\")
            (func (export \"__setup__\") (param $sink i32) (result i32)
                (i32.store (i32.const 512) (i32.const 10))
                (drop (call $bytes_sink_write (local.get $sink) (i32.const 1024) (i32.const 512)))
                (i32.const {code}))
            (func $describe (param i32) (unreachable))"
        ))
    };
    let said_no = start(&setup(1)).1.unwrap_err();
    assert_eq!(said_no, LoadError::Setup("no \u{fffd} table".to_owned()));
    let unknown = start(&setup(-7)).1.unwrap_err();
    assert!(matches!(&unknown, LoadError::Setup(text) if text.contains("-7")), "{unknown}");
}

#[test]
fn a_start_that_breaks_names_the_step_and_gives_the_session_back() {
    let broken = "(data (i32.const 1024) \"bad table\")
        (func $panic (call $console_log (i32.const 101) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 7) (i32.const 1024) (i32.const 9)) (unreachable))";
    for (export, body) in [
        ("_initialize", "(export \"_initialize\" (func $panic))"),
        ("__preinit__1", "(export \"__preinit__1\" (func $panic))"),
        ("__setup__", "(func (export \"__setup__\") (param i32) (result i32) (call $panic) (i32.const 0))"),
        ("__describe_module__", "(func $describe (param i32) (call $panic))"),
    ] {
        let (mock, started) = start(&module(&format!("{broken} {body}")));
        let LoadError::Start { function, fault } = started.unwrap_err() else { panic!("it broke: {export}") };
        assert_eq!(function, export);
        // Whoever publishes the module should see this at once.
        assert_eq!(fault, Fault::Trapped("bad table".to_owned()));
        assert_eq!(mock.log.len(), 1);
        assert_eq!((mock.log[0].level, &mock.log[0].message[..]), (LogLevel::Panic, "bad table"));
    }
}

#[test]
fn host_calls_are_possible_while_starting() {
    let (mock, started) = start(&module("(func $describe (param i32) (call $identity (i32.const 99)))"));
    started.unwrap();
    assert_eq!(mock.calls, ["identity"]);
}

#[test]
fn a_host_call_that_traps_ends_the_start() {
    let wat = module(
        "(import \"spacetime_10.3\" \"procedure_sleep_until\" (func $sleep (param i64) (result i64)))
        (func $describe (param i32) (drop (call $sleep (i64.const 0))))",
    );
    // Imports come first in the text format.
    let wat = {
        let import =
            "(import \"spacetime_10.3\" \"procedure_sleep_until\" (func $sleep (param i64) (result i64)))";
        wat.replace(import, "").replacen("(module", &format!("(module {import}"), 1)
    };
    let mock = Mock { fail: Some(HostError::Trap("not here".to_owned())), ..Mock::default() };
    let (_, started) = compile(&wat).unwrap().start(mock, LIMIT);
    assert!(started.unwrap_err().to_string().contains("not here"));
}

#[test]
fn a_start_without_end_is_stopped() {
    let limit = Duration::from_millis(40);
    let program = compile(&module("(func $describe (param i32) (loop $l (br $l)))")).unwrap();
    let (_, started) = program.start(Mock::default(), limit);
    let error = started.unwrap_err();
    assert!(matches!(error, LoadError::Start { fault: Fault::TimedOut(l), .. } if l == limit), "{error}");
}

#[test]
fn a_module_that_begins_with_too_much_does_not_start() {
    let pages = MEMORY_LIMIT / 65536 + 1;
    let (_, started) = start(&module(&format!("(memory (export \"memory\") {pages})")));
    let error = started.unwrap_err();
    assert!(matches!(error, LoadError::Start { fault: Fault::OutOfMemory(MEMORY_LIMIT), .. }), "{error}");

    let (_, started) = start(&module("(table 9000000 funcref)"));
    assert!(matches!(started.unwrap_err(), LoadError::Start { fault: Fault::Trapped(_), .. }));
    let tables = "(table 300000 funcref)".repeat(4);
    assert!(start(&module(&tables)).1.is_err(), "tables count together");
}

#[test]
fn data_outside_the_memory_does_not_start() {
    let (_, started) = start(&module("(data (i32.const 65535) \"ab\")"));
    let error = started.unwrap_err().to_string();
    assert!(error.contains("out of bounds memory"), "{error}");
}

#[test]
fn what_compilers_emit_is_taken() {
    let wat = module(
        "(table $t 2 funcref)
        (elem $passive func $f $f)
        (elem (table $t) (i32.const 0) func $f)
        (data $d \"passive\")
        (global $base i32 (i32.add (i32.const 4) (i32.const 4)))
        (data (i32.add (global.get $base) (i32.const 8)) \"placed\")
        (func $f)
        (func $two (result i32 i64) (i32.const 1) (i64.const 2))
        (func $tail (param i32) (result i32) (return_call $tail2 (local.get 0)))
        (func $tail2 (param i32) (result i32) (i32.extend8_s (local.get 0)))
        (func $simd (result i32) (i32x4.extract_lane 0 (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 1 1 1))))
        (func (export \"__preinit__1\")
            (memory.init $d (i32.const 64) (i32.const 0) (i32.const 7))
            (memory.copy (i32.const 80) (i32.const 64) (i32.const 7))
            (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 2))
            (drop (i32.trunc_sat_f32_s (f32.const nan)))
            (drop (ref.is_null (table.get $t (i32.const 0))))
            (drop (call $tail (i32.const 200)))
            (drop (call $simd))
            (call $two) (drop) (drop)
            (if (i32.ne (i32.load8_u (i32.const 16)) (i32.const 112)) (then (unreachable))))",
    );
    start(&wat).1.unwrap();
}
