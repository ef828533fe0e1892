//! What the official crate's modules get through [`Database`]: no HTTP, everything else.

use std::{
    collections::HashMap,
    fs,
    hint::black_box,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, stream::FuturesUnordered};
use orrery_runtime::{Args, ClientPolicy, Database, Program, ProgramKind};
use orrery_tests::{modules, modules::Language, random::Random};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    bench::{ACCOUNTS, Bench, CACHE, IN_FLIGHT, KEY, RUN, RUNS, TASKS, args},
    table::{Row, Target, median, print, rate, resident_bytes},
    zipf::Zipf,
};

const MILLION: u32 = 1_000_000;

/// Everything that is measured at this level.
pub(crate) fn run() {
    calls();
    rows();
    beside_a_view();
    beside_a_backup();
    upgrade();
    reopen();
}

/// What a row costs in memory. In a process that compiles nothing: what the compiler gives back would hold rows, and
/// they would seem to cost nothing.
pub(crate) fn memory() {
    if std::env::var_os(CACHE).is_none() {
        let bench = Bench::new(Language::Rust);
        let this = std::env::current_exe().expect("this program has a path");
        let mut again = std::process::Command::new(this);
        let status = again.arg("memory").env(CACHE, bench.folder.path().join("cache")).status();
        assert!(status.expect("it can be run again").success(), "memory cannot be measured");
        return;
    }
    let bench = Bench::new(Language::Rust);
    bench.open_accounts(1);
    let before = resident_bytes();
    for first in (1..MILLION).step_by(10_000) {
        let count = 10_000.min(MILLION - first);
        bench.call(
            "open_accounts",
            args([&first.to_le_bytes(), &count.to_le_bytes(), &1000i64.to_le_bytes()]),
        );
    }
    // What was only under way to the disk is not what a row costs.
    std::thread::sleep(Duration::from_secs(3));
    let ours = (resident_bytes() - before) as f64 / f64::from(MILLION);
    print(&Row {
        what: "memory of a row {u32 primary key, i64}".into(),
        ours,
        limit: Some((12.0, "its bytes alone")),
        target: Target::AtMost(64.0),
        unit: "bytes",
    });
}

fn calls() {
    let bench = Bench::new(Language::Rust);
    bench.open_accounts(ACCOUNTS);
    for exponent in [0.0, 1.5] {
        let zipf = Zipf::new(ACCOUNTS, exponent);
        let mut accounts: HashMap<u32, i64> = (0..ACCOUNTS).map(|id| (id, 1000)).collect();
        let mut random = Random::new(1);
        let pairs: Vec<_> = (0..100_000).map(|_| zipf.draw_pair(&mut random)).collect();
        let bare = median(3, || {
            rate(pairs.len(), || {
                for (from, to) in &pairs {
                    let (payer, payee) = (accounts[from], accounts[to]);
                    accounts.insert(*from, payer - 1);
                    accounts.insert(*to, payee + 1);
                }
            })
        });
        black_box(&accounts);
        print(&Row {
            what: format!("transfer, {ACCOUNTS} accounts, zipf {exponent}"),
            ours: median(RUNS, || bench.transfers(exponent)),
            limit: Some((bare, "one thread, a HashMap, nothing durable")),
            target: Target::AtLeast(100_000.0),
            unit: "/s",
        });
    }
    print(&Row {
        what: "empty reducer".into(),
        ours: median(RUNS, || bench.rate("nothing", |_| Bytes::new())),
        limit: Some((bench.job_rate(), "a job to a thread and its answer back")),
        target: Target::AtLeast(250_000.0),
        unit: "/s",
    });
}

