//! Cookies, as far as sessions need them. Spec: RFC 6265.

/// The values of all cookies in `Cookie` headers. Names do not matter: what is looked for is known by its value.
pub fn values<'a>(headers: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a str> {
    let pairs = headers.filter_map(|header| std::str::from_utf8(header).ok()).flat_map(|header| header.split(';'));
    pairs.filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.trim().trim_matches('"'))
}

/// The value of a `Set-Cookie` header: for this server only, not for scripts, and gone with the browser.
pub fn set(name: &str, value: &str, secure: bool) -> String {
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{}", if secure { "; Secure" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_any_header() {
        let found = |headers: &[&str]| values(headers.iter().map(|h| h.as_bytes())).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found(&["a=1; b=\"2\"", "c=x=y; d"]), ["1", "2", "x=y"]);
        assert!(found(&["", ";", "a"]).is_empty());
        assert_eq!(found(&[set("n", "v", true).as_str()])[0], "v");
    }
}
