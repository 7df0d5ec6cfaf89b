//! Header fields: split, unfolded, decoded by category.
//!
//! The block is split here, leniently; the values are decoded by mail-parser. Spec: XIMSS, "XML Data Formats" (EMail).

use crate::model::mail::{DATE_FIELDS, Envelope, Field, FieldValue, Kept, KeptAddresses, MailAddress, Phone, Priority, is_address_field};
use crate::model::names::fold;
use crate::model::time::Timestamp;
use crate::model::viewer::{ViewerField, ViewerValue};
use mail_parser::parsers::MessageStream;
use mail_parser::{Address, HeaderValue};
use memchr::memchr;

/// A field as it stands in the header: its name, and its value with folding and the final line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawField<'a> {
    /// The name as written.
    pub name: &'a str,
    /// The raw value, from behind the colon to the end of its last line.
    pub value: &'a [u8],
    /// The raw field as a whole.
    pub whole: &'a [u8],
}

fn line(raw: &[u8]) -> &[u8] {
    let end = memchr(b'\n', raw).map_or(raw.len(), |at| at + 1);
    raw.get(..end).unwrap_or_default()
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// The name of the field that begins on this line.
fn field_name(line: &[u8]) -> Option<&str> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = std::str::from_utf8(line.get(..colon)?).ok()?.trim_end();
    (!name.is_empty() && name.len() <= 256 && name.bytes().all(|b| b.is_ascii_graphic())).then_some(name)
}

/// Where the header ends, its empty line included. A text that does not begin with a field has no header; a line of
/// an mbox file before the first field is passed over.
pub fn header_length(raw: &[u8]) -> usize {
    let first = line(raw);
    let after_mbox = if first.starts_with(b"From ") || first.starts_with(b">From ") { first.len() } else { 0 };
    let begin = line(raw.get(after_mbox..).unwrap_or_default());
    if !is_blank(begin) && field_name(begin).is_none() {
        return 0;
    }
    let mut at = after_mbox;
    loop {
        let next = line(raw.get(at..).unwrap_or_default());
        at += next.len();
        if next.is_empty() || is_blank(next) {
            return at;
        }
    }
}

/// The fields of a header in order. Lines that are neither a field nor the continuation of one are passed over.
pub fn fields(header: &[u8]) -> impl Iterator<Item = RawField<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        loop {
            let first = line(rest);
            if first.is_empty() || is_blank(first) {
                return None;
            }
            let mut length = first.len();
            while rest.get(length).is_some_and(|b| matches!(b, b' ' | b'\t')) {
                length += line(rest.get(length..).unwrap_or_default()).len();
            }
            let (whole, after) = rest.split_at_checked(length)?;
            rest = after;
            if let Some(name) = field_name(first) {
                let colon = whole.iter().position(|b| *b == b':')?;
                return Some(RawField { name, value: whole.get(colon + 1..)?, whole });
            }
        }
    })
}

/// The value of the first field of this name.
pub fn first<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    fields(header).find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value)
}

/// Unstructured text: unfolded, encoded words decoded.
pub fn text(value: &[u8]) -> String {
    match MessageStream::new(&terminated(value)).parse_unstructured() {
        HeaderValue::Text(text) => text.trim().to_owned(),
        HeaderValue::TextList(texts) => texts.join(" ").trim().to_owned(),
        _ => String::new(),
    }
}

/// The raw text of a field: unfolded, nothing decoded but the bytes.
pub fn raw_text(value: &[u8]) -> String {
    let text = super::structure::decode_charset(value, None);
    text.split(['\r', '\n']).map(|line| line.trim_start_matches('\t')).collect::<String>().trim().to_owned()
}

/// A value as mail-parser wants it: with its line break, which a header that was cut off has not, and in UTF-8. Bytes
/// that are none are of an older charset, most likely a western one.
fn terminated(value: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let is_utf8 = std::str::from_utf8(value).is_ok();
    if value.ends_with(b"\n") && is_utf8 {
        return value.into();
    }
    let mut whole = if is_utf8 { value.to_vec() } else { super::structure::decode_charset(value, None).into_bytes() };
    whole.extend_from_slice(b"\r\n");
    whole.into()
}

/// Type, subtype (both in lower case) and parameters of `Content-Type` or `Content-Disposition`.
pub fn typed(value: &[u8]) -> (String, Option<String>, Vec<(String, String)>) {
    let value = terminated(value);
    let HeaderValue::ContentType(found) = MessageStream::new(&value).parse_content_type() else { return Default::default() };
    let parameters = found.attributes().unwrap_or_default().iter().map(|a| (as_spelled(&value, &a.name), a.value.to_string())).collect();
    (found.ctype().trim().to_lowercase(), found.subtype().map(|s| s.trim().to_lowercase()), parameters)
}

