//! An iCalendar document from elsewhere as a calendar: its events in memory, with the same rows by time as those of a
//! mailbox, so that finds in both are one. Bounded in items and bytes; read, and reckoned with, a little at a time.
//!
//! An event's number is its place in the document, from 1 on. Tasks of a document are not used.
//! Spec: XIMSS, "Calendar Operations" (calendarOpen, url).

use super::hits::{Hits, Window};
use super::rows::{self, Work};
use crate::domain::house::House;
use crate::format::ical::{self, Bounds, Item, Items};
use crate::model::calendar::{Clock, ItemKind, Series};
use crate::model::component::Component;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::Uid;
use crate::model::time::Timestamp;
use crate::store::calendars::Shown;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most events of a document.
const MOST: usize = 20_000;
/// The most bytes that a document takes in memory, about.
const MOST_BYTES: usize = 32 << 20;
/// Work goes on for this long at most, then others get their turn.
const TURN: Duration = Duration::from_millis(20);

/// A document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The text of each item.
    items: Vec<String>,
    /// Rows by time, with what they were made of.
    rows: Vec<(Arc<Shown>, Series)>,
    bytes: usize,
}

/// A document that is being read.
struct Reading {
    left: Items<Cursor<Vec<u8>>>,
    document: Document,
    bounds: Bounds,
}

impl Document {
    /// Reads a document. `clock` is for times whose zone nobody knows.
    pub async fn read(house: &House, bytes: Vec<u8>, clock: Clock) -> Outcome<Self> {
        let bounds = Bounds::of(&house.settings().limits);
        let open = move || Ok(Reading { left: Items::open(Cursor::new(bytes), bounds)?, document: Self::default(), bounds });
        let mut reading = house.store.compute(open).await?;
        let now = Timestamp::now();
        while reading.left.left() > 0 {
            let clock = clock.clone();
            let some = move || {
                reading.some(&clock, now)?;
                Ok(reading)
            };
            reading = house.store.compute(some).await?;
        }
        Ok(reading.document)
    }

    /// What happens in a window, in no order yet; `most` of each event.
    pub async fn find(self: &Arc<Self>, house: &House, window: &Window, most: usize) -> Outcome<Hits> {
        let (mut hits, mut done) = (Hits::default(), 0);
        while done < self.rows.len() {
            let (document, window) = (self.clone(), window.clone());
            (hits, done) = house.store.compute(move || document.find_some(&window, most, hits, done)).await?;
        }
        Ok(hits)
    }

    fn find_some(&self, window: &Window, most: usize, mut hits: Hits, from: usize) -> Outcome<(Hits, usize)> {
        let (begun, clock) = (Instant::now(), Clock::Known(window.zone));
        for (at, (shown, series)) in self.rows.iter().enumerate().skip(from) {
            if begun.elapsed() > TURN && at > from {
                return Ok((hits, at));
            }
            if window.is_covered(shown) {
                hits.add(window, &clock, shown, most);
            } else {
                hits.add_reckoned(window, &clock, shown, series, most);
            }
            hits.check_room()?;
        }
        Ok((hits, self.rows.len()))
    }

    fn check_room(&self) -> Outcome<()> {
        match self.items.len() > MOST || self.bytes > MOST_BYTES {
            true => Err(Fault::quota("the calendar is too large")),
            false => Ok(()),
        }
    }

    /// The components of an item.
    pub fn item(&self, number: Uid, bounds: Bounds) -> Outcome<Vec<Component>> {
        let at = (number.0 as usize).checked_sub(1).ok_or_else(Fault::no_message)?;
        ical::parse_within(self.items.get(at).ok_or_else(Fault::no_message)?.as_bytes(), bounds)
    }
}

impl Reading {
    /// Reads some of the items that are left.
    fn some(&mut self, clock: &Clock, now: Timestamp) -> Outcome<()> {
        let begun = Instant::now();
        while let Some(item) = self.left.next() {
            self.take(item?, clock, now)?;
            if begun.elapsed() > TURN {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, item: Item, clock: &Clock, now: Timestamp) -> Outcome<()> {
        let document = &mut self.document;
        let number = Uid(u32::try_from(document.items.len() + 1).unwrap_or(u32::MAX));
        let (text, series) = match item {
            Item::Read(calendar) => {
                let series = ical::series(&calendar, clock);
                (ical::write(&calendar), series.into_iter().filter(|one| one.kind == ItemKind::Event).collect::<Vec<_>>())
            }
            Item::Unreadable { raw, why, .. } => {
                let text = String::from_utf8_lossy(&raw).into_owned();
                document.bytes += text.len();
                document.items.push(text);
                // It is shown at the time it was fetched, as such a message is at the time it came.
                let shown = rows::unreadable(number, now, &format!("Unreadable calendar item ({})", why.text));
                document.rows.push((Arc::new(shown), Series { kind: ItemKind::Event, uid: String::new(), entries: Vec::new() }));
                return document.check_room();
            }
        };
        if series.is_empty() {
            return Ok(());
        }
        document.bytes += text.len().min(self.bounds.bytes);
        document.items.push(text);
        let mut work = Work::default();
        for (series, place) in series.into_iter().zip(0..) {
            let shown = rows::shown(&series, number, place, now, &mut work);
            // The row and what it was made of say about the same.
            document.bytes += shown.weight() * 2;
            document.rows.push((Arc::new(shown), series));
        }
        document.check_room()
    }
}

#[cfg(test)]
mod tests;
