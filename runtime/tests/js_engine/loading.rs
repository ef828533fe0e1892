//! How modules start, and what their publishers learn if they do not.

use std::time::Duration;

use bytes::Bytes;
use orrery_host_abi::{Errno, Fault, LogLevel};
use orrery_runtime::engine::LoadError;

use crate::{LIMIT, compile, instance, mock::Mock, module, start};

/// Why a module does not start.
fn refused(text: &str) -> LoadError {
    match start(text).1 {
        Ok(_) => panic!("it starts: {text}"),
        Err(error) => error,
    }
}

/// Why a module does not describe itself.
fn undescribed(text: &str) -> LoadError {
    compile(text).unwrap().describe(Mock::default(), LIMIT).1.unwrap_err()
}

#[test]
fn a_module_describes_itself() {
    let program = compile(&module("")).unwrap();
    let (_, description) = program.describe(Mock::default(), LIMIT);
    assert_eq!(description, Ok(vec![1, 2, 3]));
    // And again, from what V8 made of it the first time.
    let (_, description) = program.describe(Mock::default(), LIMIT);
    assert_eq!(description, Ok(vec![1, 2, 3]));
}

#[test]
fn an_instance_does_not_describe_itself_to_run() {
    instance(&module("function describe() { throw new Error('not asked') }"));
}

#[test]
fn namespaces_are_in_the_order_of_code_units() {
    let text = module(
        "export const b = 1, a = 2, Z = 3, \u{e9} = 4, _ = 5, $ = 6, a1 = 7;
         function describe() { return new TextEncoder().encode(Object.keys(schema.namespace).join(' ')); }",
    );
    let (_, description) = compile(&text).unwrap().describe(Mock::default(), LIMIT);
    assert_eq!(String::from_utf8(description.unwrap()).unwrap(), "$ Z _ a a1 b default \u{e9}");
}

#[test]
fn the_symbol_is_nobody_elses() {
    let text = module(
        "function describe() {
           return new TextEncoder().encode(show([typeof sys.moduleHooks, Symbol.keyFor(sys.moduleHooks),
             Symbol.for('SpacetimeDB.moduleHooks.v2') === sys.moduleHooks]));
         }",
    );
    let (_, description) = compile(&text).unwrap().describe(Mock::default(), LIMIT);
    assert_eq!(String::from_utf8(description.unwrap()).unwrap(), r#"["symbol", undefined, false]"#);
}

#[test]
fn text_that_is_no_javascript() {
    for (text, message) in [
        (
            "export default {\nfoo bar\n}",
            "SyntaxError: Unexpected identifier 'bar' (at spacetimedb_module:2:5)",
        ),
        (
            "let a; let a;",
            "SyntaxError: Identifier 'a' has already been declared (at spacetimedb_module:1:12)",
        ),
        (
            "/(/",
            "SyntaxError: Invalid regular expression: /(/: Unterminated group (at spacetimedb_module:1:1)",
        ),
        ("\u{0}", "SyntaxError: Invalid or unexpected token (at spacetimedb_module:1:1)"),
    ] {
        assert_eq!(refused(text), LoadError::Invalid(message.to_owned()));
    }
    let latin1 = Bytes::from_static(b"// \xe9");
    let error = crate::engine().compile(orrery_host_abi::Hash::default(), &latin1).unwrap_err();
    assert!(matches!(error, LoadError::Invalid(text) if text.contains("UTF-8")));
}

#[test]
fn imports_that_cannot_be_had() {
    let abi = |text: &str| match refused(text) {
        LoadError::Abi(text) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        abi("1;\n  import fs from 'node:fs';"),
        "the module imports `node:fs`, but here a module is one file that imports `spacetime:sys@...` and nothing \
         else; bundle it (at spacetimedb_module:2:18)"
    );
    assert!(
        abi("import 'spacetime:sys@2.7'")
            .contains("needs version 2.7 of the host ABI; this host has 1.0, 1.1")
    );
    assert!(abi("import 'spacetime:sys@two'").contains("does not end in a version"));
    assert_eq!(
        abi("import { nothing } from 'spacetime:sys@2.0';"),
        "SyntaxError: The requested module 'spacetime:sys@2.0' does not provide an export named 'nothing' (at \
         spacetimedb_module:1:10)"
    );
    // Each version has what it added.
    assert!(abi("import { datastore_clear } from 'spacetime:sys@2.0';").contains("datastore_clear"));
    assert!(abi("import { register_hooks } from 'spacetime:sys@2.0';").contains("register_hooks"));
    assert!(abi("import { identity } from 'spacetime:sys@1.1';").contains("identity"));
}

