//! Mail in XML: the EMail, MIME and MIMEReport elements, both ways. Spec: XIMSS, "XML Data Formats".
//!
//! Out: a field or parameter whose name cannot be an XML name is left out; what it says can be read from the raw part.
//! In (`draft`): names and structured values with line breaks or other controls are refused, so that nothing a client
//! sends can break out of the header field it is meant for.

use super::objects;
use crate::format::base64_text;
use crate::format::mime::header::priority_name;
use crate::model::draft::{CopySource, Draft, DraftDisposition, DraftPart, Source};
use crate::model::fault::{Fault, Outcome};
use crate::model::mail::{Content, DATE_FIELDS, Field, FieldValue, Mail, MailAddress, Part, Phone, Priority, Report, is_address_field};
use crate::model::time::{Timestamp, Zone};
use crate::xml::read::{Limits, document};
use crate::xml::write::{is_name, to_bytes};
use crate::xml::{Element, Node};

/// The EMail element of a message.
pub fn email(mail: &Mail, zone: &Zone) -> Element {
    let fields = mail.fields.iter().filter(|f| is_name(&f.name) && !f.name.eq_ignore_ascii_case("MIME")).flat_map(|f| field(f, zone));
    Element::new("EMail").children(fields).children(mail.body.iter().map(|body| part(body, zone)))
}

fn field(field: &Field, zone: &Zone) -> Vec<Element> {
    let element = || Element::new(field.name.as_str());
    match &field.value {
        FieldValue::Addresses(list) => {
            list.iter().map(|a| element().with_some("realName", a.name.as_ref()).text(a.address.as_str())).collect()
        }
        FieldValue::Date { at, shift } => vec![element().with("localTime", at.local(zone)).with("timeShift", shift).text(at.gmt())],
        FieldValue::Priority(priority) => vec![element().text(priority_name(*priority))],
        FieldValue::Phones(phones) => phones.iter().map(|p| element().with_some("type", p.kind.as_ref()).text(p.number.as_str())).collect(),
        FieldValue::Text(text) if field.name.eq_ignore_ascii_case("Message-ID") => {
            vec![element().text(text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text))]
        }
        FieldValue::Text(text) => vec![element().text(text.as_str())],
    }
}

/// The MIME element of a part.
pub fn part(part: &Part, zone: &Zone) -> Element {
    let mut element = Element::new("MIME")
        .with_some("partID", part.part_id.as_ref())
        .with_some("estimatedSize", part.estimated_size)
        .with("type", &part.kind)
        .with_some("subtype", Some(&part.subtype).filter(|s| !s.is_empty()))
        .with_some("charset", part.charset.as_ref())
        .with_some("contentID", part.content_id.as_ref())
        .with_some("disposition", part.disposition.as_ref())
        .with_some("description", part.description.as_ref())
        .with_some("location", part.location.as_ref())
        .with_some("class", part.class.as_ref());
    for (prefix, parameters) in [("Type", &part.type_parameters), ("Disposition", &part.disposition_parameters)] {
        for (name, value) in parameters.iter().filter(|(name, _)| is_name(name) && !name.contains(':')) {
            element.set(&format!("{prefix}-{name}"), value);
        }
    }
    match &part.content {
        Content::Omitted => element,
        Content::Text(text) => match objects::shown(&part.kind, &part.subtype, text) {
            None => element.text(text.as_str()),
            Some(Ok(inside)) => element.children(inside),
            Some(Err(fault)) => element.with("parserError", fault.number),
        },
        Content::Parts(parts) => element.children(parts.iter().map(|inner| self::part(inner, zone))),
        Content::Mail(mail) => element.child(email(mail, zone)),
        Content::Report(report) => element.child(self::report(report)),
        Content::Xml(text) => match document(text.as_bytes(), &Limits::default()) {
            Ok(root) => element.child(root),
            Err(fault) => element.with("parserError", fault.number),
        },
        Content::ReadError(code) => element.with("readError", code),
        Content::ParserError(code) => element.with("parserError", code),
    }
}

