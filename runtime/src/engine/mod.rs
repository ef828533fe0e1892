//! The engines: each compiles programs of one kind and runs them as instances.
//!
//! An engine moves arguments across its border and nothing else. What a host call means is decided in the
//! session, which every engine is handed as a [`HostCalls`](orrery_host_abi::HostCalls).

use std::time::Duration;

use orrery_host_abi::{ConnectionId, Fault, Identity};

mod cache;
pub mod js;
pub mod wasm;

/// The precision of time limits: what watches over calls looks this often. At ten milliseconds its share of a core
/// is not measurable, and no limit worth setting is much shorter.
pub const TICK: Duration = Duration::from_millis(10);

/// What a caller learns of a call that broke. What exactly went wrong is the module's business and is in its log.
const BROKE: &str = "the module panicked, trapped or threw; its log says why";

/// What a caller learns of a recursion without end.
const STACK_OVERFLOW: &str = "the module ran out of stack: some function calls itself too deeply";

/// What a caller learns who calls a broken instance.
const SPENT: &str = "the module's instance broke in an earlier call and was not replaced";

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

/// How many ticks make up a time, at least: the present one is partly over.
#[inline]
fn ticks(limit: Duration) -> u64 {
    const NANOS: u32 = TICK.subsec_nanos();
    const PER_SECOND: u64 = (1_000_000_000 / NANOS) as u64;
    // Half a year is as good as for ever, and leaves room for the addition to the present tick.
    const MAX: u64 = PER_SECOND * 60 * 60 * 24 * 180;
    let ticks = limit.as_secs().saturating_mul(PER_SECOND);
    ticks.saturating_add(u64::from(limit.subsec_nanos().div_ceil(NANOS)) + 1).min(MAX)
}

/// An identity as the four words that cross the border, the lowest first.
fn sender_words(Identity(bytes): Identity) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

/// A connection as the two words that cross the border, the lowest first. None is 0.
fn connection_words(connection: Option<ConnectionId>) -> [u64; 2] {
    let id = connection.map_or(0, |connection| connection.0);
    [id as u64, (id >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_little_endian() {
        let mut id = Identity::default();
        id.0[0] = 1;
        id.0[15] = 2;
        id.0[31] = 3;
        assert_eq!(sender_words(id), [1, 2 << 56, 0, 3 << 56]);
        assert_eq!(connection_words(Some(ConnectionId(7 | 9 << 64))), [7, 9]);
        assert_eq!(connection_words(None), [0, 0]);
    }

    #[test]
    fn time_limits_are_rounded_up() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(Duration::from_nanos(1)), 2);
        assert_eq!(ticks(Duration::from_millis(10)), 2);
        assert_eq!(ticks(Duration::from_millis(1011)), 103);
        assert!(ticks(Duration::MAX).checked_add(u64::MAX / 2).is_some());
    }
}
