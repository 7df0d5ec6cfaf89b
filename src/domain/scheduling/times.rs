//! The times of entries: which instance an exception stands for, whether two versions are at the same time, and the zone of
//! times that name none.
//!
//! Spec: XIMSS, "Calendar Operations" (calendarPublish); RFC 5545 3.3.5, 3.6.5, 3.8.4.4; RFC 5546 2.1.4.

use crate::format::ical::dates::{self, Written, written};
use crate::format::ical::series::read;
use crate::format::ical::zone::{self, Zones};
use crate::model::calendar::{Clock, Length, WallClock, When};
use crate::model::component::{Component, Property, protected};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::{Timestamp, Zone};
use std::collections::BTreeSet;
use std::ops::Range;

/// Properties whose times may stand without a zone.
const LOCAL: &[&str] = &["DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "EXDATE", "RDATE"];

/// What an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The item itself.
    Whole,
    /// One instance of it, by its original start.
    Instance(Timestamp),
}

/// Reads the times of the entries of one calendar.
pub struct Times<'a> {
    zones: Zones<'a>,
    session: &'a Clock,
}

impl<'a> Times<'a> {
    /// `calendar` holds the VTIMEZONEs.
    pub fn of(calendar: &'a Component, session: &'a Clock) -> Self {
        Self { zones: Zones::of(calendar, session), session }
    }

    /// The clock that a property names.
    fn clock(&mut self, property: &Property) -> Option<Clock> {
        let name = property.parameter("TZID").filter(|name| !name.trim().is_empty())?;
        Some(self.zones.clock(name))
    }

    /// The time of a property.
    pub fn when(&mut self, property: &Property) -> Option<When> {
        let clock = self.clock(property);
        read(&property.value, clock.as_ref())
    }

    /// The time of the first property of a name.
    pub fn named(&mut self, entry: &Component, name: &str) -> Option<When> {
        self.when(entry.get(name)?)
    }

    /// The instant of a time; days begin at midnight of the session's clock.
    pub fn instant(&self, when: &When) -> Timestamp {
        when.instant(self.session)
    }

    /// What an entry stands for; refused where its RECURRENCE-ID cannot be read.
    pub fn which(&mut self, entry: &Component) -> Outcome<Which> {
        let Some(id) = entry.get("RECURRENCE-ID") else { return Ok(Which::Whole) };
        let when = self.when(id).ok_or_else(|| incorrect("RECURRENCE-ID is no date"))?;
        Ok(Which::Instance(self.instant(&when)))
    }

    /// The end of an entry: DTEND, DUE, or what DURATION says; None where there is none.
    pub fn end(&mut self, entry: &Component, start: Option<&When>) -> Option<When> {
        let named = self.named(entry, "DTEND").or_else(|| self.named(entry, "DUE"));
        named.or_else(|| {
            let length = dates::duration(&entry.get("DURATION")?.value)?;
            Some(later(start?, length))
        })
    }

    fn instants(&mut self, entry: &Component, name: &str) -> BTreeSet<i64> {
        let mut out = BTreeSet::new();
        for property in entry.all(name) {
            let clock = self.clock(property);
            for text in property.value.split(',') {
                let start = read(text.split('/').next().unwrap_or_default(), clock.as_ref());
                out.extend(start.map(|when| self.instant(&when).0));
            }
        }
        out
    }

    /// When an entry takes place, for comparing.
    pub fn schedule(&mut self, entry: &Component) -> Schedule {
        let start = self.named(entry, "DTSTART");
        let end = self.end(entry, start.as_ref()).map(|when| self.instant(&when));
        let mut rules: Vec<String> = ["RRULE", "EXRULE"].iter().flat_map(|name| entry.all(name)).map(rule).collect();
        rules.sort_unstable();
        let by_day = start.as_ref().is_some_and(When::is_date);
        let start = start.map(|when| self.instant(&when));
        Schedule { start, by_day, end, rules, dates: self.instants(entry, "RDATE") }
    }

    /// The starts that an entry excludes.
    pub fn excluded(&mut self, entry: &Component) -> BTreeSet<i64> {
        self.instants(entry, "EXDATE")
    }
}

/// When something takes place: two versions of an item that agree in this have not been rescheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    start: Option<Timestamp>,
    by_day: bool,
    end: Option<Timestamp>,
    rules: Vec<String>,
    dates: BTreeSet<i64>,
}

impl Schedule {
    /// When it starts first.
    pub fn start(&self) -> Option<Timestamp> {
        self.start
    }
}

fn rule(property: &Property) -> String {
    let upper = property.value.trim().to_ascii_uppercase();
    let mut parts: Vec<&str> = upper.split(';').filter(|part| !part.is_empty() && *part != "INTERVAL=1").collect();
    parts.sort_unstable();
    format!("{}:{}", property.name, parts.join(";"))
}

/// A fault about an item.
pub fn incorrect(what: &str) -> Fault {
    Fault::bad(format!("calendar item is incorrect: {what}"))
}

fn later(start: &When, length: Length) -> When {
    let (days, seconds) = match length {
        Length::Days(days) => (days, 0),
        Length::Seconds(seconds) => (0, seconds),
        Length::Both(days, seconds) => (days, seconds),
    };
    let by = days.saturating_mul(86_400).saturating_add(seconds);
    match start {
        When::Date(day) => When::Date(day.plus(by)),
        When::Floating(wall) => When::Floating(wall.plus(by)),
        When::Instant(at) => When::Instant(at.plus(by)),
        When::Zoned(wall, clock) => {
            // Days are those of the wall clock, seconds pass everywhere alike.
            let on_day = clock.to_instant(wall.plus(days.saturating_mul(86_400)));
            When::Zoned(clock.to_wall(on_day.plus(seconds)), clock.clone())
        }
    }
}

