//! A module that makes whatever host calls a test wants, with whatever numbers.
//!
//! The test's calls are the arguments of a view: their count, then for each the place of the import in [`IMPORTS`] and
//! its parameters, then data. The view copies the data to [`DATA`], makes the calls, and answers with their results
//! and with the data as it is then.

use std::fmt::Write;

use bytes::Bytes;
use orrery_host_abi::{Fault, Function, Instance, Outcome};
use orrery_runtime::engine::wasm::WasmInstance;

use crate::{call, instance, mock::Mock};

/// Module, name, parameters, result.
type Import = (&'static str, &'static str, &'static [&'static str], &'static str);

const I: &str = "i32";
const L: &str = "i64";

/// All imports of the contract.
pub(crate) const IMPORTS: [Import; 30] = [
    ("spacetime_10.0", "table_id_from_name", &[I; 3], I),
    ("spacetime_10.0", "index_id_from_name", &[I; 3], I),
    ("spacetime_10.0", "datastore_table_row_count", &[I; 2], I),
    ("spacetime_10.0", "datastore_table_scan_bsatn", &[I; 2], I),
    ("spacetime_10.0", "datastore_index_scan_range_bsatn", &[I; 9], I),
    ("spacetime_10.0", "datastore_btree_scan_bsatn", &[I; 9], I),
    ("spacetime_10.0", "datastore_delete_by_index_scan_range_bsatn", &[I; 9], I),
    ("spacetime_10.0", "datastore_delete_by_btree_scan_bsatn", &[I; 9], I),
    ("spacetime_10.0", "datastore_delete_all_by_eq_bsatn", &[I; 4], I),
    ("spacetime_10.0", "row_iter_bsatn_advance", &[I; 3], I),
    ("spacetime_10.0", "row_iter_bsatn_close", &[I; 1], I),
    ("spacetime_10.0", "datastore_insert_bsatn", &[I; 3], I),
    ("spacetime_10.0", "datastore_update_bsatn", &[I; 4], I),
    ("spacetime_10.0", "bytes_source_read", &[I; 3], I),
    ("spacetime_10.0", "bytes_sink_write", &[I; 3], I),
    ("spacetime_10.0", "console_log", &[I; 8], ""),
    ("spacetime_10.0", "console_timer_start", &[I; 2], I),
    ("spacetime_10.0", "console_timer_end", &[I; 1], I),
    ("spacetime_10.0", "identity", &[I; 1], ""),
    ("spacetime_10.0", "volatile_nonatomic_schedule_immediate", &[I; 4], ""),
    ("spacetime_10.1", "bytes_source_remaining_length", &[I; 2], I),
    ("spacetime_10.2", "get_jwt", &[I; 2], I),
    ("spacetime_10.3", "procedure_sleep_until", &[L; 1], L),
    ("spacetime_10.3", "procedure_start_mut_tx", &[I; 1], I),
    ("spacetime_10.3", "procedure_commit_mut_tx", &[], I),
    ("spacetime_10.3", "procedure_abort_mut_tx", &[], I),
    ("spacetime_10.3", "procedure_http_request", &[I; 5], I),
    ("spacetime_10.4", "datastore_index_scan_point_bsatn", &[I; 4], I),
    ("spacetime_10.4", "datastore_delete_by_index_scan_point_bsatn", &[I; 4], I),
    ("spacetime_10.5", "datastore_clear", &[I; 2], I),
];

/// Where a test's data is in the module's memory.
pub(crate) const DATA: u32 = 1024;
/// How large the module's memory is.
pub(crate) const SIZE: u32 = 65536;
/// The sink of the view's own result.
pub(crate) const SINK: u32 = 1;
/// The source of the view's arguments: drained once the test's calls are made.
pub(crate) const SPENT_SOURCE: u32 = 1;

const RESULTS: u32 = 256;
const DATA_LEN: u32 = 8192;
const ARGS: u32 = 16384;
const PARAMS_MAX: usize = 9;
const RECORD: usize = 8 * (1 + PARAMS_MAX);

pub(crate) struct Probe(WasmInstance<Mock>);

/// A host call: the import's name and its parameters.
pub(crate) type HostCall<'a> = (&'a str, &'a [u64]);

