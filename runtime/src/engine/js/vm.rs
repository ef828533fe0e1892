//! An isolate with one context: V8's part of an instance.

use std::{mem::ManuallyDrop, sync::Arc, time::Duration};

use v8::{Global, Local, OwnedIsolate, PinScope};

use super::{
    builtins,
    contain::{GaveUp, contain, give_up},
    entered,
    limits::Limits,
    program::JsProgram,
    promises,
    source::Source,
    stack::FRAMES_MAX,
    state::{Shared, State},
    watchdog::Watch,
};

/// An isolate and what belongs to it. Stays on the thread that it was made on.
///
/// A thread may have several, and drop them in any order; [`entered`] knows which one V8 takes for the present one.
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
        let watch = Watch::new(isolate.thread_safe_handle(), Arc::clone(&limits));
        let state = State::new(Arc::clone(&limits), Arc::clone(&watch), Arc::clone(program.source()));
        let shared = Shared::new(state);
        shared.attach(&mut isolate);
        promises::watch::<H>(&mut isolate);
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
        work: impl for<'s> FnOnce(&mut PinScope<'s, '_>, Local<'s, v8::Context>, &Source) -> R,
    ) -> (Result<R, GaveUp>, bool) {
        let isolate: &mut OwnedIsolate = &mut self.isolate;
        let (context, source) = (&*self.context, self.program.source());
        self.watch.arm(time_limit);
        // SAFETY: It is alive, and `drop` says when it will not be.
        let entered = unsafe { entered::enter(isolate) };
        let result = contain(self.watch.leave(), || {
            v8::scope!(let scope, isolate);
            let context = Local::new(scope, context);
            let scope = &mut v8::ContextScope::new(scope, context);
            work(scope, context, source)
        });
        drop(entered);
        let is_late = self.watch.disarm();
        if result.is_err() {
            self.is_lost = true;
            entered::leave(&self.isolate);
        }
        (result, is_late)
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
        entered::leave(&self.isolate);
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
