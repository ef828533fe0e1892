//! The forms in which the rows of a view can be had, their parts, their encodings and their tags.

use std::{collections::HashSet, fs, io::Read};

use orrery_tests::{
    Database, Server,
    http::{Client, Request, Response},
    in_every_language,
    modules::{self, Language},
};
use serde_json::{Value, json};

const FORMATS: [&str; 5] = [
    "application/json",
    "application/x-ndjson",
    "application/sats+json",
    "text/csv",
    "application/octet-stream",
];

in_every_language! {
    rows_in_every_form,
    values_of_all_types_as_csv,
    queries_of_views_in_every_form,
}

fn ask(client: &Client, database: &Database, view: &str, headers: &[(&str, &str)]) -> Response {
    let request = Request::new("GET", &database.url(&format!("/view/{view}")));
    client.send(headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
}

fn accept(database: &Database, view: &str, accept: &str) -> Response {
    ask(&database.owner, database, view, &[("accept", accept)])
}

fn with_coins(language: Language) -> Database {
    let database = Database::publish_in(language, Server::shared(), "conformance");
    database.call("mint", "[1, 10]").expect(200);
    database.call("mint", "[2, 20]").expect(200);
    database
}

fn rows_in_every_form(language: Language) {
    let database = with_coins(language);
    let mut bsatn = 2_u32.to_le_bytes().to_vec();
    bsatn.extend([1_u64, 10, 1, 20].iter().flat_map(|number| number.to_le_bytes()));
    let array = r#"[{"coins":1,"value":10},{"coins":1,"value":20}]"#;
    let expected: [(&str, &[u8]); 5] = [
        ("application/json", array.as_bytes()),
        ("application/x-ndjson", b"{\"coins\":1,\"value\":10}\n{\"coins\":1,\"value\":20}\n"),
        ("application/sats+json", array.as_bytes()),
        ("text/csv; charset=utf-8; header=present", b"coins,value\r\n1,10\r\n1,20\r\n"),
        ("application/octet-stream", &bsatn),
    ];
    for (format, (content_type, body)) in FORMATS.iter().zip(expected) {
        let answer = accept(&database, "coin_values", format).expect(200);
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.body, body, "{format}");
        assert_eq!(answer.header("vary"), Some("accept, accept-encoding"));
        assert_eq!(answer.header("x-total-count"), Some("2"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    assert_eq!(accept(&database, "no_rows", "text/csv").expect(200).body, b"text\r\n");
}

#[test]
fn the_best_liked_form_is_taken() {
    let database = with_coins(Language::Rust);
    for (header, expected) in [
        ("text/csv;q=0.5, application/x-ndjson;q=0.6", "application/x-ndjson"),
        ("text/html, text/*;q=0.1", "text/csv; charset=utf-8; header=present"),
        ("application/json;q=0, */*;q=0.1", "application/x-ndjson"),
        ("*/*", "application/json"),
    ] {
        let answer = accept(&database, "coin_values", header).expect(200);
        assert_eq!(answer.header("content-type"), Some(expected), "{header}");
    }
    let refused = accept(&database, "coin_values", "text/html, application/json;q=0").expect(406);
    for format in FORMATS.iter().chain(&["text/event-stream"]) {
        assert!(refused.text().contains(format), "{}", refused.text());
    }
}

/// The cell that a value in plain JSON must be.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn values_of_all_types_as_csv(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "conformance");
    for case in ["integers", "plain", "special", "lists", "options", "choices"] {
        let script = modules::tests_dir().join(format!("conformance/types-{case}/script"));
        let script = fs::read_to_string(script).unwrap();
        for call in script.lines().filter_map(|line| line.strip_prefix("call ")) {
            let (reducer, arguments) = call.split_once(' ').unwrap();
            database.call(reducer, arguments).expect(200);
        }
    }
    for view in [
        "all_unsigned",
        "all_signed",
        "all_plain",
        "all_special",
        "all_lists",
        "all_optionals",
        "all_choices",
        "all_nested",
    ] {
        let rows = database.rows(view);
        assert!(!rows.is_empty(), "{view}");
        let answer = accept(&database, view, "text/csv").expect(200);
        let mut reader = csv::Reader::from_reader(&*answer.body);
        let names: Vec<String> = reader.headers().unwrap().iter().map(Into::into).collect();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), rows.len(), "{view}");
        for (record, row) in records.iter().zip(&rows) {
            assert_eq!(row.as_object().unwrap().len(), names.len());
            for (name, found) in names.iter().zip(record) {
                let value = &row[name];
                if value.is_object() || value.is_array() || value.is_number() {
                    assert_eq!(serde_json::from_str::<Value>(found).unwrap(), *value, "{view}.{name}");
                } else {
                    assert_eq!(found, cell(value), "{view}.{name}");
                }
            }
        }
    }
}

