//! Days: from midnight to midnight of a zone's clock, whether that takes 23, 24 or 25 hours.
//!
//! Spec: XIMSS, "Calendar Operations" (one data message for each 24-hour day).

use super::hits::{Hit, touches};
use crate::model::calendar::{Clock, WallClock};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::{Timestamp, Zone};
use std::ops::Range;

const DAY: i64 = 86_400;

/// The days of a zone that a span touches, at most `most` of them.
pub fn days(from: Timestamp, till: Timestamp, zone: &Zone, most: usize) -> Outcome<Days> {
    let clock = Clock::Known(*zone);
    let number = |at: Timestamp| clock.to_wall(at).0.div_euclid(DAY);
    if till <= from {
        return Err(Fault::incorrect("timeTill"));
    }
    let (first, last) = (number(from), number(till.plus(-1)));
    if last.saturating_sub(first) >= i64::try_from(most).unwrap_or(i64::MAX) {
        return Err(Fault::quota("the time interval has too many days"));
    }
    Ok(Days { clock, next: first, last })
}

/// The days of a span, one after the other.
#[derive(Debug, Clone)]
pub struct Days {
    clock: Clock,
    next: i64,
    last: i64,
}

impl Iterator for Days {
    type Item = Range<Timestamp>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return None;
        }
        let midnight = |day: i64| self.clock.to_instant(WallClock(day.saturating_mul(DAY)));
        let day = midnight(self.next)..midnight(self.next + 1);
        self.next += 1;
        Some(day)
    }
}

/// Deals out what was found, in order, to days that come in order.
#[derive(Debug, Default)]
pub struct Dealer {
    next: usize,
    /// What reaches beyond the days before.
    lasting: Vec<usize>,
}

impl Dealer {
    /// The hits of a day, in order. What touches several days is dealt out to each.
    pub fn deal<'a>(&mut self, hits: &'a [Hit], day: &Range<Timestamp>) -> Vec<&'a Hit> {
        while let Some(hit) = hits.get(self.next).filter(|hit| hit.at() < day.end) {
            self.lasting.push(self.next);
            self.next += 1;
            debug_assert!(hit.start <= hit.end, "nothing ends before it starts");
        }
        let of_the_day = |hit: &&Hit| match hit.alarm {
            Some(at) => day.contains(&at),
            None => touches(hit.start, hit.end, day),
        };
        let dealt = self.lasting.iter().filter_map(|at| hits.get(*at)).filter(of_the_day).collect();
        self.lasting.retain(|at| hits.get(*at).is_some_and(|hit| hit.alarm.is_none() && hit.end > day.end));
        dealt
    }
}
