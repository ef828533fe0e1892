//! What is wrong with a query, and where.

use std::{fmt, time::Duration};

/// A place in the text of a query, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct At {
    pub(super) line: u32,
    /// In characters.
    pub(super) column: u32,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Zero stands for a place that is not known.
        match self.line {
            0 => Ok(()),
            line => write!(f, " (line {line}, column {})", self.column),
        }
    }
}

/// Why a query was not run, or not to its end. The text is for whoever wrote the query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// It makes no sense, or not here.
    #[error("{message}{at}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where.
        at: At,
    },
    /// It ran for too long.
    #[error("the query was stopped because it took longer than {0:?}")]
    TimedOut(Duration),
    /// It needed too much memory.
    #[error(
        "the query was stopped because its result takes more than {0} bytes; ask for less with WHERE or LIMIT"
    )]
    TooLarge(usize),
    /// It looked at more rows than the caller may.
    #[error(
        "the query was stopped because it would look at more than {0} rows, the owner's limit for others; \
         ask for less, or by an index"
    )]
    RowLimit(u64),
    /// Nobody waits for its result any more.
    #[error("the query was stopped because nobody waits for its result")]
    Cancelled,
}

impl QueryError {
    /// Something is wrong at that place.
    pub(super) fn at(at: At, message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), at }
    }

    /// Something is wrong as a whole.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self::at(At::default(), message)
    }

    /// Something that other databases have.
    pub(super) fn unsupported(at: At, what: &str) -> Self {
        Self::at(at, format!("{what} is not supported"))
    }
}
