//! Scheduled tables under a clock that goes as the test says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use orrery_host_abi::{
    ConnectionId, Identity, Timestamp,
    bsatn::{Decode, Encode, Reader},
};
use orrery_runtime::{
    Args, CallError, Caller, Clock, Database, DatabaseKey, Host, HostConfig, Program, ProgramKind, ViewReply,
};

/// Longer than anything takes on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(200);

const SECOND: i64 = 1_000_000;
/// So much later: not at all.
const NOW: i64 = 0;
const DAY: i64 = 24 * 3600 * SECOND;
/// When every test begins.
const START: i64 = 1_700_000_000 * SECOND;

const KEY: DatabaseKey = DatabaseKey { database: Identity([1; 32]), owner: Identity([2; 32]) };

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
struct VirtualClock(AtomicI64);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn wait_for(&self, until: Timestamp) -> Duration {
        if self.now() >= until { Duration::ZERO } else { Duration::from_millis(1) }
    }
}

/// The module `schedules` of the tests.
static MODULE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/build-modules");
    let built =
        Command::new(script).stderr(Stdio::inherit()).output().expect("tests/build-modules cannot be run");
    assert!(built.status.success(), "tests/build-modules failed");
    let folder = PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim_end());
    fs::read(folder.join("schedules.wasm")).expect("the module was built")
});

/// A database whose time the test makes.
struct World {
    runtime: tokio::runtime::Runtime,
    host: Arc<Host>,
    clock: Arc<VirtualClock>,
    folder: tempfile::TempDir,
    database: Option<Database>,
}

/// Something that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ran {
    name: String,
    /// Microseconds since the test began.
    at: i64,
    by_database: bool,
    has_connection: bool,
    row_was_there: bool,
}

impl World {
    fn new() -> Self {
        Self::with(HostConfig::default())
    }

    fn with(config: HostConfig) -> Self {
        let clock = Arc::new(VirtualClock(AtomicI64::new(START)));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let host = Host::new(HostConfig { clock: clock.clone(), ..config }).expect("wasm runs here");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = Program { kind: ProgramKind::Wasm, bytes: MODULE.clone().into() };
        let path = folder.path().join("database");
        let database =
            runtime.block_on(Database::create(&host, &path, KEY, program)).expect("the module is fine");
        Self { runtime, host, clock, folder, database: Some(database) }
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("the database is open")
    }

    /// Closes the database.
    fn stop(&mut self) {
        let database = self.database.take().expect("the database is open");
        self.runtime.block_on(database.close()).expect("the disk is fine");
    }

    /// Opens it again.
    fn start(&mut self) {
        let path = self.folder.path().join("database");
        let opened = self.runtime.block_on(Database::open(&self.host, &path, KEY));
        self.database = Some(opened.expect("the database was closed cleanly"));
    }

    /// Sets the clock, in microseconds since the test began, and lets run what is due.
    fn set_time(&self, micros: i64) {
        self.clock.0.store(START + micros, Ordering::SeqCst);
        self.settle();
    }

    /// Lets run what is due.
    fn settle(&self) {
        // Between the first and the second job, the worker has looked at what is due after the first was sent.
        for _ in 0..2 {
            self.call("nothing", &[]);
        }
    }

    fn try_call(&self, reducer: &str, args: &[&dyn Arg]) -> Result<(), CallError> {
        let mut bytes = Vec::new();
        for arg in args {
            arg.put(&mut bytes);
        }
        let caller = caller();
        let called = self.database().call_once(&caller, reducer, Args::Bsatn(bytes.into()));
        self.runtime.block_on(called).map(drop)
    }

    #[track_caller]
    fn call(&self, reducer: &str, args: &[&dyn Arg]) {
        loop {
            match self.try_call(reducer, args) {
                Ok(()) => return,
                // Where the queue is short, others may be in it.
                Err(CallError::Busy) => thread::yield_now(),
                Err(error) => panic!("{reducer}: {error}"),
            }
        }
    }

    fn rows(&self, view: &str) -> Vec<u8> {
        let reply = self.runtime.block_on(self.database().view_once(&caller(), view, &Args::none(), &[]));
        let Ok(ViewReply::Rows(answer)) = reply else { panic!("{view} gives no rows: {reply:?}") };
        answer.rows.to_vec()
    }

