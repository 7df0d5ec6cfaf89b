//! What a mail about an item says to people: what, when, where, who, in plain words.
//!
//! Spec: RFC 6047 2.4 (a part for those whose programs do not know calendars).

use super::item::recurs;
use super::people::{self, key};
use super::times::Times;
use super::{Method, Notice};
use crate::format::ical::dates::{Written, written};
use crate::format::ical::series::address;
use crate::model::calendar::{Clock, WallClock, When};
use crate::model::component::{Component, Property};
use crate::model::time::Zone;
use chrono::{DateTime, NaiveDateTime};

/// Attendees that are named.
const NAMED: usize = 40;
/// Characters of a description.
const DESCRIPTION: usize = 8_000;
/// Characters of other texts.
const SHORT: usize = 400;

/// What is told of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One line: who does what.
    pub opening: String,
    /// A word from the sender.
    pub comment: Option<String>,
    /// What it is about.
    pub summary: String,
    /// Labels with what they stand before, in order.
    pub facts: Vec<(&'static str, Vec<String>)>,
    /// More about it.
    pub description: Option<String>,
}

/// A text on one line, shortened.
pub fn line(text: &str, most: usize) -> String {
    let one: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect();
    if one.chars().count() <= most { one } else { one.chars().take(most).chain(['…']).collect() }
}

/// What a notice is about, for its subject.
pub fn summary(entry: &Component) -> String {
    let summary = line(&entry.text("SUMMARY").unwrap_or_default(), SHORT);
    if summary.is_empty() { "(no subject)".to_owned() } else { summary }
}

/// What a notice says. `writer` is who sends it; `zone` is for times without one.
pub fn words(notice: &Notice, writer: &str, zone: &Zone) -> Words {
    let Some(entry) = notice.item.principal() else {
        return Words { opening: String::new(), comment: None, summary: String::new(), facts: Vec::new(), description: None };
    };
    let session = Clock::Known(*zone);
    let mut times = Times::of(&notice.item.calendar, &session);
    let mut facts = vec![("When", when(entry, &mut times))];
    let location = line(&entry.text("LOCATION").unwrap_or_default(), SHORT);
    if !location.is_empty() {
        facts.push(("Where", vec![location]));
    }
    if notice.method != Method::Reply {
        facts.push(("Who", who(entry)));
    }
    facts.retain(|(_, lines)| !lines.is_empty());
    let description = entry.text("DESCRIPTION").filter(|_| notice.method == Method::Request);
    let description = description.map(|text| text.trim().chars().take(DESCRIPTION).collect::<String>()).filter(|text| !text.is_empty());
    let comment = notice.comment.as_ref().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Words { opening: opening(notice, entry, writer), comment, summary: summary(entry), facts, description }
}

fn opening(notice: &Notice, entry: &Component, writer: &str) -> String {
    let what = match (entry.is("VTODO"), entry.get("RECURRENCE-ID").is_some()) {
        (true, _) => "this task",
        (false, true) => "this one of a series of meetings",
        (false, false) => "this meeting",
    };
    let writer = line(writer, SHORT);
    match (notice.method, notice.headline) {
        (Method::Request, "Invitation") if entry.is("VTODO") => format!("{writer} asks you to take on this task."),
        (Method::Request, "Invitation") => format!("{writer} invites you to {what}."),
        (Method::Request, _) => format!("{writer} has changed {what}."),
        (Method::Cancel, _) => format!("{writer} has cancelled {what}."),
        (Method::Reply, "In progress") => format!("{writer} is working on {what}."),
        (Method::Reply, headline) => format!("{writer} has {} {what}.", headline.to_lowercase()),
        _ => format!("{writer} writes about {what}."),
    }
}

fn who(entry: &Component) -> Vec<String> {
    let organizer = entry.get("ORGANIZER");
    let mut out: Vec<String> = organizer.map(|organizer| format!("{} (organizer)", named(organizer))).into_iter().collect();
    let others: Vec<&Property> = people::attendees(entry).filter(|p| organizer.map(key) != Some(key(p))).collect();
    out.extend(others.iter().take(NAMED).map(|attendee| named(attendee)));
    if let Some(more) = others.len().checked_sub(NAMED).filter(|more| *more > 0) {
        out.push(format!("and {more} more"));
    }
    out
}

