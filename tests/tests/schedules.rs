//! Scheduled tables in real time, and through kills. (What is subtle about them is tested under a virtual clock, in
//! the runtime.)

use std::{collections::HashMap, thread, time::Duration};

use orrery_tests::{Database, Server, in_every_language, modules::Language, random::Random, wait_until};

in_every_language!(
    one_shots_and_intervals_in_real_time,
    only_the_owner_may_call_what_is_scheduled,
    what_became_due_while_the_server_was_down_runs_when_it_is_up,
    kills_while_one_shots_run,
);

const SECOND: i64 = 1_000_000;

/// Names and times of everything that ran.
fn ran(database: &Database) -> Vec<(String, i64)> {
    let run =
        |row: &serde_json::Value| (row["name"].as_str().unwrap().to_string(), row["at"].as_i64().unwrap());
    database.rows("runs").iter().map(run).collect()
}

fn one_shots_and_intervals_in_real_time(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "schedules");
    let half = SECOND / 2;
    database.call("repeat", &format!(r#"["i", "", {half}]"#)).expect(200);
    database.call("schedule", &format!(r#"["a", "", {half}]"#)).expect(200);
    database.call("send", &format!(r#"["b", "", {half}]"#)).expect(200);
    wait_until("they ran", || {
        let ran = ran(&database);
        ran.len() >= 5 && ["a", "b"].iter().all(|name| ran.iter().any(|(found, _)| found == name))
    });
    database.call("cancel", r#"["i"]"#).expect(200);
    let ran = ran(&database);
    for once in ["a", "b"] {
        assert_eq!(ran.iter().filter(|(name, _)| name == once).count(), 1);
    }
    // However late each was, it was not early.
    let ticks: Vec<_> = ran.iter().filter(|(name, _)| name == "i").map(|(_, at)| *at).collect();
    let first = ticks[0];
    for (count, tick) in (0..).zip(&ticks) {
        assert!(*tick - first >= count * half - half, "{ticks:?}");
    }
    assert_eq!(database.texts("waiting"), [""; 0]);
}

fn only_the_owner_may_call_what_is_scheduled(language: Language) {
    let server = Server::shared();
    let database = Database::publish_in(language, server, "schedules");
    // By name, and as the row that it would get.
    let job = r#"[[7, "by hand", "", {"Time": {"__timestamp_micros_since_unix_epoch__": 0}}]]"#;
    let answer = server.new_client().call(&database.name, "run_job", job).expect(404);
    assert!(answer.text().starts_with("no such reducer or procedure"));
    let errand = r#"[[{"Time": [0]}, "by hand", "", 7]]"#;
    server.new_client().call(&database.name, "run_errand", errand).expect(404);
    assert_eq!(ran(&database), []);
    database.call("run_job", job).expect(200);
    database.call("run_errand", errand).expect(200);
    let rows = database.rows("runs");
    let calls: Vec<_> =
        rows.iter().map(|row| (&row["name"], &row["by_database"], &row["has_connection"])).collect();
    let expected = (&"by hand".into(), &false.into(), &true.into());
    assert_eq!(calls, [expected, expected]);
}

fn what_became_due_while_the_server_was_down_runs_when_it_is_up(language: Language) {
    let mut server = Server::start();
    let database = Database::publish_in(language, &server, "schedules");
    database.call("schedule", &format!(r#"["a", "", {SECOND}]"#)).expect(200);
    database.call("send", &format!(r#"["b", "", {SECOND}]"#)).expect(200);
    server.stop();
    thread::sleep(Duration::from_millis(1100));
    server.run();
    // Nobody has to ask for the database: the server opens it by itself. (The one who looks would not hinder it.)
    wait_until("both ran", || ran(&database).len() == 2);
    assert_eq!(database.texts("waiting"), [""; 0]);
}

/// One-shots run exactly once if they succeed, however often the server is killed: their row goes with what they do.
/// Procedures run at most once. What was acknowledged as scheduled is not lost.
fn kills_while_one_shots_run(language: Language) {
    const ROUNDS: usize = 8;
    const EACH: usize = 60;
    let mut random = Random::new(7);
    let mut server = Server::start();
    let database = Database::publish_in(language, &server, "schedules");
    let mut scheduled = 0;
    for round in 0..ROUNDS {
        for _ in 0..EACH {
            let in_micros = random.below(400_000);
            let reducer = ["schedule", "send"][scheduled % 2];
            let name = format!("{reducer}-{scheduled}");
            database.call(reducer, &format!(r#"["{name}", "", {in_micros}]"#)).expect(200);
            scheduled += 1;
        }
        thread::sleep(Duration::from_millis(random.below(400)));
        server.kill();
        if round % 3 == 2 {
            // While it starts, too.
            server.run_briefly(Duration::from_millis(50 + random.below(200)));
        }
        server.run();
    }
    wait_until("nothing waits", || database.texts("waiting").is_empty());
    // A procedure that has taken its row may still be under way.
    thread::sleep(Duration::from_millis(200));
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (name, _) in ran(&database) {
        *counts.entry(name).or_default() += 1;
    }
    for number in 0..scheduled {
        let (job, errand) = (format!("schedule-{number}"), format!("send-{number}"));
        if number % 2 == 0 {
            assert_eq!(counts.get(&job), Some(&1), "{job}");
        } else {
            assert!(counts.get(&errand).is_none_or(|count| *count == 1), "{errand} ran more than once");
        }
    }
    // Missing are only those whose row had gone when the server was killed: no more each time than run at once, and as
    // many that were about to.
    let errands = counts.keys().filter(|name| name.starts_with("send")).count();
    let kills = ROUNDS + ROUNDS / 3;
    assert!(errands + kills * 2 * 8 >= scheduled / 2, "{errands} of {} errands ran", scheduled / 2);
}
