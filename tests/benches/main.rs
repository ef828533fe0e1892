//! The speed table. Every figure is a median, and has beside it what something bare does with the same work on the
//! same machine, because machines differ more than designs do.
//!
//! `make bench` runs all; `cargo bench -p orrery-tests -- database` one part: `database` or `http`.

mod database;
mod http;
mod table;
mod zipf;

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let parts: [(&str, fn()); 2] = [("database", database::run), ("http", http::run)];
    table::print_head();
    for (name, run) in parts {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            run();
        }
    }
}