    /// Everything that ran.
    fn runs(&self) -> Vec<Ran> {
        let rows = self.rows("runs");
        let mut reader = Reader::new(&rows);
        let count = reader.read_u32().expect("an array");
        let mut read = || Ran {
            name: Decode::decode(&mut reader).expect("a name"),
            at: i64::decode(&mut reader).expect("a time") - START,
            by_database: Decode::decode(&mut reader).expect("a bool"),
            has_connection: Decode::decode(&mut reader).expect("a bool"),
            row_was_there: Decode::decode(&mut reader).expect("a bool"),
        };
        (0..count).map(|_| read()).collect()
    }

    /// Names and times of everything that ran.
    fn ran(&self) -> Vec<(String, i64)> {
        self.runs().into_iter().map(|ran| (ran.name, ran.at)).collect()
    }

    /// The names of all rows that are there.
    fn waiting(&self) -> Vec<String> {
        Vec::from_bsatn(&self.rows("waiting")).expect("an array of texts")
    }

    /// Waits until something is so that does not happen on the worker.
    #[track_caller]
    fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "never: {what}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.database.is_some() {
            self.stop();
        }
    }
}

fn caller() -> Caller {
    Caller { identity: KEY.owner, connection: ConnectionId(1), token_payload: "{}".into() }
}

/// An argument of a reducer.
trait Arg {
    fn put(&self, out: &mut Vec<u8>);
}

impl Arg for &str {
    fn put(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl Arg for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl Arg for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

fn expect<const N: usize>(runs: [(&str, i64); N]) -> Vec<(String, i64)> {
    runs.map(|(name, at)| (name.to_string(), at)).to_vec()
}

// ---- one-shots ----

#[test]
fn a_one_shot_runs_once_when_it_is_due() {
    let world = World::new();
    world.call("schedule", &[&"a", &"", &(10 * SECOND)]);
    world.set_time(10 * SECOND - 1);
    assert_eq!(world.ran(), []);
    assert_eq!(world.waiting(), ["a"]);
    world.set_time(10 * SECOND);
    let expected = Ran {
        name: "a".into(),
        at: 10 * SECOND,
        by_database: true,
        has_connection: false,
        row_was_there: true,
    };
    assert_eq!(world.runs(), [expected]);
    assert_eq!(world.waiting(), [""; 0]);
    world.set_time(DAY);
    assert_eq!(world.runs().len(), 1);
    assert_eq!(world.database().stats().scheduled_run, 1);
}

#[test]
fn a_late_function_sees_the_time_that_it_is() {
    let world = World::new();
    world.call("schedule", &[&"a", &"", &SECOND]);
    world.set_time(7 * SECOND);
    assert_eq!(world.ran(), expect([("a", 7 * SECOND)]));
}

#[test]
fn the_past_is_due_at_once() {
    let world = World::new();
    for (name, micros) in [("a", -1), ("b", 0), ("c", -DAY)] {
        world.call("schedule", &[&name, &"", &micros]);
        world.settle();
    }
    world.call("schedule_at", &[&"d", &i64::MIN]);
    world.settle();
    assert_eq!(world.ran(), expect([("a", 0), ("b", 0), ("c", 0), ("d", 0)]));
}

#[test]
fn rows_run_in_the_order_of_their_times_and_then_of_their_keys() {
    let world = World::new();
    for (name, seconds) in [("c", 3), ("a", 1), ("b", 2), ("b'", 2), ("a'", 1)] {
        world.call("schedule", &[&name, &"", &(seconds * SECOND)]);
    }
    world.call("repeat", &[&"i", &"", &(2 * SECOND)]);
    world.set_time(3 * SECOND);
    let names: Vec<_> = world.ran().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "a'", "b", "b'", "i", "c"]);
}

#[test]
fn the_far_future_comes() {
    let world = World::new();
    let limit = ((1 << 36) - 1) * 1000;
    world.call("schedule", &[&"a", &"", &(limit - 1)]);
    world.set_time(limit - 2);
    assert_eq!(world.ran(), []);
    world.set_time(limit - 1);
    assert_eq!(world.ran(), expect([("a", limit - 1)]));
}

