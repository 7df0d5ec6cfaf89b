//! Messages that the server writes itself, and surgery on the headers of others: delivery reports (RFC 3464),
//! disposition notifications (RFC 8098), redirection and forwarding (RFC 5322 3.6.6), trace fields.

use super::build::{unique, write_addresses, write_plain, write_text};
use super::header;
use crate::model::mail::MailAddress;
use crate::model::names::{Address, DomainName};
use crate::model::time::Timestamp;

/// What became of a message for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is in the mailbox.
    Delivered,
    /// It will not get there.
    Failed,
}

/// The report on one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientReport {
    /// Whom the message was for.
    pub recipient: Address,
    /// What became of it.
    pub action: Action,
    /// The enhanced status code (RFC 3463).
    pub status: &'static str,
    /// For people.
    pub text: &'static str,
}

impl RecipientReport {
    /// It is in the mailbox.
    pub fn delivered(recipient: &Address) -> Self {
        Self { recipient: recipient.clone(), action: Action::Delivered, status: "2.0.0", text: "delivered to the mailbox" }
    }
    /// It will not get there.
    pub fn failed(recipient: &Address, status: &'static str, text: &'static str) -> Self {
        Self { recipient: recipient.clone(), action: Action::Failed, status, text }
    }
}

/// A report on the delivery of a message.
#[derive(Debug)]
pub struct DeliveryReport<'a> {
    /// Who reports.
    pub domain: &'a DomainName,
    /// Whom to.
    pub to: &'a Address,
    /// On whom.
    pub recipients: &'a [RecipientReport],
    /// The message, of which the header is returned.
    pub original: &'a [u8],
    /// The present.
    pub now: Timestamp,
}

/// A random text for IDs and boundaries. Where there are no random numbers, the time has to do.
fn random(now: Timestamp) -> [u8; 16] {
    let mut random = [0u8; 16];
    if getrandom::fill(&mut random).is_err() {
        random = i128::from(now.0).to_be_bytes();
    }
    random
}

/// The header of a message from the server itself.
fn begin(domain: &DomainName, to: &str, subject: &str, kind: &str, now: Timestamp) -> (Vec<u8>, String) {
    let mark = unique(&random(now));
    let boundary = format!("_==={mark}=_");
    let mut out = Vec::new();
    let from = MailAddress { name: Some("Mail Delivery".into()), address: format!("MAILER-DAEMON@{domain}") };
    write_addresses(&mut out, "From", &[from]);
    write_plain(&mut out, "To", to);
    write_text(&mut out, "Subject", subject);
    write_plain(&mut out, "Date", &now.rfc5322(0));
    write_plain(&mut out, "Message-ID", &format!("<report-{mark}@{domain}>"));
    write_plain(&mut out, "Auto-Submitted", "auto-replied");
    write_plain(&mut out, "MIME-Version", "1.0");
    write_plain(&mut out, "Content-Type", &format!("multipart/report; report-type={kind};\tboundary=\"{boundary}\"").replace('\t', " "));
    out.extend_from_slice(b"\r\n");
    (out, boundary)
}

fn part(out: &mut Vec<u8>, boundary: &str, kind: &str, content: &[u8]) {
    out.extend_from_slice(format!("--{boundary}\r\nContent-Type: {kind}\r\n\r\n").as_bytes());
    out.extend_from_slice(content);
    out.extend_from_slice(b"\r\n");
}

/// A delivery report: a text, the machine's version of it, and the header of the message.
pub fn delivery_report(report: &DeliveryReport<'_>) -> Vec<u8> {
    let failed = report.recipients.iter().any(|r| r.action == Action::Failed);
    let subject = header::first(report.original, "Subject").map(header::text).unwrap_or_default();
    let subject = format!("{}: {subject}", if failed { "Delivery failed" } else { "Delivery report" });
    let (mut out, boundary) = begin(report.domain, &report.to.to_string(), &subject, "delivery-status", report.now);
    let (mut text, mut status) = (String::new(), format!("Reporting-MTA: dns; {}\r\n", report.domain));
    for r in report.recipients {
        let (said, action) = match r.action {
            Action::Delivered => ("was delivered to", "delivered"),
            Action::Failed => ("could not be delivered to", "failed"),
        };
        text += &format!("Your message {said} <{}>:\r\n    {}\r\n\r\n", r.recipient, r.text);
        status += &format!("\r\nFinal-Recipient: rfc822; {}\r\nAction: {action}\r\nStatus: {}\r\n", r.recipient, r.status);
        if r.action == Action::Failed {
            status += &format!("Diagnostic-Code: X-Posthouse; {}\r\n", r.text);
        }
    }
    part(&mut out, &boundary, "text/plain; charset=utf-8", text.as_bytes());
    part(&mut out, &boundary, "message/delivery-status", status.as_bytes());
    let head = report.original.get(..header::header_length(report.original)).unwrap_or_default();
    part(&mut out, &boundary, "text/rfc822-headers", head);
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// A notice that a message has been displayed.
#[derive(Debug)]
pub struct Disposition<'a> {
    /// Who has displayed it.
    pub from: &'a MailAddress,
    /// Who asked to know.
    pub to: &'a [MailAddress],
    /// Who reports.
    pub domain: &'a DomainName,
    /// The present.
    pub now: Timestamp,
    /// True when the user has said so, false when the client did it by itself.
    pub manual: bool,
    /// Makes IDs unique.
    pub random: [u8; 16],
}

