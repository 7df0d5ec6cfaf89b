//! A series as it is stored: each clock once, and its number where it is used, since a zone that came with an item is
//! hundreds of changes long and may be named by hundreds of dates.

use super::{Clock, Entry, ItemKind, OwnClock, Series, When};
use crate::model::time::Zone;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// A clock's place in the list.
type Number = u16;

/// The stored form of a series.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Series")]
pub(super) struct Stored {
    kind: ItemKind,
    uid: String,
    clocks: Vec<Clock>,
    entries: Vec<Entry<Number>>,
}

/// What tells the clocks of one series apart.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Known(Zone),
    Own(*const OwnClock),
}

impl<C> When<C> {
    fn map<D>(self, clock: &mut impl FnMut(C) -> D) -> When<D> {
        match self {
            Self::Date(wall) => When::Date(wall),
            Self::Floating(wall) => When::Floating(wall),
            Self::Instant(at) => When::Instant(at),
            Self::Zoned(wall, own) => When::Zoned(wall, clock(own)),
        }
    }
}

impl<C> Entry<C> {
    fn map<D>(self, clock: &mut impl FnMut(C) -> D) -> Entry<D> {
        Entry {
            recurrence_id: self.recurrence_id.map(|when| when.map(clock)),
            and_following: self.and_following,
            start: self.start.map(|when| when.map(clock)),
            length: self.length,
            due: self.due.map(|when| when.map(clock)),
            rules: self.rules,
            exclusion_rules: self.exclusion_rules,
            dates: self.dates.into_iter().map(|(when, length)| (when.map(clock), length)).collect(),
            excluded: self.excluded.into_iter().map(|when| when.map(clock)).collect(),
            alarms: self.alarms,
            busy: self.busy,
            status: self.status,
            summary: self.summary,
            location: self.location,
            priority: self.priority,
            percent: self.percent,
            completed: self.completed,
            organizer: self.organizer,
            attendees: self.attendees,
            sequence: self.sequence,
        }
    }
}

impl From<Series> for Stored {
    fn from(series: Series) -> Self {
        let (mut clocks, mut numbers) = (Vec::new(), HashMap::new());
        let mut number = |clock: Clock| {
            // The clocks of one item are shared by all that is on them.
            let key = match &clock {
                Clock::Known(zone) => Key::Known(*zone),
                Clock::Own(own) => Key::Own(Arc::as_ptr(own)),
            };
            *numbers.entry(key).or_insert_with(|| {
                clocks.push(clock);
                Number::try_from(clocks.len() - 1).unwrap_or(Number::MAX)
            })
        };
        let entries = series.entries.into_iter().map(|entry| entry.map(&mut number)).collect();
        Self { kind: series.kind, uid: series.uid, clocks, entries }
    }
}

impl From<Stored> for Series {
    fn from(stored: Stored) -> Self {
        let Stored { kind, uid, clocks, entries } = stored;
        let mut clock = |number: Number| clocks.get(usize::from(number)).cloned().unwrap_or(Clock::GMT);
        Self { kind, uid, entries: entries.into_iter().map(|entry| entry.map(&mut clock)).collect() }
    }
}
