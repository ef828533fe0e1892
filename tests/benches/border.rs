//! What it costs to enter a module and to call the host from there, with a host that does next to nothing.

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use orrery_host_abi::{
    Advance, Call, ConnectionId, Errno, Function, Hash, HostCalls, HostError, Identity, IndexId, Instance,
    IterId, LogRecord, ModuleDef, Outcome, TableId, Timestamp,
};
use orrery_runtime::engine::{
    js::{JsConfig, JsEngine},
    wasm::{WasmConfig, WasmEngine},
};
use orrery_tests::modules::Language;

use crate::table::{Row, Target, median, print, rate};

const RUNS: usize = 5;
const LIMIT: Duration = Duration::from_secs(60);

/// Measures the borders.
pub(crate) fn run() {
    wasm();
    javascript();
    transfers();
}

/// A host with one row of 12 bytes.
#[derive(Debug, Default)]
struct Idle;

type Answer<T> = Result<T, HostError>;

fn refuse<T>() -> Answer<T> {
    Err(Errno::NotInTransaction.into())
}

impl HostCalls for Idle {
    fn datastore_index_scan_point_bsatn(&mut self, _: IndexId, point: &[u8]) -> Answer<IterId> {
        Ok(IterId(point.len() as u32))
    }

    fn row_iter_bsatn_advance(&mut self, _: IterId, buffer: &mut [u8]) -> Answer<Advance> {
        buffer[..12].fill(1);
        Ok(Advance { written: 12, exhausted: true })
    }

    fn datastore_update_bsatn(&mut self, _: TableId, _: IndexId, _: &mut [u8]) -> Answer<usize> {
        Ok(0)
    }

    fn table_id_from_name(&mut self, _: &str) -> Answer<TableId> {
        Ok(TableId(1))
    }

    fn index_id_from_name(&mut self, _: &str) -> Answer<IndexId> {
        Ok(IndexId(1))
    }

    fn datastore_table_row_count(&mut self, _: TableId) -> Answer<u64> {
        refuse()
    }

    fn datastore_table_scan_bsatn(&mut self, _: TableId) -> Answer<IterId> {
        refuse()
    }

    fn datastore_index_scan_range_bsatn(
        &mut self,
        _: IndexId,
        _: &[u8],
        _: u16,
        _: &[u8],
        _: &[u8],
    ) -> Answer<IterId> {
        refuse()
    }

    fn datastore_delete_by_index_scan_range_bsatn(
        &mut self,
        _: IndexId,
        _: &[u8],
        _: u16,
        _: &[u8],
        _: &[u8],
    ) -> Answer<u32> {
        refuse()
    }

    fn datastore_delete_by_index_scan_point_bsatn(&mut self, _: IndexId, _: &[u8]) -> Answer<u32> {
        refuse()
    }

    fn datastore_delete_all_by_eq_bsatn(&mut self, _: TableId, _: &[u8]) -> Answer<u32> {
        refuse()
    }

    fn datastore_clear(&mut self, _: TableId) -> Answer<u64> {
        refuse()
    }

    fn row_iter_bsatn_close(&mut self, _: IterId) -> Answer<()> {
        Ok(())
    }

    fn datastore_insert_bsatn(&mut self, _: TableId, _: &mut [u8]) -> Answer<usize> {
        refuse()
    }

    fn console_log(&mut self, record: LogRecord<'_>) {
        eprintln!("{}", record.message);
    }

    fn console_timer_start(&mut self, _: &str) -> u32 {
        1
    }

    fn console_timer_end(&mut self, _: u32) -> Answer<()> {
        Ok(())
    }

    fn identity(&mut self) -> Identity {
        Identity::default()
    }

    fn get_jwt(&mut self, _: ConnectionId) -> Answer<Option<Bytes>> {
        refuse()
    }

    fn volatile_nonatomic_schedule_immediate(&mut self, _: &str, _: &[u8]) {}

    fn procedure_sleep_until(&mut self, wake_at: Timestamp) -> Answer<Timestamp> {
        Ok(wake_at)
    }

    fn procedure_start_mut_tx(&mut self) -> Answer<Timestamp> {
        refuse()
    }

    fn procedure_commit_mut_tx(&mut self) -> Answer<()> {
        refuse()
    }

    fn procedure_abort_mut_tx(&mut self) -> Answer<()> {
        refuse()
    }

    fn procedure_http_request(&mut self, _: &[u8], _: &[u8]) -> Answer<(Bytes, Bytes)> {
        refuse()
    }
}

fn reducer(id: u32, args: &'static [u8]) -> Call {
    Call {
        function: Function::Reducer(id),
        caller: Identity([7; 32]),
        connection: Some(ConnectionId(7)),
        timestamp: Timestamp(7),
        args: Bytes::from_static(args),
        body: Bytes::new(),
        time_limit: LIMIT,
    }
}

/// Nanoseconds for one call of a reducer.
fn call_nanos(instance: &mut impl Instance<Idle>, call: &Call) -> f64 {
    median(RUNS, || {
        let rate = rate(10_000, || {
            for _ in 0..10_000 {
                let (_, outcome) = instance.call(Idle, call);
                assert!(matches!(outcome, Outcome::Done(_)), "the reducer succeeds");
            }
        });
        1e9 / rate
    })
}

/// Two lines: entering, and one find of a row.
fn report(engine: &str, empty: f64, finding: f64, finds: u32, find_target: Target) {
    let bare = bare_find();
    print(&Row {
        what: format!("{engine}: enter an empty reducer"),
        ours: empty,
        limit: None,
        target: Target::None,
        unit: "ns",
    });
    print(&Row {
        what: format!("{engine}: find a row of 12 bytes from within"),
        ours: (finding - empty) / f64::from(finds),
        limit: Some((bare, "the same calls from Rust")),
        target: find_target,
        unit: "ns",
    });
}