/// What the module saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What each call answered, sign-extended.
    pub(crate) results: Vec<i64>,
    /// The data afterwards.
    pub(crate) data: Vec<u8>,
    /// What was written to the sink before the answer.
    pub(crate) sunk: Vec<u8>,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self(instance(&text()))
    }

    /// Has the module make the calls; the answer is what it saw, or how it broke.
    pub(crate) fn run(
        &mut self,
        mock: Mock,
        calls: &[HostCall<'_>],
        data: &[u8],
    ) -> (Mock, Result<Seen, Fault>) {
        let mut args = (calls.len() as u64).to_le_bytes().to_vec();
        for (name, params) in calls {
            let place = IMPORTS.iter().position(|import| import.1 == *name).expect("there is such an import");
            assert_eq!(params.len(), IMPORTS[place].2.len(), "parameters of {name}");
            let mut record = [0u64; RECORD / 8];
            record[0] = place as u64;
            record[1..=params.len()].copy_from_slice(params);
            args.extend(record.iter().flat_map(|word| word.to_le_bytes()));
        }
        args.extend_from_slice(data);
        let (mock, outcome) = self.0.call(mock, &call(Function::AnonymousView(0), Bytes::from(args)));
        let seen = match outcome {
            Outcome::Done(bytes) => {
                let (sunk, answer) = bytes.split_at(bytes.len() - (DATA - RESULTS + DATA_LEN) as usize);
                let (results, after) = answer.split_at((DATA - RESULTS) as usize);
                let results = results.chunks(8).take(calls.len());
                Ok(Seen {
                    results: results.map(|word| i64::from_le_bytes(word.try_into().unwrap())).collect(),
                    data: after[..data.len()].to_vec(),
                    sunk: sunk.to_vec(),
                })
            }
            Outcome::Broke(fault) => Err(fault),
            other => panic!("the probe does nothing else: {other:?}"),
        };
        (mock, seen)
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.0.is_spent()
    }
}

/// One call on a fresh instance with a fresh session.
pub(crate) fn once(name: &str, params: &[u64], data: &[u8]) -> (Mock, Result<Seen, Fault>) {
    Probe::new().run(Mock::default(), &[(name, params)], data)
}

/// The module's text.
fn text() -> String {
    let mut imports = String::new();
    let mut wrappers = String::new();
    let mut table = String::new();
    for (n, (module, name, params, result)) in IMPORTS.iter().enumerate() {
        let list = params.join(" ");
        let answer = if result.is_empty() { String::new() } else { format!("(result {result})") };
        writeln!(imports, "(import \"{module}\" \"{name}\" (func $i{n} (param {list}) {answer}))").unwrap();
        let mut call = format!("(call $i{n}");
        for (k, ty) in params.iter().enumerate() {
            let load = format!("(i64.load offset={} (local.get 0))", 8 * k);
            call += &if *ty == I { format!("(i32.wrap_i64 {load})") } else { load };
        }
        call.push(')');
        let body = match *result {
            "" => format!("{call} (i64.const 0)"),
            I => format!("(i64.extend_i32_s {call})"),
            _ => call,
        };
        writeln!(wrappers, "(func $p{n} (type $wrapper) {body})").unwrap();
        write!(table, "$p{n} ").unwrap();
    }
    let place = |name| IMPORTS.iter().position(|import| import.1 == name).unwrap();
    let (read, write) = (place("bytes_source_read"), place("bytes_sink_write"));
    let answer_len = DATA - RESULTS + DATA_LEN;
    format!(
        r#"(module
        {imports}
        (type $wrapper (func (param i32) (result i64)))
        (memory (export "memory") 1 1)
        (table funcref (elem {table}))
        {wrappers}
        (func (export "__describe_module__") (param i32))
        (func (export "__call_reducer__")
            (param i32 i64 i64 i64 i64 i64 i64 i64 i32 i32) (result i32) (i32.const 0))
        (func (export "__call_view_anon__") (param $id i32) (param $args i32) (param $sink i32) (result i32)
            (local $n i32) (local $i i32) (local $record i32)
            (i32.store (i32.const 16) (i32.const 40000))
            (drop (call $i{read} (local.get $args) (i32.const {ARGS}) (i32.const 16)))
            (local.set $n (i32.load (i32.const {ARGS})))
            (local.set $record (i32.add (i32.const 8)
                (i32.mul (local.get $n) (i32.const {RECORD}))))
            (memory.copy (i32.const {DATA}) (i32.add (i32.const {ARGS}) (local.get $record))
                (i32.sub (i32.load (i32.const 16)) (local.get $record)))
            (local.set $record (i32.const {first}))
            (block $done (loop $next
                (br_if $done (i32.eq (local.get $i) (local.get $n)))
                (i64.store (i32.add (i32.const {RESULTS}) (i32.mul (local.get $i) (i32.const 8)))
                    (call_indirect (type $wrapper) (i32.add (local.get $record) (i32.const 8))
                        (i32.load (local.get $record))))
                (local.set $record (i32.add (local.get $record) (i32.const {RECORD})))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $next)))
            (i32.store (i32.const 16) (i32.const {answer_len}))
            (drop (call $i{write} (local.get $sink) (i32.const {RESULTS}) (i32.const 16)))
            (i32.const 2)))"#,
        first = ARGS + 8,
    )
}
