//! How a view that takes long, or a backup, leaves the machine to reducers while there are any.
//!
//! Priorities alone do not do it. A thread of low priority that got a core keeps it for milliseconds while the worker,
//! just woken, waits; and cores that are two halves of one slow each other down. So a view looks at the worker from
//! time to time, and sleeps if that is at work. The more a worker has to do, the more often this happens: beside a
//! worker that is idle, views run at full speed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a view runs before it looks at the worker. Most views have ended before that.
const STRETCH: Duration = Duration::from_millis(1);
/// How much longer than it ran a view sleeps if the worker is at work: then it takes a twentieth of a core.
const SLEEP_FACTOR: u32 = 19;
/// The longest sleep: on a machine that is overrun, a stretch may have taken very long.
const SLEEP_MAX: Duration = Duration::from_millis(40);
/// How long a view sleeps in all. Its time is limited, and it must not be used up in waiting.
const VIEW_SLEEP_MAX: Duration = Duration::from_secs(5);

/// Whether the worker of a database is at work.
#[derive(Debug, Default)]
pub(crate) struct AtWork(AtomicBool);

impl AtWork {
    /// The worker begins or ends to work.
    pub(crate) fn set(&self, is_at_work: bool) {
        self.0.store(is_at_work, Ordering::Relaxed);
    }
}

/// The pace of a view.
#[derive(Debug)]
pub(crate) struct Pace {
    worker: Arc<AtWork>,
    /// When the present stretch began.
    began: Instant,
    /// How long it may still sleep.
    left: Duration,
}

impl Pace {
    /// When a view begins.
    pub(crate) fn of_view(worker: &Arc<AtWork>) -> Self {
        Self { worker: Arc::clone(worker), began: Instant::now(), left: VIEW_SLEEP_MAX }
    }

    /// When a backup begins, which has all the time.
    pub(crate) fn of_backup(worker: &Arc<AtWork>) -> Self {
        Self { left: Duration::MAX, ..Self::of_view(worker) }
    }

    /// Now and then while it runs.
    #[inline]
    pub(crate) fn keep(&mut self) {
        let ran = self.began.elapsed();
        if ran >= STRETCH {
            self.look(ran);
        }
    }

    #[cold]
    fn look(&mut self, ran: Duration) {
        if self.worker.0.load(Ordering::Relaxed) {
            let sleep = (ran * SLEEP_FACTOR).min(SLEEP_MAX).min(self.left);
            self.left -= sleep;
            thread::sleep(sleep);
        }
        self.began = Instant::now();
    }
}
