//! The thread that ends calls when their time is up. One for a process, and it sleeps unless there are instances.

use std::{
    ffi::c_void,
    sync::{
        Arc, Once,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::limits::Limits;
use crate::engine::{TICK, ticks};

/// The present tick. When the machine is busy and a tick comes late, calls get more time than they should; making
/// up for it would end calls that have only just begun.
static NOW: AtomicU64 = AtomicU64::new(1);
/// Who is watched.
static WATCHED: Mutex<Vec<Arc<Watch>>> = Mutex::new(Vec::new());
/// Tells the thread that there is somebody.
static SOMEBODY: Condvar = Condvar::new();

/// No call is running.
const IDLE: u64 = u64::MAX;
/// The call was told to end.
const FIRED: u64 = 0;

/// What the watchdog knows of an instance.
#[derive(Debug)]
pub(super) struct Watch {
    /// The tick at which the present call ends, or one of the special values.
    deadline: AtomicU64,
    isolate: v8::IsolateHandle,
    limits: Arc<Limits>,
    /// V8 was asked to look at the memory, and has not done so yet.
    looking: AtomicBool,
}

impl Watch {
    /// Begins to watch an instance.
    pub(super) fn new(isolate: v8::IsolateHandle, limits: Arc<Limits>) -> Arc<Self> {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            thread::Builder::new()
                .name("js-watchdog".to_owned())
                .spawn(run)
                .expect("the thread that limits the time of calls starts");
        });
        let watch = Arc::new(Self {
            deadline: AtomicU64::new(IDLE),
            isolate,
            limits,
            looking: AtomicBool::new(false),
        });
        WATCHED.lock().push(Arc::clone(&watch));
        SOMEBODY.notify_one();
        watch
    }

    /// Ends the watch.
    pub(super) fn end(self: &Arc<Self>) {
        let mut watched = WATCHED.lock();
        if let Some(place) = watched.iter().position(|watch| Arc::ptr_eq(watch, self)) {
            watched.swap_remove(place);
        }
    }

    /// A call begins.
    #[inline]
    pub(super) fn arm(&self, limit: Duration) {
        self.deadline.store(NOW.load(Relaxed).saturating_add(ticks(limit)), Release);
    }

    /// The call has ended. Whether it was told to.
    #[inline]
    pub(super) fn disarm(&self) -> bool {
        self.deadline.swap(IDLE, AcqRel) == FIRED
    }

    /// Waits for something. The time that it takes is not the module's.
    pub(super) fn pause<T>(&self, wait: impl FnOnce() -> T) -> T {
        let (deadline, began) = (self.deadline.swap(IDLE, AcqRel), NOW.load(Relaxed));
        let waited = wait();
        let deadline = match deadline {
            IDLE | FIRED => deadline,
            deadline => deadline.saturating_add(NOW.load(Relaxed) - began),
        };
        self.deadline.store(deadline, Release);
        waited
    }

    fn tick(&self, now: u64) {
        let deadline = self.deadline.load(Acquire);
        if deadline == IDLE {
            return;
        }
        if deadline != FIRED && deadline <= now {
            // Fails if the call has ended this very moment.
            if self.deadline.compare_exchange(deadline, FIRED, AcqRel, Relaxed).is_ok() {
                self.isolate.terminate_execution();
            }
            return;
        }
        if !self.looking.swap(true, AcqRel) {
            let watch: *const Self = self;
            self.isolate.request_interrupt(look, watch.cast_mut().cast());
        }
    }
}

/// Runs between two steps of a module's code, on its thread.
unsafe extern "C" fn look(isolate: v8::UnsafeRawIsolatePtr, watch: *mut c_void) {
    // SAFETY: An instance keeps its watch for as long as its isolate.
    let watch = unsafe { &*watch.cast::<Watch>() };
    watch.looking.store(false, Release);
    // SAFETY: V8 passes the isolate that this thread is running.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    watch.limits.check_uncounted(&mut isolate);
}

fn run() {
    loop {
        thread::sleep(TICK);
        let now = NOW.fetch_add(1, Relaxed) + 1;
        let mut watched = WATCHED.lock();
        for watch in watched.iter() {
            watch.tick(now);
        }
        while watched.is_empty() {
            SOMEBODY.wait(&mut watched);
        }
    }
}
