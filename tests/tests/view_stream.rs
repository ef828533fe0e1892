//! Views as streams of events: what comes, what can be resumed, what it may cost, and how it ends.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use orrery_tests::{
    Database, Server,
    events::{EventStream, apply},
    http::{Client, Connection, Request},
    in_every_language,
    modules::Language,
    wait_until,
};
use serde_json::{Value, json};

in_every_language! {
    all_rows_and_then_what_changes,
    queries_of_views,
    each_caller_sees_their_own,
}

fn request(database: &Database, view: &str) -> Request {
    Request::new("GET", &database.url(&format!("/view/{view}")))
}

fn open(database: &Database, view: &str) -> EventStream {
    let address = database.owner.address();
    EventStream::open(address, database.owner.authorize(request(database, view)))
}

fn resume(database: &Database, view: &str, id: &str) -> EventStream {
    EventStream::open(database.owner.address(), request(database, view).header("last-event-id", id))
}

fn purse(value: u32) -> Value {
    json!({ "coins": 1, "value": value })
}

fn sorted(mut rows: Vec<Value>) -> Vec<String> {
    let mut rows: Vec<String> = rows.drain(..).map(|row| row.to_string()).collect();
    rows.sort();
    rows
}

fn all_rows_and_then_what_changes(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "conformance");
    database.call("mint", "[1, 10]").expect(200);
    let mut stream = open(&database, "coin_values");
    assert_eq!(stream.header("cache-control"), Some("no-store"));
    assert_eq!(stream.header("access-control-allow-origin"), Some("*"));
    let first = stream.expect("snapshot");
    assert_eq!(first.data, json!([purse(10)]));
    assert!(first.id.is_some());
    assert_eq!(stream.retry.as_deref(), Some("1000"));

    database.call("mint", "[2, 20]").expect(200);
    let second = stream.expect("change");
    assert_eq!(second.data, json!({ "inserts": [purse(20)], "deletes": [] }));
    assert_ne!(second.id, first.id);
    // What this view does not read, or what is taken back, is no event.
    database.call("write_unread", "[1]").expect(200);
    database.call("mint_and_fail", "[7]").expect(530);
    database.call("spend", "[1]").expect(200);
    let third = stream.expect("change");
    assert_eq!(third.data, json!({ "inserts": [], "deletes": [purse(10)] }));
}

