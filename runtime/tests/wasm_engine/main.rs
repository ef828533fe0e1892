//! The WebAssembly engine, from outside: modules written as text, and a session that records what it is asked.

mod calls;
mod code_cache;
mod garbage;
mod imports;
mod loading;
mod mock;
mod probe;

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use mock::Mock;
use orrery_host_abi::{Call, ConnectionId, Function, Hash, Identity, Timestamp};
use orrery_runtime::engine::{
    LoadError,
    wasm::{Started, WasmConfig, WasmEngine, WasmInstance, WasmProgram},
};

/// Memory that an instance may have in these tests: small, so that tests that want more are quick.
const MEMORY_LIMIT: u64 = 4 << 20;

const LIMIT: Duration = Duration::from_secs(20);

fn engine() -> WasmEngine {
    static ENGINE: LazyLock<WasmEngine> = LazyLock::new(|| {
        WasmEngine::new(&WasmConfig { cache_dir: None, memory_limit: MEMORY_LIMIT })
            .expect("the engine starts")
    });
    ENGINE.clone()
}

fn compile(wat: &str) -> Result<WasmProgram<Mock>, LoadError> {
    engine().compile(Hash::default(), &wat::parse_str(wat).expect("the test's module is valid"))
}

fn start(wat: &str) -> (Mock, Result<Started<Mock>, LoadError>) {
    compile(wat).expect("the test's module is taken").start(Mock::default(), LIMIT)
}

fn instance(wat: &str) -> WasmInstance<Mock> {
    start(wat).1.expect("the test's module starts").0
}

fn call(function: Function, args: impl Into<Bytes>) -> Call {
    Call {
        function,
        caller: Identity(std::array::from_fn(|n| n as u8)),
        connection: Some(ConnectionId(u128::from_le_bytes(std::array::from_fn(|n| 0x40 + n as u8)))),
        timestamp: Timestamp(-5),
        args: args.into(),
        body: Bytes::new(),
        time_limit: LIMIT,
    }
}

fn reducer() -> Call {
    call(Function::Reducer(0), Bytes::new())
}

/// A module with everything that is required, and `body`, which may replace the two functions by naming theirs
/// `$describe` and `$reducer`.
fn module(body: &str) -> String {
    let mut text = String::from("(module\n");
    for (name, params, result) in [
        ("identity", "i32", ""),
        ("bytes_source_read", "i32 i32 i32", "i32"),
        ("bytes_sink_write", "i32 i32 i32", "i32"),
        ("console_log", "i32 i32 i32 i32 i32 i32 i32 i32", ""),
    ] {
        let result = if result.is_empty() { String::new() } else { format!("(result {result})") };
        text += &format!("(import \"spacetime_10.0\" \"{name}\" (func ${name} (param {params}) {result}))\n");
    }
    if !body.contains("(memory (export") {
        text += "(memory (export \"memory\") 1)\n";
    }
    text += body;
    if !body.contains("$describe") {
        text += "(func $describe (param i32))\n";
    }
    if !body.contains("(func $reducer") {
        text += &format!("(func $reducer {REDUCER_TYPE} (i32.const 0))\n");
    }
    text += "(export \"__describe_module__\" (func $describe))\n";
    text += "(export \"__call_reducer__\" (func $reducer)))\n";
    text
}

const REDUCER_TYPE: &str = "(param $id i32) (param $s0 i64) (param $s1 i64) (param $s2 i64) (param $s3 i64) \
    (param $c0 i64) (param $c1 i64) (param $time i64) (param $args i32) (param $sink i32) (result i32)";

/// A module whose reducer does this.
fn module_with_reducer(body: &str) -> String {
    module(&format!("(func $reducer {REDUCER_TYPE} {body})"))
}
