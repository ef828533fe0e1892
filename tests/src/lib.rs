//! Helpers for tests that run the real `orrery` binary from outside and link no product code.
//!
//! [`Server`] starts, kills and restarts the binary on a data directory of its own; [`http`] is the client that
//! talks to it; [`modules`] builds what is published, in each language; [`project`] makes what is bundled;
//! [`script`] runs the cases under `tests/conformance`; [`openapi`] has documents judged; [`browser`] looks at pages.
//!
//! What goes wrong in a helper is a failed test, so helpers panic with a message rather than return errors,
//! except where a test wants to see the failure.

pub mod browser;
mod cli;
mod database;
pub mod events;
pub mod http;
pub mod modules;
pub mod openapi;
pub mod project;
pub mod random;
pub mod script;
mod server;
pub mod terminal;
pub mod typescript;
mod wait;
pub mod web;

pub use cli::{Cli, Printed};
pub use database::Database;
pub use server::Server;
pub use wait::wait_until;
