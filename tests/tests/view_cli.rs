//! `orrery view`: formats, parts, and following.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Stdio},
};

use orrery_tests::{Cli, Database, Server};
use serde_json::{Value, json};

fn with_fruit(server: &Server) -> Database {
    let database = Database::publish(server, "conformance");
    for (id, name) in [(1, "apple"), (2, "pear, sweet"), (3, "plum")] {
        database.call("grow", &format!(r#"[{id}, "{name}", true]"#)).expect(200);
    }
    database
}

fn view(server: &Server, database: &Database, more: &[&str]) -> orrery_tests::Printed {
    let url = server.url();
    let arguments = [&["view", "--server", &url, &database.name, "all_fruit"], more].concat();
    Cli::new().run(&arguments)
}

#[test]
fn formats_and_parts() {
    let server = Server::shared();
    let database = with_fruit(server);
    let table = view(server, &database, &[]).ok();
    assert_eq!(
        table,
        "id  name         ripe\n 1  apple        true\n 2  pear, sweet  true\n 3  plum         true\n(3 rows)\n"
    );
    let part = view(server, &database, &["--limit", "1", "--offset", "1"]).ok();
    assert_eq!(part, "id  name         ripe\n 2  pear, sweet  true\n(1 of 3 rows)\n");
    let csv = view(server, &database, &["--format", "csv", "--offset", "1"]).ok();
    assert_eq!(csv, "id,name,ripe\r\n2,\"pear, sweet\",true\r\n3,plum,true\r\n");
    let one = r#"{"id":1,"name":"apple","ripe":true}"#;
    for (arguments, expected) in [
        (&["--json"][..], format!("[{one}]\n")),
        (&["--format", "json"], format!("[{one}]\n")),
        (&["--format", "sats"], format!("[{one}]\n")),
        (&["--ndjson"], format!("{one}\n")),
        (&["--format", "ndjson"], format!("{one}\n")),
        (&["--format", "bsatn"], "\u{1}\0\0\0\u{1}\0\0\0\u{5}\0\0\0apple\u{1}".into()),
    ] {
        let printed = view(server, &database, &[arguments, &["--limit", "1"]].concat()).ok();
        assert_eq!(printed, expected, "{arguments:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = Server::shared();
    let database = with_fruit(server);
    for (arguments, expected) in [
        (&["--arg", "age=18"][..], "there is no parameter `age`; it has none"),
        (&["--arg", "age"], "an argument by name is NAME=VALUE"),
        (&["18"], "invalid arguments for view all_fruit"),
        (&["18", "--arg", "age=18"], "cannot be used with"),
        (&["--limit", "-1"], "-1"),
        (&["--follow", "--limit", "1"], "cannot be used with"),
        (&["--follow", "--format", "csv"], "with --follow, there is --format table and --format ndjson"),
        (&["--json", "--ndjson"], "cannot be used with"),
    ] {
        let message = view(server, &database, arguments).failed();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

/// A command that runs until it is dropped.
struct Following(Child, Lines<BufReader<ChildStdout>>);

impl Following {
    fn new(server: &Server, database: &Database, more: &[&str]) -> Self {
        let url = server.url();
        let arguments = [&["view", "--server", &url, &database.name, "all_fruit", "-f"], more].concat();
        let mut command = Cli::new().command(&arguments);
        let mut child =
            command.current_dir("/").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self(child, lines)
    }

    fn line(&mut self) -> String {
        self.1.next().expect("it goes on").unwrap()
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn following_shows_what_changes() {
    let server = Server::shared();
    let database = with_fruit(server);
    let mut following = Following::new(server, &database, &[]);
    let first: Vec<_> = (0..5).map(|_| following.line()).collect();
    assert_eq!(first[4], "(3 rows)", "{first:?}");
    database.call("grow", r#"[4, "fig", false]"#).expect(200);
    assert_eq!(following.line(), "+ id: 4, name: fig, ripe: false");
}

#[test]
fn following_survives_a_restart_of_the_server() {
    let mut server = Server::start();
    let database = with_fruit(&server);
    let mut following = Following::new(&server, &database, &["--ndjson"]);
    assert_eq!(following.json()["snapshot"].as_array().map(Vec::len), Some(3));
    database.call("grow", r#"[4, "fig", false]"#).expect(200);
    let change = following.json();
    assert_eq!(change["inserts"], json!([{ "id": 4, "name": "fig", "ripe": false }]));
    assert_eq!(change["deletes"], json!([]));
    assert!(change["id"].is_string());
    server.stop();
    server.run();
    database.call("grow", r#"[5, "date", true]"#).expect(200);
    // What it begins with now depends on when it asked again.
    loop {
        let event = following.json();
        let rows = if event["snapshot"].is_array() { &event["snapshot"] } else { &event["inserts"] };
        if rows.as_array().unwrap().iter().any(|row| row["name"] == "date") {
            break;
        }
    }
}
