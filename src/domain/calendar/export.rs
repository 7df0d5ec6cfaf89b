//! Items as one iCalendar text, message by message, for whoever takes a calendar elsewhere.
//!
//! Each VTIMEZONE stands once, before the first item that uses it. Items whose calendars say different things of
//! themselves, or define a zone of one name differently, come in a VCALENDAR of their own. What cannot be read comes as
//! it is, between two VCALENDARs, so that it does not spoil the rest. Spec: XIMSS, "HTTP Access" (Data Export); RFC 5545
//! 3.4 (an iCalendar stream).

use super::message;
use crate::domain::scheduling::item::{Item, PRODUCT, is_entry};
use crate::format::ical;
use crate::format::mime::structure;
use crate::model::component::{Component, Property};
use crate::model::limits::Limits;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What every VCALENDAR says by itself.
const OWN: [&str; 4] = ["VERSION", "PRODID", "METHOD", "CALSCALE"];

/// The end of a VCALENDAR.
const END: &str = "END:VCALENDAR\r\n";

/// A text under way.
#[derive(Default)]
pub struct Document {
    /// What the open VCALENDAR says of itself; None between two.
    open: Option<Vec<Property>>,
    /// The zones that it has defined, by name.
    zones: HashMap<String, [u8; 32]>,
    /// True once anything was written.
    begun: bool,
}

impl Document {
    /// Adds the items of a message. Gives how many they are.
    pub fn message(&mut self, out: &mut String, raw: &[u8], limits: &Limits) -> u64 {
        match message::calendars(raw, limits) {
            Ok(Some(calendars)) => {
                // A part without an event and a task: whatever it is, it is kept.
                if !calendars.iter().flat_map(|calendar| &calendar.components).any(is_entry) {
                    calendars.iter().for_each(|calendar| self.between(out, &ical::write(calendar)));
                    return 0;
                }
                let items = Item::all(calendars);
                items.iter().for_each(|item| self.item(out, item));
                items.len() as u64
            }
            Ok(None) => 0,
            Err(_) => {
                let root = structure::structure(raw, &structure::Limits::of(limits));
                let text = message::part(&root).and_then(|node| structure::text(raw, node));
                text.map_or(0, |text| {
                    self.between(out, &text);
                    1
                })
            }
        }
    }

    fn item(&mut self, out: &mut String, item: &Item) {
        let says = |property: &&Property| !OWN.iter().any(|own| property.name.eq_ignore_ascii_case(own));
        let said: Vec<Property> = item.calendar.properties.iter().filter(says).cloned().collect();
        let zones: Vec<(String, String)> =
            item.calendar.inside("VTIMEZONE").map(|zone| (zone.text("TZID").unwrap_or_default(), ical::write(zone))).collect();
        let digest = |text: &str| <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
        let clashes = zones.iter().any(|(name, text)| self.zones.get(name).is_some_and(|known| *known != digest(text)));
        if clashes || self.open.as_ref() != Some(&said) {
            self.close(out);
            self.begin(out, said);
        }
        for (name, text) in &zones {
            if self.zones.insert(name.clone(), digest(text)).is_none() {
                out.push_str(text);
            }
        }
        let others = item.calendar.components.iter().filter(|component| !component.is("VTIMEZONE"));
        others.chain(&item.entries).for_each(|component| ical::write_into(out, component));
    }

    fn begin(&mut self, out: &mut String, said: Vec<Property>) {
        self.begun = true;
        let own = [Property::new("VERSION", "2.0"), Property::new("PRODID", PRODUCT)];
        let properties = own.into_iter().chain(said.iter().cloned()).collect();
        let calendar = ical::write(&Component { name: "VCALENDAR".to_owned(), properties, components: Vec::new() });
        out.push_str(calendar.strip_suffix(END).unwrap_or(&calendar));
        self.open = Some(said);
    }

    fn close(&mut self, out: &mut String) {
        if self.open.take().is_some() {
            out.push_str(END);
        }
        self.zones.clear();
    }

    fn between(&mut self, out: &mut String, text: &str) {
        self.close(out);
        self.begun = true;
        let text = text.trim_end();
        let mut before = b' ';
        let has_bare = text.bytes().any(|b| std::mem::replace(&mut before, b) != b'\r' && b == b'\n');
        if !has_bare {
            out.push_str(text);
            out.push_str("\r\n");
            return;
        }
        text.lines().for_each(|line| {
            out.push_str(line);
            out.push_str("\r\n");
        });
    }

    /// There are no more items. A calendar without any is an empty one.
    pub fn finish(&mut self, out: &mut String) {
        if !self.begun {
            self.begin(out, Vec::new());
        }
        self.close(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(calendar: &str) -> Vec<u8> {
        format!("Subject: x\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n{calendar}").into_bytes()
    }

    fn exported(mails: &[Vec<u8>]) -> (String, u64) {
        let (mut document, mut out, mut count) = (Document::default(), String::new(), 0);
        for raw in mails {
            count += document.message(&mut out, raw, &Limits::default());
        }
        document.finish(&mut out);
        (out, count)
    }

    fn event(uid: &str, zone: &str, own: &str) -> Vec<u8> {
        mail(&format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nMETHOD:PUBLISH\r\n{own}BEGIN:VTIMEZONE\r\nTZID:Z\r\nBEGIN:STANDARD\r\n\
             DTSTART:19700101T000000\r\nTZOFFSETFROM:{zone}\r\nTZOFFSETTO:{zone}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
             BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20240101T000000Z\r\nDTSTART;TZID=Z:20240101T100000\r\nX-ODD;X-P=1:kept\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        ))
    }

    #[test]
    fn items_share_a_calendar_and_its_zones() {
        let (text, count) = exported(&[event("a", "+0100", ""), event("b", "+0100", "")]);
        let of = |what: &str| text.matches(what).count();
        assert_eq!((count, of("BEGIN:VCALENDAR"), of("BEGIN:VTIMEZONE"), of("X-ODD;X-P=1:kept"), of("METHOD")), (2, 1, 1, 2, 0));
        assert_eq!(exported(&[]).0, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Posthouse//Posthouse//EN\r\nEND:VCALENDAR\r\n");
    }

    #[test]
    fn what_clashes_or_cannot_be_read_stands_apart() {
        let mails = [
            event("a", "+0100", ""),
            event("b", "+0200", ""),
            event("c", "+0200", "X-WR-CALNAME:Home\r\n"),
            mail("BEGIN:VEVENT\r\nUID:d"),
            event("e", "+0200", ""),
        ];
        let (text, count) = exported(&mails);
        assert_eq!((count, text.matches("BEGIN:VCALENDAR").count(), text.matches("END:VCALENDAR").count()), (5, 4, 4), "{text}");
        assert!(
            text.contains("X-WR-CALNAME:Home\r\n") && text.contains("END:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:d\r\nBEGIN:VCALENDAR"),
            "{text}"
        );
    }
}
