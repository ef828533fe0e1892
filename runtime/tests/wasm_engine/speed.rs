//! What the border costs. Run it by hand, in a release build:
//! `cargo test --release -p orrery-runtime --test wasm_engine speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use orrery_host_abi::{Call, Function, HostCalls, Instance, Outcome};

use crate::{LIMIT, call, engine, mock::Mock, module_with_reducer};

/// Nanoseconds for each of `n` rounds, the best of a few tries.
fn measure(n: u32, mut round: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let began = Instant::now();
        for _ in 0..n {
            round();
        }
        best = best.min(began.elapsed());
    }
    best.as_nanos() as f64 / f64::from(n)
}

/// A session that does next to nothing.
#[derive(Default)]
struct Idle(Mock);

macro_rules! delegate {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*) => {
        $(fn $name(&mut self, $($arg: $ty),*) -> $ret { self.0.$name($($arg),*) })*
    };
}

type R<T> = Result<T, orrery_host_abi::HostError>;

impl HostCalls for Idle {
    fn datastore_index_scan_point_bsatn(
        &mut self,
        _: orrery_host_abi::IndexId,
        point: &[u8],
    ) -> R<orrery_host_abi::IterId> {
        Ok(orrery_host_abi::IterId(point.len() as u32))
    }

    fn row_iter_bsatn_advance(
        &mut self,
        _: orrery_host_abi::IterId,
        buffer: &mut [u8],
    ) -> R<orrery_host_abi::Advance> {
        buffer[..12].fill(1);
        Ok(orrery_host_abi::Advance { written: 12, exhausted: true })
    }

    fn datastore_update_bsatn(
        &mut self,
        _: orrery_host_abi::TableId,
        _: orrery_host_abi::IndexId,
        _: &mut [u8],
    ) -> R<usize> {
        Ok(0)
    }

    fn console_log(&mut self, _: orrery_host_abi::LogRecord<'_>) {}

    fn volatile_nonatomic_schedule_immediate(&mut self, _: &str, _: &[u8]) {}

    delegate! {
        table_id_from_name(name: &str) -> R<orrery_host_abi::TableId>;
        index_id_from_name(name: &str) -> R<orrery_host_abi::IndexId>;
        datastore_table_row_count(table: orrery_host_abi::TableId) -> R<u64>;
        datastore_table_scan_bsatn(table: orrery_host_abi::TableId) -> R<orrery_host_abi::IterId>;
        datastore_index_scan_range_bsatn(i: orrery_host_abi::IndexId, p: &[u8], n: u16, s: &[u8], e: &[u8])
            -> R<orrery_host_abi::IterId>;
        datastore_delete_by_index_scan_range_bsatn(
            i: orrery_host_abi::IndexId, p: &[u8], n: u16, s: &[u8], e: &[u8]) -> R<u32>;
        datastore_delete_by_index_scan_point_bsatn(i: orrery_host_abi::IndexId, p: &[u8]) -> R<u32>;
        datastore_delete_all_by_eq_bsatn(t: orrery_host_abi::TableId, r: &[u8]) -> R<u32>;
        datastore_clear(t: orrery_host_abi::TableId) -> R<u64>;
        row_iter_bsatn_close(i: orrery_host_abi::IterId) -> R<()>;
        datastore_insert_bsatn(t: orrery_host_abi::TableId, r: &mut [u8]) -> R<usize>;
        console_timer_start(name: &str) -> u32;
        console_timer_end(timer: u32) -> R<()>;
        identity() -> orrery_host_abi::Identity;
        get_jwt(c: orrery_host_abi::ConnectionId) -> R<Option<Bytes>>;
        procedure_sleep_until(t: orrery_host_abi::Timestamp) -> R<orrery_host_abi::Timestamp>;
        procedure_start_mut_tx() -> R<orrery_host_abi::Timestamp>;
        procedure_commit_mut_tx() -> R<()>;
        procedure_abort_mut_tx() -> R<()>;
        procedure_http_request(r: &[u8], b: &[u8]) -> R<(Bytes, Bytes)>;
    }
}

/// A reducer that reads its arguments, finds a row and updates it.
const FIND_AND_UPDATE: &str = "
    (i32.store (i32.const 512) (i32.const 64))
    (drop (call $bytes_source_read (local.get $args) (i32.const 1024) (i32.const 512)))
    (drop (call $find (i32.const 1) (i32.const 1024) (i32.const 4) (i32.const 516)))
    (i32.store (i32.const 512) (i32.const 4096))
    (drop (call $advance (i32.load (i32.const 516)) (i32.const 2048) (i32.const 512)))
    (drop (call $update (i32.const 1) (i32.const 1) (i32.const 2048) (i32.const 512)))
    (i32.const 0)";

#[test]
#[ignore = "a measurement"]
fn the_border() {
    let imports = "(module
        (import \"spacetime_10.4\" \"datastore_index_scan_point_bsatn\"
            (func $find (param i32 i32 i32 i32) (result i32)))
        (import \"spacetime_10.0\" \"row_iter_bsatn_advance\" (func $advance (param i32 i32 i32) (result i32)))
        (import \"spacetime_10.0\" \"datastore_update_bsatn\" (func $update (param i32 i32 i32 i32) (result i32)))";
    let run = |name: &str, body: &str, call: &Call| {
        let wat = module_with_reducer(body).replacen("(module", imports, 1);
        let bytes = wat::parse_str(&wat).unwrap();
        let program = engine().compile::<Idle>(orrery_host_abi::Hash::default(), &bytes).unwrap();
        let mut instance = program.start(Idle::default(), LIMIT).1.unwrap().0;
        let mut session = Some(Idle::default());
        let nanos = measure(1_000_000, || {
            let (back, outcome) = instance.call(session.take().unwrap(), call);
            assert!(matches!(outcome, Outcome::Done(_)));
            session = Some(back);
        });
        println!("{name}: {nanos:.0} ns");
        nanos
    };
    let empty = run("empty reducer", "(i32.const 0)", &call(Function::Reducer(0), Bytes::new()));
    let args = call(Function::Reducer(0), Bytes::from(vec![1; 12]));
    run("empty reducer with arguments", "(i32.const 0)", &args);
    let four = run("arguments, find, advance, update", FIND_AND_UPDATE, &args);
    println!("each of the four host calls: {:.0} ns", (four - empty) / 4.0);

    let bytes = wat::parse_str(module_with_reducer("(i32.const 0)")).unwrap();
    let program = engine().compile::<Mock>(orrery_host_abi::Hash::default(), &bytes).unwrap();
    let nanos = measure(2_000, || drop(program.start(Mock::default(), LIMIT).1.unwrap()));
    println!("start and drop an instance: {:.1} µs", nanos / 1000.0);
}
