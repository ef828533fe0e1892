//! `orrery logs`: shows what a module has logged.

use std::{
    borrow::Cow,
    collections::VecDeque,
    io::{self, Write, stdout},
    thread,
    time::Duration,
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use orrery_host_abi::Timestamp;
use serde::Deserialize;

use super::{
    ServerArgs,
    client::{Client, escape, read_lines, read_text},
    style,
};

/// Lines that are shown before those that come, if nothing else is said.
const LINES_BEFORE_FOLLOWING: u32 = 10;

/// Lines that the server gives before those that come, if it is asked for so many.
const FOLLOW_LINES_MAX: u32 = 2500;

/// How long a server that has broken off, or has no such database, is left alone.
const FOLLOW_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// What the host writes into a module's log has this as its target.
const HOST: &str = "__spacetimedb__";

/// Show what the module of a database logs
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery logs my-app -n 50         the last 50 lines\n  \
    orrery logs my-app -f            new lines as they come\n  \
    orrery logs my-app --json | jq 'select(.level == \"Error\")'")]
pub(super) struct Logs {
    /// The database: a name or an identity
    database: String,
    /// How many lines, counted from the end [default: all, or 10 with --follow]
    #[arg(short = 'n', long, value_name = "N")]
    num_lines: Option<u32>,
    /// Go on with new lines as they come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only lines at least this important: panic, error, warn, info, debug or trace
    #[arg(short, long, value_name = "LEVEL")]
    level: Option<Level>,
    /// Only lines that are exactly as important as --level says
    #[arg(long, requires = "level")]
    level_exact: bool,
    /// Print the lines as the server has them, each a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// How important a line is. The names are those in the log, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Level {
    Panic,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    level: Cow<'a, str>,
    ts: i64,
    #[serde(borrow)]
    target: Option<Cow<'a, str>>,
    #[serde(borrow)]
    filename: Option<Cow<'a, str>>,
    line_number: Option<u32>,
    #[serde(borrow)]
    function: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    trace: Vec<Frame<'a>>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    func_name: Option<Cow<'a, str>>,
}

impl Logs {
    pub(super) fn run(self) -> Result<()> {
        let mut path = format!("/v1/database/{}/logs?follow={}", escape(&self.database), self.follow);
        let lines = self.num_lines.or(self.follow.then_some(LINES_BEFORE_FOLLOWING));
        // Which of the lines before will be shown is only known here.
        let is_filtered = self.level.is_some();
        let asked = if is_filtered { self.follow.then_some(FOLLOW_LINES_MAX) } else { lines };
        if let Some(asked) = asked {
            path.push_str(&format!("&num_lines={asked}"));
        }
        let answer = self.server.client()?.get(&path, None)?;
        let mut lines = read_lines(answer);
        let mut out = stdout().lock();
        if is_filtered && !self.follow {
            let mut last = VecDeque::new();
            for line in lines {
                let line = line?;
                if self.is_wanted(&line) {
                    last.push_back(line);
                    if self.num_lines.is_some_and(|wanted| last.len() > wanted as usize) {
                        last.pop_front();
                    }
                }
            }
            return last.iter().try_for_each(|line| self.show(line, &mut out));
        }
        lines.try_for_each(|line| {
            let line = line?;
            if self.is_wanted(&line) { self.show(&line, &mut out) } else { Ok(()) }
        })
    }

    fn is_wanted(&self, line: &str) -> bool {
        let Some(wanted) = self.level else { return true };
        serde_json::from_str::<Line<'_>>(line)
            .ok()
            .and_then(|line| Level::from_str(&line.level, true).ok())
            .is_none_or(|level| if self.level_exact { level == wanted } else { level <= wanted })
    }

    fn show(&self, line: &str, out: &mut impl Write) -> Result<()> {
        if self.json {
            writeln!(out, "{line}")?;
        } else {
            print_pretty(line, out)?;
        }
        // Whoever follows wants to see each line when it comes.
        Ok(out.flush()?)
    }
}

/// Prints what a module logs from now on, until the process ends: also over restarts of the server, and if there is
/// no such database yet. Nothing is printed while somebody else has locked standard output.
pub(super) fn follow_for_ever(client: &Client, database: &str) -> ! {
    let path = format!("/v1/database/{}/logs", escape(database));
    let last = client.get(&format!("{path}?num_lines=1"), None);
    let last = last.and_then(read_text).ok().and_then(|line| timestamp(&line));
    // What is not new has been seen: by the clock of the server, whose lines they are.
    let mut seen = last.unwrap_or(i64::MIN);
    let path = format!("{path}?follow=true&num_lines={FOLLOW_LINES_MAX}");
    loop {
        if let Ok(answer) = client.get(&path, None) {
            let seen_before = seen;
            for line in read_lines(answer).map_while(Result::ok) {
                let at = timestamp(&line);
                if at.is_some_and(|at| at <= seen_before) {
                    continue;
                }
                seen = at.unwrap_or(seen);
                let mut out = stdout().lock();
                // Whoever has closed our output does not want it.
                let _ = print_pretty(&line, &mut out).and_then(|()| out.flush());
            }
        }
        thread::sleep(FOLLOW_AGAIN_AFTER);
    }
}

/// When a line was written, in microseconds since 1970.
fn timestamp(line: &str) -> Option<i64> {
    serde_json::from_str::<Line<'_>>(line).ok().map(|line| line.ts)
}

/// Prints a line for people. One that is not what it should be is printed as it is.
fn print_pretty(line: &str, out: &mut impl Write) -> io::Result<()> {
    match serde_json::from_str::<Line<'_>>(line) {
        Ok(line) => out.write_all(pretty(&line).as_bytes()),
        Err(_) => writeln!(out, "{line}"),
    }
}

