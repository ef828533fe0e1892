//! The thread that ends calls when their time is up. One for a process, and it sleeps unless there are instances.

use std::{
    ffi::c_void,
    sync::{
        Arc, Once,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::{
    contain::{Leave, Running},
    limits::Limits,
};
use crate::engine::{TICK, ticks};

/// The present tick. When the machine is busy and a tick comes late, calls get more time than they should; making
/// up for it would end calls that have only just begun.
static NOW: AtomicU64 = AtomicU64::new(1);
/// Who is watched.
static WATCHED: Mutex<Vec<Arc<Watch>>> = Mutex::new(Vec::new());
/// Tells the thread that there is somebody.
static SOMEBODY: Condvar = Condvar::new();

/// No call is running, or it waits for others.
const IDLE: u64 = u64::MAX;
/// The call was told to end.
const FIRED: u64 = 0;
/// V8 was not asked to look.
const NOT_ASKED: u64 = 0;

/// Ticks that V8 has to end a call before it is given up on.
const GRACE: u64 = 200;
/// Ticks after which a call that does not look at its memory is looked at from outside.
const STUCK: u64 = 20;

/// What the watchdog knows of an instance.
#[derive(Debug)]
pub(super) struct Watch {
    /// The tick at which the present call ends, or one of the special values.
    deadline: AtomicU64,
    /// The tick in which the call was told to end.
    fired: AtomicU64,
    isolate: v8::IsolateHandle,
    limits: Arc<Limits>,
    /// The tick in which V8 was asked to look at the memory, until it has done so.
    asked: AtomicU64,
    /// The memory of the whole process when it was first looked at from outside. 0 if it was not.
    before: AtomicU64,
    thread: Running,
    leave: Leave,
}

impl Watch {
    /// Begins to watch an instance, which stays on this thread.
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
            fired: AtomicU64::new(0),
            isolate,
            limits,
            asked: AtomicU64::new(NOT_ASKED),
            before: AtomicU64::new(0),
            thread: Running::here(),
            leave: Leave::default(),
        });
        WATCHED.lock().push(Arc::clone(&watch));
        SOMEBODY.notify_one();
        watch
    }

    /// Ends the watch. From here on the thread may end.
    pub(super) fn end(self: &Arc<Self>) {
        let mut watched = WATCHED.lock();
        if let Some(place) = watched.iter().position(|watch| Arc::ptr_eq(watch, self)) {
            watched.swap_remove(place);
        }
    }

    /// Whether the stack that calls run on may be left.
    pub(super) fn leave(&self) -> &Leave {
        &self.leave
    }

    /// A call begins.
    #[inline]
    pub(super) fn arm(&self, limit: Duration) {
        self.leave.want(false);
        self.deadline.store(NOW.load(Relaxed).saturating_add(ticks(limit)), Release);
    }

    /// The call has ended. Whether it was told to.
    #[inline]
    pub(super) fn disarm(&self) -> bool {
        self.deadline.swap(IDLE, AcqRel) == FIRED
    }

    /// Does something that waits for others. The time that it takes is not the call's.
    pub(super) fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let deadline = self.deadline.load(Acquire);
        let is_running = deadline != IDLE && deadline != FIRED;
        // Fails if the time is up this very moment.
        if !is_running || self.deadline.compare_exchange(deadline, IDLE, AcqRel, Relaxed).is_err() {
            return wait();
        }
        let left = deadline.saturating_sub(NOW.load(Relaxed));
        let waited = wait();
        self.deadline.store(NOW.load(Relaxed).saturating_add(left), Release);
        waited
    }

    fn tick(&self, now: u64) {
        match self.deadline.load(Acquire) {
            IDLE => {}
            FIRED => {
                if now.saturating_sub(self.fired.load(Relaxed)) >= GRACE {
                    self.give_up();
                }
            }
            deadline if deadline <= now => {
                self.fired.store(now, Relaxed);
                // Fails if the call has ended this very moment.
                if self.deadline.compare_exchange(deadline, FIRED, AcqRel, Relaxed).is_ok() {
                    self.isolate.terminate_execution();
                }
            }
            _ => self.check_memory(now),
        }
    }

    /// Has V8 look at the memory of the call; or, if V8 does not come to it, looks from outside.
    fn check_memory(&self, now: u64) {
        let asked = self.asked.load(Acquire);
        if asked == NOT_ASKED {
            self.before.store(0, Relaxed);
            self.asked.store(now, Release);
            let watch: *const Self = self;
            self.isolate.request_interrupt(look, watch.cast_mut().cast());
        } else if now.saturating_sub(asked) >= STUCK {
            let memory = process_memory();
            match self.before.load(Relaxed) {
                0 => self.before.store(memory, Relaxed),
                // It need not be this call that has it. But then somebody else is taking a lot, too.
                before if memory.saturating_sub(before) > self.limits.memory() => {
                    self.limits.end_call();
                    self.give_up();
                }
                _ => {}
            }
        }
    }

    /// Has the call's stack left. That may not be possible at this moment, so this is for every tick.
    fn give_up(&self) {
        self.leave.want(true);
        self.thread.leave();
    }
}

/// Runs between two steps of a module's code, on its thread.
unsafe extern "C" fn look(isolate: v8::UnsafeRawIsolatePtr, watch: *mut c_void) {
    // SAFETY: An instance keeps its watch for as long as its isolate.
    let watch = unsafe { &*watch.cast::<Watch>() };
    watch.asked.store(NOT_ASKED, Release);
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

/// Bytes of memory that the process has. 0 where that is not known.
fn process_memory() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}
