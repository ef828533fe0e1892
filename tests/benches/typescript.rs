//! The bench module in TypeScript, with the official package and with Orrery's own, beside the same in Rust.

use std::{
    fmt::Debug,
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use orrery_runtime::{Args, Database};
use orrery_tests::modules::Language;

use crate::{
    bench::{ACCOUNTS, Bench, KEY, RUNS, args, program},
    table::{Row, Target, print, resident_bytes},
};

const TYPESCRIPT: [Language; 2] = [Language::OfficialTypeScript, Language::OrreryTypeScript];
const MILLION: u32 = 1_000_000;
const MIB: f64 = 1024.0 * 1024.0;

/// Each kind of work in Rust and in TypeScript.
pub(crate) fn run() {
    let mut benches = Language::ALL.map(Bench::new);
    for bench in &benches {
        bench.open_accounts(ACCOUNTS);
    }
    // The one whose ratio is a target.
    beside_rust(&mut benches, 3 * RUNS, "transfer", "/s", Target::AtLeast(80_000.0), |bench| {
        bench.transfers(0.0)
    });
    beside_rust(&mut benches, RUNS, "empty reducer", "/s", Target::AtLeast(200_000.0), |bench| {
        bench.rate("nothing", |_| Bytes::new())
    });
    beside_rust(&mut benches, RUNS, "insert 1 M rows", "rows/s", Target::None, |bench| {
        bench.call("close_accounts", Bytes::new());
        f64::from(MILLION) / bench.open_accounts(MILLION).as_secs_f64()
    });
    beside_rust(&mut benches, RUNS, "scan of 1 M rows", "rows/s", Target::None, |bench| {
        let expected = (i64::from(MILLION) * 1000).to_le_bytes();
        f64::from(MILLION) / bench.call("scan", args([&expected])).as_secs_f64()
    });
    let mut benches = Language::ALL.map(Bench::new);
    beside_rust(&mut benches, RUNS, "publish, first call", "ms", Target::None, |bench| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = program(bench.language);
        bench.first_answer(Database::create(&bench.host, &folder.path().join("database"), KEY, program)).0
    });
    beside_rust(&mut benches, RUNS, "open, first call", "ms", Target::None, |bench| {
        bench.runtime.block_on(bench.database.close()).expect("a clean end");
        let file = bench.folder.path().join("database");
        let (millis, database) = bench.first_answer(Database::open(&bench.host, &file, KEY));
        bench.database = database;
        millis
    });
}

/// All languages in turns, because how fast the machine is changes from minute to minute.
fn beside_rust(
    benches: &mut [Bench; 3],
    rounds: usize,
    what: &str,
    unit: &'static str,
    target: Target,
    measure: impl Fn(&mut Bench) -> f64,
) {
    let mut figures = [(); 3].map(|()| Vec::new());
    for _ in 0..rounds {
        for (bench, figures) in benches.iter_mut().zip(&mut figures) {
            figures.push(measure(bench));
        }
    }
    let [rust, official, orrery] = figures.map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        figures[rounds / 2]
    });
    for (language, ours) in TYPESCRIPT.into_iter().zip([official, orrery]) {
        print(&Row {
            what: format!("{what}, {}", language.name()),
            ours,
            limit: Some((rust, "the same in Rust")),
            target,
            unit,
        });
    }
}

impl Bench {
    /// How many milliseconds it takes until a database is there and has answered a call.
    fn first_answer<E: Debug>(&self, database: impl Future<Output = Result<Database, E>>) -> (f64, Database) {
        self.runtime.block_on(async {
            let began = Instant::now();
            let database = database.await.expect("the database starts");
            let called = database.call_once(&self.caller, "nothing", Args::Bsatn(Bytes::new()));
            called.await.expect("the reducer succeeds");
            (began.elapsed().as_secs_f64() * 1000.0, database)
        })
    }
}

/// What a database costs that nobody calls. In a process of its own, so that nothing else is given back meanwhile.
pub(crate) fn memory() {
    const COUNT: u32 = 10;
    for language in TYPESCRIPT {
        // What all databases share is there before.
        let first = Bench::new(language);
        let open = |file: &Path| {
            let created = Database::create(&first.host, file, KEY, program(language));
            first.runtime.block_on(created).expect("it can be published")
        };
        let before = resident_bytes();
        let databases: Vec<Database> =
            (0..COUNT).map(|number| open(&first.folder.path().join(number.to_string()))).collect();
        std::thread::sleep(Duration::from_secs(2));
        let each = (resident_bytes() as f64 - before as f64) / f64::from(COUNT) / MIB;
        drop(databases);
        print(&Row {
            what: format!("memory of an idle database, {}", language.name()),
            ours: each,
            limit: None,
            target: Target::AtMost(12.0),
            unit: "MiB",
        });
    }
}

/// A million calls in one isolate, after as many as it takes to be warm.
pub(crate) fn soak() {
    for language in TYPESCRIPT {
        let bench = Bench::new(language);
        bench.open_accounts(ACCOUNTS);
        bench.transfer_at_least(MILLION / 4);
        let before = resident_bytes();
        bench.transfer_at_least(MILLION);
        print(&Row {
            what: format!("memory grown in 1 M calls, {}", language.name()),
            ours: (resident_bytes() as f64 - before as f64) / MIB,
            limit: None,
            target: Target::AtMost(16.0),
            unit: "MiB",
        });
    }
}

impl Bench {
    fn transfer_at_least(&self, count: u32) {
        let committed = || self.database.stats().reducers_committed;
        let enough = committed() + u64::from(count);
        while committed() < enough {
            self.transfers(0.0);
        }
    }
}