fn named(participant: &Property) -> String {
    let address = line(address(&participant.value), SHORT);
    let name = participant.parameter("CN").map(|name| line(name.trim_matches('"'), SHORT));
    match name.filter(|name| !name.is_empty() && *name != address) {
        Some(name) => format!("{name} <{address}>"),
        None => address,
    }
}

/// When an entry takes place: the first time, then how it recurs.
pub fn when(entry: &Component, times: &mut Times) -> Vec<String> {
    let start = times.named(entry, "DTSTART");
    let Some(start) = start else {
        let due = times.named(entry, "DUE");
        return due.map(|due| format!("due {}{}", moment(&due), zone_of(entry, "DUE", &due))).into_iter().collect();
    };
    let end = times.end(entry, Some(&start));
    let mut out = vec![span(&start, end.as_ref()) + zone_of(entry, "DTSTART", &start).as_str()];
    if recurs(entry) {
        out.push(recurrence_words(entry));
    }
    out
}

/// How it recurs, where that is simple to say.
fn recurrence_words(entry: &Component) -> String {
    let rules: Vec<&Property> = entry.all("RRULE").collect();
    let said = match rules.as_slice() {
        [rule] if entry.get("RDATE").is_none() => rule_words(&rule.value),
        _ => None,
    };
    said.unwrap_or_else(|| "and at further times".to_owned())
}

fn naive(wall: WallClock) -> NaiveDateTime {
    DateTime::from_timestamp(wall.0.clamp(-62_135_596_800, 253_402_300_799), 0).unwrap_or_default().naive_utc()
}

/// What a time shows on its own clock.
fn wall(when: &When) -> WallClock {
    match when {
        When::Date(wall) | When::Floating(wall) | When::Zoned(wall, _) => *wall,
        When::Instant(at) => WallClock(at.0),
    }
}

fn day(wall: WallClock) -> String {
    naive(wall).format("%A, %-d %B %Y").to_string()
}

fn time(wall: WallClock) -> String {
    naive(wall).format("%H:%M").to_string()
}

fn moment(when: &When) -> String {
    match when {
        When::Date(date) => day(*date),
        when => format!("{}, {}", day(wall(when)), time(wall(when))),
    }
}

fn zone_of(entry: &Component, name: &str, when: &When) -> String {
    match when {
        When::Date(_) | When::Floating(_) => String::new(),
        When::Instant(_) => " (GMT)".to_owned(),
        When::Zoned(_, clock) => {
            let named = entry.get(name).and_then(|p| p.parameter("TZID")).unwrap_or_else(|| clock.name());
            format!(" ({})", line(named, SHORT))
        }
    }
}

fn span(start: &When, end: Option<&When>) -> String {
    match (start, end) {
        (When::Date(first), Some(When::Date(end))) if end.0 - first.0 > 86_400 => {
            format!("{} to {} (all day)", day(*first), day(end.plus(-86_400)))
        }
        (When::Date(first), _) => format!("{} (all day)", day(*first)),
        (start, Some(end)) => {
            // Both on the clock of the start.
            let shown = match (start, end) {
                (When::Zoned(_, clock), end) => clock.to_wall(end.instant(clock)),
                (When::Instant(_), end) => WallClock(end.instant(&Clock::GMT).0),
                (_, end) => wall(end),
            };
            let from = wall(start);
            match shown {
                shown if shown <= from => moment(start),
                shown if shown.midnight() == from.midnight() => format!("{} to {}", moment(start), time(shown)),
                shown => format!("{} to {}, {}", moment(start), day(shown), time(shown)),
            }
        }
        (start, None) => moment(start),
    }
}

/// A simple rule in words; None for others.
fn rule_words(rule: &str) -> Option<String> {
    let (mut frequency, mut interval, mut end, mut by) = (None, 1u32, String::new(), None);
    for part in rule.trim().split(';').filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().to_ascii_uppercase();
        match name.trim().to_ascii_uppercase().as_str() {
            "FREQ" => frequency = Some(value),
            "INTERVAL" => interval = value.parse().ok()?,
            "COUNT" => end = format!(", {} times", value.parse::<u64>().ok()?),
            "UNTIL" => end = format!(", until {}", until(&value)?),
            "WKST" => {}
            "BYDAY" if by.is_none() => by = Some(format!(" on {}", days(&value)?)),
            "BYMONTHDAY" if by.is_none() => by = Some(format!(" on day {}", value.parse::<u8>().ok()?)),
            _ => return None,
        }
    }
    let unit = match frequency?.as_str() {
        "DAILY" => "day",
        "WEEKLY" => "week",
        "MONTHLY" => "month",
        "YEARLY" => "year",
        _ => return None,
    };
    let every = if interval == 1 { format!("every {unit}") } else { format!("every {interval} {unit}s") };
    Some(format!("{every}{}{end}", by.unwrap_or_default()))
}