/// A disposition notification (RFC 8098 3).
pub fn disposition_notification(original: &[u8], notice: &Disposition<'_>) -> Vec<u8> {
    let mark = unique(&notice.random);
    let boundary = format!("_==={mark}=_");
    let subject = header::first(original, "Subject").map(header::text).unwrap_or_default();
    let mut out = Vec::new();
    write_addresses(&mut out, "From", std::slice::from_ref(notice.from));
    write_addresses(&mut out, "To", notice.to);
    write_text(&mut out, "Subject", &format!("Read: {subject}"));
    write_plain(&mut out, "Date", &notice.now.rfc5322(0));
    write_plain(&mut out, "Message-ID", &format!("<mdn-{mark}@{}>", notice.domain));
    write_plain(&mut out, "Auto-Submitted", "auto-replied");
    let id = header::first(original, "Message-ID").map(header::raw_text).filter(|id| !id.is_empty());
    if let Some(id) = &id {
        write_plain(&mut out, "In-Reply-To", id);
        write_plain(&mut out, "References", id);
    }
    write_plain(&mut out, "MIME-Version", "1.0");
    write_plain(&mut out, "Content-Type", &format!("multipart/report; report-type=disposition-notification; boundary=\"{boundary}\""));
    out.extend_from_slice(b"\r\n");
    let date = header::first(original, "Date").map(header::raw_text).unwrap_or_default();
    let text = format!(
        "The message sent on {date} to {} with the subject \"{}\" has been displayed.\r\n\
        This is no guarantee that it has been read or understood.\r\n",
        notice.from.address,
        subject.replace(char::is_control, " ")
    );
    part(&mut out, &boundary, "text/plain; charset=utf-8", text.as_bytes());
    let mode = if notice.manual { "manual-action/MDN-sent-manually" } else { "automatic-action/MDN-sent-automatically" };
    let mut status = format!("Reporting-UA: {}; Posthouse\r\n", notice.domain);
    if let Some(original) = header::first(original, "Original-Recipient").map(header::raw_text) {
        status += &format!("Original-Recipient: {original}\r\n");
    }
    status += &format!("Final-Recipient: rfc822; {}\r\n", notice.from.address);
    if let Some(id) = &id {
        status += &format!("Original-Message-ID: {id}\r\n");
    }
    status += &format!("Disposition: {mode}; displayed\r\n");
    part(&mut out, &boundary, "message/disposition-notification", status.as_bytes());
    let head = original.get(..header::header_length(original)).unwrap_or_default();
    part(&mut out, &boundary, "text/rfc822-headers", head);
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// A message that goes on to others.
#[derive(Debug)]
pub struct Redirection<'a> {
    /// Who sends it on.
    pub from: &'a MailAddress,
    /// To whom.
    pub to: &'a [MailAddress],
    /// The domain of the new ID.
    pub domain: &'a DomainName,
    /// The present.
    pub now: Timestamp,
    /// Makes the new ID unique.
    pub random: [u8; 16],
}

impl Redirection<'_> {
    fn resent_fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_addresses(&mut out, "Resent-From", std::slice::from_ref(self.from));
        write_addresses(&mut out, "Resent-To", self.to);
        write_plain(&mut out, "Resent-Date", &self.now.rfc5322(0));
        write_plain(&mut out, "Resent-Message-ID", &format!("<resent-{}@{}>", unique(&self.random), self.domain));
        out
    }
}

