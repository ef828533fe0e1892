//! Rounds of real load over HTTP, each ended by `kill -9` at a random moment and followed by a restart on the same
//! data. After each, this must hold:
//!
//! - every operation whose answer arrived is there, and none that was answered with a failure;
//! - every transaction is whole: what it spread over several tables adds up (the module's view `audit` looks);
//! - nothing is there that nobody asked for;
//! - a value that a sequence gave to a committed row is never given again, not even after the row is gone.
//!
//! `--seed` repeats the choices of a run; when the kill strikes within the server remains up to the machine.

use std::{
    collections::{HashMap, HashSet},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use orrery_tests::{
    Server,
    http::{Client, Connection, Request},
    modules,
    random::Random,
};

const DATABASE: &str = "torture";
/// So small that checkpoints are written all the time, and kills strike in the middle of them.
const CHECKPOINT_AFTER: &str = "256KiB";
/// What the server says when it finds a checkpoint that a kill has interrupted.
const INTERRUPTED: &str = "a checkpoint was not finished";
/// After so many rounds, none of which has interrupted a checkpoint, the test does not test what it should.
const ROUNDS_TO_INTERRUPT: u32 = 100;

/// Kills the server under load again and again, and checks that it has forgotten nothing.
#[derive(Parser)]
struct Options {
    /// How often.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Repeats the choices of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// How many connections send at once.
    #[arg(long, default_value_t = 8)]
    connections: u32,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let seed = options.seed.unwrap_or(now.as_micros() as u64);
    println!("torture: {} rounds, seed {seed}", options.rounds);

    let mut server = Server::start_with(&["--checkpoint-after", CHECKPOINT_AFTER]);
    let owner = server.new_client();
    owner.publish(DATABASE, &modules::bytes("torture")).expect(200);
    let mut random = Random::new(seed);
    let mut known = Known::default();
    let began = Instant::now();
    for round in 1..=options.rounds {
        let sent = load(&mut server, &owner, &options, round, &mut random);
        let summary = sent.summary();
        let found = restart_and_check(&mut server, &owner, &mut known, sent, &mut random);
        match found {
            Ok(there) => println!("round {round}: {summary}, {there} operations there"),
            Err(violations) => {
                println!("round {round}: {summary}\nVIOLATED (seed {seed}):\n{violations}");
                return ExitCode::FAILURE;
            }
        }
    }
    let interrupted = server.log().matches(INTERRUPTED).count();
    println!(
        "torture: {} acknowledged operations survived {} kills in {} s; {interrupted} struck during a checkpoint",
        known.acknowledged_count,
        options.rounds,
        began.elapsed().as_secs()
    );
    if interrupted == 0 && options.rounds >= ROUNDS_TO_INTERRUPT {
        println!("no kill has struck during a checkpoint: this run says nothing about them");
        return ExitCode::FAILURE;
    }
    println!("rounds: {} passed, 0 failed", options.rounds);
    ExitCode::SUCCESS
}

/// What was sent in one round and what came of it.
#[derive(Default)]
struct Sent {
    /// Everything that went out, whether or not an answer came back.
    submitted: Vec<u64>,
    acknowledged: Vec<u64>,
    /// Answered with the failure that was asked for.
    failed: Vec<u64>,
    /// Answers that nobody should get.
    surprises: Vec<String>,
    killed_after: Duration,
}

impl Sent {
    fn absorb(&mut self, other: Self) {
        self.submitted.extend(other.submitted);
        self.acknowledged.extend(other.acknowledged);
        self.failed.extend(other.failed);
        self.surprises.extend(other.surprises);
    }

    fn summary(&self) -> String {
        format!(
            "{} sent, {} acknowledged, {} failed as told, killed after {} ms",
            self.submitted.len(),
            self.acknowledged.len(),
            self.failed.len(),
            self.killed_after.as_millis()
        )
    }
}

/// What is known over all rounds.
#[derive(Default)]
struct Known {
    /// Operations that must be there, and that may be there.
    acknowledged: HashSet<u64>,
    submitted: HashSet<u64>,
    failed: HashSet<u64>,
    acknowledged_count: usize,
    /// The operation that each value of the two sequences was seen on.
    tickets: HashMap<u64, u64>,
    legs: HashMap<u64, u64>,
}

/// Sends from all connections until the kill strikes.
fn load(server: &mut Server, owner: &Client, options: &Options, round: u32, random: &mut Random) -> Sent {
    let lifetime = Duration::from_millis(random.below(700));
    // Now and then so many bytes that the disk is behind.
    let heavy = random.one_in(3);
    let killed = AtomicBool::new(false);
    let mut sent = Sent::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..options.connections)
            .map(|connection| {
                let first = u64::from(round) << 32 | u64::from(connection) << 24;
                let (random, killed) = (random.fork(), &killed);
                scope.spawn(move || send_until_killed(owner, first, heavy, random, killed))
            })
            .collect();
        thread::sleep(lifetime);
        // Set first: an answer that fails to come after this is the kill's doing.
        killed.store(true, Ordering::SeqCst);
        server.kill();
        for worker in workers {
            sent.absorb(worker.join().expect("a worker does not panic"));
        }
    });
    sent.killed_after = lifetime;
    sent
}

