//! Clocks on walls: what a zone's clock shows at an instant, and the instant at which it shows a time.
//!
//! A time that a clock leaps over is read with the shift before the leap, one that it shows twice is the first of the
//! two. Two changes of one zone are taken to lie two days apart at least. Spec: RFC 5545 3.3.5.

use super::super::time::{Timestamp, Zone};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a clock on the wall shows: seconds since 1970-01-01T00:00:00 of that clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct WallClock(pub i64);

/// The clock of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// A zone that the server knows.
    Known(Zone),
    /// A zone that came with the item and that nobody else knows.
    Own(Arc<OwnClock>),
}

/// A zone as a VTIMEZONE defines it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnClock {
    /// Its TZID.
    pub name: String,
    /// Seconds ahead of Greenwich before the first change.
    pub before: i32,
    /// The changes in order: from this instant on, so many seconds ahead of Greenwich.
    pub changes: Vec<(Timestamp, i32)>,
}

const DAY: i64 = 86_400;

impl WallClock {
    /// This many seconds later.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Midnight of the same day.
    #[must_use]
    pub fn midnight(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(DAY)))
    }
}

impl OwnClock {
    fn shift_at(&self, at: Timestamp) -> i32 {
        let passed = self.changes.partition_point(|(from, _)| *from <= at);
        let last = passed.checked_sub(1).and_then(|last| self.changes.get(last));
        last.map_or(self.before, |(_, shift)| *shift)
    }
}

impl Clock {
    /// Greenwich's clock.
    pub const GMT: Self = Self::Known(Zone::GMT);

    /// The name of its zone.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(zone) => zone.name(),
            Self::Own(own) => &own.name,
        }
    }

    /// Seconds that it is ahead of Greenwich at this instant.
    pub fn shift_at(&self, at: Timestamp) -> i32 {
        match self {
            Self::Known(zone) => zone.shift_at(at),
            Self::Own(own) => own.shift_at(at),
        }
    }

    /// What it shows at this instant.
    pub fn to_wall(&self, at: Timestamp) -> WallClock {
        WallClock(at.0).plus(i64::from(self.shift_at(at)))
    }

    /// The instant at which it shows this.
    pub fn to_instant(&self, wall: WallClock) -> Timestamp {
        let shift_near = |seconds: i64| self.shift_at(Timestamp(wall.plus(seconds).0));
        let less = |shift: i32| Timestamp(wall.plus(-i64::from(shift)).0);
        let before = shift_near(-DAY);
        let first = less(before);
        if self.shift_at(first) == before {
            return first;
        }
        let after = shift_near(DAY);
        let second = less(after);
        if self.shift_at(second) == after { second } else { first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> WallClock {
        WallClock(text.parse::<Timestamp>().unwrap().0)
    }

    fn own() -> Clock {
        let changes = ["20250330T010000Z", "20251026T010000Z"].map(|at| at.parse().unwrap());
        Clock::Own(Arc::new(OwnClock { name: "Mine".into(), before: 3600, changes: vec![(changes[0], 7200), (changes[1], 3600)] }))
    }

    #[test]
    fn gaps_and_folds_are_read_as_the_standard_says() {
        for clock in [Clock::Known(Zone::named("Europe/Berlin").unwrap()), own()] {
            let at = |text: &str| clock.to_instant(wall(text)).gmt();
            assert_eq!(at("20250330T013000"), "20250330T003000Z");
            assert_eq!(at("20250330T023000"), "20250330T013000Z", "leapt over: the shift before");
            assert_eq!(at("20250330T033000"), "20250330T013000Z");
            assert_eq!(at("20251026T023000"), "20251026T003000Z", "shown twice: the first");
            assert_eq!(at("20251026T030000"), "20251026T020000Z");
            assert_eq!(clock.to_wall("20251026T013000Z".parse().unwrap()), wall("20251026T023000"));
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for at in [i64::MIN, i64::MAX] {
            let _ = (own().to_instant(WallClock(at)), Clock::GMT.to_wall(Timestamp(at)), WallClock(at).midnight());
        }
    }
}
