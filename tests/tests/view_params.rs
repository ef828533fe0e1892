//! Arguments of views: in the URL, in a body, on the command line, and of streams.

use orrery_tests::{
    Cli, Database, Server,
    events::EventStream,
    http::{Request, Response},
    modules::Language,
};
use serde_json::{Value, json};

fn people() -> Database {
    let database = Database::publish_in(Language::OrreryTypeScript, Server::shared(), "view-params");
    for (id, name, age) in [(1, "Ada", 36), (2, "Grace", 85), (3, "A&B =1", 17), (4, "null", 40)] {
        database.call("add", &format!(r#"[{id}, "{name}", {age}]"#)).expect(200);
    }
    database
}

fn ids(answer: Response) -> Vec<u64> {
    let rows = answer.expect(200).json();
    rows.as_array().expect("rows").iter().map(|row| row["id"].as_u64().expect("a number")).collect()
}

fn post(database: &Database, view: &str, content_type: &str, body: &str) -> Response {
    let request = Request::new("POST", &database.url(&format!("/view/{view}")));
    database.owner.send(request.header("content-type", content_type).body(body))
}

#[test]
fn arguments_in_the_url() {
    let database = people();
    for (query, expected) in [
        ("older_than?minAge=18", &[1, 2, 4][..]),
        ("older_than?minAge=0&name=Ada", &[1]),
        ("older_than?name=A%26B+%3D1&minAge=0", &[3]),
        ("older_than?minAge=0&name=", &[]),
        ("older_than?minAge=0&name=null", &[1, 2, 3, 4]),
        ("older_than?minAge=18&limit=1&offset=1", &[2]),
        ("aged?age=85", &[2]),
        ("aged?age=86", &[]),
        ("mine_from?first=3", &[3, 4]),
    ] {
        assert_eq!(ids(database.view(query)), expected, "{query}");
    }
    // Nobody else's are those of a stranger.
    assert_eq!(ids(Server::shared().anonymous().view(&database.name, "mine_from?first=0")), &[] as &[u64]);
}

#[test]
fn what_is_wrong_is_named() {
    let database = people();
    let begin = "invalid arguments for view older_than: ";
    for (query, expected) in [
        ("", "the parameter `minAge` (u8) is missing"),
        ("?minAge=256", "`minAge`: expected u8, a whole number from 0 to 255, but got `256`"),
        ("?minAge=", "`minAge`: expected u8, a whole number from 0 to 255, but got nothing"),
        ("?minAge=1.0", "`minAge`: expected u8, a whole number from 0 to 255, but got `1.0`"),
        (
            "?minAge=1&max_age=2",
            "there is no parameter `max_age`; it has `minAge`, `name`, and every view can be asked for with `limit` \
             and `offset`",
        ),
    ] {
        let text = database.view(&format!("older_than{query}")).expect(400).text().to_string();
        assert_eq!(text, format!("{begin}{expected}"), "{query}");
    }
    let text = database.view("older_than?minAge=1&minAge=1").expect(400).text().to_string();
    assert_eq!(text, "The parameter `minAge` is given twice.");
    let text = database.view("page?limit=1").expect(400).text().to_string();
    assert!(text.contains("`limit` (u32) cannot be given in a URL"), "{text}");
}

#[test]
fn arguments_in_a_body() {
    let database = people();
    for (body, expected) in [
        (r#"[18, null]"#, &[1, 2, 4][..]),
        (r#"{"name": "null", "minAge": 0}"#, &[4]),
        (r#"{"minAge": 80}"#, &[2]),
    ] {
        assert_eq!(ids(post(&database, "older_than", "application/json", body)), expected, "{body}");
    }
    let sats = r#"{"minAge": 0, "name": {"some": "Ada"}}"#;
    assert_eq!(ids(post(&database, "older_than", "application/sats+json", sats)), [1]);
    assert_eq!(ids(post(&database, "page", "application/json", "[2, 1]")), [2, 3]);
    assert_eq!(ids(post(&database, "page?limit=1", "application/json", "[2, 1]")), [2]);
    for (body, expected) in [
        ("[18]", "invalid length 1"),
        (r#"["18", null]"#, "`minAge`: invalid type: string"),
        (r#"{"minAge": 1, "age": 2}"#, "unknown field `age`, expected `minAge`, `name`"),
        (r#"{"name": null}"#, "missing field `minAge`"),
        ("", "EOF"),
    ] {
        let answer = post(&database, "older_than", "application/json", body).expect(400);
        assert!(answer.text().contains(expected), "{body}: {}", answer.text());
    }
}

#[test]
fn every_kind_of_argument_has_a_text() {
    let database = people();
    let who = "c2".repeat(32);
    let arguments = [
        ("flag", "true"),
        ("small", "-128"),
        ("large", "18446744073709551615"),
        ("huge", "340282366920938463463374607431768211455"),
        ("wide", "-57896044618658097711785492504343953926634992332820282019728792003956564819968"),
        ("ratio", "-1.5e-3"),
        ("text", "a\"b\\c\n€"),
        ("bytes", "3q0="),
        ("who", &*who),
        ("connection", "000000000000000000000000000000ff"),
        ("when", "1970-01-01T00:00:01.5Z"),
        ("span", "-5"),
        ("colour", "red"),
        ("point", r#"{"x":1,"y":-2}"#),
        ("list", "[1,65535]"),
        ("maybe", "7"),
    ];
    let escape = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let query: Vec<_> = arguments.iter().map(|(name, text)| format!("{name}={}", escape(text))).collect();
    let told = |query: &[String]| database.view(&format!("tell?{}", query.join("&"))).expect(200).json();
    let expected = format!(
        "true -128 18446744073709551615 340282366920938463463374607431768211455 \
         -57896044618658097711785492504343953926634992332820282019728792003956564819968 -0.0015 a\"b\\c\n€ 222.173 \
         {who} 000000000000000000000000000000ff 1500000 -5 red 1,-2 1.65535 7"
    );
    assert_eq!(told(&query), json!([{ "text": expected }]));
    // The last is optional.
    let without = expected.strip_suffix('7').unwrap();
    assert_eq!(told(&query[..15]), json!([{ "text": format!("{without}nothing") }]));
    // The same as JSON, where what is longer than numbers in JSON may safely be is text.
    let body: Value = arguments
        .iter()
        .map(|(name, text)| {
            let is_text =
                ["huge", "wide", "text", "bytes", "who", "connection", "when", "colour"].contains(name);
            let value = if is_text { json!(text) } else { serde_json::from_str(text).unwrap() };
            ((*name).to_string(), value)
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let answer = post(&database, "tell", "application/json", &body.to_string()).expect(200);
    assert_eq!(answer.json(), json!([{ "text": expected }]));
}

#[test]
fn each_argument_has_answers_and_tags_of_its_own() {
    let database = people();
    let tag = |query: &str| {
        let answer = database.view(query).expect(200);
        answer.header("etag").expect("a tag").to_string()
    };
    let again = |query: &str, tag: &str| {
        let request = Request::new("GET", &database.url(&format!("/view/{query}")));
        database.owner.send(request.header("if-none-match", tag)).status
    };
    let (adults, all) = (tag("older_than?minAge=18"), tag("older_than?minAge=0"));
    assert_ne!(adults, all);
    assert_eq!(again("older_than?minAge=18", &adults), 304);
    assert_eq!(again("older_than?minAge=0", &adults), 200);
    database.call("remove", "[3]").expect(200);
    assert_eq!(again("older_than?minAge=0", &all), 200);
}

#[test]
fn streams_of_views_with_arguments() {
    let database = people();
    let open = |view: &str| {
        let request = Request::new("GET", &database.url(&format!("/view/{view}")));
        EventStream::open(database.owner.address(), request)
    };
    let mut old = open("older_than?minAge=80");
    let mut aged = open("aged?age=20");
    assert_eq!(old.expect("snapshot").data.as_array().map(Vec::len), Some(1));
    assert_eq!(aged.expect("snapshot").data, json!([]));
    let posted = Request::new("POST", &database.url("/view/page")).json("[1, 3]");
    let mut page = EventStream::open(database.owner.address(), posted);
    assert_eq!(page.expect("snapshot").data[0]["name"], "null");
    database.call("add", r#"[5, "Joan", 20]"#).expect(200);
    database.call("add", r#"[6, "Mary", 90]"#).expect(200);
    assert_eq!(aged.expect("change").data["inserts"][0]["name"], "Joan");
    assert_eq!(old.expect("change").data["inserts"][0]["name"], "Mary");
}

#[test]
fn arguments_on_the_command_line() {
    let database = people();
    let url = Server::shared().url();
    let run = |view: &str, more: &[&str]| {
        let arguments = [&["view", "--server", &url, &database.name, view, "--format", "csv"], more].concat();
        Cli::new().run(&arguments)
    };
    let names = |view: &str, more: &[&str]| -> Vec<String> {
        let csv = run(view, more).ok();
        csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_string()).collect()
    };
    assert_eq!(names("older_than", &["80", "null"]), ["Grace"]);
    assert_eq!(names("older_than", &["0", "Ada"]), ["Ada"]);
    assert_eq!(names("older_than", &["--arg", "minAge=0", "--arg", "name=A&B =1"]), ["A&B =1"]);
    assert_eq!(names("older_than", &["--arg", "minAge=18", "--limit", "1"]), ["Ada"]);
    assert_eq!(names("page", &["2", "2", "--limit", "1"]), ["A&B =1"]);
    let message = run("older_than", &["--arg", "minAge=x"]).failed();
    assert!(message.contains("expected u8") && message.contains("orrery describe"), "{message}");
}
