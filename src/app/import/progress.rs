//! How far an import is: a bar on a terminal, one line a second elsewhere. Both go to stderr.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const PERIOD: Duration = Duration::from_secs(1);
/// Failures that are told one by one; further ones are only counted.
const TOLD: u64 = 100;

/// Tells how far an import is.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    read: u64,
    messages: u64,
    begun: Instant,
    told: Instant,
    failures: u64,
}

impl Progress {
    /// Of an import of this many bytes.
    pub fn of(total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
            // The template is good: a wrong one would show in the first import.
            let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let begun = Instant::now();
        Self { bar, total, read: 0, messages: 0, begun, told: begun, failures: 0 }
    }

    /// This many messages more have been stored, and bytes read.
    pub fn advance(&mut self, messages: u64, bytes: u64) {
        self.messages += messages;
        self.read += bytes;
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        let rate = self.messages as f64 / seconds;
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.read.min(self.total));
                bar.set_message(format!("{} messages, {rate:.0}/s", self.messages));
            }
            None if self.told.elapsed() >= PERIOD => {
                self.told = Instant::now();
                eprintln!("{}", line(self.messages, self.read, self.total, seconds));
            }
            None => {}
        }
    }

    /// Something was not imported.
    pub fn failure(&mut self, source: &str, reason: &str) {
        self.failures += 1;
        match self.failures {
            ..=TOLD => self.say(&format!("posthouse: {source}: {reason}")),
            n if n == TOLD + 1 => self.say("posthouse: further failures are counted, not told"),
            _ => {}
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(messages: u64, read: u64, total: u64, seconds: f64) -> String {
    let rate = messages as f64 / seconds;
    if read == 0 || total < read {
        return format!("{messages} messages, {rate:.0}/s");
    }
    let left = seconds * (total - read) as f64 / read as f64;
    format!("{} %  {messages} messages, {rate:.0}/s, {left:.0} s left", read * 100 / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        assert_eq!(line(200, 25, 100, 2.0), "25 %  200 messages, 100/s, 6 s left");
        assert_eq!(line(200, 0, 0, 2.0), "200 messages, 100/s");
    }
}