#[test]
fn default_exports_that_are_no_schema() {
    let abi = |text: &str| match refused(text) {
        LoadError::Abi(text) => text,
        other => panic!("{other:?}"),
    };
    for text in ["", "export const a = 1", "export default 5", "export default null", "export default 'x'"] {
        assert!(abi(text).starts_with("the module has no default export that is an object"), "{text}");
    }
    for text in [
        "export default {}",
        "export default function() {}",
        "import { moduleHooks } from 'spacetime:sys@2.0'; export default { [moduleHooks]: 5 }",
        "export default { [Symbol.for('SpacetimeDB.moduleHooks.v2')]: () => ({}) }",
    ] {
        assert!(abi(text).starts_with("the module's default export is not a schema"), "{text}");
    }
    let make = |hooks: &str| {
        format!(
            "import {{ moduleHooks }} from 'spacetime:sys@2.0'; export default {{ [moduleHooks]() {{ {hooks} }} }}"
        )
    };
    for hooks in ["", "return 5", "return null"] {
        assert!(abi(&make(hooks)).ends_with("is not an object"), "{hooks}");
    }
    for promise in ["return Promise.resolve({})", "return {}", "return { __describe_module__: 5 }"] {
        assert_eq!(abi(&make(promise)), "the module's hooks have no function `__describe_module__`");
    }
    for hook in [
        "__get_error_constructor__",
        "__call_reducer__",
        "__call_view__",
        "__call_view_anon__",
        "__call_procedure__",
    ] {
        let text =
            module(&format!("Object.defineProperty(Hooks.prototype, '{hook}', {{ value: undefined }});"));
        assert_eq!(abi(&text), format!("the module's hooks have no function `{hook}`"));
    }
    let text = module("Object.defineProperty(Hooks.prototype, '__sender_error_class__', { value: {} });");
    assert_eq!(abi(&text), "the module's hooks have no class `__sender_error_class__`");
}

#[test]
fn modules_that_fail_while_they_start() {
    let started = |text: &str| match start(text) {
        (mock, Err(LoadError::Start { function, fault })) => (mock, function, fault),
        (_, other) => panic!("{other:?}"),
    };
    let trapped = |text: &str| Fault::Trapped(text.to_owned());
    let (mock, step, fault) = started("1;\nthrow new Error('no');");
    assert_eq!((step.as_str(), fault), ("top level", trapped("Error: no (at spacetimedb_module:2:7)")));
    assert_eq!((mock.log[0].level, mock.log[0].message.as_str()), (LogLevel::Panic, "Error: no"));
    let (_, step, fault) = started("undefined.x");
    assert!(matches!(&fault, Fault::Trapped(text) if text.contains("Cannot read properties")), "{fault:?}");
    assert_eq!(step, "top level");
    assert_eq!(started("throw 'text'").2, trapped("text"));
    assert_eq!(started("await 0; throw 5").2, trapped("5"));
    let (_, step, fault) = started("await new Promise(() => {})");
    assert!(matches!(&fault, Fault::Protocol(text) if text.contains("await")), "{fault:?}");
    assert_eq!(step, "top level");
    // One that is settled in time is fine.
    instance(&module("await Promise.resolve();"));
    let (_, step, fault) = started(&module("schema[sys.moduleHooks] = () => { throw new Error('hooks') };"));
    assert_eq!(step, "moduleHooks");
    assert!(matches!(fault, Fault::Trapped(text) if text.starts_with("Error: hooks (at ")));
    let (_, step, _) = started(&module(
        "Object.defineProperty(schema, sys.moduleHooks, { get() { throw new Error('get') } });",
    ));
    assert_eq!(step, "moduleHooks");
    let (_, step, _) =
        started(&module("Object.defineProperty(Hooks.prototype, '__call_view__', { get() { throw 1 } });"));
    assert_eq!(step, "moduleHooks");
    for import in ["import('spacetime:sys@2.0')", "import('fs')"] {
        let (_, _, fault) = started(&format!("await {import}"));
        assert!(matches!(fault, Fault::Trapped(_)), "{fault:?}");
    }
}

