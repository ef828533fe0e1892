//! Each host call of version 2: what the session is asked, what the module gets, and what it is told if it fails.

use bytes::Bytes;
use orrery_host_abi::{Errno, Fault, Function, HostError, Instance, LogLevel, Outcome};

use crate::{
    call, evaluate, fault, instance,
    mock::{COUNT, DELETED, INDEX, ITER, Line, Mock, TABLE, TIMER},
    module, value,
};

/// Makes a call that succeeds: what the session was asked, and what the module got.
fn ask(expression: &str) -> (Vec<String>, String) {
    let (mock, text) = evaluate(Mock::default(), expression);
    (mock.calls, text)
}

fn asked(expression: &str, calls: &[&str], answer: &str) {
    let (seen, text) = ask(expression);
    assert_eq!(
        (&seen.iter().map(String::as_str).collect::<Vec<_>>()[..], text.as_str()),
        (calls, answer),
        "{expression}"
    );
}

#[test]
fn each_call_asks_the_session() {
    let (table, index, iter, deleted, count) =
        (TABLE.to_string(), INDEX.to_string(), ITER.to_string(), DELETED.to_string(), format!("{COUNT}n"));
    asked("sys.table_id_from_name('person')", &["table \"person\""], &table);
    asked("sys.table_id_from_name('h\u{e9} \\ud83d\\ude00')", &["table \"h\u{e9} \u{1f600}\""], &table);
    asked("sys.index_id_from_name('person_id')", &["index \"person_id\""], &index);
    asked("sys.datastore_table_row_count(7)", &["count 7"], &count);
    asked("sys.datastore_table_scan_bsatn(4294967295)", &["scan 4294967295"], &iter);
    asked("sys.datastore_index_scan_point_bsatn(5, buffer(1, 2, 3), 2)", &["point 5 [1, 2]"], &iter);
    asked("sys.datastore_index_scan_point_bsatn(5, buffer(1, 2, 3), 0)", &["point 5 []"], &iter);
    asked(
        "sys.datastore_delete_by_index_scan_point_bsatn(5, buffer(1, 2), 2)",
        &["delete point 5 [1, 2]"],
        &deleted,
    );
    asked("sys.datastore_delete_all_by_eq_bsatn(6, buffer(9, 8, 7), 2)", &["delete all 6 [9, 8]"], &deleted);
    asked("sys.datastore_clear(6)", &["clear 6"], &count);
    asked("sys.row_iter_bsatn_close(3)", &["close 3"], "undefined");
    asked("sys.console_timer_start('t')", &["timer \"t\""], &TIMER.to_string());
    asked("sys.console_timer_end(11)", &["timer end 11"], "undefined");
    let hex: String = (0..32u8).rev().map(|n| format!("{:02x}", 0x80 + n)).collect();
    asked("sys.identity()", &["identity"], &format!("0x{hex}n"));
    asked(
        "sys.volatile_nonatomic_schedule_immediate('r', new Uint8Array([1, 2]))",
        &["schedule \"r\" [1, 2]"],
        "undefined",
    );
    asked("sys.procedure_start_mut_tx()", &["start"], "-2n");
    asked("sys.procedure_commit_mut_tx()", &["commit"], "undefined");
    asked("sys.procedure_abort_mut_tx()", &["abort"], "undefined");
}

