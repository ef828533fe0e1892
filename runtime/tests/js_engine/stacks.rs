//! Where things happened: stacks of calls, and source maps.

use orrery_host_abi::{Fault, Instance, LogLevel};
use orrery_runtime::engine::LoadError;

use crate::{instance, mock::Mock, module, reducer, start};

/// What a stack of calls looks like in a log, for a module with this body.
fn trace(body: &str) -> Vec<String> {
    let (mock, _) = instance(&module(body)).call(Mock::default(), &reducer());
    let line = mock.log.into_iter().find(|line| line.level == LogLevel::Panic).expect("it has thrown");
    line.backtrace
}

fn functions(trace: &[String]) -> Vec<&str> {
    trace.iter().map(|frame| frame.split_once(" (").expect("a place").0).collect()
}

#[test]
fn an_error_says_where_it_was_made() {
    let trace =
        trace("function a() { throw new Error('x') }\nfunction b() { a() }\nfunction reducer() { b() }");
    assert_eq!(functions(&trace), ["a", "b", "reducer", "__call_reducer__"]);
    assert!(trace[0].starts_with("a (spacetimedb_module:"), "{trace:?}");
}

#[test]
fn other_things_are_thrown_somewhere_too() {
    assert_eq!(
        functions(&trace("function a() { throw 5 }\nfunction reducer() { a() }")),
        ["a", "reducer", "__call_reducer__"]
    );
}

#[test]
fn the_bindings_are_of_no_interest() {
    let trace = trace(
        "function __spacetimedb_end_short_backtrace(f) { return f() }
         function mine() { throw new Error('x') }
         function reducer() { __spacetimedb_end_short_backtrace(() => mine()) }",
    );
    assert_eq!(functions(&trace), ["mine", "<anonymous>"]);
}

#[test]
fn a_deep_stack_is_cut() {
    let trace =
        trace("function f(n) { if (n === 0) throw new Error('x'); f(n - 1) }\nfunction reducer() { f(500) }");
    assert!(trace.len() <= 48 && functions(&trace)[0] == "f", "{trace:?}");
}

#[test]
fn code_from_strings_has_no_file() {
    let trace = trace("function reducer() { eval('throw new Error()') }");
    assert_eq!(functions(&trace)[..2], ["eval", "reducer"], "{trace:?}");
}

/// A map of the last lines of a text to lines of `src/index.ts`: line n from the end is line n * 10 there.
fn with_map(text: &str, lines: &[(usize, u32)]) -> String {
    // Each segment: generated column, source, original line, original column, in base64 of variable length.
    fn vlq(value: i64, out: &mut String) {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut rest = if value < 0 { (-value << 1) | 1 } else { value << 1 };
        loop {
            let digit = rest & 31;
            rest >>= 5;
            out.push(char::from(DIGITS[(digit | if rest > 0 { 32 } else { 0 }) as usize]));
            if rest == 0 {
                break;
            }
        }
    }
    let mut mappings = String::new();
    let mut before = 0i64;
    for line in 1..=text.lines().count() {
        if let Some((_, original)) = lines.iter().find(|(generated, _)| *generated == line) {
            let original = i64::from(*original) - 1;
            for value in [0, 0, original - before, 0] {
                vlq(value, &mut mappings);
            }
            before = original;
        }
        mappings.push(';');
    }
    let json = format!(r#"{{"version":3,"sources":["src/index.ts"],"names":[],"mappings":"{mappings}"}}"#);
    use base64::Engine;
    let map = base64::engine::general_purpose::STANDARD.encode(json);
    format!("{text}\n//# sourceMappingURL=data:application/json;base64,{map}\n")
}

#[test]
fn places_are_those_that_the_author_knows() {
    let text = module(
        "function say(text) {\n sys.console_log(2, text);\n}
         function speak() {\n say('hello');\n}
         function fail() {\n throw new Error('x');\n}
         function reducer() {\n speak();\n fail();\n}",
    );
    let line = |part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    let lines = [(line("say('hello')"), 7), (line("throw new Error('x')"), 20), (line(" fail();"), 30)];
    let (mock, _) = instance(&with_map(&text, &lines)).call(Mock::default(), &reducer());
    let [said, failed] = &mock.log[..] else { panic!("{:?}", mock.log) };
    assert_eq!((said.filename.as_deref(), said.line), (Some("src/index.ts"), Some(7)));
    assert_eq!((failed.filename.as_deref(), failed.line), (Some("src/index.ts"), Some(20)));
    assert_eq!(failed.backtrace[0], "fail (src/index.ts:20:1)");
    assert_eq!(failed.backtrace[1], "reducer (src/index.ts:30:1)");
    // So are the places of errors in a module that does not start.
    let text = format!("{}\nthrow new Error('top');", module(""));
    let lines = [(text.lines().count(), 3)];
    match start(&with_map(&text, &lines)).1 {
        Err(LoadError::Start { fault: Fault::Trapped(text), .. }) => {
            assert_eq!(text, "Error: top (at src/index.ts:3:1)");
        }
        other => panic!("{other:?}"),
    }
    let text = "let a;\nlet a;";
    let error = start(&with_map(text, &[(2, 99)])).1.unwrap_err();
    assert_eq!(
        error,
        LoadError::Invalid(
            "SyntaxError: Identifier 'a' has already been declared (at src/index.ts:99:1)".into()
        )
    );
}
