//! The `orrery` program: server and command line in one.

mod auth;
mod cli;
mod control;
mod http;
mod outbound;
mod segment;
mod units;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::report(&error);
            ExitCode::FAILURE
        }
    }
}