fn report(report: &Report) -> Element {
    let fields =
        report.fields.iter().filter(|(name, _)| is_name(name)).map(|(name, value)| Element::new(name.as_str()).text(value.as_str()));
    Element::new("MIMEReport").children(fields).children(report.groups.iter().map(self::report))
}

/// The most header fields of a draft.
const MOST_FIELDS: usize = 2_000;
/// The deepest nesting of parts in a draft.
const DEEPEST: usize = 32;

/// The draft of an EMail element.
pub fn draft(element: &Element) -> Outcome<Draft> {
    draft_at(element, 0)
}

fn yes(element: &Element, name: &str) -> bool {
    element.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
}

fn draft_at(element: &Element, depth: usize) -> Outcome<Draft> {
    if depth > DEEPEST {
        return Err(Fault::bad("message parts are nested too deep"));
    }
    let mut draft = Draft { sign: yes(element, "sign"), encrypt: yes(element, "encrypt"), ..Draft::default() };
    for child in element.elements() {
        let is = |name: &str| child.name.eq_ignore_ascii_case(name);
        if is("MIME") || is("copyMIME") {
            if draft.body.is_some() {
                return Err(Fault::bad("the EMail element has more than one body"));
            }
            draft.body = Some(part_at(child, depth + 1)?);
        } else {
            draft.fields.extend(draft_field(child)?);
        }
    }
    if draft.fields.len() > MOST_FIELDS {
        return Err(Fault::bad("too many header fields"));
    }
    Ok(draft)
}

/// A structured value: no line breaks or other controls, of bounded length.
fn checked<'a>(text: &'a str, name: &str) -> Outcome<&'a str> {
    if text.len() > 4_096 || text.chars().any(char::is_control) { Err(Fault::incorrect(name)) } else { Ok(text) }
}

/// A value of free text: line breaks become blanks.
fn one_line(text: &str) -> String {
    text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn draft_field(element: &Element) -> Outcome<Option<Field>> {
    let name = element.name.as_str();
    let good = name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.');
    if !good || name.get(..8).is_some_and(|prefix| prefix.eq_ignore_ascii_case("content-")) {
        return Err(Fault::bad(format!("header field name is incorrect: {}", name.chars().take(40).collect::<String>())));
    }
    let body = element.body();
    let text = one_line(&body);
    let value = if is_address_field(name) {
        if text.is_empty() && element.get("realName").is_none() {
            return Ok(None);
        }
        FieldValue::Addresses(vec![mail_address(element, &text)?])
    } else if DATE_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name)) {
        let (at, shift) = date(element, &text)?;
        FieldValue::Date { at, shift }
    } else if name.eq_ignore_ascii_case("Pty") {
        match text.as_str() {
            t if t.eq_ignore_ascii_case("High") => FieldValue::Priority(Priority::High),
            t if t.eq_ignore_ascii_case("Low") => FieldValue::Priority(Priority::Low),
            _ => return Ok(None),
        }
    } else if name.eq_ignore_ascii_case("X-Telnum") {
        let kind = element.get("type").map(|kind| checked(kind, "type")).transpose()?.map(str::to_owned);
        FieldValue::Phones(vec![Phone { kind, number: checked(&text, name)?.to_owned() }])
    } else {
        FieldValue::Text(text)
    };
    Ok(Some(Field { name: name.to_owned(), value }))
}

/// `userName@domainName`, or a more generic form without blanks.
fn mail_address(element: &Element, text: &str) -> Outcome<MailAddress> {
    let address = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text).trim();
    let good = address.len() <= 998
        && !address.chars().any(|c| c.is_control() || c.is_whitespace() || "<>,;()[]\\\"".contains(c) && !address.starts_with('"'));
    if !good || address.is_empty() {
        return Err(Fault::bad(format!("address is incorrect: {}", element.name)));
    }
    let name = element.get("realName").map(|name| one_line(&name.replace(char::is_control, " "))).filter(|name| !name.is_empty());
    Ok(MailAddress { name, address: address.to_owned() })
}

