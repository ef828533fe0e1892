//! What the operator of a server decides: settings from a file, limits, logs, and the end.

use std::{fs, thread, time::Duration};

use orrery_tests::{
    Cli, Database, Server,
    http::{Connection, Request},
    in_every_language,
    modules::Language,
    wait_until,
};

in_every_language!(a_server_that_is_told_to_stop_does_not_wait_for_ever);

#[test]
fn settings_come_from_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("orrery.toml");
    let file_name = file.to_str().expect("UTF-8");
    fs::write(&file, "storage-limit = \"100KiB\"\nallow-create = \"none\"\nview-instances = 1\n").unwrap();
    let server = Server::start_with(&["--config", file_name]);
    let refused = server.new_client().publish("mine", b"whatever").expect(403);
    assert!(refused.text().contains("--allow-create"), "{}", refused.text());
    // The command line goes before the file.
    let server = Server::start_with(&["--config", file_name, "--allow-create", "anyone"]);
    let database = Database::publish(&server, "publish-v1");
    database.call("fill", "[20000]").expect(507);

    let cli = Cli::new();
    let data = folder.path().join("data");
    let start = |text: &str| {
        fs::write(&file, text).unwrap();
        cli.run(&["start", "--config", file_name, "--data-dir", data.to_str().expect("UTF-8")]).failed()
    };
    let unknown = start("no-such-setting = 1\n");
    assert!(unknown.contains("no-such-setting") && unknown.contains("memory-limit"), "{unknown}");
    assert!(start("memory-limit = \"much\"\n").contains("orrery.toml"));
    assert!(start("memory-limit\n").contains("orrery.toml"));
    assert!(!data.exists(), "nothing was begun");
}

#[test]
fn a_database_that_is_full_can_be_emptied() {
    let mut server = Server::start_with(&["--storage-limit", "100KiB"]);
    let database = Database::publish(&server, "publish-v1");
    database.call("fill", "[1000]").expect(200);
    for _ in 0..2 {
        let full = database.call("fill", "[5000]").expect(507);
        assert!(full.text().contains("full") && full.text().contains("delete some"), "{}", full.text());
        assert_eq!(database.rows("items").len(), 1001, "nothing of it was done");
        // What there is counts after a restart too.
        server.kill();
        server.run();
    }
    database.call("remove_items", r#"["item 7"]"#).expect(200);
    database.call("add_item", r#"["item 7", 7]"#).expect(200);
    let other = Database::publish(&server, "publish-v1");
    other.call("fill", "[1000]").expect(200);
    for _ in 0..100 {
        if database.call("fill", "[200]").status == 507 {
            break;
        }
    }
    database.call("fill", "[200]").expect(507);
    database.call("remove_items", r#"["item 8"]"#).expect(200);
    assert_eq!(other.rows("items").len(), 1001);
    let log = database.owner.logs(&database.name);
    assert!(log.iter().any(|line| line["message"].as_str().is_some_and(|it| it.contains("full"))), "{log:?}");
}

#[test]
fn logs_have_levels_and_an_end() {
    let server = Server::start_with(&["--module-log-limit", "20KiB", "--module-log-level", "info"]);
    let database = Database::publish(&server, "conformance");
    for _ in 0..100 {
        database.call("log_levels", "[]").expect(200);
    }
    let log = database.owner.logs(&database.name);
    assert!(!log.is_empty());
    assert!(log.iter().all(|line| line["level"] != "Debug" && line["level"] != "Trace"), "{log:?}");
    let bytes: usize = log.iter().map(|line| line.to_string().len()).sum();
    assert!(bytes < 25 << 10, "{bytes} bytes are kept");
}

#[test]
fn a_server_that_is_told_to_stop_finishes_what_it_does() {
    let mut server = Server::start();
    let database = Database::publish(&server, "publish-v1");
    let answer = thread::scope(|scope| {
        let call = scope.spawn(|| {
            let call = Request::new("POST", &database.url("/call/fill")).json("[5000]");
            Connection::open(database.owner.address())
                .and_then(|mut server| server.send(&database.owner.authorize(call)))
        });
        thread::sleep(Duration::from_millis(100));
        assert!(server.stop().success(), "{}", server.log());
        call.join().expect("no panic")
    });
    server.run();
    let rows = database.rows("items").len();
    match answer {
        // Whoever came in time got an answer, and it holds.
        Ok(answer) => assert_eq!((answer.status, rows), (200, 5001), "{}", answer.text()),
        Err(error) => assert!([1, 5001].contains(&rows), "{rows} rows, and {error}"),
    }
}

/// Everybody hangs: clients in the middle of a request, one who follows the log, a procedure that waits for an hour, a reducer and
/// a view without end, and calls that wait behind them.
fn a_server_that_is_told_to_stop_does_not_wait_for_ever(language: Language) {
    let mut server = Server::start_with(&["--call-timeout", "1h", "--stop-timeout", "1s"]);
    let database = Database::publish_in(language, &server, "conformance");
    let slow = Database::publish_in(language, &server, "procedures");
    let quiet = Database::publish_in(language, &server, "conformance");
    for database in [&database, &quiet] {
        database.call("succeed", r#"["before"]"#).expect(200);
    }
    let owner = &database.owner;
    let call = |database: &Database, function: &str, arguments: &str| {
        let request = Request::new("POST", &database.url(&format!("/call/{function}"))).json(arguments);
        let mut connection = Connection::open(owner.address()).expect("a connection");
        connection.write(&owner.authorize(request).to_bytes(owner.address())).expect("it is sent");
        connection
    };
    let mut hanging = vec![
        call(&database, "loop_for_ever", "[]"),
        call(&database, "succeed", r#"["behind it"]"#),
        call(&slow, "write_slowly", r#"[["before", "too late"], 3600000]"#),
    ];
    for begun in ["GET /v1/pi", "POST /v1/identity HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{"] {
        let mut connection = Connection::open(server.address()).expect("a connection");
        connection.write(begun.as_bytes()).expect("it is sent");
        hanging.push(connection);
    }
    for url in [quiet.url("/logs?follow=true"), quiet.url("/view/endless_view"), "/v1/ping".into()] {
        let request = quiet.owner.authorize(Request::new("GET", &url));
        let mut connection = Connection::open(server.address()).expect("a connection");
        connection.write(&request.to_bytes(server.address())).expect("it is sent");
        hanging.push(connection);
    }
    wait_until("all requests have begun", || {
        let metrics = server.anonymous().get("/metrics").text().to_owned();
        let in_flight = metrics.lines().find_map(|line| line.strip_prefix("orrery_requests_in_flight "));
        // Two loops, the call behind one of them, the slow one, half a body, and this one.
        in_flight.is_some_and(|count| count == "6")
    });
    let stopped = server.stop();
    assert!(stopped.success(), "{stopped}: {}", server.log());
    drop(hanging);
    server.run();
    assert_eq!(database.texts("traces"), ["before"]);
    assert_eq!(quiet.texts("traces"), ["before"]);
}
