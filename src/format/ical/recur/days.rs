//! Whether the BY parts of a rule that name days mean a day. Spec: RFC 5545 3.3.10.

use super::rule::{Frequency, Rule};
use chrono::{Datelike, NaiveDate, Weekday};

/// Numbers that count from the beginning and from the end of something, up to 383.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    ahead: [u64; 6],
    back: [u64; 6],
    any: bool,
}

impl Numbers {
    fn of(list: &[i16]) -> Self {
        let mut numbers = Self::default();
        list.iter().for_each(|n| numbers.add(*n));
        numbers
    }

    fn add(&mut self, n: i16) {
        let (bits, n) = (if n < 0 { &mut self.back } else { &mut self.ahead }, usize::from(n.unsigned_abs()));
        if let Some(word) = bits.get_mut(n / 64) {
            *word |= 1 << (n % 64);
            self.any = true;
        }
    }

    /// True where it is among them by its place from the beginning or from the end.
    fn has(&self, ahead: u32, back: u32) -> bool {
        let is_in = |bits: &[u64; 6], n: u32| bits.get(n as usize / 64).is_some_and(|word| word & 1 << (n % 64) != 0);
        self.any && (is_in(&self.ahead, ahead) || is_in(&self.back, back))
    }

    /// The same, where no number at all leaves everything in.
    fn admit(&self, ahead: u32, back: u32) -> bool {
        !self.any || self.has(ahead, back)
    }
}

/// The days that a rule means.
pub(super) struct Days {
    months: Numbers,
    month_days: Numbers,
    year_days: Numbers,
    weeks: Numbers,
    week_start: Weekday,
    /// Weekdays of which every one is meant.
    every: Numbers,
    /// For each weekday, which ones of the month or the year are.
    nth: [Numbers; 7],
    /// Places are those in a month.
    in_month: bool,
}

impl Days {
    /// Those of a rule, with what it takes from the day of DTSTART where it says nothing itself.
    pub(super) fn of(rule: &Rule, start: NaiveDate) -> Self {
        let mut days = Self {
            months: Numbers::of(&rule.months),
            month_days: Numbers::of(&rule.month_days),
            year_days: Numbers::of(&rule.year_days),
            weeks: Numbers::of(&rule.week_numbers),
            week_start: rule.week_start,
            every: Numbers::default(),
            nth: [Numbers::default(); 7],
            in_month: rule.frequency == Frequency::Monthly || !rule.months.is_empty(),
        };
        let has_places = matches!(rule.frequency, Frequency::Yearly | Frequency::Monthly) && !days.weeks.any;
        for (n, day) in &rule.weekdays {
            match days.nth.get_mut(day.num_days_from_monday() as usize).filter(|_| has_places && *n != 0) {
                Some(places) => places.add(*n),
                None => days.every.add(day.num_days_from_monday() as i16),
            }
        }
        let nothing = rule.weekdays.is_empty() && !days.month_days.any && !days.year_days.any;
        let own_weekday = start.weekday().num_days_from_monday() as i16;
        match rule.frequency {
            Frequency::Yearly if nothing && days.weeks.any => days.every.add(own_weekday),
            Frequency::Yearly if nothing => {
                days.month_days.add(start.day() as i16);
                if !days.months.any {
                    days.months.add(start.month() as i16);
                }
            }
            Frequency::Monthly if nothing && !days.weeks.any => days.month_days.add(start.day() as i16),
            Frequency::Weekly if nothing && !days.weeks.any => days.every.add(own_weekday),
            _ => {}
        }
        days
    }

    /// True where days of this month may be meant.
    pub(super) fn has_month(&self, month: u32) -> bool {
        self.months.admit(month, 0)
    }

    /// True where a day is meant.
    pub(super) fn has(&self, date: NaiveDate) -> bool {
        let (month, day, ordinal) = (u32::from(date.num_days_in_month()), date.day(), date.ordinal());
        let year = if date.leap_year() { 366 } else { 365 };
        self.has_month(date.month())
            && self.month_days.admit(day, month + 1 - day)
            && self.year_days.admit(ordinal, year + 1 - ordinal)
            && self.has_weekday(date.weekday(), if self.in_month { (day, month) } else { (ordinal, year) })
            && (!self.weeks.any || self.has_week(date))
    }

    /// `place`: which day of how many it is.
    fn has_weekday(&self, weekday: Weekday, (place, of): (u32, u32)) -> bool {
        let number = weekday.num_days_from_monday();
        let nth = self.nth.get(number as usize).is_some_and(|places| places.has((place - 1) / 7 + 1, (of - place) / 7 + 1));
        nth || self.every.has(number, 0) || !self.every.any && self.nth.iter().all(|places| !places.any)
    }

    /// Weeks belong to the year in which four of their days lie.
    fn has_week(&self, date: NaiveDate) -> bool {
        let day = number(date);
        let (this, next) = (self.first_week(date.year()), self.first_week(date.year() + 1));
        let (first, after) = match () {
            () if day < this => (self.first_week(date.year() - 1), this),
            () if day < next => (this, next),
            () => (next, self.first_week(date.year() + 2)),
        };
        let (week, of) = ((day - first) / 7, (after - first) / 7);
        self.weeks.has(u32::try_from(week + 1).unwrap_or(0), u32::try_from(of - week).unwrap_or(0))
    }

    fn first_week(&self, year: i32) -> i64 {
        let Some(first) = NaiveDate::from_ymd_opt(year, 1, 1) else { return 0 };
        let back = into_week(first, self.week_start);
        number(first) - back + if back <= 3 { 0 } else { 7 }
    }
}

/// How many days of its week lie before a day.
pub(super) fn into_week(date: NaiveDate, week_start: Weekday) -> i64 {
    i64::from((7 + date.weekday().num_days_from_monday() - week_start.num_days_from_monday()) % 7)
}

/// Days since 1970-01-01.
pub(super) fn number(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}
