//! Each subcommand as a user would run it, with a config file and a home of their own.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use orrery_tests::{Cli, Database, Server, modules, terminal::Terminal};
use serde_json::{Value, json};

/// A user who talks to the shared server.
struct User {
    cli: Cli,
}

impl User {
    fn new() -> Self {
        Self { cli: Cli::new() }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> orrery_tests::Printed {
        let server = Server::shared().url();
        self.cli.run(&[arguments, &["--server", &server]].concat())
    }

    /// Publishes a compiled module under a new name.
    #[track_caller]
    fn publish(&self, module: &str) -> String {
        let name = Database::new_name();
        self.run(&["publish", &name, "--bin-path", &Cli::module(module)]).ok();
        name
    }
}

#[test]
fn help_says_where_to_begin() {
    let cli = Cli::new();
    let help = cli.run(&["--help"]).ok();
    for command in [
        "start", "dev", "init", "build", "publish", "call", "view", "sql", "describe", "logs", "list",
        "delete", "login",
    ] {
        assert!(help.contains(command), "{command} is missing:\n{help}");
        let help = cli.run(&[command, "--help"]).ok();
        assert!(help.contains("Usage:"), "{help}");
    }
    assert!(cli.run(&["--version"]).ok().starts_with("orrery "));
    let message = cli.run(&["publsh"]).failed();
    assert!(message.contains("publish"), "no hint at what was meant:\n{message}");
}

#[test]
fn publish_call_view_and_delete() {
    let user = User::new();
    let name = Database::new_name();
    let module = Cli::module("publish-v1");
    let created = user.run(&["publish", &name, "--bin-path", &module]).ok();
    assert!(created.contains("Created") && created.contains(&name), "{created}");
    user.run(&["call", &name, "add_item", "a pen", "3"]).ok();
    let table = user.run(&["view", &name, "items"]).ok();
    assert!(table.contains("a pen") && table.contains("(2 rows)"), "{table}");
    let rows: Value = serde_json::from_str(&user.run(&["view", &name, "items", "--json"]).ok()).unwrap();
    assert_eq!(rows[0], json!({ "id": 2, "name": "a pen", "amount": 3 }));
    let lines = user.run(&["view", &name, "items", "--ndjson"]).ok();
    assert_eq!(lines.lines().count(), 2, "{lines}");

    let updated = user.run(&["publish", &name, "--bin-path", &Cli::module("publish-v2")]).ok();
    assert!(updated.contains("Updated") && updated.contains("shelf"), "{updated}");
    let refused = user.run(&["publish", &name, "--bin-path", &Cli::module("publish-v3")]).failed();
    assert!(refused.contains("--delete-data") && refused.contains("amount"), "{refused}");
    assert!(user.run(&["view", &name, "items"]).ok().contains("(2 rows)"));
    user.run(&["publish", &name, "--bin-path", &Cli::module("publish-v3"), "--delete-data"]).ok();
    assert!(user.run(&["view", &name, "items"]).ok().contains("(0 rows)"));

    user.run(&["delete", &name, "--yes"]).ok();
    let gone = user.run(&["view", &name, "items"]).failed();
    assert!(gone.contains(&name) || gone.contains("No such database"), "{gone}");
}

#[test]
fn sql_asks_and_changes() {
    let user = User::new();
    let name = user.publish("sql");
    user.run(&["call", &name, "fill", "2"]).ok();
    let query = "SELECT id, name, tag, kind FROM account ORDER BY id";
    assert_eq!(
        user.run(&["sql", &name, query]).ok(),
        "id  name       tag    kind\n 1  account 0  tag 0  private\n 2  account 1         business\n(2 rows)\n"
    );
    let change = "INSERT INTO account (name, balance, kind) VALUES ('Ada', 1, 'private'); DELETE FROM account WHERE id = 1";
    assert_eq!(user.run(&["sql", &name, change]).ok(), "1 row inserted\n\n1 row deleted\n");
    assert_eq!(user.run(&["sql", &name, "SELECT * FROM account WHERE false", "--json"]).ok(), "[]\n");
    let json = user
        .run(&["sql", &name, "--json", "SELECT id, name FROM account; DELETE FROM vault", "--unconfirmed"])
        .ok();
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!([{ "id": 2, "name": "account 1" }, { "id": 3, "name": "Ada" }]));
    assert_eq!(lines[1], json!({ "rows_inserted": 0, "rows_deleted": 0, "rows_updated": 0 }));

