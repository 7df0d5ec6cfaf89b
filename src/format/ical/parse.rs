//! iCalendar text to components.
//!
//! Lenient where the meaning is plain: missing ends inside a component, items that stand outside of a VCALENDAR, stray
//! lines. What is refused: too many bytes or components, too deep nesting, a text without any component, a text that
//! stops inside one. Spec: RFC 5545 3.4, 3.6.

use super::{Bounds, DEEPEST, lines};
use crate::model::component::{Component, Property};
use crate::model::fault::{Fault, Outcome};
use std::borrow::Cow;

/// A fault about an item.
pub(super) fn incorrect(what: &str) -> Fault {
    Fault::bad(format!("calendar item is incorrect: {what}"))
}

/// The VCALENDARs of a document, within the default limits.
pub fn parse(data: &[u8]) -> Outcome<Vec<Component>> {
    parse_within(data, Bounds::default())
}

/// The VCALENDARs of a document. Items that stand outside of one are put into one.
pub fn parse_within(data: &[u8], bounds: Bounds) -> Outcome<Vec<Component>> {
    if data.len() > bounds.bytes {
        return Err(Fault::quota("calendar item is too large"));
    }
    let data = as_bytes_of_text(data);
    let mut tree = Tree { done: Vec::new(), open: Vec::new(), components: 0, bounds };
    for line in lines::lines(&data) {
        if let Some(property) = lines::property(&line) {
            tree.take(property)?;
        }
    }
    if let Some(open) = tree.open.last() {
        return Err(incorrect(&format!("{} is not closed", short(&open.name))));
    }
    if tree.done.is_empty() {
        return Err(incorrect("there is no component"));
    }
    Ok(in_calendars(tree.done))
}

/// UTF-16 becomes UTF-8; everything else is left to the lines.
fn as_bytes_of_text(data: &[u8]) -> Cow<'_, [u8]> {
    match encoding_rs::Encoding::for_bom(data) {
        Some((charset, _)) if charset != encoding_rs::UTF_8 => Cow::Owned(charset.decode(data).0.into_owned().into_bytes()),
        _ => Cow::Borrowed(data),
    }
}

fn in_calendars(components: Vec<Component>) -> Vec<Component> {
    let (mut calendars, bare): (Vec<_>, Vec<_>) = components.into_iter().partition(|c| c.is("VCALENDAR"));
    if !bare.is_empty() {
        let mut calendar = Component::new("VCALENDAR");
        calendar.properties.push(Property::new("VERSION", "2.0"));
        calendar.components = bare;
        calendars.push(calendar);
    }
    calendars
}

fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

struct Tree {
    done: Vec<Component>,
    open: Vec<Component>,
    components: usize,
    bounds: Bounds,
}

impl Tree {
    fn take(&mut self, property: Property) -> Outcome<()> {
        match property.name.as_str() {
            "BEGIN" => self.begin(property.value.trim()),
            "END" => {
                let name = property.value.trim();
                if let Some(at) = self.open.iter().rposition(|c| c.is(name)) {
                    while self.open.len() > at {
                        self.close();
                    }
                }
                Ok(())
            }
            _ => {
                if let Some(open) = self.open.last_mut() {
                    open.properties.push(property);
                }
                Ok(())
            }
        }
    }

    fn begin(&mut self, name: &str) -> Outcome<()> {
        let is_item = |name: &str| ["VEVENT", "VTODO", "VJOURNAL", "VTIMEZONE"].iter().any(|n| n.eq_ignore_ascii_case(name));
        if is_item(name)
            && let Some(at) = self.open.iter().position(|c| is_item(&c.name))
        {
            while self.open.len() > at {
                self.close();
            }
        }
        if !lines::is_token(name) {
            return Err(incorrect("a component has no name"));
        }
        self.components += 1;
        if self.components > self.bounds.components {
            return Err(Fault::quota("calendar item has too many components"));
        }
        if self.open.len() >= DEEPEST {
            return Err(incorrect("components are nested too deep"));
        }
        self.open.push(Component::new(name));
        Ok(())
    }

    fn close(&mut self) {
        let Some(component) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(outer) => outer.components.push(component),
            None => self.done.push(component),
        }
    }
}
