//! `orrery sql`: asks and changes data with SQL.

use std::{
    fs,
    io::{self, IsTerminal, Write, stderr, stdin, stdout},
    path::PathBuf,
};

use anyhow::{Context, Result};
use clap::Args;
use rustyline::{
    Editor, Helper,
    completion::Completer,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::FileHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Hint, ServerArgs,
    client::{Client, Refused, escape, read_json},
    config, report,
    table::{Row, Table},
};

/// Ask or change the data of a database with SQL
///
/// Without a query, it asks for queries until Ctrl-D, or takes them from standard input if that is no terminal.
/// Several statements are separated by semicolons; if one of them changes data, all are one transaction.
///
/// There are SELECT with JOIN ... ON, WHERE, GROUP BY, ORDER BY, LIMIT and OFFSET, INSERT INTO ... VALUES, UPDATE ...
/// SET, and DELETE FROM. Only the owner of a database may change data, and see private tables.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery sql my-app 'SELECT name, age FROM person WHERE age >= 18 ORDER BY age DESC LIMIT 10'\n  \
    orrery sql my-app \"INSERT INTO person (name) VALUES ('Ada')\"\n  \
    orrery sql my-app 'SELECT table_name, table_access FROM st_table'\n  \
    orrery sql my-app --json 'SELECT * FROM person' | jq '.[0]'\n  \
    orrery sql my-app < changes.sql\n  \
    orrery sql my-app                          asks for queries")]
pub(super) struct Sql {
    /// The database: a name or an identity
    database: String,
    /// What to run
    query: Option<String>,
    /// Print one line of JSON for each statement: an array of rows, or how many were changed
    #[arg(long)]
    json: bool,
    /// Do not wait until changes are on disk
    #[arg(long)]
    unconfirmed: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// What a statement gave.
#[derive(Deserialize)]
struct Answer {
    schema: Schema,
    rows: Box<RawValue>,
    stats: Box<RawValue>,
}

#[derive(Deserialize)]
struct Schema {
    elements: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    name: Name,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Some(String),
    None([(); 0]),
}

#[derive(Deserialize)]
struct Stats {
    rows_inserted: u64,
    rows_deleted: u64,
    rows_updated: u64,
}

impl Sql {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        match &self.query {
            Some(query) => self.ask(&client, query),
            None if stdin().is_terminal() => self.converse(&client),
            None => {
                let query = io::read_to_string(stdin()).context("standard input cannot be read")?;
                self.ask(&client, &query)
            }
        }
    }

    /// Runs a text and prints what came of it.
    fn ask(&self, client: &Client, text: &str) -> Result<()> {
        let confirmed = !self.unconfirmed;
        let path = format!("/v1/database/{}/sql?format=plain&confirmed={confirmed}", escape(&self.database));
        let answer = client
            .post(&path, "text/plain; charset=utf-8", text.as_bytes())
            .map_err(|error| self.explain(error))?;
        let answers: Vec<Answer> = read_json(answer)?;
        let mut out = stdout().lock();
        for (number, answer) in answers.iter().enumerate() {
            if self.json {
                writeln!(out, "{}", if answer.is_query() { &answer.rows } else { &answer.stats })?;
                continue;
            }
            if number > 0 {
                writeln!(out)?;
            }
            write!(out, "{}", answer.for_people()?)?;
        }
        Ok(())
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast_ref::<Refused>() {
            Some(Refused { status: 400, text }) if text.starts_with("there is no table or view") => {
                error.context(Hint(format!("`orrery describe {}` shows what there is", self.database)))
            }
            _ => error,
        }
    }

    /// Asks for queries until the end.
    fn converse(&self, client: &Client) -> Result<()> {
        let history = history_file();
        let mut editor: Editor<Statements, FileHistory> = Editor::new()?;
        editor.set_helper(Some(Statements));
        if let Some(path) = &history {
            // There is none the first time.
            let _ = editor.load_history(path);
        }
        writeln!(
            stderr(),
            "A statement ends with a semicolon and may have several lines. `help` tells more."
        )?;
        let prompt = format!("{}> ", self.database);
        loop {
            let text = match editor.readline(&prompt) {
                Ok(text) => text,
                // Ctrl-C takes back what was written.
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error).context("the terminal cannot be read"),
            };
            let command = text.trim();
            if command.is_empty() {
                continue;
            }
            if editor.add_history_entry(command)?
                && let Some(path) = &history
                // Whoever cannot write a history can still ask.
                && let Err(error) = editor.append_history(path)
            {
                tracing::debug!(%error, "no history");
            }
            match command {
                "exit" | "quit" | "\\q" => return Ok(()),
                "help" | "\\?" => write!(stderr(), "{HELP}")?,
                query => {
                    if let Err(error) = self.ask(client, query) {
                        report(&error);
                    }
                }
            }
        }
    }
}

