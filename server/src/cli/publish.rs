//! `orrery publish`: makes a module a database, or gives a database a new module.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::{
    Hint, ServerArgs,
    build::{BuildFlags, BuildOptions, Program, ProgramKind, is_source_file},
    client::{Client, Refused, escape, read_json},
    hyphenated, style,
    upgrade::{Agreed, Decision, confirm, decide, plan_style},
};

/// Build a module and publish it
///
/// If there is no database of that name, it is created, and is yours. If there is one, it gets the new module and
/// keeps its data: what that changes is shown first. Changes that the data cannot follow are refused, and nothing is
/// changed then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery publish my-app                          the project in this folder\n  \
    orrery publish my-app --project-path server    the one in another\n  \
    orrery publish chat.ts                         one TypeScript file, as the database `chat`\n  \
    orrery publish chat.ts my-app                  the same under another name\n  \
    orrery publish my-app --bin-path app.wasm      a module that is built already\n  \
    orrery publish my-app --break-clients          allow changes that disconnect clients\n  \
    orrery publish my-app --delete-data            begin anew, without the old data\n\n\
    `orrery rollback` goes back to the module before.")]
pub(super) struct Publish {
    /// The database: a name (lower-case letters, digits and hyphens) or an identity; and one TypeScript or JavaScript
    /// file if that is to be published instead of a project. A project without a name becomes a database that has
    /// only an identity; a file lends its name
    #[arg(value_names = ["NAME", "FILE"], num_args = 0..=2)]
    targets: Vec<String>,
    #[command(flatten)]
    build: BuildOptions,
    /// More options of `orrery build`, as one text, which is how SpacetimeDB's command line takes them
    #[arg(long, value_name = "OPTIONS", value_parser = BuildFlags::parse, allow_hyphen_values = true)]
    build_options: Option<BuildFlags>,
    /// Publish this WebAssembly file or JavaScript bundle instead of building a project
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["project_path", "features", "build_options"])]
    bin_path: Option<PathBuf>,
    /// Publish this JavaScript bundle instead of building a project
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["project_path", "bin_path", "features", "build_options"])]
    js_path: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    server: ServerArgs,
}

/// What the user agrees to before being asked.
#[derive(Debug, Args)]
pub(super) struct Consent {
    /// Delete all data that the database holds: always (if no value is given), or only if the data cannot follow the
    /// new module
    #[arg(
        short = 'c',
        long,
        alias = "clear-database",
        value_name = "WHEN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "never",
        default_missing_value = "always"
    )]
    delete_data: DeleteData,
    /// Allow changes that disconnect clients and may break them, without being asked
    #[arg(long)]
    break_clients: bool,
    /// Answer questions with yes: all (if no value is given), or some, separated by commas
    #[arg(
        short,
        long,
        value_name = "WHICH",
        num_args = 0..=1,
        require_equals = true,
        value_delimiter = ',',
        default_missing_value = "all"
    )]
    yes: Vec<Yes>,
}

/// When the data is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeleteData {
    Always,
    OnConflict,
    Never,
}

/// A question that may be answered beforehand. SpacetimeDB's command line knows two more, which are never asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Yes {
    All,
    Migrate,
    BreakClients,
    DeleteData,
    #[value(hide = true)]
    Remote,
    #[value(hide = true)]
    SkipLogin,
}

