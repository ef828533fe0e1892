//! The bench module in TypeScript, with the official package and with Orrery's own, beside the same in Rust.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use orrery_runtime::{Args, Database};
use orrery_tests::modules::Language;

use crate::{
    bench::{ACCOUNTS, Bench, KEY, RUNS, args, program},
    table::{Row, Target, median, print, resident_bytes},
};

const LANGUAGES: [Language; 2] = [Language::OfficialTypeScript, Language::OrreryTypeScript];
const MILLION: u32 = 1_000_000;
const MIB: f64 = 1024.0 * 1024.0;

/// Each kind of work in Rust, then in TypeScript.
pub(crate) fn run() {
    beside_rust("transfer", "/s", Target::AtLeast(80_000.0), |language| {
        let bench = Bench::new(language);
        bench.open_accounts(ACCOUNTS);
        median(RUNS, || bench.transfers(0.0))
    });
    beside_rust("empty reducer", "/s", Target::AtLeast(200_000.0), |language| {
        let bench = Bench::new(language);
        median(RUNS, || bench.rate("nothing", |_| Bytes::new()))
    });
    beside_rust("insert 1 M small rows in one reducer", "rows/s", Target::None, |language| {
        let bench = Bench::new(language);
        median(3, || {
            bench.call("close_accounts", Bytes::new());
            f64::from(MILLION) / bench.open_accounts(MILLION).as_secs_f64()
        })
    });
    beside_rust("scan of 1 M rows into the module", "rows/s", Target::None, |language| {
        let bench = Bench::new(language);
        bench.open_accounts(MILLION);
        let expected = (i64::from(MILLION) * 1000).to_le_bytes();
        median(3, || f64::from(MILLION) / bench.call("scan", args([&expected])).as_secs_f64())
    });
    beside_rust("from publish to the first answered call", "ms", Target::None, |language| {
        median(RUNS, || publish_millis(language))
    });
    beside_rust("from open to the first answered call", "ms", Target::None, |language| {
        let bench = Bench::new(language);
        let file = bench.folder.path().join("database");
        let Bench { runtime, host, caller, mut database, folder: _folder } = bench;
        median(RUNS, || {
            runtime.block_on(async {
                database.close().await.expect("a clean end");
                let began = Instant::now();
                database = Database::open(&host, &file, KEY).await.expect("it opens again");
                let called = database.call_once(&caller, "nothing", Args::Bsatn(Bytes::new()));
                called.await.expect("the reducer succeeds");
                millis(began.elapsed())
            })
        })
    });
}

fn beside_rust(what: &str, unit: &'static str, target: Target, measure: impl Fn(Language) -> f64) {
    let rust = measure(Language::Rust);
    for language in LANGUAGES {
        print(&Row {
            what: format!("{what}, {}", short_name(language)),
            ours: measure(language),
            limit: Some((rust, "the same in Rust")),
            target,
            unit,
        });
    }
}

/// Into the process that has published before: engines are started already.
fn publish_millis(language: Language) -> f64 {
    let bench = Bench::new(Language::Rust);
    let Bench { runtime, host, caller, folder, .. } = &bench;
    let file = folder.path().join("another");
    let program = program(language);
    runtime.block_on(async {
        let began = Instant::now();
        let database = Database::create(host, &file, KEY, program).await.expect("it can be published");
        let called = database.call_once(caller, "nothing", Args::Bsatn(Bytes::new()));
        called.await.expect("the reducer succeeds");
        millis(began.elapsed())
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What a database costs that nobody calls. In a process of its own, so that nothing else is given back meanwhile.
pub(crate) fn memory() {
    const COUNT: u32 = 10;
    for language in LANGUAGES {
        // What all databases share.
        let first = Bench::new(language);
        let Bench { runtime, host, folder, .. } = &first;
        let open = |file: &Path| {
            let created = Database::create(host, file, KEY, program(language));
            runtime.block_on(created).expect("it can be published")
        };
        let before = resident_bytes();
        let databases: Vec<Database> =
            (0..COUNT).map(|number| open(&folder.path().join(number.to_string()))).collect();
        std::thread::sleep(Duration::from_secs(2));
        let each = (resident_bytes() as f64 - before as f64) / f64::from(COUNT) / MIB;
        drop(databases);
        print(&Row {
            what: format!("memory of an idle database, {}", short_name(language)),
            ours: each,
            limit: None,
            target: Target::AtMost(12.0),
            unit: "MiB",
        });
    }
}

/// A million calls in one isolate, after as many as it takes to be warm.
pub(crate) fn soak() {
    for language in LANGUAGES {
        let bench = Bench::new(language);
        bench.open_accounts(ACCOUNTS);
        transfers(&bench, MILLION / 4);
        let before = resident_bytes();
        transfers(&bench, MILLION);
        print(&Row {
            what: format!("memory grown in 1 M calls, {}", short_name(language)),
            ours: (resident_bytes() as f64 - before as f64) / MIB,
            limit: None,
            target: Target::AtMost(16.0),
            unit: "MiB",
        });
    }
}

/// At least so many.
fn transfers(bench: &Bench, count: u32) {
    let committed = || bench.database.stats().reducers_committed;
    let enough = committed() + u64::from(count);
    while committed() < enough {
        bench.transfers(0.0);
    }
}

fn short_name(language: Language) -> &'static str {
    match language {
        Language::Rust => "Rust",
        Language::OfficialTypeScript => "TypeScript, official",
        Language::OrreryTypeScript => "TypeScript, Orrery's",
    }
}
