//! How much a query may take, and what it has taken.

use std::{
    cell::Cell,
    fmt,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use super::error::QueryError;

/// Work between two looks at the clock. A row counts as one.
const WORK_BETWEEN_LOOKS: usize = 4096;

/// How much a query may take.
pub(crate) struct Limits<'l> {
    /// Time from now on.
    pub(crate) time: Duration,
    /// Memory for what it collects, in bytes.
    pub(crate) memory: usize,
    /// Rows that it looks at; none for any number.
    pub(crate) rows: Option<u64>,
    /// Asked from time to time: whether nobody waits any more.
    pub(crate) is_cancelled: &'l dyn Fn() -> bool,
}

impl fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, memory, rows, is_cancelled: _ } = self;
        f.debug_struct("Limits").field("time", time).field("memory", memory).field("rows", rows).finish()
    }
}

/// Watches over one query. Once it has run out, it stays so.
#[derive(Debug)]
pub(super) struct Meter<'l> {
    limits: &'l Limits<'l>,
    started: Instant,
    work_left: Cell<usize>,
    rows_left: Cell<u64>,
    memory_left: Cell<usize>,
    stopped: Cell<Option<Stop>>,
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    Time,
    Memory,
    Rows,
    Cancelled,
}

impl<'l> Meter<'l> {
    pub(super) fn new(limits: &'l Limits<'l>) -> Self {
        Self {
            limits,
            started: Instant::now(),
            work_left: Cell::new(WORK_BETWEEN_LOOKS),
            rows_left: Cell::new(limits.rows.unwrap_or(u64::MAX)),
            memory_left: Cell::new(limits.memory),
            stopped: Cell::new(None),
        }
    }

    /// Counts a row that is looked at.
    #[inline(always)]
    pub(super) fn row(&self) -> ControlFlow<()> {
        match self.rows_left.get().checked_sub(1) {
            Some(left) if self.work(1) => {
                self.rows_left.set(left);
                ControlFlow::Continue(())
            }
            Some(_) => ControlFlow::Break(()),
            None => self.stop(Stop::Rows),
        }
    }

    /// Counts work; whether to go on.
    #[inline(always)]
    pub(super) fn work(&self, amount: usize) -> bool {
        match self.work_left.get().checked_sub(amount) {
            Some(left) => {
                self.work_left.set(left);
                true
            }
            None => self.look(),
        }
    }

    /// Counts bytes that are kept.
    #[inline]
    pub(super) fn memory(&self, bytes: usize) -> ControlFlow<()> {
        match self.memory_left.get().checked_sub(bytes) {
            Some(left) => {
                self.memory_left.set(left);
                ControlFlow::Continue(())
            }
            None => self.stop(Stop::Memory),
        }
    }

    /// Counts bytes that are not kept any more.
    pub(super) fn give_back(&self, bytes: usize) {
        self.memory_left.set(self.memory_left.get().saturating_add(bytes));
    }

    /// Looks at the clock; whether to go on.
    #[cold]
    #[inline(never)]
    fn look(&self) -> bool {
        if self.stopped.get().is_some() {
            return false;
        }
        let stop = if self.started.elapsed() > self.limits.time {
            Stop::Time
        } else if (self.limits.is_cancelled)() {
            Stop::Cancelled
        } else {
            self.work_left.set(WORK_BETWEEN_LOOKS);
            return true;
        };
        let _ = self.stop(stop);
        false
    }

    #[cold]
    fn stop(&self, stop: Stop) -> ControlFlow<()> {
        if self.stopped.get().is_none() {
            self.stopped.set(Some(stop));
        }
        self.work_left.set(0);
        ControlFlow::Break(())
    }

    /// An error if it has run out.
    pub(super) fn check(&self) -> Result<(), QueryError> {
        Err(match self.stopped.get() {
            None => return Ok(()),
            Some(Stop::Time) => QueryError::TimedOut(self.limits.time),
            Some(Stop::Memory) => QueryError::TooLarge(self.limits.memory),
            Some(Stop::Rows) => QueryError::RowLimit(self.limits.rows.unwrap_or_default()),
            Some(Stop::Cancelled) => QueryError::Cancelled,
        })
    }
}

#[cfg(test)]
impl Limits<'_> {
    /// More than any test needs.
    pub(super) fn for_tests() -> Self {
        Self { time: Duration::from_secs(3600), memory: 1 << 30, rows: None, is_cancelled: &|| false }
    }
}
