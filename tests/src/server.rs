//! The real binary, started, killed and started again.

use std::{
    fs::{self, File},
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, OnceLock},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::http::{Client, Connection, Request};

/// Recovery of much data takes long on a busy machine; a server that is not up by then never will be.
const PATIENCE: Duration = Duration::from_secs(120);

/// The `orrery` binary: `ORRERY_BIN`, or a build in the profile of the running test, made now so that no test runs
/// against yesterday's.
pub(crate) fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(given) = std::env::var_os("ORRERY_BIN") {
            return given.into();
        }
        let test = std::env::current_exe().expect("this program has a path");
        // target/<profile>/deps/<test> or target/<profile>/<program>
        let folder = test.parent().expect("a program lies in a folder");
        let folder = if folder.ends_with("deps") { folder.parent().expect("profile") } else { folder };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "orrery", "--bin", "orrery"]);
        build.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.arg("--target-dir").arg(folder.parent().expect("target"));
        assert!(build.status().expect("cargo cannot be run").success(), "orrery does not build");
        folder.join("orrery")
    });
    &BINARY
}

/// An address that nobody listens at. Asked for, then given back: the port stays the same over restarts, and another
/// program that takes it in between would make the server fail loudly.
pub fn free_address() -> SocketAddr {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    free.local_addr().expect("a bound socket has an address")
}

/// A server on a data directory of its own, which goes when this value goes.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    address: SocketAddr,
    arguments: Vec<String>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    /// Kills the server if this process dies without doing so, as a test program that is interrupted does.
    watcher: Child,
}

impl Server {
    /// Starts a server.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments to `orrery start`.
    pub fn start_with(arguments: &[&str]) -> Self {
        let folder =
            tempfile::Builder::new().prefix("orrery-test-").tempdir().expect("a temporary folder").keep();
        let address = free_address();
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let mut server = Self { folder, address, arguments, running: None };
        server.run();
        server
    }

    /// A server that all tests of this program share, each with databases of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As text, with the scheme.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What `--data-dir` says.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The id of the server's process.
    pub fn process_id(&self) -> u32 {
        self.running.as_ref().expect("the server runs").process.id()
    }

    /// Lets the files of the running server grow to that many bytes and no further, as if the disk were full; to any
    /// size if none is given.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let process = Pid::from_raw(i32::try_from(self.process_id()).expect("an id")).expect("an id");
        let limit = prlimit(Some(process), Resource::Fsize, Rlimit { current: bytes, maximum: None });
        limit.expect("a limit can be set");
    }

    /// How many bytes the largest file of the server has.
    pub fn largest_file(&self) -> u64 {
        fn largest(folder: &Path) -> u64 {
            let entries = fs::read_dir(folder).expect("a folder").flatten();
            let sizes = entries.map(|entry| match entry.metadata() {
                Ok(it) if it.is_dir() => largest(&entry.path()),
                Ok(it) => it.len(),
                // It went meanwhile.
                Err(_) => 0,
            });
            sizes.max().unwrap_or_default()
        }
        largest(&self.data_dir())
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::anonymous(self.address)
    }

    /// A client with an identity of its own.
    #[track_caller]
    pub fn new_client(&self) -> Client {
        Client::with_new_identity(self.address)
    }

    /// A client with a token that was made elsewhere.
    pub fn client_with_token(&self, token: &str) -> Client {
        let mut client = self.anonymous();
        client.token = Some(token.to_string());
        client
    }

    /// Starts it again where it was.
    pub fn run(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    /// Starts it again and kills it soon, whether or not it is ready.
    pub fn run_briefly(&mut self, lifetime: Duration) {
        self.spawn();
        thread::sleep(lifetime);
        self.kill();
    }

    fn spawn(&mut self) {
        assert!(self.running.is_none(), "the server runs already");
        let log =
            File::options().create(true).append(true).open(self.log_file()).expect("the log can be written");
        let process = Command::new(binary())
            .arg("start")
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--listen-addr")
            .arg(self.address.to_string())
            .args(&self.arguments)
            .env("ORRERY_CONFIG", self.folder.join("config.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("orrery cannot be started");
        let watcher = Command::new("sh")
            .arg("-c")
            .arg(r#"read -r _ && exit; kill -9 "$0"; rm -rf "$1""#)
            .arg(process.id().to_string())
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh cannot be started");
        self.running = Some(Running { process, watcher });
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ping =
                Connection::open(self.address).and_then(|mut it| it.send(&Request::new("GET", "/v1/ping")));
            if ping.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            let running = self.running.as_mut().expect("just started");
            if let Some(status) = running.process.try_wait().expect("a child can be asked") {
                panic!("the server ended at once ({status}):\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the server does not answer:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("the server runs");
        running.process.kill().expect("a child can be killed");
        running.end();
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        let running = self.running.take().expect("the server runs");
        let id = running.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("kill cannot be run");
        assert!(asked.success(), "the server was gone already:\n{}", self.log());
        running.end()
    }

    /// What it wrote to its standard output and error, over all runs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("server.log")
    }
}

impl Running {
    fn end(mut self) -> ExitStatus {
        let status = self.process.wait().expect("a child can be waited for");
        // The process is gone, and its id may soon be another's: tell the watcher not to use it.
        let dismissed = self.watcher.stdin.take().expect("it is a pipe").write_all(b"\n");
        dismissed.and_then(|()| self.watcher.wait()).expect("the watcher waits to be dismissed");
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the server said:\n{}---", self.log());
        }
        if self.running.is_some() {
            self.kill();
        }
        // A folder that stays behind in the system's temporary folder is no reason to fail.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
