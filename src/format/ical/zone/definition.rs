//! A zone as a VTIMEZONE that other clients can use, in the years that it is made for and after them.
//!
//! The changes of the zone are found by asking it; those that follow a yearly rule (the last Sunday of October, the Friday
//! on or after the 23rd of March) are written as one observance with that rule, without an end where it still holds some
//! years past the range. The crates' helpers write a list of dates, which ends.
//!
//! Spec: RFC 5545 3.6.5.

use super::super::dates::local;
use crate::model::calendar::WallClock;
use crate::model::component::{Component, Property};
use crate::model::time::{Timestamp, Zone};
use chrono::{Datelike, Weekday};
use std::ops::Range;

const DAY: i64 = 86_400;
/// Seconds of a year, about.
const YEAR: i64 = 366 * DAY;
/// The years past the range in which a rule must still hold to be written without an end: as many as it takes until the
/// days of the week fall on the same dates again, so that "the fourth Friday" and "on or after the 23rd" are told apart.
const AHEAD: i64 = 28;
/// The most years that are looked at.
const MOST_YEARS: i64 = 200;

/// A change of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    at: Timestamp,
    from: i32,
    to: i32,
}

impl Change {
    /// What the clock shows when the change comes, before it.
    fn onset(&self) -> WallClock {
        WallClock(self.at.0 + i64::from(self.from))
    }
}

/// The VTIMEZONE of a zone, right for the instants of the range, and after it as far as the zone keeps to its rules.
pub fn definition(zone: &Zone, range: Range<Timestamp>) -> Component {
    let first = range.start.0.clamp(-2_208_988_800, 7_258_118_400);
    let last = range.end.0.clamp(first, first + MOST_YEARS * YEAR) + AHEAD * YEAR;
    let changes = changes(zone, first - 2 * YEAR, last);
    let begin = changes.iter().rposition(|change| change.at.0 <= first).unwrap_or(0);
    let mut out = Component::new("VTIMEZONE");
    out.properties.push(Property::of_text("TZID", zone.name()));
    out.properties.push(Property::of_text("X-LIC-LOCATION", zone.name()));
    let wanted = changes.get(begin..).unwrap_or_default();
    if wanted.first().is_none_or(|change| change.at.0 > first) {
        let shift = zone.shift_at(Timestamp(first));
        let at = Timestamp(wanted.first().map_or(0, |_| first - YEAR).min(first));
        out.components.push(observance(zone, &Change { at, from: shift, to: shift }, None, zone.is_daylight_at(Timestamp(first))));
    }
    let until = last - AHEAD * YEAR;
    for run in runs(wanted) {
        let (Some(start), Some(end)) = (run.changes.first(), run.changes.last()) else { continue };
        let endless = end.at.0 > until + (AHEAD - 2) * YEAR;
        if start.at.0 > until && !endless {
            continue;
        }
        let rule = (run.changes.len() > 1).then(|| run.rule(if endless { None } else { Some(end.at) }));
        out.components.push(observance(zone, start, rule, zone.is_daylight_at(start.at)));
    }
    out
}

/// The changes between two instants: the zone is asked every four days, and between two that differ.
fn changes(zone: &Zone, first: i64, last: i64) -> Vec<Change> {
    let mut found = Vec::new();
    let (mut at, mut shift) = (first, zone.shift_at(Timestamp(first)));
    while at < last {
        let next = at + 4 * DAY;
        let then = zone.shift_at(Timestamp(next));
        if then != shift {
            let (mut before, mut after) = (at, next);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if zone.shift_at(Timestamp(middle)) == shift { before = middle } else { after = middle }
            }
            found.push(Change { at: Timestamp(after), from: shift, to: then });
        }
        (at, shift) = (next, then);
    }
    found
}

fn offset(shift: i32) -> String {
    let (sign, abs) = if shift < 0 { ('-', -shift) } else { ('+', shift) };
    let seconds = if abs % 60 == 0 { String::new() } else { format!("{:02}", abs % 60) };
    format!("{sign}{:02}{:02}{seconds}", abs / 3600, abs / 60 % 60)
}

fn observance(zone: &Zone, change: &Change, rule: Option<String>, daylight: bool) -> Component {
    let mut out = Component::new(if daylight { "DAYLIGHT" } else { "STANDARD" });
    out.properties.push(Property::new("DTSTART", local(change.onset())));
    out.properties.push(Property::new("TZOFFSETFROM", offset(change.from)));
    out.properties.push(Property::new("TZOFFSETTO", offset(change.to)));
    out.properties.push(Property::of_text("TZNAME", &zone.abbreviation_at(change.at)));
    if let Some(rule) = rule {
        out.properties.push(Property::new("RRULE", rule));
    }
    out
}

