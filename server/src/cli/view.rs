//! `orrery view`: shows the rows of a view.

use std::io::{self, Write, stdout};

use anyhow::Result;
use clap::Args;

use super::{
    Hint, ServerArgs,
    client::{Refused, escape, read_json},
    table::{Row, Table},
};

/// Show the rows of a view
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery view my-app people\n  \
    orrery view my-app people --json | jq '.[0]'\n\n\
    The same without Orrery's command line:\n  \
    curl http://127.0.0.1:3000/v1/database/my-app/view/people")]
pub(super) struct View {
    /// The database: a name or an identity
    database: String,
    /// The view
    view: String,
    /// Print one JSON array
    #[arg(long, conflicts_with = "ndjson")]
    json: bool,
    /// Print one JSON object a line
    #[arg(long)]
    ndjson: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl View {
    pub(super) fn run(self) -> Result<()> {
        let path = format!("/v1/database/{}/view/{}", escape(&self.database), escape(&self.view));
        let accept = if self.ndjson { "application/x-ndjson" } else { "application/json" };
        let answer = self.server.client()?.get(&path, Some(accept)).map_err(|error| self.explain(error))?;
        let mut out = stdout().lock();
        if self.json || self.ndjson {
            io::copy(&mut answer.into_body().into_reader(), &mut out)?;
            if self.json {
                writeln!(out)?;
            }
            return Ok(());
        }
        let rows: Vec<Row> = read_json(answer)?;
        let count = rows.len();
        write!(out, "{}", Table::new(rows))?;
        writeln!(out, "({count} {})", if count == 1 { "row" } else { "rows" })?;
        Ok(())
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast_ref::<Refused>() {
            Some(Refused { status: 404, text }) if text.starts_with("no such view") => {
                error.context(Hint(format!("`orrery describe {}` shows what there is", self.database)))
            }
            _ => error,
        }
    }
}
