//! The `orrery` program: server and command line in one.

fn main() {}
