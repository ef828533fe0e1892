//! `init`, `client_connected`, `client_disconnected`: when they run and what they may stop.

use orrery_tests::{Database, Server, http::Request, in_every_language, modules::Language};

in_every_language!(
    each_call_is_a_connection,
    a_call_that_cannot_be_made,
    whoever_is_turned_away_gets_403,
    a_tag_does_not_open_a_closed_door,
    a_connect_that_breaks_turns_away_too,
    a_disconnect_that_fails_stops_nobody,
    a_killed_servers_connections_are_ended_at_the_next_start,
);

/// What happened since the last time this was asked, without the asking itself.
fn happened(database: &Database, seen: &mut usize) -> Vec<String> {
    let rows = database.rows("events");
    let events: Vec<String> = rows[*seen..]
        .iter()
        .map(|row| {
            let who = if row["by_owner"] == true { "owner" } else { "stranger" };
            format!("{} {who}", row["kind"].as_str().unwrap())
        })
        .collect();
    // The asking connects, is seen by itself, and disconnects when it has been answered.
    assert_eq!(events.last().map(String::as_str), Some("connected owner"));
    *seen = rows.len() + 1;
    events[..events.len() - 1].to_vec()
}

fn each_call_is_a_connection(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "lifecycle");
    let mut seen = 0;
    assert_eq!(happened(&database, &mut seen), ["init owner"]);
    database.call("knock", "[]").expect(200);
    assert_eq!(happened(&database, &mut seen), ["connected owner", "knocked owner", "disconnected owner"]);
    Server::shared().new_client().call(&database.name, "knock", "[]").expect(200);
    assert_eq!(
        happened(&database, &mut seen),
        ["connected stranger", "knocked stranger", "disconnected stranger"]
    );
    // A call that fails connects and disconnects all the same.
    database.call("stumble", "[]").expect(530);
    assert_eq!(happened(&database, &mut seen), ["connected owner", "disconnected owner"]);
    let connections = database.rows("events");
    let with_connection = connections.iter().filter(|row| row["has_connection"] == true).count();
    assert_eq!(with_connection, connections.len() - 1, "all but init have a connection");
}

fn a_call_that_cannot_be_made(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "lifecycle");
    database.call("no_such", "[]").expect(404);
    database.call("knock", "[1]").expect(400);
    database.view("no_such").expect(404);
    let kinds: Vec<_> = database.rows("events").iter().map(|row| row["kind"].clone()).collect();
    assert!(!kinds.contains(&"knocked".into()), "{kinds:?}");
    // Whether or not somebody was connected for it, nobody is left connected.
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!(count("connected"), count("disconnected") + 1);
}

fn whoever_is_turned_away_gets_403(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "lifecycle");
    let stranger = server.new_client();
    database.call("close", r#"["members only"]"#).expect(200);
    let mut seen = 0;
    happened(&database, &mut seen);
    for stranger in [&stranger, &server.anonymous()] {
        assert_eq!(stranger.call(&database.name, "knock", "[]").expect(403).text(), "members only");
        assert_eq!(stranger.view(&database.name, "events").expect(403).text(), "members only");
    }
    assert_eq!(happened(&database, &mut seen), [""; 0], "who is turned away leaves no trace");
    let log = database.owner.logs(&database.name);
    let told = log.iter().filter(|line| line["message"].as_str().unwrap().contains("refused: members only"));
    assert!(told.count() >= 2, "the owner is not told of who was turned away: {log:?}");
    database.call("open", "[]").expect(200);
    stranger.call(&database.name, "knock", "[]").expect(200);
    assert_eq!(stranger.view(&database.name, "events").expect(200).status, 200);
}

fn a_tag_does_not_open_a_closed_door(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "lifecycle");
    database.call("close", r#"["members only"]"#).expect(200);
    let tag = database.view("events").expect(200).header("etag").unwrap().to_string();
    let request = Request::new("GET", &database.url("/view/events")).header("if-none-match", &tag);
    server.anonymous().send(request).expect(403);
    let star = Request::new("GET", &database.url("/view/events")).header("if-none-match", "*");
    server.anonymous().send(star).expect(403);
}

fn a_connect_that_breaks_turns_away_too(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "lifecycle");
    let stranger = server.new_client();
    database.call("close", r#"["panic"]"#).expect(200);
    for _ in 0..3 {
        let answer = stranger.call(&database.name, "knock", "[]");
        assert!(matches!(answer.status, 403 | 530), "{}", answer.status);
        database.call("knock", "[]").expect(200);
    }
    database.call("open", "[]").expect(200);
    stranger.call(&database.name, "knock", "[]").expect(200);
}

fn a_disconnect_that_fails_stops_nobody(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "lifecycle");
    database.call("close", r#"["fail on disconnect"]"#).expect(200);
    let mut seen = 0;
    happened(&database, &mut seen);
    // Each of these fails to disconnect, also the asking, and is rolled back: no `disconnected`.
    seen -= 1;
    database.call("knock", "[]").expect(200);
    assert_eq!(happened(&database, &mut seen), ["connected owner", "knocked owner"]);
    let log = database.owner.logs(&database.name);
    assert!(log.iter().any(|line| line["message"].as_str().unwrap().contains("told to fail")), "{log:?}");
    let callers = server.new_client();
    callers.call(&database.name, "knock", "[]").expect(403);
}

fn a_killed_servers_connections_are_ended_at_the_next_start(language: Language) {
    let mut server = Server::start();
    let database = Database::publish_in(language, &server, "lifecycle");
    let hang = Request::new("POST", &database.url("/call/hang")).json("[]");
    let mut connection = orrery_tests::http::Connection::open(server.address()).unwrap();
    connection.write(&database.owner.authorize(hang).to_bytes(server.address())).unwrap();
    // Long enough for the connection to be written to disk; if it is not, there is nothing to end.
    std::thread::sleep(std::time::Duration::from_secs(1));
    server.kill();
    server.run();
    let rows = database.rows("events");
    let count = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!(count("connected"), count("disconnected") + 1, "{rows:?}");
}
