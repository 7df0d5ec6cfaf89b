//! A VTIMEZONE as a clock: its observances written out up to the year 2100. Spec: RFC 5545 3.6.5.

use super::super::dates::{Written, written};
use super::super::recur::Budget;
use super::super::recur::rule::Rule;
use crate::model::calendar::{OwnClock, WallClock};
use crate::model::component::Component;
use crate::model::time::Timestamp;

/// The most observances that are looked at.
const OBSERVANCES: usize = 200;
/// The most changes of one clock.
const CHANGES: usize = 4_000;
/// 2100-01-01 on any wall.
const END: i64 = 4_102_444_800;

/// The clock of a VTIMEZONE; None where it has no usable observance. Where the work that is left
/// runs out, it ends early.
pub fn own_clock(zone: &Component, budget: &mut Budget) -> Option<OwnClock> {
    let observances = zone.components.iter().filter(|c| c.is("STANDARD") || c.is("DAYLIGHT")).take(OBSERVANCES);
    let mut changes: Vec<(Timestamp, i32, i32)> = Vec::new();
    for observance in observances {
        if !budget.spend_many(1 + observance.properties.len() / 16) {
            break;
        }
        let (Some(from), Some(to)) = (offset(observance, "TZOFFSETFROM"), offset(observance, "TZOFFSETTO")) else { continue };
        let at = |wall: WallClock| Timestamp(wall.plus(-i64::from(from)).0);
        changes.extend(onsets(observance, from, budget).into_iter().map(|wall| (at(wall), from, to)));
    }
    changes.sort_unstable();
    changes.dedup_by_key(|(at, ..)| *at);
    changes.truncate(CHANGES);
    let before = changes.first().map(|(_, from, _)| *from)?;
    let mut kept: Vec<(Timestamp, i32)> = Vec::with_capacity(changes.len());
    for (at, _, to) in changes {
        if kept.last().map_or(before, |(_, shift)| *shift) != to {
            kept.push((at, to));
        }
    }
    Some(OwnClock { name: zone.text("TZID").unwrap_or_default(), before, changes: kept })
}

/// When an observance sets in, on the clock as it was before.
fn onsets(observance: &Component, from: i32, budget: &mut Budget) -> Vec<WallClock> {
    let wall = |text: &str| match written(text)? {
        Written::Date(wall) | Written::Local(wall) => Some(wall),
        Written::Utc(at) => Some(WallClock(at).plus(i64::from(from))),
    };
    let Some(start) = observance.get("DTSTART").and_then(|p| wall(&p.value)) else { return Vec::new() };
    let mut all = vec![start];
    for property in observance.all("RDATE") {
        let dates = property.value.split(',').take_while(|_| budget.spend());
        all.extend(dates.filter_map(|date| wall(date.split('/').next()?)).take(CHANGES));
    }
    for rule in observance.all("RRULE").take(10).filter_map(|p| Rule::read(&p.value)) {
        let until = rule.until.map(|until| match until {
            Written::Date(day) => day.plus(86_399),
            Written::Local(wall) => wall,
            Written::Utc(at) => WallClock(at).plus(i64::from(from)),
        });
        let mut found = Vec::new();
        rule.starts(start, until, (start, WallClock(END)), budget, &mut found);
        all.extend(found.into_iter().take(CHANGES));
    }
    all
}

/// Reads `+0100`, `-053000`.
fn offset(observance: &Component, name: &str) -> Option<i32> {
    let text = observance.get(name)?.value.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number: i32 = digits.replace(':', "").parse().ok().filter(|n| (0..=240_000).contains(n))?;
    let number = if digits.len() <= 5 { number * 100 } else { number };
    let seconds = number / 10_000 * 3_600 + number / 100 % 100 * 60 + number % 100;
    (seconds <= 86_400).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::super::super::parse;
    use super::*;
    use crate::model::calendar::Clock;
    use crate::model::time::Zone;

    const BERLIN: &str = "BEGIN:VTIMEZONE\r\nTZID:Mine\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n\
        RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:19960331T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n\
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n";

    fn clock(text: &str) -> Option<OwnClock> {
        own_clock(&parse(text.as_bytes()).unwrap()[0].components[0], &mut Budget::new(25_000))
    }

    #[test]
    fn a_definition_agrees_with_the_zone_it_defines() {
        let (own, known) = (Clock::Own(clock(BERLIN).unwrap().into()), Zone::named("Europe/Berlin").unwrap());
        for day in 0..19_000 {
            let at = Timestamp(852_076_800 + day * 86_400 + 3_600);
            assert_eq!(own.shift_at(at), known.shift_at(at), "{at}");
        }
    }

    #[test]
    fn a_definition_without_use_is_none_and_a_huge_one_is_bounded() {
        assert_eq!(clock("BEGIN:VTIMEZONE\r\nTZID:x\r\nEND:VTIMEZONE\r\n"), None);
        let endless = BERLIN.replace("FREQ=YEARLY", "FREQ=SECONDLY").replace(";BYDAY=-1SU", "");
        assert!(clock(&endless).unwrap().changes.len() <= CHANGES);
        let odd = BERLIN.replace("+0100", "+9900");
        assert_eq!(clock(&odd), None);
    }
}
