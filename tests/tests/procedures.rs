//! Procedures: values in and out, transactions of their own, waiting, and what they must not get away with.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use orrery_tests::{Database, Server, http::Response, in_every_language, modules::Language, wait_until};
use serde_json::{Value, json};

// What is not among these sleeps, which modules in JavaScript cannot, or leaves out the package.
in_every_language!(
    values_go_in_and_come_out,
    a_procedure_knows_its_caller,
    whoever_may_not_connect_may_not_call,
    transactions_commit_and_roll_back,
    what_a_procedure_has_committed_survives_a_kill,
    a_transaction_shuts_everybody_else_out,
    more_procedures_than_there_is_room_for_wait_their_turn,
    codes_are_those_of_the_contract,
    a_panic,
    a_panic_in_a_transaction,
    a_transaction_that_is_held_for_ever,
    a_transaction_in_which_the_module_only_computes,
    computing_for_ever,
    calls_that_the_module_asks_for_itself,
);

fn written(database: &Database) -> Vec<String> {
    database.texts("written")
}

/// What a procedure that must answer gave.
#[track_caller]
fn value(answer: Response) -> Value {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

// ---- values ----

fn values_go_in_and_come_out(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    assert_eq!(value(database.call("add", "[4294967295, 1]")), json!(4_294_967_296_u64));
    assert_eq!(value(database.call("add", r#"{"b": 2, "a": 1}"#)), json!(3));
    assert_eq!(database.call("nothing", "[]").expect(200).text(), "[]");
    // As upstream's clients expect it: without names.
    let parts = "[[1,7],[0,\"it\"],\"01ab\",340282366920938463463374607431768211455,[-1,1]]";
    assert_eq!(database.call("parts", "[7]").expect(200).text(), parts);
    assert_eq!(database.call("parts", "[0]").expect(200).text(), parts.replace("[1,7]", "[0,[]]"));
    assert_eq!(database.call("same_parts", &format!("[{parts}]")).expect(200).text(), parts);
}

#[test]
fn an_answer_has_the_headers_of_one() {
    let database = Database::publish(Server::shared(), "procedures");
    let answer = database.call("nothing", "[]").expect(200);
    assert!(answer.header("spacetime-execution-duration-micros").unwrap().parse::<u64>().is_ok());
    assert_eq!(answer.header("spacetime-energy-used"), None);
    assert_eq!(answer.header("spacetime-identity"), database.owner.identity.as_deref());
}

#[test]
fn calls_that_cannot_be_made() {
    let database = Database::publish(Server::shared(), "procedures");
    assert!(database.call("no_such", "[]").expect(404).text().starts_with("no such reducer or procedure"));
    assert!(
        database.call("add", "[1]").expect(400).text().starts_with("invalid arguments for procedure add: ")
    );
    database.call("add", "[1, -1]").expect(400);
    database.call("add", "[1, 2, 3]").expect(400);
    database.call("add", "[1, 2").expect(400);
    database.call("written", "[]").expect(404);
}

fn a_procedure_knows_its_caller(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "procedures");
    let client = server.new_client();
    let Value::Array(who) = value(client.call(&database.name, "who", "[]")) else { panic!("a product") };
    let digits = client.identity.as_ref().unwrap().trim_start_matches('0');
    assert_eq!(who[0], json!([format!("0x{digits}")]));
    assert_eq!((&who[1], &who[2]), (&json!(true), &json!(true)));
    assert_eq!(who[3][0], json!(0), "the token's subject is known: {}", who[3]);
    let own = value(database.call("own_identity", "[]"));
    let identity = database.owner.get(&database.url("/identity")).expect(200);
    assert_eq!(own, json!([format!("0x{}", identity.text().trim_start_matches('0'))]));
}

fn whoever_may_not_connect_may_not_call(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "procedures");
    database.call("write_and_commit", r#"["closed"]"#).expect(200);
    assert_eq!(server.new_client().call(&database.name, "add", "[1, 2]").expect(403).text(), "closed");
}

// ---- transactions ----

fn transactions_commit_and_roll_back(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    assert_eq!(value(database.call("write_and_commit", r#"["one"]"#)), json!(1));
    assert_eq!(value(database.call("write_and_roll_back", r#"["two"]"#)), json!(1));
    assert_eq!(value(database.call("write_and_commit", r#"["three"]"#)), json!(2));
    assert_eq!(written(&database), ["one", "three"]);
    database.call("write_slowly", r#"[["four", "five"], 1]"#).expect(200);
    assert_eq!(written(&database), ["one", "three", "four", "five"]);
}

fn what_a_procedure_has_committed_survives_a_kill(language: Language) {
    let mut server = Server::start();
    let database = Database::publish_in(language, &server, "procedures");
    for number in 0..20 {
        database.call("write_and_commit", &format!(r#"["{number}"]"#)).expect(200);
    }
    server.kill();
    server.run();
    let expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(written(&database), expected);
    assert_eq!(value(database.call("write_and_commit", r#"["more"]"#)), json!(21));
}

fn a_transaction_shuts_everybody_else_out(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            for _ in 0..5 {
                assert_eq!(value(database.call("is_isolated", "[]")), json!(true));
            }
        });
        while !looking.is_finished() {
            database.call("write_in_reducer", r#"["x"]"#).expect(200);
        }
        looking.join().expect("nobody wrote while a transaction was open");
    });
}

#[test]
fn reducers_go_on_while_procedures_wait() {
    let database = Database::publish(Server::shared(), "procedures");
    thread::scope(|scope| {
        // They wait for each other, and for reducers.
        let waiting: Vec<_> =
            (0..4).map(|_| scope.spawn(|| value(database.call("wait_for_entries", "[10]")))).collect();
        for _ in 0..5 {
            database.call("write_in_reducer", r#"["by a reducer"]"#).expect(200);
            database.call("write_and_commit", r#"["by a procedure"]"#).expect(200);
        }
        for waiting in waiting {
            waiting.join().expect("it has seen them all");
        }
    });
}

fn more_procedures_than_there_is_room_for_wait_their_turn(language: Language) {
    let server = Server::start_with(&["--procedure-instances", "2"]);
    let database = Database::publish_in(language, &server, "procedures");
    thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|number| {
                let arguments = format!(r#"[["{number}", "{number}"], 20]"#);
                let database = &database;
                scope.spawn(move || database.call("write_slowly", &arguments).expect(200))
            })
            .collect();
        for call in calls {
            call.join().expect("each had its turn");
        }
    });
    assert_eq!(written(&database).len(), 16);
}

#[test]
fn a_full_queue_turns_away() {
    let server = Server::start_with(&["--procedure-instances", "1", "--queue-capacity", "1"]);
    let database = Database::publish(&server, "procedures");
    let turned_away = AtomicBool::new(false);
    let (database, turned) = (&database, &turned_away);
    thread::scope(|scope| {
        let running = scope.spawn(|| {
            // One of the others may be there before it, so that it is turned away itself.
            let mut answer = database.call("wait_for_entries", "[1]");
            while answer.status == 503 {
                answer = database.call("wait_for_entries", "[1]");
            }
            answer
        });
        wait_until("somebody is turned away", || {
            // Either it waits, until the one that runs has ended, or it is turned away.
            scope.spawn(|| {
                if database.call("nothing", "[]").status == 503 {
                    turned.store(true, Relaxed);
                }
            });
            thread::sleep(Duration::from_millis(50));
            turned.load(Relaxed)
        });
        // The queue of reducers is another one. (It is as short, so somebody may be in the way for a moment.)
        wait_until("the reducer runs", || database.call("write_in_reducer", r#"["x"]"#).status == 200);
        assert_eq!(running.join().expect("it has seen the entry").status, 200);
    });
    wait_until("there is room again", || database.call("nothing", "[]").status == 200);
}

fn codes_are_those_of_the_contract(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    let codes = value(database.call("codes", "[]"));
    assert_eq!(codes, json!([18, 18, 2, 0, 17, 0, 0, 18, 0, 0, 18]));
    assert_eq!(database.call("codes_in_reducer", "[]").expect(530).text(), "17 [18, 18]");
}

// ---- failures ----

/// The procedure fails with a message that contains `says`; the database goes on, without what was not committed.
#[track_caller]
fn check_failure(language: Language, server: &Server, procedure: &str, arguments: &str, says: &str) {
    // What JavaScript throws is for the caller to see, as in the original; what Rust panics with is not.
    let (says, secret) = match (language, says) {
        (Language::Rust, _) => (says, "secret"),
        (_, "panicked") => ("told to panic", "\u{0}"),
        _ => (says, "\u{0}"),
    };
    let database = Database::publish_in(language, server, "procedures");
    for _ in 0..2 {
        let answer = database.call(procedure, arguments).expect(500);
        assert!(answer.text().contains(says), "{procedure} should say `{says}`: {}", answer.text());
        assert!(!answer.text().contains(secret));
        database.call("write_in_reducer", r#"["after"]"#).expect(200);
        assert_eq!(value(database.call("add", "[1, 2]")), json!(3));
    }
    let written = written(&database);
    assert!(!written.contains(&"never".to_string()), "{procedure} left something behind: {written:?}");
}

/// A server on which what does not end is ended soon.
fn impatient() -> Server {
    Server::start_with(&[
        "--call-timeout",
        "3s",
        "--transaction-timeout",
        "2s",
        "--procedure-timeout",
        "6s",
        "--memory-limit",
        "128MiB",
    ])
}

fn a_panic(language: Language) {
    check_failure(language, &impatient(), "panics", "[]", "panicked");
}

fn a_panic_in_a_transaction(language: Language) {
    let server = impatient();
    check_failure(language, &server, "panic_in_transaction", r#"["never"]"#, "panicked");
    let database = Database::publish_in(language, &server, "procedures");
    database.call("panic_in_transaction", r#"["never"]"#).expect(500);
    assert_eq!(written(&database), ["committed before"]);
}

#[test]
fn a_transaction_that_is_left_open() {
    let server = impatient();
    let database = Database::publish(&server, "procedures");
    database.call("leave_transaction_open", r#"["never"]"#).expect(200);
    assert_eq!(written(&database), [""; 0]);
    let log = database.owner.logs(&database.name);
    let is_told = |line: &Value| {
        line["level"] == "Error" && line["message"].as_str().unwrap().contains("transaction was open")
    };
    assert!(log.iter().any(is_told), "{log:?}");
    database.call("write_in_reducer", r#"["after"]"#).expect(200);
}

fn a_transaction_that_is_held_for_ever(language: Language) {
    check_failure(
        language,
        &impatient(),
        "hold_transaction",
        r#"["never"]"#,
        "transaction open for longer than the 2s",
    );
}

fn a_transaction_in_which_the_module_only_computes(language: Language) {
    let server = impatient();
    check_failure(language, &server, "compute_in_transaction", r#"["never"]"#, "ran for longer than the 3s");
}

#[test]
fn sleeping_in_a_transaction() {
    check_failure(Language::Rust, &impatient(), "sleep_in_transaction", r#"["never"]"#, "sleep");
}

fn computing_for_ever(language: Language) {
    check_failure(language, &impatient(), "compute_for_ever", "[]", "ran for longer than the 3s");
}

#[test]
fn sleeping_for_ever() {
    check_failure(Language::Rust, &impatient(), "sleep_for_ever", "[]", "6s that it may take in all");
}

// ---- time ----

#[test]
fn sleeping_takes_as_long_as_it_should() {
    let server = Server::shared();
    let database = Database::publish(server, "procedures");
    assert_eq!(value(database.call("sleep", "[0]")), json!(true));
    assert_eq!(value(database.call("sleep", "[100]")), json!(true));
    assert_eq!(value(database.call("sleep_until_the_past", "[]")), json!(true));
}

#[test]
fn sleeping_is_not_running() {
    let server = Server::start_with(&["--call-timeout", "1s"]);
    let database = Database::publish(&server, "procedures");
    // Longer than a call may run.
    assert_eq!(value(database.call("sleep", "[1500]")), json!(true));
}

#[test]
fn a_server_that_stops_does_not_wait_for_sleepers() {
    let mut server = Server::start();
    let database = Database::publish(&server, "procedures");
    thread::scope(|scope| {
        let sleeping = scope.spawn(|| {
            let request = orrery_tests::http::Request::new("POST", &database.url("/call/sleep_for_ever"));
            let mut connection = orrery_tests::http::Connection::open(database.owner.address()).unwrap();
            // The answer is an error, or the connection breaks.
            let _ = connection.send(&database.owner.authorize(request.json("[]")));
        });
        thread::sleep(Duration::from_millis(200));
        assert!(server.stop().success());
        sleeping.join().expect("it ends one way or the other");
    });
    server.run();
    database.call("write_in_reducer", r#"["after"]"#).expect(200);
}

#[test]
fn a_program_that_is_published_meanwhile_ends_the_transactions_of_the_old_one() {
    let server = Server::start();
    let database = Database::publish(&server, "procedures");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| database.call("wait_for_entries", "[1000]"));
        thread::sleep(Duration::from_millis(200));
        let reset = orrery_tests::http::Request::new("PUT", &database.url("/reset"));
        database.owner.send(reset).expect(200);
        let answer = waiting.join().expect("it is answered").expect(500);
        assert!(answer.text().contains("another program was published"), "{}", answer.text());
    });
    assert_eq!(value(database.call("write_and_commit", r#"["after"]"#)), json!(1));
}

// ---- calls that nobody waits for ----

fn calls_that_the_module_asks_for_itself(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    database.call("call_soon", r#"[["1", "2", "3", "4"]]"#).expect(200);
    wait_until("all are made", || written(&database).len() == 4);
    database.call("call_soon_and_fail", r#"[["5", "6"]]"#).expect(530);
    wait_until("all are made", || written(&database).len() == 6);
    let mut written = written(&database);
    written.sort_unstable();
    assert_eq!(written, ["1", "2", "3", "4", "5", "6"]);
    let log = database.owner.logs(&database.name);
    let unknown = log.iter().filter(|line| line["message"].as_str().unwrap().contains("no_such_function"));
    assert_eq!(unknown.count(), 2);
}