fn queries_of_views(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "conformance");
    database.call("grow", r#"[1, "apple", true]"#).expect(200);
    let mut stream = open(&database, "ripe_fruit");
    let apple = json!({ "id": 1, "name": "apple", "ripe": true });
    assert_eq!(stream.expect("snapshot").data, json!([apple]));
    database.call("grow", r#"[2, "pear", false]"#).expect(200);
    database.call("grow", r#"[3, "plum", true]"#).expect(200);
    let plum = json!({ "id": 3, "name": "plum", "ripe": true });
    assert_eq!(stream.expect("change").data, json!({ "inserts": [plum], "deletes": [] }));
}

fn each_caller_sees_their_own(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "conformance");
    let stranger = server.new_client();
    let token = stranger.token.clone().unwrap();
    let mut mine = open(&database, "my_purse");
    // A browser's EventSource can send no header with the token.
    let by_query = request(&database, &format!("my_purse?token={token}"));
    let mut theirs = EventStream::open(server.address(), by_query);
    assert_eq!(mine.expect("snapshot").data, json!([]));
    assert_eq!(theirs.expect("snapshot").data, json!([]));
    database.call("mint", "[1, 10]").expect(200);
    stranger.call(&database.name, "mint", "[2, 5]").expect(200);
    assert_eq!(mine.expect("change").data, json!({ "inserts": [purse(10)], "deletes": [] }));
    assert_eq!(theirs.expect("change").data, json!({ "inserts": [purse(5)], "deletes": [] }));
    let wrong = request(&database, "my_purse?token=nonsense");
    assert_eq!(EventStream::try_open(server.address(), wrong).unwrap_err().status, 401);
}

#[test]
fn whoever_was_cut_off_gets_what_was_missed() {
    let database = Database::publish(Server::shared(), "conformance");
    // Somebody stays, so that it is known what has changed.
    let mut steady = open(&database, "coin_values");
    steady.expect("snapshot");
    let mut stream = open(&database, "coin_values");
    let mut rows = Vec::new();
    apply(&mut rows, &stream.expect("snapshot"));
    database.call("mint", "[1, 10]").expect(200);
    let last = stream.expect("change");
    apply(&mut rows, &last);
    drop(stream);
    for id in 2..6 {
        database.call("mint", &format!("[{id}, {}]", 10 * id)).expect(200);
        steady.expect("change");
    }
    let mut again = resume(&database, "coin_values", last.id.as_deref().unwrap());
    again.follow(&mut rows, |rows| rows.len() == 5);
    assert_eq!(sorted(rows), sorted(database.rows("coin_values")));

    // What is not known any more, or never was, begins anew.
    for id in ["nonsense", "0123456789abcdef-7", ""] {
        let mut stream = resume(&database, "coin_values", id);
        assert_eq!(stream.expect("snapshot").data.as_array().map(Vec::len), Some(5), "{id}");
    }
}

#[test]
fn a_restart_is_survived() {
    let mut server = Server::start();
    let database = Database::publish(&server, "conformance");
    database.call("mint", "[1, 10]").expect(200);
    let mut stream = open(&database, "coin_values");
    let mut rows = Vec::new();
    let last = stream.expect("snapshot");
    apply(&mut rows, &last);
    server.stop();
    assert!(matches!(stream.try_next_event(), Ok(None) | Err(_)), "the server has gone");
    server.run();
    database.call("mint", "[2, 20]").expect(200);
    let mut again = resume(&database, "coin_values", last.id.as_deref().unwrap());
    again.follow(&mut rows, |rows| rows.len() == 2);
    assert_eq!(sorted(rows), sorted(vec![purse(10), purse(20)]));
}

#[test]
fn nothing_is_lost_by_many_readers_of_many_changes() {
    const READERS: usize = 20;
    const CHANGES: usize = 300;
    let database = Database::publish(Server::shared(), "conformance");
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let mut stream = EventStream::open(database.owner.address(), request(&database, "coin_values"));
            let mut rows = Vec::new();
            apply(&mut rows, &stream.expect("snapshot"));
            thread::spawn(move || {
                let mut ids = BTreeSet::new();
                while rows.len() < CHANGES {
                    let event = stream.next_event().expect("the stream goes on");
                    assert!(ids.insert(event.id.clone().expect("an id")), "{event:?} came twice");
                    apply(&mut rows, &event);
                }
                rows
            })
        })
        .collect();
    let owner = database.owner.clone();
    let mut connection = Connection::open(owner.address()).unwrap();
    for id in 0..CHANGES {
        let call = Request::new("POST", &database.url("/call/mint")).json(&format!("[{id}, {id}]"));
        connection.send(&owner.authorize(call)).unwrap().expect(200);
    }
    let expected = sorted((0..CHANGES as u32).map(purse).collect());
    for reader in readers {
        assert_eq!(sorted(reader.join().expect("a reader does not panic")), expected);
    }
}

#[test]
fn there_is_room_for_so_many() {
    let server = Server::start_with(&["--view-streams", "2"]);
    let database = Database::publish(&server, "conformance");
    let other = Database::publish(&server, "conformance");
    let mut first = open(&database, "coin_values");
    first.expect("snapshot");
    let mut second = open(&database, "coin_values");
    second.expect("snapshot");
    let refused = EventStream::try_open(server.address(), request(&database, "coin_values")).unwrap_err();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.text().contains("has 2 streams of views open already"), "{}", refused.text());
    open(&other, "coin_values").expect("snapshot");
    let open_now = || {
        let metrics = server.anonymous().get("/metrics").expect(200);
        let line = metrics.text().lines().find_map(|line| line.strip_prefix("orrery_view_streams "));
        line.expect("they are counted").parse::<u32>().unwrap()
    };
    wait_until("the third to have gone", || open_now() == 2);
    drop(first);
    wait_until("the first to have gone", || {
        EventStream::try_open(server.address(), request(&database, "coin_values")).is_ok()
    });
    drop(second);
    wait_until("all to have gone", || open_now() == 0);
}

