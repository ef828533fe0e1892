//! `orrery list`: the databases that are the user's.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;

use super::{
    ServerArgs,
    client::read_json,
    login::identity_of,
    table::{Row, Table},
};

/// List your databases on a server
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Deserialize)]
struct Databases {
    identities: Vec<String>,
}

#[derive(Deserialize)]
struct Names {
    names: Vec<String>,
}

impl List {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        let Some(token) = client.token() else {
            println!(
                "You have no identity on {} yet: `orrery publish` or `orrery login` gives you one.",
                client.url()
            );
            return Ok(());
        };
        let owner = identity_of(token)?;
        let found: Databases = read_json(client.get(&format!("/v1/identity/{owner}/databases"), None)?)?;
        if found.identities.is_empty() {
            println!("{owner} has no databases on {}. `orrery publish NAME` makes one.", client.url());
            return Ok(());
        }
        let mut rows = Vec::new();
        for identity in found.identities {
            let Names { names } = read_json(client.get(&format!("/v1/database/{identity}/names"), None)?)?;
            rows.push(Row::of_texts([("name", names.join(", ")), ("identity", identity)]));
        }
        print!("{}", Table::new(rows));
        Ok(())
    }
}
