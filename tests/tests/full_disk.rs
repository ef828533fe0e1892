//! A disk that is full: whoever asks is told, what was acknowledged stays, and when there is room again all goes on
//! without a restart.

use orrery_tests::{Database, Server, modules, wait_until};

#[test]
fn a_full_disk_stops_what_writes_until_there_is_room() {
    let mut server = Server::start();
    let database = Database::publish(&server, "publish-v1");
    let other = Database::publish(&server, "publish-v1");
    database.call("fill", "[1000]").expect(200);
    let mut acknowledged = 1001;
    server.limit_files(Some(server.largest_file() + (64 << 10)));
    let full = loop {
        let answer = database.call("fill", "[1000]");
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 1000;
        assert!(acknowledged < 1_000_000, "the disk is never full");
    };
    // The database stops rather than acknowledge what it cannot keep, and is opened again with what it has kept.
    let full = full.expect(503);
    assert!(full.text().contains("stopped") && full.text().contains("File too large"), "{}", full.text());
    wait_until("the database can be read", || database.view("items").status == 200);
    assert_eq!(database.rows("items").len(), acknowledged, "no more and no less than was acknowledged");

    // Worse: nothing can be written at all. A new database has no place, and says so.
    server.limit_files(Some(0));
    database.call("fill", "[1]").expect(503);
    let refused = database.owner.publish("one-more", &modules::bytes("publish-v1"));
    assert!(refused.status >= 500 && refused.text().contains("File too large"), "{}", refused.text());
    // Others can be read, and the server is there.
    assert_eq!(other.rows("items").len(), 1);
    server.anonymous().get("/v1/ping").expect(200);

    server.limit_files(None);
    wait_until("the database is open again", || database.view("items").status == 200);
    assert_eq!(database.rows("items").len(), acknowledged);
    database.call("fill", "[1000]").expect(200);
    database.owner.publish("one-more", &modules::bytes("publish-v1")).expect(200);
    other.call("add_item", r#"["a pen", 1]"#).expect(200);
    let log = server.log();
    assert!(log.contains("open again") && log.contains("File too large"), "{log}");

    server.kill();
    server.run();
    assert_eq!(database.rows("items").len(), acknowledged + 1000);
    assert_eq!(database.owner.rows("one-more", "items").len(), 1);
    assert_eq!(other.rows("items").len(), 2);
}
