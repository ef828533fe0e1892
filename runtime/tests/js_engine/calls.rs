//! Calls into a module: what its hooks are handed, and what their answers mean.

use bytes::Bytes;
use orrery_host_abi::{Call, ConnectionId, Fault, Function, Identity, Instance, LogLevel, Outcome};

use crate::{call, instance, mock::Mock, module, module_with_reducer, reduce, reducer};

fn protocol(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Broke(Fault::Protocol(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// The one line that a module's log has.
fn only_line(mock: &Mock) -> (LogLevel, &str) {
    assert_eq!(mock.log.len(), 1, "{:?}", mock.log);
    (mock.log[0].level, &mock.log[0].message)
}

#[test]
fn hooks_are_handed_what_they_should_be() {
    let tell = "return new TextEncoder().encode(show([this instanceof Hooks, ...arguments]))";
    let mut instance = instance(&module(&format!(
        "function reducer(id, sender, connection, time, args) {{
           sys.console_log(2, show([this instanceof Hooks, id, sender, connection, time, args instanceof DataView,
             args.byteOffset, args.buffer.byteLength, new Uint8Array(args.buffer, 0, args.byteLength)]));
         }}
         function view() {{ {tell}; }}
         function anonymousView() {{ {tell}; }}
         function procedure() {{ {tell}; }}
         function handler() {{ return [new TextEncoder().encode(show([this instanceof Hooks, ...arguments])), arguments[3]]; }}
         {{ const made = Hooks.prototype;
            for (const name of ['__call_view__', '__call_view_anon__']) {{
              const inner = made[name];
              made[name] = function() {{ return {{ data: inner.apply(this, arguments) }}; }};
            }} }}"
    )));
    let hex = |bytes: std::ops::Range<u8>| bytes.rev().map(|n| format!("{n:02x}")).collect::<String>();
    let sender = format!("0x{}n", hex(0..32).trim_start_matches('0'));
    let connection = format!("0x{}n", hex(0x40..0x50));
    let mut run = |function, args: &'static [u8]| {
        let mut call = call(function, Bytes::from_static(args));
        call.body = Bytes::from_static(&[5, 6]);
        let (mock, outcome) = instance.call(Mock::default(), &call);
        match outcome {
            Outcome::Done(text) => (
                mock.log.into_iter().map(|line| line.message).collect::<String>(),
                String::from_utf8(text).unwrap(),
            ),
            Outcome::Responded { head, body } => {
                assert_eq!(body, [5, 6]);
                (String::new(), String::from_utf8(head).unwrap())
            }
            other => panic!("{other:?}"),
        }
    };
    let (log, _) = run(Function::Reducer(3), &[7, 8]);
    assert_eq!(log, format!("[true, 3, {sender}, {connection}, -5n, true, 0, 4096, bytes 7 8]"));
    let (log, _) = run(Function::Reducer(4294967295), &[]);
    assert_eq!(log, format!("[true, 4294967295, {sender}, {connection}, -5n, true, 0, 4096, bytes ]"));
    assert_eq!(run(Function::View(1), &[9]).1, format!("[true, 1, {sender}, bytes 9]"));
    assert_eq!(run(Function::AnonymousView(2), &[]).1, "[true, 2, bytes ]");
    assert_eq!(
        run(Function::Procedure(3), &[1]).1,
        format!("[true, 3, {sender}, {connection}, -5n, bytes 1]")
    );
    assert_eq!(run(Function::HttpHandler(4), &[1]).1, "[true, 4, -5n, bytes 1, bytes 5 6]");
}

#[test]
fn every_caller_is_told_from_all_others() {
    let mut instance =
        instance(&module_with_reducer("sys.console_log(2, show([arguments[1], arguments[2]]));"));
    let bigint = |bytes: &[u8]| {
        let hex: String = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
        format!("0x{}n", hex.trim_start_matches('0'))
    };
    let mut check = |number: u16| {
        let mut call = reducer();
        call.caller =
            Identity(std::array::from_fn(|n| if n == 31 { 0xc2 } else { (number >> (n % 2)) as u8 }));
        let connection = u128::MAX / u128::from(number + 1);
        call.connection = Some(ConnectionId(connection));
        let expected = format!("[{}, {}]", bigint(&call.caller.0), bigint(&connection.to_le_bytes()));
        assert_eq!(only_line(&instance.call(Mock::default(), &call).0).1, expected);
        // The same person by another way.
        call.connection = None;
        let expected = format!("[{}, 0n]", bigint(&call.caller.0));
        assert_eq!(only_line(&instance.call(Mock::default(), &call).0).1, expected);
    };
    // Some once, some in turns, some again and again, and more than are kept.
    (0..1000).for_each(&mut check);
    (0..1000).map(|n| n % 7).for_each(&mut check);
    (0..1000).map(|n| n / 10 * 64).for_each(&mut check);
}

