//! `GET /v1/database/:db/view/:view`: forms, tags, and who is asking.

use orrery_tests::{
    Database, Server,
    http::{Client, Request, Response},
};
use serde_json::{Value, json};

fn ask(client: &Client, database: &Database, view: &str, headers: &[(&str, &str)]) -> Response {
    let request = Request::new("GET", &database.url(&format!("/view/{view}")));
    client.send(headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
}

fn tag(answer: &Response) -> String {
    let tag = answer.header("etag").expect("a view's answer has a tag");
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "not a strong tag: {tag}");
    tag.to_string()
}

#[test]
fn rows_are_an_array_or_lines() {
    let database = Database::publish(Server::shared(), "conformance");
    database.call("mint", "[1, 10]").expect(200);
    database.call("mint", "[2, 20]").expect(200);
    let rows = [json!({ "coins": 1, "value": 10 }), json!({ "coins": 1, "value": 20 })];

    let array = ask(&database.owner, &database, "coin_values", &[]).expect(200);
    assert_eq!(array.header("content-type"), Some("application/json"));
    assert_eq!(array.json(), json!(rows));
    let array_again = ask(&database.owner, &database, "coin_values", &[("accept", "*/*")]).expect(200);
    assert_eq!(array_again.body, array.body);

    let lines =
        ask(&database.owner, &database, "coin_values", &[("accept", "application/x-ndjson")]).expect(200);
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let parsed: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed, rows);
    assert!(lines.text().ends_with('\n'));
    assert_ne!(tag(&lines), tag(&array), "other bytes must have another tag");

    ask(&database.owner, &database, "coin_values", &[("accept", "text/html")]).expect(406);
    let empty = ask(&database.owner, &database, "no_rows", &[]).expect(200);
    assert_eq!(empty.json(), json!([]));
    let empty = ask(&database.owner, &database, "no_rows", &[("accept", "application/x-ndjson")]).expect(200);
    assert_eq!(empty.body, b"");
    assert_eq!(database.rows("a_thousand_rows").len(), 1000);
    assert_eq!(database.rows("a_thousand_rows")[999]["text"], "row 999");
}

#[test]
fn a_tag_holds_until_a_table_that_was_read_changes() {
    let database = Database::publish(Server::shared(), "conformance");
    let owner = &database.owner;
    database.call("mint", "[1, 10]").expect(200);
    let first = ask(owner, &database, "counted_coins", &[]).expect(200);
    let first_tag = tag(&first);
    let unchanged = |what: &str| {
        let answer = ask(owner, &database, "counted_coins", &[("if-none-match", &first_tag)]);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{what}");
        assert_eq!(tag(&answer), first_tag, "{what}");
    };
    unchanged("nothing happened");
    database.call("write_unread", "[1]").expect(200);
    unchanged("another table changed");
    database.call("mint_and_fail", "[7]").expect(530);
    unchanged("a change was taken back");
    database.call("spend", "[99]").expect(530);
    unchanged("nothing was found to change");
    assert_eq!(database.log_messages(), ["counted"], "a 304 must not run the module");
    assert_eq!(tag(&ask(owner, &database, "counted_coins", &[])), first_tag, "asked without a tag");

    database.call("mint", "[2, 10]").expect(200);
    let second = ask(owner, &database, "counted_coins", &[("if-none-match", &first_tag)]).expect(200);
    assert_eq!(second.json(), json!([{ "coins": 2, "value": 0 }]));
    assert_ne!(tag(&second), first_tag);
}

#[test]
fn tags_come_in_lists_weak_and_as_a_star() {
    let database = Database::publish(Server::shared(), "conformance");
    let rows = ask(&database.owner, &database, "no_rows", &[]).expect(200);
    let tag = tag(&rows);
    for header in [tag.clone(), format!("W/{tag}"), format!(r#""other", {tag}"#), "*".into()] {
        ask(&database.owner, &database, "no_rows", &[("if-none-match", &header)]).expect(304);
    }
    for header in [r#""other""#.to_string(), "nonsense".into(), String::new(), tag.trim_matches('"').into()] {
        ask(&database.owner, &database, "no_rows", &[("if-none-match", &header)]).expect(200);
    }
    // The tag of one form is not that of another.
    let lines = [("accept", "application/x-ndjson"), ("if-none-match", tag.as_str())];
    ask(&database.owner, &database, "no_rows", &lines).expect(200);
}

#[test]
fn a_view_that_knows_who_asks_answers_each_with_their_own() {
    let server = Server::shared();
    let database = Database::publish(server, "conformance");
    let stranger = server.new_client();
    database.call("mint", "[1, 10]").expect(200);
    stranger.call(&database.name, "mint", "[2, 5]").expect(200);
    let mine = ask(&database.owner, &database, "my_purse", &[]).expect(200);
    assert_eq!(mine.json(), json!([{ "coins": 1, "value": 10 }]));
    let theirs = ask(&stranger, &database, "my_purse", &[("if-none-match", &tag(&mine))]).expect(200);
    assert_eq!(theirs.json(), json!([{ "coins": 1, "value": 5 }]));
    ask(&stranger, &database, "my_purse", &[("if-none-match", &tag(&theirs))]).expect(304);
    ask(&database.owner, &database, "my_purse", &[("if-none-match", &tag(&theirs))]).expect(200);
    assert!(mine.header("cache-control").is_some_and(|value| value.contains("private")));
    assert_eq!(ask(&server.anonymous(), &database, "my_purse", &[]).expect(200).json(), json!([]));
}

#[test]
fn an_update_makes_tags_stale() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let before = tag(&ask(&database.owner, &database, "items", &[]).expect(200));
    let program = orrery_tests::modules::bytes("publish-v2");
    database.owner.publish(&database.name, &program).expect(200);
    // The same rows, but another program may show them differently.
    ask(&database.owner, &database, "items", &[("if-none-match", &before)]).expect(200);
}

#[test]
fn what_is_no_view() {
    let database = Database::publish(Server::shared(), "conformance");
    for name in ["no_such_view", "mint", "coin", "Coin_values"] {
        let text = database.view(name).expect(404).text().to_string();
        assert!(text.contains(name), "{text}");
    }
    database.owner.put(&database.url("/view/coin_values"), "[]").expect(405);
}

#[test]
fn a_view_sees_what_was_acknowledged() {
    let database = Database::publish(Server::shared(), "conformance");
    for id in 0..50 {
        database.call("mint", &format!("[{id}, 1]")).expect(200);
        assert_eq!(database.rows("coin_count"), [json!({ "coins": id + 1, "value": 0 })]);
    }
}
