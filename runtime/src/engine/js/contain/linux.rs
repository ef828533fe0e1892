//! Leaving a stack by way of a signal handler.

use std::{
    cell::Cell,
    ffi::{c_int, c_void},
    ops::Range,
    ptr,
    sync::OnceLock,
};

use corosensei::{
    CoroutineResult, ScopedCoroutine,
    stack::{STACK_ALIGNMENT, Stack, StackPointer},
    trap::{CoroutineTrapHandler, TrapHandlerRegs},
};

use super::{GaveUp, Leave};

/// V8's `Abort` raises it, and so do we.
const SIGNAL: c_int = libc::SIGTRAP;

/// Room for the frames between here and the switch to the other stack.
const GAP_BYTES: usize = 16 << 10;
/// How far the stack reaches, for telling whether a trap came from there. The thread's end comes first.
const REACH_BYTES: usize = 16 << 20;

/// How a stack is left that V8 is running on.
#[derive(Clone, Copy)]
struct Exit {
    /// `true` says that it was left.
    handler: CoroutineTrapHandler<bool>,
    leave: *const Leave,
}

thread_local! {
    /// The way out of what this thread is running.
    static EXIT: Cell<Option<Exit>> = const { Cell::new(None) };
    /// V8 has found something that must not go on.
    static IS_SERIOUS: Cell<bool> = const { Cell::new(false) };
    /// V8 has said itself that it cannot go on.
    static IS_GIVING_UP: Cell<bool> = const { Cell::new(false) };
}

/// What was done on the signal before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();
/// Where the code of other libraries is. None if it cannot be told apart from V8's.
static LIBRARIES: OnceLock<Option<Vec<Range<usize>>>> = OnceLock::new();

/// Takes over what happens when V8 gives up. Once for a process.
pub(in super::super) fn prepare() {
    v8::V8::set_fatal_error_handler(|_: &str, _: i32, _: &str| IS_SERIOUS.set(true));
    LIBRARIES.get_or_init(find_libraries);
    // SAFETY: All zeros are a valid value, and what the handler does is allowed in one (see there).
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_signal;
        action.sa_sigaction = handler as *const () as usize;
        // The way out does not return from the handler in the usual way, so the signal must not stay blocked.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_RESTART;
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(SIGNAL, &raw const action, &raw mut before) == 0 {
            let _ = BEFORE.set(before);
        }
    }
}

/// Runs `work`, which may be left when V8 gives up or `leave` says so.
#[inline]
pub(in super::super) fn contain<R>(leave: &Leave, work: impl FnOnce() -> R) -> Result<R, GaveUp> {
    let mut result = None;
    let Some(stack) = Below::here() else { return Ok(work()) };
    let coroutine = ScopedCoroutine::<(), (), bool, Below>::with_stack(stack, |_, ()| {
        result = Some(work());
        false
    });
    coroutine.scope(|mut coroutine| {
        let exit = Exit { handler: coroutine.trap_handler(), leave };
        let _before = Restore(EXIT.replace(Some(exit)));
        let ended = coroutine.as_mut().resume(());
        debug_assert!(matches!(ended, CoroutineResult::Return(_)));
    });
    result.ok_or(GaveUp)
}

/// V8 cannot go on.
pub(in super::super) fn give_up() {
    IS_GIVING_UP.set(true);
    // SAFETY: The signal is sent to this thread and dealt with before the call returns, if it does.
    unsafe { libc::raise(SIGNAL) };
}

/// A thread that runs modules.
#[derive(Debug)]
pub(in super::super) struct Running(libc::pthread_t);

impl Running {
    /// This thread.
    pub(in super::super) fn here() -> Self {
        // SAFETY: It only answers.
        Self(unsafe { libc::pthread_self() })
    }

    /// Has the thread look whether it is to leave its stack, and may. It must not have ended.
    pub(in super::super) fn leave(&self) {
        // SAFETY: The caller knows that the thread is there.
        unsafe { libc::pthread_kill(self.0, SIGNAL) };
    }
}

/// Puts an outer way out back in its place, panic or not.
struct Restore(Option<Exit>);

impl Drop for Restore {
    fn drop(&mut self) {
        EXIT.set(self.0);
    }
}

/// The lower part of this thread's stack.
struct Below {
    base: StackPointer,
}

impl Below {
    fn here() -> Option<Self> {
        let here = 0u8;
        let address = (&raw const here).addr();
        let base = address.checked_sub(GAP_BYTES)? / STACK_ALIGNMENT * STACK_ALIGNMENT;
        Some(Self { base: StackPointer::new(base)? })
    }
}

