//! What V8 takes for its own end is the end of one call.
//!
//! V8 answers some demands by ending the process: an array of more than 2²⁷ elements, a heap that is full where it
//! cannot throw, a regular expression whose compiler runs out of room. Any module can make such a demand. So its
//! code runs on a stack of its own, and when V8 gives up ([`give_up`], or the trap of its `Abort`), that stack is
//! left behind for good and control is back where the call began. What the isolate holds is never touched again:
//! it leaks, and whoever called counts that.
//!
//! Only what V8 itself says is no matter of security ends this way; a failed check of its own integrity ends the
//! process, as it should.
//!
//! The stack is a part of the thread's own, further down: V8's collector looks at everything between here and the
//! thread's first frame.

/// V8 gave up. The isolate must not be used again, and not be disposed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GaveUp;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod on_linux {
    use std::{
        cell::Cell,
        ffi::{c_int, c_void},
        sync::OnceLock,
    };

    use corosensei::{
        CoroutineResult, ScopedCoroutine,
        stack::{STACK_ALIGNMENT, Stack, StackPointer},
        trap::{CoroutineTrapHandler, TrapHandlerRegs},
    };

    use super::GaveUp;

    /// Room for the frames between here and the switch to the other stack.
    const GAP_BYTES: usize = 16 << 10;
    /// How far the stack reaches, for telling whether a trap came from there. The thread's end comes first.
    const REACH_BYTES: usize = 16 << 20;

    /// How a stack is left. `true` says that V8 gave up.
    type Exit = CoroutineTrapHandler<bool>;

    thread_local! {
        /// The way out of what this thread is running.
        static EXIT: Cell<Option<Exit>> = const { Cell::new(None) };
        /// V8 has found something that must not go on.
        static IS_SERIOUS: Cell<bool> = const { Cell::new(false) };
    }

    /// What was done on a trap before.
    static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

    /// The lower part of this thread's stack.
    struct Below {
        base: StackPointer,
    }

    impl Below {
        fn here() -> Option<Self> {
            let here = 0u8;
            let address = (&raw const here).addr();
            let base = (address.checked_sub(GAP_BYTES)?) / STACK_ALIGNMENT * STACK_ALIGNMENT;
            Some(Self { base: StackPointer::new(base)? })
        }
    }

    // SAFETY: The memory below this frame is the thread's own and ends in its guard page. Nobody else uses it while
    // this frame waits for the switch back, and there is more of it than the least that is asked for, as V8
    // keeps away from the end.
    unsafe impl Stack for Below {
        fn base(&self) -> StackPointer {
            self.base
        }

        fn limit(&self) -> StackPointer {
            let limit = self.base.get().saturating_sub(REACH_BYTES) / STACK_ALIGNMENT * STACK_ALIGNMENT;
            StackPointer::new(limit).unwrap_or(StackPointer::MIN)
        }
    }

    /// Puts an outer way out back in its place, panic or not.
    struct Restore(Option<Exit>);

    impl Drop for Restore {
        fn drop(&mut self) {
            EXIT.set(self.0);
        }
    }

    /// Runs `work`, which may be left when V8 gives up.
    #[inline]
    pub(in super::super) fn contain<R>(work: impl FnOnce() -> R) -> Result<R, GaveUp> {
        let mut result = None;
        let Some(stack) = Below::here() else { return Ok(work()) };
        let coroutine = ScopedCoroutine::<(), (), bool, Below>::with_stack(stack, |_, ()| {
            result = Some(work());
            false
        });
        coroutine.scope(|mut coroutine| {
            let _before = Restore(EXIT.replace(Some(coroutine.trap_handler())));
            let ended = coroutine.as_mut().resume(());
            debug_assert!(matches!(ended, CoroutineResult::Return(_)));
        });
        result.ok_or(GaveUp)
    }

    /// V8 cannot go on.
    pub(in super::super) fn give_up() {
        // SAFETY: The signal is sent to this thread and dealt with before the call returns, if it does.
        unsafe { libc::raise(libc::SIGTRAP) };
    }

    /// Takes over what happens when V8 gives up. Once for a process.
    pub(in super::super) fn prepare() {
        v8::V8::set_fatal_error_handler(|_: &str, _: i32, _: &str| IS_SERIOUS.set(true));
        // SAFETY: All zeros are a valid value, and what the handler does is allowed in one (see there).
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_trap;
            action.sa_sigaction = handler as *const () as usize;
            // The way out does not return from the handler in the usual way.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            let mut before: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(libc::SIGTRAP, &raw const action, &raw mut before) == 0 {
                let _ = BEFORE.set(before);
            }
        }
    }

    /// Only reads and writes this thread's cells, its stack and the registers that it goes on with.
    extern "C" fn on_trap(signal: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: With `SA_SIGINFO` this is what the third argument points to.
        let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
        let registers = &mut context.uc_mcontext.gregs;
        let stack_pointer = registers[libc::REG_RSP as usize] as usize;
        match EXIT.take() {
            Some(exit) if exit.stack_ptr_in_bounds(stack_pointer) && !IS_SERIOUS.get() => {
                // SAFETY: The trap came from the stack that this leaves, which is still running as the exit was there
                // to be taken. It came from a function of V8 that does not return, called by V8: none of our own
                // code was in the middle of anything.
                let next = unsafe { exit.setup_trap_handler(|| true) };
                let TrapHandlerRegs { rip, rsp, rbp, rdi, rsi } = next;
                registers[libc::REG_RIP as usize] = rip as i64;
                registers[libc::REG_RSP as usize] = rsp as i64;
                registers[libc::REG_RBP as usize] = rbp as i64;
                registers[libc::REG_RDI as usize] = rdi as i64;
                registers[libc::REG_RSI as usize] = rsi as i64;
            }
            _ => {
                // SAFETY: This is what would have happened without us.
                unsafe {
                    match BEFORE.get() {
                        Some(before) => libc::sigaction(signal, before, std::ptr::null_mut()),
                        None => 0,
                    };
                    libc::raise(signal);
                }
            }
        }
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) use on_linux::{contain, give_up, prepare};

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod elsewhere {
    use super::GaveUp;

    /// Runs `work`. When V8 gives up, the process ends.
    pub(in super::super) fn contain<R>(work: impl FnOnce() -> R) -> Result<R, GaveUp> {
        Ok(work())
    }

    /// V8 cannot go on; it ends the process.
    pub(in super::super) fn give_up() {}

    /// Nothing to prepare.
    pub(in super::super) fn prepare() {}
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(super) use elsewhere::{contain, give_up, prepare};