/// Parameters of a value up to this many bytes are told as they are spelled; of a longer one in lower case.
const LONGEST_SPELLED: usize = 4_096;

/// The name of a parameter as the value spells it: mail-parser gives it in lower case.
fn as_spelled(value: &[u8], name: &str) -> String {
    let text = if value.len() <= LONGEST_SPELLED { std::str::from_utf8(value).unwrap_or_default() } else { "" };
    let lower = text.to_ascii_lowercase();
    let begins = |at: usize| lower.get(..at).is_some_and(|before| before.ends_with([';', ' ', '\t', '\n']));
    let ends = |at: usize| lower.get(at + name.len()..).is_some_and(|after| after.trim_start().starts_with(['=', '*']));
    let found = lower.match_indices(name).map(|(at, _)| at).find(|at| begins(*at) && ends(*at));
    found.and_then(|at| text.get(at..at + name.len())).unwrap_or(name).to_owned()
}

/// The addresses of a field. Text that is no address is shown as one, so that nothing is hidden.
fn parse_addresses(value: &[u8]) -> Vec<MailAddress> {
    let value = terminated(value);
    let parsed = MessageStream::new(&value).parse_address();
    let one = |a: &mail_parser::Addr<'_>| MailAddress {
        name: a.name.as_deref().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()),
        address: a.address.as_deref().unwrap_or_default().trim().to_owned(),
    };
    let all: Vec<MailAddress> = match parsed {
        HeaderValue::Address(Address::List(list)) => list.iter().map(one).collect(),
        HeaderValue::Address(Address::Group(groups)) => groups.iter().flat_map(|g| g.addresses.iter().map(one)).collect(),
        _ => Vec::new(),
    };
    all.into_iter().filter(|a| a.name.is_some() || !a.address.is_empty()).collect()
}

/// The addresses of all fields of a name.
pub fn addresses(header: &[u8], name: &str) -> Vec<MailAddress> {
    fields(header).filter(|f| f.name.eq_ignore_ascii_case(name)).flat_map(|f| parse_addresses(f.value)).collect()
}

fn parse_date(value: &[u8]) -> Option<(Timestamp, i32)> {
    let value = terminated(value);
    let HeaderValue::DateTime(date) = MessageStream::new(&value).parse_date() else { return None };
    if !date.is_valid() {
        return None;
    }
    let shift = i32::from(date.tz_hour) * 3600 + i32::from(date.tz_minute) * 60;
    Some((Timestamp(date.to_timestamp()), if date.tz_before_gmt { -shift } else { shift }))
}

fn parse_priority(value: &[u8]) -> Option<Priority> {
    match text(value).trim_start().as_bytes().first()? {
        b'1' | b'2' => Some(Priority::High),
        b'4' | b'5' => Some(Priority::Low),
        _ => None,
    }
}

/// `X-Telnum`: numbers separated by commas, each with an optional `type=` parameter or comment.
fn parse_phones(value: &[u8]) -> Vec<Phone> {
    let text = text(value);
    let one = |item: &str| {
        let (number, rest) = item.split_once([';', '(']).unwrap_or((item, ""));
        let kind = rest.trim().trim_end_matches(')').trim();
        let kind = kind.strip_prefix("type=").unwrap_or(kind).trim_matches('"').to_owned();
        Phone { kind: Some(kind).filter(|k| !k.is_empty()), number: number.trim().to_owned() }
    };
    text.split(',').map(one).filter(|phone| !phone.number.is_empty()).collect()
}

/// True for the fields that describe the content and are shown with the part instead.
fn describes_content(name: &str) -> bool {
    name.get(..8).is_some_and(|p| p.eq_ignore_ascii_case("content-")) || name.eq_ignore_ascii_case("MIME-Version")
}

/// All fields by category, without those that describe the content.
pub fn decoded_fields(header: &[u8]) -> Vec<Field> {
    fields(header).filter(|f| !describes_content(f.name)).filter_map(decoded).collect()
}

fn decoded(field: RawField<'_>) -> Option<Field> {
    let is = |name: &str| field.name.eq_ignore_ascii_case(name);
    let (name, value) = if is_address_field(field.name) {
        (field.name, FieldValue::Addresses(parse_addresses(field.value)))
    } else if DATE_FIELDS.iter().any(|name| is(name)) {
        match parse_date(field.value) {
            Some((at, shift)) => (field.name, FieldValue::Date { at, shift }),
            None => (field.name, FieldValue::Text(text(field.value))),
        }
    } else if is("X-Priority") {
        ("Pty", FieldValue::Priority(parse_priority(field.value)?))
    } else if is("X-Telnum") {
        (field.name, FieldValue::Phones(parse_phones(field.value)))
    } else if is("Message-ID") || is("References") || is("In-Reply-To") {
        (field.name, FieldValue::Text(raw_text(field.value)))
    } else {
        (field.name, FieldValue::Text(text(field.value)))
    };
    Some(Field { name: name.to_owned(), value })
}

