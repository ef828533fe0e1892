//! An isolate with one context: V8's part of an instance.

use std::{mem::ManuallyDrop, sync::Arc, time::Duration};

use v8::{Global, Local, OwnedIsolate, PinScope};

use super::{
    builtins,
    contain::{GaveUp, contain, give_up},
    limits::Limits,
    program::JsProgram,
    stack::FRAMES_MAX,
    state::{Shared, State},
    watchdog::Watch,
};

/// An isolate and what belongs to it. Stays on the thread that it was made on.
///
/// A thread may have several, and drop them in any order: V8 has them form a stack, so each is on it only while it
/// runs.
pub(super) struct Vm<H: 'static> {
    // In the order in which they go.
    context: ManuallyDrop<Global<v8::Context>>,
    pub(super) shared: ManuallyDrop<Shared<H>>,
    isolate: ManuallyDrop<OwnedIsolate>,
    watch: Arc<Watch>,
    pub(super) limits: Arc<Limits>,
    /// The text that the isolate reads is in there.
    pub(super) program: JsProgram,
    /// V8 has given up on it.
    is_lost: bool,
}

impl<H: 'static> Vm<H> {
    /// Makes an isolate for a program.
    pub(super) fn new(program: &JsProgram, memory_limit: u64) -> Self {
        let limits = Limits::new(memory_limit);
        let mut isolate = v8::Isolate::new(limits.isolate_params());
        limits.watch_heap(&mut isolate);
        isolate.set_oom_error_handler(out_of_memory);
        isolate.set_capture_stack_trace_for_uncaught_exceptions(true, FRAMES_MAX as i32);
        let mut shared = Shared::new(State::new(Arc::clone(&limits), Arc::clone(program.source())));
        shared.attach(&mut isolate);
        let watch = Watch::new(isolate.thread_safe_handle(), Arc::clone(&limits));
        shared.get().watch = Some(Arc::clone(&watch));
        let context = {
            v8::scope!(let scope, &mut isolate);
            let context = v8::Context::new(scope, v8::ContextOptions::default());
            Global::new(scope, context)
        };
        // SAFETY: It was entered when it was made.
        unsafe { isolate.exit() };
        Self {
            context: ManuallyDrop::new(context),
            shared: ManuallyDrop::new(shared),
            isolate: ManuallyDrop::new(isolate),
            watch,
            limits,
            program: program.clone(),
            is_lost: false,
        }
    }

    /// Prepares the context for the module.
    pub(super) fn install_builtins(scope: &mut PinScope<'_, '_>, state: *mut State<H>) -> Option<()> {
        builtins::install(scope)?;
        let nothing = v8::Function::builder(nothing).build(scope)?;
        // SAFETY: None of the module's code has been run.
        unsafe { &mut *state }.nothing = Some(Global::new(scope, nothing));
        Some(())
    }

    /// Runs `work` in the context, for so long at most. Whether the time was up is the second answer.
    #[inline]
    pub(super) fn run<R>(
        &mut self,
        time_limit: Duration,
        work: impl FnOnce(&mut PinScope<'_, '_>) -> R,
    ) -> (Result<R, GaveUp>, bool) {
        let isolate: &mut OwnedIsolate = &mut self.isolate;
        let context = &*self.context;
        self.watch.arm(time_limit);
        // SAFETY: It is left below, on this thread, whatever happens.
        unsafe { isolate.enter() };
        let left = Leave(isolate);
        let result = contain(|| {
            v8::scope!(let scope, &mut *left.0);
            let context = Local::new(scope, context);
            let scope = &mut v8::ContextScope::new(scope, context);
            work(scope)
        });
        drop(left);
        let is_late = self.watch.disarm();
        self.is_lost |= result.is_err();
        (result, is_late)
    }
}

struct Leave<'a>(&'a mut OwnedIsolate);

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: It was entered before, and what was entered since has been left.
        unsafe { self.0.exit() };
    }
}

impl<H: 'static> Drop for Vm<H> {
    fn drop(&mut self) {
        self.watch.end();
        if self.is_lost {
            // All of it leaks: not even what is still whole may be touched.
            std::mem::forget(self.program.clone());
            std::mem::forget(Arc::clone(&self.limits));
            return;
        }
        // SAFETY: Nothing uses them from here on, and the isolate is entered as its end demands.
        unsafe {
            self.isolate.enter();
            ManuallyDrop::drop(&mut self.context);
            ManuallyDrop::drop(&mut self.shared);
            ManuallyDrop::drop(&mut self.isolate);
        }
    }
}

/// V8 has no memory for something that it cannot do without.
unsafe extern "C" fn out_of_memory(_: *const std::ffi::c_char, _: &v8::OomDetails) {
    give_up();
}

fn nothing<'s>(
    _: &mut PinScope<'s, '_>,
    _: v8::FunctionCallbackArguments<'s>,
    _: v8::ReturnValue<'_, v8::Value>,
) {
}
