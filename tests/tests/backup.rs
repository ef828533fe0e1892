//! Copies of databases: taken while they run, restored as new ones, refused when they are none.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use orrery_tests::{Cli, Database, Server, modules};
use serde_json::json;

fn restore(database: &Database, name: &str, backup: Vec<u8>) -> orrery_tests::http::Response {
    database.owner.post(&format!("/v1/database/{name}/restore"), backup)
}

#[test]
fn a_copy_is_a_database_of_its_own() {
    let mut server = Server::start();
    let original = Database::publish(&server, "publish-v1");
    for number in 0..20 {
        original.call("add_item", &format!(r#"["item {number}", {number}]"#)).expect(200);
    }
    original.owner.publish(&original.name, &modules::bytes("publish-v2")).expect(200);
    let backup = original.owner.get(&original.url("/backup")).expect(200).body;
    original.call("add_item", r#"["later", 1]"#).expect(200);

    let copy = Database { name: Database::new_name(), owner: original.owner.clone() };
    restore(&original, &copy.name, backup.clone()).expect(200);
    assert_eq!(copy.rows("items").len(), 21);
    assert_eq!(original.rows("items").len(), 22);
    assert_eq!(copy.rows("many_items")[0], json!({ "id": 12, "name": "item 10", "amount": 10 }));
    let identity = |database: &Database| database.owner.get(&database.url("/identity")).text().to_owned();
    assert_ne!(identity(&copy), identity(&original));
    // The copy counts on from where nothing can have been used, and knows the earlier program.
    for is_restarted in [false, true] {
        if is_restarted {
            server.kill();
            server.run();
        }
        copy.call("add_item", r#"["new in the copy", 100]"#).expect(200);
    }
    assert_eq!(copy.rows("items").len(), 23);
    let programs = copy.owner.get(&copy.url("/programs")).expect(200).json();
    assert_eq!(programs.as_array().expect("a list").len(), 2);

    let taken = restore(&original, &copy.name, backup.clone()).expect(409);
    assert!(taken.text().contains("already"), "{}", taken.text());
    let stranger = server.new_client();
    stranger.get(&original.url("/backup")).expect(403);
    stranger.post(&copy.url("/restore"), backup.clone()).expect(409);
    copy.owner.delete(&copy.url("")).expect(200);
    stranger.post(&copy.url("/restore"), backup.clone()).expect(403);
    restore(&original, &copy.name, backup).expect(200);
    assert_eq!(copy.rows("items").len(), 21);
}

#[test]
fn what_is_no_backup_leaves_nothing() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let backup = database.owner.get(&database.url("/backup")).expect(200).body;
    let name = Database::new_name();
    let mut damaged = backup.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for bad in [Vec::new(), b"no backup".to_vec(), backup[..backup.len() - 1].to_vec(), damaged] {
        let refused = restore(&database, &name, bad).expect(400);
        assert!(refused.text().contains("cannot be restored"), "{}", refused.text());
        database.owner.get(&format!("/v1/database/{name}")).expect(404);
    }
    restore(&database, &name, backup).expect(200);
    assert_eq!(database.owner.rows(&name, "items").len(), 1);
    database.owner.get("/v1/database/never-published/backup").expect(404);
}

#[test]
fn a_copy_is_of_one_moment_while_calls_go_on() {
    let database = Database::publish(Server::shared(), "publish-v1");
    database.call("fill", "[20000]").expect(200);
    let over = AtomicBool::new(false);
    let backups = thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut calls = 0_u64;
            while !over.load(Ordering::SeqCst) {
                // Two rows in one transaction, or none.
                database.call("fill", "[2]").expect(200);
                calls += 1;
            }
            calls
        });
        let backups: Vec<_> =
            (0..3).map(|_| database.owner.get(&database.url("/backup")).expect(200).body).collect();
        over.store(true, Ordering::SeqCst);
        assert!(caller.join().expect("every call is answered") > 0);
        backups
    });
    for backup in backups {
        let name = Database::new_name();
        restore(&database, &name, backup).expect(200);
        let rows = database.owner.rows(&name, "items").len();
        assert!(rows >= 20_001 && rows % 2 == 1, "{rows} rows");
        database.owner.delete(&format!("/v1/database/{name}")).expect(200);
    }
}

#[test]
fn copies_in_files() {
    let (cli, server) = (Cli::new(), Server::shared().url());
    let run = |arguments: &[&str]| cli.run(&[arguments, &["--server", &server]].concat());
    let (name, copy) = (Database::new_name(), Database::new_name());
    run(&["publish", &name, "--bin-path", &Cli::module("publish-v1")]).ok();
    run(&["call", &name, "add_item", "a pen", "3"]).ok();
    let wrote = run(&["backup", &name, "app.backup"]).ok();
    assert!(wrote.contains("app.backup"), "{wrote}");
    assert!(run(&["backup", &name, "app.backup"]).failed().contains("--force"));
    run(&["backup", &name, "app.backup", "--force"]).ok();
    let made = run(&["restore", "app.backup", &copy]).ok();
    assert!(made.contains("Created") && made.contains(&copy), "{made}");
    assert!(run(&["view", &copy, "items"]).ok().contains("a pen"));
    assert!(run(&["restore", "app.backup", &copy]).failed().contains("already"));
    run(&["restore", "missing.backup", "x"]).failed();
    fs::write(cli.home().join("short.backup"), &fs::read(cli.home().join("app.backup")).unwrap()[..999])
        .unwrap();
    assert!(run(&["restore", "short.backup", &Database::new_name()]).failed().contains("breaks off"));
    run(&["backup", "never-published", "no.backup"]).failed();
    assert!(!cli.home().join("no.backup").exists() && !cli.home().join("no.backup.part").exists());
}