#[test]
fn a_delay_that_is_too_long_is_refused() {
    let world = World::new();
    let limit = ((1 << 36) - 1) * 1000;
    for micros in [limit, i64::MAX] {
        assert!(world.try_call("schedule", &[&"a", &"", &micros]).is_err());
        assert!(world.try_call("repeat", &[&"a", &"", &micros]).is_err());
    }
    assert!(world.try_call("repeat", &[&"a", &"", &i64::MIN]).is_err());
    assert_eq!(world.waiting(), [""; 0]);
}

#[test]
fn what_was_rolled_back_never_runs() {
    let world = World::new();
    assert!(world.try_call("schedule_and_fail", &[&"a"]).is_err());
    world.set_time(DAY);
    assert_eq!(world.ran(), []);
}

#[test]
fn a_one_shot_that_fails_is_gone_all_the_same() {
    let world = World::new();
    for action in ["fail", "panic"] {
        world.call("schedule", &[&action, &action, &SECOND]);
    }
    world.set_time(SECOND);
    assert_eq!(world.waiting(), [""; 0]);
    assert_eq!(world.ran(), [], "what they did is undone");
    let log = fs::read_to_string(world.folder.path().join("database/module.log")).unwrap();
    assert_eq!(log.matches("failing fail").count(), 1, "it is not tried again:\n{log}");
    assert_eq!(log.matches("the scheduled call of `run_job` failed").count(), 2, "{log}");
    world.call("schedule", &[&"a", &"", &NOW]);
    world.settle();
    assert_eq!(world.ran(), expect([("a", SECOND)]));
}

// ---- intervals ----

#[test]
fn an_interval_runs_at_its_multiples() {
    let world = World::new();
    world.call("repeat", &[&"a", &"", &(10 * SECOND)]);
    world.settle();
    assert_eq!(world.ran(), []);
    for seconds in [9, 10, 19, 22, 30] {
        world.set_time(seconds * SECOND);
    }
    let expected = [("a", 10 * SECOND), ("a", 22 * SECOND), ("a", 30 * SECOND)];
    assert_eq!(world.ran(), expect(expected), "lateness does not add up");
    // What was missed is left out.
    world.set_time(75 * SECOND);
    world.set_time(80 * SECOND);
    assert_eq!(world.ran()[3..], expect([("a", 75 * SECOND), ("a", 80 * SECOND)]));
    assert_eq!(world.waiting(), ["a"]);
}

#[test]
fn the_sign_of_an_interval_does_not_matter() {
    let world = World::new();
    world.call("repeat", &[&"a", &"", &-SECOND]);
    world.set_time(SECOND);
    world.set_time(2 * SECOND);
    assert_eq!(world.ran().len(), 2);
}

#[test]
fn an_interval_of_nothing_runs_all_the_time_and_lets_others_run() {
    let world = World::new();
    world.call("repeat", &[&"a", &"stop", &NOW]);
    world.call("schedule", &[&"b", &"", &NOW]);
    world.settle();
    let names: Vec<_> = world.ran().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.iter().filter(|name| *name == "a").count(), 3);
    assert!(names.contains(&"b".to_string()));
    // One that never stops stands in nobody's way.
    world.call("repeat", &[&"c", &"fail", &NOW]);
    world.settle();
    world.call("cancel", &[&"c"]);
    world.settle();
    assert_eq!(world.waiting(), [""; 0]);
}

#[test]
fn an_interval_goes_on_after_failures() {
    let world = World::new();
    world.call("repeat", &[&"a", &"panic", &SECOND]);
    for second in 1..=3 {
        world.set_time(second * SECOND);
    }
    assert_eq!(world.database().stats().scheduled_run, 3);
    assert_eq!(world.waiting(), ["a"]);
}

// ---- changes ----

#[test]
fn who_deletes_a_row_cancels_it() {
    let world = World::new();
    world.call("schedule", &[&"a", &"", &SECOND]);
    world.call("repeat", &[&"b", &"", &SECOND]);
    world.call("schedule", &[&"c", &"", &SECOND]);
    world.call("cancel", &[&"a"]);
    world.set_time(SECOND);
    world.call("cancel", &[&"b"]);
    world.set_time(DAY);
    assert_eq!(world.ran(), expect([("b", SECOND), ("c", SECOND)]));
}

