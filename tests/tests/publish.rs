//! Publishing over a database that has data: unchanged, grown, incompatible, cleared.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use orrery_tests::{Database, Server, in_every_language, modules::Language};
use serde_json::{Value, json};

in_every_language!(
    the_same_program_again_changes_nothing,
    a_grown_program_keeps_the_data,
    an_incompatible_program_is_refused_with_reasons,
    a_table_that_has_gone_is_not_dropped_in_silence,
    clearing_drops_the_data_and_runs_init,
    an_init_that_fails_leaves_nothing,
    calls_go_on_while_a_program_is_replaced,
);

fn names(database: &Database) -> Vec<String> {
    database.rows("items").iter().map(|row| row["name"].as_str().unwrap().to_string()).collect()
}

fn the_same_program_again_changes_nothing(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v1");
    database.call("add_item", r#"["mine", 5]"#).expect(200);
    let schema = database.owner.get(&database.url("/schema?version=9")).expect(200).json();
    let answer =
        database.owner.publish_program(&database.name, &language.program("publish-v1")).expect(200).json();
    assert_eq!(answer["Success"]["op"], "updated");
    assert_eq!(names(&database), ["from init", "mine"]);
    assert_eq!(database.owner.get(&database.url("/schema?version=9")).json(), schema);
}

fn a_grown_program_keeps_the_data(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v1");
    database.call("add_item", r#"["many", 50]"#).expect(200);
    database.call("add_item", r#"["few", 5]"#).expect(200);
    database.owner.publish_program(&database.name, &language.program("publish-v2")).expect(200);
    assert_eq!(names(&database), ["few", "from init", "many"], "init must not run again");
    assert_eq!(database.rows("many_items"), [json!({ "id": 2, "name": "many", "amount": 50 })]);
    assert_eq!(database.rows("shelf_one"), [] as [Value; 0]);
    database.call("add_shelf", r#"[1, "top"]"#).expect(200);
    database.call("add_shelf", r#"[2, "top"]"#).expect(530);
    assert_eq!(database.rows("shelf_one"), [json!({ "id": 1, "label": "top" })]);
    database.call("add_item", r#"["next", 11]"#).expect(200);
    let ids: Vec<u64> = database.rows("many_items").iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [4, 2], "in the order of the new index, and the sequence goes on");
}

fn an_incompatible_program_is_refused_with_reasons(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v1");
    database.call("add_item", r#"["mine", 5]"#).expect(200);
    let answer = database.owner.publish_program(&database.name, &language.program("publish-v3")).expect(400);
    let reasons = answer.text();
    for named in ["item", "name", "amount"] {
        assert!(reasons.contains(named), "the reasons do not name `{named}`: {reasons}");
    }
    assert_eq!(names(&database), ["from init", "mine"]);
    database.call("add_item", r#"["still", 6]"#).expect(200);
    assert_eq!(database.rows("items").len(), 3);
}

fn a_table_that_has_gone_is_not_dropped_in_silence(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v2");
    database.call("add_shelf", r#"[1, "top"]"#).expect(200);
    let answer = database.owner.publish_program(&database.name, &language.program("publish-v1")).expect(400);
    assert!(answer.text().contains("table `shelf` is gone, and has 1 row"), "{}", answer.text());
    assert_eq!(database.rows("shelf_one"), [json!({ "id": 1, "label": "top" })]);
}

fn clearing_drops_the_data_and_runs_init(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v2");
    database.call("add_item", r#"["mine", 5]"#).expect(200);
    let identity = database.owner.get(&database.url("/identity")).text().to_string();
    let clear =
        |module: &str| database.owner.publish_cleared(&database.name, &language.program(module)).expect(200);
    clear("publish-v3");
    assert_eq!(database.rows("items"), [] as [Value; 0]);
    clear("publish-v1");
    assert_eq!(database.rows("items"), [json!({ "id": 1, "name": "from init", "amount": 1 })]);
    assert_eq!(database.owner.get(&database.url("/identity")).text(), identity);
    // Nothing to clear.
    let new = Database::new_name();
    database.owner.publish_cleared(&new, &language.program("publish-v1")).expect(200);
}

fn an_init_that_fails_leaves_nothing(language: Language) {
    let owner = Server::shared().new_client();
    let name = Database::new_name();
    let answer = owner.publish_program(&name, &language.program("publish-init-fails")).expect(400);
    assert!(answer.text().contains("init says no"), "{}", answer.text());
    owner.get(&format!("/v1/database/{name}")).expect(404);
    owner.publish_program(&name, &language.program("publish-v1")).expect(200);
    assert_eq!(owner.rows(&name, "items").len(), 1);

    owner.call(&name, "add_item", r#"["mine", 5]"#).expect(200);
    owner.publish_cleared(&name, &language.program("publish-init-fails")).expect(400);
    assert_eq!(owner.rows(&name, "items").len(), 2, "a failed publish must not clear");
}

fn calls_go_on_while_a_program_is_replaced(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "publish-v1");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while !over.load(Ordering::SeqCst) {
                        database.call("add_item", r#"["x", 1]"#).expect(200);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        database.owner.publish_program(&database.name, &language.program("publish-v2")).expect(200);
        over.store(true, Ordering::SeqCst);
        let calls: usize =
            callers.into_iter().map(|caller| caller.join().expect("every call is answered")).sum();
        assert_eq!(database.rows("items").len(), calls + 1);
    });
}
