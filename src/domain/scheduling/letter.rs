//! Mails about items (iMIP), and the messages in which calendars keep them.
//!
//! A mail offers the same three times: as text, as HTML, and as `text/calendar` whose `method` says what its METHOD says;
//! this is the shape that Google, Outlook and Apple take. One mail goes to all recipients of a notice, so that a thousand of
//! them cost one. A calendar keeps an item as one `text/calendar` part with its attachments behind it.
//! Spec: RFC 6047 2.4 to 2.6, 4; XIMSS, "Calendar Operations".

use super::item::Item;
use super::words::{self, Words};
use super::{Method, Notice, page, people};
use crate::domain::letters::Nothing;
use crate::format::ical;
use crate::format::mime::build::{self, Settings};
use crate::model::draft::{Draft, DraftDisposition, DraftPart, Source};
use crate::model::fault::{Fault, Outcome};
use crate::model::mail::{Field, FieldValue, MailAddress};
use crate::model::names::DomainName;
use crate::model::time::{Timestamp, Zone};

/// Recipients that are named in the header; of more only the envelope knows.
const NAMED: usize = 100;

/// What a message is written with.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Who writes.
    pub from: MailAddress,
    /// The writer's zone.
    pub zone: Zone,
    /// The house.
    pub domain: DomainName,
    /// The present.
    pub now: Timestamp,
    /// Makes boundaries and the Message-ID unique.
    pub random: [u8; 16],
}

impl Writing {
    fn settings(&self) -> Settings {
        Settings {
            now: self.now,
            shift: self.zone.shift_at(self.now),
            domain: self.domain.clone(),
            fill_missing: true,
            encode_headers: true,
            keep_bcc: false,
            wrap: 72,
            random: self.random,
        }
    }
}

fn field(name: &str, value: FieldValue) -> Field {
    Field { name: name.into(), value }
}

fn text(subtype: &str, text: String) -> DraftPart {
    DraftPart {
        kind: Some("text".into()),
        subtype: Some(subtype.into()),
        source: Source::Text { text, flowed: false },
        ..DraftPart::default()
    }
}

/// The part that carries an item.
fn calendar_part(item: &Item, method: Method) -> DraftPart {
    let type_parameters = vec![("method".to_owned(), method.name().to_owned())];
    DraftPart { type_parameters, ..text("calendar", ical::write(&item.to_calendar(method))) }
}

fn multipart(subtype: &str, parts: Vec<DraftPart>) -> DraftPart {
    DraftPart { kind: Some("multipart".into()), subtype: Some(subtype.into()), source: Source::Parts(parts), ..DraftPart::default() }
}

fn with_attachments(body: DraftPart, attachments: &[Vec<u8>]) -> DraftPart {
    if attachments.is_empty() {
        return body;
    }
    let encoded = attachments.iter().map(|part| DraftPart { source: Source::Encoded(part.clone()), ..DraftPart::default() });
    multipart("mixed", std::iter::once(body).chain(encoded).collect())
}

/// The mail of a notice. `attachments` are parts with their fields, as they are stored.
pub fn mail(notice: &Notice, attachments: &[Vec<u8>], writing: &Writing) -> Outcome<Vec<u8>> {
    let writer = writing.from.name.as_deref().unwrap_or(&writing.from.address);
    let words: Words = words::words(notice, writer, &writing.zone);
    let calendar = calendar_part(&notice.item, notice.method);
    let body = multipart("alternative", vec![text("plain", page::text(&words)), text("html", page::html(&words)), calendar]);
    let attachments = if notice.with_attachments { attachments } else { &[] };
    let mut fields = vec![field("From", FieldValue::Addresses(vec![writing.from.clone()]))];
    let named = if notice.to.len() <= NAMED { notice.to.clone() } else { vec![writing.from.clone()] };
    fields.push(field("To", FieldValue::Addresses(named)));
    fields.push(field("Subject", FieldValue::Text(format!("{}: {}", notice.headline, words.summary))));
    let mut body = with_attachments(body, attachments);
    body.class = Some("calendarmessage".into());
    build::build(&Draft { fields, body: Some(body), ..Draft::default() }, &mut Nothing, &writing.settings())
}

/// The message that keeps an item in a calendar.
pub fn stored(item: &Item, attachments: &[Vec<u8>], writing: &Writing) -> Outcome<Vec<u8>> {
    let entry = item.principal().ok_or_else(Fault::internal)?;
    let organizer = entry.get("ORGANIZER").and_then(people::mail_address);
    let class = if entry.is("VTODO") { "task" } else { "appointment" };
    let mut body = with_attachments(calendar_part(item, Method::Publish), attachments);
    body.class = Some(class.into());
    let fields = vec![
        field("From", FieldValue::Addresses(vec![organizer.unwrap_or_else(|| writing.from.clone())])),
        field("Subject", FieldValue::Text(words::summary(entry))),
    ];
    build::build(&Draft { fields, body: Some(body), ..Draft::default() }, &mut Nothing, &writing.settings())
}

/// The message that keeps what cannot be read as an item.
pub fn unreadable(raw: &[u8], why: &Fault, writing: &Writing) -> Outcome<Vec<u8>> {
    let body = DraftPart {
        kind: Some("text".into()),
        subtype: Some("calendar".into()),
        charset: Some("utf-8".into()),
        disposition: DraftDisposition::None,
        source: Source::Data(raw.to_vec()),
        ..DraftPart::default()
    };
    let fields = vec![
        field("From", FieldValue::Addresses(vec![writing.from.clone()])),
        field("Subject", FieldValue::Text(format!("Unreadable calendar item ({})", why.text))),
    ];
    build::build(&Draft { fields, body: Some(body), ..Draft::default() }, &mut Nothing, &writing.settings())
}