/// Whoever reads nothing costs little memory and holds up nobody.
#[test]
fn a_reader_that_stops_reading() {
    let server = Server::start();
    let database = Database::publish(&server, "conformance");
    let mut idle: Vec<Connection> = (0..20)
        .map(|_| {
            let request = request(&database, "all_fruit").header("accept", "text/event-stream");
            let mut connection = Connection::open(server.address()).unwrap();
            connection.write(&request.to_bytes(server.address())).unwrap();
            connection
        })
        .collect();
    let mut stream = open(&database, "all_fruit");
    let mut rows = Vec::new();
    apply(&mut rows, &stream.expect("snapshot"));
    let memory = || {
        let metrics = server.anonymous().get("/metrics").expect(200);
        let line = metrics.text().lines().find_map(|line| line.strip_prefix("orrery_resident_memory_bytes "));
        line.expect("memory is counted").parse::<u64>().unwrap()
    };
    // What the first changes cost, they cost once.
    let name = "x".repeat(200_000);
    let grow = |id: u32| database.call("grow", &format!(r#"[{id}, "{name}", true]"#)).expect(200);
    for id in 0..10 {
        grow(id);
    }
    stream.follow(&mut rows, |rows| rows.len() == 10);
    let before = memory();
    for id in 10..60 {
        grow(id);
    }
    stream.follow(&mut rows, |rows| rows.len() == 60);
    let grown = memory().saturating_sub(before) >> 20;
    // 50 rows of 200 kB are 10 MB in the table, and as many again in what is kept about changes and answers. Kept for
    // each reader who does not read, they would be 200 MB more.
    assert!(grown < 150, "the server has grown by {grown} MiB");
    // They are still there, and get everything if they read at last.
    let late = &mut idle[0];
    assert_eq!(late.receive_head().unwrap().status, 200);
}

#[test]
fn what_cannot_be_streamed() {
    let database = Database::publish(Server::shared(), "conformance");
    let refused = |view: &str| {
        EventStream::try_open(database.owner.address(), request(&database, view)).expect_err("it is refused")
    };
    assert_eq!(refused("no_such_view").status, 404);
    let page = refused("coin_values?limit=5");
    assert!((page.status, page.text().contains("leave out `limit`")) == (400, true), "{}", page.text());
    assert_eq!(refused("coin_values?x=5").status, 400);
    assert_eq!(refused("broken_view").status, 530);
}

#[test]
fn a_stream_says_why_it_ends() {
    let database = Database::publish(Server::shared(), "conformance");
    let mut stream = open(&database, "coin_values");
    stream.expect("snapshot");
    database.owner.delete(&database.url("")).expect(200);
    let end = stream.expect("end");
    assert!(end.data["reason"].is_string(), "{end:?}");
    assert_eq!(stream.next_event(), None);
}

#[test]
fn a_new_program_ends_the_streams_of_what_it_lacks() {
    let database = Database::publish(Server::shared(), "conformance");
    let mut stream = open(&database, "coin_values");
    stream.expect("snapshot");
    let other = Language::Rust.program("demo");
    database.owner.publish_cleared(&database.name, &other).expect(200);
    let end = stream.expect("end");
    assert!(end.data["reason"].as_str().unwrap().contains("coin_values"), "{end:?}");
}

/// A quiet stream is not a dead one.
#[test]
fn silence_is_filled() {
    let database = Database::publish(Server::shared(), "conformance");
    let request = request(&database, "coin_values").header("accept", "text/event-stream");
    let mut connection = Connection::open(database.owner.address()).unwrap();
    connection.write(&request.to_bytes(database.owner.address())).unwrap();
    connection.receive_head().unwrap();
    let began = Instant::now();
    let mut text = String::new();
    while !text.ends_with("\n\n:\n\n") {
        let chunk = connection.receive_chunk().unwrap().expect("it goes on");
        text.push_str(str::from_utf8(&chunk).unwrap());
        assert!(began.elapsed() < Duration::from_secs(90), "no heartbeat: {text}");
    }
}

/// The same body for all, whoever they are.
#[test]
fn strangers_may_read_what_is_public() {
    let server = Server::shared();
    let database = Database::publish(server, "conformance");
    let clients: [Client; 2] = [server.anonymous(), server.new_client()];
    for client in clients {
        let request = client.authorize(request(&database, "coin_values"));
        EventStream::open(server.address(), request).expect("snapshot");
    }
}
