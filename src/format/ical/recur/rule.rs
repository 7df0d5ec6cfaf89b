//! A recurrence rule, read leniently, and the starts it gives on the wall clock.
//!
//! Those of even steps, by the day and finer, are counted out by `steady`, those by the week, month and year by
//! `calendar`. The crate rrule is not used for it: it walks to the end of time where a rule means nothing, makes every
//! second of a year where a rule lists all seconds, and refuses intervals above 65,535 and places such as `-5MO`; here
//! all work is counted, and stops where its budget ends. Tests compare with the crate.
//!
//! COUNT and UNTIL are kept here for all; DTSTART counts as the first instance whether the rule meets it or not.
//! Spec: RFC 5545 3.3.10; vCalendar 1.0 2.1.8 (`basic`).

use super::super::dates::{Written, naive, written};
use super::sink::Sink;
use super::{Budget, basic, calendar};
use crate::model::calendar::WallClock;
use chrono::{Datelike, Weekday};

/// How often the periods come that a rule is about, the longest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    /// Each year.
    Yearly,
    /// Each month.
    Monthly,
    /// Each week.
    Weekly,
    /// Each day.
    Daily,
    /// Each hour.
    Hourly,
    /// Each minute.
    Minutely,
    /// Each second.
    Secondly,
}

impl Frequency {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "YEARLY" => Self::Yearly,
            "MONTHLY" => Self::Monthly,
            "WEEKLY" => Self::Weekly,
            "DAILY" => Self::Daily,
            "HOURLY" => Self::Hourly,
            "MINUTELY" => Self::Minutely,
            "SECONDLY" => Self::Secondly,
            _ => return None,
        })
    }
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: i64,
    pub(super) count: Option<u64>,
    /// The last time that it may give, as it is written.
    pub until: Option<Written>,
    pub(super) week_start: Weekday,
    pub(super) months: Vec<i16>,
    pub(super) week_numbers: Vec<i16>,
    pub(super) year_days: Vec<i16>,
    pub(super) month_days: Vec<i16>,
    pub(super) weekdays: Vec<(i16, Weekday)>,
    pub(super) hours: Vec<i16>,
    pub(super) minutes: Vec<i16>,
    pub(super) seconds: Vec<i16>,
    pub(super) positions: Vec<i16>,
    /// Seconds of the day, instead of all that hours, minutes and seconds give together.
    pub(super) times: Vec<i64>,
}

pub(super) fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

/// Numbers whose absolute value lies between; None where one does not.
fn numbers(text: &str, least: i16, most: i16) -> Option<Vec<i16>> {
    let mut list = Vec::new();
    for part in text.split(',') {
        let number: i16 = part.trim().parse().ok()?;
        if number.abs() < least || number.abs() > most || number < 0 && least == 0 {
            return None;
        }
        list.push(number);
    }
    list.sort_unstable();
    list.dedup();
    Some(list)
}

fn weekdays(text: &str) -> Option<Vec<(i16, Weekday)>> {
    let one = |part: &str| {
        let part = part.trim();
        let (ordinal, day) = part.split_at_checked(part.len().checked_sub(2)?)?;
        let ordinal = if ordinal.is_empty() { 0 } else { ordinal.parse::<i16>().ok().filter(|n| *n != 0 && n.abs() <= 53)? };
        Some((ordinal, weekday(day)?))
    };
    let mut list = text.split(',').map(one).collect::<Option<Vec<_>>>()?;
    list.sort_unstable_by_key(|(n, day)| (day.num_days_from_monday(), *n));
    list.dedup();
    Some(list)
}

impl Rule {
    /// Reads a rule; None where it cannot be one.
    pub fn read(text: &str) -> Option<Self> {
        if !text.contains('=') {
            return basic::read(text);
        }
        let mut rule = Self::every(Frequency::Daily);
        let mut frequency = None;
        for part in text.trim().split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=')?;
            let value = value.trim();
            match name.trim().to_ascii_uppercase().as_str() {
                "FREQ" => frequency = Some(Frequency::named(value)?),
                "INTERVAL" => rule.interval = value.parse::<i64>().ok()?.clamp(1, 4_000_000_000),
                "COUNT" => rule.count = Some(value.parse::<u64>().ok()?),
                "UNTIL" => rule.until = Some(written(value)?),
                "WKST" => rule.week_start = weekday(value)?,
                "BYMONTH" => rule.months = numbers(value, 1, 12).filter(|list| list.iter().all(|n| *n > 0))?,
                "BYWEEKNO" => rule.week_numbers = numbers(value, 1, 53)?,
                "BYYEARDAY" => rule.year_days = numbers(value, 1, 366)?,
                "BYMONTHDAY" => rule.month_days = numbers(value, 1, 31)?,
                "BYDAY" => rule.weekdays = weekdays(value)?,
                "BYHOUR" => rule.hours = numbers(value, 0, 23)?,
                "BYMINUTE" => rule.minutes = numbers(value, 0, 59)?,
                "BYSECOND" => rule.seconds = numbers(value, 0, 60)?.into_iter().map(|s| s.min(59)).collect(),
                "BYSETPOS" => rule.positions = numbers(value, 1, 366)?,
                _ => {}
            }
        }
        rule.frequency = frequency?;
        Some(rule)
    }

    pub(super) fn every(frequency: Frequency) -> Self {
        Self {
            frequency,
            interval: 1,
            count: None,
            until: None,
            week_start: Weekday::Mon,
            months: Vec::new(),
            week_numbers: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            hours: Vec::new(),
            minutes: Vec::new(),
            seconds: Vec::new(),
            positions: Vec::new(),
            times: Vec::new(),
        }
    }

    /// Appends the starts in a range of the wall clock, its ends included, in order. `until` is UNTIL on that clock.
    pub fn starts(
        &self,
        start: WallClock,
        until: Option<WallClock>,
        range: (WallClock, WallClock),
        budget: &mut Budget,
        out: &mut Vec<WallClock>,
    ) {
        let last = until.map_or(range.1.0, |until| until.0.min(range.1.0)).min(LAST);
        if self.count == Some(0) || last < start.0 {
            return;
        }
        let mut sink = Sink::new(start.0, range.0.0, last, self.count, budget, out);
        match self.frequency {
            Frequency::Yearly | Frequency::Monthly => calendar::by_calendar(self, start.0, &mut sink),
            Frequency::Weekly if !self.is_plain_weekly(start) => calendar::by_calendar(self, start.0, &mut sink),
            _ => super::steady::steady(self, start.0, &mut sink),
        }
    }

    /// True when every week has the one weekday of the start and nothing else.
    fn is_plain_weekly(&self, start: WallClock) -> bool {
        let own_day = || naive(start).weekday();
        let days = self.weekdays.is_empty() || matches!(self.weekdays.as_slice(), [(0, day)] if *day == own_day());
        days && self.positions.is_empty() && !self.has_parts_beside_weekdays()
    }

    fn has_parts_beside_weekdays(&self) -> bool {
        [&self.months, &self.week_numbers, &self.year_days, &self.month_days, &self.hours, &self.minutes, &self.seconds]
            .iter()
            .any(|list| !list.is_empty())
            || !self.times.is_empty()
    }

    /// True when nothing but the frequency and the interval decides.
    pub(super) fn is_plain(&self) -> bool {
        self.weekdays.is_empty() && self.positions.is_empty() && !self.has_parts_beside_weekdays()
    }

    /// True for a rule that comes to an end.
    pub fn ends(&self) -> bool {
        self.count.is_some() || self.until.is_some()
    }
}

/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;