    let error = user.run(&["sql", &name, "SELECT * FROM acount"]).failed();
    assert!(
        error.contains("`acount`")
            && error.contains("line 1, column 15")
            && error.contains("orrery describe"),
        "{error}"
    );
    let error = user.run(&["sql", &name, "--anonymous", "DELETE FROM account"]).failed();
    assert!(error.contains("only the owner"), "{error}");
}

#[test]
fn sql_comes_from_a_file_too() {
    let user = User::new();
    let name = user.publish("sql");
    let server = Server::shared().url();
    fs::write(
        user.cli.home().join("changes.sql"),
        "INSERT INTO vault VALUES (1, 'a');\nSELECT code FROM vault;\n",
    )
    .unwrap();
    let mut command = user.cli.command(&["sql", &name, "--server", &server]);
    let output =
        command.stdin(fs::File::open(user.cli.home().join("changes.sql")).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1 row inserted\n\ncode\na\n(1 row)\n");
    assert!(output.status.success());
}

#[test]
fn sql_converses() {
    let user = User::new();
    let name = user.publish("sql");
    user.run(&["call", &name, "fill", "3"]).ok();
    let server = Server::shared().url();
    let start = || Terminal::run(user.cli.command(&["sql", &name, "--server", &server]));
    let prompt = format!("{name}> ");
    let mut terminal = start();
    assert!(terminal.wait_for(&prompt).contains("semicolon"));
    // A statement of two lines, which a mistake before it does not disturb.
    terminal.write("select * from nowhere;\r");
    terminal.wait_for("there is no table or view `nowhere`");
    terminal.wait_for(&prompt);
    terminal.write("select name from account\r");
    terminal.write("where id = 2;\r");
    terminal.wait_for("account 1");
    terminal.wait_for("(1 row)");
    terminal.wait_for(&prompt);
    terminal.write("help\r");
    terminal.wait_for("Ctrl-D");
    terminal.wait_for(&prompt);
    // Ctrl-D
    terminal.write("\u{4}");
    assert!(terminal.end());

    // What was asked is there again the next time, one key up.
    let mut terminal = start();
    terminal.wait_for(&prompt);
    terminal.write("\u{1b}[A\u{1b}[A");
    terminal.wait_for("where id = 2;");
    terminal.write("\r");
    terminal.wait_for("(1 row)");
    terminal.wait_for(&prompt);
    terminal.write("exit\r");
    assert!(terminal.end());
}

#[test]
fn a_plan_is_shown_and_agreed_to() {
    let user = User::new();
    let name = user.publish("publish-v1");
    let publish = |module: &str, more: &[&str]| {
        let module = Cli::module(module);
        user.run(&[&["publish", &name, "--bin-path", &module], more].concat())
    };
    let same = publish("publish-v1", &[]).ok();
    assert!(!same.contains("Plan"), "{same}");
    let refused = publish("publish-v4", &[]);
    assert!(refused.out.contains("rank: U32 = 7"), "{}", refused.out);
    let refused = refused.failed();
    assert!(refused.contains("BREAK") && refused.contains("--break-clients"), "{refused}");
    publish("publish-v4", &["--yes=remote,delete-data"]).failed();
    publish("publish-v4", &["--break-clients"]).ok();
    assert!(user.run(&["view", &name, "items"]).ok().contains("rank"));

    // Only what the data cannot follow deletes it.
    let kept = publish("publish-v4", &["--delete-data=on-conflict"]).ok();
    assert!(kept.contains("Updated"), "{kept}");
    let dropped = publish("publish-v3", &["--delete-data=on-conflict"]).ok();
    assert!(dropped.contains("column `name` is gone") && dropped.contains("Started anew"), "{dropped}");
    publish("publish-v3", &["--delete-data=sometimes"]).failed();
    publish("publish-v1", &["--yes"]).ok();
    publish("publish-v1", &["--clear-database"]).ok();
    assert!(user.run(&["view", &name, "items"]).ok().contains("(1 row)"));
}

#[test]
fn an_earlier_module_is_taken_back() {
    let user = User::new();
    let name = user.publish("publish-v1");
    let nothing = user.run(&["rollback", &name]).failed();
    assert!(nothing.contains("no other module"), "{nothing}");
    user.run(&["publish", &name, "--bin-path", &Cli::module("publish-v2")]).ok();
    let history = user.run(&["history", &name]).ok();
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines.len() == 3 && lines[1].ends_with("runs") && !lines[2].ends_with("runs"), "{history}");
    let refused = user.run(&["rollback", &name]);
    assert!(refused.out.contains("Removed table: shelf"), "{}", refused.out);
    assert!(refused.failed().contains("--break-clients"));
    user.run(&["rollback", &name, "--yes"]).ok();
    user.run(&["view", &name, "many_items"]).failed();
    let hash = lines[1].split_whitespace().next().expect("a hash");
    user.run(&["rollback", &name, "--to", &hash[..8]]).ok();
    user.run(&["view", &name, "many_items"]).ok();
    let unknown = user.run(&["rollback", &name, "--to", "ffff"]).failed();
    assert!(unknown.contains("ffff") && unknown.contains("history"), "{unknown}");
}

