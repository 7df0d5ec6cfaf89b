//! XML to MIME and back: what can be composed is a message whose header nobody has broken out of, and reads as a message.

use posthouse::format::mime::build::{self, Attachment, CopiedPart, Settings, Sources};
use posthouse::format::mime::header;
use posthouse::format::mime::read::{self, Show};
use posthouse::format::mime::structure::{self, Limits};
use posthouse::model::draft::CopySource;
use posthouse::model::fault::{Fault, Outcome};
use posthouse::model::time::Timestamp;
use posthouse::proto::ximss::form::mail;
use posthouse::xml::read::document;

struct Files;

impl Sources for Files {
    fn upload(&mut self, id: &str) -> Outcome<Attachment> {
        let (kind, subtype) = ("image".into(), "gif".into());
        Ok(Attachment { kind, subtype, charset: None, file_name: Some(id.to_owned()), data: id.as_bytes().to_vec() })
    }
    fn stored_file(&mut self, _: &str) -> Outcome<Attachment> {
        Err(Fault::not_found("file does not exist"))
    }
    fn copied(&mut self, _: &CopySource) -> Outcome<CopiedPart> {
        Ok(CopiedPart::Message(b"Subject: copied\r\n\r\ntext\r\n".to_vec()))
    }
}

/// The body of the target.
pub fn run(bytes: &[u8]) {
    let Ok(element) = document(bytes, &posthouse::xml::read::Limits::default()) else { return };
    let Ok(draft) = mail::draft(&element) else { return };
    let settings = Settings {
        now: Timestamp(1_700_000_000),
        shift: 3_600,
        domain: "example.org".parse().expect("a good name"),
        fill_missing: false,
        encode_headers: true,
        keep_bcc: true,
        wrap: 72,
        random: [7; 16],
    };
    let Ok(raw) = build::build(&draft, &mut Files, &settings) else { return };
    let head = &raw[..header::header_length(&raw)];
    // Each field of the message is one that the draft names, or one of our own.
    for field in header::fields(head) {
        let known = draft.fields.iter().any(|f| f.name.eq_ignore_ascii_case(field.name))
            || field.name.to_ascii_lowercase().starts_with("content-")
            || ["MIME-Version", "X-Priority"].iter().any(|own| own.eq_ignore_ascii_case(field.name));
        assert!(known, "{}", field.name);
    }
    let root = structure::structure(&raw, &Limits::default());
    let _ = read::message(&raw, &root, &Show::default());
}