fn queries_of_views_in_every_form(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "conformance");
    for (id, name, ripe) in [(1, "ap,ple", true), (2, "pear", false), (3, "plum", true)] {
        database.call("grow", &format!(r#"[{id}, "{name}", {ripe}]"#)).expect(200);
    }
    for view in ["all_fruit", "ripe_fruit"] {
        let rows = database.rows(view);
        for format in FORMATS {
            accept(&database, view, format).expect(200);
        }
        let csv = accept(&database, view, "text/csv");
        assert_eq!(csv.text().lines().count(), rows.len() + 1, "{view}");
        assert!(csv.text().contains("1,\"ap,ple\",true\r\n"), "{}", csv.text());
        let page = database.view(&format!("{view}?limit=1&offset=1")).expect(200);
        assert_eq!(page.json(), json!([rows[1]]));
        assert_eq!(page.header("x-total-count"), Some(&*rows.len().to_string()));
        let tag = page.header("etag").unwrap();
        ask(&database.owner, &database, &format!("{view}?limit=1&offset=1"), &[("if-none-match", tag)])
            .expect(304);
    }
}

#[test]
fn parts_of_the_rows() {
    let database = Database::publish(Server::shared(), "conformance");
    let all = database.rows("a_thousand_rows");
    for (query, expected) in [
        ("limit=3", &all[..3]),
        ("offset=998", &all[998..]),
        ("limit=2&offset=500", &all[500..502]),
        ("limit=5000", &all[..]),
        ("offset=1000", &[]),
        ("offset=18446744073709551615&limit=18446744073709551615", &[]),
        ("limit=0", &[]),
    ] {
        let answer = database.view(&format!("a_thousand_rows?{query}")).expect(200);
        assert_eq!(answer.json(), json!(expected), "{query}");
        assert_eq!(answer.header("x-total-count"), Some("1000"), "{query}");
        let lines = accept(&database, &format!("a_thousand_rows?{query}"), "text/csv");
        assert_eq!(lines.text().lines().count(), expected.len() + 1, "{query}");
    }
    for query in ["limit=-1", "limit=", "limit=ten", "offset=1.5", "limit=18446744073709551616"] {
        let text = database.view(&format!("a_thousand_rows?{query}")).expect(400).text().to_string();
        assert!(text.contains("must be a whole number"), "{query}: {text}");
    }
    let text = database.view("a_thousand_rows?page=2").expect(400).text().to_string();
    assert!(text.contains("there is no parameter `page`; it has none"), "{text}");
}

#[test]
fn each_form_has_a_tag_of_its_own() {
    let database = Database::publish(Server::shared(), "conformance");
    let mut seen = HashSet::new();
    let mut asked = Vec::new();
    for format in FORMATS {
        for query in ["", "?limit=500", "?offset=1", "?limit=500&offset=1"] {
            for encoding in ["identity", "gzip", "br", "zstd"] {
                let view = format!("a_thousand_rows{query}");
                let headers = [("accept", format), ("accept-encoding", encoding)];
                let answer = ask(&database.owner, &database, &view, &headers).expect(200);
                let tag = answer.header("etag").expect("a tag").to_string();
                assert!(seen.insert(tag.clone()), "{tag} is the tag of two answers");
                asked.push((view, format, encoding, tag));
            }
        }
    }
    for (view, format, encoding, tag) in &asked {
        let headers = [("accept", *format), ("accept-encoding", encoding), ("if-none-match", tag)];
        let answer = ask(&database.owner, &database, view, &headers).expect(304);
        assert_eq!(answer.header("etag"), Some(&**tag));
    }
    // Whoever has all the others has not this one.
    let (view, format, encoding, tag) = &asked[5];
    let others: Vec<&str> =
        asked.iter().map(|it| &*it.3).filter(|it| it != tag && it.contains('.')).collect();
    let others =
        others.into_iter().filter(|it| !tag.starts_with(it.trim_end_matches('"'))).collect::<Vec<_>>();
    let headers = [("accept", *format), ("accept-encoding", encoding), ("if-none-match", &others.join(", "))];
    ask(&database.owner, &database, view, &headers).expect(200);
}

fn decoded(answer: &Response) -> Vec<u8> {
    let mut out = Vec::new();
    match answer.header("content-encoding") {
        None => out.clone_from(&answer.body),
        Some("gzip") => {
            flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut out).map(drop).expect("gzip");
        }
        Some("br") => {
            brotli::Decompressor::new(&*answer.body, 4096).read_to_end(&mut out).map(drop).expect("brotli");
        }
        Some("zstd") => out = zstd::decode_all(&*answer.body).expect("zstd"),
        Some(other) => panic!("nobody asked for {other}"),
    }
    out
}

