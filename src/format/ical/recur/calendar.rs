//! Rules by the week, the month and the year: period after period, the days of each that the rule means.
//!
//! A step of work looks at a month or a week. The calendar repeats itself after 400 years, and with it what a rule means;
//! one that has meant nothing for as many periods as those have is at its end. Spec: RFC 5545 3.3.10.

use super::super::dates::naive;
use super::days::{Days, into_week, number};
use super::period;
use super::rule::{Frequency, Rule};
use super::sink::Sink;
use crate::model::calendar::WallClock;
use chrono::{Datelike, NaiveDate};

const DAY: i64 = 86_400;
/// The last year.
const LAST_YEAR: i64 = 9_999;

pub(super) fn by_calendar(rule: &Rule, start: i64, sink: &mut Sink) {
    let first = naive(WallClock(start)).date();
    let wanted = naive(WallClock(sink.from.max(start))).date();
    let (days, times) = (Days::of(rule, first), period::times(rule, start, sink));
    let origin = place(rule, first);
    let unit = if rule.frequency == Frequency::Weekly { 7 } else { 1 };
    let step = unit * rule.interval;
    // One more than lies before: what is wanted may be within it.
    let mut passed = if sink.counts() { 0 } else { ((place(rule, wanted) - origin) / step - 1).max(0) };
    let cycle = match rule.frequency {
        Frequency::Yearly => 400,
        Frequency::Monthly => 4_800,
        _ => 20_871,
    };
    let (mut empty, mut list) = (0, Vec::with_capacity(31));
    while empty < cycle && !sink.is_done() && sink.budget.spend() {
        list.clear();
        if !days_of(rule, &days, origin.saturating_add(passed.saturating_mul(step)), sink, &mut list) {
            return;
        }
        match period::take(&list, &times, &rule.positions, sink) {
            None => return,
            Some(0) => empty += 1,
            Some(_) => empty = 0,
        }
        passed += 1;
    }
}

/// The number of a day's year, of its month or of the first day of its week.
fn place(rule: &Rule, date: NaiveDate) -> i64 {
    match rule.frequency {
        Frequency::Yearly => i64::from(date.year()),
        Frequency::Monthly => i64::from(date.year()) * 12 + i64::from(date.month0()),
        _ => number(date) - into_week(date, rule.week_start),
    }
}

/// The days of a period that are meant, in seconds; false where it begins after all that is wanted. The whole period counts,
/// what lies before DTSTART or after the range too: places are places in all of it.
fn days_of(rule: &Rule, days: &Days, place: i64, sink: &mut Sink, out: &mut Vec<i64>) -> bool {
    let begins = match rule.frequency {
        Frequency::Yearly => first_of(place, 1),
        Frequency::Monthly => first_of(place.div_euclid(12), place.rem_euclid(12) + 1),
        _ if place.saturating_mul(DAY) > sink.last => None,
        _ => Some(naive(WallClock(place * DAY)).date()),
    };
    let Some(begins) = begins.filter(|first| number(*first) * DAY <= sink.last) else { return false };
    let mut take = |first: NaiveDate, count: usize| {
        out.extend(first.iter_days().take(count).filter(|date| days.has(*date)).map(|date| number(date) * DAY));
    };
    if rule.frequency == Frequency::Weekly {
        take(begins, 7);
        return true;
    }
    let months = if rule.frequency == Frequency::Yearly { 1..=12 } else { begins.month()..=begins.month() };
    for month in months.filter(|month| days.has_month(*month)) {
        sink.budget.spend();
        if let Some(first) = begins.with_month(month) {
            take(first, usize::from(first.num_days_in_month()));
        }
    }
    true
}

/// The first day of a month; None after the last year.
fn first_of(year: i64, month: i64) -> Option<NaiveDate> {
    let year = i32::try_from(year).ok().filter(|year| i64::from(*year) <= LAST_YEAR)?;
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, 1)
}