impl Bench {
    /// The same tasks with the same number under way, asking a thread that does nothing but answer.
    fn job_rate(&self) -> f64 {
        median(3, || {
            let (jobs, queue) = crossbeam_channel::bounded::<oneshot::Sender<()>>(TASKS * IN_FLIGHT);
            let worker = std::thread::spawn(move || {
                let mut answered = 0u64;
                for answer in queue {
                    answered += u64::from(answer.send(()).is_ok());
                }
                answered
            });
            let began = Instant::now();
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let jobs = jobs.clone();
                    self.runtime.spawn(async move {
                        let ask = || {
                            let (answer, answered) = oneshot::channel();
                            jobs.send(answer).expect("the thread is there");
                            answered
                        };
                        let mut waiting: FuturesUnordered<_> = (0..IN_FLIGHT).map(|_| ask()).collect();
                        while waiting.next().await.is_some() {
                            if began.elapsed() < RUN / 2 {
                                waiting.push(ask());
                            }
                        }
                    })
                })
                .collect();
            self.runtime.block_on(async {
                for task in tasks {
                    task.await.expect("a caller does not panic");
                }
            });
            let elapsed = began.elapsed();
            drop(jobs);
            worker.join().expect("the thread does not panic") as f64 / elapsed.as_secs_f64()
        })
    }
}

fn rows() {
    let bench = Bench::new(Language::Rust);
    let ours = median(RUNS, || {
        bench.call("close_accounts", Bytes::new());
        f64::from(MILLION) / bench.open_accounts(MILLION).as_secs_f64()
    });
    let bare = median(3, || {
        let began = Instant::now();
        let rows: HashMap<u32, i64> = (0..MILLION).map(|id| (id, 1000)).collect();
        black_box(&rows);
        f64::from(MILLION) / began.elapsed().as_secs_f64()
    });
    print(&Row {
        what: "insert 1 M small rows in one reducer".into(),
        ours,
        limit: Some((bare, "into a HashMap")),
        target: Target::AtLeast(600_000.0),
        unit: "rows/s",
    });

    let expected = (i64::from(MILLION) * 1000).to_le_bytes();
    let ours = median(RUNS, || f64::from(MILLION) / bench.call("scan", args([&expected])).as_secs_f64());
    let bytes = vec![1u8; MILLION as usize * 12];
    let bare = median(3, || {
        rate(MILLION as usize, || {
            let copy = black_box(bytes.clone());
            let balances =
                copy.chunks_exact(12).map(|row| i64::from_le_bytes(row[4..].try_into().expect("8 bytes")));
            black_box(balances.fold(0i64, i64::wrapping_add));
        })
    });
    print(&Row {
        what: "scan of 1 M rows into the module".into(),
        ours,
        limit: Some((bare, "memcpy and sum")),
        target: Target::AtLeast(5_000_000.0),
        unit: "rows/s",
    });
}

fn beside_a_view() {
    let bench = Bench::new(Language::Rust);
    bench.open_accounts(ACCOUNTS);
    bench.call("fill", args([&0u32.to_le_bytes(), &MILLION.to_le_bytes()]));
    let mut scanned = Vec::new();
    // One after the other in turns: how fast the machine is changes from minute to minute.
    let ours = median(RUNS, || {
        let alone = bench.transfers(0.0);
        let over = Arc::new(AtomicBool::new(false));
        let scanning = bench.scan_until(&over);
        let beside = bench.transfers(0.0);
        over.store(true, Ordering::Relaxed);
        scanned.push(bench.runtime.block_on(scanning).expect("the scanner does not panic"));
        100.0 * beside / alone
    });
    print(&Row {
        what: "transfers while one view scans 1 M rows".into(),
        ours,
        limit: Some((100.0, "the same without the view")),
        target: Target::AtLeast(80.0),
        unit: "%",
    });
    print(&Row {
        what: "  rows that the view scanned meanwhile".into(),
        ours: scanned.iter().sum::<f64>() / RUNS as f64,
        limit: None,
        target: Target::None,
        unit: "rows/s",
    });
}

impl Bench {
    /// Has a view scan a million rows again and again; how many rows a second.
    fn scan_until(&self, over: &Arc<AtomicBool>) -> JoinHandle<f64> {
        let (database, caller, over) = (self.database.clone(), self.caller.clone(), over.clone());
        self.runtime.spawn(async move {
            let (mut scans, began) = (0u32, Instant::now());
            while !over.load(Ordering::Relaxed) {
                database.view_once(&caller, "total", &Args::none(), &[]).await.expect("the view answers");
                scans += 1;
            }
            f64::from(scans) * f64::from(MILLION) / began.elapsed().as_secs_f64()
        })
    }
}

