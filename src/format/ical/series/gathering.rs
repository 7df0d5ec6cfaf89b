//! Which entries are one series. An item may have thousands, so that each finds its place by a key.
//! Spec: RFC 5545 3.8.4.4, 3.8.4.7.

use crate::model::calendar::{Entry, ItemKind, Series, When};
use std::collections::HashMap;

/// Series under way.
#[derive(Default)]
pub(super) struct Gathering {
    pub(super) all: Vec<Series>,
    /// The first series of a UID: exceptions belong to it.
    first: HashMap<(bool, String), usize>,
    /// Series whose main item starts then, by the first series of their UID.
    mains: HashMap<(usize, Place), Vec<usize>>,
    /// Exceptions of a series that stand for an instance then: which of its exceptions they are.
    exceptions: HashMap<(usize, Place), Vec<usize>>,
}

/// A time but for its clock; none for an entry without one.
type Place = Option<(u8, i64)>;

fn place(when: Option<&When>) -> Place {
    when.map(|when| match when {
        When::Date(wall) => (0, wall.0),
        When::Floating(wall) => (1, wall.0),
        When::Instant(at) => (2, at.0),
        When::Zoned(wall, _) => (3, wall.0),
    })
}

impl Gathering {
    pub(super) fn add(&mut self, kind: ItemKind, uid: String, entry: Entry) {
        let key = (kind == ItemKind::Task, uid);
        let first = self.first.get(&key).copied().filter(|_| !key.1.is_empty());
        match first {
            None => {
                let new = self.all.len();
                self.note(new, new, &entry);
                self.first.insert(key.clone(), new);
                self.all.push(Series { kind, uid: key.1, entries: vec![entry] });
            }
            Some(first) if entry.recurrence_id.is_some() => self.add_exception(first, entry),
            Some(first) => self.add_main(first, entry),
        }
    }

    /// Notes the entry of a new series.
    fn note(&mut self, first: usize, series: usize, entry: &Entry) {
        match &entry.recurrence_id {
            Some(id) => self.exceptions.entry((series, place(Some(id)))).or_default().push(0),
            None => self.mains.entry((first, place(entry.start.as_ref()))).or_default().push(series),
        }
    }

    /// Another exception of the same instance replaces one of an older sequence.
    fn add_exception(&mut self, at: usize, entry: Entry) {
        let Some(series) = self.all.get_mut(at) else { return };
        let begin = usize::from(series.main().is_some());
        let alike = self.exceptions.entry((at, place(entry.recurrence_id.as_ref()))).or_default();
        for number in alike.iter() {
            if let Some(old) = series.entries.get_mut(begin + number).filter(|old| old.recurrence_id == entry.recurrence_id) {
                if old.sequence <= entry.sequence {
                    *old = entry;
                }
                return;
            }
        }
        alike.push(series.entries.len() - begin);
        series.entries.push(entry);
    }

    fn add_main(&mut self, first: usize, entry: Entry) {
        let alike = self.mains.entry((first, place(entry.start.as_ref()))).or_default();
        if let Some(series) = self.all.get_mut(first).filter(|series| series.main().is_none()) {
            series.entries.insert(0, entry);
            alike.push(first);
            return;
        }
        for at in alike.iter() {
            let old = self.all.get_mut(*at).and_then(|series| series.entries.first_mut());
            if let Some(old) = old.filter(|old| old.start == entry.start) {
                if old.sequence <= entry.sequence {
                    *old = entry;
                }
                return;
            }
        }
        let Some(Series { kind, uid, .. }) = self.all.get(first) else { return };
        let new = Series { kind: *kind, uid: uid.clone(), entries: vec![entry] };
        alike.push(self.all.len());
        self.all.push(new);
    }
}
