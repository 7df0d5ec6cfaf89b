//! Components to series: the typed view of items that calendars are kept by. What cannot be read is as if it were not
//! there; nothing here is an error, and the component keeps what it has. Spec: RFC 5545 3.6.1, 3.6.2, 3.6.6, 3.8.

mod alarms;
mod times;

use super::zone::Zones;
use crate::model::calendar::{Busy, Clock, Entry, ItemKind, Length, Series};
use crate::model::component::Component;
use crate::model::time::Timestamp;
use times::Times;

/// The items of a VCALENDAR (or one bare VEVENT or VTODO), each with its exceptions. `default` is the clock for zones that
/// nobody knows. Several main items of one UID that do not start at the same time are several series; of those that do,
/// the one with the highest SEQUENCE counts.
pub fn series(component: &Component, default: &Clock) -> Vec<Series> {
    let mut zones = Zones::of(component, default);
    let mut all: Vec<Series> = Vec::new();
    let bare = std::iter::once(component).filter(|c| kind(c).is_some());
    for item in bare.chain(component.components.iter()) {
        let Some(kind) = kind(item) else { continue };
        let uid = item.text("UID").map(|uid| uid.trim().to_owned()).unwrap_or_default();
        let entry = entry(item, kind, &mut zones);
        let same = |series: &&mut Series| !uid.is_empty() && series.uid == uid && series.kind == kind;
        match (all.iter_mut().find(same), entry.recurrence_id.is_some()) {
            (Some(series), true) => add_exception(series, entry),
            (Some(series), false) if series.main().is_none() => series.entries.insert(0, entry),
            (Some(_), false) => add_main(&mut all, Series { kind, uid, entries: vec![entry] }),
            (None, _) => all.push(Series { kind, uid, entries: vec![entry] }),
        }
    }
    all
}

fn kind(component: &Component) -> Option<ItemKind> {
    if component.is("VEVENT") {
        Some(ItemKind::Event)
    } else if component.is("VTODO") {
        Some(ItemKind::Task)
    } else {
        None
    }
}

/// Another exception of the same instance replaces one of an older sequence.
fn add_exception(series: &mut Series, entry: Entry) {
    match series.entries.iter_mut().find(|old| old.recurrence_id == entry.recurrence_id) {
        Some(old) if old.sequence <= entry.sequence => *old = entry,
        Some(_) => {}
        None => series.entries.push(entry),
    }
}

fn add_main(all: &mut Vec<Series>, new: Series) {
    let Some(start) = new.main().map(|main| main.start.clone()) else { return };
    let twin = |old: &&mut Series| old.uid == new.uid && old.kind == new.kind && old.main().is_some_and(|main| main.start == start);
    let sequence = new.main().map_or(0, |main| main.sequence);
    match all.iter_mut().find(twin) {
        Some(old) if old.main().is_some_and(|main| main.sequence > sequence) => {}
        Some(old) => {
            let exceptions = old.entries.drain(1..).collect::<Vec<_>>();
            old.entries = new.entries.into_iter().chain(exceptions).collect();
        }
        None => all.push(new),
    }
}

/// An address without `MAILTO:`.
pub fn address(value: &str) -> &str {
    let value = value.trim();
    match value.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => value.get(7..).unwrap_or_default().trim(),
        _ => value,
    }
}

fn entry(item: &Component, kind: ItemKind, zones: &mut Zones) -> Entry {
    let number = |name: &str| item.get(name).and_then(|p| p.value.trim().parse::<i64>().ok());
    let text = |name: &str| item.text(name).unwrap_or_default();
    let rules = |name: &str| item.all(name).map(|p| p.value.trim().to_owned()).filter(|rule| !rule.is_empty()).collect();
    let status = text("STATUS").trim().to_ascii_uppercase();
    let mut times = Times { item, zones };
    let (start, length, due) = times.span(kind);
    let id = item.get("RECURRENCE-ID");
    Entry {
        recurrence_id: id.and_then(|id| times.when(id)),
        and_following: id.and_then(|id| id.parameter("RANGE")).is_some_and(|range| range.eq_ignore_ascii_case("THISANDFUTURE")),
        start,
        length,
        due,
        rules: rules("RRULE"),
        exclusion_rules: rules("EXRULE"),
        dates: times.dates(),
        excluded: times.list("EXDATE"),
        alarms: alarms::alarms(item, &mut times),
        busy: busy(item, kind, &status),
        status,
        summary: text("SUMMARY"),
        location: text("LOCATION"),
        priority: number("PRIORITY").and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 9),
        percent: number("PERCENT-COMPLETE").and_then(|n| u16::try_from(n).ok()),
        completed: item.get("COMPLETED").and_then(|p| times.when(p)).map(|when| when.instant(times.zones.default())),
        organizer: item.get("ORGANIZER").map(|p| address(&p.value).to_owned()).unwrap_or_default(),
        attendees: u32::try_from(item.all("ATTENDEE").count()).unwrap_or(u32::MAX),
        sequence: number("SEQUENCE").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
    }
}

/// What an item says of itself first, then what its transparency and its status say. Tasks take no one's time.
fn busy(item: &Component, kind: ItemKind, status: &str) -> Busy {
    if status == "CANCELLED" || kind == ItemKind::Task {
        return Busy::Free;
    }
    let said = item.get("X-MICROSOFT-CDO-BUSYSTATUS").or_else(|| item.get("BUSYSTATUS"));
    let said = said.and_then(|p| match p.value.trim().to_ascii_uppercase().as_str() {
        "FREE" | "WORKINGELSEWHERE" => Some(Busy::Free),
        "TENTATIVE" => Some(Busy::Tentative),
        "BUSY" => Some(Busy::Busy),
        "OOF" | "UNAVAILABLE" => Some(Busy::Unavailable),
        _ => None,
    });
    said.unwrap_or_else(|| {
        let transparent =
            item.get("TRANSP").is_some_and(|p| matches!(p.value.trim(), v if v.eq_ignore_ascii_case("TRANSPARENT") || v == "1"));
        match status {
            _ if transparent => Busy::Free,
            "TENTATIVE" => Busy::Tentative,
            _ => Busy::Busy,
        }
    })
}

/// The clock that an item's own times are on, for those who write new times beside them: that of DTSTART, else of DUE.
pub fn clock_of(calendar: &Component, item: &Component, default: &Clock) -> Clock {
    let mut zones = Zones::of(calendar, default);
    let named = ["DTSTART", "DUE"].iter().find_map(|name| item.get(name));
    match named {
        Some(property) if property.value.trim().ends_with(['Z', 'z']) => Clock::GMT,
        Some(property) => property.parameter("TZID").map_or_else(|| default.clone(), |name| zones.clock(name)),
        None => default.clone(),
    }
}

/// The instants of one property's value or list, for those who look at a single property.
pub fn instants(calendar: &Component, property: &crate::model::component::Property, default: &Clock) -> Vec<Timestamp> {
    let mut zones = Zones::of(calendar, default);
    let mut times = Times { item: calendar, zones: &mut zones };
    property.value.split(',').filter_map(|text| times.read(property, text)).map(|when| when.instant(default)).collect()
}

/// The length of an item that starts and takes no time.
const NO_TIME: Length = Length::Seconds(0);

#[cfg(test)]
mod tests;
