//! How a browser is told to treat what somebody else made: by what type, under what name, shown or only saved.
//!
//! Only types that can do nothing are shown; all others (HTML, SVG, XML, scripts, PDF, anything unknown) are saved, and
//! no type is guessed. Spec: RFC 6266 (Content-Disposition), RFC 8187 (its file names), RFC 9110 8.3 (Content-Type).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unencoded in an extended parameter: `attr-char` of RFC 8187.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The most bytes of a file name that are passed on.
const LONGEST_NAME: usize = 255;

/// True for types that a browser may show inside the server's own origin.
fn may_be_shown(kind: &str, subtype: &str) -> bool {
    match kind {
        "audio" | "video" => true,
        "image" => matches!(subtype, "png" | "jpeg" | "jpg" | "pjpeg" | "gif" | "webp" | "avif" | "bmp" | "x-icon" | "vnd.microsoft.icon"),
        "text" => subtype == "plain",
        _ => false,
    }
}

/// A type and a subtype that can stand in a header; what cannot is "some bytes".
pub fn usable<'a>(kind: &'a str, subtype: &'a str) -> (&'a str, &'a str) {
    if is_token(kind) && is_token(subtype) { (kind, subtype) } else { ("application", "octet-stream") }
}

fn is_token(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.len() <= 127 && text.bytes().all(fits)
}

/// The value of `Content-Type`; parameters that are no tokens are left out.
pub fn content_type(kind: &str, subtype: &str, charset: Option<&str>) -> String {
    let (kind, subtype) = usable(kind, subtype);
    match charset.filter(|charset| is_token(charset)) {
        Some(charset) => format!("{kind}/{subtype}; charset={charset}"),
        None => format!("{kind}/{subtype}"),
    }
}

/// The value of `Content-Disposition` for a part of this type and name.
pub fn disposition(kind: &str, subtype: &str, name: Option<&str>) -> String {
    let (kind, subtype) = (kind.to_ascii_lowercase(), subtype.to_ascii_lowercase());
    let how = if may_be_shown(&kind, &subtype) { "inline" } else { "attachment" };
    let Some(name) = name.map(plain_name).filter(|name| !name.is_empty()) else { return how.to_owned() };
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ';
    if name.chars().all(plain) {
        return format!("{how}; filename=\"{name}\"");
    }
    let fallback: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("{how}; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, ENCODED))
}

/// The last component of a name as any system writes it, without characters that control or that turn the direction
/// of what follows (which make `gpj.exe` look like `exe.jpg`).
pub fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let mut plain: String = last.chars().filter(|c| !c.is_control() && !turns(*c)).collect();
    plain.truncate(plain.floor_char_boundary(LONGEST_NAME));
    let plain = plain.trim();
    if plain.chars().all(|c| c == '.') { String::new() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_can_act_is_only_saved() {
        let shown = |kind, subtype| disposition(kind, subtype, None) == "inline";
        assert!(shown("image", "png") && shown("Image", "GIF") && shown("text", "plain") && shown("video", "mp4"));
        let active = [
            ("text", "html"),
            ("image", "svg+xml"),
            ("text", "xml"),
            ("application", "xhtml+xml"),
            ("text", "javascript"),
            ("application", "pdf"),
            ("message", "rfc822"),
            ("", ""),
        ];
        assert!(active.iter().all(|(kind, subtype)| !shown(kind, subtype)));
    }

    #[test]
    fn names_are_written_for_old_and_new_readers() {
        assert_eq!(disposition("image", "gif", Some("logo.gif")), "inline; filename=\"logo.gif\"");
        assert_eq!(
            disposition("text", "html", Some("Grüße \"1\".html")),
            "attachment; filename=\"Gr__e _1_.html\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.html"
        );
        assert_eq!(disposition("a", "b", Some("../../etc/passwd")), "attachment; filename=\"passwd\"");
        assert_eq!(disposition("a", "b", Some("C:\\x\\y.txt\r\nX: y")), "attachment; filename=\"y.txtX: y\"");
        assert_eq!(disposition("a", "b", Some("..")), "attachment");
        assert_eq!(plain_name("a\u{202e}gpj.exe"), "agpj.exe");
    }

    #[test]
    fn types_are_never_more_than_types() {
        assert_eq!(content_type("text", "plain", Some("utf-8")), "text/plain; charset=utf-8");
        assert_eq!(content_type("text", "plain", Some("utf-8; x=\"y\"")), "text/plain");
        assert_eq!(content_type("text\r\nX: y", "plain", None), "application/octet-stream");
    }

    proptest! {
        #[test]
        fn any_name_fits_in_a_header(name in "\\PC{0,40}|[\\x00-\\xff]{0,300}") {
            let value = disposition("image", "png", Some(&name));
            prop_assert!(value.is_ascii() && value.bytes().all(|b| (32..127).contains(&b)));
            prop_assert!(actix_web::http::header::HeaderValue::from_str(&value).is_ok());
        }
    }
}