#[test]
fn a_function_may_delete_its_own_row() {
    let world = World::new();
    world.call("schedule", &[&"a", &"cancel", &SECOND]);
    world.call("repeat", &[&"b", &"cancel", &SECOND]);
    world.set_time(SECOND);
    world.set_time(DAY);
    assert_eq!(world.ran(), expect([("a", SECOND), ("b", SECOND)]));
    assert_eq!(world.waiting(), [""; 0]);
}

#[test]
fn who_changes_the_time_changes_when_it_runs() {
    let world = World::new();
    world.call("schedule", &[&"a", &"", &(2 * SECOND)]);
    world.call("put_off", &[&"a", &(5 * SECOND)]);
    world.set_time(4 * SECOND);
    assert_eq!(world.ran(), []);
    // To earlier than it was, and from an interval to one time.
    world.call("put_off", &[&"a", &(SECOND / 2)]);
    world.call("repeat", &[&"b", &"", &SECOND]);
    world.call("put_off", &[&"b", &(SECOND / 4)]);
    world.set_time(10 * SECOND);
    assert_eq!(world.ran(), expect([("b", 10 * SECOND), ("a", 10 * SECOND)]));
    assert_eq!(world.waiting(), [""; 0]);
}

#[test]
fn other_changes_leave_the_time_as_it_is() {
    let world = World::new();
    world.call("repeat", &[&"a", &"", &(10 * SECOND)]);
    world.set_time(9 * SECOND);
    world.call("touch", &[&"a", &"stop"]);
    world.set_time(10 * SECOND);
    assert_eq!(world.ran(), expect([("a", 10 * SECOND)]));
}

#[test]
fn a_one_shot_may_have_itself_run_again() {
    let world = World::new();
    world.call("schedule", &[&"a", &"again", &SECOND]);
    world.set_time(SECOND);
    assert_eq!(world.waiting(), ["a"]);
    world.set_time(2 * SECOND);
    world.set_time(DAY);
    assert_eq!(world.ran(), expect([("a", SECOND), ("a", 2 * SECOND)]));
}

#[test]
fn a_one_shot_that_changes_its_row_but_not_its_time_is_over() {
    let world = World::new();
    world.call("schedule", &[&"a", &"touch", &SECOND]);
    world.call("repeat", &[&"b", &"touch", &SECOND]);
    world.set_time(SECOND);
    world.settle();
    assert_eq!(world.ran(), expect([("a", SECOND), ("b", SECOND)]));
    assert_eq!(world.waiting(), ["b'"]);
    world.set_time(2 * SECOND);
    assert_eq!(world.ran().len(), 3);
}

// ---- restarts ----

#[test]
fn after_a_restart_one_shots_that_are_past_run_and_intervals_begin_anew() {
    let mut world = World::new();
    world.call("schedule", &[&"a", &"", &(10 * SECOND)]);
    world.call("schedule", &[&"b", &"", &(30 * SECOND)]);
    world.call("repeat", &[&"i", &"", &(8 * SECOND)]);
    world.set_time(9 * SECOND);
    assert_eq!(world.ran(), expect([("i", 9 * SECOND)]));
    world.stop();
    world.clock.0.store(START + 20 * SECOND, Ordering::SeqCst);
    world.start();
    world.settle();
    assert_eq!(world.ran()[1..], expect([("a", 20 * SECOND)]));
    world.set_time(27 * SECOND);
    world.set_time(28 * SECOND);
    world.set_time(30 * SECOND);
    assert_eq!(world.ran()[2..], expect([("i", 28 * SECOND), ("b", 30 * SECOND)]));
    world.stop();
    world.start();
    world.settle();
    assert_eq!(world.waiting(), ["i"]);
    assert_eq!(world.ran().len(), 4);
}

#[test]
fn a_reset_forgets_what_was_scheduled() {
    let world = World::new();
    world.call("schedule", &[&"a", &"", &SECOND]);
    world.call("repeat", &[&"b", &"", &SECOND]);
    world.runtime.block_on(world.database().reset(None)).expect("it starts again");
    world.set_time(SECOND);
    assert_eq!(world.ran(), []);
    world.call("schedule", &[&"c", &"", &SECOND]);
    world.set_time(2 * SECOND);
    assert_eq!(world.ran(), expect([("c", 2 * SECOND)]));
}

