//! Bytes of a card to text: cards name charsets per line, and files have them by habit.

use encoding_rs::{Encoding, WINDOWS_1252};

/// Bytes as they stand in a file. What is good UTF-8 and more than ASCII is UTF-8, whatever it is declared to be: the
/// text of a mail part has been decoded before.
pub fn plain(bytes: &[u8], declared: Option<&str>, fallback: Option<&str>) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_ascii() || !text.contains('\u{1b}') => text.to_owned(),
        _ => by_label(bytes, declared.or(fallback)),
    }
}

/// Bytes that quoted-printable has given: the declared charset is theirs.
pub fn encoded(bytes: &[u8], declared: Option<&str>, fallback: Option<&str>) -> String {
    match (declared, std::str::from_utf8(bytes)) {
        (Some(label), _) => by_label(bytes, Some(label)),
        (None, Ok(text)) => text.to_owned(),
        (None, Err(_)) => by_label(bytes, fallback),
    }
}

fn by_label(bytes: &[u8], label: Option<&str>) -> String {
    let encoding = label.and_then(|label| Encoding::for_label(label.trim().as_bytes())).unwrap_or(WINDOWS_1252);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}
