//! `orrery delete`: removes a database.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::{Result, bail};
use clap::Args;

use super::{ServerArgs, client::escape};

/// Delete a database and all its data
///
/// Its name stays yours: publishing under it again makes a new, empty database with the same identity.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The database: a name or an identity
    database: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Delete {
    pub(super) fn run(self) -> Result<()> {
        let client = self.server.client()?;
        // A script has nobody who could answer.
        if !self.yes && stdin().is_terminal() && stderr().is_terminal() {
            eprint!("Delete {} on {} and all its data? [y/N] ", self.database, client.url());
            stderr().flush()?;
            let mut answer = String::new();
            stdin().read_line(&mut answer)?;
            if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
                bail!("nothing was deleted");
            }
        }
        client.delete(&format!("/v1/database/{}", escape(&self.database)))?;
        println!("Deleted {}", self.database);
        Ok(())
    }
}
