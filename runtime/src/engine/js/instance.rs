//! A running module: how it starts, and how a call goes in and comes out.

use std::{panic::resume_unwind, time::Duration};

use orrery_host_abi::{Call, Fault, Function, HostCalls, Instance, Outcome};
use v8::Local;

use super::{
    contain::GaveUp,
    fault::Broken,
    hooks::{Answer, DESCRIBE, Hooks},
    load::{self, Refused, load},
    program::JsProgram,
    promises,
    state::{End, State},
    vm::Vm,
};
use crate::engine::{LoadError, SPENT};

/// The step in which what promises have left to do is done.
const TASKS: &str = "tasks of promises";

/// An instance of a [`JsProgram`]. One call at a time, on the thread that has started it.
pub struct JsInstance<H: 'static> {
    // Before the isolate that they live in.
    hooks: Option<Hooks>,
    vm: Vm<H>,
    spent: bool,
}

impl<H> std::fmt::Debug for JsInstance<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsInstance").field("spent", &self.spent).finish_non_exhaustive()
    }
}

impl<H: HostCalls + 'static> JsInstance<H> {
    pub(super) fn start(
        program: &JsProgram,
        memory_limit: u64,
        session: H,
        time_limit: Duration,
    ) -> (H, Result<Self, LoadError>) {
        let mut instance = Self { hooks: None, vm: Vm::new(program, memory_limit), spent: true };
        let state = instance.vm.shared.get();
        state.begin(session);
        let state: *mut State<H> = state;
        let loaded = instance.vm.run(time_limit, |scope, _, _| load(scope, program, state));
        let loaded = instance.finish_step(loaded, time_limit);
        let session = instance.vm.shared.get().finish();
        let started = loaded.map(|hooks| {
            instance.hooks = Some(hooks);
            instance.spent = false;
            instance
        });
        (session, started)
    }

    /// Has the module describe itself: a BSATN `RawModuleDef`.
    pub(super) fn describe(&mut self, session: H, time_limit: Duration) -> (H, Result<Vec<u8>, LoadError>) {
        let Some(hooks) = &self.hooks else {
            return (session, Err(LoadError::Setup(SPENT.to_owned())));
        };
        let state = self.vm.shared.get();
        state.begin(session);
        let script = state.script.take();
        let program = self.vm.program.clone();
        let described = self.vm.run(time_limit, |scope, _, source| {
            let description = hooks.describe(scope, source).map_err(|error| match error {
                Ok(text) => Refused::Because(LoadError::Abi(text)),
                Err(stop) => load::stopped(DESCRIBE, stop),
            })?;
            // By now V8 has compiled what every instance needs to start.
            if let Some(script) = script
                && program.code().is_none()
                && let Some(code) = Local::new(scope, script).create_code_cache()
            {
                program.keep_code(&code);
            }
            Ok(description)
        });
        let described = self.finish_step(described, time_limit);
        (self.vm.shared.get().finish(), described)
    }

    /// What became of a step of the start.
    fn finish_step<T>(
        &mut self,
        (result, is_late): (Result<Result<T, Refused>, GaveUp>, bool),
        time_limit: Duration,
    ) -> Result<T, LoadError> {
        let was_stopped = self.was_stopped(is_late);
        let (step, broken) = match result {
            Ok(Ok(value)) if !was_stopped => return Ok(value),
            Ok(Err(Refused::Because(error))) if !was_stopped => return Err(error),
            Ok(Err(Refused::Broke(step, broken))) if !was_stopped => (step, broken),
            Ok(Err(Refused::Stopped(step) | Refused::Broke(step, _))) => {
                (step, self.why_stopped(is_late, time_limit))
            }
            Ok(_) => (TASKS, self.why_stopped(is_late, time_limit)),
            Err(GaveUp) => ("start", self.give_up(is_late, time_limit)),
        };
        if let Some(session) = self.vm.shared.get().session_anyway() {
            broken.log(session);
        }
        Err(LoadError::Start { function: step.to_owned(), fault: broken.into_detailed() })
    }

    /// What became of a call.
    fn finish_call(&mut self, (result, is_late): (Result<Answer, GaveUp>, bool), call: &Call) -> Outcome {
        // Of procedures and handlers every failure is the end.
        let is_lane = matches!(call.function, Function::Procedure(_) | Function::HttpHandler(_));
        let was_stopped = self.was_stopped(is_late);
        let broken = match result {
            Ok(Answer::Ended(outcome)) if !was_stopped => {
                let is_done = matches!(outcome, Outcome::Done(_) | Outcome::Responded { .. });
                self.spent = is_lane && !is_done;
                return outcome;
            }
            Ok(Answer::Threw(thrown)) if !was_stopped => {
                let was_refused = self.vm.limits.was_refused();
                self.spent = is_lane || was_refused;
                let text = is_lane.then(|| thrown.text.clone());
                let mut broken = if was_refused {
                    Broken::out_of_memory(self.vm.limits.memory())
                } else {
                    Broken::threw(thrown)
                };
                if let (Some(text), Fault::Trapped(fault)) = (text, &mut broken.fault) {
                    *fault = text;
                }
                broken
            }
            Ok(_) => self.why_stopped(is_late, call.time_limit),
            Err(GaveUp) => self.give_up(is_late, call.time_limit),
        };
        if let Some(session) = self.vm.shared.get().session_anyway() {
            broken.log(session);
        }
        Outcome::Broke(broken.fault)
    }

    /// Whether the module's code was ended from outside. If that happens after a function has returned, in what
    /// it has left to do for promises, nothing else tells.
    fn was_stopped(&mut self, is_late: bool) -> bool {
        is_late || self.vm.limits.has_ended_call() || self.vm.shared.get().end.is_some()
    }

    /// Why the module's code was ended.
    fn why_stopped(&mut self, is_late: bool, time_limit: Duration) -> Broken {
        match self.vm.shared.get().end.take() {
            Some(End::Panicked(panic)) => resume_unwind(panic),
            Some(End::Trapped(text)) => Broken::trapped(text),
            Some(End::OutOfMemory) => Broken::out_of_memory(self.vm.limits.memory()),
            None if is_late => Broken::timed_out(time_limit),
            None => Broken::out_of_memory(self.vm.limits.memory()),
        }
    }

    /// V8 has given up on the isolate.
    fn give_up(&mut self, is_late: bool, time_limit: Duration) -> Broken {
        self.vm.program.count_crash();
        // They live in the isolate.
        std::mem::forget(self.hooks.take());
        if is_late { Broken::timed_out(time_limit) } else { Broken::out_of_memory(self.vm.limits.memory()) }
    }
}

impl<H: HostCalls + 'static> Instance<H> for JsInstance<H> {
    fn call(&mut self, session: H, call: &Call) -> (H, Outcome) {
        let Some(hooks) = &mut self.hooks else {
            return (session, Outcome::Broke(Fault::Trapped(SPENT.to_owned())));
        };
        if self.spent {
            return (session, Outcome::Broke(Fault::Trapped(SPENT.to_owned())));
        }
        let state = self.vm.shared.get();
        state.begin(session);
        let state: *mut State<H> = state;
        // Until it is known what became of the call.
        self.spent = true;
        let called = self.vm.run(call.time_limit, |scope, context, source| {
            let answer = hooks.call(scope, context, source, call);
            promises::report(scope, state);
            answer
        });
        let outcome = self.finish_call(called, call);
        (self.vm.shared.get().finish(), outcome)
    }

    fn is_spent(&self) -> bool {
        self.spent
    }
}
