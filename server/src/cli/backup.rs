//! `orrery backup` and `orrery restore`: copies of databases in files.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use super::{
    Hint, ServerArgs,
    client::{escape, read_json},
    style,
};

/// Copy a database to a file, while it runs
///
/// The copy is of one moment: program and data fit together, however much is written meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery backup my-app my-app.backup\n  \
    orrery restore my-app.backup my-app-copy")]
pub(super) struct Backup {
    /// The database: a name or an identity
    database: String,
    /// The file, which appears when the copy is complete
    file: PathBuf,
    /// Replace the file if there is one
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Make a new database from a backup
///
/// It gets an identity of its own, and is yours. To go back to a backup under the same name, delete the database first.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The file that `orrery backup` made
    file: PathBuf,
    /// The name of the new database
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Deserialize)]
enum Restored {
    Success { database_identity: String },
}

impl Backup {
    pub(super) fn run(self) -> Result<()> {
        if !self.force && self.file.exists() {
            bail!(
                "there is a file {} already; name another one, or add --force to replace it",
                self.file.display()
            );
        }
        let answer =
            self.server.client()?.get(&format!("/v1/database/{}/backup", escape(&self.database)), None)?;
        let mut part = self.file.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let bytes = write(answer.into_body().into_reader(), &part, &self.file).inspect_err(|_| {
            // It is of no use.
            let _ = fs::remove_file(&part);
        })?;
        println!(
            "Wrote {} ({} KiB)",
            style::on_stdout(style::BOLD, self.file.display()),
            bytes.div_ceil(1024)
        );
        Ok(())
    }
}

/// Writes to `part`, which becomes `file` when it is complete and on disk.
fn write(mut backup: impl io::Read, part: &Path, file: &Path) -> Result<u64> {
    let cannot = || format!("{} cannot be written", part.display());
    let mut out = File::create(part).with_context(cannot)?;
    let bytes = io::copy(&mut backup, &mut out).context("the backup is incomplete, and was not kept")?;
    out.flush().and_then(|()| out.sync_all()).with_context(cannot)?;
    fs::rename(part, file).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(bytes)
}

impl Restore {
    pub(super) fn run(self) -> Result<()> {
        let file = File::open(&self.file)
            .with_context(|| format!("{} cannot be read", self.file.display()))
            .context(Hint("`orrery backup` makes such files".into()))?;
        let client = self.server.client_with_identity()?;
        let kib = file.metadata()?.len().div_ceil(1024);
        style::progress("Restoring", format_args!("{} ({kib} KiB) to {}", self.file.display(), client.url()));
        let path = format!("/v1/database/{}/restore", escape(&self.name));
        let Restored::Success { database_identity } = read_json(client.post_file(&path, file)?)?;
        println!("Created {} ({database_identity})", style::on_stdout(style::BOLD, &self.name));
        Ok(())
    }
}
