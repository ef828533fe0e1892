//! The isolate that V8 takes for the present one on a thread.
//!
//! Entering and leaving an isolate costs as much as a few host calls, as V8 looks up what it knows of the thread under
//! a lock. A thread mostly runs the same one again and again. So an isolate stays entered when a call has ended,
//! until the thread runs another one.

use std::cell::Cell;

use v8::{Isolate, UnsafeRawIsolatePtr};

thread_local! {
    /// The isolate that stays entered.
    static PRESENT: Cell<Present> = const { Cell::new(Present { isolate: None, is_running: false }) };
}

#[derive(Clone, Copy)]
struct Present {
    isolate: Option<UnsafeRawIsolatePtr>,
    is_running: bool,
}

impl Present {
    #[inline]
    fn is(self, isolate: UnsafeRawIsolatePtr) -> bool {
        self.isolate.is_some_and(|present| address(present) == address(isolate))
    }
}

#[inline]
fn address(isolate: UnsafeRawIsolatePtr) -> usize {
    // SAFETY: It is a pointer and nothing else, as its type promises.
    unsafe { std::mem::transmute::<UnsafeRawIsolatePtr, *const ()>(isolate) }.addr()
}

/// An isolate that is entered as long as this lives, and if nothing else is run then for longer.
#[must_use]
pub(super) struct Entered {
    isolate: UnsafeRawIsolatePtr,
    /// Another one is running further out, and goes on after this.
    is_inner: bool,
}

/// Makes an isolate the present one.
///
/// # Safety
///
/// It must be alive, belong to this thread, and be [left](leave) before it goes.
#[inline]
pub(super) unsafe fn enter(isolate: &Isolate) -> Entered {
    let present = PRESENT.get();
    // SAFETY: Nothing is done with it beyond what this module does.
    let isolate = unsafe { isolate.as_raw_isolate_ptr() };
    if present.is_running {
        // SAFETY: The caller vouches for it. It is left when the answer is dropped.
        unsafe { Isolate::from_raw_isolate_ptr(isolate).enter() };
        return Entered { isolate, is_inner: true };
    }
    if !present.is(isolate) {
        exchange(present.isolate, isolate);
    }
    PRESENT.set(Present { isolate: Some(isolate), is_running: true });
    Entered { isolate, is_inner: false }
}

#[cold]
fn exchange(old: Option<UnsafeRawIsolatePtr>, new: UnsafeRawIsolatePtr) {
    // SAFETY: Who is entered is alive, as it would have been left before, and so is the one to be entered.
    unsafe {
        if let Some(old) = old {
            Isolate::from_raw_isolate_ptr(old).exit();
        }
        Isolate::from_raw_isolate_ptr(new).enter();
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if self.is_inner {
            // SAFETY: It was entered by itself, and what was entered since has been left.
            unsafe { Isolate::from_raw_isolate_ptr(self.isolate).exit() };
        } else {
            PRESENT.set(Present { isolate: Some(self.isolate), is_running: false });
        }
    }
}

/// Sees to it that an isolate that is not running is not entered.
pub(super) fn leave(isolate: &Isolate) {
    // SAFETY: It is only compared.
    if PRESENT.get().is(unsafe { isolate.as_raw_isolate_ptr() }) {
        PRESENT.set(Present { isolate: None, is_running: false });
        // SAFETY: It was entered on this thread, and what was entered since has been left.
        unsafe { isolate.exit() };
    }
}