/// `2024-05-06T07:08:09.123456Z  INFO add src/lib.rs:12: message`
fn pretty(line: &Line<'_>) -> String {
    let level = match &*line.level {
        level @ ("Error" | "Panic") => (style::ERROR, level),
        level @ "Warn" => (style::WARNING, level),
        level @ "Info" => (style::GOOD, level),
        level => (style::FAINT, level),
    };
    let mut text = style::on_stdout(style::FAINT, Timestamp(line.ts));
    text.push_str(&format!(" {} ", style::on_stdout(level.0, format!("{:>5}", level.1.to_uppercase()))));
    let mut place = String::new();
    if line.target.as_deref() == Some(HOST) {
        place.push_str("host");
    } else {
        place.push_str(line.function.as_deref().unwrap_or_default());
        if let Some(file) = &line.filename {
            let space = if place.is_empty() { "" } else { " " };
            place.push_str(&format!("{space}{file}"));
            if let Some(number) = line.line_number {
                place.push_str(&format!(":{number}"));
            }
        }
    }
    if !place.is_empty() {
        text.push_str(&style::on_stdout(style::FAINT, format!("{place}:")));
        text.push(' ');
    }
    text.push_str(&harmless(&line.message));
    text.push('\n');
    for function in line.trace.iter().filter_map(|frame| frame.func_name.as_deref()) {
        text.push_str(&format!("      at {}\n", harmless(function)));
    }
    text
}

/// What a module logs may hold anything; a terminal is not to obey it. Lines are indented under their first.
fn harmless(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for c in message.trim_end().chars() {
        match c {
            '\n' => text.push_str("\n      "),
            '\t' => text.push(c),
            c if c.is_control() => text.extend(c.escape_default()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(pretty(&serde_json::from_str(line).unwrap()), expected);
    }

    #[test]
    fn lines_tell_when_what_and_where() {
        check(
            r#"{"level":"Info","ts":0,"function":"add","filename":"src/lib.rs","line_number":3,"message":"a\nb"}"#,
            "1970-01-01T00:00:00.000000Z  INFO add src/lib.rs:3: a\n      b\n",
        );
        check(
            r#"{"level":"Warn","ts":1,"target":"__spacetimedb__","function":"__spacetimedb__","message":"m"}"#,
            "1970-01-01T00:00:00.000001Z  WARN host: m\n",
        );
        check(
            r#"{"level":"Panic","ts":1,"message":"m","trace":[{"func_name":"f"},{}]}"#,
            "1970-01-01T00:00:00.000001Z PANIC m\n      at f\n",
        );
    }
}
