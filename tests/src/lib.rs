//! Helpers for tests that run the real `orrery` binary.
