//! From the error that ended a call to a fault for the caller and a line for the module's log.

use std::time::Duration;

use orrery_host_abi::{Fault, HostCalls, LogLevel, LogRecord};
use wasmtime::{Trap, WasmBacktrace};

use super::state::State;
use crate::engine::{BROKE, STACK_OVERFLOW};

/// A host call ended the call, for this reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HostTrap(pub(super) String);

/// The end of a call that broke.
pub(super) struct Broken {
    /// For the caller: no details of the module.
    pub(super) fault: Fault,
    /// For those who publish the module: what exactly happened.
    pub(super) details: String,
    /// The functions that were running, innermost first.
    backtrace: Vec<Box<str>>,
    /// The module has logged it already.
    logged: bool,
}

impl Broken {
    /// Finds out why the module's code came to an end. `limit` is the time it had.
    pub(super) fn new<H>(error: &wasmtime::Error, state: &State<H>, limit: Duration) -> Self {
        let trap = error.downcast_ref::<Trap>().copied();
        let backtrace = error.downcast_ref::<WasmBacktrace>().map(functions).unwrap_or_default();
        // The chain of an error begins with the backtrace and ends with the cause.
        let cause = error.root_cause().to_string();
        let (fault, details, logged) = match (trap, state.limits.refused(), &state.panic) {
            (Some(Trap::Interrupt), _, _) => {
                let fault = Fault::TimedOut(limit);
                (fault.clone(), fault.to_string(), false)
            }
            (Some(Trap::StackOverflow), _, _) => {
                (Fault::Trapped(STACK_OVERFLOW.to_owned()), STACK_OVERFLOW.to_owned(), false)
            }
            (_, Some(limit), panic) => {
                let fault = Fault::OutOfMemory(limit);
                (fault.clone(), fault.to_string(), panic.is_some())
            }
            // A panic ends in this trap once it has been logged.
            (Some(Trap::UnreachableCodeReached), _, Some(panic)) => {
                (Fault::Trapped(BROKE.to_owned()), panic.to_string(), true)
            }
            _ => (Fault::Trapped(BROKE.to_owned()), cause, false),
        };
        Self { fault, details, backtrace, logged }
    }

    /// Writes to the module's log what it has not written itself.
    pub(super) fn log<H: HostCalls>(&self, session: &mut H) {
        if self.logged {
            return;
        }
        session.console_log(LogRecord {
            level: LogLevel::Panic,
            target: None,
            filename: None,
            line: None,
            message: &self.details,
            backtrace: &self.backtrace,
        });
    }

    /// The fault with all details, for whoever publishes the module.
    pub(super) fn into_detailed(self) -> Fault {
        match self.fault {
            Fault::Trapped(_) => Fault::Trapped(self.details),
            fault => fault,
        }
    }
}

/// The names of the functions in a backtrace, innermost first.
pub(super) fn functions(backtrace: &WasmBacktrace) -> Vec<Box<str>> {
    backtrace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            // Without the hash that compilers append.
            Some(name) => format!("{:#}", rustc_demangle::demangle(name)).into(),
            None => format!("function {}", frame.func_index()).into(),
        })
        .collect()
}
