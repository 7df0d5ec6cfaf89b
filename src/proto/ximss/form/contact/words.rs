//! The words of contacts in XML: what each property holds, and the names of what it is put in.
//!
//! Spec: companion 8.1; XEP-0054; RFC 2426.

use crate::model::component::Property;

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One text, in an element of this name.
    Text(&'static str),
    /// A value in which nothing is protected: an address, a date.
    Raw,
    /// Texts between commas, each in an element of this name.
    List(&'static str),
    /// Fields between semicolons, with these names. The last one repeats where it is a list of units.
    Named(&'static [&'static str]),
    /// A picture, a sound, a key.
    Binary,
    /// Fields between semicolons without names.
    Fields,
    /// The version of the card.
    Version,
}

/// The kinds of the properties that are known.
const KINDS: &[(&str, Kind)] = &[
    ("N", Kind::Named(&["FAMILY", "GIVEN", "MIDDLE", "PREFIX", "SUFFIX"])),
    ("ADR", Kind::Named(&["POBOX", "EXTADD", "STREET", "LOCALITY", "REGION", "PCODE", "CTRY"])),
    ("ORG", Kind::Named(&["ORGNAME", "ORGUNIT"])),
    ("GEO", Kind::Raw),
    ("EMAIL", Kind::Text("USERID")),
    ("TEL", Kind::Text("NUMBER")),
    ("CATEGORIES", Kind::List("KEYWORD")),
    ("NICKNAME", Kind::List("VALUE")),
    ("PHOTO", Kind::Binary),
    ("LOGO", Kind::Binary),
    ("SOUND", Kind::Binary),
    ("KEY", Kind::Binary),
    ("FN", Kind::Text("VALUE")),
    ("NAME", Kind::Text("VALUE")),
    ("NOTE", Kind::Text("VALUE")),
    ("TITLE", Kind::Text("VALUE")),
    ("ROLE", Kind::Text("VALUE")),
    ("LABEL", Kind::Text("VALUE")),
    ("UID", Kind::Text("VALUE")),
    ("TZ", Kind::Text("VALUE")),
    ("MAILER", Kind::Text("VALUE")),
    ("PRODID", Kind::Text("VALUE")),
    ("SORT-STRING", Kind::Text("VALUE")),
    ("CLASS", Kind::Text("VALUE")),
    ("AGENT", Kind::Text("VALUE")),
    ("ALIAS", Kind::Text("VALUE")),
    ("KIND", Kind::Text("VALUE")),
    ("X-FILE-AS", Kind::Text("VALUE")),
    ("X-LINE", Kind::Text("VALUE")),
    ("MEMBER", Kind::Raw),
    ("URL", Kind::Raw),
    ("BDAY", Kind::Raw),
    ("ANNIVERSARY", Kind::Raw),
    ("REV", Kind::Raw),
    ("SOURCE", Kind::Raw),
    ("FBURL", Kind::Raw),
    ("CALURI", Kind::Raw),
    ("CALADRURI", Kind::Raw),
    ("IMPP", Kind::Raw),
    ("LANG", Kind::Raw),
    ("VERSION", Kind::Version),
];

/// What a property holds, by its name and by what it says itself.
pub fn kind(property: &Property) -> Kind {
    let known = KINDS.iter().find(|(name, _)| *name == property.name).map_or(Kind::Fields, |(_, kind)| *kind);
    let is_text =
        property.parameter("VALUE").is_none_or(|value| value.eq_ignore_ascii_case("text") || value.eq_ignore_ascii_case("phone-number"));
    match known {
        Kind::Text(_) | Kind::Fields if !is_text => Kind::Raw,
        known => known,
    }
}

/// Types that are no media types.
const FLAGS: &[&str] = &["HOME", "WORK", "PREF", "X509", "PGP"];

/// True for a type that says nothing of the medium.
pub fn is_flag(value: &str) -> bool {
    FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(value))
}

/// The name of the empty element for a type; None where it can be no name. Certificates are `x509`, all others are in
/// upper case.
pub fn flag(value: &str) -> Option<String> {
    let good = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let reserved = ["VALUE", "BINVAL", "URI", "EXTVAL", "TYPE", "USERID", "NUMBER", "KEYWORD", "VCARD"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(value))
        || KINDS.iter().any(|(_, kind)| matches!(kind, Kind::Named(names) if names.iter().any(|name| name.eq_ignore_ascii_case(value))));
    match value {
        _ if !good || reserved => None,
        value if value.eq_ignore_ascii_case("x509") => Some("x509".to_owned()),
        value => Some(value.to_ascii_uppercase()),
    }
}

/// `JPEG` of a picture is `image/jpeg`.
pub fn media_type(property: &str, value: &str) -> String {
    let top = match property {
        _ if value.contains('/') => return value.to_ascii_lowercase(),
        "SOUND" => "audio",
        _ => "image",
    };
    format!("{top}/{}", value.to_ascii_lowercase())
}

/// `image/jpeg` is `JPEG` in the text form.
pub fn binary_type(media: &str) -> String {
    match media.split_once('/') {
        Some(("image" | "audio", subtype)) if !subtype.is_empty() => subtype.to_ascii_uppercase(),
        _ => media.to_owned(),
    }
}
