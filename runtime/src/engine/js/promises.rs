//! Promises that fail and that nobody asks: the module's author should hear of them all the same.

use std::sync::Arc;

use orrery_host_abi::{HostCalls, LogLevel, LogRecord};
use v8::{Global, Local, PinScope};

use super::{
    fault::Thrown,
    stack,
    state::{self, State},
};

/// More failed promises than anybody wants to read about. A module must not fill the host's memory with them.
const FAILED_MAX: usize = 16;

/// A promise that has failed in the present call, and why.
pub(super) type Failed = (Global<v8::Promise>, Thrown);

/// Begins to watch the promises of an isolate, whose state is a `State<H>`.
pub(super) fn watch<H: 'static>(isolate: &mut v8::Isolate) {
    isolate.set_promise_reject_callback(rejected::<H>);
}

unsafe extern "C" fn rejected<H: 'static>(message: v8::PromiseRejectMessage<'_>) {
    // Whoever asks later is seen later.
    if message.get_event() != v8::PromiseRejectEvent::PromiseRejectWithNoHandler {
        return;
    }
    v8::callback_scope!(unsafe scope, &message);
    // SAFETY: `watch` was told the type of the state. None of the module's code runs while it is borrowed.
    let state = unsafe { &mut *state::of_isolate::<H>(scope) };
    if state.failed.len() == FAILED_MAX {
        return;
    }
    if let Some(reason) = message.get_value() {
        let thrown = Thrown::new(scope, &state.source, reason, None);
        state.failed.push((Global::new(scope, message.get_promise()), thrown));
    }
}

/// Tells the log of those that nobody has asked until the end of the call.
pub(super) fn report<H: HostCalls>(scope: &PinScope<'_, '_>, state: *mut State<H>) {
    // SAFETY: None of the module's code runs while it is borrowed.
    let state = unsafe { &mut *state };
    if state.failed.is_empty() {
        return;
    }
    let watch = Arc::clone(&state.watch);
    for (promise, thrown) in std::mem::take(&mut state.failed) {
        if Local::new(scope, promise).has_handler() {
            continue;
        }
        let Ok(session) = state.session() else { return };
        let first = thrown.frames.first();
        let message = format!("a promise failed, and nothing waits for it: {}", thrown.text);
        let backtrace = stack::to_lines(&thrown.frames);
        let record = LogRecord {
            level: LogLevel::Error,
            target: None,
            filename: first.map(|frame| &*frame.file),
            line: first.and_then(|frame| frame.line),
            message: &message,
            backtrace: &backtrace,
        };
        watch.leave().not_during(|| session.console_log(record));
    }
}
