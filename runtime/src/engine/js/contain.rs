//! What V8 takes for its own end is the end of one call, and so is what V8 cannot be made to end.
//!
//! V8 answers some demands by ending the process: an array of more than 2²⁷ elements, a heap that is full where it
//! cannot throw, a regular expression whose compiler runs out of room. Any module can make such a demand. And some of
//! its functions do not look whether they are to stop: `[].indexOf.call({ length: 2 ** 53 - 1 })` takes years, and
//! what the parser needs for a long text in `eval` is not counted.
//!
//! So a module's code runs on a stack of its own. When V8 gives up ([`give_up`], or the trap of its `Abort`), or
//! does not end a call for long after it was told to ([`Running::leave`]), that stack is left behind for good, and control
//! is back where the call began. What the isolate holds is never touched again: it leaks, and whoever called counts that.
//!
//! Only what V8 itself says is no matter of security ends this way; a failed check of its own integrity ends the
//! process, as it should. And a stack is not left in the middle of anything that others depend on: neither in a
//! host call, nor in a function of another library, which may hold a lock of the allocator.
//!
//! The stack is a part of the thread's own, further down: V8's collector looks at everything between here and the
//! thread's first frame.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod linux;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) use linux::{Running, contain, give_up, prepare};

use std::sync::atomic::{AtomicBool, Ordering::Relaxed, compiler_fence};

/// V8 gave up, or was given up on. The isolate must not be used again, and not be disposed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GaveUp;

/// Whether the stack that a call runs on may be left, which the thread itself and its signal handler look at.
#[derive(Debug, Default)]
pub(super) struct Leave {
    /// A host call is running.
    in_host: AtomicBool,
    /// It is to be left as soon as it may.
    wanted: AtomicBool,
}

impl Leave {
    /// Does something that must not be left half done.
    #[inline]
    pub(super) fn not_during<R>(&self, work: impl FnOnce() -> R) -> R {
        self.in_host.store(true, Relaxed);
        // It is this very thread that looks, in a handler, so no more than this is needed.
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        let result = work();
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.in_host.store(false, Relaxed);
        result
    }

    /// Says whether the stack is to be left.
    pub(super) fn want(&self, wanted: bool) {
        self.wanted.store(wanted, Relaxed);
    }

    fn is_possible(&self) -> bool {
        self.wanted.load(Relaxed) && !self.in_host.load(Relaxed)
    }
}

/// On other systems the process ends when V8 gives up, and what does not end goes on.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod elsewhere {
    use super::{GaveUp, Leave};

    /// A thread that runs modules.
    #[derive(Debug)]
    pub(in super::super) struct Running;

    impl Running {
        pub(in super::super) fn here() -> Self {
            Self
        }

        pub(in super::super) fn leave(&self) {}
    }

    pub(in super::super) fn contain<R>(_: &Leave, work: impl FnOnce() -> R) -> Result<R, GaveUp> {
        Ok(work())
    }

    pub(in super::super) fn give_up() {}

    pub(in super::super) fn prepare() {}
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(super) use elsewhere::{Running, contain, give_up, prepare};