fn beside_a_backup() {
    let bench = Bench::new(Language::Rust);
    bench.open_accounts(ACCOUNTS);
    bench.call("fill", args([&0u32.to_le_bytes(), &MILLION.to_le_bytes()]));
    let alone = median(3, || bench.transfers(0.0));
    let over = Arc::new(AtomicBool::new(false));
    // One after the other, to a file as `orrery backup` does.
    let copying = {
        let (database, over) = (bench.database.clone(), over.clone());
        let path = bench.folder.path().join("copy");
        bench.runtime.spawn(async move {
            let (mut copies, began) = (0u32, Instant::now());
            while !over.load(Ordering::Relaxed) {
                let (done, is_done) = oneshot::channel();
                let file = fs::File::create(&path).expect("a file");
                let copied = database.backup(file, |_, written| {
                    let _ = done.send(written);
                });
                copied.await.expect("a backup begins");
                is_done.await.expect("and ends").expect("and is written");
                copies += 1;
            }
            f64::from(copies) * f64::from(MILLION) / began.elapsed().as_secs_f64()
        })
    };
    let beside = median(3, || bench.transfers(0.0));
    over.store(true, Ordering::Relaxed);
    let copied = bench.runtime.block_on(copying).expect("the copier does not panic");
    print(&Row {
        what: "transfers while 1 M rows are backed up".into(),
        ours: 100.0 * beside / alone,
        limit: Some((100.0, "the same without the backup")),
        target: Target::AtLeast(80.0),
        unit: "%",
    });
    print(&Row {
        what: "  rows that were backed up meanwhile".into(),
        ours: copied,
        limit: None,
        target: Target::None,
        unit: "rows/s",
    });
}

/// A column more for a million rows, from the program's arrival until the new one answers.
fn upgrade() {
    let mut rows = vec![1_u8; 12 * MILLION as usize];
    let mut random = Random::new(1);
    rows.iter_mut().for_each(|byte| *byte = random.number() as u8);
    let bare = median(3, || {
        let began = Instant::now();
        let wider: Vec<u8> = rows.chunks(12).flat_map(|row| [row, &[7; 4]].concat()).collect();
        let keys = wider.chunks(16).map(|row| u32::from_le_bytes(row[..4].try_into().expect("four bytes")));
        let mut index: Vec<(u32, u32)> = keys.zip(0..).collect();
        index.sort_unstable();
        black_box((&wider, &index));
        began.elapsed().as_secs_f64()
    });
    let seconds = median(3, || {
        let bench = Bench::new(Language::Rust);
        bench.open_accounts(MILLION);
        let wider = || Program { kind: ProgramKind::Wasm, bytes: modules::bytes("bench-wider").into() };
        // It has been looked at before, as whoever publishes does, so it is compiled.
        let plan = bench.runtime.block_on(bench.database.plan(wider())).expect("a plan");
        assert!(plan.outcome.expect("it can be done").breaks_clients);
        let began = Instant::now();
        let published = bench.database.publish(wider(), ClientPolicy::Break);
        bench.runtime.block_on(published).expect("it is done");
        began.elapsed().as_secs_f64()
    });
    print(&Row {
        what: "upgrade that adds a column to 1 M rows".into(),
        ours: seconds,
        limit: Some((bare, "copying the rows, sorting the keys")),
        target: Target::AtMost(2.0),
        unit: "s",
    });
}

fn reopen() {
    let bench = Bench::new(Language::Rust);
    bench.open_accounts(MILLION);
    let file = bench.folder.path().join("database");
    let Bench { runtime, host, folder: _folder, mut database, .. } = bench;
    let ours = median(3, || {
        runtime.block_on(database.close()).expect("a clean end");
        let began = Instant::now();
        database = runtime.block_on(Database::open(&host, &file, KEY)).expect("it opens again");
        began.elapsed().as_secs_f64()
    });
    print(&Row {
        what: "reopen 1 M rows from a checkpoint".into(),
        ours,
        limit: Some((median(3, || read_seconds(&file)), "reading the file")),
        target: Target::AtMost(1.5),
        unit: "s",
    });
}

fn read_seconds(database: &Path) -> f64 {
    let began = Instant::now();
    black_box(fs::read(database.join("data.redb")).expect("the file can be read"));
    began.elapsed().as_secs_f64()
}
