//! The speed table. Every figure is a median, and has beside it what something bare does with the same work on the
//! same machine, because machines differ more than designs do.
//!
//! `make bench` runs all; `cargo bench -p orrery-tests -- database` one part: `store` (native code on the store
//! alone), `border` (into a module and back), `database` (modules through `Database`), `memory`, `http`, `streams`
//! (views that many read as they change), or `typescript`, `typescript-memory` and `typescript-soak` (the same module in TypeScript, beside the one in Rust).

mod bench;
mod border;
mod database;
mod http;
mod store;
mod streams;
mod table;
mod typescript;
mod zipf;

use std::process::Command;

fn main() {
    let parts: [(&str, fn()); 9] = [
        ("store", store::run),
        ("border", border::run),
        ("database", database::run),
        ("memory", database::memory),
        ("http", http::run),
        ("streams", streams::run),
        ("typescript", typescript::run),
        ("typescript-memory", typescript::memory),
        ("typescript-soak", typescript::soak),
    ];
    // Cargo adds `--bench`.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [part] = &wanted[..] {
        let Some((_, run)) = parts.iter().find(|(name, _)| name == part) else {
            panic!("there is no part `{part}`")
        };
        return run();
    }
    table::print_head();
    for (name, _) in parts {
        // A process each: what one part has left behind in memory is not the next one's.
        let this = std::env::current_exe().expect("this program has a path");
        let status = Command::new(this).arg(name).status().expect("it can be run again");
        assert!(status.success(), "the part `{name}` failed");
    }
}
