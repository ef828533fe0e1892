//! Every import: what it passes on, what it writes back, and what it makes of nonsense.

use bytes::Bytes;
use orrery_host_abi::{Errno, Fault, HostError, LogLevel};

use crate::{
    mock::{COUNT, DELETED, GENERATED, INDEX, ITER, Line, Mock, TABLE, TIME, TIMER},
    probe::{DATA, HostCall, Probe, SINK, SIZE, SPENT_SOURCE, Seen, once},
};

const D: u64 = DATA as u64;

/// Runs calls that must not trap.
fn seen(mock: Mock, calls: &[HostCall<'_>], data: &[u8]) -> (Mock, Seen) {
    let (mock, seen) = Probe::new().run(mock, calls, data);
    (mock, seen.expect("nothing traps"))
}

/// One call with data: checks what the session was asked, what the module got, and what its memory holds then.
#[track_caller]
fn check(call: HostCall<'_>, data: &[u8], asked: &str, result: i64, after: &[u8]) {
    let (mock, seen) = seen(Mock::default(), &[call], data);
    assert_eq!(mock.calls, [asked]);
    assert_eq!(seen.results, [result]);
    assert_eq!(seen.data, after);
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn names_become_ids() {
    let after = |id: u32| joined(&[b"abc", &id.to_le_bytes()]);
    check(("table_id_from_name", &[D, 3, D + 3]), b"abc0000", "table \"abc\"", 0, &after(TABLE));
    check(("index_id_from_name", &[D, 3, D + 3]), b"abc0000", "index \"abc\"", 0, &after(INDEX));
    check(("table_id_from_name", &[D, 0, D + 3]), b"abc0000", "table \"\"", 0, &after(TABLE));
}

#[test]
fn tables_are_counted_scanned_and_cleared() {
    let count = COUNT.to_le_bytes();
    check(("datastore_table_row_count", &[7, D]), &[0; 8], "count 7", 0, &count);
    check(("datastore_clear", &[8, D]), &[0; 8], "clear 8", 0, &count);
    check(("datastore_table_scan_bsatn", &[9, D]), &[0; 4], "scan 9", 0, &ITER.to_le_bytes());
}

#[test]
fn ranges_are_passed_on() {
    let data = [1, 2, 3, 4, 5, 6, 0, 0, 0, 0];
    let params = [77, D, 1, 2, D + 1, 2, D + 3, 3, D + 6];
    let asked = "77 [1] 2 [2, 3] [4, 5, 6]";
    let iter = joined(&[&data[..6], &ITER.to_le_bytes()]);
    let deleted = joined(&[&data[..6], &DELETED.to_le_bytes()]);
    for name in ["datastore_index_scan_range_bsatn", "datastore_btree_scan_bsatn"] {
        check((name, &params), &data, &format!("range {asked}"), 0, &iter);
    }
    for name in ["datastore_delete_by_index_scan_range_bsatn", "datastore_delete_by_btree_scan_bsatn"] {
        check((name, &params), &data, &format!("delete range {asked}"), 0, &deleted);
    }
}

#[test]
fn without_prefix_columns_the_prefix_is_not_looked_at() {
    let data = [1, 2, 0, 0, 0, 0];
    for (ptr, len) in [(0, 0), (0, 5), (u64::from(u32::MAX), 99)] {
        let params = [77, ptr, len, 0, D, 1, D + 1, 1, D + 2];
        let after = joined(&[&data[..2], &ITER.to_le_bytes()]);
        check(("datastore_index_scan_range_bsatn", &params), &data, "range 77 [] 0 [1] [2]", 0, &after);
    }
}

#[test]
fn too_many_prefix_columns_trap() {
    for elems in [65_536, u64::from(u32::MAX)] {
        let params = [77, D, 1, elems, D, 1, D, 1, D];
        let (mock, fault) = once("datastore_index_scan_range_bsatn", &params, &[0; 4]);
        assert!(matches!(fault, Err(Fault::Trapped(_))));
        assert!(mock.calls.is_empty());
    }
}

#[test]
fn points_and_rows_are_passed_on() {
    let data = [1, 2, 0, 0, 0, 0];
    let iter = joined(&[&data[..2], &ITER.to_le_bytes()]);
    let deleted = joined(&[&data[..2], &DELETED.to_le_bytes()]);
    check(("datastore_index_scan_point_bsatn", &[5, D, 2, D + 2]), &data, "point 5 [1, 2]", 0, &iter);
    check(
        ("datastore_delete_by_index_scan_point_bsatn", &[5, D, 2, D + 2]),
        &data,
        "delete point 5 [1, 2]",
        0,
        &deleted,
    );
    check(("datastore_delete_all_by_eq_bsatn", &[5, D, 2, D + 2]), &data, "delete all 5 [1, 2]", 0, &deleted);
}

#[test]
fn generated_values_are_written_back() {
    let data = [9, 9, 9, 9, 4, 0, 0, 0];
    let after = joined(&[&GENERATED, &[9, 3, 0, 0, 0]]);
    check(("datastore_insert_bsatn", &[6, D, D + 4]), &data, "insert 6 [9, 9, 9, 9]", 0, &after);
    check(("datastore_update_bsatn", &[6, 7, D, D + 4]), &data, "update 6 7 [9, 9, 9, 9]", 0, &after);
    let none = [9, 9, 0, 0, 0, 0];
    check(("datastore_insert_bsatn", &[6, D, D + 2]), &none, "insert 6 []", 0, &none);
}

#[test]
fn iterators_say_how_far_they_got() {
    let advance: HostCall<'_> = ("row_iter_bsatn_advance", &[ITER as u64, D + 4, D]);
    let with = |rows: &[u8], more| Mock { rows: (rows.to_vec(), more), ..Mock::default() };
    let buffer = [3, 0, 0, 0, 7, 7, 7];

    let (mock, some) = seen(with(b"ab", true), &[advance], &buffer);
    assert_eq!(mock.calls, ["advance 3"]);
    assert_eq!((some.results[0], &some.data[..]), (0, &[2, 0, 0, 0, b'a', b'b', 7][..]));
    let (_, last) = seen(with(b"abc", false), &[advance], &buffer);
    assert_eq!((last.results[0], &last.data[..]), (-1, &[3, 0, 0, 0, b'a', b'b', b'c'][..]));
    let (_, none) = seen(with(b"", false), &[advance], &buffer);
    assert_eq!((none.results[0], &none.data[..]), (-1, &[0, 0, 0, 0, 7, 7, 7][..]));
    // The buffer is too small: how much is needed, and nothing else.
    let (_, small) = seen(with(&[1; 300], false), &[advance], &buffer);
    assert_eq!((small.results[0], &small.data[..]), (11, &[44, 1, 0, 0, 7, 7, 7][..]));
    let (_, unknown) = seen(with(b"ab", true), &[("row_iter_bsatn_advance", &[1, D + 4, D])], &buffer);
    assert_eq!((unknown.results[0], &unknown.data[..]), (6, &buffer[..]));
}

#[test]
fn a_bad_handle_is_reported_before_a_bad_pointer() {
    let far = u64::from(u32::MAX);
    for (buffer, len) in [(0, 0), (0, D), (D, 0), (far, D), (D, far), (far, far)] {
        let (_, seen) = seen(
            Mock::default(),
            &[
                ("row_iter_bsatn_advance", &[1, buffer, len]),
                ("bytes_source_read", &[9, buffer, len]),
                ("bytes_source_read", &[0, buffer, len]),
                ("bytes_source_read", &[u64::from(SPENT_SOURCE), buffer, len]),
                ("bytes_source_remaining_length", &[9, len]),
                ("bytes_source_remaining_length", &[0, 0]),
                ("bytes_sink_write", &[9, buffer, len]),
                ("bytes_sink_write", &[0, buffer, len]),
                ("bytes_sink_write", &[far, buffer, len]),
            ],
            // As the length that a good pointer leads to: more than there is memory.
            &far.to_le_bytes(),
        );
        assert_eq!(seen.results, [6, 8, 8, 8, 8, 8, 8, 8, 8], "{buffer} {len}");
    }
    // With a good handle they do trap.
    for (buffer, len) in [(0, D), (D, 0), (far, D), (D, far)] {
        let (_, fault) = once("row_iter_bsatn_advance", &[ITER as u64, buffer, len], &[1, 0, 0, 0]);
        assert!(matches!(fault, Err(Fault::Trapped(_))), "{buffer} {len}");
        let (_, fault) = once("bytes_sink_write", &[SINK as u64, buffer, len], &[1, 0, 0, 0]);
        assert!(matches!(fault, Err(Fault::Trapped(_))), "{buffer} {len}");
    }
}

#[test]
fn sources_end_in_the_read_that_drains_them() {
    let mock = Mock { jwt: Some(Bytes::from_static(b"{\"a\":1}")), ..Mock::default() };
    let connection = [1; 16];
    // 16: connection, 4: source, 4: remaining, 4: length, 8: buffer
    let data = joined(&[&connection, &[0; 8], &5u32.to_le_bytes(), &[b'.'; 8]]);
    let (source, remaining, len, buffer) = (D + 16, D + 20, D + 24, D + 28);
    let (mock, seen) = seen(
        mock,
        &[
            ("get_jwt", &[D, source]),
            ("bytes_source_read", &[2, buffer, len]),
            ("bytes_source_remaining_length", &[2, remaining]),
            ("bytes_source_read", &[2, buffer + 5, len]),
            ("bytes_source_read", &[2, buffer, len]),
            ("bytes_source_remaining_length", &[2, remaining]),
            // A second source has a number of its own, although the first one is gone.
            ("get_jwt", &[D, source]),
        ],
        &data,
    );
    assert_eq!(mock.calls, ["jwt 1010101010101010101010101010101"; 2]);
    assert_eq!(seen.results, [0, 0, 0, -1, 8, 8, 0]);
    let after = joined(&[&connection, &3u32.to_le_bytes(), &[2, 0, 0, 0], &[2, 0, 0, 0], b"{\"a\":1}."]);
    assert_eq!(seen.data, after);
}

#[test]
fn reading_nothing_from_a_source_leaves_it_open() {
    let mock = Mock { jwt: Some(Bytes::from_static(b"ab")), ..Mock::default() };
    let (_, seen) = seen(
        mock,
        &[
            ("get_jwt", &[D, D + 16]),
            ("bytes_source_read", &[2, u64::from(SIZE), D + 20]),
            ("bytes_source_remaining_length", &[2, D + 16]),
        ],
        &[0; 24],
    );
    assert_eq!(seen.results, [0, 0, 0]);
    assert_eq!(seen.data[16..], [2, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn an_absent_or_empty_token_is_source_zero() {
    for jwt in [None, Some(Bytes::new())] {
        let mock = Mock { jwt, ..Mock::default() };
        let (_, seen) = seen(mock, &[("get_jwt", &[D, D + 16])], &[0xff; 20]);
        assert_eq!(seen.results, [0]);
        assert_eq!(seen.data[16..], [0; 4]);
    }
}

#[test]
fn numbers_of_sources_and_sinks_start_anew_with_each_call() {
    let mut probe = Probe::new();
    for _ in 0..3 {
        let mock = Mock { jwt: Some(Bytes::from_static(b"ab")), ..Mock::default() };
        let (_, seen) = probe.run(mock, &[("get_jwt", &[D, D + 16])], &[0; 20]);
        assert_eq!(seen.unwrap().data[16..], [2, 0, 0, 0]);
    }
}

#[test]
fn sinks_take_all_and_leave_the_length_alone() {
    let data = joined(&[&3u32.to_le_bytes(), b"abcdef"]);
    let (_, seen) = seen(
        Mock::default(),
        &[("bytes_sink_write", &[1, D + 4, D]), ("bytes_sink_write", &[1, D + 7, D])],
        &data,
    );
    assert_eq!(seen.results, [0, 0]);
    assert_eq!(seen.sunk, b"abcdef");
    assert_eq!(seen.data, data);
}

#[test]
fn http_gives_two_sources_or_the_text_of_an_error() {
    let params = [D, 1, D + 1, 1, D + 2];
    let data = [5, 6, 9, 9, 9, 9, 9, 9, 9, 9];
    let http: HostCall<'_> = ("procedure_http_request", &params);
    let response = |head, body| Mock {
        response: (Bytes::from_static(head), Bytes::from_static(body)),
        ..Mock::default()
    };
    let (mock, both) = seen(response(b"head", b"body"), &[http], &data);
    assert_eq!(mock.calls, ["http [5] [6]"]);
    assert_eq!((both.results[0], &both.data[2..]), (0, &[2, 0, 0, 0, 3, 0, 0, 0][..]));
    let (_, no_body) = seen(response(b"head", b""), &[http], &data);
    assert_eq!((no_body.results[0], &no_body.data[2..]), (0, &[2, 0, 0, 0, 0, 0, 0, 0][..]));

    let failing = Mock { fail: Some(HostError::Http("no route".to_owned())), ..Mock::default() };
    let read: HostCall<'_> = ("bytes_source_read", &[2, D + 16, D + 12]);
    let data = joined(&[&data, &[0, 0], &16u32.to_le_bytes(), &[0; 16]]);
    let (_, failed) = seen(failing, &[http, read], &data);
    assert_eq!(failed.results, [21, -1]);
    assert_eq!(failed.data[2..10], [2, 0, 0, 0, 9, 9, 9, 9]);
    assert_eq!(failed.data[16..28], *b"\x08\0\0\0no route");
}

#[test]
fn time_and_transactions_are_passed_on() {
    let time = TIME.to_le_bytes();
    check(("procedure_start_mut_tx", &[D]), &[0; 8], "start", 0, &time);
    check(("procedure_commit_mut_tx", &[]), &[], "commit", 0, &[]);
    check(("procedure_abort_mut_tx", &[]), &[], "abort", 0, &[]);
    check(("procedure_sleep_until", &[-9i64 as u64]), &[], "sleep -9", TIME, &[]);
}

#[test]
fn the_rest_is_passed_on() {
    let timer = i64::from(TIMER as i32);
    check(("console_timer_start", &[D, 2]), b"a\xff", "timer \"a\u{fffd}\"", timer, b"a\xff");
    check(("console_timer_end", &[4]), &[], "timer end 4", 0, &[]);
    check(("row_iter_bsatn_close", &[4]), &[], "close 4", 0, &[]);
    let identity: [u8; 32] = std::array::from_fn(|n| 0x80 + n as u8);
    check(("identity", &[D]), &[0; 32], "identity", 0, &identity);
    check(
        ("volatile_nonatomic_schedule_immediate", &[D, 2, D + 2, 1]),
        b"go\x07",
        "schedule \"go\" [7]",
        0,
        b"go\x07",
    );
}

/// Imports whose answer is a code, with parameters that are fine.
const FALLIBLE: [(&str, &[u64]); 22] = [
    ("table_id_from_name", &[D, 1, D]),
    ("index_id_from_name", &[D, 1, D]),
    ("datastore_table_row_count", &[1, D]),
    ("datastore_table_scan_bsatn", &[1, D]),
    ("datastore_index_scan_range_bsatn", &[1, D, 1, 1, D, 1, D, 1, D]),
    ("datastore_btree_scan_bsatn", &[1, D, 1, 1, D, 1, D, 1, D]),
    ("datastore_delete_by_index_scan_range_bsatn", &[1, D, 1, 1, D, 1, D, 1, D]),
    ("datastore_delete_by_btree_scan_bsatn", &[1, D, 1, 1, D, 1, D, 1, D]),
    ("datastore_delete_all_by_eq_bsatn", &[1, D, 1, D]),
    ("row_iter_bsatn_advance", &[ITER as u64, D, D]),
    ("row_iter_bsatn_close", &[1]),
    ("datastore_insert_bsatn", &[1, D, D]),
    ("datastore_update_bsatn", &[1, 1, D, D]),
    ("console_timer_end", &[1]),
    ("get_jwt", &[D, D]),
    ("procedure_start_mut_tx", &[D]),
    ("procedure_commit_mut_tx", &[]),
    ("procedure_abort_mut_tx", &[]),
    ("procedure_http_request", &[D, 1, D, 1, D]),
    ("datastore_index_scan_point_bsatn", &[1, D, 1, D]),
    ("datastore_delete_by_index_scan_point_bsatn", &[1, D, 1, D]),
    ("datastore_clear", &[1, D]),
];

#[test]
fn errors_become_codes_and_write_nothing() {
    let data = [0; 32];
    let mut probe = Probe::new();
    for call in FALLIBLE {
        for errno in
            [Errno::NotInTransaction, Errno::NoSuchTable, Errno::UniqueAlreadyExists, Errno::HttpError]
        {
            let mock = Mock { fail: Some(errno.into()), ..Mock::default() };
            let (mock, seen) = probe.run(mock, &[call], &data);
            let seen = seen.unwrap();
            assert_eq!(mock.calls.len(), 1, "{}", call.0);
            assert_eq!(seen.results, [i64::from(errno.code())], "{}", call.0);
            assert_eq!(seen.data, data, "{}", call.0);
        }
    }
    assert!(!probe.is_spent());
}

#[test]
fn traps_of_the_session_end_the_call_and_are_logged() {
    for call in FALLIBLE.into_iter().chain([("procedure_sleep_until", &[1][..])]) {
        let mut probe = Probe::new();
        let mock = Mock { fail: Some(HostError::Trap("the row is not a row".to_owned())), ..Mock::default() };
        let (mock, fault) = probe.run(mock, &[call], &[0; 32]);
        let fault = fault.unwrap_err().to_string();
        assert!(fault.contains("log") && !fault.contains("row"), "callers learn no details: {fault}");
        let [line] = &mock.log[..] else { panic!("one line: {:?}", mock.log) };
        assert_eq!((line.level, &line.message[..]), (LogLevel::Panic, "the row is not a row"));
        assert_eq!(line.backtrace.len(), 2, "{:?}", line.backtrace);
        assert!(probe.is_spent());
    }
}

/// How an import uses a pointer.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// Pointer and length, read before the session is asked.
    In(usize, usize),
    /// So many bytes, read before the session is asked.
    InFixed(usize, u32),
    /// So many bytes, written after the session was asked.
    Out(usize, u32),
}

/// Every pointer of every import, apart from those with rules of their own, which are tested above.
const POINTERS: [(&str, &[Use]); 20] = [
    ("table_id_from_name", &[Use::In(0, 1), Use::Out(2, 4)]),
    ("index_id_from_name", &[Use::In(0, 1), Use::Out(2, 4)]),
    ("datastore_table_row_count", &[Use::Out(1, 8)]),
    ("datastore_table_scan_bsatn", &[Use::Out(1, 4)]),
    ("datastore_index_scan_range_bsatn", &[Use::In(1, 2), Use::In(4, 5), Use::In(6, 7), Use::Out(8, 4)]),
    ("datastore_btree_scan_bsatn", &[Use::In(1, 2), Use::In(4, 5), Use::In(6, 7), Use::Out(8, 4)]),
    (
        "datastore_delete_by_index_scan_range_bsatn",
        &[Use::In(1, 2), Use::In(4, 5), Use::In(6, 7), Use::Out(8, 4)],
    ),
    ("datastore_delete_by_btree_scan_bsatn", &[Use::In(1, 2), Use::In(4, 5), Use::In(6, 7), Use::Out(8, 4)]),
    ("datastore_delete_all_by_eq_bsatn", &[Use::In(1, 2), Use::Out(3, 4)]),
    ("row_iter_bsatn_advance", &[Use::InFixed(1, 1), Use::InFixed(2, 4)]),
    ("datastore_insert_bsatn", &[Use::InFixed(1, 1), Use::InFixed(2, 4)]),
    ("datastore_update_bsatn", &[Use::InFixed(2, 1), Use::InFixed(3, 4)]),
    ("console_timer_start", &[Use::In(0, 1)]),
    ("identity", &[Use::Out(0, 32)]),
    ("volatile_nonatomic_schedule_immediate", &[Use::In(0, 1), Use::In(2, 3)]),
    ("get_jwt", &[Use::InFixed(0, 16), Use::Out(1, 4)]),
    ("procedure_start_mut_tx", &[Use::Out(0, 8)]),
    ("procedure_http_request", &[Use::In(0, 1), Use::In(2, 3), Use::Out(4, 8)]),
    ("datastore_index_scan_point_bsatn", &[Use::In(1, 2), Use::Out(3, 4)]),
    ("datastore_clear", &[Use::Out(1, 8)]),
];

/// Parameters that are fine.
fn good_params(name: &str) -> Vec<u64> {
    let fallible = FALLIBLE.iter().find(|call| call.0 == name).map(|call| call.1.to_vec());
    fallible.unwrap_or_else(|| match name {
        "console_timer_start" => vec![D, 1],
        "identity" => vec![D],
        "volatile_nonatomic_schedule_immediate" => vec![D, 1, D, 1],
        _ => panic!("no parameters for {name}"),
    })
}

#[test]
fn nonsense_pointers_trap_before_or_after_the_session_is_asked() {
    let far = u64::from(u32::MAX);
    let size = u64::from(SIZE);
    // The length that a length pointer leads to is 1.
    let data = joined(&[&1u32.to_le_bytes(), &[b'a'; 40]]);
    for (name, uses) in POINTERS {
        for used in uses {
            // For each a list of pointers and lengths that are wrong.
            let wrong: Vec<Vec<(usize, u64)>> = match *used {
                Use::In(ptr, len) => {
                    [(0, 0), (0, 1), (size, 1), (size + 1, 0), (D, size), (far, far), (D, far)]
                        .map(|(p, l)| vec![(ptr, p), (len, l)])
                        .to_vec()
                }
                Use::InFixed(ptr, width) | Use::Out(ptr, width) => {
                    [0, size, size - u64::from(width) + 1, far].map(|p| vec![(ptr, p)]).to_vec()
                }
            };
            for changes in wrong {
                let mut params = good_params(name);
                for (place, value) in &changes {
                    params[*place] = *value;
                }
                let (mock, fault) = once(name, &params, &data);
                assert!(matches!(fault, Err(Fault::Trapped(_))), "{name} {params:?}: {fault:?}");
                let asked = mock.calls.iter().filter(|call| *call != "advance 0").count();
                assert_eq!(asked, usize::from(matches!(used, Use::Out(..))), "{name} {params:?}");
                let message = &mock.log[0].message;
                assert!(
                    message.contains("null pointer") || message.contains("outside its memory"),
                    "{message}"
                );
            }
        }
    }
}

#[test]
fn nothing_may_be_anywhere_but_at_null() {
    // A length of zero at the very end of the memory.
    let end = u64::from(SIZE);
    for (name, uses) in POINTERS {
        let mut params = good_params(name);
        for used in uses {
            if let Use::In(ptr, len) = *used {
                params[ptr] = end;
                params[len] = 0;
            }
        }
        let (_, seen) = once(name, &params, &[0; 32]);
        assert!(seen.is_ok(), "{name} {params:?}: {seen:?}");
    }
}

#[test]
fn names_that_are_not_utf8_trap_before_the_session_is_asked() {
    for (name, params) in [
        ("table_id_from_name", &[D, 2, D][..]),
        ("index_id_from_name", &[D, 2, D]),
        ("volatile_nonatomic_schedule_immediate", &[D, 2, D, 1]),
    ] {
        let (mock, fault) = once(name, params, &[0xc3, 0x28, 0, 0]);
        assert!(matches!(fault, Err(Fault::Trapped(_))), "{name}");
        assert!(mock.calls.is_empty());
        assert!(mock.log[0].message.contains("UTF-8"), "{}", mock.log[0].message);
    }
}

#[test]
fn log_lines_are_passed_on() {
    let data = b"targetfile.rswhat\xff";
    let no_line = u64::from(u32::MAX);
    let (mock, _) = seen(
        Mock::default(),
        &[
            ("console_log", &[2, D, 6, D + 6, 7, 12, D + 13, 4]),
            ("console_log", &[0, 0, 0, 0, 9, no_line, D + 13, 5]),
            // Only the low byte counts; an unknown level is for debugging.
            ("console_log", &[0xabcd_ef01, 0, 0, 0, 0, no_line, D, 0]),
            ("console_log", &[5, 0, 0, 0, 0, no_line, D, 0]),
        ],
        data,
    );
    let line = |level, message: &str| Line {
        level,
        target: None,
        filename: None,
        line: None,
        message: message.to_owned(),
        backtrace: vec![],
    };
    let full = Line {
        target: Some("target".to_owned()),
        filename: Some("file.rs".to_owned()),
        line: Some(12),
        ..line(LogLevel::Info, "what")
    };
    assert_eq!(
        mock.log,
        [full, line(LogLevel::Error, "what\u{fffd}"), line(LogLevel::Warn, ""), line(LogLevel::Debug, "")]
    );
}

#[test]
fn log_lines_with_bad_pointers_are_dropped() {
    let far = u64::from(u32::MAX);
    let (mock, seen) = seen(
        Mock::default(),
        &[
            ("console_log", &[2, far, 1, 0, 0, 0, D, 1]),
            ("console_log", &[2, 0, 0, D, far, 0, D, 1]),
            ("console_log", &[2, 0, 0, 0, 0, 0, 0, 0]),
            ("console_log", &[101, 0, 0, 0, 0, 0, D, far]),
        ],
        b"x",
    );
    assert_eq!(seen.results, [0; 4]);
    assert_eq!(mock.log, []);
}

#[test]
fn a_panic_is_logged_with_its_backtrace() {
    let (mock, _) = seen(Mock::default(), &[("console_log", &[101, 0, 0, 0, 0, 0, D, 1])], b"x");
    assert_eq!(mock.log[0].level, LogLevel::Panic);
    assert_eq!(mock.log[0].backtrace.len(), 2);
    assert_eq!(mock.log[0].backtrace[0], "p15");
}