#[test]
fn ranges_come_in_one_buffer() {
    let scan = |arguments: &str| {
        let (calls, text) = ask(&format!("sys.datastore_index_scan_range_bsatn({arguments})"));
        assert_eq!(text, ITER.to_string());
        calls.concat()
    };
    let delete = |arguments: &str| {
        let (calls, text) = ask(&format!("sys.datastore_delete_by_index_scan_range_bsatn({arguments})"));
        (calls.concat(), text)
    };
    assert_eq!(scan("1, buffer(1, 2, 3, 4, 5, 6), 2, 1, 1, 3"), "range 1 [1, 2] 1 [3] [4, 5, 6]");
    assert_eq!(scan("1, buffer(1, 2, 3, 4), 1, 1, 2, 0"), "range 1 [1] 1 [2, 3] [2, 3]");
    // Without columns the prefix says nothing in a scan, and is wrong in a deletion.
    assert_eq!(scan("1, buffer(1, 2, 3), 1, 0, 1, 1"), "range 1 [] 0 [2] [3]");
    assert_eq!(
        delete("1, buffer(1, 2), 0, 0, 1, 1"),
        ("delete range 1 [] 0 [1] [2]".into(), DELETED.to_string())
    );
    assert_eq!(
        delete("1, buffer(1, 2), 1, 1, 1, 0"),
        ("delete range 1 [1] 1 [2] [2]".into(), DELETED.to_string())
    );
    let (calls, text) = delete("1, buffer(1, 2, 3), 1, 0, 1, 1");
    assert_eq!((calls, text), (String::new(), format!("threw error 3: {}", Errno::BsatnDecodeError)));
    for arguments in
        ["1, buffer(1, 2), 3, 1, 0, 0", "1, buffer(1, 2), 1, 1, 2, 0", "1, buffer(1, 2), 1, 1, 1, 1"]
    {
        for function in ["datastore_index_scan_range_bsatn", "datastore_delete_by_index_scan_range_bsatn"] {
            let text = value(&format!("sys.{function}({arguments})"));
            assert!(text.starts_with("threw RangeError: "), "{text}");
        }
    }
}

#[test]
fn what_is_generated_is_written_over_the_row() {
    let row = "(() => { const row = buffer(1, 2, 3, 4, 5);";
    let rest = "return [n, new Uint8Array(row)]; })()";
    asked(
        &format!("{row} const n = sys.datastore_insert_bsatn(4, row, 4); {rest}"),
        &["insert 4 [1, 2, 3, 4]"],
        "[3, bytes 170 171 172 4 5]",
    );
    asked(
        &format!("{row} const n = sys.datastore_update_bsatn(4, 9, row, 5); {rest}"),
        &["update 4 9 [1, 2, 3, 4, 5]"],
        "[3, bytes 170 171 172 4 5]",
    );
    asked(
        &format!("{row} const n = sys.datastore_insert_bsatn(4, row, 2); {rest}"),
        &["insert 4 [1, 2]"],
        "[0, bytes 1 2 3 4 5]",
    );
}

#[test]
fn rows_are_read_in_pieces() {
    let read = format!(
        "(() => {{ const rows = new ArrayBuffer(8); const n = sys.row_iter_bsatn_advance({ITER}, rows);
         return [n, new Uint8Array(rows)]; }})()"
    );
    let rows = |rows: &[u8], more| Mock { rows: (rows.to_vec(), more), ..Mock::default() };
    assert_eq!(evaluate(rows(&[7, 8, 9], true), &read).1, "[3, bytes 7 8 9 0 0 0 0 0]");
    assert_eq!(evaluate(rows(&[7, 8, 9], false), &read).1, "[-3, bytes 7 8 9 0 0 0 0 0]");
    assert_eq!(evaluate(rows(&[], false), &read).1, "[0, bytes 0 0 0 0 0 0 0 0]");
    let (_, text) = evaluate(rows(&[1; 9], true), &read);
    assert_eq!(text, "threw sealed {__buffer_too_small__: 9}");
    // No error, and not to be taken for one.
    let not_an_error = format!(
        "(() => {{ try {{ sys.row_iter_bsatn_advance({ITER}, buffer(1)) }} catch (e) {{ return e instanceof Error }} }})()"
    );
    assert_eq!(evaluate(rows(&[1; 9], true), &not_an_error).1, "false");
    assert_eq!(
        value("sys.row_iter_bsatn_advance(1, buffer(0))"),
        format!("threw error 6: {}", Errno::NoSuchIter)
    );
    // A buffer that was given away has no room.
    let gone = format!(
        "(() => {{ const rows = new ArrayBuffer(8); rows.transfer(); return sys.row_iter_bsatn_advance({ITER}, rows); }})()"
    );
    assert_eq!(evaluate(rows(&[1], false), &gone).1, "threw sealed {__buffer_too_small__: 1}");
}