#[derive(Deserialize)]
enum Published {
    Success { database_identity: String, op: String },
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
            ([], [file]) => match name_of(Path::new(file)) {
                Some(name) => Ok(Self { name: Some(name), file: Some(file.into()) }),
                None => Err(anyhow!("{file} does not say how the database is to be called")
                    .context(Hint(format!("say it: `orrery publish {file} NAME`")))),
            },
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

/// The name that a file or a folder lends its database, if it says anything.
pub(super) fn name_of(path: &Path) -> Option<String> {
    let text = if is_source_file(path) { path.file_stem() } else { path.file_name() };
    let name = hyphenated(&text?.to_string_lossy());
    (!name.is_empty() && name != "index").then_some(name)
}

impl Publish {
    pub(super) fn run(self) -> Result<()> {
        let Targets { name, file } = Targets::sort(&self.targets)?;
        if self.consent.delete_data != DeleteData::Never && name.is_none() {
            return Err(anyhow!("there is no data to delete in a database that is yet to be made")
                .context(Hint("say whose data: `orrery publish NAME --delete-data`".into())));
        }
        let path = file.clone().unwrap_or(self.build.project_path);
        let flags = self.build.flags.and(self.build_options.unwrap_or_default());
        let program = match (&self.bin_path, &self.js_path, &file) {
            (None, None, _) => Program::build(&path, &flags)?,
            (Some(file), _, None) => Program::read(file)?,
            (None, Some(file), None) => Program::read_js(file)?,
            (_, _, Some(file)) => {
                return Err(anyhow!("either {} or a file that is built already, not both", file.display()));
            }
        };
        self.consent.publish(&self.server.client_with_identity()?, name.as_deref(), &program)
    }
}

impl Consent {
    /// Publishes a program: as a new database, or in the place of the one that the database of that name has. What
    /// that changes is shown, and asked about where the user has not agreed yet.
    pub(super) fn publish(&self, client: &Client, name: Option<&str>, program: &Program) -> Result<()> {
        let kib = program.bytes.len().div_ceil(1024);
        style::progress("Publishing", format_args!("{kib} KiB to {}", client.url()));

        let query = match name {
            Some(name) => self.query(client, name, program)?,
            None => String::new(),
        };
        let (host_type, content_type) = kind_names(program);
        let answer = match name {
            None => client.post(&format!("/v1/database?host_type={host_type}"), content_type, &program.bytes),
            Some(name) => {
                let path = format!("/v1/database/{}?host_type={host_type}{query}", escape(name));
                client.put(&path, content_type, &program.bytes)
            }
        };
        let Published::Success { database_identity, op } = read_json(answer.map_err(explain)?)?;
        let what = match &*op {
            "created" => "Created",
            _ if query == CLEAR => "Started anew",
            _ => "Updated",
        };
        let name = name.filter(|name| *name != database_identity);
        let called = name.unwrap_or(&database_identity);
        match name {
            Some(name) => println!("{what} {} ({database_identity})", style::on_stdout(style::BOLD, name)),
            None => println!("{what} {}", style::on_stdout(style::BOLD, &database_identity)),
        }
        style::progress("Browse", format_args!("{}/v1/database/{}/docs", client.url(), escape(called)));
        Ok(())
    }

    /// How to publish to the database of that name: what the user has agreed to, as a query.
    fn query(&self, client: &Client, name: &str, program: &Program) -> Result<String> {
        let agreed = self.agreed();
        if self.delete_data == DeleteData::Always {
            return clear(name, agreed);
        }
        let (host_type, content_type) = kind_names(program);
        let path =
            format!("/v1/database/{}/pre_publish?host_type={host_type}&style={}", escape(name), plan_style());
        let plan = match client.post(&path, content_type, &program.bytes) {
            Ok(plan) => plan,
            // Publishing will tell whether it may be made.
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|it| it.status == 404) => {
                return Ok(String::new());
            }
            Err(error) => return Err(explain(error)),
        };
        match decide(plan, agreed)? {
            Decision::GoAhead(query) => Ok(format!("&{query}")),
            Decision::Impossible(reason) if self.delete_data == DeleteData::OnConflict => {
                println!("The data cannot follow the new module:\n{reason}");
                clear(name, agreed)
            }
            Decision::Impossible(reason) => Err(anyhow::anyhow!(
                "nothing was published: the data cannot follow the new module:\n{reason}"
            )
            .context(Hint(
                "change the module so that the data can follow, or publish with --delete-data to drop the data"
                    .into(),
            ))),
        }
    }

    fn agreed(&self) -> Agreed {
        let to = |which| self.yes.contains(&Yes::All) || self.yes.contains(&which);
        Agreed {
            break_clients: self.break_clients || to(Yes::BreakClients),
            migrate: to(Yes::Migrate),
            delete_data: to(Yes::DeleteData),
        }
    }
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    let Some(refused) = error.downcast_ref::<Refused>() else { return error };
    if let Ok(Denied::PermissionDenied { name }) = serde_json::from_str(&refused.text) {
        return anyhow::anyhow!("nothing was published: the name `{name}` belongs to somebody else")
            .context(Hint("choose another name, or log in as its owner: `orrery login --token`".into()));
    }
    error.context("nothing was published")
}

/// What the server calls the kind of a program, and the content type of its bytes.
fn kind_names(program: &Program) -> (&'static str, &'static str) {
    match program.kind {
        ProgramKind::Wasm => ("Wasm", "application/wasm"),
        ProgramKind::Js => ("Js", "text/javascript"),
    }
}

/// The query that has the data deleted.
const CLEAR: &str = "&clear=true";

/// Makes sure that the data is to be deleted. Who gave the flag where nobody can be asked has been asked.
fn clear(name: &str, agreed: Agreed) -> Result<String> {
    use std::io::{IsTerminal, stderr, stdin};

    if !agreed.delete_data && stdin().is_terminal() && stderr().is_terminal() {
        confirm(&format!("This DELETES all data of {name}."), "--yes=delete-data")?;
    }
    Ok(CLEAR.to_owned())
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
