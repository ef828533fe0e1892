//! Modules that go wrong: the call fails with a message that says how, everything is rolled back, the next call
//! works, and another database on the same server notices nothing meanwhile.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use orrery_tests::{Database, Server, http::Response, in_every_language, modules::Language};

in_every_language!(
    an_error_is_passed_on_word_by_word,
    a_panic,
    a_panic_after_a_table_was_cleared,
    a_loop_without_end,
    a_loop_without_end_through_the_host,
    memory_without_end,
    recursion_without_end,
    a_view_that_panics,
    a_view_without_end,
    faults_in_a_row,
);

/// A server on which a call that does not end is ended soon.
fn server() -> Server {
    Server::start_with(&["--call-timeout", "2s", "--memory-limit", "128MiB"])
}

/// Runs `fault` while a neighbour works; answers what `fault` got.
#[track_caller]
fn beside_a_neighbour(language: Language, server: &Server, fault: impl FnOnce() -> Response) -> Response {
    let neighbour = Database::publish_in(language, server, "conformance");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let working = scope.spawn(|| {
            let mut calls = 0;
            while !over.load(Ordering::SeqCst) {
                neighbour.call("succeed", r#"["work"]"#).expect(200);
                calls += 1;
                assert_eq!(neighbour.rows("traces").len(), calls);
            }
        });
        let answer = fault();
        over.store(true, Ordering::SeqCst);
        working.join().expect("the neighbour noticed something");
        answer
    })
}

/// The reducer fails with a message that contains `says`; before and after it the database works.
#[track_caller]
fn check(language: Language, server: &Server, reducer: &str, arguments: &str, says: &str) {
    let database = Database::publish_in(language, server, "conformance");
    database.call("succeed", r#"["before"]"#).expect(200);
    let answer = beside_a_neighbour(language, server, || database.call(reducer, arguments));
    let answer = answer.expect(530);
    let message = answer.text();
    assert!(message.contains(says), "{reducer} should say `{says}`: {message}");
    assert_eq!(database.texts("traces"), ["before"], "{reducer} left something behind");
    // Again, now on the instance that took the place of the broken one.
    database.call("succeed", r#"["between"]"#).expect(200);
    database.call(reducer, arguments).expect(530);
    database.call("succeed", r#"["after"]"#).expect(200);
    assert_eq!(database.texts("traces"), ["after", "before", "between"]);
}

fn an_error_is_passed_on_word_by_word(language: Language) {
    check(language, &server(), "refuse", r#"["not today, \"sir\""]"#, "not today, \"sir\"");
}

fn a_panic(language: Language) {
    let server = server();
    check(language, &server, "panic_with", r#"["told to"]"#, "");
    let database = Database::publish_in(language, &server, "conformance");
    let answer = database.call("panic_with", r#"["for the log"]"#).expect(530);
    assert!(!answer.text().is_empty(), "a panic must say something");
    let lines = database.owner.logs(&database.name);
    let panic = lines.iter().find(|line| line["level"] == "Panic").expect("the panic is in the log");
    assert!(panic["message"].as_str().unwrap().contains("for the log"), "{panic}");
}

fn a_panic_after_a_table_was_cleared(language: Language) {
    check(language, &server(), "clear_and_panic", "[]", "");
}

fn a_loop_without_end(language: Language) {
    check(language, &server(), "loop_for_ever", "[]", "2");
}

fn a_loop_without_end_through_the_host(language: Language) {
    check(language, &server(), "insert_for_ever", "[]", "2");
}

fn memory_without_end(language: Language) {
    check(language, &server(), "eat_memory", "[]", "memory");
}

fn recursion_without_end(language: Language) {
    let server = server();
    check(language, &server, "recurse", "[]", "stack");
    // To the engine this is any access to memory that is not there, so it cannot say more than that.
    check(language, &server, "recurse_with_large_frames", "[]", "");
}

fn a_view_that_panics(language: Language) {
    let server = server();
    let database = Database::publish_in(language, &server, "conformance");
    database.call("mint", "[1, 1]").expect(200);
    for _ in 0..5 {
        beside_a_neighbour(language, &server, || database.view("broken_view")).expect(530);
        assert_eq!(database.rows("coin_count").len(), 1);
    }
    database.call("mint", "[2, 1]").expect(200);
}

/// A view that never ends takes neither the writer nor the other views with it.
fn a_view_without_end(language: Language) {
    let server = server();
    let database = Database::publish_in(language, &server, "conformance");
    let over = AtomicBool::new(false);
    let answer = thread::scope(|scope| {
        let working = scope.spawn(|| {
            let mut id = 0;
            while !over.load(Ordering::SeqCst) {
                database.call("mint", &format!("[{id}, 1]")).expect(200);
                id += 1;
                assert_eq!(database.rows("coin_values").len(), id);
            }
        });
        let answer = beside_a_neighbour(language, &server, || database.view("endless_view"));
        over.store(true, Ordering::SeqCst);
        working.join().expect("the database noticed something");
        answer
    });
    answer.expect(530);
    database.view("endless_view").expect(530);
    database.call("succeed", r#"["after"]"#).expect(200);
}

/// One fault after the other, in one database, from several connections.
fn faults_in_a_row(language: Language) {
    let server = server();
    let database = Database::publish_in(language, &server, "conformance");
    thread::scope(|scope| {
        for reducer in ["panic_with", "recurse", "refuse"] {
            let database = &database;
            scope.spawn(move || {
                let arguments = if reducer == "recurse" { "[]" } else { r#"["x"]"# };
                for _ in 0..5 {
                    database.call(reducer, arguments).expect(530);
                    database.call("succeed", r#"["fine"]"#).expect(200);
                }
            });
        }
    });
    assert_eq!(database.texts("traces"), ["fine"; 15]);
}
