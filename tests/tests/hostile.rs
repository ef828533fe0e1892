//! Clients that send what they should not, too much of it, or too slowly: a clear answer, and nobody else notices.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use orrery_tests::{
    Database, Server,
    http::{Connection, Request},
    random::Random,
};

#[test]
fn text_that_is_not_utf8() {
    let database = Database::publish(Server::shared(), "conformance");
    let call = |body: &[u8]| {
        let request =
            Request::new("POST", &database.url("/call/succeed")).header("content-type", "application/json");
        database.owner.send(request.body(body))
    };
    call(b"[\"\xff\"]").expect(400);
    call(b"[\"\xc3\"]").expect(400);
    call(b"\xff\xfe[\0]\0").expect(400);
    database.owner.get("/v1/database/%ff%fe").expect(400);
    assert!(database.owner.get(&database.url("/view/%ff")).status >= 400);
    assert!(database.owner.post(&database.url("/call/%ff"), "[]").status >= 400);
    assert_eq!(database.texts("traces"), [""; 0]);
}

#[test]
fn json_that_is_not_what_it_should_be() {
    let database = Database::publish(Server::shared(), "conformance");
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep_objects = r#"{"some":"#.repeat(100_000);
    let long_number = format!("[{}]", "9".repeat(1_000_000));
    let cases = ["", " ", "{", "[", "[\"open", "[1,]", "[1] 2", "nul", "[NaN]", "[\"\\x\"]", "[\"\\ud800\"]"];
    for body in cases.into_iter().chain([&*deep, &deep_objects, &long_number]) {
        let answer = database.call("succeed", body).expect(400);
        assert!(answer.text().starts_with("invalid arguments"), "{}", answer.text());
    }
    // Recursion is possible where a type nests, too.
    database.call("add_optional", &format!("[{deep}]")).expect(400);
    assert_eq!(database.texts("traces"), [""; 0]);
    database.call("succeed", r#"["after"]"#).expect(200);
}

#[test]
fn bodies_of_a_hundred_megabytes() {
    let database = Database::publish(Server::shared(), "conformance");
    let large = vec![b'['; 100 << 20];
    let call =
        Request::new("POST", &database.url("/call/succeed")).header("content-type", "application/json");
    database.owner.send(call.body(large.clone())).expect(413);
    database.owner.post(&database.url("/names"), large.clone()).expect(413);
    let publish = database.owner.put(&database.url(""), large.clone());
    assert!(matches!(publish.status, 400 | 413), "{} {}", publish.status, publish.text());
    database.owner.post("/v1/database/never-published/call/any", large.clone()).expect(404);
    Server::shared().new_client().put(&database.url(""), large).expect(403);
    database.call("succeed", r#"["after"]"#).expect(200);
    assert_eq!(database.texts("traces"), ["after"]);
}

#[test]
fn a_request_that_comes_byte_by_byte() {
    let database = Database::publish(Server::shared(), "conformance");
    let request = Request::new("POST", &database.url("/call/succeed")).json(r#"["slowly"]"#);
    let bytes = database.owner.authorize(request).to_bytes(Server::shared().address());
    let mut connection = Connection::open(Server::shared().address()).unwrap();
    for byte in bytes {
        connection.write(&[byte]).unwrap();
        thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(connection.receive(false).unwrap().status, 200);
    assert_eq!(database.texts("traces"), ["slowly"]);
}

#[test]
fn clients_that_stop_in_the_middle() {
    let database = Database::publish(Server::shared(), "conformance");
    let request = Request::new("POST", &database.url("/call/succeed")).json(r#"["never finished"]"#);
    let bytes = database.owner.authorize(request).to_bytes(Server::shared().address());
    let mut random = Random::new(17);
    let mut silent = Vec::new();
    for round in 0..100 {
        let mut stream = TcpStream::connect(Server::shared().address()).unwrap();
        let length = random.below(bytes.len() as u64) as usize;
        stream.write_all(&bytes[..length]).unwrap();
        // Half of them hang up, half stay and say nothing.
        if round % 2 == 0 {
            silent.push(stream);
        }
    }
    for _ in 0..20 {
        database.call("succeed", r#"["after"]"#).expect(200);
    }
    assert_eq!(database.texts("traces"), ["after"; 20]);
}

#[test]
fn what_is_no_http() {
    let server = Server::shared();
    let mut random = Random::new(19);
    let noise: Vec<u8> = (0..2000).map(|_| random.number() as u8).collect();
    let long_line = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20)).into_bytes();
    let many_headers = format!("GET /v1/ping HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000)).into_bytes();
    let cases: [&[u8]; 7] = [
        b"\r\n\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET /v1/ping HTTP/9.9\r\n\r\n",
        b"POST /v1/identity HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        &noise,
        &long_line,
        &many_headers,
    ];
    for bytes in cases {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        // The server may have closed before all is sent, or say why: both are fine, serving it is not.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    }
    server.anonymous().get("/v1/ping").expect(200);
}

#[test]
fn a_follower_that_does_not_read() {
    let database = Database::publish(Server::shared(), "conformance");
    let follow = Request::new("GET", &database.url("/logs?follow=true"));
    let bytes = database.owner.authorize(follow).to_bytes(Server::shared().address());
    let mut idle: Vec<Connection> = Vec::new();
    for _ in 0..5 {
        let mut connection = Connection::open(Server::shared().address()).unwrap();
        connection.write(&bytes).unwrap();
        idle.push(connection);
    }
    // Each call logs ten thousand bytes: together more than sockets hold.
    for _ in 0..500 {
        database.call("log_odd_text", "[]").expect(200);
    }
    let logged = database.log_messages().len();
    assert_eq!(logged, 500 * 4);
}

#[test]
fn many_idle_connections() {
    let database = Database::publish(Server::shared(), "conformance");
    let idle: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(Server::shared().address()).unwrap()).collect();
    for _ in 0..20 {
        database.call("succeed", r#"["busy"]"#).expect(200);
    }
    drop(idle);
    assert_eq!(database.texts("traces").len(), 20);
}
