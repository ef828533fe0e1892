//! Upgrades that change tables: seen before they are made, made whole or not at all, and taken back.

use std::{
    thread,
    time::{Duration, Instant},
};

use orrery_tests::{
    Database, Server,
    http::{Connection, Request, Response},
    in_every_language,
    modules::{self, Language, Program},
    random::Random,
};
use serde_json::{Value, json};

in_every_language!(
    columns_with_defaults_are_added_to_every_row,
    whether_names_can_be_unique_depends_on_the_rows,
    a_table_without_rows_may_change_in_any_way,
    a_schedule_comes_to_rows_that_are_there,
    an_earlier_program_is_taken_back,
);

/// What publishing a program would do.
#[track_caller]
fn plan(database: &Database, program: &Program) -> Value {
    let Program { host_type, bytes } = program;
    let path = database.url(&format!("/pre_publish?pretty_print_style=NoColor&host_type={host_type}"));
    database.owner.post(&path, bytes.clone()).expect(200).json()
}

/// Publishes a program as somebody who has seen the plan.
fn publish_as_planned(database: &Database, program: &Program) -> Response {
    let plan = plan(database, program);
    let token = plan["AutoMigrate"]["token"].as_str().unwrap_or_else(|| panic!("no plan: {plan}"));
    let Program { host_type, bytes } = program;
    let path = database.url(&format!("?policy=BreakClients&token={token}&host_type={host_type}"));
    database.owner.put(&path, bytes.clone())
}

fn program_hashes(database: &Database) -> Vec<String> {
    let programs = database.owner.get(&database.url("/programs")).expect(200).json();
    let programs = programs.as_array().expect("a list");
    assert_eq!(programs.iter().map(|program| &program["running"]).filter(|it| **it == true).count(), 1);
    programs.iter().map(|program| program["hash"].as_str().expect("a hash").to_owned()).collect()
}

fn ids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["id"].as_u64().expect("an id")).collect()
}

