//! A database of the bench module, in any language, and what it takes to call it: no HTTP, everything else.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, stream::FuturesUnordered};
use orrery_host_abi::{ConnectionId, Identity};
use orrery_runtime::{Args, Caller, Database, DatabaseKey, Host, HostConfig, Program, ProgramKind};
use orrery_tests::{modules::Language, random::Random};

use crate::zipf::Zipf;

/// How many accounts transfers go between.
pub(crate) const ACCOUNTS: u32 = 100_000;
/// Callers, and how many calls each has under way.
pub(crate) const TASKS: usize = 64;
pub(crate) const IN_FLIGHT: usize = 40;
/// How long one run calls, and how many runs there are.
pub(crate) const RUN: Duration = Duration::from_secs(2);
pub(crate) const RUNS: usize = 5;

/// Whose the database is.
pub(crate) const KEY: DatabaseKey = DatabaseKey { database: Identity([1; 32]), owner: Identity([2; 32]) };

/// Names the folder with compiled programs, where there is one.
pub(crate) const CACHE: &str = "ORRERY_BENCH_CACHE";

/// A database of the bench module in a folder of its own, and what it takes to call it.
pub(crate) struct Bench {
    pub(crate) language: Language,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) host: Arc<Host>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) database: Database,
    pub(crate) caller: Caller,
}

impl Bench {
    pub(crate) fn new(language: Language) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = std::env::var_os(CACHE);
        let host = Host::new(HostConfig {
            program_cache: Some(cache.map_or_else(|| folder.path().join("cache"), PathBuf::from)),
            time_limit: Duration::from_secs(120),
            ..HostConfig::default()
        })
        .expect("wasm runs here");
        let file = folder.path().join("database");
        let created = runtime.block_on(Database::create(&host, &file, KEY, program(language)));
        let database = created.expect("the bench module can be published");
        let caller =
            Caller { identity: Identity([3; 32]), connection: ConnectionId(1), token_payload: "{}".into() };
        Self { language, runtime, host, folder, database, caller }
    }

    /// Calls a reducer once and waits until its changes are durable; how long that took.
    pub(crate) fn call(&self, reducer: &str, args: Bytes) -> Duration {
        let began = Instant::now();
        let called = self.database.call_once(&self.caller, reducer, Args::Bsatn(args));
        self.runtime.block_on(called).expect("the reducer succeeds");
        began.elapsed()
    }

    pub(crate) fn open_accounts(&self, count: u32) -> Duration {
        self.call("open_accounts", args([&0u32.to_le_bytes(), &count.to_le_bytes(), &1000i64.to_le_bytes()]))
    }

    /// Calls from many tasks with many calls under way, each answered when durable; how many a second.
    pub(crate) fn rate(
        &self,
        reducer: &'static str,
        make: impl Fn(&mut Random) -> Bytes + Clone + Send + Sync + 'static,
    ) -> f64 {
        let committed = self.database.stats().reducers_committed;
        let done = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let mut random = Random::new(1);
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (database, caller, make) = (self.database.clone(), self.caller.clone(), make.clone());
                let (done, over, mut random) = (done.clone(), over.clone(), random.fork());
                self.runtime.spawn(async move {
                    let mut calls = FuturesUnordered::new();
                    let mut call = || database.call_once(&caller, reducer, Args::Bsatn(make(&mut random)));
                    calls.extend((0..IN_FLIGHT).map(|_| call()));
                    while let Some(called) = calls.next().await {
                        called.expect("the reducer succeeds");
                        done.fetch_add(1, Ordering::Relaxed);
                        if !over.load(Ordering::Relaxed) {
                            calls.push(call());
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(RUN / 10);
        let (before, began) = (done.load(Ordering::Relaxed), Instant::now());
        std::thread::sleep(RUN);
        let rate = (done.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        self.runtime.block_on(async {
            for task in tasks {
                task.await.expect("a caller does not panic");
            }
        });
        let committed = self.database.stats().reducers_committed - committed;
        assert_eq!(
            committed,
            done.load(Ordering::Relaxed),
            "every answer must stand for a call that has run"
        );
        rate
    }

    pub(crate) fn transfers(&self, exponent: f64) -> f64 {
        let zipf = Arc::new(Zipf::new(ACCOUNTS, exponent));
        self.rate("transfer", move |random| {
            let (from, to) = zipf.draw_pair(random);
            args([&from.to_le_bytes(), &to.to_le_bytes(), &1i64.to_le_bytes()])
        })
    }
}

/// Arguments in BSATN, one after the other.
pub(crate) fn args<const N: usize>(parts: [&[u8]; N]) -> Bytes {
    parts.concat().into()
}

/// The bench module.
pub(crate) fn program(language: Language) -> Program {
    let kind = match language {
        Language::Rust => ProgramKind::Wasm,
        Language::OfficialTypeScript | Language::OrreryTypeScript => ProgramKind::Js,
    };
    Program { kind, bytes: language.program("bench").bytes.into() }
}
