//! What modules find in their global scope, and what they do not.

use crate::value;

#[test]
fn what_there_is() {
    for name in [
        "Intl",
        "WebAssembly",
        "eval",
        "Function",
        "Atomics",
        "SharedArrayBuffer",
        "FinalizationRegistry",
        "WeakRef",
        "Proxy",
        "Reflect",
        "console",
        "TextEncoder",
        "TextDecoder",
        "URL",
        "URLSearchParams",
        "globalThis",
    ] {
        assert!(!value(&format!("typeof globalThis.{name}")).contains("undefined"), "{name}");
    }
    // What bindings use without asking whether it is there.
    assert_eq!(value("typeof Symbol.dispose"), r#""symbol""#);
    assert_eq!(value("new Set([1]).isSubsetOf(new Set([1, 2]))"), "true");
    assert_eq!(value("Function('a', 'return a + 1')(4)"), "5");
    assert_eq!(value("eval('2 + 3')"), "5");
    assert_eq!(
        value(
            "(() => { let log = ''; { using x = { [Symbol.dispose]() { log += 'd' } }; log += 'u' } return log })()"
        ),
        r#""ud""#
    );
    assert_eq!(value("new DataView(new ArrayBuffer(8)).getBigUint64(0)"), "0n");
    assert_eq!(value("Math.abs(new Date() - Date.now()) < 1000"), "true");
    assert_eq!(value("console.log('x')"), "undefined");
    assert_eq!(value("(1234.5).toLocaleString()"), r#""1,234.5""#);
    assert_eq!(value("(1234.5).toLocaleString('de')"), r#""1.234,5""#);
    assert_eq!(
        value("new Intl.DateTimeFormat('fr', { month: 'long', timeZone: 'UTC' }).format(0)"),
        r#""janvier""#
    );
    assert_eq!(value("Intl.DateTimeFormat().resolvedOptions().locale"), r#""en-001""#);
}

#[test]
fn what_there_is_not() {
    for name in [
        "setTimeout",
        "setInterval",
        "setImmediate",
        "clearTimeout",
        "queueMicrotask",
        "fetch",
        "crypto",
        "structuredClone",
        "performance",
        "atob",
        "btoa",
        "process",
        "require",
        "module",
        "exports",
        "Deno",
        "Buffer",
        "XMLHttpRequest",
        "WebSocket",
        "Worker",
        "gc",
        "d8",
        "print",
        "load",
        "read",
        "importScripts",
        "navigator",
        "window",
        "self",
        "global",
        "document",
        "localStorage",
        "Headers",
        "Request",
        "Response",
    ] {
        assert_eq!(value(&format!("typeof globalThis.{name}")), r#""undefined""#, "{name}");
    }
    // Nothing of ours either.
    let all = value("Reflect.ownKeys(globalThis).filter(key => typeof key === 'string').sort().join()");
    for name in ["orrery", "sys", "encodeUtf8", "decodeUtf8", "ops", "core", "__bootstrap"] {
        assert!(!all.contains(name), "{all}");
    }
    assert_eq!(value("Object.keys(globalThis).join()"), r#""""#);
}

#[test]
fn chance_is_not_to_be_had() {
    let text = value("Math.random()");
    assert!(text.starts_with("threw TypeError: ") && text.contains("ctx.random"), "{text}");
    assert!(value("Math.random").starts_with("threw TypeError: "));
    // But who brings his own may put it there.
    assert_eq!(
        value(
            "(Object.defineProperty(Math, 'random', { value: () => 0.5, configurable: true }), Math.random())"
        ),
        "0.5"
    );
}

#[test]
fn texts_become_bytes() {
    assert_eq!(
        value("new TextEncoder().encode('h\u{e9}\u{20ac}\u{1f600}')"),
        "bytes 104 195 169 226 130 172 240 159 152 128"
    );
    assert_eq!(value("new TextEncoder().encode()"), "bytes ");
    assert_eq!(value("new TextEncoder().encode(12)"), "bytes 49 50");
    assert_eq!(value("new TextEncoder().encode('\\ud83d')"), "bytes 239 191 189");
    assert_eq!(value("new TextEncoder().encoding"), r#""utf-8""#);
    assert_eq!(value("new TextEncoder().encode('x'.repeat(1e5)).length"), "100000");
    assert_eq!(value("typeof new TextEncoder().encodeInto"), r#""undefined""#);
}

#[test]
fn bytes_become_texts() {
    let decode = |input: &str| value(&format!("new TextDecoder().decode({input})"));
    assert_eq!(decode("new Uint8Array([104, 195, 169, 240, 159, 152, 128])"), "\"h\u{e9}\u{1f600}\"");
    assert_eq!(decode("new Uint8Array([104, 195, 169]).buffer"), "\"h\u{e9}\"");
    assert_eq!(decode("new DataView(new Uint8Array([104, 105, 106]).buffer, 1, 1)"), r#""i""#);
    assert_eq!(decode("new Uint8Array(new SharedArrayBuffer(1))"), "\"\\u0000\"");
    assert_eq!(decode("new SharedArrayBuffer(1)"), "\"\\u0000\"");
    assert_eq!(decode(""), r#""""#);
    // What the row of a table holds comes out again as it went in.
    assert_eq!(decode("new Uint8Array([239, 187, 191, 97])"), "\"\u{feff}a\"");
    assert_eq!(decode("new Uint8Array([255, 97, 226, 130])"), "\"\u{fffd}a\u{fffd}\"");
    for wrong in ["'x'", "5", "[1]"] {
        assert!(decode(wrong).starts_with("threw TypeError: "), "{wrong}");
    }
    let fatal = |bytes: &str| {
        value(&format!("new TextDecoder('utf-8', {{ fatal: true }}).decode(new Uint8Array({bytes}))"))
    };
    assert_eq!(fatal("[97]"), r#""a""#);
    assert!(fatal("[255]").starts_with("threw TypeError: "));
    for (expression, error) in [
        ("new TextDecoder('utf-16')", "RangeError"),
        ("new TextDecoder('UTF-8')", "RangeError"),
        ("new TextDecoder('utf-8', { ignoreBOM: true })", "TypeError"),
        ("new TextDecoder().decode(new Uint8Array(), { stream: true })", "TypeError"),
    ] {
        assert!(value(expression).starts_with(&format!("threw {error}: ")), "{expression}");
    }
    assert_eq!(
        value("(d => [d.encoding, d.fatal, d.ignoreBOM])(new TextDecoder(undefined, { fatal: 1 }))"),
        r#"["utf-8", true, false]"#
    );
}
