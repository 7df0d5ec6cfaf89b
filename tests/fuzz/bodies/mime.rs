//! MIME to XML: any bytes are a message; every part lies inside it and can be read, searched, replied to.

use posthouse::format::mime::read::{self, Show};
use posthouse::format::mime::reply::{self, ReplySettings};
use posthouse::format::mime::structure::{self, Limits};
use posthouse::format::mime::{header, search};
use posthouse::model::mail::MailAddress;
use posthouse::model::time::Zone;
use posthouse::proto::ximss::form::mail;
use posthouse::xml::read::document;
use posthouse::xml::write::to_bytes;

/// The body of the target.
pub fn run(raw: &[u8]) {
    let limits = Limits { depth: 8, parts: 50, header_bytes: 4_096 };
    let root = structure::structure(raw, &limits);
    let show = Show { total_size_limit: Some(1 << 20) };
    let tree = mail::email(&read::message(raw, &root, &show), &Zone::host());
    // What is sent must be XML for any reader; depth is that of the message, which has its own bound.
    let generous = posthouse::xml::read::Limits { depth: 1_000, attributes: 100_000, attribute_bytes: usize::MAX };
    assert!(document(&to_bytes(&tree), &generous).is_ok());

    let mut parts = Vec::new();
    structure::walk(&root, &mut |node| {
        assert!(node.header.end <= raw.len() && node.body.end <= raw.len() && node.body.start <= node.body.end);
        parts.extend(node.part_id.clone());
        true
    });
    for part in parts.iter().take(20) {
        assert!(structure::find(&root, part).is_some());
        let _ = read::part(raw, &root, part, &show).map(|_| ());
        let _ = structure::embedded_message(raw, &root, part);
    }
    let _ = header::envelope(raw);
    let _ = search::body_contains(raw, "e");
    let _ = search::header_contains(raw, "e");
    let own = MailAddress { name: None, address: "me@example.org".into() };
    let settings = ReplySettings {
        own: vec![own.address.clone()],
        from: own,
        reply_header: "On ^T^N ^F wrote:".into(),
        reply_quote: ">".into(),
        size_limit: None,
    };
    let _ = reply::compose(raw, &root, None, true, &settings);
}
