//! `Item`: what is stored, sent and received under one UID: the item itself and its exceptions.
//!
//! Spec: RFC 5545 3.6.1, 3.6.2, 3.8.4.4, 3.8.4.7; RFC 5546 1.4, 2.1.4.

use super::Method;
use super::times::{Times, Which, incorrect};
use crate::format::ical;
use crate::model::calendar::{Clock, Series};
use crate::model::component::{Component, Property};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::{Timestamp, Zone};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Who has written a calendar that does not say.
pub const PRODUCT: &str = "-//Posthouse//Posthouse//EN";

/// Entries of an answer or a cancellation.
const FEW: usize = 16;
/// The most bytes of a calendar's own properties that each of its items has.
const OWN_BYTES: usize = 64 << 10;
/// Zones of an item.
const MOST_ZONES: usize = 64;

/// An item and its exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The VCALENDAR around them: its own properties but METHOD, and its VTIMEZONEs.
    pub calendar: Component,
    /// VEVENTs or VTODOs, all of one kind: the item first where it is there, then its exceptions.
    pub entries: Vec<Component>,
}

/// True for an event or a task.
pub fn is_entry(component: &Component) -> bool {
    component.is("VEVENT") || component.is("VTODO")
}

/// The UID of an entry; empty where it has none.
pub fn uid_of(entry: &Component) -> String {
    entry.text("UID").map(|uid| uid.trim().to_owned()).unwrap_or_default()
}

/// SEQUENCE.
pub fn sequence_of(entry: &Component) -> u32 {
    entry.get("SEQUENCE").and_then(|p| p.value.trim().parse().ok()).unwrap_or(0)
}

/// DTSTAMP.
pub fn stamp_of(entry: &Component) -> Option<Timestamp> {
    entry.get("DTSTAMP").and_then(|p| p.value.parse().ok())
}

/// Which of two versions is the newer one: SEQUENCE decides, then DTSTAMP. RFC 5546 2.1.5.
pub fn age(a: &Component, b: &Component) -> Ordering {
    sequence_of(a).cmp(&sequence_of(b)).then(stamp_of(a).cmp(&stamp_of(b)))
}

/// True for an entry that recurs.
pub fn recurs(entry: &Component) -> bool {
    entry.get("RRULE").is_some() || entry.get("RDATE").is_some()
}

impl Item {
    /// The items of calendars, one for each UID and kind, in order. Entries without a UID are items of their own. What a
    /// calendar holds beside its items comes with the first of them; the others have the zones that they name.
    pub fn all(calendars: Vec<Component>) -> Vec<Self> {
        let mut out: Vec<Self> = Vec::new();
        let mut places: HashMap<(bool, String), usize> = HashMap::new();
        for calendar in calendars {
            let Component { name, properties, components } = calendar;
            let (entries, rest): (Vec<Component>, Vec<Component>) = components.into_iter().partition(is_entry);
            let begin = out.len();
            for entry in entries {
                let key = (entry.is("VTODO"), uid_of(&entry));
                match places.get(&key).filter(|_| !key.1.is_empty()).and_then(|at| out.get_mut(*at)) {
                    Some(item) => item.entries.push(entry),
                    None => {
                        places.insert(key, out.len());
                        out.push(Self { calendar: Component::new(&name), entries: vec![entry] });
                    }
                }
            }
            let bytes: usize = properties.iter().map(|property| property.name.len() + property.value.len()).sum();
            let mut others = out.iter_mut().skip(begin);
            let first = others.next();
            let definitions = rest.iter().rev().filter(|c| c.is("VTIMEZONE"));
            let zones: HashMap<String, &Component> =
                definitions.filter_map(|zone| Some((zone.text("TZID")?.trim().to_owned(), zone))).collect();
            for item in others {
                let named: BTreeSet<String> = item.entries.iter().flat_map(ical::zone::names).map(|n| n.trim().to_owned()).collect();
                item.calendar.components.extend(named.iter().filter_map(|name| zones.get(name)).copied().cloned());
                if bytes <= OWN_BYTES {
                    item.calendar.properties.clone_from(&properties);
                    item.calendar.remove("METHOD");
                }
            }
            if let Some(item) = first {
                item.calendar.components = rest;
                item.calendar.properties = properties;
                item.calendar.remove("METHOD");
            }
        }
        out.iter_mut().for_each(Self::arrange);
        out
    }

    /// The one item that calendars hold; refused where there is none or another one.
    pub fn only(calendars: Vec<Component>) -> Outcome<Self> {
        let mut all = Self::all(calendars).into_iter();
        match (all.next(), all.next()) {
            (Some(item), None) => Ok(item),
            (None, _) => Err(incorrect("there is no event and no task")),
            (Some(_), Some(_)) => Err(incorrect("there is more than one item")),
        }
    }

