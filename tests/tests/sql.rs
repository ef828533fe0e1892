//! SQL over HTTP: what can be asked and changed, by whom, and what the answers look like.

use orrery_tests::{
    Database, Server,
    http::{Client, Connection, Request, Response},
};
use serde_json::{Value, json};

#[track_caller]
fn sql(client: &Client, database: &Database, text: &str) -> Response {
    client.post(&database.url("/sql"), text)
}

/// The rows of a statement that must succeed.
#[track_caller]
fn rows_for(client: &Client, database: &Database, text: &str) -> Value {
    sql(client, database, text).expect(200).json()[0]["rows"].clone()
}

/// The same for the owner.
#[track_caller]
fn rows(database: &Database, text: &str) -> Value {
    rows_for(&database.owner, database, text)
}

/// Inserted, deleted and updated rows of a statement of the owner's that must succeed.
#[track_caller]
fn changed(database: &Database, text: &str) -> [u64; 3] {
    let answer = sql(&database.owner, database, text).expect(200).json();
    assert_eq!(answer[0]["schema"], json!({ "elements": [] }));
    assert_eq!(answer[0]["rows"], json!([]));
    ["rows_inserted", "rows_deleted", "rows_updated"].map(|name| answer[0]["stats"][name].as_u64().unwrap())
}

/// What is wrong with a statement of the owner's.
#[track_caller]
fn refused(database: &Database, text: &str) -> String {
    sql(&database.owner, database, text).expect(400).text().to_owned()
}

fn with_accounts(count: u32) -> Database {
    let database = Database::publish(Server::shared(), "sql");
    database.call("fill", &format!("[{count}]")).expect(200);
    database
}

