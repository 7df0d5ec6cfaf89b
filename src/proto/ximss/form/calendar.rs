//! Calendar items in XML: `iCalendar` with its `vCalendar`s, and items that stand bare, both ways.
//!
//! An element has the property's name in lower case, attributes are parameters, the body is the value without the
//! protection of the text form (`values`). Nothing is lost: what XML has no form for, as names with odd characters or
//! lines that are no content lines, is an `x-line` element with the content line.
//!
//! Spec: XIMSS, "Calendar Operations", "XML Data Formats"; the draft of iCalendar in XML, `urn:ietf:params:xml:ns:xcal`.

mod values;

use crate::format::ical::{self, DEEPEST, lines};
use crate::model::component::{Component, Parameter, Property};
use crate::model::fault::{Fault, Outcome};
use crate::xml::write::{is_name, is_xml_char};
use crate::xml::{Element, Node};
use values::Form;

/// The namespace of iCalendar in XML.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcal";
/// The element of a content line that has no form of its own.
const LINE: &str = "x-line";
/// What `busystatus` is in text.
const BUSY_STATUS: &str = "X-MICROSOFT-CDO-BUSYSTATUS";
/// The properties of a VCALENDAR that are attributes of its element.
const ATTRIBUTES: [&str; 3] = ["METHOD", "PRODID", "VERSION"];

/// The iCalendar element of some VCALENDARs.
pub fn calendars(calendars: &[Component]) -> Element {
    Element::new("iCalendar").with("xmlns", NAMESPACE).children(calendars.iter().map(element))
}

/// The element of a component: `vCalendar` of a VCALENDAR, `vevent` of a VEVENT.
pub fn element(component: &Component) -> Element {
    let is_calendar = component.is("VCALENDAR");
    let name = component.name.to_ascii_lowercase();
    let has_inside = !component.properties.is_empty() || !component.components.is_empty();
    let mut out = match (is_calendar, is_name(&name) && (is_component(&name) || has_inside)) {
        (true, _) => Element::new("vCalendar"),
        (false, true) => Element::new(name),
        (false, false) => Element::new("x-component").with("name", &component.name),
    };
    for property in &component.properties {
        if is_calendar && is_attribute(component, property) {
            out.set(&property.name.to_ascii_lowercase(), property.text());
        } else {
            out.children.push(Node::Element(self::property(property)));
        }
    }
    out.children(component.components.iter().map(element))
}

/// True for a property that is an attribute of `vCalendar`: it is there once and has nothing but its text.
fn is_attribute(calendar: &Component, property: &Property) -> bool {
    let plain = property.parameters.is_empty() && property.group.is_none() && Form::Text.reads_back(property) && is_xml(&property.value);
    plain && ATTRIBUTES.iter().any(|name| property.name == *name) && calendar.all(&property.name).count() == 1
}

fn is_xml(text: &str) -> bool {
    text.chars().all(is_xml_char)
}

/// The element's name of a property; None where there is no such name.
fn element_name(name: &str) -> Option<String> {
    if name == BUSY_STATUS {
        return Some("busystatus".to_owned());
    }
    let lower = name.to_ascii_lowercase();
    let taken = ["busystatus", LINE, "recurrenceid", "x-component"].contains(&lower.as_str()) || is_component(&lower);
    (!taken && is_name(&lower) && !lower.contains(':') && name == name.to_ascii_uppercase()).then_some(lower)
}

/// True for a parameter that an attribute can be.
fn has_form(parameter: &Parameter) -> bool {
    let name = parameter.name.as_str();
    let taken = name.eq_ignore_ascii_case("xmlns") || name.eq_ignore_ascii_case(values::FORM);
    !taken && !parameter.values.is_empty() && is_name(name) && !name.contains(':') && name == name.to_ascii_uppercase()
}

fn property(property: &Property) -> Element {
    let once = |p: &Parameter| property.parameters.iter().filter(|other| other.name == p.name).count() == 1;
    let known = property.parameters.iter().all(|p| has_form(p) && once(p) && p.values.iter().all(|value| is_xml(value)));
    let name = element_name(&property.name).filter(|_| known && property.group.is_none() && is_xml(&property.value));
    let Some(name) = name else { return Element::new(LINE).text(ical::line(property)) };
    let mut out = Element::new(name);
    for parameter in &property.parameters {
        let name = if parameter.name == "TZID" { "tzid" } else { parameter.name.as_str() };
        out.set(name, values::joined(&parameter.name, &parameter.values));
    }
    values::show(property, out)
}

