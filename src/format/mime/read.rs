//! Raw bytes to the mail tree that a client is shown.
//!
//! Spec: XIMSS, "XML Data Formats" (EMail, MIME, MIMEReport): what has a body, and when.

use super::header;
use super::structure::{self, Inside, Node};
use crate::model::fault::{Fault, Outcome};
use crate::model::mail::{Content, Mail, Part, Report};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Show {
    /// The most bytes of all parts together.
    pub total_size_limit: Option<u64>,
}

/// What a part ID names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A message inside the message.
    Mail(Mail),
    /// Any other part.
    Part(Box<Part>),
}

/// A whole message.
pub fn message(raw: &[u8], root: &Node, show: &Show) -> Mail {
    Reading { raw, left: show.total_size_limit.unwrap_or(u64::MAX) }.mail(root)
}

/// A part. A part that holds a message is shown as that message.
pub fn part(raw: &[u8], root: &Node, part_id: &str, show: &Show) -> Outcome<Shown> {
    let node = structure::find(root, part_id).ok_or_else(|| Fault::not_found("message part does not exist"))?;
    let mut reading = Reading { raw, left: show.total_size_limit.unwrap_or(u64::MAX) };
    Ok(match &node.inside {
        Inside::Message(inner) => Shown::Mail(reading.mail(inner)),
        _ => Shown::Part(Box::new(Part { content: reading.content(node), ..bare(node) })),
    })
}

/// A part without its content.
fn bare(node: &Node) -> Part {
    let about = &node.about;
    Part {
        part_id: node.part_id.clone(),
        estimated_size: Some(structure::estimated_size(node)),
        kind: about.kind.clone(),
        subtype: about.subtype.clone(),
        charset: about.parameter("charset").map(str::to_owned),
        content_id: about.content_id.clone(),
        disposition: about.disposition.clone(),
        description: about.description.clone(),
        location: about.location.clone(),
        class: about.class.clone(),
        type_parameters: about
            .type_parameters
            .iter()
            .filter(|(n, _)| !["boundary", "charset"].iter().any(|hidden| n.eq_ignore_ascii_case(hidden)))
            .cloned()
            .collect(),
        disposition_parameters: about.disposition_parameters.clone(),
        content: Content::Omitted,
    }
}

struct Reading<'a> {
    raw: &'a [u8],
    left: u64,
}

impl Reading<'_> {
    fn mail(&mut self, root: &Node) -> Mail {
        let header = self.raw.get(root.looked_at.clone()).unwrap_or_default();
        Mail { fields: header::decoded_fields(header), body: Some(Box::new(self.part(root))) }
    }

    fn part(&mut self, node: &Node) -> Part {
        let content = if node.about.is_attachment() { Content::Omitted } else { self.content(node) };
        Part { content, ..bare(node) }
    }

    /// Takes room for a part; false when it does not fit any more.
    fn take(&mut self, node: &Node) -> bool {
        let size = structure::estimated_size(node);
        let fits = size <= self.left;
        if fits {
            self.left -= size;
        }
        fits
    }

    fn content(&mut self, node: &Node) -> Content {
        let about = &node.about;
        match &node.inside {
            Inside::Parts(parts) => return Content::Parts(parts.iter().map(|part| self.part(part)).collect()),
            Inside::Message(inner) => return Content::Mail(self.mail(inner)),
            Inside::Data => {}
        }
        let is_report = about.kind == "message" && matches!(about.subtype.as_str(), "delivery-status" | "disposition-notification");
        let is_xml = about.subtype == "xml" || about.subtype.ends_with("+xml");
        if !(is_report || is_xml || about.kind == "text") || !self.take(node) {
            return Content::Omitted;
        }
        if is_report {
            return match structure::decoded(self.raw, node) {
                Some(data) => Content::Report(report(&data)),
                None => Content::ReadError("500".into()),
            };
        }
        if about.is("text", "rfc822-headers") {
            let data = structure::decoded(self.raw, node).unwrap_or_default();
            return Content::Mail(Mail { fields: header::decoded_fields(&data), body: None });
        }
        match structure::text(self.raw, node) {
            Some(text) if is_xml => Content::Xml(text),
            Some(text) => Content::Text(text),
            None => Content::ReadError("500".into()),
        }
    }
}

