//! What the content lines of iCalendar and vCard have in common: folding, and the quoted-printable of their older forms.
//!
//! Spec: RFC 5545 3.1, RFC 6350 3.2; vCalendar 1.0 and vCard 2.1, 2.1.3.

/// The octets of a line at most, its end not counted.
const WIDTH: usize = 75;

/// Appends a line with its end, folded between characters.
pub fn fold(out: &mut String, line: &str) {
    let mut room = WIDTH;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = WIDTH - 1;
        }
        out.push(c);
        room -= c.len_utf8();
    }
    out.push_str("\r\n");
}

/// Quoted-printable to bytes; an `=` that means nothing stays.
pub fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'=', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_characters() {
        let mut out = String::new();
        fold(&mut out, &"ü".repeat(80));
        assert!(out.split("\r\n").all(|line| line.len() <= WIDTH), "{out}");
        assert_eq!(out.replace("\r\n ", ""), format!("{}\r\n", "ü".repeat(80)));
    }

    #[test]
    fn an_equals_sign_that_means_nothing_stays() {
        assert_eq!(quoted_printable(b"a=3D=C3=A4=x=4"), "a=ä=x=4".as_bytes());
    }
}
