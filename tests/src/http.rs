//! An HTTP client that does what it is told: tests send what no well-behaved client would.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::modules::Program;

/// Longer than any answer takes on a slow and busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to send.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body and says so.
    #[must_use]
    pub fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    /// The request as bytes, for tests that send it in pieces.
    pub fn to_bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT") {
            bytes.extend(format!("content-length: {}\r\n", self.body.len()).bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, put together if it came in chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, if there is exactly one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("the body is not UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("the body is not JSON ({error}): {}", String::from_utf8_lossy(&self.body))
        })
    }

    /// Fails, and shows the whole answer, unless the status is `status`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// One connection, kept open between requests.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Sends a request and reads the whole answer.
    pub fn send(&mut self, request: &Request) -> io::Result<Response> {
        // A server may refuse a body before it has seen all of it and close. Its answer is what counts then, so a
        // failed write is only reported if there is none.
        let written = self.write(&request.to_bytes(self.address));
        match (self.receive(request.method == "HEAD"), written) {
            (Ok(response), _) => Ok(response),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads a whole answer. The answer to `HEAD` has no body, whatever its headers say.
    pub fn receive(&mut self, to_head: bool) -> io::Result<Response> {
        let mut response = self.receive_head()?;
        let without_body = to_head || matches!(response.status, 100..200 | 204 | 304);
        if without_body {
            return Ok(response);
        }
        if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.receive_chunk()? {
                response.body.extend(chunk);
            }
        } else if let Some(length) = response.header("content-length") {
            let length = length.parse().map_err(|_| malformed("content-length"))?;
            response.body.resize(length, 0);
            self.stream.read_exact(&mut response.body)?;
        } else {
            self.stream.read_to_end(&mut response.body)?;
        }
        Ok(response)
    }

    /// Reads status and headers only, of an answer that is read piece by piece.
    pub fn receive_head(&mut self) -> io::Result<Response> {
        let status_line = self.receive_line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| malformed("status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.receive_line()?;
            if line.is_empty() {
                return Ok(Response { status, headers, body: Vec::new() });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
        }
    }

    /// Reads the next chunk of a chunked body; `None` after the last.
    pub fn receive_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let length =
            usize::from_str_radix(&self.receive_line()?, 16).map_err(|_| malformed("chunk length"))?;
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk)?;
        self.receive_line()?;
        Ok((length > 0).then_some(chunk))
    }

    /// Reads so many bytes.
    pub fn receive_bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn receive_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_string())
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed {what}"))
}

/// Somebody who sends requests, each on a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    /// Goes into the `Authorization` header of every request; anonymous without.
    pub token: Option<String>,
    /// The identity that the token stands for.
    pub identity: Option<String>,
}

impl Client {
    /// A client without credentials.
    pub fn anonymous(address: SocketAddr) -> Self {
        Self { address, token: None, identity: None }
    }

    /// A client with an identity that the server has just made.
    #[track_caller]
    pub fn with_new_identity(address: SocketAddr) -> Self {
        let answer = Self::anonymous(address).post("/v1/identity", "").expect(200).json();
        let text = |name: &str| Some(answer[name].as_str().expect("identity answers strings").to_string());
        Self { address, token: text("token"), identity: text("identity") }
    }

    /// Where this client sends to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The request with this client's credentials.
    pub fn authorize(&self, request: Request) -> Request {
        match &self.token {
            Some(token) => request.header("authorization", &format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends a request that must be answered, whatever the answer is.
    #[track_caller]
    pub fn send(&self, request: Request) -> Response {
        let request = self.authorize(request);
        Connection::open(self.address)
            .and_then(|mut connection| connection.send(&request))
            .unwrap_or_else(|error| panic!("{} {} got no answer: {error}", request.method, request.target))
    }

    /// `GET`.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.send(Request::new("GET", target))
    }

    /// `POST`.
    #[track_caller]
    pub fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Response {
        self.send(Request::new("POST", target).body(body))
    }

    /// `PUT`.
    #[track_caller]
    pub fn put(&self, target: &str, body: impl Into<Vec<u8>>) -> Response {
        self.send(Request::new("PUT", target).body(body))
    }

    /// `DELETE`.
    #[track_caller]
    pub fn delete(&self, target: &str) -> Response {
        self.send(Request::new("DELETE", target))
    }

    /// Publishes a WebAssembly program under a name.
    #[track_caller]
    pub fn publish(&self, database: &str, program: &[u8]) -> Response {
        self.put(&format!("/v1/database/{database}"), program)
    }

    /// Publishes a program of any kind under a name.
    #[track_caller]
    pub fn publish_program(&self, database: &str, program: &Program) -> Response {
        let Program { host_type, bytes } = program;
        self.put(&format!("/v1/database/{database}?host_type={host_type}"), bytes.clone())
    }

    /// As [`Client::publish_program`], without the data that was there.
    #[track_caller]
    pub fn publish_cleared(&self, database: &str, program: &Program) -> Response {
        let Program { host_type, bytes } = program;
        self.put(&format!("/v1/database/{database}?clear=true&host_type={host_type}"), bytes.clone())
    }

    /// Calls a reducer with arguments in JSON.
    #[track_caller]
    pub fn call(&self, database: &str, reducer: &str, arguments: &str) -> Response {
        self.send(Request::new("POST", &format!("/v1/database/{database}/call/{reducer}")).json(arguments))
    }

    /// Asks for a view.
    #[track_caller]
    pub fn view(&self, database: &str, view: &str) -> Response {
        self.get(&format!("/v1/database/{database}/view/{view}"))
    }

    /// The rows of a view that must answer.
    #[track_caller]
    pub fn rows(&self, database: &str, view: &str) -> Vec<Value> {
        let Value::Array(rows) = self.view(database, view).expect(200).json() else {
            panic!("a view answers an array");
        };
        rows
    }

    /// The module's log: an object a line.
    #[track_caller]
    pub fn logs(&self, database: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v1/database/{database}/logs")).expect(200);
        let lines = answer.text().lines();
        lines.map(|line| serde_json::from_str(line).expect("a line of the log is JSON")).collect()
    }
}
