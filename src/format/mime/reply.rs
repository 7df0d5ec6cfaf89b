//! Replies, composed for the user to complete: whom to, what it refers to, what it quotes.
//!
//! Spec: XIMSS, "Message Operations" (folderRead with mode replyFrom, replyAll). The text is one `format=flowed` part;
//! mail that is HTML only is quoted as text. Signatures and attachments are the client's business.

use super::header;
use super::structure::{self, Node};
use crate::model::fault::{Fault, Outcome};
use crate::model::mail::{Content, Field, FieldValue, Mail, MailAddress, Part};
use mail_parser::decoders::html::html_to_text;

/// What the preferences say of replies.
#[derive(Debug, Clone)]
pub struct ReplySettings {
    /// The user's own addresses, which get no copy.
    pub own: Vec<String>,
    /// Whom the reply comes from.
    pub from: MailAddress,
    /// The line above the quotation: `^T` is the date, `^F` the sender, `^N` a line break, `^^` a caret.
    pub reply_header: String,
    /// What each quoted line begins with.
    pub reply_quote: String,
    /// The most bytes of quoted text.
    pub size_limit: Option<u64>,
}

/// A reply to a message, or to a message inside it.
pub fn compose(raw: &[u8], root: &Node, part_id: Option<&str>, all: bool, settings: &ReplySettings) -> Outcome<Mail> {
    let root = match part_id {
        None => root,
        Some(id) => match structure::find(root, id).map(|node| &node.inside) {
            Some(structure::Inside::Message(inner)) => inner,
            Some(_) => return Err(Fault::bad("message part is not a message")),
            None => return Err(Fault::not_found("message part does not exist")),
        },
    };
    let head = raw.get(root.header.clone()).unwrap_or_default();
    let mut fields = vec![Field { name: "From".into(), value: FieldValue::Addresses(vec![settings.from.clone()]) }];
    let (to, cc) = recipients(head, all, settings);
    for (name, list) in [("To", to), ("Cc", cc)] {
        if !list.is_empty() {
            fields.push(Field { name: name.into(), value: FieldValue::Addresses(list) });
        }
    }
    let mut say = |name: &str, text: String| fields.push(Field { name: name.into(), value: FieldValue::Text(text) });
    let subject = header::first(head, "Subject").map(header::text).unwrap_or_default();
    let answered = subject.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("re:"));
    say("Subject", if answered { subject } else { format!("Re: {subject}") });
    if let Some(id) = header::first(head, "Message-ID").map(header::raw_text).filter(|id| !id.is_empty()) {
        let before = header::first(head, "References").or_else(|| header::first(head, "In-Reply-To")).map(header::raw_text);
        say("In-Reply-To", id.clone());
        say("References", before.filter(|b| !b.is_empty()).map_or(id.clone(), |before| format!("{before} {id}")));
    }
    let body = Part {
        kind: "text".into(),
        subtype: "plain".into(),
        charset: Some("utf-8".into()),
        type_parameters: vec![("format".into(), "flowed".into())],
        content: Content::Text(quoted(raw, root, head, settings)),
        ..Part::default()
    };
    Ok(Mail { fields, body: Some(Box::new(body)) })
}

/// To: who is to be answered, and with `all` everybody the message went to; Cc: who had a copy. Nobody twice, not the user.
fn recipients(head: &[u8], all: bool, settings: &ReplySettings) -> (Vec<MailAddress>, Vec<MailAddress>) {
    let answered = header::addresses(head, "Reply-To");
    let mut to = if answered.is_empty() { header::addresses(head, "From") } else { answered };
    let mut cc = Vec::new();
    if all {
        let mut known: Vec<String> = settings.own.iter().chain(to.iter().map(|a| &a.address)).map(|a| a.to_lowercase()).collect();
        let mut fresh = |list: Vec<MailAddress>| {
            list.into_iter()
                .filter(|a| {
                    let address = a.address.to_lowercase();
                    let new = !address.is_empty() && !known.contains(&address);
                    known.extend(new.then_some(address));
                    new
                })
                .collect::<Vec<_>>()
        };
        to.extend(fresh(header::addresses(head, "To")));
        cc = fresh(header::addresses(head, "Cc"));
    }
    (to, cc)
}

