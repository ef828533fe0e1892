//! `orrery view`: shows the rows of a view.

mod follow;

use std::io::{self, Write, stdout};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::{
    Hint, ServerArgs,
    call::argument,
    client::{Client, Refused, escape, read_json},
    table::{Row, Table},
};

/// Show the rows of a view
///
/// Arguments for the view's parameters come in order behind its name, or by name with --arg.
///
/// With --follow, what changes in the rows is shown when it happens, until Ctrl-C: + before rows that come, - before
/// those that go.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery view my-app people\n  \
    orrery view my-app adults 18                   with an argument\n  \
    orrery view my-app adults --arg min_age=18     the same by name\n  \
    orrery view my-app people --limit 10 --offset 20\n  \
    orrery view my-app people --format csv > people.csv\n  \
    orrery view my-app people --json | jq '.[0]'\n  \
    orrery view my-app people --follow             and what changes, as it happens\n\n\
    The same without Orrery's command line:\n  \
    curl http://127.0.0.1:3000/v1/database/my-app/view/people\n  \
    curl http://127.0.0.1:3000/v1/database/my-app/view/adults?min_age=18\n  \
    curl -N -H 'Accept: text/event-stream' http://127.0.0.1:3000/v1/database/my-app/view/people")]
pub(super) struct View {
    /// The database: a name or an identity
    database: String,
    /// The view
    view: String,
    /// Arguments for its parameters, in order, each as JSON. What is not JSON is taken as a text
    #[arg(allow_negative_numbers = true, conflicts_with = "named")]
    arguments: Vec<String>,
    /// An argument by the name of its parameter: texts as they are, other values as JSON
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    named: Vec<String>,
    /// At most so many rows
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    limit: Option<u64>,
    /// Leave out so many rows at the beginning
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    offset: Option<u64>,
    /// Go on with what changes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How to print rows
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    format: Format,
    /// Print one JSON array: the same as --format json
    #[arg(long, conflicts_with_all = ["format", "ndjson"])]
    json: bool,
    /// Print one JSON object a line: the same as --format ndjson
    #[arg(long, conflicts_with = "format")]
    ndjson: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns, for people
    Table,
    /// One JSON array
    Json,
    /// One JSON object a line; with --follow, one for each event
    Ndjson,
    /// Comma-separated values, with a line of names
    Csv,
    /// One array in SATS-JSON, as arguments of `orrery call` are
    Sats,
    /// The bytes that SpacetimeDB's protocols have: one array in BSATN
    Bsatn,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Table | Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Sats => "application/sats+json",
            Self::Bsatn => "application/octet-stream",
        }
    }
}

impl View {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        let format = match (self.json, self.ndjson) {
            (true, _) => Format::Json,
            (_, true) => Format::Ndjson,
            _ => self.format,
        };
        let request = self.request()?;
        if self.follow {
            return follow::run(&client, &request, format).map_err(|error| self.explain(error));
        }
        let answer = request.send(&client, format.media_type(), &[]).map_err(|error| self.explain(error))?;
        let mut out = stdout().lock();
        if format != Format::Table {
            io::copy(&mut answer.into_body().into_reader(), &mut out)?;
            if matches!(format, Format::Json | Format::Sats) {
                writeln!(out)?;
            }
            return Ok(());
        }
        let total: Option<usize> =
            answer.headers().get("x-total-count").and_then(|total| total.to_str().ok()?.parse().ok());
        let rows: Vec<Row> = read_json(answer)?;
        let count = rows.len();
        write!(out, "{}", Table::new(rows))?;
        let of_all = match total {
            Some(total) if total != count => format!(" of {total}"),
            _ => String::new(),
        };
        writeln!(out, "({count}{of_all} {})", if count == 1 && of_all.is_empty() { "row" } else { "rows" })?;
        Ok(())
    }

    fn request(&self) -> Result<Request> {
        let mut path = format!("/v1/database/{}/view/{}", escape(&self.database), escape(&self.view));
        let mut separator = '?';
        let mut add = |name: &str, value: &str| {
            path.push_str(&format!("{separator}{}={}", escape(name), escape(value)));
            separator = '&';
        };
        for (name, value) in [("limit", self.limit), ("offset", self.offset)] {
            if let Some(value) = value {
                add(name, &value.to_string());
            }
        }
        for named in &self.named {
            match named.split_once('=') {
                Some((name, value)) if !name.is_empty() => add(name, value),
                _ => bail!("--arg {named}: an argument by name is NAME=VALUE"),
            }
        }
        let arguments = self.arguments.iter().map(|it| argument(it)).collect::<Result<Vec<_>>>()?;
        let body = if arguments.is_empty() { None } else { Some(serde_json::to_vec(&arguments)?) };
        Ok(Request { path, body })
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let describe = Hint(format!("`orrery describe {}` shows what there is", self.database));
        match error.downcast_ref::<Refused>() {
            Some(Refused { status: 404, text }) if text.starts_with("no such view") => {
                error.context(describe)
            }
            Some(Refused { status: 400, text }) if text.starts_with("invalid arguments") => {
                error.context(describe)
            }
            _ => error,
        }
    }
}

/// What a view is asked for with.
struct Request {
    path: String,
    /// The arguments, if they are given in order.
    body: Option<Vec<u8>>,
}

impl Request {
    fn send(
        &self,
        client: &Client,
        accept: &str,
        headers: &[(&str, &str)],
    ) -> Result<ureq::http::Response<ureq::Body>> {
        let headers: Vec<_> = [("accept", accept)].into_iter().chain(headers.iter().copied()).collect();
        match &self.body {
            None => client.get_with(&self.path, &headers),
            Some(body) => client.post_with(&self.path, "application/json", body, &headers),
        }
    }
}
