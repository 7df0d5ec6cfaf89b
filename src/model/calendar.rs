//! Calendar items as a calendar needs them: when they are, how they recur, what a list of them shows. Made from the
//! components of a stored item (`format::ical`), kept as index rows (`store::calendars`), answered by calendar views.
//!
//! Spec: RFC 5545 3.6 and 3.8; XIMSS, "Calendar Operations".

use super::time::{Timestamp, Zone};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An event or a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemKind {
    /// VEVENT.
    Event,
    /// VTODO.
    Task,
}

/// What a clock on the wall shows: seconds since 1970-01-01T00:00:00 of that clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WallClock(pub i64);

/// The clock of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// A zone that the server knows.
    Known(Zone),
    /// A zone that came with the item and that nobody else knows.
    Own(Arc<OwnClock>),
}

/// A zone as a VTIMEZONE defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnClock {
    /// Its TZID.
    pub name: String,
    /// Seconds ahead of Greenwich before the first change.
    pub before: i32,
    /// The changes in order: from this instant on, so many seconds ahead of Greenwich.
    pub changes: Vec<(Timestamp, i32)>,
}

/// A date or a time as an item has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// A day, wherever one is: midnight of the wall clock.
    Date(WallClock),
    /// A time of the wall clock, wherever one is.
    Floating(WallClock),
    /// An instant (`...Z`).
    Instant(Timestamp),
    /// A time of a zone's clock.
    Zoned(WallClock, Clock),
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    /// So many days of the wall clock, whatever the zone does meanwhile.
    Days(i64),
    /// So many seconds.
    Seconds(i64),
}

/// When an alarm goes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// So many seconds after the start; before it when negative.
    Start(i64),
    /// So many seconds after the end, or the time a task is due.
    End(i64),
    /// At this instant.
    At(Timestamp),
}

/// An alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// When it goes off first.
    pub trigger: Trigger,
    /// How often it is repeated.
    pub repeat: u32,
    /// Seconds between repetitions.
    pub every: i64,
}

impl Alarm {
    /// When it goes off first, for something that starts and ends then; seconds.
    pub fn at(&self, start: i64, end: i64) -> i64 {
        match self.trigger {
            Trigger::Start(after) => start.saturating_add(after),
            Trigger::End(after) => end.saturating_add(after),
            Trigger::At(at) => at.0,
        }
    }
}

/// One VEVENT or VTODO: the item itself, or one of its exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What instance of the series this stands for; None for the item itself.
    pub recurrence_id: Option<When>,
    /// It stands for the instances after that one too (RANGE=THISANDFUTURE).
    pub and_following: bool,
    /// When it starts. Tasks may have no start.
    pub start: Option<When>,
    /// How long it takes.
    pub length: Length,
    /// When a task is due.
    pub due: Option<When>,
    /// RRULE values as they are written.
    pub rules: Vec<String>,
    /// EXRULE values.
    pub exclusion_rules: Vec<String>,
    /// RDATE: more starts, with lengths of their own where they are periods.
    pub dates: Vec<(When, Option<Length>)>,
    /// EXDATE: starts that do not happen, the first included.
    pub excluded: Vec<When>,
    /// Its alarms.
    pub alarms: Vec<Alarm>,
    /// How it counts.
    pub busy: Busy,
    /// STATUS in upper case: `CANCELLED`, `COMPLETED`; empty where there is none.
    pub status: String,
    /// SUMMARY.
    pub summary: String,
    /// LOCATION.
    pub location: String,
    /// PRIORITY, 0 to 9.
    pub priority: Option<u8>,
    /// PERCENT-COMPLETE.
    pub percent: Option<u16>,
    /// COMPLETED.
    pub completed: Option<Timestamp>,
    /// The organizer's address without `MAILTO:`; empty where there is none.
    pub organizer: String,
    /// How many attendees.
    pub attendees: u32,
    /// SEQUENCE.
    pub sequence: u32,
}

/// All that one stored item says under one UID: the item and its exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// An event or a task.
    pub kind: ItemKind,
    /// The item's UID, a string.
    pub uid: String,
    /// The item first, where it is there, then its exceptions.
    pub entries: Vec<Entry>,
}

/// How a busy time counts: `busystatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Busy {
    /// FREE.
    Free,
    /// TENTATIVE.
    Tentative,
    /// BUSY.
    Busy,
    /// UNAVAILABLE: out of office.
    Unavailable,
}

impl Busy {
    /// As the wire spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "FREE",
            Self::Tentative => "TENTATIVE",
            Self::Busy => "BUSY",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}