const HELP: &str = "\
SELECT name, age FROM person WHERE age >= 18 AND name LIKE 'A%' ORDER BY age DESC LIMIT 10;
SELECT kind, count(*) AS n, avg(age) AS age FROM person GROUP BY kind;
SELECT a.name, b.title FROM person AS a JOIN book AS b ON b.author = a.id;
INSERT INTO person (name, age) VALUES ('Ada', 36), ('Eve', NULL);
UPDATE person SET age = 37 WHERE name = 'Ada';
DELETE FROM person WHERE age IS NULL;
SELECT table_name, table_access FROM st_table;

Ctrl-C takes back what was written. Ctrl-D, `exit` and `quit` end this.
";

/// Where what was asked is kept; none if the user has no home.
fn history_file() -> Option<PathBuf> {
    let folder = config::user_dir("XDG_STATE_HOME", ".local/state").ok()?.join("orrery");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("sql_history"))
}

impl Answer {
    fn is_query(&self) -> bool {
        !self.schema.elements.is_empty()
    }

    /// A table, or how many rows were changed.
    fn for_people(&self) -> Result<String> {
        if !self.is_query() {
            let Stats { rows_inserted, rows_deleted, rows_updated } = serde_json::from_str(self.stats.get())?;
            let mut parts = Vec::new();
            for (count, what) in
                [(rows_inserted, "inserted"), (rows_updated, "updated"), (rows_deleted, "deleted")]
            {
                if count > 0 {
                    parts.push(format!("{} {what}", rows(count)));
                }
            }
            let text = if parts.is_empty() { "nothing changed".into() } else { parts.join(", ") };
            return Ok(format!("{text}\n"));
        }
        let found: Vec<Row> = serde_json::from_str(self.rows.get())?;
        let head = self.schema.elements.iter().map(|element| match &element.name {
            Name::Some(name) => name.clone(),
            Name::None(_) => String::new(),
        });
        let count = rows(found.len() as u64);
        Ok(format!("{}({count})\n", Table::with_head(head.collect(), found)))
    }
}

fn rows(count: u64) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}

/// Knows where a statement ends.
struct Statements;

impl Helper for Statements {}
impl Completer for Statements {
    type Candidate = String;
}
impl Hinter for Statements {
    type Hint = String;
}
impl Highlighter for Statements {}

impl Validator for Statements {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// Whether a text can be run: it is empty, a command of this program, or ends with a semicolon.
fn is_whole(text: &str) -> bool {
    let command = text.trim();
    if command.is_empty() || command.starts_with('\\') || matches!(command, "exit" | "quit" | "help") {
        return true;
    }
    let mut chars = command.chars().peekable();
    let mut ends = false;
    while let Some(c) = chars.next() {
        match c {
            quote @ ('\'' | '"') => {
                ends = false;
                if !chars.by_ref().any(|c| c == quote) {
                    return false;
                }
            }
            '-' if chars.peek() == Some(&'-') => {
                chars.by_ref().find(|&c| c == '\n');
            }
            ';' => ends = true,
            c if c.is_whitespace() => {}
            _ => ends = false,
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_with_a_semicolon_that_is_one() {
        for text in ["", " ", "exit", "\\q", "select 1;", "a; ", "a;\n-- b", "';';", "a 'it''s';", "a; b;"] {
            assert!(is_whole(text), "{text}");
        }
        for text in ["select 1", "';", "a ';", "a;b", "-- a;", "a ';' ", "\"a;", "exits"] {
            assert!(!is_whole(text), "{text}");
        }
    }

    #[test]
    fn answers_for_people() {
        let show = |json: &str| serde_json::from_str::<Answer>(json).unwrap().for_people().unwrap();
        let stats = |i, d, u| format!(r#"{{"rows_inserted":{i},"rows_deleted":{d},"rows_updated":{u}}}"#);
        let column = |name: &str| format!(r#"{{"name":{{"some":"{name}"}},"algebraic_type":{{"U64":[]}}}}"#);
        let answer = |columns: &[&str], rows: &str, stats: &str| {
            let columns: Vec<_> = columns.iter().map(|name| column(name)).collect();
            let columns = columns.join(",");
            format!(
                r#"{{"schema":{{"elements":[{columns}]}},"rows":{rows},"total_duration_micros":1,"stats":{stats}}}"#
            )
        };
        assert_eq!(
            show(&answer(&["id", "name"], r#"[{"id":18446744073709551615,"name":"Ada"}]"#, &stats(0, 0, 0))),
            "id                    name\n18446744073709551615  Ada\n(1 row)\n"
        );
        assert_eq!(show(&answer(&["id"], "[]", &stats(0, 0, 0))), "id\n(0 rows)\n");
        assert_eq!(show(&answer(&[], "[]", &stats(2, 1, 0))), "2 rows inserted, 1 row deleted\n");
        assert_eq!(show(&answer(&[], "[]", &stats(0, 0, 0))), "nothing changed\n");
    }
}