fn shown(addresses: &[MailAddress]) -> Option<String> {
    let one = |a: &MailAddress| a.name.clone().unwrap_or_else(|| a.address.clone());
    (!addresses.is_empty()).then(|| addresses.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn bare(addresses: &[MailAddress]) -> Option<String> {
    (!addresses.is_empty()).then(|| addresses.iter().map(|a| a.address.as_str()).collect::<Vec<_>>().join(", "))
}

/// What the index keeps of a message.
pub fn envelope(raw: &[u8]) -> Envelope {
    let header = raw.get(..header_length(raw)).unwrap_or_default();
    let header = header.get(..256 << 10).unwrap_or(header);
    let mut envelope = Envelope { media: has_media(raw), ..Envelope::default() };
    let mut lists: [Vec<MailAddress>; 3] = Default::default();
    for field in fields(header) {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if let Some(at) = ["From", "To", "Cc"].iter().position(|name| is(name)) {
            if let Some(list) = lists.get_mut(at) {
                list.extend(parse_addresses(field.value));
            }
        } else if is("Subject") && envelope.subject == Kept::Absent {
            envelope.subject = Kept::of(Some(text(field.value)));
        } else if is("Date") && envelope.date.is_none() {
            envelope.date = parse_date(field.value);
        } else if is("Message-ID") && envelope.message_id == Kept::Absent {
            envelope.message_id = Kept::of(Some(raw_text(field.value)));
        } else if is("X-Priority") && envelope.priority.is_none() {
            envelope.priority = parse_priority(field.value);
        }
    }
    let kept = |list: &[MailAddress]| KeptAddresses { shown: Kept::of(shown(list)), addresses: Kept::of(bare(list)) };
    let [from, to, cc] = &lists;
    Envelope { from: kept(from), to: kept(to), cc: kept(cc), ..envelope }
}

/// True when some part says that it is audio or video. Looks at the beginnings of lines only: the structure is not needed.
fn has_media(raw: &[u8]) -> bool {
    const FIELD: &[u8] = b"content-type:";
    let mut rest = raw;
    loop {
        if rest.get(..FIELD.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(FIELD)) {
            let value = rest.get(FIELD.len()..FIELD.len() + 16).unwrap_or_default().trim_ascii_start();
            if value.get(..6).is_some_and(|kind| kind.eq_ignore_ascii_case(b"audio/") || kind.eq_ignore_ascii_case(b"video/")) {
                return true;
            }
        }
        match memchr(b'\n', rest) {
            Some(at) => rest = rest.get(at + 1..).unwrap_or_default(),
            None => return false,
        }
    }
}

/// What a viewer field shows, from the index. None: the header must be read.
pub fn from_envelope(envelope: &Envelope, field: &ViewerField) -> Option<ViewerValue> {
    let kept = |kept: &Kept| match kept {
        Kept::Absent => Some(ViewerValue::Absent),
        Kept::Text(text) => Some(ViewerValue::Text(text.clone())),
        Kept::Long => None,
    };
    let list = |name: &str| {
        let known = [("From", &envelope.from), ("To", &envelope.to), ("Cc", &envelope.cc)];
        known.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, list)| list)
    };
    match field {
        ViewerField::Email(name) => kept(&list(name)?.shown),
        ViewerField::EmailAddress(name) => kept(&list(name)?.addresses),
        ViewerField::Date(name) if name.eq_ignore_ascii_case("Date") => {
            Some(envelope.date.map_or(ViewerValue::Absent, |(at, shift)| ViewerValue::Date { at, shift }))
        }
        ViewerField::Text(name) if name.eq_ignore_ascii_case("Subject") => kept(&envelope.subject),
        ViewerField::Text(name) if name.eq_ignore_ascii_case("Message-ID") => kept(&envelope.message_id),
        ViewerField::Pty => Some(envelope.priority.map_or(ViewerValue::Absent, |p| ViewerValue::Text(priority_name(p).to_owned()))),
        _ => None,
    }
}

/// `High` or `Low`.
pub fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "High",
        Priority::Low => "Low",
    }
}

