//! `orrery init`: a new project.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::style;

/// The version of the official crate that is known to work.
const SPACETIMEDB_VERSION: &str = "2.8.2";

/// Make a new project
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    orrery init --lang rust my-app\n  \
    cd my-app && orrery publish my-app")]
pub(super) struct Init {
    /// The language of the module
    #[arg(short, long)]
    lang: Language,
    /// The folder, made if need be. Its name becomes that of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Rust,
    #[value(alias = "ts")]
    Typescript,
    #[value(alias = "cs")]
    Csharp,
}

impl Init {
    pub(super) fn run(self) -> Result<()> {
        match self.lang {
            Language::Rust => {}
            Language::Typescript => bail!("projects in TypeScript are not supported yet; `--lang rust` is"),
            Language::Csharp => bail!("projects in C# are not supported yet; `--lang rust` is"),
        }
        let dir = &self.dir;
        fs::create_dir_all(dir.join("src")).with_context(|| format!("{} cannot be made", dir.display()))?;
        let name = project_name(&dir.canonicalize()?);
        let files =
            [("Cargo.toml", manifest(&name)), (".gitignore", "/target\n".into()), ("src/lib.rs", LIB.into())];
        if let Some((taken, _)) = files.iter().find(|(file, _)| dir.join(file).exists()) {
            bail!("{} is there already; choose another folder", dir.join(taken).display());
        }
        for (file, text) in files {
            let path = dir.join(file);
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        println!("Made the project {} in {}. Now:\n", style::on_stdout(style::BOLD, &name), dir.display());
        if dir != Path::new(".") {
            println!("  cd {}", dir.display());
        }
        println!(
            "  orrery publish {name}\n  orrery call {name} add Ada\n  orrery view {name} people\n\n\
             A server must be running for that: `orrery start` in another terminal."
        );
        Ok(())
    }
}

/// A name that cargo and the server both take, made of the folder's.
fn project_name(dir: &Path) -> String {
    let folder = dir.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let words = folder.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    // Cargo wants a letter first.
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("app-{name}").trim_end_matches('-').into()
    }
}

fn manifest(name: &str) -> String {
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
log = "0.4"
spacetimedb = "={SPACETIMEDB_VERSION}"

[profile.release]
lto = "thin"
"#
    )
}

const LIB: &str = r#"use spacetimedb::{AnonymousViewContext, ReducerContext, Table, Timestamp};

/// People who have said hello.
#[spacetimedb::table(accessor = person)]
pub struct Person {
    #[primary_key]
    #[auto_inc]
    id: u64,
    name: String,
    #[index(btree)]
    met: Timestamp,
}

/// Adds somebody.
#[spacetimedb::reducer]
pub fn add(ctx: &ReducerContext, name: String) -> Result<(), String> {
    if name.is_empty() {
        return Err("a person needs a name".into());
    }
    let person = ctx.db.person().insert(Person { id: 0, name, met: ctx.timestamp });
    log::info!("{} is number {}", person.name, person.id);
    Ok(())
}

/// Everybody, in the order in which they came.
#[spacetimedb::view(accessor = people, public)]
pub fn people(ctx: &AnonymousViewContext) -> Vec<Person> {
    ctx.db.person().met().filter(Timestamp::UNIX_EPOCH..).collect()
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_are_database_names_too() {
        for (folder, name) in [
            ("/x/my-app", "my-app"),
            ("/x/My App_2", "my-app-2"),
            ("/x/2048", "app-2048"),
            ("/x/--é--", "app"),
            ("/", "app"),
        ] {
            assert_eq!(project_name(Path::new(folder)), name, "{folder}");
            assert!(name.parse::<crate::control::DatabaseName>().is_ok());
        }
    }
}
