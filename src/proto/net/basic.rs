//! `Authorization: Basic`: a name and a password in a header. Spec: RFC 7617.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Name and password of the value of an `Authorization` header; None for another scheme.
pub fn credentials(value: &[u8]) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim_ascii()).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read() {
        let read = |text: &str| credentials(text.as_bytes()).map(|(name, password)| (name, password.to_string()));
        // The example of RFC 7617, and one with a colon in the password.
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Some(("Aladdin".into(), "open sesame".into())));
        assert_eq!(read("basic  YTpiOmM="), Some(("a".into(), "b:c".into())));
        assert!(["", "Basic", "Basic ", "Basic !", "Bearer QTpi", "Basic YQ=="].iter().all(|text| read(text).is_none()));
    }
}
