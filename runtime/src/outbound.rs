//! The way out: HTTP requests of procedures.

use std::{fmt, time::Duration};

use bytes::Bytes;
use orrery_host_abi::{HttpRequest, HttpResponse};

/// How long a request may take for which the module names no time.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// How long any request may take.
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_secs(180);

/// Sends HTTP requests on behalf of modules. What it lets out, and where to, is its own decision.
pub trait Outbound: fmt::Debug + Send + Sync {
    /// Sends a request and waits for the whole answer, `timeout` at most from the first step to the last byte. Any
    /// status is an answer.
    ///
    /// The error is for the module, and may end up in front of its users: it says nothing of the URL's query.
    fn send(
        &self,
        request: &HttpRequest,
        body: &[u8],
        timeout: Duration,
    ) -> Result<(HttpResponse, Bytes), String>;
}
