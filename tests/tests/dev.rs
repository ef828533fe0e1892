//! `orrery dev`, at a terminal: what is changed in an editor arrives, and what is wrong is said.

use std::{fs, net::SocketAddr, path::Path};

use orrery_tests::{Cli, Database, Server, free_address, modules, project::Project, terminal::Terminal};
use serde_json::{Value, json};

/// A module with that in the columns of its table, and that in the beginning of its reducer.
fn module(columns: &str, first: &str) -> String {
    format!(
        "import {{ schema, t, table }} from 'orrery/server';
import {{ greeting }} from '../lib/greeting';
const db = schema({{ person: table({{ public: true }}, {{ {columns} }}) }});
export default db;
export const add = db.reducer({{ name: t.string() }}, (ctx, {{ name }}) => {{
  {first}
  console.log(greeting + ' ' + name);
}});
"
    )
}

const NAME: &str = "name: t.string()";
const INSERT: &str = "ctx.db.person.insert({ name });";

/// A project of one file, and one that it imports from elsewhere.
fn chat() -> Project {
    Project::new(&[
        ("app/chat.ts", &module(NAME, INSERT)),
        ("lib/greeting.ts", "export const greeting = 'hello';\n"),
        ("app/notes.txt", "not a source"),
    ])
}

/// `orrery dev` with a server of its own.
fn dev(cli: &Cli, address: SocketAddr, arguments: &[&str]) -> Terminal {
    let address = address.to_string();
    let mut command = cli.command(&[&["dev", "--listen-addr", &address], arguments].concat());
    command.env_remove("XDG_DATA_HOME");
    let mut terminal = Terminal::run(command);
    terminal.wait_for(&format!("Listening on http://{address}"));
    terminal
}

#[track_caller]
fn rows(cli: &Cli, address: SocketAddr, query: &str) -> Value {
    let server = address.to_string();
    let printed = cli.run(&["sql", "chat", query, "--json", "--server", &server]).ok();
    serde_json::from_str(&printed).expect("JSON")
}

#[track_caller]
fn add(cli: &Cli, address: SocketAddr, name: &str) {
    cli.run(&["call", "chat", "add", name, "--server", &address.to_string()]).ok();
}

#[test]
fn a_file_is_published_again_with_every_change() {
    let project = chat();
    let (cli, address) = (&project.cli, free_address());
    let mut terminal = dev(cli, address, &["app/chat.ts"]);
    // Colours come between the words.
    terminal.wait_for("Created");
    terminal.wait_for("Watching");
    add(cli, address, "Ada");
    terminal.wait_for("hello Ada");

    // A file that is imported from elsewhere is a part of it.
    project.write("lib/greeting.ts", "export const greeting = 'good day';\n");
    terminal.wait_for("Updated");
    terminal.wait_for("Watching");
    add(cli, address, "Grace");
    terminal.wait_for("good day Grace");

    // What is wrong is shown, and the program before goes on.
    project.write("app/chat.ts", "this is not TypeScript");
    terminal.wait_for("error");
    terminal.wait_for("Watching");
    add(cli, address, "Barbara");
    terminal.wait_for("good day Barbara");
    // Back to what it was: there is nothing to do.
    project.write("app/chat.ts", &module(NAME, INSERT));
    terminal.wait_for("Unchanged");
    terminal.wait_for("Watching");

    // What connected clients cannot follow is asked about.
    let with_age =
        module("name: t.string(), age: t.u32().default(7)", "ctx.db.person.insert({ name, age: 1 });");
    project.write("app/chat.ts", &with_age);
    terminal.wait_for("Go on? [y/N] ");
    terminal.write("n\r");
    terminal.wait_for("nothing was changed");
    terminal.wait_for("Watching");
    assert_eq!(rows(cli, address, "SELECT name FROM person").as_array().map(Vec::len), Some(3));
    project.write("app/chat.ts", &with_age.replace("console.log(", "console.log('new', "));
    terminal.wait_for("Go on? [y/N] ");
    terminal.write("y\r");
    terminal.wait_for("Updated");
    terminal.wait_for("Watching");
    assert_eq!(rows(cli, address, "SELECT age FROM person WHERE name = 'Ada'"), json!([{ "age": 7 }]));

    // What the data cannot follow is refused.
    project.write("app/chat.ts", &module("name: t.u64()", "ctx.db.person.insert({ name: 1n });"));
    terminal.wait_for("nothing was published");
    terminal.wait_for("--delete-data");
    terminal.wait_for("Watching");
    add(cli, address, "Edith");
    terminal.wait_for("good day Edith");

    terminal.interrupt();
    terminal.wait_for("Stopped");
    assert!(terminal.end(), "Ctrl-C is no failure");

    // The data is in the project, and not for version control. This time, it may go.
    assert_eq!(fs::read_to_string(project.path("app/.orrery/.gitignore")).unwrap(), "*\n");
    let mut terminal =
        dev(cli, address, &["app/chat.ts", "--delete-data=on-conflict", "--yes", "--break-clients"]);
    terminal.wait_for("The data cannot follow");
    terminal.wait_for("Started anew");
    terminal.wait_for("Watching");
    assert_eq!(rows(cli, address, "SELECT name FROM person"), json!([]));
    terminal.interrupt();
    assert!(terminal.end());
}