#[test]
fn arguments_share_a_buffer_unless_they_are_long() {
    let mut instance = instance(&module_with_reducer(
        "let sum = 0;
         for (let n = 0; n < args.byteLength; n++) sum += args.getUint8(n);
         sys.console_log(2, `${args.byteLength} ${sum} ${args.buffer === globalThis.last}`);
         if (id === 1) args.buffer.transfer(); else globalThis.last = args.buffer;",
    ));
    let mut run = |id, len: usize| {
        let (mock, outcome) = instance.call(Mock::default(), &call(Function::Reducer(id), vec![1; len]));
        assert_eq!(outcome, Outcome::Done(vec![]));
        mock.log[0].message.clone()
    };
    assert_eq!(run(0, 5), "5 5 false");
    assert_eq!(run(0, 5), "5 5 true");
    assert_eq!(run(0, 4096), "4096 4096 true");
    assert_eq!(run(0, 4097), "4097 4097 false");
    assert_eq!(run(0, 2 << 20), "2097152 2097152 false");
    // A module that gives the buffer away only hurts itself.
    assert_eq!(run(1, 3), "3 3 false");
    assert_eq!(run(0, 3), "3 3 false");
    assert_eq!(run(0, 0), "0 0 true");
}

#[test]
fn a_reducer_returns_nothing() {
    assert_eq!(reduce("").1, Outcome::Done(vec![]));
    for (answer, hint) in [
        ("null", false),
        ("5", false),
        ("{ tag: 'ok' }", false),
        ("Promise.resolve()", true),
        ("(async () => {})()", true),
    ] {
        let (mock, outcome, instance) = reduce(&format!("return {answer}"));
        let text = protocol(&outcome);
        assert!(text.starts_with("`__call_reducer__` must return undefined"), "{text}");
        assert_eq!(text.contains("promise"), hint, "{text}");
        assert!(!instance.is_spent());
        assert!(mock.log.is_empty());
    }
}

#[test]
fn what_comes_after_an_await_still_belongs_to_the_call() {
    let (mock, outcome, _) = reduce("(async () => { await 0; await 0; sys.console_log(2, 'after'); })();");
    assert_eq!(outcome, Outcome::Done(vec![]));
    assert_eq!(only_line(&mock), (LogLevel::Info, "after"));
}

#[test]
fn promises_that_fail_are_heard_of() {
    let (mock, outcome, instance) = reduce("(async () => { await 0; throw new Error('unheard') })();");
    assert_eq!((outcome, instance.is_spent()), (Outcome::Done(vec![]), false));
    let message = "a promise failed, and nothing waits for it: Error: unheard";
    assert_eq!(only_line(&mock), (LogLevel::Error, message));
    assert_eq!(mock.log[0].filename.as_deref(), Some("spacetimedb_module"));
    for handled in [
        "(async () => { throw new Error('heard') })().catch(() => {});",
        "const p = Promise.reject(1); Promise.resolve().then(() => p.catch(() => {}));",
        "(async () => { try { await Promise.reject(1) } catch {} })();",
    ] {
        assert!(reduce(handled).0.log.is_empty(), "{handled}");
    }
    let (mock, ..) = reduce("for (let n = 0; n < 1000; n++) Promise.reject(n);");
    assert_eq!(mock.log.len(), 16);
}

#[test]
fn sender_errors_are_for_the_caller() {
    for (thrown, message) in [
        ("new SenderError('no')", "no"),
        ("new SenderError()", ""),
        ("new (class extends SenderError {})('h\u{e9}')", "h\u{e9}"),
        ("Object.assign(new SenderError(), { message: 5 })", "5"),
        ("Object.assign(new SenderError(), { message: { toString() { return 'made' } } })", "made"),
        ("Object.create(SenderError.prototype, { message: { get() { return 'got' } } })", "got"),
    ] {
        let (mock, outcome, instance) = reduce(&format!("throw {thrown}"));
        assert_eq!(outcome, Outcome::Refused(message.to_owned()));
        assert!(mock.log.is_empty() && !instance.is_spent());
    }
    // One that cannot say what it is, is an error like any other.
    for thrown in [
        "Object.assign(new SenderError(), { message: Symbol() })",
        "Object.create(SenderError.prototype, { message: { get() { throw new Error('inner') } } })",
    ] {
        let (mock, outcome, instance) = reduce(&format!("throw {thrown}"));
        assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))), "{outcome:?}");
        assert_eq!(only_line(&mock).0, LogLevel::Panic);
        assert!(!instance.is_spent());
    }
}

