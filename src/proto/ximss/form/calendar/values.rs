//! Values and parameters of calendar properties in XML: what the text form protects stands bare where a reader of the
//! element can protect it again.
//!
//! - texts (`summary`) are bare;
//! - lists of texts (`categories`) are bare but for the commas inside of an entry;
//! - dates, rules, addresses and everything that is no text is as in the text form;
//! - properties that no one knows are bare; where that could not be undone, the attribute `x-form` says how it was done.
//!
//! Spec: RFC 5545 3.3.11, 3.8; the draft of iCalendar in XML.

use crate::model::component::{Property, bare, protected};
use crate::xml::Element;

/// The attribute that tells how the value of an unknown property is shown.
pub(super) const FORM: &str = "x-form";

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A text.
    Text,
    /// A list of texts.
    List,
    /// As it is in the text form.
    Verbatim,
    /// Nobody knows: line ends and backslashes are protected, commas and semicolons are not.
    Unknown,
}

const TEXTS: &[&str] = &[
    "SUMMARY",
    "DESCRIPTION",
    "LOCATION",
    "COMMENT",
    "CONTACT",
    "UID",
    "STATUS",
    "CLASS",
    "TZID",
    "TZNAME",
    "RELATED-TO",
    "ACTION",
    "METHOD",
    "PRODID",
    "VERSION",
    "CALSCALE",
    "TRANSP",
    "NAME",
    "COLOR",
];
const LISTS: &[&str] = &["CATEGORIES", "RESOURCES"];
const VERBATIM: &[&str] = &[
    "DTSTART",
    "DTEND",
    "DUE",
    "DURATION",
    "DTSTAMP",
    "CREATED",
    "LAST-MODIFIED",
    "COMPLETED",
    "RECURRENCE-ID",
    "RRULE",
    "EXRULE",
    "RDATE",
    "EXDATE",
    "FREEBUSY",
    "TRIGGER",
    "REPEAT",
    "SEQUENCE",
    "PRIORITY",
    "PERCENT-COMPLETE",
    "GEO",
    "ORGANIZER",
    "ATTENDEE",
    "ATTACH",
    "URL",
    "TZURL",
    "TZOFFSETFROM",
    "TZOFFSETTO",
    "REQUEST-STATUS",
    "ACKNOWLEDGED",
    "REFRESH-INTERVAL",
    "SOURCE",
    "IMAGE",
    "CONFERENCE",
    "DALARM",
    "AALARM",
    "PALARM",
    "MALARM",
    "DAYLIGHT",
];

impl Form {
    fn of(name: &str) -> Self {
        let among = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
        if among(TEXTS) {
            Self::Text
        } else if among(LISTS) {
            Self::List
        } else if among(VERBATIM) {
            Self::Verbatim
        } else {
            Self::Unknown
        }
    }

    fn show(self, value: &str) -> String {
        match self {
            Self::Text | Self::Unknown => bare(value),
            Self::List => list(value),
            Self::Verbatim => value.to_owned(),
        }
    }

    fn read(self, text: &str) -> String {
        match self {
            Self::Text => protected(text),
            Self::List => {
                let entries = Property::new("x", text.replace('\n', "\\n")).list();
                entries.iter().map(|entry| protected(entry)).collect::<Vec<_>>().join(",")
            }
            Self::Verbatim => text.split(['\r', '\n']).map(str::trim).collect::<String>(),
            Self::Unknown => text.replace('\\', "\\\\").replace('\r', "").replace('\n', "\\n"),
        }
    }

    /// True when a value that is shown so is read as what it was.
    pub(super) fn reads_back(self, property: &Property) -> bool {
        self.read(&self.show(&property.value)) == property.value
    }
}

/// True for a property whose value comes back letter by letter; other texts come back as what they say.
#[cfg(test)]
pub(super) fn is_kept(property: &Property) -> bool {
    !matches!(Form::of(&property.name), Form::Text | Form::List)
}

/// A list with its entries bare, but for what parts them.
fn list(value: &str) -> String {
    let entry = |entry: &String| entry.replace('\\', "\\\\").replace(',', "\\,");
    Property::new("x", value).list().iter().map(entry).collect::<Vec<_>>().join(",")
}

/// Puts the value into its element.
pub(super) fn show(property: &Property, element: Element) -> Element {
    match Form::of(&property.name) {
        Form::Unknown if Form::Unknown.reads_back(property) => element.text(Form::Unknown.show(&property.value)),
        Form::Unknown if Form::Text.reads_back(property) => element.with(FORM, "text").text(Form::Text.show(&property.value)),
        Form::Unknown => element.with(FORM, "verbatim").text(property.value.as_str()),
        form => element.text(form.show(&property.value)),
    }
}

/// The value that an element's text is.
pub(super) fn value(property: &Property, element: &Element) -> String {
    let text = element.body();
    let form = match (Form::of(&property.name), element.get(FORM)) {
        (Form::Unknown, Some(form)) if form.eq_ignore_ascii_case("text") => Form::Text,
        (Form::Unknown, Some(form)) if form.eq_ignore_ascii_case("verbatim") => return text.replace(['\r', '\n'], ""),
        (form, _) => form,
    };
    form.read(if form == Form::Verbatim { text.trim_matches(['\r', '\n', '\t']) } else { &text })
}

/// Parameters that are lists; all others have one value, whatever commas it has.
const LIST_PARAMETERS: &[&str] = &["MEMBER", "DELEGATED-TO", "DELEGATED-FROM", "FEATURE", "DISPLAY", "TYPE"];

/// The attribute of a parameter. Values that could be parted wrongly are in quotes.
pub(super) fn joined(name: &str, values: &[String]) -> String {
    let is_list = LIST_PARAMETERS.contains(&name);
    let is_safe = |value: &String| !value.contains([',', '"']) && value.trim() == value;
    match values {
        [one] if !one.starts_with('"') && (!is_list || is_safe(one)) => one.clone(),
        many if is_list && many.iter().all(is_safe) => many.join(","),
        many => many.iter().map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))).collect::<Vec<_>>().join(","),
    }
}

/// The values of an attribute.
pub(super) fn parted(name: &str, text: &str) -> Vec<String> {
    if text.starts_with('"')
        && let Some(values) = quoted(text)
    {
        return values;
    }
    if LIST_PARAMETERS.contains(&name) { text.split(',').map(|value| value.trim().to_owned()).collect() } else { vec![text.to_owned()] }
}

/// `"a","b"`: its values; None for anything else.
fn quoted(text: &str) -> Option<Vec<String>> {
    let (mut values, mut rest) = (Vec::new(), text);
    loop {
        let inside = rest.strip_prefix('"')?;
        let (mut value, mut chars, mut end) = (String::new(), inside.char_indices(), None);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => value.extend(chars.next().map(|(_, c)| c)),
                '"' => {
                    end = Some(at + 1);
                    break;
                }
                c => value.push(c),
            }
        }
        values.push(value);
        rest = inside.get(end?..)?;
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return rest.is_empty().then_some(values),
        }
    }
}
