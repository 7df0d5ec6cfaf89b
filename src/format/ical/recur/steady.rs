//! Rules of even steps: every so many seconds, minutes, hours, days or, with nothing else said, weeks.
//!
//! The n-th period begins n steps after DTSTART, so those before the range are leapt over, and a day, an hour or a minute
//! that the rule leaves out costs one step however fine the rule is. Spec: RFC 5545 3.3.10.

use super::super::dates::naive;
use super::rule::Rule;
use super::sink::Sink;
use crate::model::calendar::WallClock;
use chrono::{Datelike, NaiveDate};
use rrule::Frequency;

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
        sink.skip(u64::try_from(before).unwrap_or(0));
        let mut at = start + before * step;
        while sink.take(at) {
            at += step;
        }
        return;
    }
    let mut at = if sink.counts() { start } else { start + (before - 1).max(0) * step };
    let mut day = DayFilter { rule, midnight: i64::MIN, meets: false };
    while at <= sink.last.saturating_add(step) && sink.budget.spend() {
        match next_try(rule, &mut day, at) {
            Some(next) => at += (next - at + step - 1) / step * step,
            None => {
                if !period(rule, at, sink) {
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
    if !day.meets(at) {
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

/// The instances of one period; false when no more are wanted.
fn period(rule: &Rule, at: i64, sink: &mut Sink) -> bool {
    let midnight = at - at.rem_euclid(DAY);
    let own = [at.rem_euclid(DAY) / 3_600, at.rem_euclid(3_600) / 60, at.rem_euclid(60)];
    let among = |list: &[i16], own: i64, expands: bool| -> Vec<i64> {
        if expands && !list.is_empty() { list.iter().map(|n| i64::from(*n)).collect() } else { vec![own] }
    };
    let [hour, minute, second] = own;
    let hours = among(&rule.hours, hour, rule.frequency == Frequency::Daily);
    let minutes = among(&rule.minutes, minute, rule.frequency <= Frequency::Hourly);
    let seconds = among(&rule.seconds, second, rule.frequency <= Frequency::Minutely);
    let mut all = Vec::with_capacity(hours.len() * minutes.len() * seconds.len());
    for hour in &hours {
        for minute in &minutes {
            all.extend(seconds.iter().map(|second| midnight + hour * 3_600 + minute * 60 + second));
        }
    }
    if rule.positions.is_empty() {
        return all.into_iter().all(|at| sink.take(at));
    }
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let place = |n: &i16| if *n > 0 { i64::from(*n) - 1 } else { count + i64::from(*n) };
    let mut places: Vec<i64> = rule.positions.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    let chosen = places.into_iter().filter_map(|n| usize::try_from(n).ok().and_then(|n| all.get(n).copied()));
    chosen.into_iter().all(|at| sink.take(at))
}

/// Whether the BY parts that name days leave a day in; the answer for the last day is kept.
struct DayFilter<'a> {
    rule: &'a Rule,
    midnight: i64,
    meets: bool,
}

impl DayFilter<'_> {
    fn meets(&mut self, at: i64) -> bool {
        let midnight = at - at.rem_euclid(DAY);
        if midnight != self.midnight {
            self.midnight = midnight;
            self.meets = meets(self.rule, naive(WallClock(midnight)).date());
        }
        self.meets
    }
}

fn meets(rule: &Rule, date: NaiveDate) -> bool {
    let among = |list: &[i16], value: u32, length: u32| {
        let (value, length) = (i64::from(value), i64::from(length));
        list.is_empty() || list.iter().map(|n| i64::from(*n)).any(|n| n == value || n < 0 && length + 1 + n == value)
    };
    among(&rule.months, date.month(), 0)
        && among(&rule.month_days, date.day(), u32::from(date.num_days_in_month()))
        && among(&rule.year_days, date.ordinal(), if date.leap_year() { 366 } else { 365 })
        && (rule.weekdays.is_empty() || rule.weekdays.iter().any(|(_, day)| *day == date.weekday()))
}
