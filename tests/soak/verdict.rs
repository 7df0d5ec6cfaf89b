//! What has become of it: memory, requests, operations that did not occur, the server's log; and whether that is well.

use crate::support::process;
use crate::tally::Tally;

/// The server's own memory over time, in KB: without the pages of its binary, which it may share.
#[derive(Default)]
pub struct Memory(Vec<f64>);

/// What the median of the last third may be above that of the second: a share, and KB for a piece or two by which the
/// allocator's heaps spread.
const GROWTH: (f64, f64) = (1.03, 2_048.0);

/// Samples below which nothing is said about growth.
const ENOUGH: usize = 30;

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl Memory {
    /// One more sample.
    pub fn sample(&mut self, pid: u32) {
        self.0.push(process::own_memory(pid));
    }

    /// The last sample.
    pub fn last(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// The medians of the three thirds.
    fn thirds(&self) -> [f64; 3] {
        let third = self.0.len() / 3;
        [0, 1, 2].map(|n| median(&self.0[n * third..(n + 1) * third]))
    }
}

/// All that counts.
pub struct Verdict<'a> {
    /// What was done.
    pub tally: &'a Tally,
    /// The server's memory.
    pub memory: &'a Memory,
    /// The server's log.
    pub log: &'a str,
    /// The run was long enough for every operation to occur.
    pub is_long: bool,
}

impl Verdict<'_> {
    /// Prints the summary; true where all is well.
    pub fn tell(&self) -> bool {
        let tally = self.tally;
        let (half, most) = (tally.within(0.5), tally.within(0.99));
        println!("soak: {} requests, half within {half} ms, 99 of 100 within {most} ms", tally.requests());
        println!("soak: {} notices that were owed have come", tally.notices());
        let all_occurred = self.tell_operations();
        let log_is_clean = self.tell_log();
        let memory_is_flat = self.tell_memory();
        let failures = tally.failures();
        let well = failures == 0 && all_occurred && log_is_clean && memory_is_flat;
        println!("soak: {failures} failures: {}", if well { "well" } else { "NOT WELL" });
        well
    }

    fn tell_operations(&self) -> bool {
        let names = posthouse::proto::ximss::table::all().map(|(_, operation)| operation.name);
        let (done, missed): (Vec<&str>, Vec<&str>) = names.partition(|name| self.tally.count(name) > 0);
        println!("soak: {} operations occurred, {} did not: {}", done.len(), missed.len(), missed.join(", "));
        missed.is_empty() || !self.is_long
    }

    fn tell_log(&self) -> bool {
        let bad: Vec<&str> = self.log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked")).collect();
        bad.iter().take(10).for_each(|line| println!("soak: the server's log: {line}"));
        let warnings = self.log.lines().filter(|line| line.contains(" WARN ")).count();
        println!("soak: {} errors and {warnings} warnings in the server's log", bad.len());
        bad.is_empty()
    }

    fn tell_memory(&self) -> bool {
        if self.memory.0.len() < ENOUGH {
            println!("soak: too short to say whether memory grows");
            return true;
        }
        let [first, second, last] = self.memory.thirds();
        let most = second * GROWTH.0 + GROWTH.1;
        println!("soak: memory by thirds {first:.0}, {second:.0}, {last:.0} KB; the last may be {most:.0}");
        last <= most
    }
}
