//! Substring search in messages: decoded text, without regard to case. The needle comes folded (`model::names::fold`).

use super::header::{self, RawField};
use super::structure::{self, Limits, structure};
use crate::model::names::fold;
use crate::model::viewer::ViewerField;
use mail_parser::decoders::html::html_to_text;
use std::ops::ControlFlow;

/// Stands between texts that are searched one by one: no filter can hold it.
const BREAK: char = '\0';
/// The longest text that is indexed, in bytes; a longer one is looked at each time.
const MOST_TEXT: usize = 256 << 10;
/// How many runs of three bytes are remembered while a text's are gathered, a power of two: as many as are at hand at once.
const LATELY: usize = 8192;

/// Visits the text parts, decoded and folded, until `each` says to stop. True when it was stopped.
fn text_parts(raw: &[u8], each: &mut dyn FnMut(String) -> ControlFlow<()>) -> bool {
    let root = structure(raw, &Limits::default());
    !structure::walk(&root, &mut |node| {
        if node.about.kind != "text" || !matches!(node.inside, structure::Inside::Data) {
            return true;
        }
        let Some(text) = structure::text(raw, node) else { return true };
        let text = if node.about.subtype == "html" { html_to_text(&text) } else { text };
        each(fold(&text)).is_continue()
    })
}

/// True when a text part holds the text. Parts that are not text are not decoded at all.
pub fn body_contains(raw: &[u8], folded: &str) -> bool {
    text_parts(raw, &mut |text| if text.contains(folded) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

/// A field as it is searched: decoded, and as it was written.
fn both_ways(field: RawField<'_>) -> [String; 2] {
    [fold(&header::text(field.value)), fold(&header::raw_text(field.value))]
}

/// True when a header field holds the text, decoded or as it was written.
pub fn header_contains(raw: &[u8], folded: &str) -> bool {
    let header = raw.get(..header::header_length(raw)).unwrap_or_default();
    header::fields(header).any(|field| both_ways(field).iter().any(|text| text.contains(folded)))
}

/// The terms of all that a filter on the header can find. None where it is too long to index.
pub fn header_terms(raw: &[u8]) -> Option<Vec<u32>> {
    let header = raw.get(..header::header_length(raw)).unwrap_or_default();
    let (mut all, mut names) = (String::new(), Vec::new());
    for field in header::fields(header) {
        if all.len() > MOST_TEXT {
            return None;
        }
        both_ways(field).iter().for_each(|text| add(&mut all, text));
        if field.name.eq_ignore_ascii_case("X-Telnum") {
            // Telephone numbers are looked for by their digits, however they are written.
            header::text(field.value).split(',').for_each(|number| add(&mut all, &number.replace(|c: char| !c.is_ascii_digit(), "")));
        }
        let name = field.name.to_ascii_lowercase();
        if !names.contains(&name) {
            // What lists show of a field can join several of them, or names without their addresses.
            let shown = [name.clone(), format!("e-{name}")];
            let shown = shown.iter().filter_map(|name| name.parse::<ViewerField>().ok());
            shown.for_each(|field| add(&mut all, &fold(&header::sort_text(&header::from_header(header, &field)))));
            names.push(name);
        }
    }
    (all.len() <= MOST_TEXT).then(|| terms(&all))
}

/// The terms of all that a filter on the body can find. None where it is too long to index.
pub fn body_terms(raw: &[u8]) -> Option<Vec<u32>> {
    let mut all = String::new();
    let stopped = text_parts(raw, &mut |text| {
        add(&mut all, &text);
        if all.len() > MOST_TEXT { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (!stopped).then(|| terms(&all))
}

fn add(all: &mut String, text: &str) {
    all.push_str(text);
    all.push(BREAK);
}

/// The terms of a folded text: its runs of three bytes, each once, ascending.
pub fn terms(text: &str) -> Vec<u32> {
    // A text has ten times as many runs as different ones. Most have been seen a moment ago, which a table tells in which
    // a run has one place and the latest of a place stands; the few that come through again meet when all are sorted.
    let (mut lately, mut all, mut term) = (vec![0u32; LATELY], Vec::new(), 0u32);
    for byte in text.as_bytes() {
        term = (term << 8 | u32::from(*byte)) & 0xFF_FFFF;
        let holds_break = term.wrapping_sub(0x01_0101) & !term & 0x80_8080 != 0;
        if holds_break {
            continue;
        }
        let place = (term.wrapping_mul(0x9E37_79B1) >> (u32::BITS - LATELY.ilog2())) as usize;
        if let Some(latest) = lately.get_mut(place)
            && *latest != term
        {
            *latest = term;
            all.push(term);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn text_is_found_through_encodings() {
        let raw = b"Subject: =?utf-8?q?=C3=84pfel?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n--b\r\nContent-Type: text/html\r\n\r\n<p class=\"hidden\">Wo<b>rld</b></p>\r\n--b\r\n\
            Content-Type: application/octet-stream\r\n\r\nsecret\r\n--b--\r\n";
        assert!(body_contains(raw, &fold("GRÜ")) && body_contains(raw, "world"));
        assert!(!body_contains(raw, "hidden") && !body_contains(raw, "secret") && !body_contains(raw, "pfel"));
        assert!(header_contains(raw, &fold("ÄPFEL")) && !header_contains(raw, "world"));
        let holds = |all: Option<Vec<u32>>, text: &str| terms(&fold(text)).iter().all(|term| all.as_ref().unwrap().contains(term));
        assert!(holds(body_terms(raw), "GRÜßE") && holds(body_terms(raw), "world") && !holds(body_terms(raw), "secret"));
        assert!(holds(header_terms(raw), "ÄPFEL") && holds(header_terms(raw), "=C3=84pfel") && !holds(header_terms(raw), "world"));
    }

    proptest! {
        #[test]
        fn terms_are_all_runs_once(text in "[a-c\u{e4}\u{0}\u{1}]{0,40}", again in 1usize..50) {
            let text = text.repeat(again);
            let runs = text.as_bytes().windows(3).filter(|run| !run.contains(&0));
            let expected: BTreeSet<u32> = runs.map(|run| run.iter().fold(0, |term, byte| term << 8 | u32::from(*byte))).collect();
            prop_assert_eq!(terms(&text), expected.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn what_is_found_is_indexed(
            names in proptest::collection::vec("[A-Za-z\u{e4} ]{0,9}", 1..4),
            body in "[a-z\u{e4}\u{df} \r\n]{0,60}",
            from in 0usize..60,
            length in 3usize..9,
        ) {
            let to = names.iter().enumerate().map(|(n, name)| format!("\"{name}\" <a{n}@b.c>")).collect::<Vec<_>>().join(", ");
            let raw = format!("To: {to}\r\nSubject: {}\r\n\r\n{body}", names[0]);
            let piece = |text: &str| text.chars().skip(from).take(length).collect::<String>();
            let indexed = |all: Option<Vec<u32>>, needle: &str| terms(needle).iter().all(|term| all.as_ref().unwrap().contains(term));
            let needle = piece(&fold(&raw));
            prop_assert!(!body_contains(raw.as_bytes(), &needle) || indexed(body_terms(raw.as_bytes()), &needle));
            prop_assert!(!header_contains(raw.as_bytes(), &needle) || indexed(header_terms(raw.as_bytes()), &needle));
            let shown = fold(&header::sort_text(&header::from_header(raw.as_bytes(), &"To".parse().unwrap())));
            prop_assert!(indexed(header_terms(raw.as_bytes()), &piece(&shown)));
        }
    }
}
