//! The times of an item. Spec: RFC 5545 3.3.4, 3.3.5, 3.3.9, 3.6.1, 3.6.2.

use super::super::dates::{Written, duration, written};
use super::super::zone::Zones;
use super::NO_TIME;
use crate::model::calendar::{Clock, ItemKind, Length, When};
use crate::model::component::{Component, Property};
use crate::model::time::Timestamp;

/// Reads the times of one item.
pub(super) struct Times<'a, 'z> {
    pub(super) item: &'a Component,
    pub(super) zones: &'a mut Zones<'z>,
}

impl Times<'_, '_> {
    /// One date or time of a property.
    pub(super) fn read(&mut self, property: &Property, text: &str) -> Option<When> {
        let clock = self.clock(property);
        read(text, clock.as_ref())
    }

    /// The clock that a property names.
    fn clock(&mut self, property: &Property) -> Option<Clock> {
        let name = property.parameter("TZID").filter(|name| !name.trim().is_empty())?;
        Some(self.zones.clock(name))
    }

    pub(super) fn when(&mut self, property: &Property) -> Option<When> {
        self.read(property, &property.value)
    }

    fn named(&mut self, name: &str) -> Option<When> {
        let item = self.item;
        item.get(name).and_then(|property| self.when(property))
    }

    /// Every date of all properties of a name.
    pub(super) fn list(&mut self, name: &str) -> Vec<When> {
        let item = self.item;
        let mut all = Vec::new();
        for property in item.all(name) {
            let clock = self.clock(property);
            all.extend(property.value.split([',', ';']).filter_map(|text| read(text, clock.as_ref())));
        }
        all
    }

    /// RDATE: dates, and periods with their lengths.
    pub(super) fn dates(&mut self) -> Vec<(When, Option<Length>)> {
        let item = self.item;
        let mut all = Vec::new();
        for property in item.all("RDATE") {
            let clock = self.clock(property);
            for text in property.value.split([',', ';']) {
                let (start, end) = text.split_once('/').map_or((text, None), |(start, end)| (start, Some(end)));
                let Some(start) = read(start, clock.as_ref()) else { continue };
                let length = end.and_then(|end| match duration(end) {
                    Some(length) => Some(length).filter(|length| length.seconds() >= 0),
                    None => read(end, clock.as_ref()).map(|end| self.between(&start, &end)),
                });
                all.push((start, length));
            }
        }
        all
    }

    /// The length from one to the other: days between days, else seconds; nothing where the end comes first.
    pub(super) fn between(&self, start: &When, end: &When) -> Length {
        match (start, end) {
            (When::Date(from), When::Date(till)) => Length::Days((till.0 - from.0).max(0) / 86_400),
            (When::Date(from), till) => {
                let days = (till.wall(self.zones.default()).midnight().0 - from.0) / 86_400;
                Length::Days(days.max(0))
            }
            (When::Floating(from), When::Floating(till)) => Length::Seconds((till.0 - from.0).max(0)),
            (When::Zoned(_, clock), When::Date(till)) => Length::Seconds((clock.to_instant(*till).0 - start.instant(clock).0).max(0)),
            _ => {
                let clock: &Clock = self.zones.default();
                Length::Seconds((end.instant(clock).0 - start.instant(clock).0).max(0))
            }
        }
    }

    /// Start, length, and the time a task is due.
    pub(super) fn span(&mut self, kind: ItemKind) -> (Option<When>, Length, Option<When>) {
        let start = self.named("DTSTART");
        let lasts = self.item.get("DURATION").and_then(|p| duration(&p.value)).filter(|length| length.seconds() >= 0);
        if kind == ItemKind::Task {
            let due = self.named("DUE");
            let length = match (&start, &due) {
                (Some(start), Some(due)) => self.between(start, due),
                (Some(_), None) => lasts.unwrap_or(NO_TIME),
                _ => NO_TIME,
            };
            return (start, length, due);
        }
        let Some(from) = &start else { return (None, lasts.unwrap_or(NO_TIME), None) };
        let length = match self.named("DTEND") {
            Some(end) => self.between(from, &end),
            None => lasts.unwrap_or(NO_TIME),
        };
        let length = match length {
            length if from.is_date() && length.seconds() < 86_400 => Length::Days(1),
            Length::Both(days, _) if from.is_date() => Length::Days(days),
            Length::Seconds(seconds) if from.is_date() => Length::Days(seconds / 86_400),
            length => length,
        };
        (start, length, None)
    }
}

/// The form of a text decides what it is: a day has no zone, whatever its property names.
pub fn read(text: &str, clock: Option<&Clock>) -> Option<When> {
    Some(match written(text)? {
        Written::Date(day) => When::Date(day),
        Written::Utc(at) => When::Instant(Timestamp(at)),
        Written::Local(wall) => match clock {
            Some(clock) => When::Zoned(wall, clock.clone()),
            None => When::Floating(wall),
        },
    })
}