/// What a viewer field shows, from the header. Fields of metadata are absent here: the header does not know them.
pub fn from_header(header: &[u8], field: &ViewerField) -> ViewerValue {
    let some = |text: Option<String>| text.map_or(ViewerValue::Absent, ViewerValue::Text);
    match field {
        ViewerField::Email(name) => some(shown(&addresses(header, name))),
        ViewerField::EmailAddress(name) => some(bare(&addresses(header, name))),
        ViewerField::Date(name) => match first(header, name).and_then(parse_date) {
            Some((at, shift)) => ViewerValue::Date { at, shift },
            None => ViewerValue::Absent,
        },
        ViewerField::Text(name) if name.eq_ignore_ascii_case("Message-ID") => some(first(header, name).map(raw_text)),
        ViewerField::Text(name) => {
            let all: Vec<String> = fields(header).filter(|f| f.name.eq_ignore_ascii_case(name)).map(|f| text(f.value)).collect();
            some((!all.is_empty()).then(|| all.join(", ")))
        }
        ViewerField::Pty => some(first(header, "X-Priority").and_then(parse_priority).map(|p| priority_name(p).to_owned())),
        ViewerField::Uid | ViewerField::OrigUid | ViewerField::Size | ViewerField::InternalDate | ViewerField::Flags => ViewerValue::Absent,
    }
}

/// What a value is sorted by and searched in: its text, case folded.
pub fn sort_text(value: &ViewerValue) -> String {
    match value {
        ViewerValue::Absent => String::new(),
        ViewerValue::Text(text) => fold(text),
        ViewerValue::Date { at, .. } => fold(&at.gmt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &[u8] = b"From: \"Mr. Sender.\" <user1@example.com>\r\nTo: user2@example.com (My Friend),\r\n =?iso-8859-1?Q?=4Eot=20A=20Friend?= <user3@example.com>\r\n\
        Date: Mon, 10 Apr 2006 13:15:48 -0700\r\nSubject: It's 1:15PM now, the meeting\r\n has started!\r\nX-Priority: 1 (High)\r\nMessage-ID: <a@b>\r\n\
        X-Telnum: +1 555 1;type=WORK, 22\r\n\r\nbody";

    #[test]
    fn raw_bytes_of_an_older_charset_are_read() {
        assert_eq!(text(b" Gr\xfc\xdfe\r\n"), "Gr\u{fc}\u{df}e");
        assert_eq!(parse_addresses(b" J\xfcrgen <j@example.com>")[0].name.as_deref(), Some("J\u{fc}rgen"));
        assert_eq!(typed(b" text/plain; name=\"\xe4.txt\"\r\n").2, [("name".to_owned(), "\u{e4}.txt".to_owned())]);
    }

    #[test]
    fn fields_are_decoded_by_category() {
        let fields = decoded_fields(HEADER);
        let value = |name: &str| fields.iter().find(|f| f.name == name).map(|f| f.value.clone());
        let Some(FieldValue::Addresses(to)) = value("To") else { panic!() };
        assert_eq!(
            to.iter().map(|a| (a.name.as_deref().unwrap(), a.address.as_str())).collect::<Vec<_>>(),
            [("My Friend", "user2@example.com"), ("Not A Friend", "user3@example.com")]
        );
        assert_eq!(value("Date"), Some(FieldValue::Date { at: "20060410T201548Z".parse().unwrap(), shift: -25200 }));
        assert_eq!(value("Subject"), Some(FieldValue::Text("It's 1:15PM now, the meeting has started!".into())));
        assert_eq!(value("Pty"), Some(FieldValue::Priority(Priority::High)));
        let Some(FieldValue::Phones(phones)) = value("X-Telnum") else { panic!() };
        assert_eq!(phones, [Phone { kind: Some("WORK".into()), number: "+1 555 1".into() }, Phone { kind: None, number: "22".into() }]);
        assert_eq!(&HEADER[header_length(HEADER)..], b"body");
    }

    #[test]
    fn the_index_and_the_header_agree() {
        let envelope = envelope(HEADER);
        for name in ["From", "E-From", "To", "E-To", "Cc", "Date", "Subject", "Pty", "Message-ID"] {
            let field: ViewerField = name.parse().unwrap();
            assert_eq!(from_envelope(&envelope, &field), Some(from_header(HEADER, &field)), "{name}");
        }
        assert_eq!(from_header(HEADER, &"From".parse().unwrap()), ViewerValue::Text("Mr. Sender.".into()));
    }

    #[test]
    fn odd_headers_have_an_end() {
        assert_eq!(header_length(b"just text\n\nmore"), 0);
        assert_eq!(header_length(b"\nbody"), 1);
        assert_eq!(header_length(b"From x@y Mon\nA: b\n\nz"), 19);
        assert_eq!(header_length(b"A: b"), 4);
        assert_eq!(header_length(b""), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_envelope(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = envelope(&raw);
            prop_assert!(header_length(&raw) <= raw.len());
            let _ = decoded_fields(&raw);
        }

        #[test]
        fn any_header_text_has_fields(raw in "((From|To|Date|Subject|X-Priority|Content-Type): [ -~\u{e4}\u{20ac}]{0,40}\r\n( [ -~]{0,20}\r\n)?){0,6}") {
            let _ = decoded_fields(raw.as_bytes());
            let _ = envelope(raw.as_bytes());
        }
    }
}