#[test]
fn tokens_are_bytes() {
    let ask = |mock: Mock| evaluate(mock, "sys.get_jwt_payload(0x00ff00000000000000000000000000abn)");
    let (mock, text) = ask(Mock { jwt: Some(Bytes::from_static(b"{}")), ..Mock::default() });
    assert_eq!(
        (mock.calls.concat().as_str(), text.as_str()),
        ("jwt ff00000000000000000000000000ab", "bytes 123 125")
    );
    assert_eq!(ask(Mock::default()).1, "bytes ");
    for connection in ["-1n", "2n ** 128n", "1", "undefined", "'1'"] {
        let text = value(&format!("sys.get_jwt_payload({connection})"));
        assert!(text.starts_with("threw TypeError: "), "{connection}: {text}");
    }
}

#[test]
fn requests_have_two_parts_and_answers_too() {
    let response = (Bytes::from_static(&[1, 2]), Bytes::from_static(&[3]));
    let ask = |arguments: &str| {
        let mock = Mock { response: response.clone(), ..Mock::default() };
        let (mock, text) = evaluate(mock, &format!("sys.procedure_http_request({arguments})"));
        (mock.calls.concat(), text)
    };
    let answer = "[bytes 1 2, bytes 3]".to_owned();
    assert_eq!(ask("new Uint8Array([9]), new Uint8Array([8])"), ("http [9] [8]".into(), answer.clone()));
    assert_eq!(ask("new Uint8Array([9]), 'h\u{e9}'"), ("http [9] [104, 195, 169]".into(), answer));
    let fail = |error: HostError| {
        evaluate(
            Mock { fail: Some(error), ..Mock::default() },
            "sys.procedure_http_request(new Uint8Array(), '')",
        )
        .1
    };
    assert_eq!(fail(HostError::Http("no route".into())), "threw error 21: no route");
    assert!(fail(Errno::BsatnDecodeError.into()).starts_with("threw TypeError: "));
    assert!(fail(Errno::WouldBlockTransaction.into()).starts_with("threw error 17: "));
}

#[test]
fn errors_are_of_the_classes_that_the_module_names() {
    for (call, errno) in [
        ("sys.table_id_from_name('x')", Errno::NoSuchTable),
        ("sys.index_id_from_name('x')", Errno::NoSuchIndex),
        ("sys.datastore_table_row_count(1)", Errno::NotInTransaction),
        ("sys.datastore_table_scan_bsatn(1)", Errno::NoSuchTable),
        ("sys.datastore_index_scan_point_bsatn(1, buffer(), 0)", Errno::NoSuchIndex),
        ("sys.datastore_index_scan_range_bsatn(1, buffer(), 0, 0, 0, 0)", Errno::BsatnDecodeError),
        ("sys.datastore_delete_by_index_scan_range_bsatn(1, buffer(), 0, 0, 0, 0)", Errno::NoSuchIndex),
        ("sys.datastore_delete_by_index_scan_point_bsatn(1, buffer(), 0)", Errno::TransactionIsReadOnly),
        ("sys.datastore_delete_all_by_eq_bsatn(1, buffer(), 0)", Errno::NoSuchTable),
        ("sys.datastore_clear(1)", Errno::NotInTransaction),
        ("sys.row_iter_bsatn_close(1)", Errno::NoSuchIter),
        ("sys.datastore_insert_bsatn(1, buffer(), 0)", Errno::UniqueAlreadyExists),
        ("sys.datastore_update_bsatn(1, 1, buffer(), 0)", Errno::NoSuchRow),
        ("sys.console_timer_end(1)", Errno::NoSuchConsoleTimer),
        ("sys.get_jwt_payload(1n)", Errno::NotInTransaction),
        ("sys.procedure_start_mut_tx()", Errno::WouldBlockTransaction),
        ("sys.procedure_commit_mut_tx()", Errno::TransactionNotAnonymous),
        ("sys.procedure_abort_mut_tx()", Errno::TransactionNotAnonymous),
    ] {
        let (_, text) = evaluate(Mock { fail: Some(errno.into()), ..Mock::default() }, call);
        assert_eq!(text, format!("threw error {}: {errno}", errno.code()), "{call}");
    }
}

