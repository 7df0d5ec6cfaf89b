//! A recurrence rule, read leniently, and the starts it gives on the wall clock.
//!
//! Rules by the week, month and year with BY parts are expanded by the crate rrule over times taken as Greenwich's, begun
//! at the period before the ones asked for. Those of even steps, by the day and finer, are counted out here: the crate
//! walks them second by second, gives up after 100,000 empty steps and takes no interval above 65,535.
//!
//! COUNT and UNTIL are kept here for all; DTSTART counts as the first instance whether the rule meets it or not.
//! Spec: RFC 5545 3.3.10.

use super::super::dates::{Written, naive, written};
use super::Budget;
use super::sink::Sink;
use crate::model::calendar::WallClock;
use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Weekday};
use rrule::{Frequency, NWeekday, RRule, Tz};

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
}

fn weekday(text: &str) -> Option<Weekday> {
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
    text.split(',').map(one).collect()
}

impl Rule {
    /// Reads a rule; None where it cannot be one.
    pub fn read(text: &str) -> Option<Self> {
        let mut rule = Self::every(Frequency::Daily);
        let mut frequency = None;
        for part in text.trim().split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=')?;
            let value = value.trim();
            match name.trim().to_ascii_uppercase().as_str() {
                "FREQ" => frequency = Some(value.parse::<Frequency>().ok()?),
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

    fn every(frequency: Frequency) -> Self {
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
            Frequency::Yearly | Frequency::Monthly => self.by_crate(start, &mut sink),
            Frequency::Weekly if !self.is_plain_weekly(start) => self.by_crate(start, &mut sink),
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
    }

    /// True when nothing but the frequency and the interval decides.
    pub(super) fn is_plain(&self) -> bool {
        self.weekdays.is_empty() && self.positions.is_empty() && !self.has_parts_beside_weekdays()
    }

    /// `MO,-1FR`: the crate takes only what both of them give, so each `MO` becomes the first to the last one.
    fn spell_out(&self, weekdays: &mut Vec<(i16, Weekday)>) {
        let mixed = weekdays.iter().any(|(n, _)| *n == 0) && weekdays.iter().any(|(n, _)| *n != 0);
        if !mixed || self.frequency == Frequency::Weekly {
            return;
        }
        let most = if self.frequency == Frequency::Monthly || !self.months.is_empty() { 5 } else { 53 };
        let every = |(n, day): (i16, Weekday)| if n == 0 { (1..=most).map(|n| (n, day)).collect() } else { vec![(n, day)] };
        *weekdays = std::mem::take(weekdays).into_iter().flat_map(every).collect();
    }

    fn by_crate(&self, start: WallClock, sink: &mut Sink) {
        let Some((rule, from)) = self.for_crate(naive(start), naive(WallClock(sink.from))) else {
            sink.budget.capped = true;
            return;
        };
        let Ok(set) = rule.build(Tz::UTC.from_utc_datetime(&from)) else { return };
        for at in &set.limit() {
            if !sink.take(at.timestamp()) {
                return;
            }
        }
        sink.budget.capped |= sink.is_hungry();
    }

    /// The crate's form of the rule, with what it takes from DTSTART written out, and the start of a period to begin with:
    /// that of DTSTART where instances must be counted, else the last whole one before the range.
    fn for_crate(&self, start: NaiveDateTime, wanted: NaiveDateTime) -> Option<(RRule<rrule::Unvalidated>, NaiveDateTime)> {
        let interval = u16::try_from(self.interval).ok()?;
        let wanted = if self.count.is_some() || wanted < start { start } else { wanted };
        let no_day = self.week_numbers.is_empty() && self.year_days.is_empty() && self.month_days.is_empty() && self.weekdays.is_empty();
        let (mut months, mut month_days, mut weekdays) = (self.months.clone(), self.month_days.clone(), self.weekdays.clone());
        let day = i16::try_from(start.day()).ok()?;
        let date = match self.frequency {
            Frequency::Yearly => {
                if no_day {
                    month_days.push(day);
                    if months.is_empty() {
                        months.push(i16::try_from(start.month()).ok()?);
                    }
                } else if !self.week_numbers.is_empty() && month_days.is_empty() && weekdays.is_empty() && self.year_days.is_empty() {
                    weekdays.push((0, start.weekday()));
                }
                let periods = i64::from(wanted.year() - start.year()) / self.interval - 1;
                let year = i64::from(start.year()) + periods.max(0) * self.interval;
                NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, 1, 1)?
            }
            Frequency::Monthly => {
                if no_day {
                    month_days.push(day);
                }
                let months_between = i64::from(wanted.year() - start.year()) * 12 + i64::from(wanted.month()) - i64::from(start.month());
                let periods = months_between / self.interval - 1;
                let first = start.date().with_day(1)?;
                first.checked_add_months(Months::new(u32::try_from(periods.max(0) * self.interval).ok()?))?
            }
            _ => {
                if no_day {
                    weekdays.push((0, start.weekday()));
                }
                let back = (7 + start.weekday().num_days_from_monday() - self.week_start.num_days_from_monday()) % 7;
                let first = start.date().checked_sub_days(Days::new(u64::from(back)))?;
                let periods = (wanted.date() - first).num_days() / 7 / self.interval - 1;
                first.checked_add_days(Days::new(u64::try_from(periods.max(0) * self.interval * 7).ok()?))?
            }
        };
        self.spell_out(&mut weekdays);
        let small = |list: &[i16]| list.iter().filter_map(|n| i8::try_from(*n).ok()).collect::<Vec<i8>>();
        let times = |list: &[i16]| list.iter().filter_map(|n| u8::try_from(*n).ok()).collect::<Vec<u8>>();
        let months: Vec<chrono::Month> = months.iter().filter_map(|n| u8::try_from(*n).ok()?.try_into().ok()).collect();
        let nth = |(n, day): &(i16, Weekday)| if *n == 0 { NWeekday::Every(*day) } else { NWeekday::Nth(*n, *day) };
        let rule = RRule::new(self.frequency)
            .interval(interval)
            .week_start(self.week_start)
            .by_month(&months)
            .by_week_no(small(&self.week_numbers))
            .by_year_day(self.year_days.clone())
            .by_month_day(small(&month_days))
            .by_weekday(weekdays.iter().map(nth).collect())
            .by_hour(times(&self.hours))
            .by_minute(times(&self.minutes))
            .by_second(times(&self.seconds))
            .by_set_pos(self.positions.iter().map(|n| i32::from(*n)).collect());
        let time = NaiveTime::from_hms_opt(start.hour(), start.minute(), start.second())?;
        Some((rule, date.and_time(time)))
    }
}

/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;
