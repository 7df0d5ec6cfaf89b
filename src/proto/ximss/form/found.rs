//! What is found in calendars, as XML: events, tasks, free and busy times; and the times that ask for it.
//!
//! All times are those of the session's zone. Spec: XIMSS, "Calendar Operations" (events, tasks, freeBusyData).

use crate::domain::calendar::freebusy::FreeBusy;
use crate::domain::calendar::hits::{Hit, Hits};
use crate::domain::calendar::published;
use crate::model::calendar::{Clock, ItemKind, WallClock, When};
use crate::model::time::{Timestamp, Zone};
use crate::store::calendars::{Shown, ShownEntry};
use crate::xml::{Element, FromAttr, Pen};

/// A time as clients write it: of the session's zone, or of Greenwich where a `Z` says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    wall: WallClock,
    gmt: bool,
}

impl FromAttr for LocalTime {
    const KIND: &'static str = "date and time of the selected zone";
    const SAMPLE: &'static str = "20060410T000000";
    fn from_attr(text: &str) -> Option<Self> {
        let text = text.trim();
        let wall = WallClock(text.parse::<Timestamp>().ok()?.0);
        Some(Self { wall, gmt: text.ends_with(['Z', 'z']) })
    }
}

impl LocalTime {
    /// The instant, where the session is in this zone.
    pub fn within(self, zone: &Zone) -> Timestamp {
        if self.gmt { Timestamp(self.wall.0) } else { Clock::Known(*zone).to_instant(self.wall) }
    }
}

/// What is known of who asks: the addresses that are its own, and its zone.
pub struct Reader {
    /// In lower case.
    pub addresses: Vec<String>,
    /// The session's zone.
    pub zone: Zone,
}

impl Reader {
    fn is_organizer(&self, entry: &ShownEntry) -> bool {
        self.addresses.iter().any(|own| own.eq_ignore_ascii_case(&entry.organizer))
    }

    /// Writes something found, as an `event` or a `task`.
    pub fn found(&self, pen: &mut Pen, hits: &Hits, hit: &Hit) {
        let Some(shown) = hits.rows.get(hit.row as usize) else { return };
        let Some(entry) = shown.entries.get(usize::from(hit.entry)) else { return };
        match shown.kind {
            ItemKind::Event => self.event(pen, shown, entry, hit),
            ItemKind::Task => self.task(pen, shown, entry, hit),
        }
        let flags = [("organizer", self.is_organizer(entry)), ("recurrence", shown.recurring)];
        flags.iter().filter(|(_, is)| *is).for_each(|(name, _)| pen.attribute(name, "yes"));
        if let Some(id) = &entry.recurrence_id {
            pen.attribute("recurrenceId", &recurrence_id(id));
        }
        if entry.attendees > 0 {
            pen.plain("attendees", entry.attendees);
        }
        if !entry.location.is_empty() {
            pen.attribute("location", &entry.location);
        }
        if let Some(priority) = entry.priority {
            pen.plain("priority", priority);
        }
        if !shown.readable {
            pen.attribute("unreadable", "yes");
        }
        pen.open("summary");
        pen.text(&entry.summary);
        pen.close();
        pen.close();
    }

    fn time(&self, pen: &mut Pen, name: &str, at: Timestamp) {
        pen.appended(name, |out| at.append_local(&self.zone, out));
    }

    fn event(&self, pen: &mut Pen, shown: &Shown, entry: &ShownEntry, hit: &Hit) {
        pen.open("event");
        pen.plain("UID", shown.message.0);
        pen.attribute("itemUID", &shown.item_uid);
        match entry.all_day && hit.alarm.is_none() {
            true => pen.attribute("dateFrom", hit.start.local(&self.zone).get(..8).unwrap_or_default()),
            false => self.time(pen, "timeFrom", hit.start),
        }
        pen.plain("duration", self.duration(entry, hit));
        if let Some(at) = hit.alarm {
            self.time(pen, "alarmTime", at);
        }
        pen.attribute("busyStatus", entry.busy.name());
    }

    /// Days count 24 hours each, whatever the zone's clock does meanwhile.
    fn duration(&self, entry: &ShownEntry, hit: &Hit) -> i64 {
        let wall = |at: Timestamp| at.0.saturating_add(self.zone.shift_at(at).into());
        if entry.all_day { wall(hit.end).saturating_sub(wall(hit.start)) } else { hit.end.0.saturating_sub(hit.start.0) }
    }

    fn task(&self, pen: &mut Pen, shown: &Shown, entry: &ShownEntry, hit: &Hit) {
        pen.open("task");
        pen.plain("UID", shown.message.0);
        pen.attribute("itemUID", &shown.item_uid);
        if entry.has_start {
            self.time(pen, "timeFrom", hit.start);
        }
        if entry.has_due {
            self.time(pen, "due", hit.end);
        }
        if let Some(percent) = entry.percent {
            pen.plain("percent-complete", percent);
        }
        if let Some(at) = hit.alarm {
            self.time(pen, "alarmTime", at);
        }
    }

    /// Free and busy times.
    pub fn free_busy(&self, times: &FreeBusy) -> Element {
        let local = |at: Timestamp| at.local(&self.zone);
        let periods = times.periods.iter().map(|period| {
            let span = format!("{}/{}", local(period.span.start), local(period.span.end));
            Element::new("freebusy").with("FBTYPE", published::kind(period.busy)).text(span)
        });
        Element::new("vfreebusy")
            .child(Element::new("dtstart").text(local(times.span.start)))
            .child(Element::new("dtend").text(local(times.span.end)))
            .children(periods)
    }
}

/// What instance an exception stands for: an instant where it has a zone, else the date or time that it has everywhere.
fn recurrence_id(when: &When) -> String {
    match when {
        When::Date(wall) => Timestamp(wall.0).gmt_bare().get(..8).unwrap_or_default().to_owned(),
        When::Floating(wall) => Timestamp(wall.0).gmt_bare(),
        When::Instant(_) | When::Zoned(..) => when.instant(&Clock::GMT).gmt(),
    }
}
