//! What a module says in its log.

use spacetimedb::{ReducerContext, log_stopwatch::LogStopwatch};

#[spacetimedb::reducer]
pub fn log_levels(_ctx: &ReducerContext) {
    log::error!("an error");
    log::warn!("a warning");
    log::info!("an info");
    log::debug!("a debug line");
    log::trace!("a trace line");
}

#[spacetimedb::reducer]
pub fn log_odd_text(_ctx: &ReducerContext) {
    log::info!("");
    log::info!("two\nlines");
    log::info!("\"quoted\" \\ and \t tabbed, é 日本 \u{1F600}");
    log::info!("{}", "long ".repeat(2000).trim_end());
}

#[spacetimedb::reducer]
pub fn log_and_fail(_ctx: &ReducerContext) -> Result<(), String> {
    log::warn!("about to fail");
    Err("failed".into())
}

#[spacetimedb::reducer]
pub fn log_timer(_ctx: &ReducerContext) {
    let outer = LogStopwatch::new("outer");
    LogStopwatch::new("inner").end();
    outer.end();
}
