//! Colours, where there is somebody to see them.

use std::{
    env,
    fmt::Display,
    io::{IsTerminal, stderr, stdout},
};

/// Codes for the terminal (SGR).
pub(super) type Style = &'static str;
pub(super) const ERROR: Style = "1;31";
pub(super) const WARNING: Style = "33";
pub(super) const GOOD: Style = "1;32";
pub(super) const BOLD: Style = "1";
pub(super) const FAINT: Style = "2";

/// The text in that style, if standard error is a terminal.
pub(super) fn on_stderr(style: Style, text: impl Display) -> String {
    paint(style, text, stderr().is_terminal())
}

/// The text in that style, if standard output is a terminal.
pub(super) fn on_stdout(style: Style, text: impl Display) -> String {
    paint(style, text, stdout().is_terminal())
}

/// A line on standard error that says what is going on: first word right-aligned, as cargo's.
pub(super) fn progress(verb: &str, what: impl Display) {
    eprintln!("{} {what}", on_stderr(GOOD, format!("{verb:>12}")));
}

/// Whether what goes to standard error is coloured.
pub(super) fn is_stderr_coloured() -> bool {
    stderr().is_terminal() && is_wanted()
}

/// Whether what goes to standard output is coloured.
pub(super) fn is_stdout_coloured() -> bool {
    stdout().is_terminal() && is_wanted()
}

fn paint(style: Style, text: impl Display, is_terminal: bool) -> String {
    if is_terminal && is_wanted() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_string() }
}

/// https://no-color.org
fn is_wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