/// The VCALENDARs of an `iCalendar` or `vCalendar` element; a bare item gets a VCALENDAR around it.
pub fn read_calendars(element: &Element) -> Outcome<Vec<Component>> {
    let is = |name: &str| element.name.eq_ignore_ascii_case(name);
    if is("iCalendar") {
        let inside = element.elements().map(|inner| component(inner, 0)).collect::<Outcome<Vec<_>>>()?;
        let (mut calendars, bare): (Vec<_>, Vec<_>) = inside.into_iter().partition(|c| c.is("VCALENDAR"));
        if !bare.is_empty() {
            calendars.push(around(bare));
        }
        return Ok(calendars);
    }
    let read = component(element, 0)?;
    Ok(vec![if read.is("VCALENDAR") { read } else { around(vec![read]) }])
}

/// The one VCALENDAR of an element of a request, with one item in it at least.
pub fn read(element: &Element) -> Outcome<Component> {
    let mut calendars = read_calendars(element)?;
    let first = if calendars.len() == 1 { calendars.pop() } else { None };
    let has_item = |calendar: &Component| calendar.components.iter().any(|c| !c.is("VTIMEZONE"));
    first.filter(has_item).ok_or_else(|| Fault::bad("calendar item is incorrect: there must be one vCalendar with an item"))
}

fn around(items: Vec<Component>) -> Component {
    let mut calendar = Component::new("VCALENDAR");
    calendar.properties.push(Property::new("VERSION", "2.0"));
    calendar.components = items;
    calendar
}

/// True for the elements that are components: those that the standards name, and whatever has elements inside.
fn is_component(name: &str) -> bool {
    const KNOWN: [&str; 13] = [
        "vcalendar",
        "vevent",
        "vtodo",
        "vjournal",
        "vfreebusy",
        "vtimezone",
        "valarm",
        "standard",
        "daylight",
        "vavailability",
        "available",
        "vlocation",
        "vresource",
    ];
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)) || name.eq_ignore_ascii_case("participant")
}

fn incorrect(what: &str) -> Fault {
    Fault::bad(format!("calendar item is incorrect: {}", what.chars().take(60).collect::<String>()))
}

/// The component of an element.
pub fn component(element: &Element, depth: usize) -> Outcome<Component> {
    if depth >= DEEPEST {
        return Err(incorrect("components are nested too deep"));
    }
    let named = if element.name.eq_ignore_ascii_case("x-component") { element.get("name") } else { None };
    let name = named.unwrap_or(&element.name);
    if !lines::is_token(name) {
        return Err(incorrect(name));
    }
    let mut out = Component::new(name);
    if out.is("VCALENDAR") {
        for (name, value) in &element.attributes {
            let name = ATTRIBUTES.iter().find(|known| known.eq_ignore_ascii_case(name));
            out.properties.extend(name.map(|name| Property::of_text(name, value)));
        }
    }
    for child in element.elements() {
        let is_inner = is_component(&child.name) || child.elements().next().is_some() || child.name.eq_ignore_ascii_case("x-component");
        if is_inner {
            out.components.push(component(child, depth + 1)?);
        } else {
            out.properties.push(read_property(child)?);
        }
    }
    Ok(out)
}

fn read_property(element: &Element) -> Outcome<Property> {
    if element.name.eq_ignore_ascii_case(LINE) {
        let property = lines::property(element.body().replace(['\r', '\n'], " ").as_bytes()).ok_or_else(|| incorrect(LINE))?;
        let breaks_out = ["BEGIN", "END"].iter().any(|name| property.name.eq_ignore_ascii_case(name));
        return if breaks_out { Err(incorrect(LINE)) } else { Ok(property) };
    }
    let name = match element.name.to_ascii_uppercase() {
        name if name == "RECURRENCEID" => "RECURRENCE-ID".to_owned(),
        name if name == "BUSYSTATUS" => BUSY_STATUS.to_owned(),
        name => name,
    };
    if !lines::is_token(&name) || name == "BEGIN" || name == "END" {
        return Err(incorrect(&element.name));
    }
    let mut property = Property { name, ..Property::default() };
    for (name, value) in &element.attributes {
        let name = name.to_ascii_uppercase();
        if name == "XMLNS" || name.starts_with("XMLNS:") || name.eq_ignore_ascii_case(values::FORM) {
            continue;
        }
        if !lines::is_token(&name) {
            return Err(incorrect(&name));
        }
        let values = values::parted(&name, value);
        property.parameters.push(Parameter { name, values });
    }
    property.value = values::value(&property, element);
    Ok(property)
}

/// What a `text/calendar` part shows.
pub fn shown(text: &str) -> Outcome<Vec<Element>> {
    Ok(vec![calendars(&ical::parse(text.as_bytes())?)])
}

/// The text of a part that is composed of an iCalendar element.
pub fn composed(elements: &[&Element]) -> Outcome<String> {
    let [element] = elements else { return Err(incorrect("there must be one iCalendar element")) };
    Ok(read_calendars(element)?.iter().map(ical::write).collect())
}

#[cfg(test)]
mod tests;