/// Changes of following years that one rule may give.
struct Run {
    changes: Vec<Change>,
    month: u32,
    weekday: Weekday,
    /// The first days of month from which "this weekday on or after" gives every change, as bits.
    on_or_after: u32,
    /// It is the last of its weekday in the month each time.
    last: bool,
}

impl Run {
    fn of(change: Change) -> Self {
        let date = super::super::dates::naive(change.onset()).date();
        let day = date.day();
        let from = day.saturating_sub(6).max(1);
        let on_or_after = (from..=day).fold(0, |bits, day| bits | 1 << day);
        let last = day + 7 > u32::from(date.num_days_in_month());
        Self { changes: vec![change], month: date.month(), weekday: date.weekday(), on_or_after, last }
    }

    /// Takes a change of the next year in; false when no one rule gives both.
    fn extend(&mut self, other: &Run) -> bool {
        let (Some(mine), Some(new)) = (self.changes.last(), other.changes.first()) else { return false };
        let year = |change: &Change| super::super::dates::naive(change.onset()).year();
        let time = |change: &Change| change.onset().0.rem_euclid(DAY);
        let alike = (mine.from, mine.to, time(mine), self.month, self.weekday) == (new.from, new.to, time(new), other.month, other.weekday);
        let (on_or_after, last) = (self.on_or_after & other.on_or_after, self.last && other.last);
        if !alike || year(new) != year(mine) + 1 || on_or_after == 0 && !last {
            return false;
        }
        (self.on_or_after, self.last) = (on_or_after, last);
        self.changes.push(*new);
        true
    }

    fn rule(&self, until: Option<Timestamp>) -> String {
        let day = match self.weekday {
            Weekday::Mon => "MO",
            Weekday::Tue => "TU",
            Weekday::Wed => "WE",
            Weekday::Thu => "TH",
            Weekday::Fri => "FR",
            Weekday::Sat => "SA",
            Weekday::Sun => "SU",
        };
        let whole = [1, 8, 15, 22].into_iter().find(|from| self.on_or_after & 1 << from != 0);
        let on = match whole {
            _ if self.last => format!("BYDAY=-1{day}"),
            Some(from) => format!("BYDAY={}{day}", (from - 1) / 7 + 1),
            None => {
                let from = self.on_or_after.trailing_zeros();
                let days: Vec<String> = (from..from + 7).map(|day| day.to_string()).collect();
                format!("BYMONTHDAY={};BYDAY={day}", days.join(","))
            }
        };
        let until = until.map(|at| format!(";UNTIL={}", at.gmt())).unwrap_or_default();
        format!("FREQ=YEARLY;BYMONTH={};{on}{until}", self.month)
    }
}

fn runs(changes: &[Change]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for change in changes {
        let new = Run::of(*change);
        if !runs.iter_mut().rev().take(4).any(|run| run.extend(&new)) {
            runs.push(new);
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::super::super::recur::Budget;
    use super::super::own_clock;
    use super::*;
    use crate::model::calendar::Clock;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_zone_and_its_definition_agree_in_every_hour() {
        let range = at("20230101")..at("20260101");
        for name in [
            "Europe/Berlin",
            "America/New_York",
            "Asia/Jerusalem",
            "Asia/Tokyo",
            "America/Sao_Paulo",
            "Africa/Casablanca",
            "Europe/Dublin",
            "Australia/Lord_Howe",
            "Asia/Gaza",
            "UTC",
            "America/Santiago",
        ] {
            let zone = Zone::named(name).unwrap();
            let own = Clock::Own(own_clock(&definition(&zone, range.clone()), &mut Budget::new(25_000)).unwrap().into());
            let mut hour = range.start;
            while hour < range.end {
                assert_eq!(own.shift_at(hour), zone.shift_at(hour), "{name} {hour}");
                hour = hour.plus(3_600);
            }
        }
    }

    #[test]
    fn zones_with_a_rule_are_right_in_future_years_too() {
        for name in ["Europe/Berlin", "America/New_York", "Asia/Jerusalem", "Australia/Sydney"] {
            let zone = Zone::named(name).unwrap();
            let made = definition(&zone, at("20250601")..at("20250701"));
            assert_eq!(made.components.len(), 2, "{made:?}");
            let own = Clock::Own(own_clock(&made, &mut Budget::new(25_000)).unwrap().into());
            for day in 0..7_000 {
                let noon = at("20250601T120000").plus(day * DAY);
                assert_eq!(own.shift_at(noon), zone.shift_at(noon), "{name} {noon}");
            }
        }
    }

    #[test]
    fn berlin_reads_as_everyone_writes_it() {
        let made = definition(&Zone::named("Europe/Berlin").unwrap(), at("20250601")..at("20250701"));
        let text = super::super::super::write(&made);
        for line in [
            "TZID:Europe/Berlin",
            "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
            "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
            "TZNAME:CEST",
            "BEGIN:DAYLIGHT",
            "TZOFFSETFROM:+0100",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
        }
    }
}
