//! The routes one by one: what they answer to requests that make sense, and to those that name what is not there.

use std::time::UNIX_EPOCH;

use orrery_tests::{
    Database, Server,
    http::{Client, Connection, Request},
    modules::{self, Language},
};
use serde_json::{Value, json};

fn identity_of(database: &Database) -> String {
    database.owner.get(&database.url("/identity")).expect(200).text().to_string()
}

#[test]
fn ping_health_and_metrics() {
    let anonymous = Server::shared().anonymous();
    assert_eq!(anonymous.get("/v1/ping").expect(200).body, b"");
    let health = anonymous.get("/v1/health").expect(200);
    assert_eq!(health.header("content-type"), Some("application/json"));
    assert_eq!(health.json()["schedulable"], true);

    let database = Database::publish(Server::shared(), "conformance");
    database.call("succeed", r#"["counted"]"#).expect(200);
    let metrics = anonymous.get("/metrics").expect(200);
    let metrics = metrics.text();
    assert!(metrics.lines().any(|line| line.starts_with("# TYPE ")), "{metrics}");
    assert!(metrics.contains(&identity_of(&database)), "the database is not among the metrics:\n{metrics}");
}

#[test]
fn what_is_not_there() {
    let anonymous = Server::shared().anonymous();
    anonymous.get("/").expect(404);
    anonymous.get("/v1").expect(404);
    anonymous.get("/v1/nothing").expect(404);
    anonymous.delete("/v1/ping").expect(405);
    for route in ["", "/names", "/schema?version=9", "/identity", "/view/any", "/unstable/timestamp"] {
        let answer = anonymous.get(&format!("/v1/database/never-published{route}")).expect(404);
        assert_eq!(answer.text(), "`never-published` not found", "{route}");
    }
    anonymous.call("never-published", "any", "[]").expect(404);
    anonymous.get("/v1/database/never-published/logs").expect(404);
    anonymous.delete("/v1/database/never-published").expect(404);
    let nobody = "c2".repeat(32);
    assert_eq!(anonymous.get(&format!("/v1/database/{nobody}")).expect(404).text(), "No such database.");
    for name in ["Capital", "under_score", "-first", "last-", "double--dash", "ümlaut", "a%20b"] {
        anonymous.get(&format!("/v1/database/{name}")).expect(400);
        let owner = Server::shared().new_client();
        owner.publish(name, &modules::bytes("publish-v1")).expect(400);
    }
}

#[test]
fn head_answers_as_get_does_without_a_body() {
    let database = Database::publish(Server::shared(), "publish-v1");
    for target in ["/v1/ping".to_string(), "/v1/health".into(), database.url(""), database.url("/view/items")]
    {
        let get = database.owner.get(&target).expect(200);
        let head = database.owner.send(Request::new("HEAD", &target)).expect(200);
        assert_eq!(head.body, b"");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{target}");
        assert_eq!(head.header("etag"), get.header("etag"), "{target}");
    }
}

#[test]
fn pages_of_any_origin_may_ask() {
    let anonymous = Server::shared().anonymous();
    let preflight =
        Request::new("OPTIONS", "/v1/database/any/call/any").header("origin", "https://example.org");
    let answer = anonymous.send(preflight.header("access-control-request-method", "POST")).expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(
        answer
            .header("access-control-allow-headers")
            .is_some_and(|allowed| allowed.contains("authorization"))
    );
    assert_eq!(anonymous.get("/v1/ping").header("access-control-allow-origin"), Some("*"));
}

#[test]
fn a_connection_serves_many_requests() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let mut connection = Connection::open(Server::shared().address()).unwrap();
    for amount in 0..20 {
        let call = Request::new("POST", &database.url("/call/add_item")).json(&format!(r#"["x",{amount}]"#));
        assert_eq!(connection.send(&call).unwrap().status, 200);
        let missing = Request::new("POST", &database.url("/call/no_such")).json("[]");
        assert_eq!(connection.send(&missing).unwrap().status, 404);
    }
    assert_eq!(database.rows("items").len(), 21);
}

#[test]
fn publishing_answers_what_happened() {
    let server = Server::shared();
    let owner = server.new_client();
    let name = Database::new_name();
    let created = owner.publish(&name, &modules::bytes("publish-v1")).expect(200);
    assert_eq!(created.header("content-type"), Some("application/json"));
    let created = created.json();
    let identity = created["Success"]["database_identity"].as_str().unwrap();
    assert!(identity.len() == 64 && identity.starts_with("c200"), "{identity}");
    assert_eq!(created["Success"]["op"], "created");
    assert_eq!(created["Success"]["domain"], *name);

    let updated = owner.publish(&name, &modules::bytes("publish-v2")).expect(200).json();
    assert_eq!(updated["Success"]["op"], "updated");
    assert_eq!(updated["Success"]["database_identity"], identity);

    let by_identity = owner.publish(identity, &modules::bytes("publish-v2")).expect(200).json();
    assert_eq!(by_identity["Success"]["domain"], Value::Null);
    assert_eq!(by_identity["Success"]["database_identity"], identity);

    let unnamed = owner.post("/v1/database", modules::bytes("publish-v1")).expect(200).json();
    assert_eq!(unnamed["Success"]["op"], "created");
    assert_eq!(unnamed["Success"]["domain"], Value::Null);
    let unnamed = unnamed["Success"]["database_identity"].as_str().unwrap();
    assert_ne!(unnamed, identity);
    assert_eq!(owner.rows(unnamed, "items").len(), 1);
    owner.post("/v1/database?clear=true", modules::bytes("publish-v1")).expect(400);
    owner.put(&format!("/v1/database/{name}?clear=perhaps"), modules::bytes("publish-v1")).expect(400);
    owner.put(&format!("/v1/database/{name}?host_type=Cobol"), modules::bytes("publish-v1")).expect(400);
    // Keys that mean something to other servers only.
    owner
        .put(&format!("/v1/database/{name}?num_replicas=1&shard=7"), modules::bytes("publish-v2"))
        .expect(200);
}

#[test]
fn a_database_says_what_it_is() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let identity = identity_of(&database);
    let info = Server::shared().anonymous().get(&database.url("")).expect(200).json();
    assert_eq!(info["database_identity"], json!({ "__identity__": format!("0x{identity}") }));
    let owner = database.owner.identity.as_deref().unwrap();
    assert_eq!(info["owner_identity"], json!({ "__identity__": format!("0x{owner}") }));
    assert_eq!(info["host_type"], json!({ "Wasm": [] }));
    let program = info["initial_program"].as_str().unwrap();
    assert!(program.starts_with("0x"), "{program}");
    database.owner.publish(&database.name, &modules::bytes("publish-v2")).expect(200);
    assert_eq!(database.owner.get(&database.url("")).json()["initial_program"], program);
    // With and without the prefix, in either case.
    for identity in [format!("0x{identity}"), identity.to_uppercase()] {
        database.owner.get(&format!("/v1/database/{identity}")).expect(200);
    }
}

#[test]
fn names_can_be_added_and_replaced() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let (owner, identity) = (&database.owner, identity_of(&database));
    let names = |database: &str| owner.get(&format!("/v1/database/{database}/names")).expect(200).json();
    assert_eq!(names(&identity), json!({ "names": [database.name] }));

    let second = Database::new_name();
    let added = owner.post(&database.url("/names"), second.as_str()).expect(200).json();
    assert_eq!(added, json!({ "Success": { "domain": second, "database_identity": identity } }));
    assert_eq!(owner.rows(&second, "items").len(), 1);
    owner.post(&database.url("/names"), "Not A Name").expect(400);
    owner.post(&database.url("/names"), [0xff, 0xfe]).expect(400);

    let third = Database::new_name();
    let replace = |body: &str| owner.send(Request::new("PUT", &database.url("/names")).json(body));
    replace("{}").expect(400);
    replace(r#"["Not A Name"]"#).expect(400);
    let stranger = Server::shared().new_client();
    let foreign =
        stranger.send(Request::new("PUT", &database.url("/names")).json(&format!(r#"["{third}"]"#)));
    assert_eq!(foreign.expect(401).json(), json!({ "NotYourDatabase": { "database": identity } }));
    assert_eq!(replace(&format!(r#"["{third}"]"#)).expect(200).json(), "Success");
    assert_eq!(names(&third), json!({ "names": [third] }));
    owner.get(&format!("/v1/database/{second}")).expect(404);
}

#[test]
fn calls_answer_with_the_status_that_fits() {
    let database = Database::publish(Server::shared(), "conformance");
    let post = |below: &str| Request::new("POST", &database.url(below));
    let ok = database.call("succeed", r#"["fine"]"#).expect(200);
    assert_eq!(ok.body, b"");
    for header in ["spacetime-energy-used", "spacetime-execution-duration-micros"] {
        assert!(ok.header(header).is_some_and(|value| value.parse::<u64>().is_ok()), "{header}");
    }
    assert_eq!(database.call("refuse", r#"["my reasons"]"#).expect(530).text(), "my reasons");
    let log = database.owner.logs(&database.name);
    let told = log.iter().find(|line| line["message"] == "`refuse` refused: my reasons");
    assert_eq!(told.expect("the owner is told of it")["level"], "Error");
    assert!(database.call("succeed", "[]").expect(400).text().starts_with("invalid arguments"));
    assert!(database.call("no_such", "[]").expect(404).text().starts_with("no such reducer"));
    database.owner.send(post("/call/succeed").body(r#"["no type"]"#)).expect(400);
    let other_type = post("/call/succeed").header("content-type", "text/plain").body(r#"["text"]"#);
    database.owner.send(other_type).expect(415);
    let parameter = post("/call/succeed").header("content-type", "application/json; charset=utf-8");
    database.owner.send(parameter.body(r#"["parameter"]"#)).expect(415);
    database.owner.get(&database.url("/call/succeed")).expect(405);
    assert_eq!(database.texts("traces"), ["fine"]);

    let lifecycle = Database::publish(Server::shared(), "lifecycle");
    for reducer in ["init", "client_connected", "client_disconnected"] {
        lifecycle.call(reducer, "[]").expect(400);
    }
}

#[test]
fn schemas_of_both_versions() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let nine = database.owner.get(&database.url("/schema?version=9")).expect(200);
    assert_eq!(nine.header("content-type"), Some("application/json"));
    let nine = nine.json();
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(names(&nine["tables"]), ["item"]);
    assert_eq!(names(&nine["reducers"]), ["add_item", "fill", "init", "remove_items"]);

    let ten = database.owner.get(&database.url("/schema?version=10")).expect(200).json();
    let sections = ten["sections"].as_array().unwrap();
    let section = |name: &str| sections.iter().find_map(|section| section.get(name));
    assert_eq!(section("Tables").unwrap()[0]["source_name"], "item");
    assert_eq!(section("Views").unwrap()[0]["source_name"], "items");
    assert!(section("Typespace").is_some() && section("ExplicitNames").is_some());

    for query in ["", "?version=8", "?version=11", "?version=ten"] {
        database.owner.get(&database.url(&format!("/schema{query}"))).expect(400);
    }
}

#[test]
fn logs_can_be_cut_and_followed() {
    let database = Database::publish(Server::shared(), "conformance");
    database.call("log_levels", "[]").expect(200);
    let answer = database.owner.get(&database.url("/logs")).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let messages = |lines: &str| -> Vec<Value> {
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["message"].clone()).collect()
    };
    assert_eq!(
        messages(answer.text()),
        ["an error", "a warning", "an info", "a debug line", "a trace line"],
        "a level is missing"
    );
    let line: Value = serde_json::from_str(answer.text().lines().next().unwrap()).unwrap();
    assert_eq!(line["level"], "Error");
    assert_eq!(line["function"], "log_levels");
    assert!(line["ts"].as_i64().unwrap() > 1_600_000_000_000_000, "{line}");
    assert!(line["filename"].as_str().unwrap().ends_with("logging.rs"), "{line}");
    assert!(line["line_number"].is_u64(), "{line}");

    let last = database.owner.get(&database.url("/logs?num_lines=2")).expect(200);
    assert_eq!(messages(last.text()), ["a debug line", "a trace line"]);
    assert_eq!(database.owner.get(&database.url("/logs?num_lines=0")).expect(200).body, b"");
    database.owner.get(&database.url("/logs?num_lines=few")).expect(400);

    let mut following = Connection::open(Server::shared().address()).unwrap();
    let follow = Request::new("GET", &database.url("/logs?follow=true&num_lines=1"));
    following.write(&database.owner.authorize(follow).to_bytes(Server::shared().address())).unwrap();
    assert_eq!(following.receive_head().unwrap().status, 200);
    let mut seen = String::new();
    let mut read_until = |message: &str| {
        while !seen.contains(message) {
            let chunk = following.receive_chunk().unwrap().expect("the log goes on");
            seen += str::from_utf8(&chunk).unwrap();
        }
    };
    read_until("a trace line");
    database.call("log_and_fail", "[]").expect(530);
    read_until("about to fail");
    assert_eq!(messages(&seen), ["a trace line", "about to fail"]);
}

#[test]
fn timers_are_logged_when_they_end() {
    let database = Database::publish(Server::shared(), "conformance");
    database.call("log_timer", "[]").expect(200);
    let lines = database.owner.logs(&database.name);
    let messages: Vec<&str> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    let [inner, outer] = messages[..] else { panic!("two timers, {messages:?}") };
    assert!(inner.contains("inner") && outer.contains("outer"), "{messages:?}");
}

#[test]
fn a_reset_drops_the_data() {
    let database = Database::publish(Server::shared(), "publish-v1");
    database.call("add_item", r#"["mine", 1]"#).expect(200);
    let identity = identity_of(&database);
    let reset = database.owner.put(&database.url("/reset"), "").expect(200).json();
    assert_eq!(reset["Success"]["database_identity"], identity);
    assert_eq!(database.rows("items"), [json!({ "id": 1, "name": "from init", "amount": 1 })]);
    database.owner.put(&database.url("/reset"), modules::bytes("publish-v3")).expect(200);
    assert_eq!(database.rows("items"), [] as [Value; 0]);
}

#[test]
fn a_deleted_database_is_gone_and_its_name_is_not() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let identity = identity_of(&database);
    assert_eq!(database.owner.delete(&database.url("")).expect(200).body, b"");
    database.owner.get(&database.url("")).expect(404);
    database.view("items").expect(404);
    database.call("add_item", r#"["x", 1]"#).expect(404);
    database.owner.delete(&format!("/v1/database/{identity}")).expect(200);
    assert_eq!(owned_by(&database.owner), [] as [&str; 0]);

    database.owner.publish(&database.name, &modules::bytes("publish-v1")).expect(200);
    assert_eq!(identity_of(&database), identity);
    assert_eq!(database.rows("items").len(), 1);
}

#[test]
fn a_locked_database_is_neither_deleted_nor_reset() {
    let mut server = Server::start();
    let database = Database::publish(&server, "publish-v1");
    let stranger = server.new_client();
    stranger.post(&database.url("/lock"), "").expect(403);
    // Both as often as one likes.
    for _ in 0..2 {
        database.owner.post(&database.url("/unlock"), "").expect(200);
    }
    for _ in 0..2 {
        assert_eq!(database.owner.post(&database.url("/lock"), "").expect(200).body, b"");
    }
    stranger.post(&database.url("/unlock"), "").expect(403);
    stranger.delete(&database.url("")).expect(403);

    server.kill();
    server.run();
    let owner = server.client_with_token(database.owner.token.as_deref().unwrap());
    let program = Language::Rust.program("publish-v2");
    let refused = owner.delete(&database.url("")).expect(403);
    assert!(refused.text().contains("locked"), "{}", refused.text());
    owner.put(&database.url("/reset"), "").expect(403);
    owner.put(&database.url("/reset"), modules::bytes("publish-v2")).expect(403);
    owner.publish_cleared(&database.name, &program).expect(403);
    owner.publish_program(&database.name, &program).expect(200);
    assert_eq!(owner.rows(&database.name, "items").len(), 1);

    owner.post(&database.url("/unlock"), "").expect(200);
    owner.put(&database.url("/reset"), "").expect(200);
    owner.delete(&database.url("")).expect(200);
    owner.post(&database.url("/lock"), "").expect(404);
}

#[test]
fn a_database_says_what_time_it_is() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let micros = || {
        let answer = Server::shared().anonymous().get(&database.url("/unstable/timestamp")).expect(200);
        answer.json()["__timestamp_micros_since_unix_epoch__"].as_i64().unwrap()
    };
    let now = || i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    let (before, said, after) = (now(), micros(), now());
    assert!((before..=after).contains(&said), "{before} {said} {after}");
}

fn owned_by(client: &Client) -> Vec<String> {
    let identity = client.identity.as_deref().unwrap();
    let owned = client.get(&format!("/v1/identity/{identity}/databases")).expect(200).json();
    owned["identities"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_string()).collect()
}

#[test]
fn an_owner_can_list_databases() {
    let database = Database::publish(Server::shared(), "publish-v1");
    assert_eq!(owned_by(&database.owner), [identity_of(&database)]);
    assert_eq!(owned_by(&Server::shared().new_client()), [] as [&str; 0]);
    Server::shared().anonymous().get("/v1/identity/nonsense/databases").expect(400);
}
