//! `orrery start`: the server.

use std::{
    future::Future,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use orrery_host_abi::{Identity, LogLevel};
use orrery_runtime::{Host, HostConfig, LogOptions, Outbound};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::level_filters::LevelFilter;

use super::{Hint, config, start_file};
use crate::{
    auth::Authority,
    control::{Control, MayCreate},
    http::{self, App, Limits},
    outbound::{self, Reach},
    units::{HumanDuration, HumanSize},
};

/// Arguments of a call, and every other body but a program, may have this many bytes.
const BODY_LEN_MAX: usize = 2 * 1024 * 1024;

/// More connections than this may not be open even where the system allows them: each takes some memory.
const CONNECTIONS_MAX: usize = 16 * 1024;

/// What is not done by then, after everything was told to end, is not waited for.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Start the server
///
/// It runs until it is told to stop (Ctrl-C, or SIGTERM), then finishes what it is doing. Whatever it has
/// acknowledged survives even if it is killed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery start\n  \
    orrery start --data-dir /var/lib/orrery --listen-addr 0.0.0.0:3000\n  \
    orrery start --allow-create c2001234...,c2005678...\n  \
    orrery start --config /etc/orrery.toml\n\n\
    In a configuration file, each flag is a line without its dashes: memory-limit = \"1GiB\".")]
pub(super) struct Start {
    /// File with settings (TOML); what is said here or in the environment goes before it
    #[arg(long, env = "ORRERY_START_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for everything that the server keeps, made if need be [default: orrery in the user's data folder]
    #[arg(long, env = "ORRERY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address and port to listen at; 0.0.0.0 makes it reachable from other machines
    #[arg(short, long, default_value = "127.0.0.1:3000", value_name = "ADDR:PORT")]
    listen_addr: String,
    /// Folder with the keys that sign tokens, id_ecdsa and id_ecdsa.pub, made if need be [default: the data folder]
    #[arg(long, value_name = "DIR")]
    jwt_key_dir: Option<PathBuf>,
    /// Who may create databases: `anyone`, `none`, or identities separated by commas
    #[arg(long, default_value = "anyone", value_name = "WHO")]
    allow_create: AllowCreate,
    /// How long one call into a module may take
    #[arg(long, default_value = "30s", value_name = "DURATION")]
    call_timeout: HumanDuration,
    /// How long a procedure or HTTP handler may take, with all its waiting
    #[arg(long, default_value = "10m", value_name = "DURATION")]
    procedure_timeout: HumanDuration,
    /// How long a procedure or HTTP handler may have a transaction open, while nobody else can write
    #[arg(long, default_value = "5s", value_name = "DURATION")]
    transaction_timeout: HumanDuration,
    /// How much memory an instance of a module may have
    #[arg(long, default_value = "512MiB", value_name = "SIZE")]
    memory_limit: HumanSize,
    /// How large a program may be
    #[arg(long, default_value = "256MiB", value_name = "SIZE")]
    program_limit: HumanSize,
    /// How many calls of one database may wait; more are turned away
    #[arg(long, default_value_t = 16 * 1024, value_name = "N")]
    queue_capacity: usize,
    /// How many views of one database may run at the same time
    #[arg(long, default_value_t = 2, value_name = "N")]
    view_instances: usize,
    /// How many streams of views of one database may be open at the same time; more are turned away
    #[arg(long, default_value_t = 1000, value_name = "N")]
    view_streams: usize,
    /// How much the answers of one database's views may take that are kept because nothing they show has changed
    #[arg(long, default_value = "64MiB", value_name = "SIZE")]
    view_cache: HumanSize,
    /// How large the answer of a view may be
    #[arg(long, default_value = "64MiB", value_name = "SIZE")]
    view_limit: HumanSize,
    /// By how much a database's journal grows before a checkpoint is written: less makes for a quicker start after a
    /// crash, more for less writing
    #[arg(long, default_value = "64MiB", value_name = "SIZE")]
    checkpoint_after: HumanSize,
    /// How many procedures and HTTP handlers of one database may run at the same time
    #[arg(long, default_value_t = 8, value_name = "N")]
    procedure_instances: usize,
    /// Where modules may send HTTP requests: `none`, `public` addresses, or `any`, also this machine and its network
    #[arg(long, default_value = "public", value_name = "WHERE")]
    outbound_http: OutboundHttp,
    /// How much the rows of one database may take, without what is kept about them
    #[arg(long, default_value = "2GiB", value_name = "SIZE")]
    storage_limit: HumanSize,
    /// How much the log of one module may take; the oldest lines go first
    #[arg(long, default_value = "64MiB", value_name = "SIZE")]
    module_log_limit: HumanSize,
    /// The least important lines that are kept in the logs of modules
    #[arg(long, default_value = "trace", value_name = "LEVEL")]
    module_log_level: Level,
    /// How much the server itself tells
    #[arg(long, env = "ORRERY_LOG", default_value = "info", value_name = "LEVEL")]
    log_level: Level,
}

