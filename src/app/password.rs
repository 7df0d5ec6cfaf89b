//! Passwords of commands come from the standard input. Never from an argument: everybody on the machine sees those.

use super::problem::{Done, Problem};
use std::io::{BufRead, Read};
use zeroize::Zeroizing;

/// Bytes of a password that is read.
const MOST: u64 = 1024;

/// Reads a password: the first line, without its end.
pub fn read(from: impl Read) -> Done<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MOST as usize + 2));
    let read = std::io::BufReader::new(from.take(MOST + 2)).read_until(b'\n', &mut line);
    read.map_err(|e| Problem::new(format_args!("the password cannot be read: {e}"), "give it on the standard input"))?;
    let text = std::str::from_utf8(&line).map_err(|_| Problem::new("the password is not in UTF-8", "choose another"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.len() as u64 {
        0 => Err(Problem::new("the password is empty", "give it as the first line of the standard input")),
        1..=MOST => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(Problem::new("the password is too long", format_args!("choose one of at most {MOST} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        let of = |text: &str| read(text.as_bytes()).map(|p| p.to_string()).ok();
        assert_eq!(of("secret\nmore"), Some("secret".into()));
        assert_eq!(of("se cret \r\n"), Some("se cret ".into()));
        assert_eq!((of(""), of("\nx"), of("pässword")), (None, None, Some("pässword".into())));
        assert_eq!(of(&"x".repeat(1024)).map(|p| p.len()), Some(1024));
        assert_eq!(of(&"x".repeat(1025)), None);
        assert!(read(&b"\xff\n"[..]).is_err());
    }
}
