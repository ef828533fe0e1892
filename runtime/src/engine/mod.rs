//! The engines: each compiles programs of one kind and runs them as instances.
//!
//! An engine moves arguments across its border and nothing else. What a host call means is decided in the
//! session, which every engine is handed as a [`HostCalls`](orrery_host_abi::HostCalls).

use orrery_host_abi::Fault;

pub mod wasm;

/// Why a program cannot be loaded. The texts are for the person who publishes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a program of this kind, or are more than the compiler takes.
    #[error("the program cannot be compiled: {0}")]
    Invalid(String),
    /// It was not built for this host: its version, imports or exports do not fit.
    #[error("{0}")]
    Abi(String),
    /// It said itself, as it was set up, that it cannot run.
    #[error("the module could not be set up: {0}")]
    Setup(String),
    /// It broke as it was started.
    #[error("the module failed while it was starting, in `{function}`: {fault}")]
    Start {
        /// The function of the module that was running, or the step that was taken.
        function: String,
        /// How it broke. Unlike the faults of calls, this one carries the details.
        fault: Fault,
    },
}
