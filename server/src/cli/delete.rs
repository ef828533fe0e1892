//! `orrery delete`: removes a database.

use anyhow::Result;
use clap::Args;

use super::{ServerArgs, client::escape, upgrade::confirm};

/// Delete a database and all its data
///
/// Its name stays yours: publishing under it again makes a new, empty database with the same identity.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The database: a name or an identity
    database: String,
    /// Do not ask. Where nobody can be asked, in a script, nothing is deleted without this
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Delete {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        if !self.yes {
            confirm(
                &format!("This DELETES {} on {} and all its data.", self.database, client.url()),
                "--yes",
            )?;
        }
        client.delete(&format!("/v1/database/{}", escape(&self.database)))?;
        println!("Deleted {}", self.database);
        Ok(())
    }
}
