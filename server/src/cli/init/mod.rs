//! `orrery init`: a new project, which publishes as it is.

mod rust;
mod typescript;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::{build::sdk_files, hyphenated, style};

/// Make a new project
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    orrery init --lang typescript my-app\n  \
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
        let files = match self.lang {
            Language::Rust => rust::files,
            Language::Typescript => typescript::files,
            Language::Csharp => {
                bail!("projects in C# are not supported yet; `--lang typescript` and `--lang rust` are")
            }
        };
        let dir = &self.dir;
        fs::create_dir_all(dir.join("src")).with_context(|| format!("{} cannot be made", dir.display()))?;
        let name = project_name(&dir.canonicalize()?);
        let files = files(&name);
        if let Some((taken, _)) = files.iter().find(|(file, _)| dir.join(file).exists()) {
            bail!("{} is there already; choose another folder", dir.join(taken).display());
        }
        for (file, text) in files {
            let path = dir.join(file);
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        if matches!(self.lang, Language::Typescript) {
            sdk_files::write(dir)?;
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
    let name = hyphenated(&dir.file_name().unwrap_or_default().to_string_lossy());
    // Cargo wants a letter first.
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("app-{name}").trim_end_matches('-').into()
    }
}

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
