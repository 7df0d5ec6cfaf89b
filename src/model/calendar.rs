//! Calendar items as a calendar needs them: when they are, how they recur, what a list of them shows. Made from the
//! components of a stored item (`format::ical`), kept as index rows (`store::calendars`), answered by calendar views.
//!
//! Spec: RFC 5545 3.6 and 3.8; XIMSS, "Calendar Operations".

mod clock;
mod stored;

use super::time::Timestamp;
pub use clock::{Clock, OwnClock, WallClock};
use serde::{Deserialize, Serialize};

/// An event or a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemKind {
    /// VEVENT.
    Event,
    /// VTODO.
    Task,
}

/// A date or a time as an item has it. The clocks are what they are; only the stored form (`stored`) has numbers for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum When<C = Clock> {
    /// A day, wherever one is: midnight of the wall clock.
    Date(WallClock),
    /// A time of the wall clock, wherever one is.
    Floating(WallClock),
    /// An instant (`...Z`).
    Instant(Timestamp),
    /// A time of a zone's clock.
    Zoned(WallClock, C),
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    /// So many days of the wall clock, whatever the zone does meanwhile.
    Days(i64),
    /// So many seconds.
    Seconds(i64),
    /// So many days of the wall clock, then so many seconds (`P1DT2H`).
    Both(i64, i64),
}

impl Default for Length {
    fn default() -> Self {
        Self::Seconds(0)
    }
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
pub struct Entry<C = Clock> {
    /// What instance of the series this stands for; None for the item itself.
    pub recurrence_id: Option<When<C>>,
    /// It stands for the instances after that one too (RANGE=THISANDFUTURE).
    pub and_following: bool,
    /// When it starts. Tasks may have no start.
    pub start: Option<When<C>>,
    /// How long it takes.
    pub length: Length,
    /// When a task is due.
    pub due: Option<When<C>>,
    /// RRULE values as they are written.
    pub rules: Vec<String>,
    /// EXRULE values.
    pub exclusion_rules: Vec<String>,
    /// RDATE: more starts, with lengths of their own where they are periods.
    pub dates: Vec<(When<C>, Option<Length>)>,
    /// EXDATE: starts that do not happen, the first included.
    pub excluded: Vec<When<C>>,
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

/// All that one stored item says under one UID: the item and its exceptions. Stored, it names each of its clocks once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::Stored", into = "stored::Stored")]
pub struct Series {
    /// An event or a task.
    pub kind: ItemKind,
    /// The item's UID, a string.
    pub uid: String,
    /// The item first, where it is there, then its exceptions.
    pub entries: Vec<Entry>,
}

impl Series {
    /// The item itself, where it is there.
    pub fn main(&self) -> Option<&Entry> {
        self.entries.first().filter(|entry| entry.recurrence_id.is_none())
    }

    /// True when the item happens more than once.
    pub fn is_recurrent(&self) -> bool {
        self.main().is_some_and(|main| !main.rules.is_empty() || !main.dates.is_empty())
    }
}

impl Entry {
    /// What it is placed by in time: its start, or the time it is due where a task has no start, or the instance it stands for.
    pub fn anchor(&self) -> Option<&When> {
        self.start.as_ref().or(self.due.as_ref()).or(self.recurrence_id.as_ref())
    }
}

impl When {
    /// The instant, a day or a floating time taken on this clock.
    pub fn instant(&self, session: &Clock) -> Timestamp {
        match self {
            Self::Date(wall) | Self::Floating(wall) => session.to_instant(*wall),
            Self::Instant(at) => *at,
            Self::Zoned(wall, clock) => clock.to_instant(*wall),
        }
    }

    /// What this clock shows then; days and floating times are the same on every clock.
    pub fn wall(&self, clock: &Clock) -> WallClock {
        match self {
            Self::Date(wall) | Self::Floating(wall) => *wall,
            Self::Instant(at) => clock.to_wall(*at),
            Self::Zoned(wall, own) if own == clock => *wall,
            Self::Zoned(wall, own) => clock.to_wall(own.to_instant(*wall)),
        }
    }

    /// True for a day without a time.
    pub fn is_date(&self) -> bool {
        matches!(self, Self::Date(_))
    }
}

impl Length {
    /// When something ends that starts at this time of a clock. Days are those of the clock, whatever its zone does
    /// meanwhile; seconds are seconds.
    pub fn end(self, start: WallClock, clock: &Clock) -> Timestamp {
        match self {
            Self::Seconds(seconds) => clock.to_instant(start).plus(seconds),
            Self::Days(days) => clock.to_instant(start.plus(days.saturating_mul(86_400))),
            Self::Both(days, seconds) => clock.to_instant(start.plus(days.saturating_mul(86_400))).plus(seconds),
        }
    }

    /// About how many seconds it takes; exact but for days on which a zone changes.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Days(days) => days.saturating_mul(86_400),
            Self::Both(days, seconds) => days.saturating_mul(86_400).saturating_add(seconds),
        }
    }
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