#[test]
fn arguments_of_a_call() {
    let user = User::new();
    let name = user.publish("conformance");
    user.run(&["call", &name, "succeed", "plain text"]).ok();
    user.run(&["call", &name, "succeed", r#""quoted""#]).ok();
    user.run(&[
        "call",
        &name,
        "add_nested",
        r#"{"id": 1, "point": [1, -2], "line": [[0,0],[1,1],{"red":[]}], "nothing": {}, "tree": []}"#,
    ])
    .ok();
    user.run(&["call", &name, "set_player_score_2", "1", "-5", r#"{"put": []}"#]).ok();
    let texts = user.run(&["view", &name, "traces", "--json"]).ok();
    assert_eq!(
        serde_json::from_str::<Value>(&texts).unwrap(),
        json!([{ "text": "plain text" }, { "text": "quoted" }])
    );

    // A text is a text, even if it might be something else.
    for text in ["36", "true", "[1,"] {
        user.run(&["call", &name, "succeed", text]).ok();
    }
    let texts = user.run(&["view", &name, "traces", "--json"]).ok();
    assert!(texts.contains(r#"{"text":"36"}"#) && texts.contains(r#"{"text":"[1,"}"#), "{texts}");

    let refused = user.run(&["call", &name, "refuse", "on principle"]).failed();
    assert!(refused.contains("on principle"), "{refused}");
    let few = user.run(&["call", &name, "succeed"]).failed();
    assert!(few.contains("invalid arguments"), "{few}");
    let unknown = user.run(&["call", &name, "sucseed", "x"]).failed();
    assert!(unknown.contains("sucseed") && unknown.contains("did you mean `succeed`?"), "{unknown}");
    let unknown = user.run(&["call", &name, "nothing_like_it"]).failed();
    assert!(unknown.contains("nothing_like_it") && unknown.contains("describe"), "{unknown}");
    let broken = user.run(&["call", &name, "set_player_score_2", "1", "[1,"]).failed();
    assert!(broken.contains("not JSON"), "{broken}");
}

#[test]
fn describe_shows_tables_and_functions() {
    let user = User::new();
    let name = user.publish("publish-v2");
    let text = user.run(&["describe", &name]).ok();
    for part in [
        "item (public)",
        "id: u64, primary key",
        "label: String, unique",
        "add_shelf(id: u32, label: String)",
        "many_items",
    ] {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
    let whole: Value = serde_json::from_str(&user.run(&["describe", &name, "--json"]).ok()).unwrap();
    assert!(whole["sections"].is_array());

    // One part only.
    let table = user.run(&["describe", &name, "table", "item"]).ok();
    assert!(table.starts_with("item (public)\n") && !table.contains("shelf"), "{table}");
    let json = user.run(&["describe", &name, "reducer", "add_shelf", "--json"]).ok();
    let reducer: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(reducer["params"]["elements"][0]["name"]["some"], "id");
    let view = user.run(&["describe", &name, "view", "many_items"]).ok();
    assert_eq!(view.lines().count(), 1, "{view}");
    let unknown = user.run(&["describe", &name, "procedure", "add_shelf"]).failed();
    assert!(unknown.contains("no procedure `add_shelf`"), "{unknown}");
    assert!(user.run(&["describe", &name, "table"]).failed().contains("NAME"));

    let unknown = user.run(&["describe", "never-published"]).failed();
    assert!(unknown.contains("never-published"), "{unknown}");
    // A module with everything in it can be shown as well.
    let everything = user.publish("conformance");
    let text = user.run(&["describe", &everything]).ok();
    assert!(text.contains("Option<") && text.contains("Result<") && text.contains("ScheduleAt"), "{text}");
}

#[test]
fn logs_are_shown_and_followed() {
    let user = User::new();
    let name = user.publish("conformance");
    user.run(&["call", &name, "log_levels"]).ok();
    let all = user.run(&["logs", &name]).ok();
    assert_eq!(all.lines().count(), 5, "{all}");
    assert!(all.contains("WARN") && all.contains("a warning"), "{all}");
    assert!(!all.contains('\x1b'), "colours, though nobody is looking: {all:?}");
    assert_eq!(user.run(&["logs", &name, "-n", "2"]).ok().lines().count(), 2);
    let line = user.run(&["logs", &name, "-n", "1", "--json"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["message"], "a trace line");

    let levels = |more: &[&str]| {
        let printed = user.run(&[&["logs", &name, "--json"], more].concat()).ok();
        let level = |line: &str| serde_json::from_str::<Value>(line).unwrap()["level"].clone();
        printed.lines().map(level).collect::<Vec<_>>()
    };
    assert_eq!(levels(&["--level", "warn"]), ["Error", "Warn"]);
    assert_eq!(levels(&["--level", "warn", "--level-exact"]), ["Warn"]);
    assert_eq!(levels(&["--level", "trace", "--level-exact"]), ["Trace"]);
    assert!(user.run(&["logs", &name, "--level-exact"]).failed().contains("--level"));

    let server = Server::shared().url();
    let mut follow = user.cli.command(&["logs", &name, "-f", "-n", "1", "--server", &server]);
    let mut following = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("a trace line"));
    user.run(&["call", &name, "log_and_fail"]).failed();
    assert!(lines.next().unwrap().unwrap().contains("about to fail"));
    following.kill().unwrap();
    following.wait().unwrap();

    let stranger = User::new();
    stranger.run(&["login"]).ok();
    assert!(stranger.run(&["logs", &name]).failed().contains("not the owner"));
}

#[test]
fn a_database_gets_another_name() {
    let user = User::new();
    let (old, taken) = (user.publish("publish-v1"), user.publish("publish-v1"));
    let new = Database::new_name();
    assert!(user.run(&["rename", &old, "--to", &taken]).failed().contains("taken"));
    assert!(user.run(&["rename", &old, "--to", "Not A Name"]).failed().contains("Not A Name"));
    let stranger = User::new();
    stranger.run(&["login"]).ok();
    let refused = stranger.run(&["rename", &old, "--to", &new]).failed();
    assert!(refused.contains("somebody else's"), "{refused}");
    assert!(user.run(&["rename", &old, "--to", &new]).ok().contains(&new));
    user.run(&["view", &new, "items"]).ok();
    user.run(&["view", &old, "items"]).failed();
}

#[test]
fn nothing_is_deleted_by_mistake() {
    let user = User::new();
    let name = user.publish("publish-v1");
    let unasked = user.run(&["delete", &name]).failed();
    assert!(unasked.contains("--yes"), "{unasked}");
    user.run(&["lock", &name]).ok();
    let locked = user.run(&["delete", &name, "--yes"]).failed();
    assert!(locked.contains("locked") && locked.contains("orrery unlock"), "{locked}");
    let module = Cli::module("publish-v1");
    let publish = ["publish", &name, "--bin-path", &module];
    assert!(user.run(&[&publish[..], &["--delete-data"]].concat()).failed().contains("locked"));
    user.run(&publish).ok();
    user.run(&["unlock", &name]).ok();

    let server = Server::shared().url();
    let delete = || Terminal::run(user.cli.command(&["delete", &name, "--server", &server]));
    for (answer, deleted) in [("n\r", false), ("y\r", true)] {
        let mut terminal = delete();
        assert!(terminal.wait_for("[y/N]").contains(&name));
        terminal.write(answer);
        assert_eq!(terminal.end(), deleted);
        assert_eq!(user.run(&["view", &name, "items"]).success, !deleted);
    }
}

#[test]
fn identities_are_kept_and_forgotten() {
    let user = User::new();
    assert!(user.run(&["login", "show"]).failed().contains("not logged in"));
    assert!(user.run(&["list"]).ok().contains("no identity"));
    user.run(&["login"]).ok();
    let shown = user.run(&["login", "show", "--token"]).ok();
    let (identity, token) = shown.trim().split_once('\n').unwrap();
    assert!(identity.starts_with("c200") && identity.len() == 64, "{shown}");
    assert!(user.run(&["login"]).ok().contains(identity), "logging in again must not change who one is");
    let mode = fs::metadata(user.cli.home().join("config.toml")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);

    let name = user.publish("publish-v1");
    assert!(user.run(&["list"]).ok().contains(&name));
    let second_machine = User::new();
    second_machine.run(&["login", "--token", token]).ok();
    assert!(second_machine.run(&["list"]).ok().contains(&name));
    second_machine.run(&["logout"]).ok();
    let as_nobody = second_machine.run(&["delete", &name, "--yes"]).failed();
    assert!(as_nobody.contains("not the owner"), "{as_nobody}");
    assert!(second_machine.run(&["login", "--token", "nonsense"]).failed().contains("token"));
    user.run(&["view", &name, "items", "--anonymous"]).ok();
}

#[test]
fn a_new_project_publishes_at_once() {
    let user = User::new();
    let made = user.cli.run(&["init", "--lang", "rust", "My App"]).ok();
    assert!(made.contains("orrery publish my-app"), "{made}");
    assert!(user.cli.run(&["init", "--lang", "rust", "My App"]).failed().contains("there already"));
    // The versions of dependencies that the other modules have, so that what is built for them is used.
    let project = user.cli.home().join("My App");
    fs::copy(modules::tests_dir().join("modules/Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let name = Database::new_name();
    let published = modules::with_wasm_compiler(&user.cli.command(&[
        "publish",
        &name,
        "--project-path",
        "My App",
        "--server",
        &Server::shared().url(),
    ]))
    .output()
    .unwrap();
    let progress = String::from_utf8(published.stderr).unwrap();
    assert!(published.status.success(), "{progress}");
    assert!(progress.contains("Building") && progress.contains("Publishing"), "{progress}");
    user.run(&["call", &name, "add", "Ada"]).ok();
    assert!(user.run(&["call", &name, "add", ""]).failed().contains("a person needs a name"));
    assert!(user.run(&["view", &name, "people"]).ok().contains("Ada"));

    // With a feature, which may be said in two ways.
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    fs::write(project.join("Cargo.toml"), manifest + "\n[features]\nloud = []\n").unwrap();
    let code = fs::read_to_string(project.join("src/lib.rs")).unwrap();
    let loud = "\n#[cfg(feature = \"loud\")]\n#[spacetimedb::reducer]\npub fn shout(_: &ReducerContext) {}\n";
    fs::write(project.join("src/lib.rs"), code + loud).unwrap();
    let publish_with = |option: &str| {
        let server = Server::shared().url();
        let command = ["publish", &name, "--project-path", "My App", "--server", &server, option];
        let published = modules::with_wasm_compiler(&user.cli.command(&command)).output().unwrap();
        assert!(published.status.success(), "{}", String::from_utf8_lossy(&published.stderr));
        user.run(&["call", &name, "shout"]).success
    };
    assert!(publish_with("--features=loud"));
    assert!(!publish_with("--yes"), "without the feature");
    assert!(publish_with("--build-options=--features loud"));

    fs::write(project.join("src/lib.rs"), "this is not Rust").unwrap();
    let broken =
        modules::with_wasm_compiler(&user.cli.command(&["publish", &name, "--project-path", "My App"]))
            .output()
            .unwrap();
    assert!(!broken.status.success());
    let message = String::from_utf8(broken.stderr).unwrap();
    assert!(message.contains("does not build"), "{message}");
}

#[test]
fn mistakes_are_explained() {
    let user = User::new();
    let nothing_here = user.run(&["publish", "my-app"]).failed();
    assert!(nothing_here.contains("Cargo.toml") && nothing_here.contains("orrery init"), "{nothing_here}");
    let no_file = user.run(&["publish", "my-app", "--bin-path", "missing.wasm"]).failed();
    assert!(no_file.contains("missing.wasm"), "{no_file}");
    fs::write(user.cli.home().join("broken.wasm"), b"\0asm").unwrap();
    let broken = user.run(&["publish", &Database::new_name(), "--bin-path", "broken.wasm"]).failed();
    assert!(broken.contains("nothing was published"), "{broken}");
    let bad_name = user.run(&["publish", "Not A Name", "--bin-path", &Cli::module("publish-v1")]).failed();
    assert!(bad_name.contains("Not A Name"), "{bad_name}");
    // Port 9 (discard) has no server on any machine in sight.
    let no_server = user.cli.run(&["view", "any", "any", "--server", "http://127.0.0.1:9"]).failed();
    assert!(no_server.contains("127.0.0.1:9") && no_server.contains("orrery start"), "{no_server}");
    let theirs = Database::publish(Server::shared(), "publish-v1");
    user.run(&["login"]).ok();
    let not_mine = user.run(&["publish", &theirs.name, "--bin-path", &Cli::module("publish-v2")]).failed();
    assert!(not_mine.contains("not the owner"), "{not_mine}");
}

#[test]
fn who_may_create_databases_can_be_restricted() {
    let program = modules::bytes("publish-v1");
    let nobody = Server::start_with(&["--allow-create", "none"]);
    let client = nobody.new_client();
    client.publish("mine", &program).expect(403);
    client.post("/v1/database", program.clone()).expect(403);
    nobody.anonymous().publish("mine", &program).expect(403);
    client.get("/v1/database/mine").expect(404);

    // An identity is its token's, on whatever data directory: start again with the one that may.
    let friend = client.identity.clone().unwrap();
    let data = nobody.data_dir();
    let keys = data.to_str().unwrap();
    let restricted = Server::start_with(&["--allow-create", &friend, "--jwt-key-dir", keys]);
    let stranger = restricted.new_client();
    let allowed = restricted.client_with_token(client.token.as_deref().unwrap());
    allowed.publish("mine", &program).expect(200);
    let refused = stranger.publish("theirs", &program).expect(403);
    assert!(refused.text().contains("may not create"), "{}", refused.text());
    stranger.post("/v1/database/mine/names", "another-name").expect(403);
    stranger.call("mine", "add_item", r#"["a stranger's", 1]"#).expect(200);
    allowed.publish("mine", &modules::bytes("publish-v2")).expect(200);
    let message = Cli::new().run(&["start", "--allow-create", "everybody"]).failed();
    assert!(message.contains("everybody"), "{message}");
}