fn until(text: &str) -> Option<String> {
    let date = match written(text)? {
        Written::Date(wall) | Written::Local(wall) => wall,
        Written::Utc(at) => WallClock(at),
    };
    Some(naive(date).format("%-d %B %Y").to_string())
}

fn days(list: &str) -> Option<String> {
    let names: Vec<String> = list.split(',').map(weekday).collect::<Option<_>>()?;
    Some(match names.split_last()? {
        (last, []) => last.clone(),
        (last, before) => format!("{} and {last}", before.join(", ")),
    })
}

fn weekday(text: &str) -> Option<String> {
    let (ordinal, day) = text.trim().split_at_checked(text.trim().len().checked_sub(2)?)?;
    let name = match day {
        "MO" => "Monday",
        "TU" => "Tuesday",
        "WE" => "Wednesday",
        "TH" => "Thursday",
        "FR" => "Friday",
        "SA" => "Saturday",
        "SU" => "Sunday",
        _ => return None,
    };
    Some(match ordinal {
        "" => name.to_owned(),
        "1" => format!("the first {name}"),
        "2" => format!("the second {name}"),
        "3" => format!("the third {name}"),
        "4" => format!("the fourth {name}"),
        "-1" => format!("the last {name}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::calendar;
    use super::*;

    fn said(lines: &str) -> Vec<String> {
        let calendar = calendar(&format!("BEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT"));
        let session = Clock::GMT;
        when(calendar.inside("VEVENT").next().unwrap(), &mut Times::of(&calendar, &session))
    }

    #[test]
    fn times_are_told_on_the_clock_of_the_event() {
        assert_eq!(
            said("DTSTART;TZID=NorthAmerica/Pacific:20060515T100000\nDTEND;TZID=NorthAmerica/Pacific:20060515T110000"),
            ["Monday, 15 May 2006, 10:00 to 11:00 (NorthAmerica/Pacific)"]
        );
        assert_eq!(said("DTSTART:20060515T220000Z\nDURATION:PT3H"), ["Monday, 15 May 2006, 22:00 to Tuesday, 16 May 2006, 01:00 (GMT)"]);
        assert_eq!(said("DTSTART;VALUE=DATE:20060515\nDTEND;VALUE=DATE:20060516"), ["Monday, 15 May 2006 (all day)"]);
        assert_eq!(said("DTSTART;VALUE=DATE:20060515\nDURATION:P3D"), ["Monday, 15 May 2006 to Wednesday, 17 May 2006 (all day)"]);
        assert_eq!(said("DTSTART:20060515T100000"), ["Monday, 15 May 2006, 10:00"]);
        assert_eq!(
            said("DTSTART;TZID=Europe/Paris:20060515T100000\nDTEND:20060515T090000Z"),
            ["Monday, 15 May 2006, 10:00 to 11:00 (Europe/Paris)"]
        );
    }

    #[test]
    fn simple_rules_are_told_in_words() {
        let words = |rule: &str| rule_words(rule);
        assert_eq!(words("FREQ=WEEKLY;BYDAY=MO,TH").as_deref(), Some("every week on Monday and Thursday"));
        assert_eq!(words("FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;COUNT=5").as_deref(), Some("every 2 months on the last Friday, 5 times"));
        assert_eq!(words("FREQ=DAILY;UNTIL=20061231T235959Z").as_deref(), Some("every day, until 31 December 2006"));
        assert_eq!(words("FREQ=MONTHLY;BYMONTHDAY=15").as_deref(), Some("every month on day 15"));
        assert_eq!(
            (words("FREQ=SECONDLY"), words("FREQ=WEEKLY;BYDAY=XX"), words("x"), words("FREQ=YEARLY;BYWEEKNO=1")),
            (None, None, None, None)
        );
    }
}
