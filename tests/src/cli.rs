//! The command line, run as a user would.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{modules, server};

/// A user with a home of their own.
#[derive(Debug)]
pub struct Cli {
    home: tempfile::TempDir,
}

/// What a command printed, and whether it succeeded.
#[derive(Debug)]
pub struct Printed {
    /// Whether the exit status was 0.
    pub success: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Printed {
    /// The output of a command that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.success, "the command failed:\n{}{}", self.out, self.err);
        self.out
    }

    /// The message of a command that must have failed.
    #[track_caller]
    pub fn failed(self) -> String {
        assert!(!self.success, "the command succeeded:\n{}{}", self.out, self.err);
        self.err
    }
}

impl Cli {
    /// A user who has never used it.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The user's folder, which commands run in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A command that is ready to run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(server::binary());
        command.args(arguments).current_dir(self.home());
        command.env("HOME", self.home()).env("ORRERY_CONFIG", self.home().join("config.toml"));
        // Rust is not installed again for every user.
        for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let here = std::env::var_os(variable).map(PathBuf::from);
            let usual = || std::env::home_dir().map(|home| home.join(folder));
            command.envs(here.or_else(usual).map(|folder| (variable, folder)));
        }
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Printed {
        let Output { status, stdout, stderr } =
            self.command(arguments).output().expect("orrery cannot be run");
        let text = |bytes| String::from_utf8(bytes).expect("what is printed is UTF-8");
        Printed { success: status.success(), out: text(stdout), err: text(stderr) }
    }

    /// The path of a compiled module, as an argument.
    pub fn module(name: &str) -> String {
        modules::path(name).to_str().expect("the path of a module is UTF-8").to_string()
    }
}

impl Default for Cli {
    fn default() -> Self {
        Self::new()
    }
}
