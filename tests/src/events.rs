//! A client of `text/event-stream`.

use std::{io, net::SocketAddr};

use serde_json::Value;

use crate::http::{Connection, Request, Response};

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// What kind of event it is.
    pub name: String,
    /// Its data, JSON.
    pub data: Value,
}

/// A stream of events that is being read.
#[derive(Debug)]
pub struct EventStream {
    connection: Connection,
    head: Response,
    /// What has come and is not part of a whole event.
    text: String,
    /// How long the server wants to be left alone when the stream has broken, as it says.
    pub retry: Option<String>,
}

impl EventStream {
    /// Sends the request, whose answer must be a stream.
    #[track_caller]
    pub fn open(address: SocketAddr, request: Request) -> Self {
        Self::try_open(address, request).unwrap_or_else(|refused| {
            panic!("no stream: {} {}", refused.status, String::from_utf8_lossy(&refused.body))
        })
    }

    /// Sends the request; the answer if it is no stream.
    #[track_caller]
    pub fn try_open(address: SocketAddr, request: Request) -> Result<Self, Response> {
        let request = request.header("accept", "text/event-stream");
        let mut connection = Connection::open(address).expect("a connection");
        connection.write(&request.to_bytes(address)).expect("it can be sent");
        let mut head = connection.receive_head().expect("an answer");
        if head.status == 200 {
            assert_eq!(head.header("content-type"), Some("text/event-stream"));
            return Ok(Self { connection, head, text: String::new(), retry: None });
        }
        let len = head.header("content-length").and_then(|len| len.parse().ok()).expect("a length");
        head.body = connection.receive_bytes(len).expect("the body");
        Err(head)
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The next event, whenever it comes. None at the end.
    #[track_caller]
    pub fn next_event(&mut self) -> Option<Event> {
        self.try_next_event().expect("the stream can be read")
    }

    /// The next event; an error if the connection breaks.
    pub fn try_next_event(&mut self) -> io::Result<Option<Event>> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut event = Event { id: None, name: String::new(), data: Value::Null };
                for line in block.lines() {
                    let (field, value) = line.split_once(": ").unwrap_or((line, ""));
                    match field {
                        "id" => event.id = Some(value.into()),
                        "event" => event.name = value.into(),
                        "data" => event.data = serde_json::from_str(value).expect("data is JSON"),
                        "retry" => self.retry = Some(value.into()),
                        // A heartbeat.
                        ":" => {}
                        other => panic!("a line that events do not have: {other}"),
                    }
                }
                self.text = rest.to_string();
                if !event.name.is_empty() {
                    return Ok(Some(event));
                }
            }
            match self.connection.receive_chunk()? {
                Some(chunk) => self.text.push_str(str::from_utf8(&chunk).expect("events are UTF-8")),
                None => return Ok(None),
            }
        }
    }

    /// The next event, which must be of that kind.
    #[track_caller]
    pub fn expect(&mut self, name: &str) -> Event {
        let event = self.next_event().unwrap_or_else(|| panic!("the stream ended before a {name}"));
        assert_eq!(event.name, name, "{event:?}");
        event
    }

    /// Does to `rows` what the events say, until that is enough.
    #[track_caller]
    pub fn follow(&mut self, rows: &mut Vec<Value>, is_enough: impl Fn(&[Value]) -> bool) {
        while !is_enough(rows) {
            let event = self.next_event().expect("the stream goes on");
            apply(rows, &event);
        }
    }
}

/// Does to the rows what an event says.
#[track_caller]
pub fn apply(rows: &mut Vec<Value>, event: &Event) {
    let array = |value: &Value| value.as_array().expect("rows are an array").clone();
    match event.name.as_str() {
        "snapshot" => *rows = array(&event.data),
        "change" => {
            for gone in array(&event.data["deletes"]) {
                let place = rows.iter().position(|row| *row == gone);
                rows.remove(place.unwrap_or_else(|| panic!("{gone} goes, and was not there")));
            }
            rows.extend(array(&event.data["inserts"]));
        }
        _ => panic!("{event:?} is about no rows"),
    }
}
