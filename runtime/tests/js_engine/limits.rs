//! What a module may not take: time and memory. Every call ends, and the process goes on.

use std::time::Duration;

use bytes::Bytes;
use orrery_host_abi::{Call, Fault, Function, HostError, Instance, LogLevel, Outcome};
use orrery_runtime::engine::{LoadError, js::JsInstance};

use crate::{
    LIMIT, MEMORY_LIMIT, call, compile, instance, mock::Mock, module, module_with_reducer, reduce, reducer,
};

fn late(body: &str) {
    let limit = Duration::from_millis(300);
    let mut instance = instance(&module_with_reducer(body));
    let (mock, outcome) = instance.call(Mock::default(), &Call { time_limit: limit, ..reducer() });
    assert_eq!(outcome, Outcome::Broke(Fault::TimedOut(limit)), "{body}");
    assert!(instance.is_spent(), "{body}");
    let last = mock.log.last().expect("a line");
    assert_eq!((last.level, last.message.as_str()), (LogLevel::Panic, &*Fault::TimedOut(limit).to_string()));
    assert!(mock.log.iter().all(|line| line.message != "caught"), "{body}");
}

#[test]
fn calls_that_never_end() {
    for body in [
        "for (;;);",
        "try { for (;;); } catch { sys.console_log(0, 'caught') } finally { sys.console_log(0, 'caught') }",
        "const o = { get x() { for (;;); } }; o.x;",
        "`${{ toString() { for (;;); } }}`",
        "[3, 1, 2].sort(() => { for (;;); })",
        "JSON.parse('[1]', () => { for (;;); })",
        "new Proxy({}, { get() { for (;;); } }).x",
        "function* g() { for (;;) yield 1; } for (const x of g());",
        "/^(a+)+$/.test('a'.repeat(64) + 'b')",
        "(async () => { for (;;) await 0; })();",
        "function again() { Promise.resolve().then(again) } again();",
        "Promise.resolve().then(() => { for (;;); });",
        "(async () => { try { for (;;) await 0; } finally { sys.console_log(0, 'caught') } })();",
        "eval('for (;;);')",
        "new Function('for (;;);')()",
        "class A { static { for (;;); } }",
        "throw { get message() { for (;;); }, __proto__: SenderError.prototype };",
        "let x = 2n ** 100000n; for (;;) x = x * x % (2n ** 100001n - 1n);",
        "for (;;) try { (function f() { f() })() } catch {}",
        "const wasm = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0,
           7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11])); new WebAssembly.Instance(wasm).exports.f();",
    ] {
        late(body);
    }
}

#[test]
fn nobody_can_be_waited_for() {
    let text = crate::value("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)");
    assert!(text.starts_with("threw TypeError: "), "{text}");
}

#[test]
fn an_answer_that_comes_too_late_does_not_count() {
    let limit = Duration::from_millis(50);
    let mut instance = instance(&module("function view() { return { get data() { for (;;); } } }"));
    let call = Call { time_limit: limit, ..call(Function::View(0), Bytes::new()) };
    assert_eq!(instance.call(Mock::default(), &call).1, Outcome::Broke(Fault::TimedOut(limit)));
}

#[test]
fn waiting_is_not_running() {
    let limit = Duration::from_millis(500);
    let timed_out = Outcome::Broke(Fault::TimedOut(limit));
    for host_call in [
        "sys.procedure_start_mut_tx()",
        "sys.procedure_commit_mut_tx()",
        "sys.procedure_http_request(new Uint8Array(), '')",
    ] {
        let run = |then: &str| {
            let text = module(&format!("function procedure() {{ {host_call}; {then} }}"));
            let call = Call { time_limit: limit, ..call(Function::Procedure(0), Bytes::new()) };
            instance(&text).call(Mock { waits: 2 * limit, ..Mock::default() }, &call).1
        };
        assert_eq!(run("return new Uint8Array([1])"), Outcome::Done(vec![1]), "{host_call}");
        assert_eq!(run("for (;;);"), timed_out, "{host_call}");
    }
}

#[test]
fn time_that_is_left_is_not_saved_up() {
    let mut instance = instance(&module_with_reducer("if (id === 1) for (;;);"));
    for _ in 0..3 {
        let (_, outcome) = instance.call(Mock::default(), &reducer());
        assert_eq!(outcome, Outcome::Done(vec![]));
    }
    let limit = Duration::from_millis(50);
    let endless = Call { time_limit: limit, ..call(Function::Reducer(1), Bytes::new()) };
    assert_eq!(instance.call(Mock::default(), &endless).1, Outcome::Broke(Fault::TimedOut(limit)));
    let (_, outcome) = instance.call(Mock::default(), &reducer());
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(text)) if text.contains("was not replaced")));
}

