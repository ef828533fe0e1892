//! `orrery rollback` and `orrery history`: the modules that a database ran before.

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Deserialize;

use super::{
    Hint, ServerArgs,
    client::{Client, Refused, escape, read_json},
    style,
    table::{Row, Table},
    upgrade::{Agreed, Decision, decide, plan_style},
};

/// Go back to the module that a database ran before
///
/// As if it were published again: the data is kept, what changes is shown first, and what the data cannot follow is
/// refused. `orrery history` shows what there is to go back to.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery rollback my-app              the module before the present one\n  \
    orrery rollback my-app --to 4f2a    another one that the history names")]
pub(super) struct Rollback {
    /// The database: a name or an identity
    database: String,
    /// The hash of the module, or how it begins
    #[arg(long, value_name = "HASH")]
    to: Option<String>,
    /// Allow changes that disconnect clients and may break them, without being asked
    #[arg(long)]
    break_clients: bool,
    /// Answer all questions with yes
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Show which modules a database has run
///
/// The first is the one that runs. The last few are kept, for `orrery rollback`.
#[derive(Debug, Args)]
pub(super) struct History {
    /// The database: a name or an identity
    database: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// A module that a database has run.
#[derive(Deserialize)]
struct ProgramRecord {
    hash: String,
    published_at: String,
    size: u64,
    running: bool,
}

impl Rollback {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        let programs = programs(&client, &self.database)?;
        let to = self.choose(&programs)?;
        let url = |what: &str| format!("/v1/database/{}/{what}?to={}", escape(&self.database), to.hash);
        let plan =
            client.post(&format!("{}&style={}", url("pre_rollback"), plan_style()), "text/plain", b"")?;
        let agreed =
            Agreed { break_clients: self.break_clients || self.yes, migrate: self.yes, delete_data: false };
        match decide(plan, agreed)? {
            Decision::GoAhead(query) => {
                client.post(&format!("{}&{query}", url("rollback")), "text/plain", b"")?;
            }
            Decision::Impossible(reason) => {
                return Err(anyhow!(
                    "nothing was changed: the data cannot follow the earlier module:\n{reason}"
                ));
            }
        }
        println!(
            "{} runs the module {} of {} again",
            style::on_stdout(style::BOLD, &self.database),
            &to.hash[..SHORT_HASH_LEN],
            to.published_at
        );
        Ok(())
    }

    /// The module to go back to.
    fn choose<'p>(&self, programs: &'p [ProgramRecord]) -> Result<&'p ProgramRecord> {
        let earlier = programs.get(1..).unwrap_or_default();
        let found: Vec<_> = match &self.to {
            None => earlier.first().into_iter().collect(),
            Some(hash) => programs.iter().filter(|it| it.hash.starts_with(&hash.to_lowercase())).collect(),
        };
        match (&*found, &self.to) {
            ([one], _) => Ok(one),
            ([], None) => Err(anyhow!("{} has run no other module that is kept", self.database)),
            ([], Some(hash)) => Err(anyhow!("no module of {} begins with {hash}", self.database)
                .context(Hint(format!("`orrery history {}` shows them", self.database)))),
            (_, hash) => Err(anyhow!("several modules begin with {}", hash.as_deref().unwrap_or_default())),
        }
    }
}

impl History {
    pub(super) fn run(self) -> Result<()> {
        let rows = programs(&self.server.client()?, &self.database)?.into_iter().map(|program| {
            Row::of_texts([
                ("module", program.hash[..SHORT_HASH_LEN].to_owned()),
                ("published", program.published_at),
                ("size", format!("{} KiB", program.size.div_ceil(1024))),
                ("", if program.running { "runs".to_owned() } else { String::new() }),
            ])
        });
        print!("{}", Table::new(rows.collect()));
        Ok(())
    }
}

/// So much of a hash tells modules apart.
const SHORT_HASH_LEN: usize = 12;

fn programs(client: &Client, database: &str) -> Result<Vec<ProgramRecord>> {
    let answer = client.get(&format!("/v1/database/{}/programs", escape(database)), None);
    let programs: Vec<ProgramRecord> =
        read_json(answer.map_err(
            |error| match error.downcast_ref::<Refused>().map(|refused| refused.status) {
                Some(404) => error.context(Hint("`orrery list` shows your databases".into())),
                _ => error,
            },
        )?)?;
    if programs.iter().any(|program| program.hash.len() < SHORT_HASH_LEN || !program.hash.is_ascii()) {
        return Err(anyhow!("the server names modules by something that is no hash"));
    }
    Ok(programs)
}