/// How important what is told must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Start {
    pub(super) fn run(self) -> Result<()> {
        match &self.config {
            Some(file) => start_file::with_file(file, start_file::own_command_line())?.start(),
            None => self.start(),
        }
    }

    fn start(self) -> Result<()> {
        init_logging(self.log_level);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let served = runtime.block_on(self.serve());
        runtime.shutdown_timeout(EXIT_TIMEOUT);
        served
    }

    async fn serve(self) -> Result<()> {
        let data_dir = match self.data_dir {
            Some(dir) => dir,
            None => config::user_dir("XDG_DATA_HOME", ".local/share")?.join("orrery"),
        };
        std::fs::create_dir_all(&data_dir)
            .with_context(|| format!("the data folder {} cannot be made", data_dir.display()))?;
        let key_dir = self.jwt_key_dir.as_deref().unwrap_or(&data_dir);
        let authority = Arc::new(Authority::open(key_dir)?);
        let host = Host::new(HostConfig {
            program_cache: Some(data_dir.join("cache")),
            memory_limit: self.memory_limit.0,
            time_limit: self.call_timeout.0,
            procedure_limit: self.procedure_timeout.0,
            transaction_limit: self.transaction_timeout.0,
            queue_capacity: self.queue_capacity.max(1),
            view_instances: self.view_instances.max(1),
            view_cache_bytes: self.view_cache.0,
            view_limit: self.view_limit.0,
            checkpoint_journal_bytes: self.checkpoint_after.0.max(1),
            procedure_instances: self.procedure_instances.max(1),
            outbound: self.outbound_http.sender(),
            storage_limit: self.storage_limit.0,
            module_log: LogOptions {
                bytes_max: self.module_log_limit.0,
                level: self.module_log_level.of_modules(),
            },
            ..HostConfig::default()
        })
        .map_err(|reason| anyhow!("modules cannot run on this machine: {reason}"))?;
        let control = open_control(host, &data_dir, self.allow_create.0, &authority)?;
        let limits = Limits {
            // Databases need files too.
            connections_max: usize::try_from(raise_open_files_max() / 2)
                .unwrap_or(usize::MAX)
                .min(CONNECTIONS_MAX),
            program_len_max: usize::try_from(self.program_limit.0).unwrap_or(usize::MAX),
            body_len_max: BODY_LEN_MAX,
            view_streams_max: self.view_streams,
        };

        let (stop, stopped) = watch::channel(false);
        let app = App::new(control, authority, limits, stopped.clone());
        let listener = listen(&self.listen_addr).await?;
        let shutdown = shutdown_signal()?;
        eprintln!("Orrery {} keeps its data in {}", env!("CARGO_PKG_VERSION"), data_dir.display());
        eprintln!("Listening on http://{}", listener.local_addr()?);

        let opening = tokio::spawn({
            let app = app.clone();
            async move { app.control.open_all().await }
        });
        let serving = tokio::spawn(http::serve(listener, app.clone(), http::router(app.clone()), stopped));
        shutdown.await;
        eprintln!("Stopping: finishing what is under way (once more to stop at once)");
        tokio::spawn(exit_on_second_signal()?);
        stop.send_replace(true);
        serving.await?;
        app.control.close_all().await;
        let _ = opening.await;
        eprintln!("Stopped");
        Ok(())
    }
}

