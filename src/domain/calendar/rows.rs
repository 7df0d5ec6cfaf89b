//! Rows by time: what a find shows of a series, made once, when its message is indexed.
//!
//! Occurrences are reckoned up to a horizon; a series that ends before it, or has few occurrences in all, is reckoned to
//! its end. Times of the clock on the wall stay such times: in which zone they are to be read depends on who looks.
//! Spec: RFC 5545 3.8.5.

use crate::format::ical::recur::rule::Rule;
use crate::format::ical::recur::{self, Caps};
use crate::model::calendar::{Busy, Clock, Entry, ItemKind, Series, When};
use crate::model::ids::Uid;
use crate::model::time::Timestamp;
use crate::store::calendars::{Occurrence, Shown, ShownEntry};
use std::ops::Range;

/// What lies farther back is reckoned when it is asked for.
const BEFORE: i64 = 200 * 86_400;
/// What lies farther ahead is reckoned when it is asked for.
const AFTER: i64 = 500 * 86_400;
/// Rows that were made longer ago are made anew, before the horizon comes near.
pub const LASTING: i64 = 300 * 86_400;
/// From the year 1 to the year 9999.
const EVER: Range<Timestamp> = Timestamp(-62_135_596_800)..Timestamp(253_402_300_799);
/// The most occurrences of a row.
const MOST: usize = 1_200;
/// An entry with more rules is taken to go on for ever.
const FEW_RULES: usize = 16;
/// Bytes of a summary that lists show.
const SUMMARY: usize = 2_048;
/// Bytes of a location that lists show.
const LOCATION: usize = 128;

/// Steps of work on all that one message holds.
const STEPS: usize = 4 * recur::STEPS;

/// What is left of the work on the rows of one message. Where it runs out, what else the message holds is reckoned when it
/// is asked for.
#[derive(Debug)]
pub struct Work {
    left: usize,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: STEPS }
    }
}

impl Work {
    /// The steps that were taken.
    pub fn spent(&self) -> usize {
        STEPS - self.left
    }
}

/// The occurrences of a series that touch a window, at most `most`; true where there are more.
fn occurrences(series: &Series, window: Range<Timestamp>, most: usize, work: &mut Work) -> (Vec<Occurrence>, bool) {
    let caps = Caps { instances: most, steps: recur::STEPS.min(work.left) };
    // Greenwich's clock leaves times of the clock on the wall as they are.
    let expansion = recur::expand(series, window, &Clock::GMT, caps);
    work.left = work.left.saturating_sub(expansion.steps);
    let made = expansion.instances.iter().map(|instance| Occurrence {
        start: instance.start.0,
        length: u32::try_from(instance.end.0.saturating_sub(instance.start.0).max(0)).unwrap_or(u32::MAX),
        entry: u16::try_from(instance.entry).unwrap_or(u16::MAX),
    });
    let mut made: Vec<Occurrence> = made.collect();
    made.sort_unstable_by_key(|one| (one.start, one.length));
    (made, expansion.capped)
}

/// The row of a series. `number`: which of the message's series it is.
pub fn shown(series: &Series, message: Uid, number: u32, now: Timestamp, work: &mut Work) -> Shown {
    let undated = series.kind == ItemKind::Task && series.entries.iter().all(|e| e.start.is_none() && e.due.is_none());
    let (mut occurrences, covered) = if undated { (Vec::new(), None) } else { reckoned(series, now, work) };
    let longest = occurrences.iter().map(|one| i64::from(one.length)).max().unwrap_or_default();
    if covered.as_ref().is_some_and(Range::is_empty) {
        occurrences.clear();
    }
    Shown {
        message,
        number,
        kind: series.kind,
        item_uid: series.uid.clone(),
        readable: true,
        recurring: series.is_recurrent(),
        entries: series.entries.iter().map(entry).collect(),
        undated,
        longest,
        occurrences,
        covered,
    }
}

/// All occurrences where that is a small matter, else those near the present, and where these are all.
fn reckoned(series: &Series, now: Timestamp, work: &mut Work) -> (Vec<Occurrence>, Option<Range<i64>>) {
    if series.entries.iter().all(|e| e.rules.len() <= FEW_RULES && e.rules.iter().all(|rule| ends(rule))) {
        let (all, more) = occurrences(series, EVER, MOST, work);
        if !more {
            return (all, None);
        }
    }
    let window = now.plus(-BEFORE)..now.plus(AFTER);
    let (some, more) = occurrences(series, window.clone(), MOST, work);
    // One that happens too often is reckoned when it is asked for.
    if more { (some, Some(0..0)) } else { (some, Some(window.start.0..window.end.0)) }
}

/// True for a rule that comes to an end; one that cannot be read gives nothing.
fn ends(rule: &str) -> bool {
    Rule::read(rule).is_none_or(|rule| rule.ends())
}

fn entry(entry: &Entry) -> ShownEntry {
    let time = entry.start.as_ref().or(entry.due.as_ref());
    let cancelled = entry.status == "CANCELLED";
    ShownEntry {
        floating: matches!(time, Some(When::Date(_) | When::Floating(_))),
        all_day: matches!(time, Some(When::Date(_))),
        has_start: entry.start.is_some(),
        has_due: entry.due.is_some(),
        recurrence_id: entry.recurrence_id.as_ref().map(without_clock),
        alarms: entry.alarms.iter().take(16).copied().collect(),
        busy: if cancelled { Busy::Free } else { entry.busy },
        cancelled,
        summary: shortened(&entry.summary, SUMMARY),
        location: shortened(&entry.location, LOCATION),
        priority: entry.priority,
        percent: entry.percent,
        organizer: shortened(&entry.organizer, 320),
        attendees: entry.attendees,
    }
}

/// A time without its clock, which may be large: the instant says as much.
fn without_clock(when: &When) -> When {
    match when {
        When::Zoned(wall, clock) => When::Instant(clock.to_instant(*wall)),
        other => other.clone(),
    }
}

/// The row of a message whose calendar part cannot be read: it is shown at the time it came, under its subject.
pub fn unreadable(message: Uid, came: Timestamp, subject: &str) -> Shown {
    Shown {
        message,
        number: 0,
        kind: ItemKind::Event,
        item_uid: String::new(),
        readable: false,
        recurring: false,
        entries: vec![ShownEntry {
            floating: false,
            all_day: false,
            has_start: true,
            has_due: false,
            recurrence_id: None,
            alarms: Vec::new(),
            busy: Busy::Free,
            cancelled: false,
            summary: shortened(subject, SUMMARY),
            location: String::new(),
            priority: None,
            percent: None,
            organizer: String::new(),
            attendees: 0,
        }],
        undated: false,
        longest: 0,
        occurrences: vec![Occurrence { start: came.0, length: 0, entry: 0 }],
        covered: None,
    }
}

/// A text of at most so many bytes; what was longer ends with an ellipsis.
fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", text.get(..cut).unwrap_or_default())
}