#[test]
fn long_answers_are_compressed() {
    let database = with_coins(Language::Rust);
    let plain = database.view("a_thousand_rows").expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    for (header, expected) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, br;q=0.9", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("*", "zstd"),
    ] {
        // The second time it is there already.
        for _ in 0..2 {
            let headers = [("accept-encoding", header)];
            let answer = ask(&database.owner, &database, "a_thousand_rows", &headers).expect(200);
            assert_eq!(answer.header("content-encoding"), Some(expected), "{header}");
            assert_eq!(decoded(&answer), plain.body, "{header}");
            assert!(answer.body.len() < plain.body.len() / 3, "{header}");
        }
    }
    for header in ["identity", "gzip;q=0", "compress", ""] {
        let answer = ask(&database.owner, &database, "a_thousand_rows", &[("accept-encoding", header)]);
        assert_eq!(answer.header("content-encoding"), None, "{header}");
    }
    let short = ask(&database.owner, &database, "coin_values", &[("accept-encoding", "gzip")]).expect(200);
    assert_eq!(short.header("content-encoding"), None, "a short answer is sent as it is");

    let schema = Request::new("GET", &database.url("/schema?version=9")).header("accept-encoding", "gzip");
    let schema = database.owner.send(schema).expect(200);
    assert_eq!(
        (schema.header("content-encoding"), schema.header("vary")),
        (Some("gzip"), Some("accept-encoding"))
    );
    let plain = database.owner.get(&database.url("/schema?version=9")).expect(200);
    assert_eq!(decoded(&schema), plain.body);
}

#[test]
fn only_the_head() {
    let database = with_coins(Language::Rust);
    for (view, encoding) in [("coin_values", "identity"), ("a_thousand_rows", "gzip")] {
        let headers = [("accept-encoding", encoding)];
        let whole = ask(&database.owner, &database, view, &headers).expect(200);
        let request = Request::new("HEAD", &database.url(&format!("/view/{view}")));
        let head = database.owner.send(request.header("accept-encoding", encoding)).expect(200);
        assert_eq!(head.body, b"");
        let without_date = |answer: &Response| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "date");
            headers.sort();
            headers
        };
        assert_eq!(without_date(&head), without_date(&whole), "{view}");
        assert_eq!(head.header("content-length"), Some(&*whole.body.len().to_string()));
    }
    let stream =
        Request::new("HEAD", &database.url("/view/coin_values")).header("accept", "text/event-stream");
    let stream = database.owner.send(stream).expect(200);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    database.owner.send(Request::new("HEAD", &database.url("/view/no_such_view"))).expect(404);
}

#[test]
fn other_methods() {
    let database = with_coins(Language::Rust);
    for method in ["PUT", "DELETE", "PATCH"] {
        let refused =
            database.owner.send(Request::new(method, &database.url("/view/coin_values"))).expect(405);
        let mut allowed: Vec<_> = refused.header("allow").expect("what is allowed").split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["GET", "HEAD", "POST"], "{method}");
    }
    let preflight =
        database.owner.send(Request::new("OPTIONS", &database.url("/view/coin_values"))).expect(200);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("last-event-id"));
}

#[test]
fn arguments_in_a_body() {
    let database = with_coins(Language::Rust);
    let post = |query: &str, content_type: &str, body: &str| {
        let request = Request::new("POST", &database.url(&format!("/view/coin_values{query}")));
        database.owner.send(request.header("content-type", content_type).body(body))
    };
    for content_type in ["application/json", "application/sats+json"] {
        for body in ["[]", "{}"] {
            let answer = post("", content_type, body).expect(200);
            assert_eq!(answer.json(), json!([{ "coins": 1, "value": 10 }, { "coins": 1, "value": 20 }]));
            assert_eq!(answer.header("etag"), None);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        let text = post("", content_type, "[1]").expect(400).text().to_string();
        assert!(text.starts_with("invalid arguments for view coin_values: "), "{text}");
    }
    assert_eq!(
        post("?limit=1", "application/json", "[]").expect(200).json(),
        json!([{ "coins": 1, "value": 10 }])
    );
    post("?min=1", "application/json", "[]").expect(400);
    post("", "text/plain", "[]").expect(415);
}
