//! The JavaScript engine, from outside: modules written by hand, and a session that records what it is asked.

mod calls;
mod code_cache;
#[path = "../engine_support/mod.rs"]
mod engine_support;
mod globals;
mod imports;
mod imports_v1;
mod limits;
mod loading;
mod stacks;
mod threads;
mod urls;

use std::sync::LazyLock;

use bytes::Bytes;
use engine_support::{LIMIT, call, mock, mock::Mock, reducer};
use orrery_host_abi::{Fault, Function, Hash, Instance, Outcome};
use orrery_runtime::engine::{
    LoadError,
    js::{JsConfig, JsEngine, JsInstance, JsProgram},
};

/// Memory that an instance may have in these tests: small, so that tests that want more are quick.
const MEMORY_LIMIT: u64 = 48 << 20;

fn engine() -> JsEngine {
    static ENGINE: LazyLock<JsEngine> = LazyLock::new(|| {
        JsEngine::new(&JsConfig { cache_dir: None, memory_limit: MEMORY_LIMIT }).expect("the engine starts")
    });
    ENGINE.clone()
}

fn compile(text: &str) -> Result<JsProgram, LoadError> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    engine().compile(Hash::of(&bytes), &bytes)
}

fn start(text: &str) -> (Mock, Result<JsInstance<Mock>, LoadError>) {
    compile(text).expect("the test's module is taken").start(Mock::default(), LIMIT)
}

fn instance(text: &str) -> JsInstance<Mock> {
    start(text).1.unwrap_or_else(|error| panic!("the test's module does not start: {error}"))
}

/// A module of version 2 with all hooks, which do nothing, and `body`, in which functions named like the hooks take
/// their places.
fn module(body: &str) -> String {
    let mut text = String::from(PRELUDE);
    text += body;
    for (hook, nothing) in [
        ("describe", "new Uint8Array([1, 2, 3])"),
        ("reducer", "undefined"),
        ("view", "({ data: new Uint8Array([0, 0, 0, 0, 0]) })"),
        ("anonymousView", "({ data: new Uint8Array([0, 0, 0, 0, 0]) })"),
        ("procedure", "new Uint8Array()"),
        ("handler", "[new Uint8Array(), new Uint8Array()]"),
        ("errorClass", "CodeError.bind(null, ...arguments)"),
    ] {
        if !body.contains(&format!("function {hook}(")) {
            text += &format!("\nfunction {hook}() {{ return {nothing}; }}");
        }
    }
    text
}

const PRELUDE: &str = r"
import * as sys2_0 from 'spacetime:sys@2.0';
import * as sys2_1 from 'spacetime:sys@2.1';
const sys = { ...sys2_0, ...sys2_1 };
class SenderError extends Error {}
class CodeError extends Error {
  constructor(code, message) { super(message); this.code = code; }
}
class Hooks {
  __describe_module__(...args) { return describe.apply(this, args); }
  __get_error_constructor__(...args) { return errorClass.apply(this, args); }
  get __sender_error_class__() { return SenderError; }
  __call_reducer__(...args) { return reducer.apply(this, args); }
  __call_view__(...args) { return view.apply(this, args); }
  __call_view_anon__(...args) { return anonymousView.apply(this, args); }
  __call_procedure__(...args) { return procedure.apply(this, args); }
  __call_http_handler__(...args) { return handler.apply(this, args); }
}
class Schema {
  [sys.moduleHooks](namespace) {
    this.namespace = namespace;
    return new Hooks();
  }
}
const schema = new Schema();
export default schema;

function show(value) {
  if (typeof value === 'bigint') return value >= 2n ** 64n ? `0x${value.toString(16)}n` : `${value}n`;
  if (value instanceof CodeError) return `error ${value.code}: ${value.message}`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Uint8Array) return `bytes ${value.join(' ')}`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const sealed = Object.isSealed(value) ? 'sealed ' : '';
    return `${sealed}{${Object.keys(value).map(key => `${key}: ${show(value[key])}`).join(', ')}}`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
function buffer(...bytes) { return new Uint8Array(bytes).buffer; }
";

/// What an expression is in a module, as `show` tells it; or what it throws.
fn evaluate(mock: Mock, expression: &str) -> (Mock, String) {
    let (mock, outcome) = probe(expression).call(mock, &call(Function::Procedure(0), Bytes::new()));
    match outcome {
        Outcome::Done(text) => (mock, String::from_utf8(text).expect("a text")),
        other => panic!("{expression}: {other:?}"),
    }
}

/// What an expression is, with a session that was told nothing.
fn value(expression: &str) -> String {
    evaluate(Mock::default(), expression).1
}

/// How a call breaks that evaluates an expression.
fn fault(mock: Mock, expression: &str) -> (Mock, Fault, JsInstance<Mock>) {
    let mut instance = probe(expression);
    let (mock, outcome) = instance.call(mock, &call(Function::Procedure(0), Bytes::new()));
    match outcome {
        Outcome::Broke(fault) => (mock, fault, instance),
        other => panic!("{expression}: {other:?}"),
    }
}

/// A module whose procedure evaluates an expression.
fn probe(expression: &str) -> JsInstance<Mock> {
    instance(&module(&format!(
        "function procedure(id, sender, connection, time, args) {{
           let text;
           try {{ text = show({expression}); }} catch (error) {{ text = 'threw ' + show(error); }}
           return new TextEncoder().encode(text);
         }}"
    )))
}

/// A module whose reducer does this.
fn module_with_reducer(body: &str) -> String {
    module(&format!("function reducer(id, sender, connection, time, args) {{ {body} }}"))
}

/// How a reducer ends that does this.
fn reduce(body: &str) -> (Mock, Outcome, JsInstance<Mock>) {
    let mut instance = instance(&module_with_reducer(body));
    let (mock, outcome) = instance.call(Mock::default(), &reducer());
    (mock, outcome, instance)
}