fn columns_with_defaults_are_added_to_every_row(language: Language) {
    let mut server = Server::start();
    let database = Database::publish_in(language, &server, "publish-v1");
    database.call("add_item", r#"["mine", 5]"#).expect(200);
    let plan = plan(&database, &language.program("publish-v4"));
    let text = plan["AutoMigrate"]["migrate_plan"].as_str().expect("a text");
    for part in
        ["Database Migration Plan", "rank: U32 = 7", r#"note: String = "none""#, "(now private)", "!!!"]
    {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    assert_eq!(plan["AutoMigrate"]["break_clients"], true);
    assert_eq!(plan["AutoMigrate"]["major_version_upgrade"], false);

    let program = language.program("publish-v4");
    let refused = database.owner.publish_program(&database.name, &program).expect(400);
    assert!(refused.text().contains("break clients"), "{}", refused.text());
    let Program { host_type, bytes } = program;
    let wrong = format!("?policy=BreakClients&host_type={host_type}&token=0x{}", "12".repeat(32));
    database.owner.put(&database.url(&wrong), bytes.clone()).expect(400);
    let without = format!("?policy=BreakClients&host_type={host_type}");
    database.owner.put(&database.url(&without), bytes).expect(400);
    assert_eq!(database.rows("items")[1], json!({ "id": 2, "name": "mine", "amount": 5 }));

    publish_as_planned(&database, &language.program("publish-v4")).expect(200);
    let wide = |id: u64, name: &str, amount: u32| json!({ "id": id, "name": name, "amount": amount, "rank": 7, "note": "none", "kind": "plain" });
    for is_restarted in [false, true] {
        if is_restarted {
            server.kill();
            server.run();
        }
        assert_eq!(database.rows("items"), [wide(1, "from init", 1), wide(2, "mine", 5)]);
        assert_eq!(database.rows("seventh").len(), 2, "the new index has the old rows");
    }
    database.call("add_item", r#"["next", 1]"#).expect(200);
    assert_eq!(database.rows("items").len(), 3);
    assert_eq!(database.rows("seventh").len(), 2);
    let log: Vec<Value> = database.owner.logs(&database.name);
    assert!(log.iter().any(|line| line["message"] == "Disconnecting all users"));
}

fn whether_names_can_be_unique_depends_on_the_rows(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v1");
    for name in ["twice", "twice", "once"] {
        database.call("add_item", &format!(r#"["{name}", 5]"#)).expect(200);
    }
    let reason = plan(&database, &language.program("publish-v5"))["ManualMigrate"]["reason"].clone();
    let reason = reason.as_str().expect("a reason");
    for part in ["table `item`", "`name`", r#"2 rows have {"name":"twice"}"#, "delete these rows"] {
        assert!(reason.contains(part), "`{part}` is missing in: {reason}");
    }
    let refused = database.owner.publish_program(&database.name, &language.program("publish-v5")).expect(400);
    assert!(refused.text().contains(reason), "{}", refused.text());
    assert_eq!(database.rows("items").len(), 4);
    database.call("remove_items", r#"["twice"]"#).expect(200);
    assert_eq!(plan(&database, &language.program("publish-v5"))["AutoMigrate"]["break_clients"], false);
    database.owner.publish_program(&database.name, &language.program("publish-v5")).expect(200);
    database.call("add_item", r#"["once", 6]"#).expect(530);
    database.call("add_item", r#"["other", 6]"#).expect(200);
    assert_eq!(ids(&database.rows("items")), [1, 4, 6], "a value is used up by the call that failed");
}

fn a_table_without_rows_may_change_in_any_way(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v1");
    let reason = plan(&database, &language.program("publish-v3"))["ManualMigrate"]["reason"].clone();
    assert!(reason.as_str().expect("a reason").contains("column `name` is gone"), "{reason}");
    database.call("remove_items", r#"["from init"]"#).expect(200);
    let plan = plan(&database, &language.program("publish-v3"));
    let text = plan["AutoMigrate"]["migrate_plan"].as_str().expect("a text");
    assert!(text.contains("made anew"), "{text}");
    publish_as_planned(&database, &language.program("publish-v3")).expect(200);
    database.call("add_item", r#"["words now"]"#).expect(200);
    assert_eq!(database.rows("items"), [json!({ "id": 2, "amount": "words now" })], "it goes on counting");
}

#[test]
fn a_plan_is_for_the_owner() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let stranger = Server::shared().new_client();
    let program = || modules::bytes("publish-v2");
    stranger.post(&database.url("/pre_publish"), program()).expect(403);
    stranger.get(&database.url("/programs")).expect(403);
    stranger.post(&database.url("/pre_rollback"), Vec::new()).expect(403);
    stranger.post(&database.url("/rollback"), Vec::new()).expect(403);
    database.owner.post("/v1/database/never-published/pre_publish", program()).expect(404);
    database.owner.post(&database.url("/pre_publish"), b"no module".to_vec()).expect(400);
    database.owner.post(&database.url("/pre_publish?style=Plaid"), program()).expect(400);
    let same = plan(&database, &Language::Rust.program("publish-v1"));
    assert_eq!(same["AutoMigrate"]["break_clients"], false);
    assert_eq!(program_hashes(&database).len(), 1);
}

#[test]
fn what_says_where_a_database_belongs_must_make_sense() {
    let database = Database::publish(Server::shared(), "publish-v1");
    let put = |query: &str| database.owner.put(&database.url(query), modules::bytes("publish-v1"));
    put("?num_replicas=1&update_confirmation_timeout=10s&unknown=1").expect(200);
    put("?num_replicas=256").expect(400);
    put("?update_confirmation_timeout=6min").expect(400);
    put("?update_confirmation_timeout=soon").expect(400);
    put("?parent=never-published").expect(404);
    put("?org=never-published").expect(404);
    put(&format!("?parent={}", database.name)).expect(200);
    put(&format!("?parent={}&clear=true", database.name)).expect(400);
}

fn a_schedule_comes_to_rows_that_are_there(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v6");
    database.call("remind", r#"[1, "long past"]"#).expect(200);
    database.call("remind", r#"[9000000000000000, "some day"]"#).expect(200);
    let rings = |database: &Database| -> Vec<String> {
        let messages = database.log_messages();
        messages.into_iter().filter(|message| message.starts_with("ring: ")).collect()
    };
    assert_eq!(rings(&database), [] as [&str; 0]);
    let planned = plan(&database, &language.program("publish-v7"));
    let text = planned["AutoMigrate"]["migrate_plan"].as_str().expect("a text");
    assert!(
        text.contains("Created schedule: reminder_sched") && text.contains("calls reducer ring"),
        "{text}"
    );
    database.owner.publish_program(&database.name, &language.program("publish-v7")).expect(200);
    wait_for("the reminder rings", || rings(&database) == ["ring: long past"]);
    wait_for("its row goes", || ids(&database.rows("reminders")) == [2]);

    database.owner.publish_program(&database.name, &language.program("publish-v6")).expect(200);
    database.call("remind", r#"[1, "not yet"]"#).expect(200);
    assert_eq!(ids(&database.rows("reminders")), [2, 3], "nothing rings");
    database.owner.publish_program(&database.name, &language.program("publish-v7")).expect(200);
    wait_for("the other rings too", || rings(&database).len() == 2);
}

/// Waits until something is so.
#[track_caller]
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(20));
    }
}

fn an_earlier_program_is_taken_back(language: Language) {
    let mut server = Server::start();
    let database = Database::publish_in(language, &server, "publish-v1");
    database.call("add_item", r#"["mine", 5]"#).expect(200);
    let rollback = |query: &str| database.owner.post(&database.url(&format!("/rollback{query}")), Vec::new());
    let nothing = rollback("").expect(404);
    assert!(nothing.text().contains("no earlier program"), "{}", nothing.text());

    database.owner.publish_program(&database.name, &language.program("publish-v2")).expect(200);
    let hashes = program_hashes(&database);
    assert_eq!(hashes.len(), 2);
    // Tables and views go, so clients must.
    let plan = |query: &str| {
        let path = database.url(&format!("/pre_rollback?style=NoColor{query}"));
        database.owner.post(&path, Vec::new()).expect(200).json()
    };
    let planned = plan("");
    let text = planned["AutoMigrate"]["migrate_plan"].as_str().expect("a text");
    assert!(text.contains("Removed table: shelf"), "{text}");
    rollback("").expect(400);
    let token = planned["AutoMigrate"]["token"].as_str().expect("a token");
    let back = rollback(&format!("?policy=BreakClients&token={token}")).expect(200).json();
    assert_eq!(back["Success"]["op"], "updated");
    database.view("many_items").expect(404);
    assert_eq!(database.rows("items").len(), 2, "the data is kept, and init does not run");
    assert_eq!(program_hashes(&database), [hashes[1].clone(), hashes[0].clone()]);

    // What runs now is what was published first, over a restart too; and forward is as good as back.
    server.kill();
    server.run();
    rollback(&format!("?to={}", hashes[0])).expect(200);
    assert_eq!(program_hashes(&database), hashes);
    assert_eq!(database.rows("many_items"), [] as [Value; 0]);

    // What was written since may be in the way.
    database.call("add_shelf", r#"[1, "top"]"#).expect(200);
    let reason = plan("")["ManualMigrate"]["reason"].clone();
    assert!(reason.as_str().expect("a reason").contains("table `shelf` is gone, and has 1 row"), "{reason}");
    let refused = rollback(&format!("?policy=BreakClients&token={token}")).expect(400);
    assert!(!refused.text().is_empty());
    assert_eq!(database.rows("shelf_one").len(), 1);
    rollback("?to=12").expect(400);
    rollback(&format!("?to={}", "12".repeat(32))).expect(404);
    // A new beginning forgets the data and not the programs.
    database.owner.publish_cleared(&database.name, &language.program("publish-v3")).expect(200);
    assert_eq!(program_hashes(&database)[1..], hashes);
}

#[test]
fn an_upgrade_that_is_killed_is_made_or_not() {
    const ITEMS: usize = 20_000;
    let mut server = Server::start();
    let mut random = Random::new(17);
    let mut outcomes = [0, 0];
    for round in 0..8 {
        let database = Database::publish(&server, "publish-v1");
        database.call("fill", &format!("[{}]", ITEMS - 1)).expect(200);
        let planned = plan(&database, &Language::Rust.program("publish-v4"));
        let token = planned["AutoMigrate"]["token"].as_str().expect("a token").to_owned();
        // At first right away, later long after it began.
        let delay = Duration::from_millis(round * 60 + random.below(60));
        thread::scope(|scope| {
            scope.spawn(|| {
                let path = database.url(&format!("?policy=BreakClients&token={token}"));
                let publish = Request::new("PUT", &path).body(modules::bytes("publish-v4"));
                // Whatever becomes of it.
                let _ = Connection::open(database.owner.address())
                    .and_then(|mut server| server.send(&database.owner.authorize(publish)));
            });
            thread::sleep(delay);
            server.kill();
        });
        server.run();
        let rows = database.rows("items");
        assert_eq!(rows.len(), ITEMS);
        let is_new = rows[0].get("rank").is_some();
        for row in &rows {
            assert_eq!(row.get("rank"), is_new.then(|| json!(7)).as_ref(), "all rows or none");
            assert_eq!(row.get("note").is_some(), is_new);
        }
        // The program that runs is the one that the rows are made for.
        database.call("add_item", r#"["after", 1]"#).expect(200);
        assert_eq!(database.view("seventh").status == 200, is_new);
        assert_eq!(program_hashes(&database).len(), if is_new { 2 } else { 1 });
        outcomes[usize::from(is_new)] += 1;
        if !is_new {
            publish_as_planned(&database, &Language::Rust.program("publish-v4")).expect(200);
            assert_eq!(database.rows("seventh").len(), ITEMS + 1);
        }
        database.owner.delete(&database.url("")).expect(200);
    }
    assert!(outcomes[0] > 0, "no upgrade was killed in time: {outcomes:?}");
}
