//! HTTP handlers of modules, under `route`.

use orrery_tests::{
    Database, Server,
    http::{Connection, Request, Response},
    in_every_language,
    modules::Language,
};

in_every_language!(
    paths_match_exactly,
    methods_match_exactly_but_for_those_that_take_any,
    bodies_are_bytes,
    a_handler_may_write_and_is_nobody,
    what_breaks_is_not_told,
    options_are_answered_for_the_module_unless_it_answers_itself,
);

fn route(database: &Database, path: &str) -> String {
    database.url(&format!("/route{path}"))
}

#[track_caller]
fn send(database: &Database, method: &str, path: &str) -> Response {
    // Without the owner's token: nobody looks at it.
    let client = Server::shared().anonymous();
    client.send(Request::new(method, &route(database, path)))
}

fn paths_match_exactly(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    let get = |path: &str| send(&database, "GET", path);
    assert_eq!(get("").expect(200).text(), "root");
    assert_eq!(get("/").expect(200).text(), "slash");
    assert_eq!(get("/a/b").expect(200).text(), "below");
    assert_eq!(get("/a/b/").expect(418).text(), "short and stout");
    assert_eq!(get("/a/b?c=d").expect(200).text(), "below");
    for path in ["//", "/a", "/a/", "/a/b//", "//a/b", "/A/b", "/a/b/c", "/..", "/%2e%2e/x"] {
        let answer = get(path).expect(404);
        assert!(answer.text().contains("no handler"), "{path}: {}", answer.text());
    }
}

fn methods_match_exactly_but_for_those_that_take_any(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    let send = |method: &str, path: &str| send(&database, method, path);
    assert_eq!(send("POST", "/insert").expect(200).text(), "1");
    assert_eq!(send("GET", "/insert").expect(200).text(), "1");
    send("PUT", "/insert").expect(404);
    send("HEAD", "/insert").expect(404);
    send("DELETE", "/nothing").expect(204);
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "REPORT"] {
        let answer = send(method, "/echo").expect(200);
        assert!(answer.text().starts_with(&format!("{method} ")), "{}", answer.text());
    }
}

#[test]
fn a_handler_sees_the_whole_request() {
    let server = Server::shared();
    let database = Database::publish(server, "procedures");
    let request = Request::new("PUT", &route(&database, "/echo?alpha=beta&c"))
        .header("authorization", "Bearer not-a-token")
        .header("x-many", "1")
        .header("x-many", "2")
        .header("te", "trailers")
        .header("connection", "x-hop")
        .header("x-hop", "3")
        .body("the body, with \u{1f980}");
    let answer = server.anonymous().send(request).expect(200);
    let url = format!("{}{}", server.url(), route(&database, "/echo?alpha=beta&c"));
    let text = answer.text();
    assert!(text.starts_with(&format!("PUT {url} HTTP/1.1\n")), "{text}");
    assert!(text.contains("\nauthorization: Bearer not-a-token\n"), "{text}");
    assert!(text.contains("\nx-many: 1\nx-many: 2\n"), "{text}");
    assert!(!text.contains("x-hop") && !text.contains("\nte:"), "{text}");
    assert!(text.ends_with("\n\nthe body, with \u{1f980}"), "{text}");
    // What a proxy says about it.
    let request = Request::new("GET", &route(&database, "/echo"))
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "example.org, inner");
    let answer = server.anonymous().send(request).expect(200);
    let line = format!("GET https://example.org{} HTTP/1.1\n", route(&database, "/echo"));
    assert!(answer.text().starts_with(&line), "{}", answer.text());
}

#[test]
fn a_handler_makes_the_whole_response() {
    let database = Database::publish(Server::shared(), "procedures");
    let answer = send(&database, "GET", "/with-headers").expect(201);
    assert_eq!(answer.text(), "made");
    let many: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "x-many").collect();
    assert_eq!(many.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(answer.header("content-type"), Some("text/x-test"));
    assert_eq!(answer.header("content-length"), Some("4"));
    assert_eq!(answer.header("connection"), None);
    assert_eq!(answer.header("access-control-allow-origin"), Some("here"));
    assert_eq!(answer.header("spacetime-identity"), None);
    let answer = send(&database, "DELETE", "/nothing").expect(204);
    assert_eq!(answer.text(), "");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

fn bodies_are_bytes(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "procedures");
    let bytes: Vec<u8> = (0..=255).collect();
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    let client = server.anonymous();
    assert_eq!(client.post(&route(&database, "/reverse"), bytes).expect(200).body, reversed);
    assert_eq!(client.post(&route(&database, "/reverse"), "").expect(200).body, b"");
    // Larger than the arguments of a call may be.
    let large = vec![7; 5 << 20];
    assert_eq!(client.post(&route(&database, "/reverse"), large.clone()).expect(200).body, large);
    let answer = client.post(&route(&database, "/reverse"), vec![7; (16 << 20) + 1]).expect(413);
    assert!(answer.text().contains("16777216"), "{}", answer.text());
}

fn a_handler_may_write_and_is_nobody(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "procedures");
    assert_eq!(database.owner.post(&route(&database, "/insert"), "one").expect(200).text(), "1");
    assert_eq!(database.owner.post(&route(&database, "/insert"), "two").expect(200).text(), "2");
    assert_eq!(database.texts("written"), ["one", "two"]);
    let caller = database.owner.get(&route(&database, "/caller")).expect(200);
    assert_eq!(caller.text(), format!("{} None", "0".repeat(64)));
    // Whether callers may connect is not asked: there is no connection.
    database.owner.post(&route(&database, "/insert"), "closed").expect(200);
    server.new_client().call(&database.name, "add", "[1, 2]").expect(403);
    assert_eq!(server.anonymous().get(&route(&database, "/insert")).expect(200).text(), "3");
}

fn what_breaks_is_not_told(language: Language) {
    let server = Server::start_with(&["--call-timeout", "1s"]);
    let database = Database::publish_in(language, &server, "procedures");
    for path in ["/panics", "/hangs", "/continues"] {
        let answer = server.anonymous().get(&route(&database, path)).expect(500);
        assert_eq!(answer.text(), "The module's handler failed.");
        assert_eq!(server.anonymous().get(&route(&database, "")).expect(200).text(), "root");
    }
    assert_eq!(database.texts("written"), [""; 0]);
    assert!(database.log_messages().iter().any(|line| line.contains("a secret")), "the log has it");
}

fn options_are_answered_for_the_module_unless_it_answers_itself(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    let answer = send(&database, "OPTIONS", "/options").expect(204);
    assert_eq!(answer.header("allow"), Some("GET"));
    for path in ["/echo", "/a/b", "/nowhere"] {
        let answer = send(&database, "OPTIONS", path).expect(200);
        assert_eq!(answer.header("access-control-allow-methods"), Some("*"));
    }
}

#[test]
fn there_is_nothing_where_there_is_no_database_or_no_handler() {
    let server = Server::shared();
    server.anonymous().get("/v1/database/no-such/route/x").expect(404);
    let database = Database::publish(server, "lifecycle");
    server.anonymous().get(&route(&database, "/x")).expect(404);
    // A request without a host, of a version that needs none.
    let database = Database::publish(server, "procedures");
    let mut connection = Connection::open(server.address()).unwrap();
    let line = format!("GET {} HTTP/1.0\r\n\r\n", route(&database, "/echo"));
    connection.write(line.as_bytes()).unwrap();
    assert_eq!(connection.receive(false).unwrap().status, 400);
}