// ---- procedures ----

#[test]
fn the_row_of_a_procedure_is_gone_before_it_runs() {
    let world = World::new();
    world.call("send", &[&"a", &"", &SECOND]);
    world.set_time(SECOND);
    world.wait_until("it ran", |world| world.runs().len() == 1);
    let expected =
        Ran { name: "a".into(), at: SECOND, by_database: true, has_connection: false, row_was_there: false };
    assert_eq!(world.runs(), [expected]);
    assert_eq!(world.waiting(), [""; 0]);
}

#[test]
fn a_procedure_that_breaks_is_not_tried_again() {
    let world = World::new();
    world.call("send", &[&"a", &"panic", &SECOND]);
    world.set_time(SECOND);
    world.wait_until("it ran", |world| world.runs().len() == 1);
    world.call("send", &[&"b", &"", &NOW]);
    world.wait_until("the next one ran", |world| world.runs().len() == 2);
    world.set_time(DAY);
    assert_eq!(world.runs().len(), 2);
    assert_eq!(world.waiting(), [""; 0]);
}

#[test]
fn a_procedure_with_an_interval_never_runs_twice_at_a_time() {
    let world = World::new();
    world.call("send_repeatedly", &[&"a", &"wait", &SECOND]);
    world.set_time(SECOND);
    world.wait_until("it runs", |world| world.runs().len() == 1);
    for second in 2..=5 {
        world.set_time(second * SECOND);
    }
    assert_eq!(world.ran(), expect([("a", SECOND)]));
    // Others run meanwhile.
    world.call("schedule", &[&"b", &"", &NOW]);
    world.settle();
    assert_eq!(world.ran()[1..], expect([("b", 5 * SECOND)]));
    world.call("set", &[&"over"]);
    world.set_time(5 * SECOND + SECOND / 2);
    world.wait_until("it is over", |world| world.runs().len() == 3);
    // It goes on at the multiple that comes next when the worker knows that it is over.
    let mut micros = 5 * SECOND;
    world.wait_until("it runs again", |world| {
        micros += SECOND;
        world.set_time(micros);
        world.runs().len() > 3
    });
    assert_eq!(world.ran()[3].0, "a");
    world.call("cancel", &[&"a"]);
}

#[test]
fn procedures_for_which_there_is_no_room_wait_in_their_table() {
    let world =
        World::with(HostConfig { procedure_instances: 1, queue_capacity: 2, ..HostConfig::default() });
    for name in ["a", "b", "c", "d", "e"] {
        world.call("send", &[&name, &"wait", &SECOND]);
    }
    world.set_time(SECOND);
    world.wait_until("one runs", |world| world.runs().len() == 1);
    world.settle();
    // Two wait for the thread, or three if it has the first one already.
    assert!(world.waiting().ends_with(&["d".into(), "e".into()]), "what does not run is not forgotten");
    world.call("set", &[&"over"]);
    let mut micros = 2 * SECOND;
    world.wait_until("all ran", |world| {
        micros += SECOND;
        world.set_time(micros);
        world.runs().len() == 10
    });
    assert_eq!(world.waiting(), [""; 0]);
}

// ---- many ----

#[test]
fn a_hundred_thousand_rows() {
    let world = World::new();
    let chunk = 10_000;
    for seconds in 1..=10 {
        world.call("schedule_many", &[&(chunk as u32), &(seconds * DAY)]);
    }
    world.set_time(DAY - 1);
    assert_eq!(world.database().stats().scheduled_run, 0);
    for seconds in 1..=2 {
        world.clock.0.store(START + seconds * DAY, Ordering::SeqCst);
        world.wait_until("they all ran", |world| {
            world.database().stats().scheduled_run == (seconds * chunk) as u64
        });
        world.settle();
    }
    assert_eq!(world.waiting().len(), 80_000);
    let names: Vec<_> = world.ran().into_iter().map(|(name, _)| name.parse::<i64>().unwrap()).collect();
    let expected: Vec<_> = (0..chunk).chain(0..chunk).collect();
    assert_eq!(names, expected, "each once, in order");
}