// SAFETY: The memory below this frame is the thread's own and ends in its guard page. Nobody else uses it while
// this frame waits for the switch back, and there is more of it than the least that is asked for, as V8 keeps away
// from the end.
unsafe impl Stack for Below {
    fn base(&self) -> StackPointer {
        self.base
    }

    fn limit(&self) -> StackPointer {
        let limit = self.base.get().saturating_sub(REACH_BYTES) / STACK_ALIGNMENT * STACK_ALIGNMENT;
        StackPointer::new(limit).unwrap_or(StackPointer::MIN)
    }
}

/// Only reads and writes this thread's cells, its stack and the registers that it goes on with.
extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: With `SA_SIGINFO` these are what the arguments point to.
    let (info, context) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    let registers = &mut context.uc_mcontext.gregs;
    let stack_pointer = registers[libc::REG_RSP as usize] as usize;
    let here = registers[libc::REG_RIP as usize] as usize;
    let exit = EXIT.get().filter(|exit| exit.handler.stack_ptr_in_bounds(stack_pointer));
    // SAFETY: Whoever runs something has it at hand until it is done.
    let is_wanted = exit.is_some_and(|exit| unsafe { &*exit.leave }.is_possible()) && !is_in_library(here);
    // A trap, or as good as one; and not somebody who wants this thread to look around.
    let gives_up = info.si_code != libc::SI_TKILL || IS_GIVING_UP.get();
    match exit {
        Some(exit) if is_wanted || gives_up && !IS_SERIOUS.get() => {
            EXIT.set(None);
            IS_GIVING_UP.set(false);
            // SAFETY: The signal came in the middle of the stack that this leaves, which is running as its exit was
            // there to be taken. Either it came from a function of V8 that does not return, or from somewhere in
            // V8: none of our own code was in the middle of anything.
            let next = unsafe { exit.handler.setup_trap_handler(|| true) };
            let TrapHandlerRegs { rip, rsp, rbp, rdi, rsi } = next;
            registers[libc::REG_RIP as usize] = rip as i64;
            registers[libc::REG_RSP as usize] = rsp as i64;
            registers[libc::REG_RBP as usize] = rbp as i64;
            registers[libc::REG_RDI as usize] = rdi as i64;
            registers[libc::REG_RSI as usize] = rsi as i64;
        }
        // Asked to leave, and not now.
        _ if !gives_up => {}
        _ => {
            // SAFETY: This is what would have happened without us.
            unsafe {
                if let Some(before) = BEFORE.get() {
                    libc::sigaction(signal, before, ptr::null_mut());
                }
                libc::raise(signal);
            }
        }
    }
}

fn is_in_library(address: usize) -> bool {
    match LIBRARIES.get() {
        Some(Some(libraries)) => libraries.iter().any(|range| range.contains(&address)),
        _ => true,
    }
}

/// The code of all libraries but the program itself. None if the allocator is in there.
fn find_libraries() -> Option<Vec<Range<usize>>> {
    unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, _: usize, found: *mut c_void) -> c_int {
        // SAFETY: The linker passes a description of a loaded object and what it was given.
        let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Vec<Range<usize>>>>()) };
        // SAFETY: The description says how many there are.
        let segments = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let code = segments.iter().filter(|it| it.p_type == libc::PT_LOAD && it.p_flags & libc::PF_X != 0);
        let range = |segment: &libc::Elf64_Phdr| {
            let start = (info.dlpi_addr + segment.p_vaddr) as usize;
            start..start + segment.p_memsz as usize
        };
        found.push(code.map(range).collect());
        0
    }
    let mut objects: Vec<Vec<Range<usize>>> = Vec::new();
    // SAFETY: The function takes what it is given here.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut objects).cast()) };
    // The program itself comes first.
    let libraries: Vec<_> = objects.into_iter().skip(1).flatten().collect();
    let malloc = libc::malloc as *const () as usize;
    libraries.iter().any(|range| range.contains(&malloc)).then_some(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocator_is_not_part_of_the_program() {
        let libraries = find_libraries().expect("it can be told apart");
        assert!(!libraries.iter().any(|range| range.contains(&(find_libraries as *const () as usize))));
    }

    #[test]
    fn work_is_done_and_panics_come_through() {
        let leave = Leave::default();
        assert_eq!(contain(&leave, || 5), Ok(5));
        let panicked = std::panic::catch_unwind(|| contain(&Leave::default(), || panic!("it does")));
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"it does"));
        assert!(EXIT.get().is_none());
    }
}
