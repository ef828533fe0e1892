//! The WebAssembly engine, from outside: modules written as text, and a session that records what it is asked.

mod calls;
mod code_cache;
#[path = "../engine_support/mod.rs"]
mod engine_support;
mod garbage;
mod imports;
mod loading;
mod probe;

use std::sync::LazyLock;

use engine_support::{LIMIT, call, mock, mock::Mock, reducer};
use orrery_host_abi::Hash;
use orrery_runtime::engine::{
    LoadError,
    wasm::{Started, WasmConfig, WasmEngine, WasmInstance, WasmProgram},
};

/// Memory that an instance may have in these tests: small, so that tests that want more are quick.
const MEMORY_LIMIT: u64 = 4 << 20;

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
