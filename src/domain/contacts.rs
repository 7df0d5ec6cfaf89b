//! Contacts as stored messages: composed, imported, exported, found.
//!
//! A contact is a message whose header tells what lists and searches need, so that nobody has to read its card.
//! Spec: XIMSS, "Contacts Operations"; companion 8.1 (the header of an item).

pub mod find;
pub mod import;

use super::letters::Nothing;
use crate::format::mime::build::{self, Settings};
use crate::format::mime::structure::{self, Inside, Limits};
use crate::format::vcard::stream::{Item, Items};
use crate::format::vcard::write::{self, Style};
use crate::format::vcard::{self};
use crate::model::component::Component;
use crate::model::contact::{self, Listing};
use crate::model::draft::{Draft, DraftPart, Source};
use crate::model::fault::{Fault, Outcome};
use crate::model::mail::{Field, FieldValue, MailAddress};
use crate::model::names::DomainName;
use crate::model::time::Timestamp;

/// The class of mailboxes that hold contacts.
pub const CLASS: &str = "IPF.Contact";

/// Who writes an item.
#[derive(Debug, Clone)]
pub struct Author {
    /// The account, with the person's name.
    pub address: MailAddress,
    /// The domain in what the server names itself.
    pub domain: DomainName,
    /// Seconds that the person's clock is ahead of Greenwich.
    pub shift: i32,
}

/// The message that holds a card or a group. What every stored one must have is added to it first.
pub fn item(mut card: Component, author: &Author, now: Timestamp) -> Outcome<Vec<u8>> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    contact::complete(&mut card, &format!("{digits}.{}", author.address.address));
    let listing = Listing::of(&card);
    let field = |name: &str, value| Field { name: name.to_owned(), value };
    let mut fields = vec![
        field("From", FieldValue::Addresses(vec![author.address.clone()])),
        field("Subject", FieldValue::Text(listing.file_as)),
        field("To", FieldValue::Addresses(listing.addresses)),
    ];
    if !listing.phones.is_empty() {
        fields.push(field("X-Telnum", FieldValue::Phones(listing.phones)));
    }
    if listing.has_certificate {
        fields.push(field("X-Has-Certificate", FieldValue::Text("YES".to_owned())));
    }
    let (subtype, class) = if listing.is_group { ("x-vgroup", "vgroup") } else { ("x-vcard", "person") };
    let body = DraftPart {
        kind: Some("text".to_owned()),
        subtype: Some(subtype.to_owned()),
        class: Some(class.to_owned()),
        source: Source::Text { text: write::card(&card, Style::Own), flowed: false },
        ..DraftPart::default()
    };
    let settings = Settings {
        now,
        shift: author.shift,
        domain: author.domain.clone(),
        fill_missing: true,
        encode_headers: true,
        keep_bcc: false,
        wrap: 72,
        random,
    };
    build::build(&Draft { fields, body: Some(body), ..Draft::default() }, &mut Nothing, &settings)
}

/// True for a part that holds cards or groups.
fn holds_contacts(about: &structure::About) -> bool {
    about.kind == "text" && matches!(about.subtype.as_str(), "directory" | "x-vcard" | "vcard" | "dictionary" | "x-vgroup" | "vgroup")
}

/// What is exported of a message: all its cards and groups, one after the other. What cannot be read is given as it is.
pub fn exported(raw: &[u8], style: Style, limits: &Limits) -> (String, u64) {
    let root = structure::structure(raw, limits);
    let (mut out, mut count) = (String::new(), 0);
    structure::walk(&root, &mut |node| {
        let text = (holds_contacts(&node.about) && matches!(node.inside, Inside::Data)).then(|| structure::text(raw, node)).flatten();
        for item in text.iter().filter_map(|text| Items::new(text.as_bytes(), None, vcard::MOST_CARD).ok()).flatten() {
            match item {
                Ok(Item::Card(card)) => {
                    out.push_str(&write::card(&card, style));
                    count += 1;
                }
                Ok(Item::Unreadable(lost)) => {
                    out.push_str(&String::from_utf8_lossy(&lost.raw).trim_end().replace('\n', "\r\n"));
                    out.push_str("\r\n");
                }
                // Bytes in memory can always be read.
                Err(_) => {}
            }
        }
        true
    });
    (out, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::mime::header;
    use crate::format::vcard::parse;

    fn author() -> Author {
        let address = MailAddress { name: Some("J. Smith".into()), address: "user1@example.dom".into() };
        Author { address, domain: "example.dom".parse().unwrap(), shift: 3600 }
    }

    #[test]
    fn the_header_tells_what_lists_need() {
        let card = parse(
            b"BEGIN:VCARD\nVERSION:3.0\nN:Jensen;Bj\xc3\xb6rn\nEMAIL:a@b.c\nEMAIL:d@e.f\nTEL;TYPE=WORK,VOICE:+1 313\nKEY;X509;ENCODING=b:AAAA\nEND:VCARD\n",
            None,
        );
        let raw = item(card.unwrap().remove(0), &author(), Timestamp(1_600_000_000)).unwrap();
        let text = String::from_utf8(raw.clone()).unwrap();
        let fields = header::decoded_fields(&raw);
        let to: Vec<String> = header::addresses(&raw, "To").iter().map(|a| format!("{:?} {}", a.name, a.address)).collect();
        assert_eq!(to, ["Some(\"Björn Jensen\") a@b.c", "Some(\"Björn Jensen\") d@e.f"]);
        let subject = fields.iter().find(|f| f.name == "Subject").unwrap();
        assert_eq!(subject.value, FieldValue::Text("Björn Jensen".into()));
        for line in [
            "From: \"J. Smith\" <user1@example.dom>",
            "X-Telnum: +1 313;type=WORK",
            "X-Has-Certificate: YES",
            "Content-Class: urn:content-classes:person",
            "Date: Sun, 13 Sep 2020 13:26:40 +0100",
            "KEY;TYPE=X509;ENCODING=b:AAAA",
            "FN:Björn Jensen",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")) || text.starts_with(line), "{line}: {text}");
        }
        assert!(
            text.contains("\r\nMessage-ID: <") && text.contains("Content-Type: text/x-vcard") && text.contains(".user1@example.dom\r\nEND"),
            "{text}"
        );
        let (out, count) = exported(&raw, Style::Old, &Limits::default());
        assert!(count == 1 && out.contains("FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Bj=C3=B6rn Jensen\r\n"), "{out}");
    }

    #[test]
    fn what_cannot_be_read_is_exported_as_it_is() {
        let raw = b"Content-Type: text/x-vcard\r\n\r\nBEGIN:VCARD\r\nFN:a\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:cut";
        let (out, count) = exported(raw, Style::Third, &Limits::default());
        assert_eq!((out.as_str(), count), ("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:a\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:cut\r\n", 1));
        assert_eq!(exported(b"Subject: x\r\n\r\nBEGIN:VCARD", Style::Third, &Limits::default()).0, "");
    }
}