/// Nanoseconds for the host's part of a find.
fn bare_find() -> f64 {
    let mut host: Box<dyn HostCalls> = Box::new(Idle);
    let mut buffer = [0; 64];
    let rate = rate(100_000, || {
        for _ in 0..100_000 {
            let iter = black_box(&mut host).datastore_index_scan_point_bsatn(IndexId(1), black_box(&[1; 4]));
            let iter = iter.expect("an iterator");
            let _ = black_box(host.row_iter_bsatn_advance(iter, black_box(&mut buffer)));
        }
    });
    1e9 / rate
}

/// How many rows the second reducer finds.
const FINDS: u32 = 16;

fn wasm() {
    let find = "(drop (call $find (i32.const 1) (i32.const 1024) (i32.const 4) (i32.const 516)))
        (i32.store (i32.const 512) (i32.const 4096))
        (drop (call $advance (i32.load (i32.const 516)) (i32.const 2048) (i32.const 512)))";
    let module = format!(
        "(module
            (import \"spacetime_10.4\" \"datastore_index_scan_point_bsatn\"
                (func $find (param i32 i32 i32 i32) (result i32)))
            (import \"spacetime_10.0\" \"row_iter_bsatn_advance\"
                (func $advance (param i32 i32 i32) (result i32)))
            (memory (export \"memory\") 1)
            (func (export \"__describe_module__\") (param i32))
            (func (export \"__call_reducer__\") (param $id i32) (param i64 i64 i64 i64 i64 i64 i64 i32 i32)
                (result i32)
                (if (local.get $id) (then {}))
                (i32.const 0)))",
        find.repeat(FINDS as usize)
    );
    let bytes = wat::parse_str(module).expect("valid text");
    let engine = WasmEngine::new(&WasmConfig::default()).expect("wasm runs here");
    let program = engine.compile::<Idle>(Hash::default(), &bytes).expect("the module is taken");
    let (mut instance, _) = program.start(Idle, LIMIT).1.expect("it starts");
    let empty = call_nanos(&mut instance, &reducer(0, b""));
    let finding = call_nanos(&mut instance, &reducer(1, b""));
    report("wasm", empty, finding, FINDS, Target::None);
    let rate = rate(100, || {
        for _ in 0..100 {
            black_box(program.start(Idle, LIMIT).1.expect("it starts"));
        }
    });
    print(&Row {
        what: "wasm: start and drop a small instance".into(),
        ours: 1e6 / rate,
        limit: None,
        target: Target::None,
        unit: "µs",
    });
}

fn javascript() {
    let module = format!(
        "import {{ moduleHooks, datastore_index_scan_point_bsatn as find }} from 'spacetime:sys@2.0';
        import {{ row_iter_bsatn_advance as advance }} from 'spacetime:sys@2.0';
        const key = new ArrayBuffer(4), row = new ArrayBuffer(4096);
        function call(id) {{
            if (id) for (let i = 0; i < {FINDS}; i++) advance(find(1, key, 4), row);
        }}
        export default {{
            [moduleHooks]() {{
                return {{
                    __describe_module__: () => new Uint8Array(),
                    __get_error_constructor__: () => Error,
                    __sender_error_class__: class extends Error {{}},
                    __call_reducer__: call,
                    __call_view__() {{}},
                    __call_view_anon__() {{}},
                    __call_procedure__() {{}},
                    __call_http_handler__() {{}},
                }};
            }},
        }};"
    );
    let config = JsConfig { cache_dir: None, memory_limit: 64 << 20 };
    let engine = JsEngine::new(&config).expect("JavaScript runs here");
    let program = engine.compile(Hash::default(), &Bytes::from(module)).expect("the module is taken");
    let mut instance = program.start(Idle, LIMIT).1.expect("it starts");
    let empty = call_nanos(&mut instance, &reducer(0, b""));
    let finding = call_nanos(&mut instance, &reducer(1, b""));
    report("JavaScript", empty, finding, FINDS, Target::AtMost(500.0));
}

/// A transfer of the bench module in every language, from entering to leaving: the part of it that differs
/// between the languages. On one thread, so it tells small differences that the rate of a whole database hides.
fn transfers() {
    let mut rust = 0.0;
    for language in Language::ALL {
        let bytes = Bytes::from(language.program("bench").bytes);
        let nanos = if language == Language::Rust {
            let engine = WasmEngine::new(&WasmConfig::default()).expect("wasm runs here");
            let program = engine.compile::<Idle>(Hash::default(), &bytes).expect("the module is taken");
            let (mut instance, description) = program.start(Idle, LIMIT).1.expect("it starts");
            call_nanos(&mut instance, &transfer(&description))
        } else {
            let config = JsConfig { cache_dir: None, memory_limit: 64 << 20 };
            let engine = JsEngine::new(&config).expect("JavaScript runs here");
            let program = engine.compile(Hash::default(), &bytes).expect("the module is taken");
            let description = program.describe(Idle, LIMIT).1.expect("it describes itself");
            let mut instance = program.start(Idle, LIMIT).1.expect("it starts");
            call_nanos(&mut instance, &transfer(&description))
        };
        print(&Row {
            what: format!("transfer without a store, {}", language.name()),
            ours: nanos,
            limit: (language != Language::Rust).then_some((rust, "the same in Rust")),
            target: Target::None,
            unit: "ns",
        });
        if language == Language::Rust {
            rust = nanos;
        }
    }
}

fn transfer(description: &[u8]) -> Call {
    let def = ModuleDef::decode(description).expect("a definition");
    let place = def.reducers.iter().position(|reducer| &*reducer.name == "transfer").expect("its reducer");
    reducer(place as u32, &[1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
}
