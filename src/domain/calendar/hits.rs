//! What of a calendar happens in a window of time: plain functions over rows.
//!
//! Spec: XIMSS, "Calendar Operations" (findEvents, findTasks).

use crate::format::ical::recur::{self, Caps};
use crate::model::calendar::{Clock, ItemKind, Series, Trigger, WallClock};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::{Timestamp, Zone};
use crate::store::calendars::{Occurrence, Shown, ShownEntry};
use std::ops::Range;
use std::sync::Arc;

/// The most that one find tells; more would take too much memory.
const MOST: usize = 100_000;
/// The most showings of events on days that one find tells.
const MOST_SHOWINGS: i64 = 500_000;
/// Repetitions of an alarm that are told.
const REPETITIONS: u32 = 10;
/// A clock on the wall is at most this many seconds away from Greenwich.
const FARTHEST: i64 = 15 * 3600;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub from: Timestamp,
    /// The second after the last one.
    pub till: Timestamp,
    /// The zone of whoever asks: times of the clock on the wall are read in it.
    pub zone: Zone,
    /// Look for alarms in the window instead of for what happens in it.
    pub by_alarm: bool,
    /// Events or tasks.
    pub kind: ItemKind,
}

/// Something found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// When the alarm goes off, where alarms were asked for.
    pub alarm: Option<Timestamp>,
    /// The row, by its place among the rows found.
    pub row: u32,
    /// The entry of the row.
    pub entry: u16,
}

impl Hit {
    /// The time by which it is found and sorted.
    pub fn at(&self) -> Timestamp {
        self.alarm.unwrap_or(self.start)
    }
}

/// True where something that starts and ends then touches a span; what takes no time touches the second it starts in.
pub fn touches(start: Timestamp, end: Timestamp, span: &Range<Timestamp>) -> bool {
    start < span.end && (end > span.start || start >= span.start)
}

/// What has been found so far.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// The rows.
    pub rows: Vec<Arc<Shown>>,
    /// What happens, in the order of rows until it is sorted.
    pub hits: Vec<Hit>,
    /// An item that happens more often in the window than is told; its UID.
    pub cut: Option<String>,
}

/// The instant of a time of an entry.
fn instant(clock: &Clock, entry: &ShownEntry, second: i64) -> Timestamp {
    if entry.floating { clock.to_instant(WallClock(second)) } else { Timestamp(second) }
}

impl Window {
    /// The window as a span.
    pub fn span(&self) -> Range<Timestamp> {
        self.from..self.till
    }

    /// The span in which an item must start to be of concern, wherever its clock is: alarms reach out of it.
    pub fn reach(&self, shown: &Shown) -> Range<Timestamp> {
        let (mut before, mut after) = (0i64, 0i64);
        if self.by_alarm {
            for alarm in shown.entries.iter().flat_map(|entry| &entry.alarms) {
                let repeated = alarm.every.saturating_mul(alarm.repeat.min(REPETITIONS).into());
                let (first, last) = match alarm.trigger {
                    Trigger::Start(by) => (by, by),
                    Trigger::End(by) => (by, by.saturating_add(shown.longest)),
                    Trigger::At(_) => (0, 0),
                };
                // An alarm long before the start is of concern to a window long before it.
                after = after.max(first.saturating_neg());
                before = before.max(last.saturating_add(repeated));
            }
        }
        self.from.plus(before.saturating_neg())..self.till.plus(after)
    }

    /// True where the occurrences of a row are all that there are in this window.
    pub fn is_covered(&self, shown: &Shown) -> bool {
        let Some(covered) = &shown.covered else { return true };
        let reach = self.reach(shown);
        covered.start <= reach.start.0.saturating_sub(FARTHEST) && reach.end.0.saturating_add(FARTHEST) <= covered.end
    }
}

impl Hits {
    /// Adds what of the occurrences of a row happens in a window, at most `most` of it.
    pub fn add(&mut self, window: &Window, clock: &Clock, shown: &Arc<Shown>, most: usize) {
        let (row, reach) = (self.rows.len() as u32, window.reach(shown));
        // Times of the clock on the wall are found around the window, and then looked at closely.
        let (from, till) = (reach.start.0.saturating_sub(FARTHEST), reach.end.0.saturating_add(FARTHEST));
        let anywhere = window.by_alarm && shown.entries.iter().flat_map(|e| &e.alarms).any(|a| matches!(a.trigger, Trigger::At(_)));
        let before = |one: &Occurrence| !anywhere && one.start.saturating_add(shown.longest) < from;
        let first = shown.occurrences.partition_point(before);
        let some = shown.occurrences.iter().skip(first).take_while(|one| anywhere || one.start < till);
        let made = some.filter_map(|one| {
            let entry = shown.entries.get(usize::from(one.entry))?;
            let start = instant(clock, entry, one.start);
            let end = instant(clock, entry, one.end()).max(start);
            Some(Hit { start, end, alarm: None, row, entry: one.entry })
        });
        let undated = Hit { start: window.from, end: window.from, alarm: None, row, entry: 0 };
        self.take(window, shown, made.chain(shown.undated.then_some(undated)), most);
    }

