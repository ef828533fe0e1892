//! Where the module was: frames of its call stack.

use v8::{Local, PinScope};

use super::source::{SCRIPT_NAME, Source};

/// Frames that are looked at. Endless recursion has no end worth logging.
pub(super) const FRAMES_MAX: usize = 48;

/// The function of the bindings that runs what the module's author wrote. From here on outwards a stack says nothing
/// that the author would want to know.
const END_OF_INTEREST: &str = "__spacetimedb_end_short_backtrace";

/// One call on the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) function: Option<Box<str>>,
    pub(super) file: Box<str>,
    /// Counted from 1.
    pub(super) line: Option<u32>,
    /// Counted from 1.
    pub(super) column: Option<u32>,
}

/// The innermost frames of what is running now.
pub(super) fn current(scope: &PinScope<'_, '_>, source: &Source, limit: usize) -> Vec<Frame> {
    v8::StackTrace::current_stack_trace(scope, limit)
        .map(|trace| frames(scope, source, trace))
        .unwrap_or_default()
}

/// The frames of a stack, innermost first.
pub(super) fn frames(
    scope: &PinScope<'_, '_>,
    source: &Source,
    trace: Local<'_, v8::StackTrace>,
) -> Vec<Frame> {
    let mut frames = Vec::new();
    for place in 0..trace.get_frame_count().min(FRAMES_MAX) {
        let Some(frame) = trace.get_frame(scope, place) else { break };
        let function = frame.get_function_name(scope).map(|name| name.to_rust_string_lossy(scope));
        if function.as_deref() == Some(END_OF_INTEREST) {
            break;
        }
        let script = frame.get_script_name(scope).map(|name| name.to_rust_string_lossy(scope));
        frames.push(Frame::new(source, function, script, frame.get_line_number(), frame.get_column()));
    }
    frames
}

/// The frames as lines of text.
pub(super) fn to_lines(frames: &[Frame]) -> Vec<Box<str>> {
    frames.iter().map(|frame| frame.to_string().into()).collect()
}

impl Frame {
    /// A frame in the code, named as its author knows it. Numbers are counted from 1, and 0 if they are not known.
    pub(super) fn new(
        source: &Source,
        function: Option<String>,
        script: Option<String>,
        line: usize,
        column: usize,
    ) -> Self {
        let known = |number: usize| u32::try_from(number).ok().filter(|number| *number > 0);
        let (line, column) = (known(line), known(column));
        let function = function.filter(|name| !name.is_empty()).map(Into::into);
        let script = script.unwrap_or_else(|| "<eval>".to_owned());
        let original = match line {
            Some(line) if script == SCRIPT_NAME => source.original(line, column.unwrap_or(1)),
            _ => None,
        };
        match original {
            Some(place) => {
                Self { function, file: place.file, line: Some(place.line), column: Some(place.column) }
            }
            None => Self { function, file: script.into(), line, column },
        }
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}", self.function.as_deref().unwrap_or("<anonymous>"), self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        f.write_str(")")
    }
}