/// The body in GMT with `timeShift` counts; `localTime` with `timeShift` is taken where there is no good body.
fn date(element: &Element, text: &str) -> Outcome<(Timestamp, i32)> {
    let shift: i32 = element.get("timeShift").map_or(Ok(0), |shift| shift.trim().parse()).map_err(|_| Fault::incorrect("timeShift"))?;
    if shift.abs() > 86_400 {
        return Err(Fault::incorrect("timeShift"));
    }
    let local = || element.get("localTime").and_then(|text| text.parse::<Timestamp>().ok()).map(|at| at.plus(-i64::from(shift)));
    let at = text.parse::<Timestamp>().ok().or_else(local).ok_or_else(|| Fault::incorrect(&element.name))?;
    Ok((at, shift))
}

fn token(element: &Element, name: &str) -> Outcome<Option<String>> {
    let Some(text) = element.get(name) else { return Ok(None) };
    let text = text.trim().to_ascii_lowercase();
    let good = text.len() <= 127 && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b));
    if good && !text.is_empty() { Ok(Some(text)) } else { Err(Fault::incorrect(name)) }
}

fn plain(element: &Element, name: &str) -> Outcome<Option<String>> {
    element.get(name).map(|text| checked(text.trim(), name).map(str::to_owned)).transpose()
}

/// The attributes that begin with a prefix, as parameters.
fn parameters(element: &Element, prefix: &str) -> Outcome<Vec<(String, String)>> {
    let mut out = Vec::new();
    for (attribute, value) in &element.attributes {
        let Some(begin) = attribute.get(..prefix.len()).filter(|begin| begin.eq_ignore_ascii_case(prefix)) else { continue };
        let name = attribute.get(begin.len()..).unwrap_or_default();
        let good =
            !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.');
        if !good {
            return Err(Fault::incorrect(attribute));
        }
        out.push((name.to_owned(), checked(value, attribute)?.to_owned()));
    }
    Ok(out)
}

/// The parts in the body of a request that has no `EMail`: its MIME and copyMIME elements. None where there are none and no
/// `noMIME` says that there are to be none.
pub fn parts(element: &Element) -> Outcome<Option<Vec<DraftPart>>> {
    let is = |e: &&Element, name: &str| e.name.eq_ignore_ascii_case(name);
    let parts = element.elements().filter(|e| is(e, "MIME") || is(e, "copyMIME")).map(|e| part_at(e, 0)).collect::<Outcome<Vec<_>>>()?;
    let none = element.elements().any(|e| is(&e, "noMIME"));
    Ok(Some(parts).filter(|parts| none || !parts.is_empty()))
}

fn part_at(element: &Element, depth: usize) -> Outcome<DraftPart> {
    if depth > DEEPEST {
        return Err(Fault::bad("message parts are nested too deep"));
    }
    if element.name.eq_ignore_ascii_case("copyMIME") {
        return Ok(DraftPart { source: Source::Copy(copy_source(element)?), ..DraftPart::default() });
    }
    let disposition = match token(element, "disposition")? {
        None => DraftDisposition::ByContent,
        Some(text) if text == "none" => DraftDisposition::None,
        Some(text) => DraftDisposition::Named(text),
    };
    let type_parameters =
        parameters(element, "type-")?.into_iter().filter(|(n, _)| !n.eq_ignore_ascii_case("format") && !n.eq_ignore_ascii_case("charset"));
    let (mut kind, mut subtype) = (token(element, "type")?, token(element, "subtype")?);
    let mut type_parameters: Vec<(String, String)> = type_parameters.collect();
    if let Some(inner) = element.elements().next() {
        if let (None, None, Some((own_kind, own_subtype))) = (&kind, &subtype, objects::type_of(inner)) {
            (kind, subtype) = (Some(own_kind.to_owned()), Some(own_subtype.to_owned()));
        }
        let is_said = |name: &str, said: &[(String, String)]| said.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let missing = objects::parameters(inner).into_iter().filter(|(name, _)| !is_said(name, &type_parameters)).collect::<Vec<_>>();
        type_parameters.extend(missing);
    }
    Ok(DraftPart {
        source: source(element, kind.as_deref(), subtype.as_deref(), depth)?,
        charset: plain(element, "charset")?,
        disposition,
        content_id: plain(element, "contentID")?,
        description: element.get("description").map(one_line),
        location: plain(element, "location")?,
        class: plain(element, "class")?,
        type_parameters,
        disposition_parameters: parameters(element, "disposition-")?,
        kind,
        subtype,
    })
}