fn send_until_killed(
    client: &Client,
    first: u64,
    heavy: bool,
    mut random: Random,
    killed: &AtomicBool,
) -> Sent {
    let mut sent = Sent::default();
    let Ok(mut connection) = Connection::open(client.address()) else {
        return sent;
    };
    for operation in first.. {
        let (reducer, arguments) = choose(operation, heavy, &mut random);
        let target = format!("/v1/database/{DATABASE}/call/{reducer}");
        let request = client.authorize(Request::new("POST", &target).json(&arguments));
        sent.submitted.push(operation);
        match connection.send(&request) {
            Ok(answer) if answer.status == 200 && reducer != "fail" => sent.acknowledged.push(operation),
            Ok(answer) if answer.status == 530 && reducer == "fail" => sent.failed.push(operation),
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                sent.surprises.push(format!("{reducer}({arguments}) answered {}: {text}", answer.status));
                break;
            }
            Err(_) if killed.load(Ordering::SeqCst) => break,
            Err(error) => {
                sent.surprises.push(format!("{reducer}({arguments}) got no answer: {error}"));
                break;
            }
        }
    }
    sent
}

fn choose(operation: u64, heavy: bool, random: &mut Random) -> (&'static str, String) {
    match random.below(10) {
        0 => {
            let length = if heavy { random.below(2_000_000) } else { random.below(2_000) };
            ("send", format!("[{operation},{length}]"))
        }
        1 => ("fail", format!("[{operation},{},{}]", random.below(1000), random.below(1000))),
        _ => {
            let (from, to, amount) = (random.below(1000), random.below(1000), random.below(100));
            ("transfer", format!("[{operation},{from},{to},{amount}]"))
        }
    }
}

/// Starts the server again, now and then only to kill it while it recovers, and looks at what is there. Answers
/// how many operations, or what is wrong.
fn restart_and_check(
    server: &mut Server,
    owner: &Client,
    known: &mut Known,
    sent: Sent,
    random: &mut Random,
) -> Result<usize, String> {
    if random.one_in(4) {
        server.run_briefly(Duration::from_millis(random.below(60)));
    }
    server.run();
    known.acknowledged_count += sent.acknowledged.len();
    known.acknowledged.extend(sent.acknowledged);
    known.submitted.extend(sent.submitted);
    known.failed.extend(sent.failed);

    let mut violations = sent.surprises;
    for finding in owner.rows(DATABASE, "audit") {
        violations.push(finding["text"].to_string());
    }
    let number = |value: &serde_json::Value| value.as_u64().expect("an unsigned number");
    let mut there = HashSet::new();
    for booked in owner.rows(DATABASE, "booked") {
        let operation = number(&booked["operation"]);
        there.insert(operation);
        let mut drawn = |what: &str, value: u64, seen: &mut HashMap<u64, u64>| {
            let before = *seen.entry(value).or_insert(operation);
            if before != operation {
                violations.push(format!("{what} {value} of operation {operation} was {before}'s before"));
            }
        };
        drawn("ticket", number(&booked["ticket"]), &mut known.tickets);
        for leg in booked["legs"].as_array().expect("legs are a list") {
            drawn("leg", number(leg), &mut known.legs);
        }
    }
    let mut complain = |what: &str, operations: &mut dyn Iterator<Item = &u64>| {
        violations.extend(operations.map(|operation| format!("operation {operation} {what}")));
    };
    complain("was acknowledged and is lost", &mut known.acknowledged.difference(&there));
    complain("was never sent", &mut there.difference(&known.submitted));
    complain("failed, and is there", &mut there.intersection(&known.failed));
    if !violations.is_empty() {
        return Err(violations.join("\n"));
    }

    if random.one_in(2) {
        owner.call(DATABASE, "settle", "[]").expect(200);
        // What has been settled must stay away, also what was submitted and is not known to have arrived: its
        // connection is gone, so it cannot arrive any more.
        known.acknowledged.clear();
        known.submitted.clear();
        known.failed.clear();
    } else {
        // It has been seen now, so it must not go away any more.
        known.acknowledged.extend(&there);
    }
    if random.one_in(8) {
        server.stop();
        server.run();
    }
    Ok(there.len())
}
