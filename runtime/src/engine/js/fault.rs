//! From what ended a call to a fault for the caller and a line for the module's log.

use std::time::Duration;

use orrery_host_abi::{Fault, HostCalls, LogLevel, LogRecord};
use v8::{Local, PinScope, Value};

use super::{
    source::Source,
    stack::{self, Frame},
};
use crate::engine::{BROKE, STACK_OVERFLOW};

/// How much of an exception's text is kept, in UTF-16 units.
const TEXT_UNITS_MAX: usize = 16 << 10;

/// What V8 throws where a function calls itself too deeply.
const OUT_OF_STACK: &str = "RangeError: Maximum call stack size exceeded";

/// What the module has thrown.
#[derive(Debug)]
pub(super) struct Thrown {
    /// What it is: for errors, their name and message.
    pub(super) text: String,
    /// Where it was thrown, innermost first.
    pub(super) frames: Vec<Frame>,
}

/// Why the module's code did not come to its end.
pub(super) enum Stop<'s> {
    /// It has thrown this.
    Threw(Local<'s, Value>, Thrown),
    /// It was ended from outside.
    Ended,
}

/// Runs some of the module's code, which says that it has thrown by answering with nothing.
pub(super) fn attempt<'s, 'i, T>(
    scope: &mut PinScope<'s, 'i>,
    source: &Source,
    work: impl FnOnce(&mut PinScope<'s, 'i>) -> Option<T>,
) -> Result<T, Stop<'s>> {
    v8::tc_scope!(let scope, scope);
    if let Some(value) = work(scope) {
        return Ok(value);
    }
    if scope.has_terminated() {
        return Err(Stop::Ended);
    }
    let Some(exception) = scope.exception() else { return Err(Stop::Ended) };
    let message = scope.message();
    Err(Stop::Threw(exception, Thrown::new(scope, source, exception, message)))
}

impl Thrown {
    /// Takes down an exception. None of the module's code is run for that.
    pub(super) fn new(
        scope: &mut PinScope<'_, '_>,
        source: &Source,
        exception: Local<'_, Value>,
        message: Option<Local<'_, v8::Message>>,
    ) -> Self {
        let message = message.unwrap_or_else(|| v8::Exception::create_message(scope, exception));
        let text = message.get(scope);
        let text = if text.length() > TEXT_UNITS_MAX {
            let mut units = vec![0; TEXT_UNITS_MAX];
            text.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
            String::from_utf16_lossy(&units) + "..."
        } else {
            text.to_rust_string_lossy(scope)
        };
        let text = text.strip_prefix("Uncaught ").map(str::to_owned).unwrap_or(text);
        let mut frames = match message.get_stack_trace(scope) {
            Some(trace) => stack::frames(scope, source, trace),
            None => Vec::new(),
        };
        if frames.is_empty() {
            // Errors of syntax are thrown by no function.
            let script = message.get_script_resource_name(scope).filter(|name| name.is_string());
            if let Some(script) = script.map(|name| name.to_rust_string_lossy(scope)) {
                let line = message.get_line_number(scope).unwrap_or(0);
                frames.push(Frame::new(source, None, Some(script), line, message.get_start_column() + 1));
            }
        }
        Self { text, frames }
    }

    /// The text with the place, for whoever publishes the module.
    pub(super) fn with_place(&self) -> String {
        match self.frames.first() {
            Some(Frame { file, line: Some(line), column: Some(column), .. }) => {
                format!("{} (at {file}:{line}:{column})", self.text)
            }
            _ => self.text.clone(),
        }
    }
}

/// The end of a call that broke.
pub(super) struct Broken {
    /// For the caller: no details of the module.
    pub(super) fault: Fault,
    /// For those who publish the module: what exactly happened.
    details: String,
    /// Where, innermost first.
    frames: Vec<Frame>,
}

impl Broken {
    /// The module has thrown.
    pub(super) fn threw(thrown: Thrown) -> Self {
        let text = if thrown.text == OUT_OF_STACK { STACK_OVERFLOW } else { BROKE };
        Self { fault: Fault::Trapped(text.to_owned()), details: thrown.text, frames: thrown.frames }
    }

    /// A host call has ended it.
    pub(super) fn trapped(details: String) -> Self {
        Self { fault: Fault::Trapped(BROKE.to_owned()), details, frames: Vec::new() }
    }

    /// Its time was up.
    pub(super) fn timed_out(limit: Duration) -> Self {
        Self::plain(Fault::TimedOut(limit))
    }

    /// It wanted more memory than it may have.
    pub(super) fn out_of_memory(limit: u64) -> Self {
        Self::plain(Fault::OutOfMemory(limit))
    }

    fn plain(fault: Fault) -> Self {
        Self { details: fault.to_string(), fault, frames: Vec::new() }
    }

    /// Writes to the module's log what happened.
    pub(super) fn log<H: HostCalls>(&self, session: &mut H) {
        let first = self.frames.first();
        session.console_log(LogRecord {
            level: LogLevel::Panic,
            target: None,
            filename: first.map(|frame| &*frame.file),
            line: first.and_then(|frame| frame.line),
            message: &self.details,
            backtrace: &stack::to_lines(&self.frames),
        });
    }

    /// The fault with all details, for whoever publishes the module.
    pub(super) fn into_detailed(self) -> Fault {
        match self.fault {
            Fault::Trapped(_) => {
                Fault::Trapped(Thrown { text: self.details, frames: self.frames }.with_place())
            }
            fault => fault,
        }
    }
}
