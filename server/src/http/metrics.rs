//! `GET /metrics`: figures for Prometheus.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{extract::State, http::header, response::IntoResponse};
use orrery_host_abi::Identity;
use orrery_runtime::{Database, Stats};

use super::App;

/// What the server counts by itself.
#[derive(Default)]
pub(super) struct Counters {
    /// By the first digit of the status, from 1.
    requests: [AtomicU64; 5],
    in_flight: AtomicU64,
    connections: AtomicU64,
}

/// Something that is counted while it lasts.
pub(super) struct Gauge<'a>(&'a AtomicU64);

impl Counters {
    /// A request that is being answered.
    pub(super) fn request(&self) -> Gauge<'_> {
        Gauge::new(&self.in_flight)
    }

    /// A connection that is open.
    pub(super) fn connection(&self) -> Gauge<'_> {
        Gauge::new(&self.connections)
    }

    /// A request that was answered with that status.
    pub(super) fn answered(&self, status: u16) {
        if let Some(counter) = self.requests.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<'a> Gauge<'a> {
    fn new(value: &'a AtomicU64) -> Self {
        value.fetch_add(1, Ordering::Relaxed);
        Self(value)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers with everything there is.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], write(&app))
}

fn write(app: &App) -> String {
    let mut out = String::new();
    let mut family =
        |name: &str, kind: &str, help: &str, samples: &mut dyn Iterator<Item = (String, u64)>| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        };
    let one = |value: u64| std::iter::once((String::new(), value));

    let counters = &app.counters;
    family(
        "orrery_uptime_seconds",
        "gauge",
        "Time since the server was started.",
        &mut one(app.started.elapsed().as_secs()),
    );
    if let Some(bytes) = resident_bytes() {
        family("orrery_resident_memory_bytes", "gauge", "Memory that the server occupies.", &mut one(bytes));
    }
    family(
        "orrery_connections",
        "gauge",
        "Open connections.",
        &mut one(counters.connections.load(Ordering::Relaxed)),
    );
    family(
        "orrery_requests_in_flight",
        "gauge",
        "Requests that are being answered.",
        &mut one(counters.in_flight.load(Ordering::Relaxed)),
    );
    family(
        "orrery_requests_total",
        "counter",
        "Requests that were answered, by the class of their status.",
        &mut counters
            .requests
            .iter()
            .zip(1..)
            .map(|(count, class)| (format!("{{status=\"{class}xx\"}}"), count.load(Ordering::Relaxed))),
    );

    family(
        "orrery_view_streams",
        "gauge",
        "Streams of views that are open.",
        &mut one(app.streams.count() as u64),
    );

    let running: Vec<_> =
        app.control.running().iter().map(|running| labels_and_stats(app, running)).collect();
    family("orrery_databases_open", "gauge", "Databases that are open.", &mut one(running.len() as u64));
    let mut by_database = |name: &str, kind: &str, help: &str, value: fn(&Stats) -> u64| {
        family(name, kind, help, &mut running.iter().map(|(labels, stats)| (labels.clone(), value(stats))));
    };
    by_database("orrery_reducers_committed_total", "counter", "Reducer calls that committed.", |s| {
        s.reducers_committed
    });
    by_database("orrery_reducers_failed_total", "counter", "Reducer calls that failed.", |s| {
        s.reducers_failed
    });
    by_database("orrery_views_run_total", "counter", "View calls that ran the module.", |s| s.views_run);
    by_database("orrery_views_unchanged_total", "counter", "View calls answered without the module.", |s| {
        s.views_unchanged
    });
    by_database("orrery_view_cache_bytes", "gauge", "Memory that answers of views take.", |s| {
        s.view_cache_bytes
    });
    by_database("orrery_live_views", "gauge", "Views that are kept up for those who watch.", |s| {
        s.live_views
    });
    by_database("orrery_view_watchers", "gauge", "Clients that watch a view.", |s| s.view_watchers);
    by_database(
        "orrery_procedures_run_total",
        "counter",
        "Procedures and HTTP handlers that have run.",
        |s| s.procedures_run,
    );
    by_database("orrery_scheduled_run_total", "counter", "Functions that ran as scheduled.", |s| {
        s.scheduled_run
    });
    by_database("orrery_rows", "gauge", "Rows in all tables of the module.", |s| s.rows);
    by_database("orrery_durable_offset", "gauge", "Offset up to which transactions are on disk.", |s| {
        s.durable_offset
    });
    out
}

fn labels_and_stats(app: &App, (identity, database): &(Identity, Database)) -> (String, Stats) {
    let names = app.control.names_of(*identity);
    // Names and identities hold nothing that would have to be escaped.
    let name = names.first().map_or("", |name| name.as_str());
    (format!("{{database=\"{}\",name=\"{name}\"}}", identity.to_hex()), database.stats())
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_counted_by_class() {
        let counters = Counters::default();
        for status in [200, 204, 304, 404, 530, 0, 999] {
            counters.answered(status);
        }
        let counts: Vec<_> = counters.requests.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [0, 2, 1, 1, 1]);
    }

    #[test]
    fn a_gauge_falls_when_it_is_over() {
        let counters = Counters::default();
        let (one, two) = (counters.request(), counters.request());
        assert_eq!(counters.in_flight.load(Ordering::Relaxed), 2);
        drop((one, two));
        assert_eq!(counters.in_flight.load(Ordering::Relaxed), 0);
    }
}