fn quoted(raw: &[u8], root: &Node, head: &[u8], settings: &ReplySettings) -> String {
    let mut text = expanded(head, &settings.reply_header);
    text.push('\n');
    let mut original = readable(raw, root).unwrap_or_default();
    if let Some(limit) = settings.size_limit {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        original.truncate((0..=limit.min(original.len())).rev().find(|at| original.is_char_boundary(*at)).unwrap_or(0));
    }
    for line in original.trim_end().lines() {
        text.push_str(&settings.reply_quote);
        // A line that is a quotation already gets one more mark and no blank, as flowed text wants it.
        if !line.is_empty() && !line.starts_with('>') {
            text.push(' ');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The first text that a person can read: plain text, else HTML as text.
fn readable(raw: &[u8], root: &Node) -> Option<String> {
    let (mut plain, mut html) = (None, None);
    structure::walk(root, &mut |node| {
        let shown = node.about.kind == "text" && !node.about.is_attachment();
        match node.about.subtype.as_str() {
            "plain" if shown => plain = structure::text(raw, node),
            "html" if shown && html.is_none() => html = structure::text(raw, node).map(|text| html_to_text(&text).replace("\r\n", "\n")),
            _ => {}
        }
        plain.is_none()
    });
    plain.or(html)
}

fn expanded(head: &[u8], template: &str) -> String {
    let mut out = String::new();
    let mut rest = template.chars();
    while let Some(c) = rest.next() {
        if c != '^' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('T') => out.push_str(&header::first(head, "Date").map(header::raw_text).unwrap_or_default()),
            Some('F') => out.push_str(&header::first(head, "From").map(header::text).unwrap_or_default()),
            Some('S') => out.push_str(&header::first(head, "Subject").map(header::text).unwrap_or_default()),
            Some('N') => out.push('\n'),
            Some('^') | None => out.push('^'),
            Some(other) => out.extend(['^', other]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::structure::{Limits, structure};
    use super::*;

    #[test]
    fn a_reply_to_all_leaves_the_user_out() {
        let raw = b"From: \"Bob\" <bob@b.test>\r\nTo: alice@a.test, carol@c.test\r\nCc: BOB@b.test, dan@d.test\r\nSubject: Lunch\r\nMessage-ID: <1@b>\r\n\
            References: <0@b>\r\nDate: Mon, 10 Apr 2006 13:15:48 -0700\r\n\r\nShall we?\r\n\r\n> before\r\n";
        let settings = ReplySettings {
            own: vec!["alice@a.test".into()],
            from: MailAddress { name: None, address: "alice@a.test".into() },
            reply_header: "On ^T^N ^F wrote:".into(),
            reply_quote: ">".into(),
            size_limit: None,
        };
        let mail = compose(raw, &structure(raw, &Limits::default()), None, true, &settings).unwrap();
        let list = |name: &str| match mail.fields.iter().find(|f| f.name == name).map(|f| &f.value) {
            Some(FieldValue::Addresses(list)) => list.iter().map(|a| a.address.clone()).collect::<Vec<_>>(),
            Some(FieldValue::Text(text)) => vec![text.clone()],
            _ => Vec::new(),
        };
        assert_eq!((list("To"), list("Cc")), (vec!["bob@b.test".into(), "carol@c.test".into()], vec!["dan@d.test".to_owned()]));
        assert_eq!((list("Subject"), list("References")), (vec!["Re: Lunch".to_owned()], vec!["<0@b> <1@b>".to_owned()]));
        let Content::Text(text) = mail.body.unwrap().content else { panic!() };
        assert_eq!(text, "On Mon, 10 Apr 2006 13:15:48 -0700\n \"Bob\" <bob@b.test> wrote:\n> Shall we?\n>\n>> before\n");
    }
}
