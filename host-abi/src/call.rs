//! A call into a module and what comes out of it.

use std::time::Duration;

use bytes::Bytes;

use crate::{ConnectionId, HostCalls, Identity, Timestamp};

/// Which function of a module. The number is its place in the module's definition, for each kind apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// A transactional change.
    Reducer(u32),
    /// A read-only query that may depend on who asks.
    View(u32),
    /// A read-only query that is the same for everybody.
    AnonymousView(u32),
    /// A function that may reach outside.
    Procedure(u32),
    /// An answer to an HTTP request.
    HttpHandler(u32),
}

/// A call: which function, by whom, when, with what.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function to run.
    pub function: Function,
    /// Who calls.
    pub caller: Identity,
    /// The caller's connection; none for scheduled calls and for the owner's `init`.
    pub connection: Option<ConnectionId>,
    /// The time that the function sees.
    pub timestamp: Timestamp,
    /// The arguments: BSATN of the product of the parameters; for an HTTP handler a BSATN `HttpRequest`.
    pub args: Bytes,
    /// The body of the request for an HTTP handler. Empty for all other functions.
    pub body: Bytes,
    /// How long it may run. The time for which a procedure or HTTP handler waits in a host call (to sleep, for a
    /// transaction, for the answer to a request) does not count.
    pub time_limit: Duration,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It returned. The bytes are what the kind of function gives: nothing for a reducer, a
    /// `ViewResultHeader` and data for a view, the return value for a procedure.
    Done(Vec<u8>),
    /// An HTTP handler returned.
    Responded {
        /// A BSATN `HttpResponse`.
        head: Vec<u8>,
        /// The body, raw.
        body: Vec<u8>,
    },
    /// The function itself said no, with this message for the caller.
    Refused(String),
    /// It broke. The instance may be spent: see [`Instance::is_spent`].
    Broke(Fault),
}

/// What went wrong in a call that broke. The texts are for the caller; details go to the module's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The module panicked, trapped or threw.
    #[error("{0}")]
    Trapped(String),
    /// It ran for longer than it may.
    #[error("the call ran for longer than the {0:?} it may take and was stopped")]
    TimedOut(Duration),
    /// It wanted more memory than it may have.
    #[error("the module wanted more than the {0} bytes of memory it may have")]
    OutOfMemory(u64),
    /// It answered with something that the contract does not allow.
    #[error("{0}")]
    Protocol(String),
}

/// A program loaded in an engine, ready to be called. It has been described once, as part of its start.
///
/// A session `H` is moved in for the length of a call and handed back after it.
pub trait Instance<H: HostCalls> {
    /// Runs one call to its end.
    fn call(&mut self, session: H, call: &Call) -> (H, Outcome);

    /// Whether the last call left the instance unusable: it must be replaced before the next call.
    fn is_spent(&self) -> bool;
}