#[test]
fn other_errors_are_for_the_log() {
    for (thrown, message) in [
        ("new TypeError('no')", "TypeError: no"),
        ("new Error()", "Error"),
        ("'text'", "text"),
        ("null", "null"),
        ("undefined", "undefined"),
        ("5n", "5"),
        ("Symbol('s')", "Symbol(s)"),
        ("{}", "#<Object>"),
        ("[1, 2]", "[object Array]"),
        ("{ toString() { throw 1 } }", "[object Object]"),
        ("new Proxy({}, { get() { throw 2 } })", "#<Object>"),
        ("new CodeError(4, 'code')", "Error: code"),
    ] {
        let (mock, outcome, instance) = reduce(&format!("throw {thrown}"));
        match &outcome {
            Outcome::Broke(Fault::Trapped(text)) => assert!(text.ends_with("its log says why"), "{text}"),
            other => panic!("{thrown}: {other:?}"),
        }
        assert_eq!(only_line(&mock), (LogLevel::Panic, message), "{thrown}");
        assert!(!instance.is_spent());
    }
    let (mock, ..) = reduce("throw new Error('x'.repeat(1e6))");
    assert!(mock.log[0].message.len() < 20_000);
}

#[test]
fn views_answer_with_data() {
    let run = |body: &str| {
        let mut instance = instance(&module(&format!("function view() {{ {body} }}")));
        let (mock, outcome) = instance.call(Mock::default(), &call(Function::View(0), Bytes::new()));
        assert!(!instance.is_spent());
        (mock, outcome)
    };
    assert_eq!(run("return { data: new Uint8Array([0, 1]) }").1, Outcome::Done(vec![0, 1]));
    assert_eq!(
        run("return { get data() { return new Uint8Array(100).subarray(7, 9) } }").1,
        Outcome::Done(vec![0, 0])
    );
    for wrong in [
        "",
        "return new Uint8Array(1)",
        "return {}",
        "return { data: [1] }",
        "return { data: new Uint16Array(1) }",
        "return (async () => {})()",
    ] {
        let (_, outcome) = run(wrong);
        let text = protocol(&outcome);
        assert!(
            text.starts_with("`__call_view__` must return an object whose `data` is a Uint8Array"),
            "{text}"
        );
    }
    // A view has nobody to say no to.
    let (mock, outcome) = run("throw new SenderError('no')");
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(text)) if text.ends_with("its log says why")));
    assert_eq!(only_line(&mock), (LogLevel::Panic, "Error: no"));
    let (mock, outcome) = run("return { get data() { throw new Error('mine') } }");
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    assert_eq!(only_line(&mock), (LogLevel::Panic, "Error: mine"));
}

#[test]
fn procedures_answer_with_bytes_and_fail_for_good() {
    let run = |body: &str| {
        let mut instance = instance(&module(&format!("function procedure() {{ {body} }}")));
        let (mock, outcome) = instance.call(Mock::default(), &call(Function::Procedure(0), Bytes::new()));
        (mock, outcome, instance.is_spent())
    };
    let (_, outcome, is_spent) = run("return new Uint8Array([1, 2, 3])");
    assert_eq!((outcome, is_spent), (Outcome::Done(vec![1, 2, 3]), false));
    let (_, outcome, is_spent) = run("return 'text'");
    assert_eq!((protocol(&outcome), is_spent), ("`__call_procedure__` must return a Uint8Array", true));
    let (mock, outcome, is_spent) = run("throw new SenderError('no')");
    assert_eq!((outcome, is_spent), (Outcome::Broke(Fault::Trapped("no".into())), true));
    assert!(mock.log.is_empty());
    let (mock, outcome, is_spent) = run("throw new TypeError('bug')");
    assert_eq!((outcome, is_spent), (Outcome::Broke(Fault::Trapped("TypeError: bug".into())), true));
    assert_eq!(only_line(&mock), (LogLevel::Panic, "TypeError: bug"));
}