#[test]
fn descriptions_that_fail() {
    let text = module("function describe() { throw new TypeError('what am I') }");
    match undescribed(&text) {
        LoadError::Start { function, fault: Fault::Trapped(text) } => {
            assert_eq!(function, "__describe_module__");
            assert!(text.starts_with("TypeError: what am I (at spacetimedb_module:"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    for (answer, hint) in
        [("5", ""), ("undefined", ""), ("[1]", ""), ("(async () => {})()", "; it returned a promise")]
    {
        let error = undescribed(&module(&format!("function describe() {{ return {answer} }}")));
        let LoadError::Abi(text) = error else { panic!("{error:?}") };
        assert!(text.starts_with(&format!("`__describe_module__` must return a Uint8Array{hint}")), "{text}");
    }
}

#[test]
fn at_the_top_level_there_is_no_transaction() {
    let failing = Mock { fail: Some(Errno::NotInTransaction.into()), ..Mock::default() };
    let text = module("let error; try { sys.table_id_from_name('x') } catch (e) { error = e; }
        function describe() { return new TextEncoder().encode(show([error.constructor === Error, error.message])); }");
    let (mock, description) = compile(&text).unwrap().describe(failing, LIMIT);
    // There are no classes for errors yet.
    let text = String::from_utf8(description.unwrap()).unwrap();
    assert_eq!(text, format!("[true, {:?}]", Errno::NotInTransaction.to_string()));
    assert_eq!(mock.calls, ["table \"x\""]);
}

#[test]
fn starting_takes_no_longer_than_it_may() {
    for (text, step) in [
        ("for (;;);".to_owned(), "top level"),
        ("(async () => { for (;;) await 0; })(); await 0;".to_owned(), "tasks of promises"),
        (module("schema[sys.moduleHooks] = () => { for (;;); };"), "moduleHooks"),
        (module("function describe() { for (;;); }"), "__describe_module__"),
    ] {
        let limit = Duration::from_millis(300);
        match compile(&text).unwrap().describe(Mock::default(), limit).1 {
            Err(LoadError::Start { function, fault }) => {
                assert_eq!((function.as_str(), fault), (step, Fault::TimedOut(limit)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn starting_takes_no_more_memory_than_it_may() {
    for text in
        ["let a = []; for (;;) a.push({});".to_owned(), module("let a = [1]; for (;;) a = [...a, ...a];")]
    {
        match start(&text).1 {
            Err(LoadError::Start { fault: Fault::OutOfMemory(limit), .. }) => {
                assert_eq!(limit, crate::MEMORY_LIMIT);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn long_programs() {
    // As a bundle may be: many functions, most of which are never called.
    let mut text = module("");
    for n in 0.. {
        text += &format!(
            "function unused{n}(a, b) {{ return a + b * {n} + 'some text that is not used either'; }}\n"
        );
        if text.len() > 50 << 20 {
            break;
        }
    }
    let engine = orrery_runtime::engine::js::JsEngine::new(&orrery_runtime::engine::js::JsConfig {
        cache_dir: None,
        memory_limit: 1 << 30,
    })
    .unwrap();
    let bytes = Bytes::from(text);
    let program = engine.compile(orrery_host_abi::Hash::default(), &bytes).unwrap();
    let (_, description) = program.describe(Mock::default(), Duration::from_secs(600));
    assert_eq!(description, Ok(vec![1, 2, 3]));
    // Too long is said to be too long.
    let bytes = Bytes::from(vec![b' '; (64 << 20) + 1]);
    let error = engine.compile(orrery_host_abi::Hash::default(), &bytes).unwrap_err();
    assert!(matches!(error, LoadError::Invalid(text) if text.contains("67108864")));
}