/// A message sent on. Its To and Cc become the new recipients, unless it is mirrored; all else stays.
pub fn redirected(raw: &[u8], redirection: &Redirection<'_>, mirror: bool) -> Vec<u8> {
    let mut out = redirection.resent_fields();
    if mirror {
        out.extend_from_slice(raw);
        return out;
    }
    let (header, body) = raw.split_at(header::header_length(raw));
    copy_without(&mut out, header, &["To", "Cc", "Bcc"]);
    write_addresses(&mut out, "To", redirection.to);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// A message forwarded in the user's name: From, Sender, To, Cc and the ID are the forwarder's, the original From becomes
/// Reply-To where there was none, and `X-Forwarded-From` keeps it. Content, subject and date stay.
pub fn forwarded(raw: &[u8], redirection: &Redirection<'_>) -> Vec<u8> {
    let (header, body) = raw.split_at(header::header_length(raw));
    let mut out = redirection.resent_fields();
    let (author, answers) = (header::addresses(header, "From"), header::addresses(header, "Reply-To"));
    copy_without(&mut out, header, &["From", "Sender", "To", "Cc", "Bcc", "Return-Path", "Message-ID"]);
    write_addresses(&mut out, "From", std::slice::from_ref(redirection.from));
    write_addresses(&mut out, "To", redirection.to);
    if answers.is_empty() {
        write_addresses(&mut out, "Reply-To", &author);
    }
    write_addresses(&mut out, "X-Forwarded-From", &author);
    write_plain(&mut out, "Message-ID", &format!("<forward-{}@{}>", unique(&redirection.random), redirection.domain));
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// Copies a header without its empty line and without some fields.
fn copy_without(out: &mut Vec<u8>, header: &[u8], names: &[&str]) {
    for field in header::fields(header).filter(|f| !names.iter().any(|name| f.name.eq_ignore_ascii_case(name))) {
        out.extend_from_slice(field.whole);
        if !field.whole.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A message with more fields above its own. A message without a header gets one.
pub fn with_prepended(raw: &[u8], fields: &[(&str, String)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 256);
    for (name, value) in fields {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if header::header_length(raw) == 0 {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(raw);
    out
}

#[cfg(test)]
mod tests {
    use super::super::read::{Show, message};
    use super::super::structure::{Limits, structure};
    use super::*;
    use crate::model::mail::Content;

    const ORIGINAL: &[u8] = b"From: \"Bob\" <bob@b.test>\r\nTo: alice@a.test\r\nCc: x@y.test\r\nSubject: =?utf-8?q?H=C3=A9?=\r\nMessage-ID: <1@b>\r\n\r\nbody\r\n";

    fn text_of(raw: &[u8], name: &str) -> Vec<String> {
        header::fields(raw).filter(|f| f.name.eq_ignore_ascii_case(name)).map(|f| header::text(f.value)).collect()
    }

    #[test]
    fn a_delivery_report_can_be_read_by_machines() {
        let (to, domain) = ("bob@b.test".parse().unwrap(), "a.test".parse().unwrap());
        let recipients = [RecipientReport::failed(&"no@a.test".parse().unwrap(), "5.1.1", "no such account")];
        let raw =
            delivery_report(&DeliveryReport { domain: &domain, to: &to, recipients: &recipients, original: ORIGINAL, now: Timestamp(0) });
        let mail = message(&raw, &structure(&raw, &Limits::default()), &Show::default());
        let Content::Parts(parts) = mail.body.unwrap().content else { panic!() };
        let Content::Report(report) = &parts[1].content else { panic!() };
        assert_eq!(
            report.groups[0].fields[..3],
            [("Final-Recipient", "rfc822; no@a.test"), ("Action", "failed"), ("Status", "5.1.1")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
        assert!(matches!(&parts[2].content, Content::Mail(m) if m.fields.len() == 5));
    }

    #[test]
    fn a_redirected_message_keeps_its_author_and_a_forwarded_one_does_not() {
        let (from, domain) = (MailAddress { name: None, address: "alice@a.test".into() }, "a.test".parse().unwrap());
        let to = [MailAddress { name: Some("Carol".into()), address: "carol@c.test".into() }];
        let redirection = Redirection { from: &from, to: &to, domain: &domain, now: Timestamp(0), random: [7; 16] };
        let sent = redirected(ORIGINAL, &redirection, false);
        assert_eq!(
            (text_of(&sent, "From").len(), text_of(&sent, "Cc").len(), text_of(&sent, "Message-ID")),
            (1, 0, vec!["<1@b>".to_owned()])
        );
        assert!(text_of(&sent, "To")[0].contains("carol@c.test") && text_of(&sent, "Resent-From")[0].contains("alice"));
        let mirrored = redirected(ORIGINAL, &redirection, true);
        assert_eq!((text_of(&mirrored, "Cc"), mirrored.ends_with(ORIGINAL)), (vec!["x@y.test".to_owned()], true));
        let forwarded = forwarded(ORIGINAL, &redirection);
        assert!(text_of(&forwarded, "From")[0].contains("alice") && text_of(&forwarded, "Reply-To")[0].contains("bob"));
        assert!(forwarded.ends_with(b"\r\n\r\nbody\r\n"));
    }
}