#[test]
fn handlers_answer_in_two_parts() {
    let run = |body: &str| {
        let mut instance = instance(&module(&format!("function handler() {{ {body} }}")));
        instance.call(Mock::default(), &call(Function::HttpHandler(0), Bytes::new())).1
    };
    assert_eq!(
        run("return [new Uint8Array([1]), new Uint8Array([2])]"),
        Outcome::Responded { head: vec![1], body: vec![2] }
    );
    for wrong in [
        "",
        "return []",
        "return [new Uint8Array()]",
        "return [new Uint8Array(), '']",
        "return { 0: 1, length: 2 }",
    ] {
        assert!(protocol(&run(wrong)).starts_with("`__call_http_handler__` must return an array"), "{wrong}");
    }
    assert_eq!(run("throw new Error('x')"), Outcome::Broke(Fault::Trapped("Error: x".into())));
}

#[test]
fn a_module_need_not_handle_requests() {
    let text = module("delete Hooks.prototype.__call_http_handler__;");
    let mut instance = instance(&text);
    let (_, outcome) = instance.call(Mock::default(), &call(Function::HttpHandler(0), Bytes::new()));
    assert!(protocol(&outcome).contains("`__call_http_handler__`"));
}

#[test]
fn globals_outlive_calls() {
    let mut instance = instance(&module_with_reducer(
        "globalThis.count = (globalThis.count ?? 0) + 1;
         sys.console_log(2, `${globalThis.count}`);
         if (id === 1) throw new Error('x');
         if (id === 2) throw new SenderError('y');",
    ));
    let mut session = Mock::default();
    for id in [0, 1, 2, 0] {
        (session, _) = instance.call(session, &call(Function::Reducer(id), Bytes::new()));
    }
    let counts: Vec<_> = session
        .log
        .iter()
        .filter(|line| line.level == LogLevel::Info)
        .map(|line| line.message.as_str())
        .collect();
    assert_eq!(counts, ["1", "2", "3", "4"]);
}

#[test]
fn a_module_may_ruin_its_own_world() {
    let ruin = "
        for (const name of ['Uint8Array', 'DataView', 'Array', 'Promise', 'TypeError', 'RangeError', 'Error', 'Object']) {
          const made = globalThis[name];
          for (const key of Reflect.ownKeys(made.prototype)) {
            try { Object.defineProperty(made.prototype, key, { get() { throw 'ruined' }, set() { throw 'ruined' } }); } catch {}
          }
          globalThis[name] = null;
        }
        Object.defineProperty(globalThis, 'then', { get() { throw 1 } });
        Math.random = () => 4;";
    let mut instance = instance(&module_with_reducer(&format!(
        "if (id === 0) {{ {ruin} }} else {{ try {{ sys.table_id_from_name('x') }} catch (e) {{ throw new SenderError('y') }} }}"
    )));
    let failing = || Mock { fail: Some(orrery_host_abi::Errno::NoSuchTable.into()), ..Mock::default() };
    instance.call(failing(), &call(Function::Reducer(0), Bytes::new()));
    for _ in 0..3 {
        let (_, outcome) = instance.call(failing(), &call(Function::Reducer(1), Bytes::new()));
        assert!(matches!(outcome, Outcome::Broke(_) | Outcome::Refused(_)), "{outcome:?}");
        let (_, outcome) = instance.call(failing(), &call(Function::View(1), Bytes::new()));
        assert!(matches!(outcome, Outcome::Broke(_)), "{outcome:?}");
    }
}

#[test]
fn many_calls_in_one_instance() {
    // The longer run, with a look at memory, is a part of the benches.
    let mut instance = instance(&module(
        "const registry = new FinalizationRegistry(() => {});
         function reducer(id, sender, connection, time, args) {
           const rows = new ArrayBuffer(512);
           registry.register(rows, args.byteLength);
           const row = { id, sender, text: 'x'.repeat(id % 50) };
           sys.datastore_index_scan_point_bsatn(1, rows, 4);
           if (id % 10 === 0) throw new SenderError('no');
           if (id % 1000 === 1) throw new Error(`${row.text}`);
         }",
    ));
    let mut session = Mock::default();
    for id in 0..50_000 {
        let call = Call { function: Function::Reducer(id), ..reducer() };
        let outcome;
        (session, outcome) = instance.call(session, &call);
        assert_eq!(matches!(outcome, Outcome::Refused(_)), id % 10 == 0);
        session.calls.clear();
        session.log.clear();
    }
    assert!(!instance.is_spent());
}
