//! What is still there after a clean stop and after `kill -9`.

use orrery_tests::{
    Cli, Database, Server,
    http::{Connection, Request},
    in_every_language,
    modules::Language,
};
use serde_json::json;

in_every_language!(after_a_clean_stop, after_a_kill);

/// Fills a database, ends the server by `end`, starts it again and looks.
fn check(language: Language, end: impl Fn(&mut Server)) {
    let mut server = Server::start();
    let database = Database::publish_in(language, &server, "conformance");
    let items = Database::publish_in(language, &server, "publish-v1");
    items.owner.publish_program(&items.name, &language.program("publish-v2")).expect(200);
    let deleted = Database::publish_in(language, &server, "publish-v1");
    deleted.owner.delete(&deleted.url("")).expect(200);
    let cleared = Database::publish_in(language, &server, "publish-v1");
    cleared.call("add_item", r#"["gone", 1]"#).expect(200);
    cleared.owner.publish_cleared(&cleared.name, &language.program("publish-v1")).expect(200);

    for id in 0..300 {
        database.call("mint", &format!("[{id}, {id}]")).expect(200);
    }
    database.call("spend", "[7]").expect(200);
    database.call("mint_and_fail", "[1000]").expect(530);
    database.call("unique_columns", "[]").expect(200);
    database.call("log_levels", "[]").expect(200);
    database.call("issue_tickets", "[]").expect(200);
    for amount in 0..50 {
        items.call("add_item", &format!(r#"["item", {amount}]"#)).expect(200);
    }
    items.call("add_shelf", r#"[1, "top"]"#).expect(200);
    let look = |database: &Database| {
        let schema = database.owner.get(&database.url("/schema?version=10")).expect(200).json();
        let info = database.owner.get(&database.url("")).expect(200).json();
        let names = database.owner.get(&database.url("/names")).expect(200).json();
        (schema, info, names)
    };
    let rows = ["coin_values", "coin_one", "my_purse", "members", "notes"].map(|view| database.rows(view));
    let (before, items_before) =
        (look(&database), (look(&items), items.rows("items"), items.rows("shelf_one")));
    let tag = database.view("coin_values").header("etag").expect("a view's answer has a tag").to_string();
    let log = database.owner.logs(&database.name);
    let key = server.anonymous().get("/v1/identity/public-key").text().to_string();

    for _ in 0..2 {
        end(&mut server);
        server.run();
        assert_eq!(
            ["coin_values", "coin_one", "my_purse", "members", "notes"].map(|view| database.rows(view)),
            rows
        );
        assert_eq!(look(&database), before);
        assert_eq!((look(&items), items.rows("items"), items.rows("shelf_one")), items_before);
        // What a client has is still good, too.
        let again = Request::new("GET", &database.url("/view/coin_values")).header("if-none-match", &tag);
        database.owner.send(again).expect(304);
        assert_eq!(database.owner.logs(&database.name)[..log.len()], log);
        assert_eq!(server.anonymous().get("/v1/identity/public-key").text(), key);
        deleted.owner.get(&deleted.url("")).expect(404);
        assert_eq!(cleared.rows("items"), [json!({ "id": 1, "name": "from init", "amount": 1 })]);
    }

    // Indexes and constraints hold, and sequences go on above what they have given.
    items.call("add_shelf", r#"[2, "top"]"#).expect(530);
    database.call("mint", "[1, 99]").expect(530);
    database.call("spend", "[1]").expect(200);
    items.call("add_item", r#"["newest", 1000]"#).expect(200);
    let newest = items.rows("many_items").iter().find(|row| row["name"] == "newest").unwrap()["id"].as_u64();
    let largest = items_before.1.iter().map(|row| row["id"].as_u64()).max().unwrap();
    assert!(newest > largest, "{newest:?} was given after {largest:?}");
    items.owner.publish_program(&items.name, &language.program("publish-v3")).expect(400);
}

fn after_a_clean_stop(language: Language) {
    check(language, |server| assert!(server.stop().success(), "{}", server.log()));
}

fn after_a_kill(language: Language) {
    check(language, Server::kill);
}

#[test]
fn a_stopped_server_lets_go_of_its_followers() {
    let mut server = Server::start();
    let database = Database::publish(&server, "conformance");
    let follow = Request::new("GET", &database.url("/logs?follow=true"));
    let mut following = Connection::open(server.address()).unwrap();
    following.write(&database.owner.authorize(follow).to_bytes(server.address())).unwrap();
    assert_eq!(following.receive_head().unwrap().status, 200);
    assert!(server.stop().success(), "{}", server.log());
    assert!(matches!(following.receive_chunk(), Ok(None) | Err(_)));
}

#[test]
fn two_servers_do_not_share_their_data_or_port() {
    let server = Server::start();
    let database = Database::publish(&server, "publish-v1");
    let user = Cli::new();
    let data = server.data_dir();
    let same_data =
        user.run(&["start", "--data-dir", data.to_str().unwrap(), "--listen-addr", "127.0.0.1:0"]);
    let message = same_data.failed();
    assert!(message.contains(data.to_str().unwrap()), "the message does not name the folder: {message}");
    let address = server.address().to_string();
    let same_port = user.run(&["start", "--data-dir", "data", "--listen-addr", &address]);
    let message = same_port.failed();
    assert!(message.contains(&address), "the message does not name the address: {message}");
    assert_eq!(database.rows("items").len(), 1);
}
