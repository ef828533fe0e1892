//! Views over HTTP, asked by wrk on 32 connections of this machine.

use std::process::Command;

use orrery_tests::{Database, Server};

use crate::table::{Row, Target, median, print};

const RUNS: usize = 5;

/// Everything that is measured at this level.
pub(crate) fn run() {
    let server = Server::start();
    let database = Database::publish(&server, "bench");
    database.call("open_accounts", "[0, 100000, 1000]").expect(200);
    let url = format!("{}{}", server.url(), database.url("/view/ten"));
    let answer = database.view("ten").expect(200);
    assert_eq!(answer.json().as_array().map(Vec::len), Some(10));
    let tag = answer.header("etag").expect("a view's answer has a tag").to_string();

    let ping = median(RUNS, || requests_a_second(&format!("{}/v1/ping", server.url()), &[]));
    let of = "/v1/ping of the same server";
    let target = Target::AtLeast(15_000.0);
    let ours = median(RUNS, || requests_a_second(&url, &[]));
    print(&Row {
        what: "view of 10 rows over HTTP".into(),
        ours,
        limit: Some((ping, of)),
        target,
        unit: "/s",
    });
    let ours =
        median(RUNS, || requests_a_second(&url, &["-H", "Accept-Encoding: gzip", "-H", "Accept: text/csv"]));
    print(&Row { what: "  the same as CSV".into(), ours, limit: Some((ping, of)), target, unit: "/s" });
    let target = Target::AtLeast(20_000.0);
    let ours = median(RUNS, || requests_a_second(&url, &["-H", &format!("If-None-Match: {tag}")]));
    print(&Row { what: "  its 304".into(), ours, limit: Some((ping, of)), target, unit: "/s" });
}

fn requests_a_second(url: &str, more: &[&str]) -> f64 {
    let wrk = Command::new("wrk").args(["-t", "2", "-c", "32", "-d", "2s"]).args(more).arg(url).output();
    let output = wrk.expect("wrk cannot be run; `make bench` installs it");
    let text = String::from_utf8(output.stdout).expect("wrk prints text");
    assert!(!text.contains("Non-2xx"), "some requests failed:\n{text}");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok())
        .unwrap_or_else(|| panic!("wrk says something else:\n{text}"))
}
