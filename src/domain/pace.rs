//! `Pace`: how fast a session may do something that costs others. A bucket of tokens, filled with the time.

use crate::model::fault::{Fault, Outcome};
use std::time::Instant;

/// So many a second in the long run, so many at once.
#[derive(Debug, Clone)]
pub struct Pace {
    per_second: f64,
    at_once: f64,
    left: f64,
    since: Instant,
}

impl Pace {
    /// A full bucket.
    pub fn new(per_second: u32, at_once: u32, now: Instant) -> Self {
        Self { per_second: f64::from(per_second), at_once: f64::from(at_once), left: f64::from(at_once), since: now }
    }

    /// Takes a token, or says that there is none.
    pub fn step(&mut self, now: Instant) -> Outcome<()> {
        let gained = now.saturating_duration_since(self.since).as_secs_f64() * self.per_second;
        (self.left, self.since) = ((self.left + gained).min(self.at_once), now);
        if self.left < 1.0 {
            return Err(Fault::state("too many requests of this kind at once"));
        }
        self.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_flood_is_slowed_to_the_pace() {
        let now = Instant::now();
        let mut pace = Pace::new(10, 5, now);
        let passed = |pace: &mut Pace, at| (0..100).filter(|_| pace.step(at).is_ok()).count();
        assert_eq!(passed(&mut pace, now), 5);
        assert_eq!(passed(&mut pace, now + Duration::from_millis(250)), 2);
        assert_eq!(passed(&mut pace, now + Duration::from_secs(60)), 5);
    }
}