#[test]
fn changes_come_while_it_is_building_and_the_first_may_be_wrong() {
    let project = chat();
    project.write("app/chat.ts", "export default");
    let (cli, address) = (&project.cli, free_address());
    let mut terminal = dev(cli, address, &["app/chat.ts", "--database", "other-name"]);
    terminal.wait_for("error");
    terminal.wait_for("Watching");
    for number in 0..20 {
        project.write("app/chat.ts", &module(NAME, &format!("console.log('version {number}'); {INSERT}")));
    }
    // Wherever the building was, the last one arrives.
    let server = address.to_string();
    orrery_tests::wait_until("the last version is published", || {
        cli.run(&["call", "other-name", "add", "Ada", "--server", &server]);
        cli.run(&["logs", "other-name", "--server", &server]).out.contains("version 19")
    });
    terminal.interrupt();
    assert!(terminal.end());
}

/// In Rust, and with a server that is there already.
#[test]
fn a_rust_project_is_built_again() {
    let cli = Cli::new();
    cli.run(&["init", "--lang", "rust", "My App"]).ok();
    let project = cli.home().join("My App");
    // The versions of dependencies that the other modules have, so that what is built for them is used.
    fs::copy(modules::tests_dir().join("modules/Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let server = Server::start();
    let dev = cli.command(&["dev", "My App", "--server", &server.url()]);
    let mut terminal = Terminal::run(modules::with_wasm_compiler(&dev));
    terminal.wait_for("Using");
    terminal.wait_for("Created");
    terminal.wait_for("Watching");
    let source = project.join("src/lib.rs");
    let original = fs::read_to_string(&source).unwrap();
    let reducer = "\n#[spacetimedb::reducer]\npub fn hello(_ctx: &ReducerContext) { spacetimedb::log::info!(\"hello from it\"); }\n";
    fs::write(&source, "this is not Rust").unwrap();
    terminal.wait_for("does not build");
    terminal.wait_for("Watching");
    fs::write(&source, original + reducer).unwrap();
    terminal.wait_for("Updated");
    terminal.wait_for("Watching");
    cli.run(&["call", "my-app", "hello", "--server", &server.url()]).ok();
    terminal.wait_for("hello from it");
    terminal.interrupt();
    assert!(terminal.end());
    assert!(!Path::new(&project.join(".orrery")).exists(), "there was a server");
    server.anonymous().get("/v1/ping").expect(200);
}

#[test]
fn where_nobody_can_be_asked_it_is_refused() {
    let project = chat();
    let server = Server::shared();
    let name = Database::new_name();
    let dev = |path: &str| {
        let arguments = ["dev", path, "--database", &name, "--server", &server.url()];
        project.cli.command(&arguments)
    };
    let mut running = dev("app/chat.ts")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("orrery can be run");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(running.stderr.take().expect("a pipe")));
    let mut wait_for = |text: &str| {
        lines.find(|line| line.as_ref().expect("text").contains(text)).expect("it is said").expect("text")
    };
    wait_for("Watching");
    project.write("app/chat.ts", &module("name: t.string(), age: t.u32().default(7)", ""));
    wait_for("--break-clients");
    wait_for("Watching");
    running.kill().expect("it still runs");
    running.wait().expect("it ends");

    let printed = project.cli.run(&["dev", "app/nothing.ts"]).failed();
    assert!(printed.contains("app/nothing.ts"), "{printed}");
    let printed = project.cli.run(&["dev", "app/chat.ts", "--server", "http://127.0.0.1:9"]).failed();
    assert!(printed.contains("127.0.0.1:9") && printed.contains("hint"), "{printed}");
}