#[test]
fn what_the_error_class_does_is_its_own_business() {
    let failing = || Mock { fail: Some(Errno::NoSuchTable.into()), ..Mock::default() };
    let run = |class: &str| {
        let text = module(&format!(
            "function errorClass(code) {{ {class} }}
             function procedure() {{
               try {{ sys.table_id_from_name('x'); }} catch (e) {{ return new TextEncoder().encode(show(e)); }}
             }}"
        ));
        let (_, outcome) = instance(&text).call(failing(), &call(Function::Procedure(0), Bytes::new()));
        match outcome {
            Outcome::Done(text) => String::from_utf8(text).unwrap(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(run("throw new RangeError('no')"), "RangeError: no");
    assert_eq!(run("return 5"), "TypeError: `__get_error_constructor__` did not return a class");
    assert!(run("return () => {}").ends_with("is not a constructor"));
    // Host calls may be made from there.
    assert_eq!(
        run("sys.console_log(2, 'x'); return class extends Error {}"),
        format!("Error: {}", Errno::NoSuchTable)
    );
}

#[test]
fn arguments_have_types() {
    let uses: [(&str, &[&str]); 9] = [
        ("table_id_from_name", &["1"]),
        ("datastore_table_scan_bsatn", &["'1'"]),
        ("datastore_index_scan_point_bsatn", &["1", "new Uint8Array(4)", "0"]),
        ("datastore_index_scan_point_bsatn", &["1", "new SharedArrayBuffer(4)", "0"]),
        ("row_iter_bsatn_advance", &["1", "null"]),
        ("datastore_insert_bsatn", &["1.5", "buffer(1)", "0"]),
        ("datastore_insert_bsatn", &["-1", "buffer(1)", "0"]),
        ("datastore_insert_bsatn", &["4294967296", "buffer(1)", "0"]),
        ("datastore_insert_bsatn", &["NaN", "buffer(1)", "0"]),
    ];
    for (function, arguments) in uses {
        let text = value(&format!("sys.{function}({})", arguments.join(", ")));
        assert!(text.starts_with("threw TypeError: "), "{function} {arguments:?}: {text}");
    }
    for expression in [
        "sys.table_id_from_name()",
        "sys.table_id_from_name({ toString() { return 'x' } })",
        "sys.datastore_index_scan_range_bsatn(1, buffer(1), 0, 65536, 1, 0)",
        "sys.datastore_table_row_count(1n)",
        "sys.datastore_clear()",
        "sys.console_log('2', 'x')",
        "sys.console_log(256, 'x')",
        "sys.console_log(2, 5)",
        "sys.console_timer_start(Symbol())",
        "sys.volatile_nonatomic_schedule_immediate('x', [1])",
        "sys.procedure_http_request('x', '')",
        "sys.procedure_http_request(new Uint8Array(), 5)",
    ] {
        let (mock, text) = evaluate(Mock::default(), expression);
        assert!(text.starts_with("threw TypeError: "), "{expression}: {text}");
        assert!(mock.calls.is_empty(), "{expression}");
    }
    for expression in [
        "sys.datastore_index_scan_point_bsatn(1, buffer(1), 2)",
        "sys.datastore_insert_bsatn(1, buffer(1), 2)",
        "sys.datastore_update_bsatn(1, 1, buffer(), 1)",
        "sys.datastore_delete_all_by_eq_bsatn(1, buffer(1), 4294967295)",
        "sys.table_id_from_name('x'.repeat(1e6))",
    ] {
        let text = value(expression);
        assert!(text.starts_with("threw RangeError: "), "{expression}: {text}");
    }
}

#[test]
fn functions_are_no_constructors() {
    for name in ["identity", "datastore_insert_bsatn", "console_log"] {
        let text = value(&format!("new sys.{name}()"));
        assert_eq!(text, format!("threw TypeError: sys.{name} is not a constructor"));
        assert_eq!(value(&format!("sys.{name}.name")), format!("{name:?}"));
    }
}

#[test]
fn a_call_that_the_contract_ends_cannot_be_caught() {
    let trap = || Mock { fail: Some(HostError::Trap("row is garbage".into())), ..Mock::default() };
    for ending in [
        "sys.datastore_insert_bsatn(1, buffer(), 0)",
        "sys.datastore_clear(1)",
        "sys.table_id_from_name('x')",
        "[1].map(() => sys.datastore_table_scan_bsatn(1))",
    ] {
        let (mock, fault, instance) = fault(
            trap(),
            &format!(
                "(() => {{ try {{ {ending}; }} catch {{ sys.console_log(0, 'caught'); }}
                 finally {{ sys.console_log(0, 'finally'); }} }})()"
            ),
        );
        assert!(matches!(&fault, Fault::Trapped(text) if text.contains("its log says why")), "{fault:?}");
        assert!(instance.is_spent());
        assert_eq!(mock.calls.len(), 1, "{:?}", mock.calls);
        assert_eq!(mock.log.len(), 1, "{:?}", mock.log);
        assert_eq!((mock.log[0].level, mock.log[0].message.as_str()), (LogLevel::Panic, "row is garbage"));
    }
}