fn too_much(body: &str) {
    let (mock, outcome, instance) = reduce(body);
    assert_eq!(outcome, Outcome::Broke(Fault::OutOfMemory(MEMORY_LIMIT)), "{body}");
    assert!(instance.is_spent(), "{body}");
    let last = mock.log.last().expect("a line");
    assert_eq!(last.message, Fault::OutOfMemory(MEMORY_LIMIT).to_string(), "{body}");
}

#[test]
fn calls_that_want_too_much_memory() {
    for body in [
        "const a = []; for (;;) a.push(1);",
        "const a = []; for (;;) a.push({ n: a.length });",
        "const a = []; for (;;) a.push([a.length]);",
        "let a = [1]; for (;;) a = [...a, ...a];",
        "let a = new Array(1e6).fill(0); for (;;) a = a.concat(a);",
        "const a = []; try { for (;;) a.push('x'.repeat(1e5) + a.length); } catch { sys.console_log(0, 'caught') }",
        "const a = []; for (;;) { const s = 'x'.repeat(1e6) + a.length; s.charCodeAt(5); a.push(s.split('')); }",
        "let f = () => 1; for (;;) { const g = f; f = () => g; }",
        "const m = new Map(); for (let n = 0;; n++) m.set(n, [n]);",
        "const m = new Set(); for (let n = 0;; n++) m.add(`${n}`);",
        "const o = {}; for (let n = 0;; n++) o['key' + n] = n;",
        "const a = []; for (;;) a.push(/(a)(b)/.exec('ab'));",
        "const a = []; for (let n = 0;; n++) a.push(new RegExp('x' + n));",
        "const a = []; for (;;) a.push(JSON.parse('[1,2,3,{\"a\":[]}]'));",
        "const a = []; for (;;) a.push(new Error('x'));",
        "const a = []; for (;;) a.push(new Promise(() => {}));",
        "const a = []; for (;;) a.push(2n ** 100000n);",
        "const a = []; for (let n = 0;; n++) a.push(Symbol(n));",
        "const a = []; for (;;) a.push(new Uint8Array(1e6));",
        "const a = []; for (;;) a.push(new Float64Array(10));",
        "const a = []; for (;;) a.push(new ArrayBuffer(1e5));",
        "const a = []; for (;;) try { a.push(new ArrayBuffer(1e6)); } catch {}",
        "const a = []; for (;;) a.push(new SharedArrayBuffer(1e6));",
        "const a = []; for (;;) a.push(new TextEncoder().encode('x'.repeat(1e5)));",
        "const b = new ArrayBuffer(0, { maxByteLength: 1e9 }); b.resize(1e8); for (;;) new Uint8Array(b).fill(1);",
        "Promise.resolve().then(() => { const a = []; for (;;) a.push({}); });",
        "new Uint8Array(1e9)",
        "const a = new Array(1e7).fill([]); JSON.stringify(a).length; for (const x of a) a.push({});",
    ] {
        too_much(body);
    }
}

#[test]
fn who_asks_for_less_gets_it() {
    // What was given back can be had again, and what was refused does no harm to who can do without it.
    let (_, outcome, instance) = reduce(
        "for (let n = 0; n < 100; n++) new Uint8Array(10e6).fill(1);
         try { new Uint8Array(1e9); } catch (e) { if (!(e instanceof RangeError)) throw e; }",
    );
    assert!(matches!(outcome, Outcome::Done(_) | Outcome::Broke(Fault::OutOfMemory(_))), "{outcome:?}");
    drop(instance);
}

#[test]
fn text_for_the_log_is_memory_too() {
    too_much("sys.console_log(2, '\u{20ac}'.repeat(20e6))");
}