/// The fields of a report, and the groups of its recipients: groups are separated by empty lines.
fn report(data: &[u8]) -> Report {
    let mut groups: Vec<Report> = Vec::new();
    let mut rest = data;
    while !rest.is_empty() && groups.len() < 1_000 {
        let fields: Vec<(String, String)> = header::fields(rest).map(|f| (f.name.to_owned(), header::raw_text(f.value))).collect();
        let length = group_length(rest);
        rest = rest.get(length..).unwrap_or_default();
        if !fields.is_empty() {
            groups.push(Report { fields, groups: Vec::new() });
        }
    }
    let mut groups = groups.into_iter();
    let first = groups.next().unwrap_or_default();
    Report { groups: groups.collect(), ..first }
}

/// Bytes up to and including the next empty line; at least one.
fn group_length(data: &[u8]) -> usize {
    let mut at = 0;
    for line in data.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
    }
    at.max(1)
}

#[cfg(test)]
mod tests {
    use super::super::structure::{Limits, structure};
    use super::*;

    fn read(raw: &str, show: Show) -> Mail {
        message(raw.as_bytes(), &structure(raw.as_bytes(), &Limits::default()), &show)
    }

    const ALTERNATIVE: &str = "From: <user1@example.com>\nTo: user2@example.com\nMIME-Version: 1.0\nContent-Type: multipart/alternative;boundary=\"abcd\"\n\
        Content-Description: Test Message\n\n--abcd\nContent-Type: text/plain; charset=\"iso-8859-1\";\n  format=flowed; paramX=\"valueX\"\n\
        Content-Transfer-Encoding: quoted-printable\n\n=46rom where I stay, I can see & hear a lot!\n\n--abcd\nContent-Type: text/html; charset=\"iso-8859-1\"\n\
        Content-Transfer-Encoding: quoted-printable\n\n<html><body bgcolor=3D\"yellow\">\n</body></html>\n--abcd--\n";

    #[test]
    fn the_specification_s_mime_example() {
        let mail = read(ALTERNATIVE, Show::default());
        assert_eq!(mail.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["From", "To"]);
        let body = mail.body.unwrap();
        assert_eq!(
            (body.kind.as_str(), body.subtype.as_str(), body.description.as_deref(), &body.part_id),
            ("multipart", "alternative", Some("Test Message"), &None)
        );
        let Content::Parts(parts) = &body.content else { panic!() };
        assert_eq!(
            parts[0].type_parameters,
            [("format", "flowed"), ("paramX", "valueX")].map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(parts[0].content, Content::Text("From where I stay, I can see & hear a lot!\n".into()));
        assert_eq!(parts[1].content, Content::Text("<html><body bgcolor=\"yellow\">\n</body></html>".into()));
        assert_eq!((parts[0].part_id.as_deref(), parts[1].part_id.as_deref()), (Some("01"), Some("02")));
    }

    #[test]
    fn the_size_limit_counts_what_was_shown() {
        let Content::Parts(parts) = read(ALTERNATIVE, Show { total_size_limit: Some(60) }).body.unwrap().content else { panic!() };
        assert!(matches!(parts[0].content, Content::Text(_)) && parts[1].content == Content::Omitted);
    }

    #[test]
    fn a_report_has_groups() {
        let raw = "Content-Type: multipart/report; boundary=r\n\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a.b\n\nFinal-Recipient: LOCAL;<r>\n\
            Action: delivered\nStatus: 2.0.0\n\n--r\nContent-Type: text/rfc822-headers\n\nSubject: TEST\n\n--r--\n";
        let Content::Parts(parts) = read(raw, Show::default()).body.unwrap().content else { panic!() };
        let Content::Report(report) = &parts[0].content else { panic!() };
        assert_eq!(report.fields, [("Reporting-MTA".to_owned(), "dns; a.b".to_owned())]);
        assert_eq!(report.groups[0].fields[1], ("Action".to_owned(), "delivered".to_owned()));
        let Content::Mail(headers) = &parts[1].content else { panic!() };
        assert!(headers.body.is_none() && headers.fields.len() == 1);
    }

    #[test]
    fn attachments_keep_their_content_to_themselves() {
        let raw = "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nbig";
        let body = read(raw, Show::default()).body.unwrap();
        assert_eq!((body.content, body.estimated_size), (Content::Omitted, Some(3)));
    }
}