fn open_control(
    host: Arc<Host>,
    data_dir: &Path,
    may_create: MayCreate,
    authority: &Arc<Authority>,
) -> Result<Control> {
    Control::open(host, data_dir, may_create, authority.clone()).map_err(|reason| {
        anyhow!("the data in {} cannot be used: {reason}", data_dir.display())
            .context(Hint("is another server using it? --data-dir names another folder".into()))
    })
}

/// Lets this process have as many open files as the system allows; how many that are.
fn raise_open_files_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // If this does not work, what there is must do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

async fn listen(addr: &str) -> Result<TcpListener> {
    let addrs: Vec<SocketAddr> = addr
        .to_socket_addrs()
        .with_context(|| format!("`{addr}` is not an address and a port, such as 127.0.0.1:3000"))?
        .collect();
    let bound = TcpListener::bind(&*addrs).await.with_context(|| format!("cannot listen on {addr}"));
    bound.context(Hint("another port can be chosen with `--listen-addr 127.0.0.1:3001`".into()))
}

/// Ends when the server is told to stop.
fn shutdown_signal() -> Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn exit_on_second_signal() -> Result<impl Future<Output = ()>> {
    let again = shutdown_signal()?;
    Ok(async move {
        again.await;
        // What was acknowledged is on disk: that is safe at any time.
        std::process::exit(130);
    })
}

fn init_logging(level: Level) {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_max_level(level.of_server())
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        .init();
}

impl Level {
    fn of_server(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }

    fn of_modules(self) -> LogLevel {
        match self {
            Self::Error => LogLevel::Error,
            Self::Warn => LogLevel::Warn,
            Self::Info => LogLevel::Info,
            Self::Debug => LogLevel::Debug,
            Self::Trace => LogLevel::Trace,
        }
    }
}

/// `anyone`, `none`, or identities.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AllowCreate(MayCreate);

impl FromStr for AllowCreate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "anyone" => Ok(Self(MayCreate::Anyone)),
            "none" => Ok(Self(MayCreate::Only(Vec::new()))),
            list => list
                .split(',')
                .map(|hex| {
                    Identity::from_hex(hex.trim()).map_err(|_| {
                        format!(
                            "`{hex}` is no identity (64 hexadecimal digits; `orrery login show` tells yours)"
                        )
                    })
                })
                .collect::<Result<_, _>>()
                .map(|these| Self(MayCreate::Only(these))),
        }
    }
}

/// Where modules may send HTTP requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutboundHttp {
    None,
    Public,
    Any,
}

impl OutboundHttp {
    fn sender(self) -> Option<Arc<dyn Outbound>> {
        let reach = match self {
            Self::None => return None,
            Self::Public => Reach::Public,
            Self::Any => Reach::Any,
        };
        Some(Arc::new(outbound::Sender::new(reach)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creating_is_for_anyone_nobody_or_some() {
        let parse = |text: &str| text.parse::<AllowCreate>().map(|it| it.0);
        assert_eq!(parse("anyone"), Ok(MayCreate::Anyone));
        assert_eq!(parse("none"), Ok(MayCreate::Only(vec![])));
        let zero = "0".repeat(64);
        assert_eq!(parse(&format!("{zero}, 0x{zero}")), Ok(MayCreate::Only(vec![Identity::ZERO; 2])));
        assert!(parse("nobody").is_err());
        assert!(parse("").is_err());
    }
}
