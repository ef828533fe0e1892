//! Waiting for what happens in its own time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longer than anything takes on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
