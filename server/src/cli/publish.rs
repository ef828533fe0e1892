//! `orrery publish`: makes a module a database, or gives a database a new module.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;
use serde::Deserialize;

use super::{
    Hint, ServerArgs,
    build::{BuildOptions, Program, ProgramKind, is_source_file},
    client::{Refused, escape, read_json},
    hyphenated, style,
};

/// Build a module and publish it
///
/// If there is no database of that name, it is created, and is yours. If there is one, it gets the new module and
/// keeps its data; changes that the data cannot follow are refused, and nothing is changed then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery publish my-app                          the project in this folder\n  \
    orrery publish my-app --project-path server    the one in another\n  \
    orrery publish chat.ts                         one TypeScript file, as the database `chat`\n  \
    orrery publish chat.ts my-app                  the same under another name\n  \
    orrery publish my-app --bin-path app.wasm      a module that is built already\n  \
    orrery publish my-app --delete-data            begin anew, without the old data")]
pub(super) struct Publish {
    /// The database: a name (lower-case letters, digits and hyphens) or an identity; and one TypeScript or JavaScript
    /// file if that is to be published instead of a project. A project without a name becomes a database that has
    /// only an identity; a file lends its name
    #[arg(value_names = ["NAME", "FILE"], num_args = 0..=2)]
    targets: Vec<String>,
    #[command(flatten)]
    build: BuildOptions,
    /// Publish this WebAssembly file or JavaScript bundle instead of building a project
    #[arg(short, long, value_name = "FILE", conflicts_with = "project_path")]
    bin_path: Option<PathBuf>,
    /// Publish this JavaScript bundle instead of building a project
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["project_path", "bin_path"])]
    js_path: Option<PathBuf>,
    /// Delete all data that the database holds
    #[arg(short = 'c', long)]
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

/// What is published as what, of the words on the command line.
#[derive(Debug, PartialEq, Eq)]
struct Targets {
    name: Option<String>,
    file: Option<PathBuf>,
}

impl Targets {
    /// No name of a database has a dot, so none is taken for a file.
    fn sort(words: &[String]) -> Result<Self> {
        let is_file = |word: &&String| is_source_file(Path::new(word));
        let (files, names): (Vec<_>, Vec<_>) = words.iter().partition(is_file);
        match (&names[..], &files[..]) {
            ([], [file]) => {
                match hyphenated(&Path::new(file).file_stem().unwrap_or_default().to_string_lossy()) {
                    name if name.is_empty() || name == "index" => {
                        Err(anyhow!("{file} does not say how the database is to be called")
                            .context(Hint(format!("say it: `orrery publish {file} NAME`"))))
                    }
                    name => Ok(Self { name: Some(name), file: Some(file.into()) }),
                }
            }
            ([] | [_], [] | [_]) => Ok(Self {
                name: names.first().map(ToString::to_string),
                file: files.first().map(PathBuf::from),
            }),
            (_, []) => Err(anyhow!("there are two names: `{}` and `{}`", words[0], words[1])
                .context(Hint("a file to publish has a name that ends with .ts or .js".into()))),
            _ => Err(anyhow!("one file at a time: it may import others")),
        }
    }
}

impl Publish {
    pub(super) fn run(self) -> Result<()> {
        let Targets { name, file } = Targets::sort(&self.targets)?;
        if self.delete_data && name.is_none() {
            return Err(anyhow!("there is no data to delete in a database that is yet to be made")
                .context(Hint("say whose data: `orrery publish NAME --delete-data`".into())));
        }
        let program = match (&self.bin_path, &self.js_path, &file) {
            (None, None, Some(file)) => Program::build(file, &self.build)?,
            (None, None, None) => Program::build(&self.build.project_path, &self.build)?,
            (Some(file), _, None) => Program::read(file)?,
            (None, Some(file), None) => Program::read_js(file)?,
            (_, _, Some(file)) => {
                return Err(anyhow!("either {} or a file that is built already, not both", file.display()));
            }
        };
        let client = self.server.client_with_identity()?;
        let kib = program.bytes.len().div_ceil(1024);
        style::progress("Publishing", format_args!("{kib} KiB to {}", client.url()));

        let (host_type, content_type) = match program.kind {
            ProgramKind::Wasm => ("Wasm", "application/wasm"),
            ProgramKind::Js => ("Js", "text/javascript"),
        };
        let answer = match &name {
            None => client.post(&format!("/v1/database?host_type={host_type}"), content_type, &program.bytes),
            Some(name) => {
                let clear = if self.delete_data { "&clear=true" } else { "" };
                let path = format!("/v1/database/{}?host_type={host_type}{clear}", escape(name));
                client.put(&path, content_type, &program.bytes)
            }
        };
        let answer = answer.map_err(explain)?;
        let Published::Success { database_identity, op, changes } = read_json(answer)?;
        for change in &changes {
            println!("  {change}");
        }
        let what = match (&*op, self.delete_data) {
            ("created", _) => "Created",
            (_, true) => "Started anew",
            _ => "Updated",
        };
        let name = name.filter(|name| *name != database_identity);
        match name {
            Some(name) => println!("{what} {} ({database_identity})", style::on_stdout(style::BOLD, &name)),
            None => println!("{what} {}", style::on_stdout(style::BOLD, &database_identity)),
        }
        Ok(())
    }
}

fn explain(error: anyhow::Error) -> anyhow::Error {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(words: &[&str]) -> Result<(Option<String>, Option<String>)> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let Targets { name, file } = Targets::sort(&words)?;
        Ok((name, file.map(|file| file.to_string_lossy().into_owned())))
    }

    #[test]
    fn names_and_files_are_told_apart() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(sort(&[]).unwrap(), (None, None));
        assert_eq!(sort(&["my-app"]).unwrap(), (some("my-app"), None));
        assert_eq!(sort(&["src/My Chat_2.ts"]).unwrap(), (some("my-chat-2"), some("src/My Chat_2.ts")));
        assert_eq!(sort(&["chat.ts", "my-app"]).unwrap(), (some("my-app"), some("chat.ts")));
        assert_eq!(sort(&["my-app", "chat.mjs"]).unwrap(), (some("my-app"), some("chat.mjs")));
        assert!(sort(&["--.ts"]).is_err());
        assert!(sort(&["src/index.ts"]).is_err());
        assert!(sort(&["a", "b"]).is_err());
        assert!(sort(&["a.ts", "b.ts"]).is_err());
    }
}
