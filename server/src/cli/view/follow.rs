//! `orrery view --follow`: a view as it changes.

use std::{
    io::{BufRead, BufReader, StdoutLock, Write, stderr, stdout},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        client::{Client, Refused},
        style,
        table::{Row, Table},
    },
    Format, Request,
};

/// How long to wait before asking again, if the server says nothing else.
const RETRY: Duration = Duration::from_secs(1);

/// What changes between two states.
#[derive(Deserialize)]
struct Change {
    inserts: Vec<Row>,
    deletes: Vec<Row>,
}

/// The last words of a stream.
#[derive(Deserialize)]
struct End {
    reason: String,
}

/// Shows a view until it ends, or the reader has gone. When the connection breaks, it asks again for what was missed.
pub(super) fn run(client: &Client, request: &Request, format: Format) -> Result<()> {
    if !matches!(format, Format::Table | Format::Ndjson) {
        bail!("with --follow, there is --format table and --format ndjson");
    }
    let mut follower = Follower { format, last_id: None, out: stdout().lock() };
    let mut retry = RETRY;
    loop {
        let id = follower.last_id.clone();
        let resume: Vec<_> = id.iter().map(|id| ("last-event-id", id.as_str())).collect();
        match request.send(client, "text/event-stream", &resume) {
            Ok(answer) => {
                let mut reader = EventReader::new(BufReader::new(answer.into_body().into_reader()));
                while let Some(event) = reader.next() {
                    follower.show(&event)?;
                }
                retry = reader.retry.unwrap_or(retry);
            }
            // What the server has refused it will refuse again, but for what passes.
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|it| it.status != 503) => {
                return Err(error);
            }
            Err(error) if id.is_none() => return Err(error),
            Err(_) => {}
        }
        writeln!(stderr(), "{}", style::on_stderr(style::FAINT, "the connection broke; asking again"))?;
        thread::sleep(retry);
    }
}

struct Follower {
    format: Format,
    last_id: Option<String>,
    out: StdoutLock<'static>,
}

impl Follower {
    fn show(&mut self, event: &Event) -> Result<()> {
        match event.name.as_str() {
            "end" => {
                let End { reason } = serde_json::from_str(&event.data).context("the stream ended")?;
                bail!("{reason}");
            }
            "snapshot" | "change" if self.format == Format::Ndjson => self.show_json(event)?,
            "snapshot" => {
                let rows: Vec<Row> = serde_json::from_str(&event.data)?;
                let count = rows.len();
                write!(self.out, "{}", Table::new(rows))?;
                writeln!(self.out, "({count} {})", if count == 1 { "row" } else { "rows" })?;
            }
            "change" => {
                let Change { inserts, deletes } = serde_json::from_str(&event.data)?;
                for (sign, style, rows) in [('-', style::ERROR, deletes), ('+', style::GOOD, inserts)] {
                    for row in rows {
                        writeln!(self.out, "{}", style::on_stdout(style, format!("{sign} {row}")))?;
                    }
                }
            }
            // Others are for those who know them.
            _ => {}
        }
        self.last_id = event.id.clone().or(self.last_id.take());
        // Whoever follows wants to see each change when it comes.
        Ok(self.out.flush()?)
    }

    /// `{"id":"...","snapshot":[...]}` or `{"id":"...","inserts":[...],"deletes":[...]}`.
    fn show_json(&mut self, event: &Event) -> Result<()> {
        let id = serde_json::to_string(event.id.as_deref().unwrap_or_default())?;
        let data: &RawValue = serde_json::from_str(&event.data)?;
        match event.name.as_str() {
            "snapshot" => writeln!(self.out, "{{\"id\":{id},\"snapshot\":{data}}}")?,
            _ => writeln!(self.out, "{{\"id\":{id},{}", data.get().trim_start_matches('{'))?,
        }
        Ok(())
    }
}

/// An event of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    id: Option<String>,
    name: String,
    data: String,
}

/// Takes a stream of events apart, as the HTML standard says.
struct EventReader<R> {
    lines: R,
    /// How long the server wants to be left alone when the stream has broken.
    retry: Option<Duration>,
}

impl<R: BufRead> EventReader<R> {
    fn new(lines: R) -> Self {
        Self { lines, retry: None }
    }

    /// The next event. None if the stream has ended or is broken, which is the same to whoever asks again.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                if event.data.is_empty() {
                    event = Event::default();
                    continue;
                }
                return Some(event);
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => event.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut event.name),
                "data" => {
                    if !event.data.is_empty() {
                        event.data.push('\n');
                    }
                    event.data.push_str(value);
                }
                "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
                // A comment, which is a line that begins with a colon, or something new.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_apart() {
        let text = "retry: 250\n\n:\n\nid: a-1\nevent: snapshot\ndata: [1,\ndata:2]\n\nid: a-2\r\nevent: change\r\ndata: {}\r\n\r\nid: cut";
        let mut reader = EventReader::new(text.as_bytes());
        let event = |id: &str, name: &str, data: &str| Event {
            id: Some(id.into()),
            name: name.into(),
            data: data.into(),
        };
        assert_eq!(reader.next(), Some(event("a-1", "snapshot", "[1,\n2]")));
        assert_eq!(reader.retry, Some(Duration::from_millis(250)));
        assert_eq!(reader.next(), Some(event("a-2", "change", "{}")));
        assert_eq!(reader.next(), None);
    }
}
