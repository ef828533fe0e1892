//! HTTP requests that procedures send.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use orrery_tests::{
    Database, Server,
    http::Response,
    in_every_language,
    modules::Language,
    web::{Incoming, WebServer, response},
};
use serde_json::{Value, json};

in_every_language!(
    requests_go_out_and_answers_come_in,
    a_module_may_ask_its_own_server,
    requests_are_sent_between_transactions,
    redirects_are_followed_as_browsers_follow_them,
    what_goes_wrong_is_an_error_that_keeps_secrets,
    an_answer_that_does_not_come_is_not_waited_for,
    addresses_that_are_not_public_are_out_of_reach,
);

/// A server whose modules may reach this machine.
fn server() -> Server {
    Server::start_with(&["--outbound-http", "any"])
}

/// Sends a request; the answer's status, headers and body, or why there is none.
fn fetch(
    database: &Database,
    method: &str,
    url: &str,
    headers: &[&str],
    body: &str,
    timeout_ms: Option<u64>,
) -> Result<(u64, Vec<String>, String), String> {
    let timeout = timeout_ms.map_or(json!({"none": []}), |timeout| json!({"some": timeout}));
    let arguments = json!([method, url, headers, body, timeout]);
    let answer: Response = database.call("fetch", &arguments.to_string()).expect(200);
    let answer = answer.json();
    match answer[0].as_u64() {
        Some(0) => {
            let text = |value: &Value| value.as_str().unwrap().to_string();
            let headers = answer[1][1].as_array().unwrap().iter().map(text).collect();
            Ok((answer[1][0].as_u64().unwrap(), headers, text(&answer[1][2])))
        }
        _ => Err(answer[1].as_str().unwrap().to_string()),
    }
}

fn get(database: &Database, url: &str) -> Result<(u64, Vec<String>, String), String> {
    fetch(database, "GET", url, &[], "", None)
}

/// Answers with what came, but for a few paths.
fn echo(incoming: &Incoming) -> String {
    let path = incoming.line.split(' ').nth(1).unwrap().to_string();
    match &*path {
        "/teapot" => response("418 I'm a teapot", "x-many: 1\r\nx-many: 2\r\n", "short and stout"),
        "/empty" => response("204 No Content", "", ""),
        _ => {
            let text = format!("{}\n{}\n\n{}", incoming.line, incoming.headers.join("\n"), incoming.body);
            response("200 OK", "", &text)
        }
    }
}

fn requests_go_out_and_answers_come_in(language: Language) {
    let (server, web) = (server(), WebServer::start(echo));
    let database = Database::publish_in(language, &server, "procedures");
    // The same to HTTP; `Headers` of JavaScript may join what has one name.
    let has_both =
        |headers: &str| ["x-many: 1\nx-many: 2", "x-many: 1, 2"].iter().any(|both| headers.contains(both));
    let (status, _, body) = get(&database, &web.url("/path?query=1")).unwrap();
    assert_eq!(status, 200);
    assert!(body.starts_with("GET /path?query=1 HTTP/1.1\n"), "{body}");
    assert!(body.contains(&format!("host: {}\n", web.address())), "{body}");
    for method in ["POST", "PUT", "PATCH", "DELETE", "REPORT"] {
        let headers = ["x-many: 1", "x-many: 2", "content-type: text/x-test"];
        let (_, _, body) = fetch(&database, method, &web.url("/"), &headers, "the body", None).unwrap();
        assert!(body.starts_with(&format!("{method} / HTTP/1.1\n")), "{body}");
        assert!(has_both(&body), "{body}");
        assert!(body.contains("content-type: text/x-test\n"), "{body}");
        assert!(body.contains("content-length: 8\n"), "{body}");
        assert!(body.ends_with("\n\nthe body"), "{body}");
    }
    let (_, _, body) = fetch(&database, "POST", &web.url("/"), &[], "", None).unwrap();
    assert!(body.contains("content-length: 0\n"), "{body}");
    let (status, headers, body) = get(&database, &web.url("/teapot")).unwrap();
    assert_eq!((status, &*body), (418, "short and stout"));
    assert!(has_both(&headers.join("\n")), "{headers:?}");
    let (status, _, body) = get(&database, &web.url("/empty")).unwrap();
    assert_eq!((status, &*body), (204, ""));
    let (_, _, body) = fetch(&database, "HEAD", &web.url("/"), &[], "", None).unwrap();
    assert_eq!(body, "");
}

fn a_module_may_ask_its_own_server(language: Language) {
    let server = server();
    let database = Database::publish_in(language, &server, "procedures");
    let url = format!("{}{}", server.url(), database.url("/schema?version=9"));
    let (status, _, body) = get(&database, &url).unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("fetch_between_writes"), "{body}");
}