#[test]
fn too_deep_a_recursion_can_be_caught() {
    let (mock, outcome, instance) =
        reduce("try { (function f() { f() })() } catch (e) { sys.console_log(2, show(e)) }");
    assert_eq!(outcome, Outcome::Done(vec![]));
    assert_eq!(mock.log[0].message, "RangeError: Maximum call stack size exceeded");
    assert!(!instance.is_spent());
    let (mock, outcome, instance) = reduce("(function f() { f() })()");
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    assert_eq!(mock.log[0].message, "RangeError: Maximum call stack size exceeded");
    assert!(!instance.is_spent());
    // In the engine's own functions, and with host calls at the bottom.
    for body in [
        "let a = []; for (let n = 0; n < 1e5; n++) a = [a]; a.flat(Infinity);",
        "(function f() { sys.table_id_from_name('x'); f(); })()",
        "(function f() { [1].map(f) })()",
        "new RegExp('('.repeat(5e4) + ')'.repeat(5e4))",
        "let s = '['.repeat(1e6); JSON.parse(s)",
        "const o = {}; o.toString = () => `${o}`; `${o}`",
    ] {
        let (_, outcome, instance) = reduce(body);
        // On a busy machine V8 may be looked at from outside meanwhile, and then what other tests take counts, too.
        if matches!(outcome, Outcome::Broke(Fault::OutOfMemory(_))) {
            continue;
        }
        assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))), "{body}: {outcome:?}");
        assert!(!instance.is_spent());
    }
}

/// How a program's calls end that makes V8 give up.
fn give_up(instance: &mut JsInstance<Mock>) -> Outcome {
    let (mock, outcome) = instance.call(Mock::default(), &reducer());
    assert_eq!(mock.log.len(), 1, "the session has come back: {:?}", mock.log);
    outcome
}

#[test]
fn what_v8_gives_up_on_ends_the_call_only() {
    // An array of more than 2^27 elements.
    let text = module_with_reducer(
        "'x'.repeat(2 ** 25).split('').length; Array.prototype.sort.call({ length: 2 ** 31 })",
    );
    let program = compile(&text).unwrap();
    for _ in 0..3 {
        let mut instance = program.start(Mock::default(), LIMIT).1.unwrap();
        assert_eq!(give_up(&mut instance), Outcome::Broke(Fault::OutOfMemory(MEMORY_LIMIT)));
        assert!(instance.is_spent());
        let (_, outcome) = instance.call(Mock::default(), &reducer());
        assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
        drop(instance);
        // Others are as well as before, on the same thread and with plenty of work for the collector.
        let (_, outcome, _) = reduce("for (let n = 0; n < 1e6; n++) ({ n });");
        assert_eq!(outcome, Outcome::Done(vec![]));
    }
    // What it had is lost to the process, so there is an end to it.
    let error = program.start(Mock::default(), LIMIT).1.unwrap_err();
    assert!(matches!(error, LoadError::Setup(text) if text.contains("3 times")));
}

#[test]
fn what_v8_does_not_end_is_given_up_on() {
    for body in [
        "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)",
        "const a = []; a[2 ** 32 - 2] = 1; a.indexOf(2);",
        "('a'.repeat(2 ** 19) + 'b').repeat(20).lastIndexOf('a'.repeat(2 ** 18) + 'c')",
    ] {
        late(body);
    }
    // Nobody counts what the parser needs, so its memory is that of the process.
    let limit = Duration::from_secs(60);
    let mut instance = instance(&module_with_reducer("eval('1;'.repeat(2 ** 24))"));
    let (mock, outcome) = instance.call(Mock::default(), &Call { time_limit: limit, ..reducer() });
    assert_eq!(outcome, Outcome::Broke(Fault::OutOfMemory(MEMORY_LIMIT)));
    assert_eq!(mock.log.len(), 1);
    assert!(instance.is_spent());
    drop(instance);
    let (_, outcome, _) = reduce("for (let n = 0; n < 1e6; n++) ({ n });");
    assert_eq!(outcome, Outcome::Done(vec![]));
}

#[test]
fn a_host_call_is_not_left_half_done() {
    let limit = Duration::from_millis(50);
    let mut instance = instance(&module_with_reducer("sys.identity(); for (;;);"));
    let slow = Mock { takes: Duration::from_secs(3), ..Mock::default() };
    let (mock, outcome) = instance.call(slow, &Call { time_limit: limit, ..reducer() });
    assert_eq!(outcome, Outcome::Broke(Fault::TimedOut(limit)));
    assert_eq!(mock.calls, ["identity"]);
}

#[test]
fn a_session_that_ends_the_call_is_told_nothing_more() {
    let (mock, outcome) = instance(&module_with_reducer(
        "try { sys.table_id_from_name('x') } catch {} for (let n = 0; n < 1e9; n++) sys.identity();",
    ))
    .call(Mock { fail: Some(HostError::Trap("over".into())), ..Mock::default() }, &reducer());
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    assert_eq!(mock.calls, ["table \"x\""]);
}
