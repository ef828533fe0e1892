//! A view as a stream of events, read by many while it changes.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use orrery_tests::{
    Database, Server,
    http::{Connection, Request},
};

use crate::table::{Row, Target, median, print};

const READERS: usize = 200;
/// Connections that make changes, and how many changes each makes.
const WRITERS: usize = 32;
const CHANGES_EACH: usize = 150;
const CHANGES: usize = WRITERS * CHANGES_EACH;
const RUNS: usize = 3;

/// Everything that is measured at this level.
pub(crate) fn run() {
    let server = Server::start();
    let database = Database::publish(&server, "bench");
    database.call("open_accounts", "[0, 10, 0]").expect(200);
    let mut whole = Vec::new();
    let mut done = 0;
    let ours = median(RUNS, || {
        done += CHANGES;
        let (rate, events) = changes_a_second(&database, done);
        whole.push(100.0 * events as f64 / (CHANGES * READERS) as f64);
        rate
    });
    print(&Row {
        what: format!("changes of a view to {READERS} readers, all seen"),
        ours,
        limit: Some((median(RUNS, bare_rate), "as many bytes written to as many sockets")),
        target: Target::AtLeast(1_000.0),
        unit: "/s",
    });
    print(&Row {
        what: "  changes that came one by one".into(),
        ours: whole.iter().sum::<f64>() / RUNS as f64,
        limit: None,
        target: Target::None,
        unit: "%",
    });
}

/// From the first change until every reader has seen the last, which makes so many in all; and how many events the
/// readers got for that.
fn changes_a_second(database: &Database, done: usize) -> (f64, u64) {
    let events = Arc::new(AtomicU64::new(0));
    let last = format!("{{\"id\":0,\"balance\":-{done}}}");
    let readers: Vec<JoinHandle<Instant>> = (0..READERS)
        .map(|_| {
            let mut reader = Connection::open(database.owner.address()).expect("a connection");
            let request =
                Request::new("GET", &database.url("/view/ten")).header("accept", "text/event-stream");
            reader.write(&request.to_bytes(database.owner.address())).expect("it can be asked");
            assert_eq!(reader.receive_head().expect("an answer").status, 200);
            let mut text = String::new();
            while !text.contains("event: snapshot") {
                let chunk = reader.receive_chunk().expect("a chunk").expect("the stream goes on");
                text.push_str(str::from_utf8(&chunk).expect("text"));
            }
            let (events, last) = (events.clone(), last.clone());
            thread::spawn(move || {
                let mut seen = 0;
                loop {
                    // An event may be in several chunks, but these are few: only what is looked for must be whole.
                    let chunk = reader.receive_chunk().expect("a chunk").expect("the stream goes on");
                    let text = str::from_utf8(&chunk).expect("text");
                    seen += text.matches("event: change").count() as u64;
                    if text.contains(&last) {
                        events.fetch_add(seen, Ordering::Relaxed);
                        return Instant::now();
                    }
                }
            })
        })
        .collect();
    let began = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let owner = database.owner.clone();
            let call = Request::new("POST", &database.url("/call/transfer")).json("[0, 1, 1]");
            thread::spawn(move || {
                let mut connection = Connection::open(owner.address()).expect("a connection");
                let call = owner.authorize(call);
                for _ in 0..CHANGES_EACH {
                    connection.send(&call).expect("an answer").expect(200);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("a writer does not panic");
    }
    let ends = readers.into_iter().map(|reader| reader.join().expect("a reader does not panic"));
    let end = ends.max().expect("there are readers");
    (CHANGES as f64 / (end - began).as_secs_f64(), events.load(Ordering::Relaxed))
}

/// One thread that writes as many texts of that length to as many sockets, one by one.
fn bare_rate() -> f64 {
    let text = [b'x'; 200];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (mut sockets, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..READERS {
        let mut reader = TcpStream::connect(address).expect("a connection");
        sockets.push(listener.accept().expect("a connection").0);
        readers.push(thread::spawn(move || {
            let mut into = [0; 16 * 1024];
            while reader.read(&mut into).expect("it can be read") > 0 {}
        }));
    }
    let began = Instant::now();
    for _ in 0..CHANGES {
        for socket in &mut sockets {
            socket.write_all(&text).expect("it can be written");
        }
    }
    drop(sockets);
    for reader in readers {
        reader.join().expect("a reader does not panic");
    }
    CHANGES as f64 / began.elapsed().as_secs_f64()
}