fn copy_source(element: &Element) -> Outcome<CopySource> {
    let (folder, calendar) = match (element.get("folder"), element.get("calendar")) {
        (Some(folder), _) => (folder, false),
        (None, Some(calendar)) => (calendar, true),
        (None, None) => return Err(Fault::missing("folder")),
    };
    let uid = element.get("UID").ok_or_else(|| Fault::missing("UID"))?;
    let uid = uid.trim().parse().map_err(|_| Fault::incorrect("UID"))?;
    Ok(CopySource { folder: folder.to_owned(), calendar, uid, part: element.get("partID").map(str::to_owned) })
}

fn source(element: &Element, kind: Option<&str>, subtype: Option<&str>, depth: usize) -> Outcome<Source> {
    if let Some(id) = element.get("uploadID") {
        return Ok(Source::Upload(id.to_owned()));
    }
    if let Some(name) = element.get("fileName") {
        return Ok(Source::StoredFile(name.to_owned()));
    }
    let mut elements = element.elements();
    let first = elements.next();
    if kind == Some("multipart") {
        let inner = element.elements().filter(|e| e.name.eq_ignore_ascii_case("MIME") || e.name.eq_ignore_ascii_case("copyMIME"));
        return Ok(Source::Parts(inner.map(|e| part_at(e, depth + 1)).collect::<Outcome<_>>()?));
    }
    let named = |name: &str| first.filter(|e| e.name.eq_ignore_ascii_case(name));
    if let Some(mail) = named("EMail") {
        return Ok(Source::Mail(Box::new(draft_at(mail, depth + 1)?)));
    }
    if let Some(data) = named("base64") {
        return base64_text::decode(&data.body()).map(Source::Data).ok_or_else(|| Fault::incorrect("base64"));
    }
    if let Some(report) = named("MIMEReport") {
        return Ok(Source::Report(draft_report(report, 0)?));
    }
    let inside: Vec<&Element> = element.elements().collect();
    if !inside.is_empty()
        && let Some(text) = objects::composed(kind.unwrap_or("text"), subtype.unwrap_or_default(), &inside)
    {
        return Ok(Source::Text { text: text?.replace("\r\n", "\n"), flowed: false });
    }
    if let Some(document) = first {
        let is_xml = subtype.is_some_and(|s| s == "xml" || s.ends_with("+xml"));
        if is_xml {
            let xml = String::from_utf8(to_bytes(document)).map_err(|_| Fault::incorrect("MIME"))?;
            return Ok(Source::Xml(xml));
        }
        return Err(Fault::bad("this content is not known for this part"));
    }
    let flowed = element.get("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed"))
        && kind.unwrap_or("text") == "text"
        && subtype.unwrap_or("plain") == "plain";
    let text = element.children.iter().map(|node| if let Node::Text(text) = node { text.as_str() } else { "" }).collect();
    Ok(Source::Text { text, flowed })
}

fn draft_report(element: &Element, depth: usize) -> Outcome<Report> {
    if depth > 1 {
        return Err(Fault::bad("a report is nested too deep"));
    }
    let mut report = Report::default();
    for child in element.elements() {
        if child.name.eq_ignore_ascii_case("MIMEReport") {
            report.groups.push(draft_report(child, depth + 1)?);
        } else {
            report.fields.push((child.name.clone(), one_line(&child.body())));
        }
    }
    Ok(report)
}
