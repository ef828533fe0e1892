//! Scripts of calls and the transcripts that they must give, whatever language the module is written in.
//!
//! A script is a line for each step; the transcript is each line again, with what came of it below:
//!
//! | step | what it does, what it shows |
//! | --- | --- |
//! | `publish MODULE` | publishes it in the language at hand; the status |
//! | `as WHO` | who sends what follows; `owner` sends the first step |
//! | `call REDUCER [ARGUMENTS]` | calls with JSON arguments, none if left out; status and message |
//! | `status REDUCER [ARGUMENTS]` | as `call`, without the message, where that is the language's own |
//! | `view VIEW` | status, then a row a line or the message |
//! | `sql TEXT` | status, then for each statement its rows, a row a line, or how many were changed; or the message |
//! | `notes` | the rows of the view `notes`, as lines, and then none of them are left |
//! | `logs` | level and message of what the module has logged since the last `logs` |
//!
//! Empty lines and lines that begin with `#` are for the reader.

use std::{collections::HashMap, fmt::Write as _};

use serde_json::Value;

use crate::{
    Server,
    http::{Client, Request, Response},
    modules::Language,
};

/// Runs a script against a database of its own and returns the transcript.
pub fn run(server: &Server, database: &str, script: &str, language: Language) -> String {
    let owner = server.new_client();
    let mut run = Run {
        server,
        database,
        clients: HashMap::from([("owner".to_string(), owner)]),
        who: "owner".to_string(),
        log_lines: 0,
        transcript: String::new(),
    };
    for line in script.lines() {
        writeln!(run.transcript, "{line}").expect("a string takes all");
        if !line.is_empty() && !line.starts_with('#') {
            run.step(line, language);
        }
    }
    run.transcript
}

struct Run<'a> {
    server: &'a Server,
    database: &'a str,
    clients: HashMap<String, Client>,
    who: String,
    log_lines: usize,
    transcript: String,
}

impl Run<'_> {
    fn step(&mut self, line: &str, language: Language) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, arguments) = rest.split_once(' ').unwrap_or((rest, "[]"));
        match word {
            "publish" => {
                let answer = self.client().publish_program(self.database, &language.program(name));
                self.show_status(&answer);
                if answer.status != 200 {
                    self.show_text(&answer);
                }
            }
            "as" => {
                let server = self.server;
                self.clients.entry(name.to_string()).or_insert_with(|| server.new_client());
                self.who = name.to_string();
            }
            "call" => {
                let answer = self.client().call(self.database, name, arguments);
                self.show_status(&answer);
                self.show_text(&answer);
            }
            "status" => {
                let answer = self.client().call(self.database, name, arguments);
                self.show_status(&answer);
            }
            "view" => {
                // As lines, byte by byte: the order of the columns is part of what is expected.
                let view = Request::new("GET", &format!("/v1/database/{}/view/{name}", self.database));
                let answer = self.client().send(view.header("accept", "application/x-ndjson"));
                self.show_status(&answer);
                self.show_text(&answer);
            }
            "sql" => {
                let url = format!("/v1/database/{}/sql", self.database);
                let answer = self.client().post(&url, rest);
                self.show_status(&answer);
                if answer.status != 200 {
                    return self.show_text(&answer);
                }
                for result in answer.json().as_array().expect("SQL answers an array") {
                    if result["schema"]["elements"] == Value::Array(Vec::new()) {
                        self.show(result["stats"].to_string());
                    }
                    for row in result["rows"].as_array().expect("a result has rows") {
                        self.show(row.to_string());
                    }
                }
            }
            "notes" => {
                for row in self.client().rows(self.database, "notes") {
                    self.show(row["text"].as_str().expect("a note has a text"));
                }
                self.client().call(self.database, "forget_notes", "[]").expect(200);
            }
            "logs" => {
                let lines = self.clients["owner"].logs(self.database);
                // What the host itself writes is no part of what modules have in common.
                let by_module = lines.iter().filter(|line| line["target"] != "__spacetimedb__");
                let by_module: Vec<&Value> = by_module.collect();
                for line in &by_module[self.log_lines..] {
                    let message = line["message"].as_str().expect("a line of the log has a message");
                    self.show(format_args!("{} {message:?}", line["level"].as_str().expect("and a level")));
                }
                self.log_lines = by_module.len();
            }
            _ => panic!("no such step: {line}"),
        }
    }

    fn client(&self) -> &Client {
        &self.clients[&self.who]
    }

    fn show(&mut self, line: impl std::fmt::Display) {
        writeln!(self.transcript, "    {line}").expect("a string takes all");
    }

    fn show_status(&mut self, answer: &Response) {
        self.show(answer.status);
    }

    fn show_text(&mut self, answer: &Response) {
        answer.text().lines().for_each(|line| self.show(line));
    }
}
