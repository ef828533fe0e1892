//! How a view that takes long leaves the cores to others when there are not enough of them.
//!
//! Priorities alone do not do it: a thread of low priority that got a core keeps it for milliseconds, while the worker,
//! which has just been woken, waits. So a view that has run for a while looks at whether it had to wait for its core
//! itself. If so, cores are short, and it sleeps for a multiple of the time that it ran.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// How often it looks. Most views have ended before the first time.
const STRETCH: Duration = Duration::from_millis(1);
/// Cores are short if a thread waits for more than one part in so many of the time.
const WAITING_SHARE: u32 = 20;
/// How much longer than it ran a view sleeps then: it takes a sixth of a core.
const SLEEP_FACTOR: u32 = 5;
/// The longest sleep: with the machine overrun, a stretch may have taken very long.
const SLEEP_MAX: Duration = Duration::from_millis(20);

/// The stretch that a view is running in.
#[derive(Debug)]
pub(super) struct Pace {
    /// Looks before this time are for nothing.
    look_at: Instant,
    began: Instant,
    cpu_began: Duration,
}

impl Pace {
    /// When a view begins.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { look_at: now + STRETCH, began: now, cpu_began: cpu_time() }
    }

    /// From time to time while it runs.
    #[inline]
    pub(super) fn keep(&mut self) {
        let now = Instant::now();
        if now >= self.look_at {
            self.look(now);
        }
    }

    #[cold]
    fn look(&mut self, now: Instant) {
        let passed = now - self.began;
        let ran = cpu_time().saturating_sub(self.cpu_began);
        if passed.saturating_sub(ran) > passed / WAITING_SHARE {
            thread::sleep((ran * SLEEP_FACTOR).min(SLEEP_MAX));
        }
        self.began = Instant::now();
        self.cpu_began = cpu_time();
        self.look_at = self.began + STRETCH;
    }
}

/// For how long this thread has had a core.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
