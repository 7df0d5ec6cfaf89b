//! Rules of even steps: every so many seconds, minutes, hours, days or, with nothing else said, weeks.
//!
//! The n-th period begins n steps after DTSTART, so those before the range are leapt over, and a day, an hour or a minute
//! that the rule leaves out costs one step however fine the rule is. Spec: RFC 5545 3.3.10.

use super::super::dates::naive;
use super::days::Days;
use super::period;
use super::rule::{Frequency, Rule};
use super::sink::Sink;
use crate::model::calendar::WallClock;

const DAY: i64 = 86_400;

pub(super) fn steady(rule: &Rule, start: i64, sink: &mut Sink) {
    let unit = match rule.frequency {
        Frequency::Secondly => 1,
        Frequency::Minutely => 60,
        Frequency::Hourly => 3_600,
        Frequency::Daily => DAY,
        _ => 7 * DAY,
    };
    let step = unit * rule.interval;
    let before = (sink.from.saturating_sub(start)).max(0) / step;
    if rule.frequency == Frequency::Weekly || rule.is_plain() {
        sink.skip(u64::try_from(before).unwrap_or(0), start);
        let mut at = start + before * step;
        while sink.take(at) {
            at += step;
        }
        return;
    }
    let length = unit.min(DAY);
    let times = period::times(rule, start, sink);
    let mut at = if sink.counts() { start } else { start + (before - 1).max(0) * step };
    let mut day = DayFilter { days: Days::of(rule, naive(WallClock(start)).date()), midnight: i64::MIN, has: false };
    while at <= sink.last.saturating_add(step) && !sink.is_done() && sink.budget.spend() {
        match next_try(rule, &mut day, at) {
            Some(next) => at += (next - at + step - 1) / step * step,
            None => {
                if period::take(&[at - at.rem_euclid(length)], &times, &rule.positions, sink).is_none() {
                    return;
                }
                at += step;
            }
        }
    }
}

/// The first second that may be met again where this one is left out for its day, hour, minute or second.
fn next_try(rule: &Rule, day: &mut DayFilter, at: i64) -> Option<i64> {
    let out = |list: &[i16], value: i64| !list.is_empty() && !list.iter().any(|n| i64::from(*n) == value);
    let (hour, minute, second) = (at.rem_euclid(DAY) / 3_600, at.rem_euclid(3_600) / 60, at.rem_euclid(60));
    if !day.has(at) {
        return Some(at - at.rem_euclid(DAY) + DAY);
    }
    let finer_than = |frequency| rule.frequency > frequency;
    if finer_than(Frequency::Daily) && out(&rule.hours, hour) {
        return Some(at - at.rem_euclid(3_600) + 3_600);
    }
    if finer_than(Frequency::Hourly) && out(&rule.minutes, minute) {
        return Some(at - second + 60);
    }
    (finer_than(Frequency::Minutely) && out(&rule.seconds, second)).then_some(at + 1)
}

/// Whether the BY parts that name days leave a day in; the answer for the last day is kept.
struct DayFilter {
    days: Days,
    midnight: i64,
    has: bool,
}

impl DayFilter {
    fn has(&mut self, at: i64) -> bool {
        let midnight = at - at.rem_euclid(DAY);
        if midnight != self.midnight {
            self.midnight = midnight;
            self.has = self.days.has(naive(WallClock(midnight)).date());
        }
        self.has
    }
}
