//! SQL over HTTP: what can be asked and changed, by whom, and what the answers look like.

use orrery_tests::{
    Database, Server,
    http::{Client, Response},
};
use serde_json::{Value, json};

#[track_caller]
fn sql(client: &Client, database: &Database, text: &str) -> Response {
    client.post(&database.url("/sql"), text)
}

/// The rows of a statement of the owner's that must succeed.
#[track_caller]
fn rows(database: &Database, text: &str) -> Value {
    sql(&database.owner, database, text).expect(200).json()[0]["rows"].clone()
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
