//! Letters that the server writes to its people: templates of `assets/`, filled in.
//!
//! A template begins with its subject and an empty line. `{name}` stands for a value.

use crate::format::mime::build::{self, Attachment, CopiedPart, Settings, Sources};
use crate::model::draft::{CopySource, Draft, DraftPart, Source};
use crate::model::fault::{Fault, Outcome};
use crate::model::mail::{Field, FieldValue, MailAddress};
use crate::model::names::DomainName;
use crate::model::time::{Timestamp, Zone};

/// Greets the owner of a new account.
pub const WELCOME: &str = include_str!("../../assets/welcome.txt");
/// Brings a code to whoever has forgotten the password.
pub const RECOVERY: &str = include_str!("../../assets/recovery.txt");

/// A letter, ready to be delivered but for its trace fields.
pub fn write(template: &str, values: &[(&str, &str)], to: MailAddress, domain: &DomainName, now: Timestamp) -> Outcome<Vec<u8>> {
    let (subject, text) = template.split_once("\n\n").ok_or_else(|| Fault::logged("a letter has no subject", ""))?;
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
    let from = MailAddress { name: Some("Posthouse".into()), address: format!("postmaster@{domain}") };
    let field = |name: &str, value| Field { name: name.into(), value };
    let draft = Draft {
        fields: vec![
            field("From", FieldValue::Addresses(vec![from])),
            field("To", FieldValue::Addresses(vec![to])),
            field("Subject", FieldValue::Text(filled(subject.trim(), values))),
            field("Auto-Submitted", FieldValue::Text("auto-generated".into())),
        ],
        body: Some(DraftPart { source: Source::Text { text: filled(text, values), flowed: false }, ..DraftPart::default() }),
        ..Draft::default()
    };
    let settings = Settings {
        now,
        shift: Zone::host().shift_at(now),
        domain: domain.clone(),
        fill_missing: true,
        encode_headers: true,
        keep_bcc: false,
        wrap: 72,
        random,
    };
    build::build(&draft, &mut Nothing, &settings)
}

/// Fills in the values, each place once: what a value itself holds is not looked into.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let place = after.split_once('}').and_then(|(name, behind)| Some((values.iter().find(|(n, _)| *n == name)?.1, behind)));
        match place {
            Some((value, behind)) => {
                out.push_str(value);
                rest = behind;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// For drafts that refer to nothing.
pub(super) struct Nothing;

impl Sources for Nothing {
    fn upload(&mut self, _: &str) -> Outcome<Attachment> {
        Err(Fault::internal())
    }
    fn stored_file(&mut self, _: &str) -> Outcome<Attachment> {
        Err(Fault::internal())
    }
    fn copied(&mut self, _: &CopySource) -> Outcome<CopiedPart> {
        Err(Fault::internal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        assert_eq!(filled("a {x} {y} { {z}", &[("x", "{y}"), ("y", "2")]), "a {y} 2 { {z}");
    }

    #[test]
    fn letters_leave_no_place_open_and_keep_to_short_lines() {
        let values =
            [("name", "J\u{f6}rg"), ("account", "joerg@example.test"), ("domain", "example.test"), ("code", "abcd"), ("minutes", "60")];
        for template in [WELCOME, RECOVERY] {
            let to = MailAddress { name: Some("J\u{f6}rg".into()), address: "joerg@example.test".into() };
            let raw = write(template, &values, to, &"example.test".parse().unwrap(), Timestamp(1_600_000_000)).unwrap();
            let text = String::from_utf8(raw).unwrap();
            assert!(!text.contains('{') && text.contains("joerg@example.test"), "{text}");
            assert!(text.starts_with("From: ") && text.contains("\r\nSubject: "), "{text}");
            assert!(text.lines().all(|line| line.len() <= 78), "{text}");
        }
    }
}
