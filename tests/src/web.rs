//! A web server for modules to send requests to: it answers what a test says.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Its first line.
    pub line: String,
    /// Its headers, a line each, with names in lower case.
    pub headers: Vec<String>,
    /// Its body.
    pub body: String,
}

/// A server on a port of its own, for as long as the test runs.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
}

impl WebServer {
    /// Starts one. `answer` gives the whole response, head and body, after which the connection is closed.
    pub fn start(answer: impl Fn(&Incoming) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, answer) = (stream.expect("a connection"), answer.clone());
                // Whoever hangs up has its reasons.
                thread::spawn(move || serve(stream, &*answer).ok());
            }
        });
        Self { address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A response with a body and its length.
pub fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn serve(mut stream: TcpStream, answer: &(dyn Fn(&Incoming) -> String + Send + Sync)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_string()),
        }
    }
    let line = lines.remove(0);
    let headers: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| format!("{}:{value}", name.to_ascii_lowercase()))
        .collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let incoming = Incoming { line, headers, body: String::from_utf8_lossy(&body).into() };
    stream.write_all(answer(&incoming).as_bytes())
}