#[test]
fn rows_schema_and_statistics() {
    let database = Database::publish(Server::shared(), "conformance");
    database.call("grow", r#"[1, "apple", true]"#).expect(200);
    database.call("grow", r#"[2, "pear", false]"#).expect(200);
    let answer = sql(&database.owner, &database, "SELECT * FROM fruit WHERE ripe").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("spacetime-execution-duration-micros").is_some());
    assert!(answer.header("spacetime-identity").is_some());
    let mut answer = answer.json();
    assert!(answer[0]["total_duration_micros"].is_u64());
    answer[0].as_object_mut().unwrap().remove("total_duration_micros");
    let column = |name: &str, ty: &str| json!({ "name": { "some": name }, "algebraic_type": { ty: [] } });
    assert_eq!(
        answer,
        json!([{
            "schema": { "elements": [column("id", "U32"), column("name", "String"), column("ripe", "Bool")] },
            "rows": [[1, "apple", true]],
            "stats": { "rows_inserted": 0, "rows_deleted": 0, "rows_updated": 0 },
        }])
    );
    assert_eq!(rows(&database, "SELECT name FROM fruit WHERE id = 2;"), json!([["pear"]]));
}

#[test]
fn columns_joins_order_and_groups() {
    let database = with_accounts(10);
    for (id, account, amount) in [(1, 2, 10), (2, 2, -5), (3, 4, 7)] {
        database.call("move_money", &format!("[{id}, {account}, {amount}]")).expect(200);
    }
    assert_eq!(rows(&database, "SELECT COUNT(*) AS n FROM account"), json!([[10]]));
    assert_eq!(
        rows(&database, "SELECT COUNT(*) AS n FROM account WHERE balance >= 50 LIMIT 1"),
        json!([[5]])
    );
    assert_eq!(
        rows(&database, "SELECT id, balance AS b FROM account WHERE balance > 10 AND (id = 3 OR id = 4)"),
        json!([[3, 20], [4, 30]])
    );
    assert_eq!(
        rows(&database, "SELECT name FROM account ORDER BY balance DESC LIMIT 2 OFFSET 1"),
        json!([["account 8"], ["account 7"]])
    );
    let join = "FROM money_move AS m JOIN account AS a ON m.account_id = a.id";
    assert_eq!(
        rows(&database, &format!("SELECT a.name, m.amount {join} WHERE m.amount > 0 ORDER BY m.amount")),
        json!([["account 3", 7], ["account 1", 10]])
    );
    assert_eq!(rows(&database, &format!("SELECT m.* {join} WHERE a.id = 4")), json!([[3, 4, 7]]));
    assert_eq!(
        rows(
            &database,
            &format!(
                "SELECT a.name, count(*) AS n, sum(m.amount) AS s, avg(m.amount) AS mean {join} GROUP BY a.name ORDER BY n"
            )
        ),
        json!([["account 3", 1, 7, 7.0], ["account 1", 2, 5, 2.5]])
    );
    // Enums are ordered as they are declared; a missing value has no place in an order but the last one.
    assert_eq!(
        rows(
            &database,
            "SELECT kind, count(*) AS n, min(balance) AS least FROM account GROUP BY kind ORDER BY kind"
        ),
        json!([[[0, []], 4, 0], [[1, []], 3, 10], [[2, []], 3, 20]])
    );
    assert_eq!(
        rows(&database, "SELECT tag FROM account WHERE id < 4 ORDER BY tag"),
        json!([[[0, "tag 0"]], [[1, []]], [[1, []]]])
    );
    assert_eq!(
        rows(
            &database,
            "SELECT id FROM account WHERE kind = 'offShore' AND tag IS NULL AND name LIKE '%t _'"
        ),
        json!([[3], [6], [9]])
    );
    assert_eq!(
        rows(
            &database,
            "SELECT id FROM account WHERE tag = 'tag 3' AND id NOT IN (1, 2) AND balance BETWEEN 0 AND 50"
        ),
        json!([[4]])
    );
    assert_eq!(rows(&database, "SELECT max(balance) AS m FROM account WHERE id > 100"), json!([[[1, []]]]));
}

#[test]
fn names_of_the_code_and_names_of_sql() {
    let database = with_accounts(1);
    database.call("move_money", "[7, 1, 10]").expect(200);
    for text in [
        "SELECT id FROM money_move WHERE account_id = 1",
        "SELECT id FROM moneyMove WHERE accountId = 1",
        "select \"moneyMove\".\"id\" from \"moneyMove\" where \"moneyMove\".\"accountId\" = 1",
    ] {
        assert_eq!(rows(&database, text), json!([[7]]), "{text}");
    }
    let names = |text: &str| {
        let answer = sql(&database.owner, &database, text).expect(200).json();
        let elements = answer[0]["schema"]["elements"].as_array().unwrap().clone();
        elements
            .iter()
            .map(|element| element["name"]["some"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("SELECT * FROM moneyMove"), ["id", "account_id", "amount"]);
    assert_eq!(
        names("SELECT accountId, id AS number, count(*) FROM moneyMove GROUP BY accountId, id"),
        ["accountId", "number", "count"]
    );
    assert!(refused(&database, "SELECT * FROM MONEYMOVE").contains("`MONEYMOVE`"));
    assert!(refused(&database, "SELECT ID FROM money_move").contains("`ID`"));
}

#[test]
fn rows_are_inserted_updated_and_deleted() {
    let database = with_accounts(2);
    // The sequence goes on; columns are told by name, and those that can do without a value may be left out.
    assert_eq!(
        changed(
            &database,
            "INSERT INTO account (name, balance, kind) VALUES ('Ada', -7, 'business'), ('Eve', 1e2, 'private')"
        ),
        [2, 0, 0]
    );
    assert_eq!(
        rows(&database, "SELECT * FROM account WHERE name IN ('Ada', 'Eve') ORDER BY id"),
        json!([[3, "Ada", -7, [1, []], [1, []]], [4, "Eve", 100, [1, []], [0, []]]])
    );
    assert_eq!(
        changed(&database, "INSERT INTO account VALUES (50, 'It''s', 0, 'tag', 'offShore');"),
        [1, 0, 0]
    );
    assert_eq!(rows(&database, "SELECT name, tag FROM account WHERE id = 50"), json!([["It's", [0, "tag"]]]));
    // A row that is there already is no error.
    assert_eq!(
        changed(&database, "INSERT INTO account VALUES (50, 'It''s', 0, 'tag', 'offShore')"),
        [0, 0, 0]
    );

    assert_eq!(
        changed(&database, "UPDATE account SET balance = 5, tag = NULL WHERE balance <= 5"),
        [0, 0, 3]
    );
    assert_eq!(
        rows(&database, "SELECT id FROM account WHERE balance = 5 AND tag IS NULL"),
        json!([[1], [3], [50]])
    );
    assert_eq!(changed(&database, "UPDATE account SET id = 77 WHERE name = 'Eve'"), [0, 0, 1]);
    assert_eq!(rows(&database, "SELECT id FROM account WHERE name = 'Eve'"), json!([[77]]));
    assert_eq!(changed(&database, "UPDATE account SET kind = 'business'"), [0, 0, 5]);

    assert_eq!(changed(&database, "DELETE FROM account WHERE id > 50"), [0, 1, 0]);
    assert_eq!(changed(&database, "DELETE FROM account WHERE false"), [0, 0, 0]);
    assert_eq!(changed(&database, "DELETE FROM account"), [0, 4, 0]);
    assert_eq!(rows(&database, "SELECT * FROM account"), json!([]));
    // What is inserted into an event table is gone at once.
    assert_eq!(changed(&database, "INSERT INTO flash VALUES (1)"), [1, 0, 0]);
    assert_eq!(rows(&database, "SELECT * FROM flash"), json!([]));
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let database = with_accounts(3);
    let before = rows(&database, "SELECT * FROM account ORDER BY id");
    for (text, why) in [
        (
            "INSERT INTO account VALUES (9, 'new', 0, NULL, 'private'), (10, 'account 1', 0, NULL, 'private')",
            "row 2: `account` already has another row with the same `name`",
        ),
        ("UPDATE account SET name = 'same'", "the same `name`"),
        ("UPDATE account SET id = 1 WHERE id = 2", "the same `id`"),
        ("INSERT INTO account (name) VALUES ('x')", "`balance` needs a value"),
        ("INSERT INTO account VALUES (1, 2)", "2 values"),
        ("INSERT INTO account VALUES (-1, 'x', 0, NULL, 'private')", "out of range"),
        ("INSERT INTO account VALUES (1, 'x', 0, NULL, 'public')", "private, business, offShore"),
        ("UPDATE account SET nothing = 1", "`nothing`"),
        ("UPDATE account SET balance = NULL", "NULL"),
        ("DELETE FROM account WHERE balance = 'much'", "'much' is no I64"),
        ("DELETE FROM account; DELETE FROM nothing", "`nothing`"),
        ("DELETE FROM account; INSERT INTO vault VALUES (1, 'a'), (1, 'b')", "the same `id`"),
        ("INSERT INTO rich VALUES (1)", "a view"),
        ("DELETE FROM st_table", "a system table"),
        ("UPDATE st_module SET program_kind = 1", "a system table"),
        ("INSERT INTO st_var VALUES ('x', 1)", "a system table"),
    ] {
        let error = refused(&database, text);
        assert!(error.contains(why), "{text}: {error}");
    }
    assert_eq!(rows(&database, "SELECT * FROM account ORDER BY id"), before);
    assert_eq!(rows(&database, "SELECT * FROM vault"), json!([]));
}

#[test]
fn several_statements_are_one_transaction() {
    let database = with_accounts(2);
    let text = "SELECT count(*) AS n FROM account; DELETE FROM account WHERE id = 1;
        SELECT count(*) AS n FROM account; -- and one more
        INSERT INTO vault VALUES (1, 'x');";
    let answer = sql(&database.owner, &database, text).expect(200).json();
    let results = answer.as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!((&results[0]["rows"], &results[2]["rows"]), (&json!([[2]]), &json!([[1]])));
    assert_eq!(results[1]["stats"]["rows_deleted"], 1);
    let answer =
        sql(&database.owner, &database, "SELECT id FROM account; SELECT * FROM vault").expect(200).json();
    assert_eq!((&answer[0]["rows"], &answer[1]["rows"]), (&json!([[2]]), &json!([[1, "x"]])));
    let error = refused(&database, "DELETE FROM account; SELECT * FROM rich");
    assert!(error.contains("view"), "{error}");
    assert_eq!(rows(&database, "SELECT id FROM account"), json!([[2]]));
}

#[test]
fn values_of_every_type() {
    let database = Database::publish(Server::shared(), "sql");
    let identity = database.owner.identity.clone().unwrap();
    let columns = [
        ("id", "1", json!(1)),
        ("flag", "TRUE", json!(true)),
        ("small", "-128", json!(-128)),
        ("large", "340282366920938463463374607431768211455", Value::Null),
        ("wide", "-1", json!("-0x1")),
        ("widest", "0xfF", json!("0xff")),
        ("single", "1e40", Value::Null),
        ("double", "-2.5e-3", json!(-0.0025)),
        ("text", "'it''s é'", json!("it's é")),
        ("bytes", "X'00ff'", json!("00ff")),
        ("identity", &format!("0x{identity}"), json!([format!("0x{identity}")])),
        ("connection", "0x000000000000000000000000000000ab", json!([171])),
        ("timestamp", "'2024-05-01T14:00:00+02:00'", json!([1_714_564_800_000_000_u64])),
        ("duration", "-5", json!([-5])),
        ("uuid", "'00000000-0000-0000-0000-0000000000ff'", json!([255])),
        ("kind", "'offShore'", json!([2, []])),
        ("maybe", "7", json!([0, 7])),
    ];
    let others = [
        ("list", "'[1,2]'", json!([1, 2])),
        ("schedule", r#"'{"Interval":{"__time_duration_micros__":9}}'"#, json!([0, [9]])),
        ("point", r#"'{"x":1,"y":-2}'"#, json!([1, -2])),
    ];
    let all = || columns.iter().chain(&others);
    let literals: Vec<_> = all().map(|(_, literal, _)| *literal).collect();
    assert_eq!(
        changed(&database, &format!("INSERT INTO literal VALUES ({})", literals.join(", "))),
        [1, 0, 0]
    );
    for (name, literal, expected) in all() {
        let found = rows(&database, &format!("SELECT {name} FROM literal"))[0][0].clone();
        // Numbers that JSON has and this reader has not.
        if !expected.is_null() {
            assert_eq!(found, *expected, "{name}");
        }
        let changed_again = changed(&database, &format!("UPDATE literal SET {name} = {literal}"));
        assert_eq!(changed_again, [0, 0, 1], "{name}");
    }
    for (name, literal, _) in &columns {
        let count = |condition: String| {
            rows(&database, &format!("SELECT count(*) AS n FROM literal WHERE {condition}"))[0][0].clone()
        };
        assert_eq!(count(format!("{name} = {literal}")), 1, "{name}");
        assert_eq!(count(format!("{literal} <> {name}")), 0, "{name}");
        assert_eq!(count(format!("{name} >= {literal} AND NOT {name} < {literal}")), 1, "{name}");
        assert_eq!(count(format!("{name} IN ({literal})")), 1, "{name}");
    }
    let text =
        sql(&database.owner, &database, "SELECT large, single FROM literal").expect(200).text().to_owned();
    assert!(text.contains("[[340282366920938463463374607431768211455,null]]"), "{text}");
    for name in ["list", "schedule", "point"] {
        let error = refused(&database, &format!("SELECT * FROM literal WHERE {name} = 1"));
        assert!(error.contains("cannot be compared"), "{error}");
    }
    assert_eq!(rows(&database, "SELECT id FROM literal WHERE identity = :sender"), json!([[1]]));
}

#[test]
fn plain_rows_are_like_those_of_views() {
    let database = with_accounts(1);
    let answer =
        database.owner.post(&database.url("/sql?format=plain"), "SELECT * FROM account").expect(200).json();
    assert_eq!(
        answer[0]["rows"],
        json!([{ "id": 1, "name": "account 0", "balance": 0, "tag": "tag 0", "kind": "private" }])
    );
    for query in ["format=xml", "confirmed=maybe", "confirmed="] {
        database.owner.post(&database.url(&format!("/sql?{query}")), "SELECT * FROM account").expect(400);
    }
    database.owner.post(&database.url("/sql?confirmed=false&other=x"), "SELECT * FROM account").expect(200);
    database.owner.post(&database.url("/sql?confirmed=false"), "DELETE FROM account").expect(200);
    assert_eq!(rows(&database, "SELECT * FROM account"), json!([]));
}

#[test]
fn long_results_come_whole() {
    let database = with_accounts(20_000);
    let answer = sql(&database.owner, &database, "SELECT * FROM account").expect(200);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let answer = answer.json();
    let mut ids: Vec<_> =
        answer[0]["rows"].as_array().unwrap().iter().map(|row| row[0].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(1..=20_000));
    let ordered = rows(&database, "SELECT id FROM account ORDER BY balance DESC");
    assert_eq!((ordered.as_array().unwrap().len(), &ordered[0][0]), (20_000, &json!(20_000)));
    let pairs = "SELECT count(*) AS n FROM account AS a JOIN account AS b ON a.balance = b.balance WHERE a.id <= b.id";
    assert_eq!(rows(&database, pairs), json!([[20_000]]));
    // Whoever does not wait for the answer hurts nobody.
    let request = Request::new("POST", &database.url("/sql"))
        .body("SELECT a.* FROM account AS a JOIN account AS b ON a.id <> b.id");
    let mut connection = Connection::open(database.owner.address()).unwrap();
    connection.write(&database.owner.authorize(request).to_bytes(database.owner.address())).unwrap();
    drop(connection);
    assert_eq!(rows(&database, "SELECT id FROM account WHERE id = 5"), json!([[5]]));
}

#[test]
fn strangers_see_what_is_public_and_change_nothing() {
    let database = with_accounts(3);
    changed(&database, "INSERT INTO vault VALUES (1, 'secret')");
    let stranger = Server::shared().new_client();
    assert_eq!(rows_for(&stranger, &database, "SELECT count(*) AS n FROM account"), json!([[3]]));
    assert_eq!(
        rows_for(&Server::shared().anonymous(), &database, "SELECT count(*) AS n FROM account"),
        json!([[3]])
    );
    let error = |text: &str| sql(&stranger, &database, text).expect(400).text().to_owned();
    let missing = error("SELECT * FROM absent");
    assert_eq!(error("SELECT * FROM vault").replace("vault", "absent"), missing);
    for text in [
        "SELECT account.* FROM account JOIN vault ON account.id = vault.id",
        "SELECT code FROM vault WHERE code LIKE '%'",
        "SELECT * FROM st_connection_credentials",
        "INSERT INTO vault VALUES (2, 'x')",
        "DELETE FROM vault",
    ] {
        let error = error(text);
        assert!(error.starts_with("there is no table or view `"), "{text}: {error}");
    }
    for text in [
        "INSERT INTO account VALUES (9, 'x', 0, NULL, 'private')",
        "UPDATE account SET balance = 1000000",
        "DELETE FROM account WHERE false",
        "SELECT * FROM account; DELETE FROM account",
        "SET row_limit = 1",
    ] {
        assert!(error(text).contains("only the owner"), "{text}");
    }
    assert_eq!(rows(&database, "SELECT code FROM vault"), json!([["secret"]]));
    assert_eq!(rows(&database, "SELECT sum(balance) AS s FROM account"), json!([[30]]));
}

#[test]
fn rules_decide_what_others_see() {
    let database = Database::publish(Server::shared(), "sql");
    let (reader, stranger) = (Server::shared().new_client(), Server::shared().new_client());
    database.call("write", r#"[1, "mine"]"#).expect(200);
    database.call("write", r#"[2, "for reading"]"#).expect(200);
    reader.call(&database.name, "write", r#"[3, "theirs"]"#).expect(200);
    database
        .call("share_note", &format!(r#"[2, {{"__identity__":"0x{}"}}]"#, reader.identity.as_ref().unwrap()))
        .expect(200);
    // Both rules let the reader see this one.
    database
        .call("share_note", &format!(r#"[3, {{"__identity__":"0x{}"}}]"#, reader.identity.as_ref().unwrap()))
        .expect(200);

    let all = "SELECT id FROM note ORDER BY id";
    assert_eq!(rows(&database, all), json!([[1], [2], [3]]));
    assert_eq!(rows_for(&reader, &database, all), json!([[2], [3]]));
    assert_eq!(rows_for(&stranger, &database, all), json!([]));
    assert_eq!(rows_for(&reader, &database, "SELECT count(*) AS n FROM note"), json!([[2]]));
    assert_eq!(rows_for(&reader, &database, "SELECT text FROM note WHERE id = 1"), json!([]));
    assert_eq!(
        rows_for(&reader, &database, "SELECT text FROM note WHERE owner <> :sender"),
        json!([["for reading"]])
    );
    assert_eq!(
        rows_for(&stranger, &database, "SELECT a.id FROM note AS a JOIN note AS b ON a.owner = b.owner"),
        json!([])
    );
    // The rules are there to be read, with the table that each is about.
    let about = "SELECT t.table_name, r.sql FROM st_row_level_security AS r JOIN st_table AS t ON r.table_id = t.table_id";
    let rules = rows_for(&stranger, &database, about);
    assert_eq!(rules.as_array().unwrap().len(), 2);
    assert!(rules.as_array().unwrap().iter().all(|rule| rule[0] == "note"), "{rules}");
}

#[test]
fn system_tables_tell_what_there_is() {
    let database = Database::publish(Server::shared(), "sql");
    let stranger = Server::shared().new_client();
    let tables =
        "SELECT table_name, table_access FROM st_table WHERE table_id >= 4096 AND table_name = 'vault'";
    assert_eq!(rows_for(&stranger, &database, tables), json!([["vault", "private"]]));
    let columns = "SELECT c.col_name FROM st_column AS c JOIN st_table AS t ON c.table_id = t.table_id
        WHERE t.table_name = 'account' ORDER BY c.col_pos";
    assert_eq!(
        rows_for(&stranger, &database, columns),
        json!([["id"], ["name"], ["balance"], ["tag"], ["kind"]])
    );
    // Identities are bare numbers there, in hexadecimal digits or not.
    let identity = database.owner.identity.clone().unwrap();
    let owner = format!("SELECT program_kind FROM st_module WHERE owner_identity = 0x{identity}");
    assert_eq!(rows(&database, &owner), json!([[0]]));
    assert_eq!(rows(&database, "SELECT owner_identity FROM st_module"), json!([[format!("0x{identity}")]]));
    assert_eq!(rows(&database, "SELECT * FROM st_connection_credentials"), json!([]));
}

#[test]
fn the_row_limit_is_for_others() {
    let mut server = Server::start();
    let database = Database::publish(&server, "sql");
    database.call("fill", "[100]").expect(200);
    let stranger = server.new_client();
    assert_eq!(rows(&database, "SHOW row_limit"), json!([]));
    assert_eq!(changed(&database, "SET row_limit = 50"), [1, 0, 0]);
    assert_eq!(rows_for(&stranger, &database, "SHOW row_limit"), json!([[[8, 50]]]));
    let all = "SELECT * FROM account";
    let error = sql(&stranger, &database, all).expect(400);
    assert!(error.text().contains("50 rows"), "{}", error.text());
    assert_eq!(rows(&database, "SELECT count(*) AS n FROM account WHERE balance > 0"), json!([[99]]));
    assert_eq!(rows_for(&stranger, &database, "SELECT id FROM account WHERE id = 90"), json!([[90]]));
    assert_eq!(
        rows_for(&stranger, &database, "SELECT id FROM account LIMIT 50").as_array().unwrap().len(),
        50
    );
    changed(&database, "SET row_limit TO 100");
    sql(&stranger, &database, all).expect(200);
    changed(&database, "SET row_limit TO 99");
    // It is data like any other.
    server.kill();
    server.run();
    sql(&stranger, &database, all).expect(400);
    assert_eq!(changed(&database, "DELETE FROM st_var WHERE name = 'row_limit'"), [0, 1, 0]);
    sql(&stranger, &database, all).expect(200);
    for text in
        ["SET other = 1", "SET row_limit = 'x'", "SET row_limit = -1", "SHOW other", "SET row_limit = 1, 2"]
    {
        refused(&database, text);
    }
}

#[test]
fn views_are_read_like_tables() {
    let database = with_accounts(10);
    database.call("write", r#"[1, "mine"]"#).expect(200);
    let stranger = Server::shared().new_client();
    for client in [&database.owner, &stranger] {
        assert_eq!(
            rows_for(client, &database, "SELECT name FROM rich WHERE id > 8 ORDER BY id"),
            json!([["account 8"], ["account 9"]])
        );
        // The view repeats itself, and a set does not. It has an order of its own, which is kept.
        assert_eq!(rows_for(client, &database, "SELECT * FROM totals"), json!([["moves", 0], ["all", 450]]));
        assert_eq!(
            rows_for(client, &database, "SELECT * FROM totals ORDER BY kind"),
            json!([["all", 450], ["moves", 0]])
        );
        let join = "SELECT r.id FROM rich AS r JOIN account AS a ON r.balance = a.balance WHERE a.id = 7";
        assert_eq!(rows_for(client, &database, join), json!([[7]]));
    }
    assert_eq!(rows(&database, "SELECT text FROM my_notes"), json!([["mine"]]));
    assert_eq!(rows_for(&stranger, &database, "SELECT text FROM my_notes"), json!([]));
    sql(&stranger, &database, "SELECT * FROM broken").expect(530);
}

#[test]
fn views_answer_with_queries() {
    let database = with_accounts(10);
    let ids = |view: &str| {
        let rows = database.rows(view);
        let mut ids: Vec<_> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("rich"), [7, 8, 9, 10]);
    for (id, account) in [(1, 2), (2, 2), (3, 5)] {
        database.call("move_money", &format!("[{id}, {account}, 1]")).expect(200);
    }
    assert_eq!(ids("moved"), [2, 5]);
    changed(&database, "INSERT INTO vault VALUES (1, 'x')");
    assert_eq!(
        Server::shared().new_client().rows(&database.name, "open_vault"),
        [json!({ "id": 1, "code": "x" })]
    );

    // The answer has a name that holds until a table of the query changes.
    let ask = |tag: &str| {
        database.owner.send(Request::new("GET", &database.url("/view/rich")).header("if-none-match", tag))
    };
    let tag = ask("").expect(200).header("etag").unwrap().to_owned();
    ask(&tag).expect(304);
    database.call("move_money", "[9, 9, 9]").expect(200);
    ask(&tag).expect(304);
    changed(&database, "UPDATE account SET balance = 51 WHERE id = 1");
    ask(&tag).expect(200);
    assert_eq!(ids("rich"), [1, 7, 8, 9, 10]);
}

#[test]
fn views_that_answer_with_a_wrong_query() {
    let database = with_accounts(3);
    let ask = |text: &str| {
        database.call("ask", &json!([text]).to_string()).expect(200);
        database.view("any_query")
    };
    assert_eq!(ask("").expect(200).json(), json!([]));
    assert_eq!(ask("  \n").expect(200).json(), json!([]));
    assert_eq!(
        ask("SELECT * FROM account WHERE id IN (1, 3)").expect(200).json().as_array().unwrap().len(),
        2
    );
    for (text, why) in [
        ("SELECT *", "needs FROM"),
        ("SELECT * FROM 5", "not SQL"),
        ("SELECT * FROM absent", "`absent`"),
        ("SELECT id FROM account", "whole rows of one table"),
        ("SELECT count(*) AS n FROM account", "whole rows of one table"),
        ("SELECT * FROM vault", "declared with"),
        ("SELECT a.* FROM account AS a JOIN rich AS r ON a.id = r.id", "must not read views"),
        ("SELECT a.* FROM account AS a JOIN note AS n ON n.owner = :sender", ":sender"),
        ("DELETE FROM account", "not a SELECT"),
        ("SELECT * FROM account; SELECT * FROM account", "2 statements"),
    ] {
        let error = ask(text).expect(530);
        assert!(error.text().contains(why), "{text}: {}", error.text());
    }
    assert_eq!(ask("SELECT * FROM account").expect(200).json().as_array().unwrap().len(), 3);
}

#[test]
fn the_module_is_asked_who_may_connect() {
    let database = Database::publish(Server::shared(), "lifecycle");
    let stranger = Server::shared().new_client();
    let kinds = |client: &Client| rows_for(client, &database, "SELECT kind FROM event ORDER BY number");
    assert_eq!(kinds(&database.owner), json!([["init"], ["connected"]]));
    changed(&database, "INSERT INTO closed VALUES ('closed today')");
    let answer = sql(&stranger, &database, "SELECT * FROM st_table").expect(403);
    assert_eq!(answer.text(), "closed today");
    assert_eq!(sql(&stranger, &database, "DELETE FROM closed").expect(403).text(), "closed today");
    changed(&database, "DELETE FROM closed");
    sql(&stranger, &database, "SELECT * FROM st_table").expect(200);
}

#[test]
fn what_is_no_sql() {
    let database = with_accounts(1);
    let deep = format!("SELECT * FROM account WHERE {}id = 1{}", "(".repeat(20_000), ")".repeat(20_000));
    let chain = format!("SELECT * FROM account WHERE {}", vec!["id"; 16_000].join("="));
    let long = format!("SELECT * FROM account WHERE name = '{}'", "x".repeat(60_000));
    for text in [
        "",
        " ",
        ";",
        "-- nothing",
        "SELECT",
        "hello",
        "'",
        "\"",
        "\0",
        "SELECT * FROM",
        "\u{feff}",
        &deep,
        &chain,
        &long,
    ] {
        let error = refused(&database, text);
        assert!(!error.is_empty() && error.len() < 1000, "{error}");
    }
    let wide = format!("SELECT count(*) AS n FROM account WHERE {}", vec!["id = 1"; 1500].join(" OR "));
    assert_eq!(rows(&database, &wide), json!([[1]]));
    database.owner.post(&database.url("/sql"), b"SELECT \xff".to_vec()).expect(400);
    database.owner.post(&database.url("/sql"), vec![b' '; 3 << 20]).expect(413);
    database.owner.post("/v1/database/never-published/sql", "SELECT * FROM t").expect(404);
    assert_eq!(rows(&database, "SELECT id FROM account"), json!([[1]]));
}