#[test]
fn compiled_code_asks_the_same() {
    // Long enough that V8 compiles the loop, and calls host functions directly from there.
    let (mock, text) = evaluate(
        Mock { rows: (vec![1; 12], false), ..Mock::default() },
        &format!(
            "(() => {{
               const key = buffer(1, 2, 3, 4), rows = new ArrayBuffer(64);
               function find() {{
                 const iter = sys.datastore_index_scan_point_bsatn(5, key, 4);
                 return sys.row_iter_bsatn_advance(iter, rows);
               }}
               let sum = 0;
               for (let n = 0; n < 20000; n++) sum += find();
               let thrown = 0;
               function wrong(n) {{
                 try {{ sys.row_iter_bsatn_advance({ITER} + (n & 1), rows) }} catch (e) {{ if (e.code === 6) thrown++; }}
               }}
               for (let n = 0; n < 20000; n++) wrong(n);
               let types = 0;
               function type(n) {{
                 try {{ sys.row_iter_bsatn_close(n < 19990 ? 3 : n % 2 ? 'x' : 0.5) }}
                 catch (e) {{ if (e instanceof TypeError) types++; }}
               }}
               for (let n = 0; n < 20000; n++) type(n);
               return [sum, thrown, types];
             }})()"
        ),
    );
    assert_eq!(text, "[-240000, 10000, 10]");
    assert_eq!(mock.calls.iter().filter(|call| *call == "point 5 [1, 2, 3, 4]").count(), 20000);
    assert_eq!(mock.calls.iter().filter(|call| *call == "close 3").count(), 19990);
}

#[test]
fn a_panic_of_the_host_goes_through_the_module() {
    let mut instance = instance(&module("function reducer() { try { sys.identity(); } catch {} }"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        instance.call(Mock { panics: true, ..Mock::default() }, &crate::reducer())
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"the mock was told to panic"));
    assert!(instance.is_spent());
}

#[test]
fn log_lines_say_who_speaks() {
    let text = module(
        "function log(level, message) { sys.console_log(level, message); }
         function inner() { log(1, 'warned'); log(101, 'panicked'); }
         function reducer() { inner(); sys.console_log(2, 'directly'); }",
    );
    let (mock, outcome) = instance(&text).call(Mock::default(), &crate::reducer());
    assert_eq!(outcome, Outcome::Done(vec![]));
    let line_of = |part: &str| Some(text.lines().position(|line| line.contains(part)).unwrap() as u32 + 1);
    let line = |level, message: &str, line: Option<u32>| Line {
        level,
        target: None,
        filename: Some("spacetimedb_module".into()),
        line,
        message: message.into(),
        backtrace: vec![],
    };
    assert_eq!(mock.log[0], line(LogLevel::Warn, "warned", line_of("function inner")));
    assert_eq!((mock.log[1].level, mock.log[1].line), (LogLevel::Panic, line_of("function inner")));
    let trace: Vec<_> = mock.log[1].backtrace.iter().map(|frame| frame.split_once(" (").unwrap().0).collect();
    assert_eq!(&trace[..3], ["log", "inner", "reducer"]);
    assert_eq!((mock.log[2].level, mock.log[2].message.as_str()), (LogLevel::Info, "directly"));
    let levels = "for (const n of [0, 1, 2, 3, 4, 5, 99]) sys.console_log(n, '');";
    let (mock, ..) = crate::reduce(levels);
    let levels: Vec<_> = mock.log.iter().map(|line| line.level).collect();
    let [debug, trace] = [LogLevel::Debug, LogLevel::Trace];
    assert_eq!(levels, [LogLevel::Error, LogLevel::Warn, LogLevel::Info, debug, trace, debug, debug]);
}
