//! `orrery rename`: what a database is called.

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Deserialize;

use super::{
    Hint, ServerArgs,
    client::{Refused, escape},
    style,
};

/// Give a database another name
///
/// The new name takes the place of all names that the database has. Those stay yours, so nobody else can take them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    orrery rename my-app --to our-app")]
pub(super) struct Rename {
    /// The database: a name or an identity
    database: String,
    /// The new name: lower-case letters, digits and hyphens
    #[arg(long, value_name = "NAME")]
    to: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Why the name was not given.
#[derive(Deserialize)]
enum NotRenamed {
    PermissionDenied { domain: String },
    NotYourDatabase { database: String },
    OtherError(String),
}

impl Rename {
    pub(super) fn run(self) -> Result<()> {
        let Self { database, to, server } = self;
        let path = format!("/v1/database/{}/names", escape(&database));
        let body = serde_json::to_vec(&[&to])?;
        server.client()?.put(&path, "application/json", &body).map_err(explain)?;
        println!("{database} is called {} now", style::on_stdout(style::BOLD, &to));
        Ok(())
    }
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    let Some(refused) = error.downcast_ref::<Refused>() else { return error };
    match serde_json::from_str(&refused.text) {
        Ok(NotRenamed::PermissionDenied { domain }) => {
            anyhow!("the name `{domain}` belongs to somebody else")
                .context(Hint("choose another name".into()))
        }
        Ok(NotRenamed::NotYourDatabase { database }) => anyhow!("the database {database} is somebody else's")
            .context(Hint("log in as its owner: `orrery login --token`".into())),
        Ok(NotRenamed::OtherError(reason)) => anyhow!(reason),
        Err(_) => error,
    }
}
