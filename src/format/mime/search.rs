//! Substring search in messages: decoded text, without regard to case. The needle comes folded (`model::names::fold`).

use super::header;
use super::structure::{self, Limits, structure};
use crate::model::names::fold;
use mail_parser::decoders::html::html_to_text;

/// True when a text part holds the text. Parts that are not text are not decoded at all.
pub fn body_contains(raw: &[u8], folded: &str) -> bool {
    let root = structure(raw, &Limits::default());
    !structure::walk(&root, &mut |node| {
        if node.about.kind != "text" || !matches!(node.inside, structure::Inside::Data) {
            return true;
        }
        let Some(text) = structure::text(raw, node) else { return true };
        let text = if node.about.subtype == "html" { html_to_text(&text) } else { text };
        !fold(&text).contains(folded)
    })
}

/// True when a header field holds the text, decoded or as it was written.
pub fn header_contains(raw: &[u8], folded: &str) -> bool {
    let header = raw.get(..header::header_length(raw)).unwrap_or_default();
    header::fields(header).any(|field| {
        let decoded = fold(&header::text(field.value));
        decoded.contains(folded) || fold(&header::raw_text(field.value)).contains(folded)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_through_encodings() {
        let raw = b"Subject: =?utf-8?q?=C3=84pfel?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n--b\r\nContent-Type: text/html\r\n\r\n<p class=\"hidden\">Wo<b>rld</b></p>\r\n--b\r\n\
            Content-Type: application/octet-stream\r\n\r\nsecret\r\n--b--\r\n";
        assert!(body_contains(raw, &fold("GRÜ")) && body_contains(raw, "world"));
        assert!(!body_contains(raw, "hidden") && !body_contains(raw, "secret") && !body_contains(raw, "pfel"));
        assert!(header_contains(raw, &fold("ÄPFEL")) && !header_contains(raw, "world"));
    }
}
