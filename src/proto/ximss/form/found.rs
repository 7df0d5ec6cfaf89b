//! What is found in calendars, as XML: events, tasks, free and busy times; and the times that ask for it.
//!
//! All times are those of the session's zone. Spec: XIMSS, "Calendar Operations" (events, tasks, freeBusyData).

use crate::domain::calendar::freebusy::FreeBusy;
use crate::domain::calendar::hits::{Hit, Hits};
use crate::domain::calendar::published;
use crate::model::calendar::{Clock, ItemKind, WallClock, When};
use crate::model::time::{Timestamp, Zone};
use crate::store::calendars::{Shown, ShownEntry};
use crate::xml::{Element, FromAttr};

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

    /// Something found, as an `event` or a `task`.
    pub fn found(&self, hits: &Hits, hit: &Hit) -> Option<Element> {
        let shown = hits.rows.get(hit.row as usize)?;
        let entry = shown.entries.get(usize::from(hit.entry))?;
        let element = match shown.kind {
            ItemKind::Event => self.event(shown, entry, hit),
            ItemKind::Task => self.task(shown, entry, hit),
        };
        let yes = |is: bool| is.then_some("yes");
        let element = element
            .with_some("organizer", yes(self.is_organizer(entry)))
            .with_some("recurrence", yes(shown.recurring))
            .with_some("recurrenceId", entry.recurrence_id.as_ref().map(recurrence_id))
            .with_some("attendees", Some(entry.attendees).filter(|n| *n > 0))
            .with_some("location", Some(&entry.location).filter(|l| !l.is_empty()))
            .with_some("priority", entry.priority)
            .with_some("unreadable", yes(!shown.readable));
        Some(element.child(Element::new("summary").text(&entry.summary)))
    }

    fn event(&self, shown: &Shown, entry: &ShownEntry, hit: &Hit) -> Element {
        let element = Element::new("event").with("UID", shown.message).with("itemUID", &shown.item_uid);
        let start = hit.start.local(&self.zone);
        let by_day = entry.all_day && hit.alarm.is_none();
        let element = match by_day {
            true => element.with("dateFrom", start.get(..8).unwrap_or(&start)),
            false => element.with("timeFrom", start),
        };
        element
            .with("duration", self.duration(entry, hit))
            .with_some("alarmTime", hit.alarm.map(|at| at.local(&self.zone)))
            .with("busyStatus", entry.busy.name())
    }

    /// Days count 24 hours each, whatever the zone's clock does meanwhile.
    fn duration(&self, entry: &ShownEntry, hit: &Hit) -> i64 {
        let wall = |at: Timestamp| at.0.saturating_add(self.zone.shift_at(at).into());
        if entry.all_day { wall(hit.end).saturating_sub(wall(hit.start)) } else { hit.end.0.saturating_sub(hit.start.0) }
    }

    fn task(&self, shown: &Shown, entry: &ShownEntry, hit: &Hit) -> Element {
        Element::new("task")
            .with("UID", shown.message)
            .with("itemUID", &shown.item_uid)
            .with_some("timeFrom", entry.has_start.then(|| hit.start.local(&self.zone)))
            .with_some("due", entry.has_due.then(|| hit.end.local(&self.zone)))
            .with_some("percent-complete", entry.percent)
            .with_some("alarmTime", hit.alarm.map(|at| at.local(&self.zone)))
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