    /// Adds what a series has in a window, reckoned without its row's help.
    pub fn add_reckoned(&mut self, window: &Window, clock: &Clock, shown: &Arc<Shown>, series: &Series, most: usize) {
        let row = self.rows.len() as u32;
        // One more than is told shows that there are more.
        let expansion = recur::expand(series, window.reach(shown), clock, Caps { instances: most.saturating_add(1), ..Caps::default() });
        let made = expansion.instances.iter().map(|instance| {
            let entry = u16::try_from(instance.entry).unwrap_or(u16::MAX);
            Hit { start: instance.start, end: instance.end.max(instance.start), alarm: None, row, entry }
        });
        self.take(window, shown, made, most);
        if expansion.capped {
            self.cut = Some(shown.item_uid.clone());
        }
    }

    fn take(&mut self, window: &Window, shown: &Arc<Shown>, made: impl Iterator<Item = Hit>, most: usize) {
        let before = self.hits.len();
        if shown.kind != window.kind {
            return;
        }
        for hit in made {
            let Some(entry) = shown.entries.get(usize::from(hit.entry)) else { continue };
            if window.by_alarm {
                self.add_alarms(window, entry, hit);
            } else if touches(hit.start, hit.end, &window.span()) {
                self.hits.push(hit);
            }
            if self.hits.len() - before > most {
                self.hits.truncate(before + most);
                self.cut = Some(shown.item_uid.clone());
                break;
            }
        }
        if self.hits.len() > before {
            self.rows.push(shown.clone());
        }
    }

    fn add_alarms(&mut self, window: &Window, entry: &ShownEntry, hit: Hit) {
        let before = self.hits.len();
        for alarm in &entry.alarms {
            let first = alarm.at(hit.start.0, hit.end.0);
            for number in 0..=alarm.repeat.min(REPETITIONS) {
                let at = Timestamp(first.saturating_add(alarm.every.saturating_mul(number.into())));
                let known = || self.hits.iter().skip(before).any(|other| other.alarm == Some(at));
                if window.span().contains(&at) && !known() {
                    self.hits.push(Hit { alarm: Some(at), ..hit });
                }
            }
        }
    }

    /// Refuses more than a find tells at once.
    pub fn check_room(&self) -> Outcome<()> {
        if self.hits.len() > MOST { Err(Fault::quota("too many events in the time interval")) } else { Ok(()) }
    }

    /// Refuses more showings than a find tells: what lasts is shown on each of its days in a span.
    pub fn check_showings(&self, span: &Range<Timestamp>) -> Outcome<()> {
        let days = |hit: &Hit| match hit.alarm {
            Some(_) => 1,
            None => (hit.end.min(span.end).0.saturating_sub(hit.start.max(span.start).0) / 86_400).max(0) + 1,
        };
        let showings = self.hits.iter().map(days).fold(0i64, i64::saturating_add);
        if showings > MOST_SHOWINGS { Err(Fault::quota("too many events in the time interval")) } else { Ok(()) }
    }

    /// Puts them in order, and keeps those that a client has asked for. Gives how many there were.
    pub fn settle(&mut self, skip: usize, limit: usize) -> usize {
        // Rows come in the order of their messages, save where some were reckoned after the others.
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by_key(|row| self.rows.get(*row as usize).map(|row| (row.message, row.number)));
        let mut ranks = vec![0u32; order.len()];
        for (rank, row) in order.iter().enumerate() {
            if let Some(place) = ranks.get_mut(*row as usize) {
                *place = rank as u32;
            }
        }
        self.hits.sort_by_key(|hit| (hit.at(), ranks.get(hit.row as usize).copied(), hit.entry));
        let all = self.hits.len();
        self.hits.truncate(skip.saturating_add(limit).min(all));
        self.hits.drain(..skip.min(self.hits.len()));
        all
    }
}