/// Writes an instant in the form of another property: a date, a time of its zone, or an instant.
pub fn like(name: &str, at: Timestamp, model: &Property, when: &When, session: &Clock) -> Property {
    match when {
        When::Date(_) => Property::new(name, dates::date(session.to_wall(at))).with("VALUE", "DATE"),
        When::Floating(_) => Property::new(name, dates::local(session.to_wall(at))),
        When::Instant(_) => Property::new(name, at.gmt()),
        When::Zoned(_, clock) => {
            let property = Property::new(name, dates::local(clock.to_wall(at)));
            match model.parameter("TZID") {
                Some(zone) => property.with("TZID", zone),
                None => property,
            }
        }
    }
}

/// Gives times that name no zone the session's zone.
pub fn complete(entry: &mut Component, zone: &Zone) {
    for property in &mut entry.properties {
        if !LOCAL.iter().any(|name| property.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        let first = property.value.split([',', '/']).next().unwrap_or_default();
        let has_zone = property.parameter("TZID").is_some_and(|name| !name.trim().is_empty());
        match written(first) {
            Some(Written::Local(_)) if !has_zone => property.set_parameter("TZID", zone.name()),
            Some(Written::Utc(_)) => super::people::drop_parameter(property, "TZID"),
            Some(Written::Date(_)) => {
                super::people::drop_parameter(property, "TZID");
                property.set_parameter("VALUE", "DATE");
            }
            _ => {}
        }
    }
}

/// Sees to it that a calendar defines each zone that its entries name, and no other. Definitions that came with the item
/// stay; for those that are missing the server's own is written, where it knows the zone.
pub fn define(calendar: &mut Component, entries: &[Component], now: Timestamp) {
    let mut named: Vec<String> = Vec::new();
    for name in entries.iter().flat_map(zone::names).map(|name| name.trim().to_owned()) {
        if !name.is_empty() && !named.contains(&name) {
            named.push(name);
        }
    }
    let span = span(calendar, entries, now);
    let mut kept: Vec<(String, Component)> = Vec::new();
    for component in std::mem::take(&mut calendar.components) {
        match component.text("TZID").map(|id| id.trim().to_owned()) {
            Some(id) if component.is("VTIMEZONE") => {
                if named.contains(&id) && !kept.iter().any(|(known, _)| *known == id) {
                    kept.push((id, component));
                }
            }
            _ => calendar.components.push(component),
        }
    }
    for name in named {
        if kept.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let Some(known) = zone::resolve(&name) else { continue };
        let mut definition = zone::definition(&known, span.clone());
        definition.set(Property::new("TZID", protected(&name)));
        kept.push((name, definition));
    }
    calendar.components.splice(0..0, kept.into_iter().map(|(_, zone)| zone));
}

/// From the first time that is named until the last, or until now: what the definitions must be right for.
fn span(calendar: &Component, entries: &[Component], now: Timestamp) -> Range<Timestamp> {
    let clock = Clock::GMT;
    let mut times = Times::of(calendar, &clock);
    let (mut first, mut last) = (now, now);
    for entry in entries {
        for name in LOCAL {
            for at in times.instants(entry, name) {
                (first, last) = (first.min(Timestamp(at)), last.max(Timestamp(at)));
            }
        }
    }
    // A day is more than any zone is away from Greenwich.
    first.plus(-86_400)..last.plus(86_400)
}

/// Moves an entry to another start: its end moves along.
pub fn move_to(entry: &mut Component, times: &mut Times, at: Timestamp, session: &Clock) {
    let Some(start) = times.named(entry, "DTSTART") else { return };
    let by_day = |times: &Times, when: &When| times.instant(when).0;
    for name in ["DTEND", "DUE"] {
        let Some((model, end)) = entry.get(name).cloned().and_then(|p| times.when(&p).map(|when| (p, when))) else { continue };
        let new = match (&start, &end) {
            // The clock on the wall shows the same time of day, whatever the zone has done in between.
            (When::Zoned(from, clock), When::Zoned(till, other)) if clock == other => {
                let length = till.0.saturating_sub(from.0);
                Property::new(name, dates::local(WallClock(clock.to_wall(at).0.saturating_add(length)))).with_zone_of(&model)
            }
            (When::Date(from), When::Date(till)) => {
                let day = session.to_wall(at).plus(till.0.saturating_sub(from.0));
                Property::new(name, dates::date(day)).with("VALUE", "DATE")
            }
            _ => like(name, at.plus(by_day(times, &end).saturating_sub(by_day(times, &start))), &model, &end, session),
        };
        entry.set(new);
    }
    if let Some(model) = entry.get("DTSTART").cloned() {
        entry.set(like("DTSTART", at, &model, &start, session));
    }
}

trait WithZone {
    fn with_zone_of(self, model: &Property) -> Self;
}

impl WithZone for Property {
    fn with_zone_of(self, model: &Property) -> Self {
        match model.parameter("TZID") {
            Some(zone) => self.with("TZID", zone),
            None => self,
        }
    }
}
