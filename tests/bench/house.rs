//! Benchmarks: the server as its own process, driven over loopback. `make bench` runs all of them; names as arguments
//! choose some: `cargo bench --bench house -- folders appends`.
//!
//! Figures move from machine to machine, so each run also measures what the machine itself can do (`device`), and
//! what is to be compared is compared within one run.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "what is measured is how things are after a while of quiet")]

mod appends;
mod bad_input;
mod calendar;
#[path = "../support/certificate.rs"]
mod certificate;
mod client;
mod crowd;
mod folders;
mod growth;
#[path = "../support/hostile.rs"]
mod hostile;
mod mail;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "the soak uses more of it")]
mod process;
mod server;
mod sessions;
mod signals;

use std::path::PathBuf;

/// A benchmark and its name.
type Benchmark = (&'static str, fn());

const ALL: &[Benchmark] = &[
    ("device", appends::device),
    ("folders", folders::folders),
    ("filters", folders::filters),
    ("start", folders::start),
    ("appends", appends::appends),
    ("writes", appends::writes),
    ("notices", sessions::notices),
    ("idle", sessions::idle),
    ("calendar", calendar::calendar),
    ("badinput", bad_input::bad_input),
    ("calls", signals::calls),
    ("messages", signals::messages),
    ("presence", signals::presence),
    ("bindings", signals::bindings),
    ("growth", growth::growth),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let unknown = wanted.iter().find(|name| ALL.iter().all(|(known, _)| known != name));
    if let Some(unknown) = unknown {
        let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        eprintln!("no benchmark is named {unknown}: choose from {}", names.join(", "));
        std::process::exit(2);
    }
    println!("{:<58} {:>12} {:>12} {:>12}", "", "median", "least", "most");
    for (_, run) in ALL.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        run();
    }
}

/// Where benchmarks keep their data: below the folder that cargo builds into.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A fresh folder for data.
fn fresh(name: &str) -> PathBuf {
    let path = data(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The number of messages of the large mailbox, and other sizes: `POSTHOUSE_BENCH_MESSAGES=10000 make bench`.
fn size(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Prints a row: median, least and most of some figures.
fn row(what: &str, unit: &str, mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let (least, median, most) = (figures[0], figures[figures.len() / 2], figures[figures.len() - 1]);
    println!("{:<58} {:>12} {:>12} {:>12}", format!("{what}, {unit}"), short(median), short(least), short(most));
    median
}

fn short(figure: f64) -> String {
    match figure.abs() {
        f if f >= 100.0 => format!("{figure:.0}"),
        f if f >= 1.0 => format!("{figure:.1}"),
        _ => format!("{figure:.3}"),
    }
}

/// The figure that this share of all figures does not exceed.
fn percentile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[((figures.len() as f64 * share) as usize).min(figures.len() - 1)]
}
