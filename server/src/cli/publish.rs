//! `orrery publish`: makes a module a database, or gives a database a new module.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use super::{
    Hint, ServerArgs, build,
    client::{Refused, escape, read_json},
    style,
};

/// Build a module and publish it
///
/// If there is no database of that name, it is created, and is yours. If there is one, it gets the new module and
/// keeps its data; changes that the data cannot follow are refused, and nothing is changed then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery publish my-app                          the project in this folder\n  \
    orrery publish my-app --project-path server    the one in another\n  \
    orrery publish my-app --bin-path app.wasm      a module that is built already\n  \
    orrery publish my-app --delete-data            begin anew, without the old data")]
pub(super) struct Publish {
    /// The database: a name (lower-case letters, digits and hyphens) or an identity. Without one, the database
    /// has only an identity
    name: Option<String>,
    /// Folder of the project
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    project_path: PathBuf,
    /// Publish this WebAssembly file instead of building a project
    #[arg(short, long, value_name = "FILE", conflicts_with = "project_path")]
    bin_path: Option<PathBuf>,
    /// Delete all data that the database holds
    #[arg(short = 'c', long, requires = "name")]
    delete_data: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Deserialize)]
enum Published {
    Success {
        database_identity: String,
        op: String,
        #[serde(default)]
        changes: Vec<String>,
    },
}

#[derive(Deserialize)]
enum Denied {
    PermissionDenied { name: String },
}

impl Publish {
    pub(super) fn run(self) -> Result<()> {
        let file = match &self.bin_path {
            Some(file) => file.clone(),
            None => build::build(&self.project_path)?,
        };
        let program = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let client = self.server.client_with_identity()?;
        let kib = program.len().div_ceil(1024);
        style::progress("Publishing", format_args!("{} ({kib} KiB) to {}", file.display(), client.url()));

        let content_type = "application/wasm";
        let answer = match &self.name {
            None => client.post("/v1/database", content_type, &program),
            Some(name) => {
                let clear = if self.delete_data { "?clear=true" } else { "" };
                client.put(&format!("/v1/database/{}{clear}", escape(name)), content_type, &program)
            }
        };
        let answer = answer.map_err(|error| self.explain(error))?;
        let Published::Success { database_identity, op, changes } = read_json(answer)?;
        for change in &changes {
            println!("  {change}");
        }
        let what = match (&*op, self.delete_data) {
            ("created", _) => "Created",
            (_, true) => "Started anew",
            _ => "Updated",
        };
        let name = self.name.as_deref().filter(|name| *name != database_identity);
        match name {
            Some(name) => println!("{what} {} ({database_identity})", style::on_stdout(style::BOLD, name)),
            None => println!("{what} {}", style::on_stdout(style::BOLD, &database_identity)),
        }
        Ok(())
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(refused) = error.downcast_ref::<Refused>() else { return error };
        if let Ok(Denied::PermissionDenied { name }) = serde_json::from_str(&refused.text) {
            return anyhow::anyhow!("nothing was published: the name `{name}` belongs to somebody else")
                .context(Hint("choose another name, or log in as its owner: `orrery login --token`".into()));
        }
        let schema = refused.status == 400 && refused.text.contains("cannot be applied to the data");
        let error = error.context("nothing was published");
        if schema {
            return error.context(Hint(
                "change the module so that the data can follow, or publish with --delete-data to drop the data"
                    .into(),
            ));
        }
        error
    }
}

/// The kinds of projects that can be told apart.
pub(super) fn check_is_rust_project(dir: &std::path::Path) -> Result<()> {
    if dir.join("Cargo.toml").is_file() {
        return Ok(());
    }
    if dir.join("package.json").is_file() || dir.join("StdbModule.csproj").is_file() {
        bail!(
            "{} is not a Rust project. Other languages come later; a module that was built elsewhere can be \
             published with --bin-path FILE",
            dir.display()
        );
    }
    bail!(
        "there is no Cargo.toml in {}. `orrery init --lang rust` makes a project; --project-path names the folder \
         of one, and --bin-path a file that is built already",
        dir.display()
    )
}
