//! Components to series: the typed view of items that calendars are kept by. What cannot be read is as if it were not
//! there; nothing here is an error, and the component keeps what it has. Spec: RFC 5545 3.6.1, 3.6.2, 3.6.6, 3.8.

mod alarms;
mod gathering;
mod times;

use super::zone::Zones;
use crate::model::calendar::{Busy, Clock, Entry, ItemKind, Length, Series};
use crate::model::component::{Component, Property};
use crate::model::names::fold;
use crate::model::time::Timestamp;
use gathering::Gathering;
use times::Times;
pub use times::read;

/// The items of a VCALENDAR (or one bare VEVENT or VTODO), each with its exceptions. `default` is the clock for zones that
/// nobody knows. Several main items of one UID that do not start at the same time are several series; of those that do,
/// the one with the highest SEQUENCE counts.
pub fn series(component: &Component, default: &Clock) -> Vec<Series> {
    series_of(component, default, &[])
}

/// The same for somebody with these addresses, folded: what he has declined takes none of his time.
pub fn series_of(component: &Component, default: &Clock, own: &[String]) -> Vec<Series> {
    let mut zones = Zones::of(component, default);
    let mut gathering = Gathering::default();
    let bare = std::iter::once(component).filter(|c| kind(c).is_some());
    for item in bare.chain(component.components.iter()) {
        let Some(kind) = kind(item) else { continue };
        let uid = item.text("UID").map(|uid| uid.trim().to_owned()).unwrap_or_default();
        let mut entry = entry(item, kind, &mut zones);
        if has_declined(item, own) {
            entry.busy = Busy::Free;
        }
        gathering.add(kind, uid, entry);
    }
    gathering.all
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

/// True where one of these addresses is that of an attendee who does not come.
fn has_declined(item: &Component, own: &[String]) -> bool {
    let declined = |attendee: &Property| attendee.parameter("PARTSTAT").is_some_and(|said| said.trim().eq_ignore_ascii_case("DECLINED"));
    !own.is_empty() && item.all("ATTENDEE").any(|attendee| declined(attendee) && own.contains(&fold(address(&attendee.value))))
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
pub fn instants(calendar: &Component, property: &Property, default: &Clock) -> Vec<Timestamp> {
    let mut zones = Zones::of(calendar, default);
    let mut times = Times { item: calendar, zones: &mut zones };
    property.value.split(',').filter_map(|text| times.read(property, text)).map(|when| when.instant(default)).collect()
}

/// The length of an item that starts and takes no time.
const NO_TIME: Length = Length::Seconds(0);

#[cfg(test)]
mod tests;
