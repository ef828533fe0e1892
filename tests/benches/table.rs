//! The table that the benches print: what Orrery does, what the machine could do at best, and what was promised.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// One line of the table.
pub(crate) struct Row {
    /// What was done.
    pub(crate) what: String,
    /// How well Orrery does it.
    pub(crate) ours: f64,
    /// The same work by something bare, and what that is.
    pub(crate) limit: Option<(f64, &'static str)>,
    /// What was promised.
    pub(crate) target: Target,
    /// What the figures count.
    pub(crate) unit: &'static str,
}

/// What was promised.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
    /// Nothing: the figure helps to read another.
    None,
}

/// Prints a line as soon as it is known, for those who wait.
pub(crate) fn print(row: &Row) {
    let (target, met) = match row.target {
        Target::AtLeast(least) => {
            (format!(">= {}", number(least)), if row.ours >= least { "yes" } else { "NO" })
        }
        Target::AtMost(most) => (format!("<= {}", number(most)), if row.ours <= most { "yes" } else { "NO" }),
        Target::None => (String::new(), ""),
    };
    let (limit, ratio, of) = match row.limit {
        Some((limit, of)) => (number(limit), format!("{:.2}", row.ours / limit), of),
        None => (String::new(), String::new(), ""),
    };
    line([&row.what, &number(row.ours), row.unit, &target, met, &limit, &ratio, of]);
}

/// Prints the names of the columns.
pub(crate) fn print_head() {
    line(["what", "ours", "", "target", "met", "limit", "ratio", "the limit is"]);
    println!("{}", "-".repeat(130));
}

fn line<T: Display>([what, ours, unit, target, met, limit, ratio, of]: [T; 8]) {
    println!("{what:<46} {ours:>10} {unit:<6} {target:>12} {met:<4}{limit:>12} {ratio:>6}  {of}");
}

/// A figure with as many digits as mean something.
fn number(value: f64) -> String {
    if value >= 100.0 {
        let digits = format!("{value:.0}");
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|it| str::from_utf8(it).expect("digits")).collect();
        groups.join(" ")
    } else {
        format!("{value:.2}")
    }
}

/// The median of what `measure` answers in `runs` runs.
pub(crate) fn median(runs: usize, mut measure: impl FnMut() -> f64) -> f64 {
    let mut figures: Vec<f64> = (0..runs).map(|_| measure()).collect();
    figures.sort_by(f64::total_cmp);
    figures[runs / 2]
}

/// How often a second `work` is done, when each call does it `count` times. Goes on for about a second.
pub(crate) fn rate(count: usize, mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < Duration::from_secs(1) {
        work();
        done += count;
    }
    done as f64 / began.elapsed().as_secs_f64()
}

/// How much memory this process has in use.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("the second number");
    pages * 4096
}
