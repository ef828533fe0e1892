//! How calls go in and come out, and how they break.

use std::time::{Duration, Instant};

use bytes::Bytes;
use orrery_host_abi::{Call, Fault, Function, HostError, Instance, LogLevel, Outcome};

use crate::{MEMORY_LIMIT, call, instance, mock::Mock, module, module_with_reducer, reducer};

/// The one call of a fresh instance.
fn outcome(wat: &str, call: &Call) -> (Mock, Outcome, bool) {
    let mut instance = instance(wat);
    let (mock, outcome) = instance.call(Mock::default(), call);
    (mock, outcome, instance.is_spent())
}

fn broken(wat: &str, call: &Call) -> (Mock, Fault) {
    match outcome(wat, call) {
        (mock, Outcome::Broke(fault), true) => (mock, fault),
        other => panic!("it broke and is spent: {other:?}"),
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A function that writes `bytes` to its sink and answers `code`.
fn answering(params: &str, sink: usize, bytes: &[u8], code: i32) -> String {
    format!(
        "(data (i32.const 1024) \"{}\")
        (func $answer {params} (result i32)
            (i32.store (i32.const 512) (i32.const {}))
            (drop (call $bytes_sink_write (local.get {sink}) (i32.const 1024) (i32.const 512)))
            (i32.const {code}))",
        text(bytes),
        bytes.len()
    )
}

const CALL: &str = "(param i32 i64 i64 i64 i64 i64 i64 i64 i32 i32)";
const VIEW: &str = "(param i32 i64 i64 i64 i64 i32 i32)";
const ANONYMOUS: &str = "(param i32 i32 i32)";

fn answering_reducer(bytes: &[u8], code: i32) -> String {
    module(&format!("{} (export \"x\" (func $answer))", answering(CALL, 9, bytes, code))).replace(
        "(export \"__call_reducer__\" (func $reducer))",
        "(export \"__call_reducer__\" (func $answer))",
    )
}

fn exporting(name: &str, function: &str) -> String {
    module(&format!("{function} (export \"{name}\" (func $answer))"))
}

#[test]
fn a_reducer_is_called_with_everything_in_its_place() {
    // Writes all parameters and the arguments to the sink, in order, and refuses.
    let wat = module_with_reducer(
        "(i32.store (i32.const 600) (local.get $id))
        (i64.store (i32.const 604) (local.get $s0))
        (i64.store (i32.const 612) (local.get $s1))
        (i64.store (i32.const 620) (local.get $s2))
        (i64.store (i32.const 628) (local.get $s3))
        (i64.store (i32.const 636) (local.get $c0))
        (i64.store (i32.const 644) (local.get $c1))
        (i64.store (i32.const 652) (i64.and (local.get $time) (i64.const 127)))
        (i32.store (i32.const 660) (local.get $args))
        (i32.store (i32.const 500) (i32.const 100))
        (drop (call $bytes_source_read (local.get $args) (i32.const 664) (i32.const 500)))
        (i32.store (i32.const 500) (i32.add (i32.const 64) (i32.load (i32.const 500))))
        (drop (call $bytes_sink_write (local.get $sink) (i32.const 600) (i32.const 500)))
        (i32.const 1)",
    );
    let asked = call(Function::Reducer(0x0102), Bytes::from_static(b"args"));
    let (_, outcome, spent) = outcome(&wat, &asked);
    let mut expected = vec![2, 1, 0, 0];
    expected.extend(0..32);
    expected.extend(0x40..0x50);
    expected.extend([0x7b, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    expected.extend(b"args");
    assert_eq!(outcome, Outcome::Refused(String::from_utf8(expected).unwrap()));
    assert!(!spent);
}

#[test]
fn no_arguments_are_source_zero_and_no_connection_is_zero() {
    let wat = module_with_reducer(
        "(i32.or (local.get $args) (i32.wrap_i64 (i64.or (local.get $c0) (local.get $c1))))",
    );
    let (_, outcome, _) = outcome(&wat, &Call { connection: None, ..reducer() });
    assert_eq!(outcome, Outcome::Done(vec![]));
}

#[test]
fn the_codes_of_a_reducer() {
    let (_, done, spent) = outcome(&answering_reducer(b"ignored", 0), &reducer());
    assert_eq!((done, spent), (Outcome::Done(vec![]), false));
    let (_, refused, spent) = outcome(&answering_reducer(b"not \xff like this", 1), &reducer());
    assert_eq!((refused, spent), (Outcome::Refused("not \u{fffd} like this".to_owned()), false));
    for code in [2, -1, -4, i32::MAX] {
        let (_, unknown, spent) = outcome(&answering_reducer(b"ignored", code), &reducer());
        let Outcome::Broke(Fault::Protocol(text)) = unknown else { panic!("{unknown:?}") };
        assert!(text.contains(&code.to_string()), "{text}");
        assert!(!spent, "only a trap spends the instance");
    }
}

#[test]
fn the_codes_of_views() {
    for (name, params, sink, function) in [
        ("__call_view__", VIEW, 6, Function::View(0)),
        ("__call_view_anon__", ANONYMOUS, 2, Function::AnonymousView(0)),
    ] {
        let answer = |bytes, code| {
            outcome(&exporting(name, &answering(params, sink, bytes, code)), &call(function, Bytes::new()))
        };
        assert_eq!(answer(b"\x01sql", 2).1, Outcome::Done(b"\x01sql".to_vec()));
        // Rows alone get the header that says so.
        assert_eq!(answer(b"rows", 0).1, Outcome::Done(b"\0rows".to_vec()));
        for code in [1, 3, -1] {
            let (_, failed, spent) = answer(b"secret", code);
            assert!(matches!(&failed, Outcome::Broke(Fault::Protocol(text)) if !text.contains("secret")));
            assert!(!spent);
        }
    }
}

#[test]
fn the_codes_of_a_procedure() {
    let answer = |code| {
        let wat = exporting("__call_procedure__", &answering(CALL, 9, b"value", code));
        outcome(&wat, &call(Function::Procedure(0), Bytes::new()))
    };
    let (_, done, spent) = answer(0);
    assert_eq!((done, spent), (Outcome::Done(b"value".to_vec()), false));
    for code in [1, 2, -1] {
        let (_, failed, spent) = answer(code);
        assert!(matches!(failed, Outcome::Broke(Fault::Protocol(_))));
        assert!(spent, "a procedure that failed spends the instance");
    }
}

#[test]
fn a_view_knows_who_asks() {
    let wat = module(
        "(func $answer (param $id i32) (param $s0 i64) (param i64 i64) (param $s3 i64) (param $args i32)
            (param $sink i32) (result i32)
            (i32.store (i32.const 600) (local.get $id))
            (i64.store (i32.const 604) (local.get $s0))
            (i64.store (i32.const 612) (local.get $s3))
            (i32.store (i32.const 500) (i32.const 20))
            (drop (call $bytes_sink_write (local.get $sink) (i32.const 600) (i32.const 500)))
            (i32.const 2))
        (export \"__call_view__\" (func $answer))",
    );
    let (_, outcome, _) = outcome(&wat, &call(Function::View(3), Bytes::new()));
    let mut expected = vec![3, 0, 0, 0];
    expected.extend((0..8).chain(24..32));
    assert_eq!(outcome, Outcome::Done(expected));
}

#[test]
fn an_http_handler_is_given_two_sources_and_two_sinks() {
    let wat = module(
        "(func $answer (param $id i32) (param $time i64) (param $request i32) (param $body i32)
            (param $response i32) (param $response_body i32) (result i32)
            (i32.store (i32.const 500) (i32.const 100))
            (drop (call $bytes_source_read (local.get $body) (i32.const 600) (i32.const 500)))
            (drop (call $bytes_sink_write (local.get $response_body) (i32.const 600) (i32.const 500)))
            (i32.store (i32.const 500) (i32.const 100))
            (drop (call $bytes_source_read (local.get $request) (i32.const 600) (i32.const 500)))
            (drop (call $bytes_sink_write (local.get $response) (i32.const 600) (i32.const 500)))
            (local.get $id))
        (export \"__call_http_handler__\" (func $answer))",
    );
    let asked = |id| Call {
        body: Bytes::from_static(b"the body"),
        ..call(Function::HttpHandler(id), Bytes::from_static(b"the head"))
    };
    let (_, responded, spent) = outcome(&wat, &asked(0));
    let expected = Outcome::Responded { head: b"the head".to_vec(), body: b"the body".to_vec() };
    assert_eq!((responded, spent), (expected, false));
    let (_, unknown, spent) = outcome(&wat, &asked(7));
    assert!(matches!(&unknown, Outcome::Broke(Fault::Protocol(text)) if text.contains('7')), "{unknown:?}");
    assert!(spent);
}

#[test]
fn a_missing_entry_point_is_named() {
    for (function, name) in [
        (Function::View(0), "__call_view__"),
        (Function::AnonymousView(0), "__call_view_anon__"),
        (Function::Procedure(0), "__call_procedure__"),
        (Function::HttpHandler(0), "__call_http_handler__"),
    ] {
        let mut instance = instance(&module(""));
        let (_, outcome) = instance.call(Mock::default(), &call(function, Bytes::new()));
        assert!(
            matches!(&outcome, Outcome::Broke(Fault::Protocol(text)) if text.contains(&format!("`{name}`"))),
            "{outcome:?}"
        );
        assert!(!instance.is_spent());
        assert_eq!(instance.call(Mock::default(), &reducer()).1, Outcome::Done(vec![]));
    }
}

#[test]
fn sinks_grow_past_any_buffer() {
    // 100 times 3000 bytes: more than the memory of the module.
    let wat = module_with_reducer(
        "(local $n i32)
        (memory.fill (i32.const 1024) (i32.const 120) (i32.const 3000))
        (i32.store (i32.const 512) (i32.const 3000))
        (loop $again
            (drop (call $bytes_sink_write (local.get $sink) (i32.const 1024) (i32.const 512)))
            (br_if $again (i32.lt_s (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))
        (i32.const 1)",
    );
    let mut instance = instance(&wat);
    for _ in 0..2 {
        let (_, outcome) = instance.call(Mock::default(), &reducer());
        assert_eq!(outcome, Outcome::Refused("x".repeat(300_000)));
    }
}

#[test]
fn sinks_do_not_grow_past_the_memory_limit() {
    let wat = module_with_reducer(
        "(i32.store (i32.const 512) (i32.const 60000))
        (loop $again
            (drop (call $bytes_sink_write (local.get $sink) (i32.const 1024) (i32.const 512)))
            (br $again))
        (i32.const 1)",
    );
    assert_eq!(broken(&wat, &reducer()).1, Fault::OutOfMemory(MEMORY_LIMIT));
}

#[test]
fn sources_are_not_opened_without_end() {
    let import = "(import \"spacetime_10.2\" \"get_jwt\" (func $jwt (param i32 i32) (result i32)))";
    let wat = module_with_reducer(
        "(loop $l (drop (call $jwt (i32.const 64) (i32.const 64))) (br $l)) (i32.const 0)",
    );
    let mut instance = instance(&wat.replacen("(module", &format!("(module {import}"), 1));
    let mock = Mock { jwt: Some(Bytes::from_static(b"{}")), ..Mock::default() };
    let (mock, outcome) = instance.call(mock, &reducer());
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    assert!(mock.log[0].message.contains("bytes sources"), "{}", mock.log[0].message);
}

#[test]
fn what_a_module_keeps_survives_good_calls_and_refusals() {
    let wat = module(&format!(
        "(global $n (mut i32) (i32.const 0))
        (func $reducer {} (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (i32.and (global.get $n) (i32.const 1)))",
        crate::REDUCER_TYPE
    ));
    let mut instance = instance(&wat);
    for _ in 0..3 {
        assert_eq!(instance.call(Mock::default(), &reducer()).1, Outcome::Refused(String::new()));
        assert_eq!(instance.call(Mock::default(), &reducer()).1, Outcome::Done(vec![]));
    }
}

#[test]
fn a_trap_spends_the_instance_and_is_logged() {
    let wat = module(&format!(
        "(func $inner (unreachable))
        (func $_ZN4demo5outer17h0123456789abcdefE (call $inner))
        (func $reducer {} (call $_ZN4demo5outer17h0123456789abcdefE) (i32.const 0))",
        crate::REDUCER_TYPE
    ));
    let mut instance = instance(&wat);
    let (mock, outcome) = instance.call(Mock::default(), &reducer());
    let Outcome::Broke(Fault::Trapped(text)) = outcome else { panic!("{outcome:?}") };
    assert!(text.contains("its log"), "{text}");
    let [line] = &mock.log[..] else { panic!("{:?}", mock.log) };
    assert_eq!(line.level, LogLevel::Panic);
    assert!(line.message.contains("unreachable"), "{}", line.message);
    assert_eq!(line.backtrace, ["inner", "demo::outer", "reducer"]);

    assert!(instance.is_spent());
    let (mock, outcome) = instance.call(Mock::default(), &reducer());
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    assert!(mock.log.is_empty(), "nothing ran");
}

#[test]
fn a_panic_that_was_logged_is_not_logged_again() {
    let wat = module(&format!(
        "(data (i32.const 1024) \"index out of bounds\")
        (func $reducer {}
            (call $console_log (i32.const 101) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 7) (i32.const 1024) (i32.const 19))
            (unreachable))",
        crate::REDUCER_TYPE
    ));
    let (mock, fault) = broken(&wat, &reducer());
    assert!(!fault.to_string().contains("bounds"), "callers learn no details: {fault}");
    let [line] = &mock.log[..] else { panic!("{:?}", mock.log) };
    assert_eq!(line.message, "index out of bounds");
    assert_eq!(line.backtrace, ["reducer"]);
}

#[test]
fn every_kind_of_trap_is_named_in_the_log() {
    for (body, name) in [
        (
            "(i32.div_s (i32.const 1) (local.get $sink)) (drop (i32.div_s (i32.const 1) (i32.const 0)))",
            "divide",
        ),
        ("(i32.load (i32.const -8))", "out of bounds memory"),
        ("(i32.trunc_f32_s (f32.const nan))", "integer"),
        ("(call_indirect (type $t) (i32.const 5))", "table"),
        ("(memory.fill (i32.const -1) (i32.const 0) (i32.const 9)) (i32.const 0)", "out of bounds memory"),
    ] {
        let wat = module(&format!(
            "(type $t (func (result i32))) (table 1 funcref) (func $reducer {} {body})",
            crate::REDUCER_TYPE
        ));
        let (mock, fault) = broken(&wat, &reducer());
        assert!(matches!(fault, Fault::Trapped(_)));
        assert!(mock.log[0].message.contains(name), "{}", mock.log[0].message);
    }
}

#[test]
fn a_loop_without_end_is_stopped() {
    let limit = Duration::from_millis(60);
    let began = Instant::now();
    let wat = module_with_reducer("(loop $l (br $l)) (i32.const 0)");
    let (mock, fault) = broken(&wat, &Call { time_limit: limit, ..reducer() });
    assert_eq!(fault, Fault::TimedOut(limit));
    assert!(began.elapsed() >= limit);
    assert!(mock.log[0].message.contains("60ms"), "{}", mock.log[0].message);
    assert_eq!(mock.log[0].backtrace, ["reducer"]);
}

#[test]
fn a_loop_over_host_calls_is_stopped() {
    let limit = Duration::from_millis(30);
    let wat = module_with_reducer("(loop $l (call $identity (i32.const 64)) (br $l)) (i32.const 0)");
    let (_, fault) = broken(&wat, &Call { time_limit: limit, ..reducer() });
    assert_eq!(fault, Fault::TimedOut(limit));
}

#[test]
fn no_call_is_stopped_before_its_time() {
    let wat = module_with_reducer("(i32.const 0)");
    let limit = Duration::from_millis(10);
    let mut instance = instance(&wat);
    for _ in 0..20 {
        // A long time between calls counts for none of them.
        std::thread::sleep(2 * limit);
        let began = Instant::now();
        let outcome = instance.call(Mock::default(), &Call { time_limit: limit, ..reducer() }).1;
        if outcome != Outcome::Done(vec![]) {
            // On a busy machine a thread may lie still for that long.
            assert_eq!(outcome, Outcome::Broke(Fault::TimedOut(limit)));
            assert!(began.elapsed() >= limit);
            return;
        }
    }
    let forever = Call { time_limit: Duration::MAX, ..reducer() };
    assert_eq!(instance.call(Mock::default(), &forever).1, Outcome::Done(vec![]));
}

#[test]
fn recursion_without_end_is_stopped() {
    let wat = module(&format!(
        "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))
        (func $reducer {} (call $deeper (i32.const 0)))",
        crate::REDUCER_TYPE
    ));
    let (mock, fault) = broken(&wat, &reducer());
    assert!(matches!(&fault, Fault::Trapped(text) if text.contains("stack")), "{fault}");
    let [line] = &mock.log[..] else { panic!("{:?}", mock.log) };
    assert!(line.message.contains("stack"));
    assert!(line.backtrace.len() > 10 && line.backtrace.len() < 100, "{}", line.backtrace.len());
}

#[test]
fn a_memory_bomb_is_stopped() {
    // As an allocator does it: grows until it cannot, then gives up.
    let wat = module_with_reducer(
        "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)",
    );
    let (mock, fault) = broken(&wat, &reducer());
    assert_eq!(fault, Fault::OutOfMemory(MEMORY_LIMIT));
    assert!(mock.log[0].message.contains(&MEMORY_LIMIT.to_string()));
}

#[test]
fn a_module_that_can_do_without_more_memory_goes_on() {
    let wat = module_with_reducer("(i32.add (memory.grow (i32.const 1000)) (i32.const 1))");
    let mut instance = instance(&wat);
    for _ in 0..2 {
        let (mock, outcome) = instance.call(Mock::default(), &reducer());
        assert_eq!(outcome, Outcome::Done(vec![]));
        assert!(mock.log.is_empty());
    }
    assert!(!instance.is_spent());
}

#[test]
fn a_trap_after_a_call_that_was_refused_memory_is_only_a_trap() {
    let wat = module(&format!(
        "(func $reducer {} (if (local.get $id) (then (unreachable)))
            (i32.add (memory.grow (i32.const 1000)) (i32.const 1)))",
        crate::REDUCER_TYPE
    ));
    let mut instance = instance(&wat);
    assert_eq!(instance.call(Mock::default(), &reducer()).1, Outcome::Done(vec![]));
    let (_, outcome) = instance.call(Mock::default(), &call(Function::Reducer(1), Bytes::new()));
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
}

#[test]
fn a_maximum_of_the_modules_own_counts_as_its_limit() {
    let wat = module(&format!(
        "(memory (export \"memory\") 1 2)
        (func $reducer {} (if (i32.eq (memory.grow (i32.const 2)) (i32.const -1)) (then (unreachable)))
            (i32.const 0))",
        crate::REDUCER_TYPE
    ));
    assert_eq!(broken(&wat, &reducer()).1, Fault::OutOfMemory(2 * 65536));
}

#[test]
fn a_table_does_not_grow_without_end() {
    let wat = module(&format!(
        "(table $t 1 funcref)
        (func $reducer {} (i32.add (table.grow $t (ref.null func) (i32.const 0x7fffffff)) (i32.const 1)))",
        crate::REDUCER_TYPE
    ));
    assert_eq!(outcome(&wat, &reducer()).1, Outcome::Done(vec![]));
}

#[test]
fn instances_share_nothing() {
    let wat = module(&format!(
        "(func $reducer {} (i32.store8 (i32.const 100) (i32.add (i32.load8_u (i32.const 100)) (i32.const 1)))
            (i32.sub (i32.load8_u (i32.const 100)) (i32.const 1)))",
        crate::REDUCER_TYPE
    ));
    let program = crate::compile(&wat).unwrap();
    let mut instances: Vec<_> =
        (0..40).map(|_| program.start(Mock::default(), crate::LIMIT).1.unwrap().0).collect();
    for instance in &mut instances {
        assert_eq!(instance.call(Mock::default(), &reducer()).1, Outcome::Done(vec![]));
    }
}

#[test]
fn an_instance_may_move_between_threads() {
    let mut instance = instance(&module_with_reducer("(i32.const 0)"));
    for _ in 0..2 {
        let outcome;
        (instance, outcome) = std::thread::spawn(move || {
            let outcome = instance.call(Mock::default(), &reducer()).1;
            (instance, outcome)
        })
        .join()
        .unwrap();
        assert_eq!(outcome, Outcome::Done(vec![]));
    }
}

#[test]
fn a_host_call_that_panics_leaves_a_spent_instance() {
    use orrery_host_abi::HostCalls;
    /// Panics when asked for anything but the log.
    struct Buggy(Mock);
    // Only the methods below are reached.
    macro_rules! buggy {
        ($($name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
            impl HostCalls for Buggy {
                fn console_log(&mut self, record: orrery_host_abi::LogRecord<'_>) {
                    self.0.console_log(record);
                }
                $(fn $name(&mut self, $($arg: $ty),*) $(-> $ret)? { $(let _ = $arg;)* panic!("a bug") })*
            }
        };
    }
    use orrery_host_abi::{Advance, ConnectionId, Identity, IndexId, IterId, TableId, Timestamp};
    type R<T> = Result<T, HostError>;
    buggy! {
        table_id_from_name(name: &str) -> R<TableId>;
        index_id_from_name(name: &str) -> R<IndexId>;
        datastore_table_row_count(table: TableId) -> R<u64>;
        datastore_table_scan_bsatn(table: TableId) -> R<IterId>;
        datastore_index_scan_range_bsatn(i: IndexId, p: &[u8], n: u16, s: &[u8], e: &[u8]) -> R<IterId>;
        datastore_delete_by_index_scan_range_bsatn(i: IndexId, p: &[u8], n: u16, s: &[u8], e: &[u8]) -> R<u32>;
        datastore_index_scan_point_bsatn(i: IndexId, p: &[u8]) -> R<IterId>;
        datastore_delete_by_index_scan_point_bsatn(i: IndexId, p: &[u8]) -> R<u32>;
        datastore_delete_all_by_eq_bsatn(t: TableId, r: &[u8]) -> R<u32>;
        datastore_clear(t: TableId) -> R<u64>;
        row_iter_bsatn_advance(i: IterId, b: &mut [u8]) -> R<Advance>;
        row_iter_bsatn_close(i: IterId) -> R<()>;
        datastore_insert_bsatn(t: TableId, r: &mut [u8]) -> R<usize>;
        datastore_update_bsatn(t: TableId, i: IndexId, r: &mut [u8]) -> R<usize>;
        console_timer_start(name: &str) -> u32;
        console_timer_end(timer: u32) -> R<()>;
        identity() -> Identity;
        get_jwt(c: ConnectionId) -> R<Option<Bytes>>;
        volatile_nonatomic_schedule_immediate(n: &str, a: &[u8]);
        procedure_sleep_until(t: Timestamp) -> R<Timestamp>;
        procedure_start_mut_tx() -> R<Timestamp>;
        procedure_commit_mut_tx() -> R<()>;
        procedure_abort_mut_tx() -> R<()>;
        procedure_http_request(r: &[u8], b: &[u8]) -> R<(Bytes, Bytes)>;
    }
    let wat = module_with_reducer("(call $identity (i32.const 64)) (i32.const 0)");
    let bytes = wat::parse_str(wat).unwrap();
    let program = crate::engine().compile::<Buggy>(orrery_host_abi::Hash::default(), &bytes).unwrap();
    let mut instance = program.start(Buggy(Mock::default()), crate::LIMIT).1.unwrap().0;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        instance.call(Buggy(Mock::default()), &reducer());
    }));
    assert!(panicked.is_err());
    assert!(instance.is_spent());
    let (_, outcome) = instance.call(Buggy(Mock::default()), &reducer());
    assert!(matches!(outcome, Outcome::Broke(Fault::Trapped(_))));
    // The program goes on in another instance.
    assert!(program.start(Buggy(Mock::default()), crate::LIMIT).1.is_ok());
}