fn requests_are_sent_between_transactions(language: Language) {
    let server = server();
    let database = Database::publish_in(language, &server, "procedures");
    let codes = database.call("fetch_wrongly", "[]").expect(200).json();
    assert_eq!(codes, json!([17, 3]));
    // While the answer is awaited, others write; and what was written before can be seen.
    let (url, name) = (server.url(), database.name.clone());
    let client = server.new_client();
    let web = WebServer::start(move |_| {
        let rows = client.rows(&name, "written");
        client.call(&name, "write_in_reducer", r#"["meanwhile"]"#).expect(200);
        response("200 OK", "", &format!("{} row", rows.len()))
    });
    assert!(url.starts_with("http"));
    database.call("fetch_between_writes", &format!(r#"["{}"]"#, web.url("/"))).expect(200);
    assert_eq!(database.texts("written"), ["before", "meanwhile", "1 row"]);
}

fn redirects_are_followed_as_browsers_follow_them(language: Language) {
    let other = WebServer::start(echo);
    let other_url = other.url("/other");
    let hops = Arc::new(AtomicUsize::new(0));
    let count = hops.clone();
    let web = WebServer::start(move |incoming| {
        let path = incoming.line.split(' ').nth(1).unwrap().to_string();
        let to = |status: &str, location: &str| response(status, &format!("location: {location}\r\n"), "");
        match &*path {
            "/found" => to("302 Found", "/end"),
            "/see-other" => to("303 See Other", "end"),
            "/temporary" => to("307 Temporary Redirect", "/end"),
            "/permanent" => to("308 Permanent Redirect", "/end"),
            "/elsewhere" => to("307 Temporary Redirect", &other_url),
            "/file" => to("302 Found", "file:///etc/passwd"),
            "/loop" => {
                count.fetch_add(1, Ordering::SeqCst);
                to("302 Found", "/loop")
            }
            _ => echo(incoming),
        }
    });
    let server = server();
    let database = Database::publish_in(language, &server, "procedures");
    let post = |path: &str| {
        let headers = ["authorization: secret", "content-type: text/x-test", "x-own: 1"];
        fetch(&database, "POST", &web.url(path), &headers, "the body", None).unwrap().2
    };
    for path in ["/found", "/see-other"] {
        let body = post(path);
        assert!(body.starts_with("GET /end ") && body.ends_with("\n\n"), "{body}");
        assert!(!body.contains("content-type"), "{body}");
        assert!(body.contains("authorization: secret\n") && body.contains("x-own: 1\n"), "{body}");
    }
    for path in ["/temporary", "/permanent"] {
        let body = post(path);
        assert!(body.starts_with("POST /end ") && body.ends_with("\n\nthe body"), "{body}");
    }
    let body = post("/elsewhere");
    assert!(body.starts_with("POST /other ") && body.ends_with("\n\nthe body"), "{body}");
    assert!(!body.contains("secret") && body.contains("x-own: 1\n"), "{body}");
    assert!(body.contains(&format!("host: {}\n", other.address())), "{body}");
    assert_eq!(get(&database, &web.url("/file")).unwrap().0, 302);
    let error = get(&database, &web.url("/loop")).unwrap_err();
    assert!(error.contains("more than 10 redirects"), "{error}");
    assert_eq!(hops.load(Ordering::SeqCst), 11);
}

fn what_goes_wrong_is_an_error_that_keeps_secrets(language: Language) {
    let server = server();
    let database = Database::publish_in(language, &server, "procedures");
    let refused = "http://user:pass@127.0.0.1:1/path?secret=1";
    let error = get(&database, refused).unwrap_err();
    assert!(error.contains("http://127.0.0.1:1/path: "), "{error}");
    assert!(!error.contains("secret") && !error.contains("pass@"), "{error}");
    let error = get(&database, "http://no-such-host.invalid/?secret=1").unwrap_err();
    assert!(error.starts_with("http://no-such-host.invalid/: ") && !error.contains("secret"), "{error}");
    let error = get(&database, "ftp://127.0.0.1/").unwrap_err();
    assert!(error.contains("neither http nor https"), "{error}");
    assert!(get(&database, "/path").unwrap_err().contains("not valid"));
    let web = WebServer::start(|_| "this is not HTTP\r\n\r\n".to_string());
    get(&database, &web.url("/")).unwrap_err();
    let web = WebServer::start(|_| "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_string());
    get(&database, &web.url("/")).unwrap_err();
    let web = WebServer::start(|_| {
        let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(33))
    });
    let error = get(&database, &web.url("/")).unwrap_err();
    assert!(error.contains("more than 33554432 bytes"), "{error}");
    // The module goes on.
    assert_eq!(database.call("add", "[1, 2]").expect(200).json(), json!(3));
}

fn an_answer_that_does_not_come_is_not_waited_for(language: Language) {
    let server = Server::start_with(&["--outbound-http", "any", "--call-timeout", "1s"]);
    let database = Database::publish_in(language, &server, "procedures");
    let web = WebServer::start(|incoming| {
        if incoming.line.contains("/slow") {
            std::thread::sleep(std::time::Duration::from_secs(2));
            return response("200 OK", "", "at last");
        }
        loop {
            std::thread::park();
        }
    });
    let error = fetch(&database, "GET", &web.url("/"), &[], "", Some(300)).unwrap_err();
    assert!(error.contains("no complete answer within 300ms"), "{error}");
    // Waiting is not running: a call may run for less time than this.
    assert_eq!(get(&database, &web.url("/slow")).unwrap().2, "at last");
}

fn addresses_that_are_not_public_are_out_of_reach(language: Language) {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = reached.clone();
    let web = WebServer::start(move |incoming| {
        count.fetch_add(1, Ordering::SeqCst);
        echo(incoming)
    });
    // Nothing is said: this is how it is unless it is said otherwise.
    let server = Server::start();
    let database = Database::publish_in(language, &server, "procedures");
    let port = web.address().port();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"] {
        let error = get(&database, &format!("http://{host}:{port}/?secret=1")).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
        assert!(error.contains("is not a public one") || host.contains("::1"), "{host}: {error}");
    }
    for host in ["10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "[fd00::1]", "[64:ff9b::7f00:1]"]
    {
        let error = get(&database, &format!("http://{host}/latest/meta-data")).unwrap_err();
        assert!(error.contains("is not a public one"), "{host}: {error}");
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);

    let server = Server::start_with(&["--outbound-http", "none"]);
    let database = Database::publish_in(language, &server, "procedures");
    let error = get(&database, "http://example.org/").unwrap_err();
    assert!(error.contains("no HTTP requests"), "{error}");
}
