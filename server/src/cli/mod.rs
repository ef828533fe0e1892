//! The command line: a file for each subcommand, which holds its arguments, its help and what it does.

mod backup;
mod build;
mod call;
mod client;
mod config;
mod delete;
mod describe;
mod dev;
mod init;
mod list;
mod lock;
mod login;
mod logs;
mod publish;
mod rename;
mod rollback;
mod sql;
mod start;
mod start_file;
mod style;
mod table;
mod upgrade;
mod view;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use client::Client;
use config::Config;

/// A database that runs your code.
///
/// Write tables and functions as a SpacetimeDB module, publish it, and have a durable backend: functions change
/// the data, views show it over plain HTTP.
#[derive(Debug, Parser)]
#[command(
    name = "orrery",
    version,
    max_term_width = 100,
    after_help = "Begin with:\n  \
        orrery init --lang typescript my-app   a new project\n  \
        orrery dev my-app                      a server with it, also when it changes, in one terminal\n  \
        orrery call my-app add Ada             run one of its reducers, in another\n  \
        orrery view my-app people              look at one of its views\n\n\
        To stay: `orrery start` is the server, and `orrery publish` puts a project there."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(start::Start),
    Dev(dev::Dev),
    Init(init::Init),
    Build(build::Build),
    Publish(publish::Publish),
    Rollback(rollback::Rollback),
    History(rollback::History),
    Call(call::Call),
    View(view::View),
    Sql(sql::Sql),
    Describe(describe::Describe),
    Logs(logs::Logs),
    Backup(backup::Backup),
    Restore(backup::Restore),
    List(list::List),
    Rename(rename::Rename),
    Lock(lock::Lock),
    Unlock(lock::Unlock),
    Delete(delete::Delete),
    Login(login::Login),
    Logout(login::Logout),
}

impl Cli {
    /// Does what was asked for.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Start(command) => command.run(),
            Command::Dev(command) => command.run(),
            Command::Init(command) => command.run(),
            Command::Build(command) => command.run(),
            Command::Publish(command) => command.run(),
            Command::Rollback(command) => command.run(),
            Command::History(command) => command.run(),
            Command::Call(command) => command.run(),
            Command::View(command) => command.run(),
            Command::Sql(command) => command.run(),
            Command::Describe(command) => command.run(),
            Command::Logs(command) => command.run(),
            Command::Backup(command) => command.run(),
            Command::Restore(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Rename(command) => command.run(),
            Command::Lock(command) => command.run(),
            Command::Unlock(command) => command.run(),
            Command::Delete(command) => command.run(),
            Command::Login(command) => command.run(),
            Command::Logout(command) => command.run(),
        }
    }
}

/// Which server to talk to, and as whom.
#[derive(Debug, Args)]
struct ServerArgs {
    /// The server's URL, or its host and port [default: the one in the config file, else http://127.0.0.1:3000]
    #[arg(short, long, env = "ORRERY_SERVER", value_name = "URL")]
    server: Option<String>,
    /// Act as nobody in particular, even if logged in
    #[arg(long)]
    anonymous: bool,
}

impl ServerArgs {
    /// A client with the token that is kept for that server, if there is one.
    fn client(&self) -> Result<Client> {
        let config = Config::load()?;
        let url = config.server_url(self.server.as_deref())?;
        let token = if self.anonymous { None } else { config.token(&url).map(ToOwned::to_owned) };
        Ok(Client::new(url, token))
    }

    /// A client that is somebody: without a token for that server, one is fetched and kept.
    fn client_with_identity(&self) -> Result<Client> {
        let client = self.client()?;
        if self.anonymous || client.token().is_some() {
            return Ok(client);
        }
        login::login_to(client.url())?;
        self.client()
    }
}

/// The text as words joined by hyphens, as names of databases are; empty if there is no word in it.
fn hyphenated(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// What the user may do about an error: a context of it that is shown after the others.
#[derive(Debug)]
struct Hint(String);

impl std::fmt::Display for Hint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells the user what went wrong.
pub(crate) fn report(error: &anyhow::Error) {
    // Whoever reads our output may stop doing so: `orrery logs | head`.
    if error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    {
        return;
    }
    let hint = error.downcast_ref::<Hint>();
    let causes =
        error.chain().map(ToString::to_string).filter(|cause| hint.is_none_or(|hint| *cause != hint.0));
    let causes = causes.collect::<Vec<_>>().join(": ");
    eprintln!("{} {causes}", style::on_stderr(style::ERROR, "error:"));
    if let Some(hint) = hint {
        eprintln!("{} {hint}", style::on_stderr(style::GOOD, " hint:"));
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