    /// The item itself comes first.
    pub fn arrange(&mut self) {
        self.entries.sort_by_key(|entry| entry.get("RECURRENCE-ID").is_some());
    }

    /// The UID of all its entries.
    pub fn uid(&self) -> String {
        self.entries.first().map(uid_of).unwrap_or_default()
    }

    /// The item itself.
    pub fn main(&self) -> Option<&Component> {
        self.entries.first().filter(|entry| entry.get("RECURRENCE-ID").is_none())
    }

    /// The same, to be changed.
    pub fn main_mut(&mut self) -> Option<&mut Component> {
        self.entries.first_mut().filter(|entry| entry.get("RECURRENCE-ID").is_none())
    }

    /// The exceptions.
    pub fn exceptions(&self) -> impl Iterator<Item = &Component> {
        self.entries.iter().filter(|entry| entry.get("RECURRENCE-ID").is_some())
    }

    /// The entry that says most of the item: itself, else its first exception.
    pub fn principal(&self) -> Option<&Component> {
        self.entries.first()
    }

    /// The place of the entry that stands for something.
    pub fn position(&self, which: Which, session: &Clock) -> Option<usize> {
        let mut times = Times::of(&self.calendar, session);
        self.entries.iter().position(|entry| times.which(entry).ok() == Some(which))
    }

    /// The entry that stands for something.
    pub fn entry(&self, which: Which, session: &Clock) -> Option<&Component> {
        self.entries.get(self.position(which, session)?)
    }

    /// Where the entries are, by what they stand for. Those of which that cannot be read are left out.
    pub fn places(&self, session: &Clock) -> BTreeMap<Which, usize> {
        let mut times = Times::of(&self.calendar, session);
        self.entries.iter().enumerate().filter_map(|(at, entry)| Some((times.which(entry).ok()?, at))).collect()
    }

    /// Refuses more entries than are looked at one by one.
    pub fn check_few(&self) -> Outcome<()> {
        if self.entries.len() > FEW { Err(Fault::quota("calendar item has too many recurrences")) } else { Ok(()) }
    }

    /// Refuses more zones than anyone needs: each of them has to be looked up.
    pub fn check_zones(&self) -> Outcome<()> {
        let mut found: HashSet<&str> = HashSet::new();
        for property in self.entries.iter().flat_map(|entry| &entry.properties) {
            found.extend(property.parameter("TZID"));
            if found.len() > MOST_ZONES {
                return Err(Fault::quota("calendar item has too many time zones"));
            }
        }
        Ok(())
    }

    /// Puts an entry in the place of the one that stands for the same; at the end where there is none.
    pub fn put(&mut self, which: Which, entry: Component, session: &Clock) {
        match self.position(which, session).and_then(|at| self.entries.get_mut(at)) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.arrange();
    }

    /// Takes the zones of another calendar in as far as they are missing.
    pub fn take_zones(&mut self, from: &Component) {
        for zone in from.inside("VTIMEZONE") {
            let id = zone.text("TZID");
            if !self.calendar.inside("VTIMEZONE").any(|known| known.text("TZID") == id) {
                self.calendar.components.push(zone.clone());
            }
        }
    }

    /// The typed view.
    pub fn series(&self, session: &Clock) -> Option<Series> {
        ical::series(&self.to_calendar(Method::Publish), session).into_iter().next()
    }

    /// The VCALENDAR with this method.
    pub fn to_calendar(&self, method: Method) -> Component {
        let mut calendar = self.calendar.clone();
        calendar.name = "VCALENDAR".into();
        if calendar.get("PRODID").is_none() {
            calendar.properties.insert(0, Property::of_text("PRODID", PRODUCT));
        }
        calendar.set(Property::new("VERSION", "2.0"));
        calendar.set(Property::new("METHOD", method.name()));
        calendar.components.extend(self.entries.iter().cloned());
        calendar
    }

    /// The same calendar around other entries, with the zones that those use.
    pub fn with(&self, entries: Vec<Component>, now: Timestamp) -> Self {
        let mut item = Self { calendar: self.calendar.clone(), entries };
        item.define_zones(now);
        item
    }

    /// Defines the zones that are used, and only those.
    pub fn define_zones(&mut self, now: Timestamp) {
        super::times::define(&mut self.calendar, &self.entries, now);
    }

    /// Gives times without a zone that of the session.
    pub fn complete_zones(&mut self, zone: &Zone) {
        self.entries.iter_mut().for_each(|entry| super::times::complete(entry, zone));
    }
}
