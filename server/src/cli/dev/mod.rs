//! `orrery dev`: builds and publishes with every change of the sources, and shows what the module logs.
//!
//! One thread builds, publishes and waits for changes; another one prints the log. The main thread waits until
//! somebody presses Ctrl-C, and then lets the server finish, if it is one of the project's own.

mod own_server;
mod watch;

use std::{
    convert::Infallible,
    io::stdout,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use tokio::{runtime::Runtime, sync::oneshot};

use super::{
    Hint, ServerArgs,
    build::{BuildFlags, Program, Project, is_source_file},
    client::Client,
    config::Config,
    logs, publish,
    publish::Consent,
    report,
    start::{EXIT_TIMEOUT, shutdown_signal},
    style,
};
use own_server::OwnServer;
use watch::{Scope, Watch};

/// Build, publish and show the log, again with every change
///
/// Watches the sources of a project or of one TypeScript file, and publishes them when they have changed, as `orrery
/// publish` does: the data stays, what changes is shown, and what would break clients or delete data is asked about or
/// refused. While something is wrong with the sources, the program before goes on. What the module logs is shown in
/// between. Ctrl-C ends it.
///
/// The server is the one that is named, or runs already where `orrery start` does by default. If there is none, one
/// is started for as long as this runs, with its data in the folder .orrery/server of the project.
///
/// Not watched: target, node_modules, dist, and everything hidden.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery dev                     the project in this folder\n  \
    orrery dev chat.ts             one TypeScript file, as the database `chat`\n  \
    orrery dev --delete-data=on-conflict\n                                 \
    begin anew if the data cannot follow a change")]
pub(super) struct Dev {
    /// One TypeScript or JavaScript file, or the folder of a project [default: this folder]
    path: Option<PathBuf>,
    /// Name of the database [default: the name of the file or folder]
    #[arg(short, long, value_name = "NAME")]
    database: Option<String>,
    #[command(flatten)]
    flags: BuildFlags,
    /// Start a server for this project, at this address, even if one runs elsewhere
    #[arg(short, long, value_name = "ADDR:PORT", conflicts_with = "server")]
    listen_addr: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    server: ServerArgs,
}

/// What is published again and again.
struct Source {
    path: PathBuf,
    flags: BuildFlags,
    database: String,
    consent: Consent,
    client: Client,
}

impl Dev {
    pub(super) fn run(self) -> Result<()> {
        let path = self.path.clone().unwrap_or_else(|| ".".into());
        let root = Project::find(&path)?.root()?;
        let database = self.database.clone().map_or_else(|| name(&path), Ok)?;
        let mut watch = Watch::new(Scope::new(&path, &root)?)?;

        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let interrupted = runtime.block_on(async { shutdown_signal() })?;
        let (own_server, server) = self.server(&runtime, &root)?;
        let source = Source {
            flags: self.flags.clone(),
            path,
            database,
            consent: self.consent,
            client: server.client_with_identity()?,
        };
        let (ended, failed) = oneshot::channel();
        thread::Builder::new().name("orrery-dev".into()).spawn(move || {
            let Err(error) = source.publish_for_ever(&mut watch);
            // Nobody waits for it any more while everything ends.
            let _ = ended.send(error);
        })?;
        let outcome = runtime.block_on(async {
            tokio::select! {
                () = interrupted => Ok(()),
                error = failed => Err(error.context("the watching thread has ended")?),
            }
        });
        if let Some(own_server) = own_server {
            own_server.stop(&runtime)?;
        }
        runtime.shutdown_timeout(EXIT_TIMEOUT);
        outcome
    }

    /// The server that is meant, started if need be.
    fn server(&self, runtime: &Runtime, root: &Path) -> Result<(Option<OwnServer>, ServerArgs)> {
        let args = |server| ServerArgs { server, anonymous: self.server.anonymous };
        let config = Config::load()?;
        let named = self.server.server.clone();
        let url = config.server_url(named.as_deref())?;
        if self.listen_addr.is_none() && Client::new(url.clone(), None).finds_server()? {
            style::progress("Using", format_args!("the server at {url}"));
            return Ok((None, args(named)));
        }
        if named.is_some() || (self.listen_addr.is_none() && config.has_default_server()) {
            return Err(anyhow!("there is no answer from {url}").context(Hint(
                "is the server running there? Without --server, or with --listen-addr, one is started".into(),
            )));
        }
        let own = OwnServer::start(runtime, root, self.listen_addr.as_deref())?;
        let url = own.url();
        Ok((Some(own), args(Some(url))))
    }
}

/// The name that a file or the folder of a project lends its database.
fn name(path: &Path) -> Result<String> {
    let named = if is_source_file(path) { path.to_owned() } else { path.canonicalize()? };
    publish::name_of(&named).ok_or_else(|| {
        anyhow!("{} does not say how the database is to be called", path.display())
            .context(Hint("say it: `orrery dev --database NAME`".into()))
    })
}

impl Source {
    /// Builds and publishes, and again with every change. The error: changes cannot be seen.
    fn publish_for_ever(self, watch: &mut Watch) -> Result<Infallible> {
        let mut published: Option<Program> = None;
        let mut is_following = false;
        loop {
            // Before the files are read, so that no change is missed.
            watch.cover(&[])?;
            match self.publish(published.as_ref()) {
                Ok(program) => {
                    // Only now it is known what it is made of.
                    watch.cover(&program.inputs)?;
                    published = Some(program);
                }
                Err(error) => report(&error),
            }
            // Also if nothing was published: the program before is there.
            if !is_following {
                is_following = true;
                self.follow_log()?;
            }
            style::progress("Watching", "for changes; Ctrl-C ends");
            let changed = watch.wait()?;
            style::progress("Changed", changed.display());
        }
    }

    /// Builds the program, and publishes it if it is another one than before.
    fn publish(&self, before: Option<&Program>) -> Result<Program> {
        let program = Program::build(&self.path, &self.flags)?;
        if before.is_some_and(|before| before.bytes == program.bytes) {
            style::progress("Unchanged", &self.database);
            return Ok(program);
        }
        // The log waits, so that nothing comes between a question and its answer.
        let _out = stdout().lock();
        self.consent.publish(&self.client, Some(&self.database), &program)?;
        Ok(program)
    }

    /// Prints the log from now on, on a thread that ends with the process.
    fn follow_log(&self) -> Result<()> {
        let (client, database) = (self.client.clone(), self.database.clone());
        let follow = move || logs::follow_for_ever(&client, &database);
        thread::Builder::new().name("orrery-log".into()).spawn(follow)?;
        Ok(())
    }
}
