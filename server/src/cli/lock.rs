//! `orrery lock` and `orrery unlock`: whether a database may be deleted and reset.

use anyhow::Result;
use clap::Args;

use super::{ServerArgs, client::escape};

/// Keep a database from being deleted
///
/// A locked database is neither deleted nor reset, not even by you: `orrery delete` and `orrery publish
/// --delete-data` are refused until `orrery unlock`. Everything else goes on as before.
#[derive(Debug, Args)]
pub(super) struct Lock {
    /// The database: a name or an identity
    database: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Allow again that a locked database is deleted
#[derive(Debug, Args)]
pub(super) struct Unlock {
    /// The database: a name or an identity
    database: String,
    #[command(flatten)]
    server: ServerArgs,
}

impl Lock {
    pub(super) fn run(self) -> Result<()> {
        ask(&self.server, &self.database, "lock")?;
        println!("Locked {}: it can be neither deleted nor reset", self.database);
        Ok(())
    }
}

impl Unlock {
    pub(super) fn run(self) -> Result<()> {
        ask(&self.server, &self.database, "unlock")?;
        println!("Unlocked {}", self.database);
        Ok(())
    }
}

fn ask(server: &ServerArgs, database: &str, what: &str) -> Result<()> {
    let path = format!("/v1/database/{}/{what}", escape(database));
    server.client()?.post(&path, "text/plain", b"")?;
    Ok(())
}
