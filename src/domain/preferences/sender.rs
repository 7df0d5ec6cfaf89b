//! The sender's address of an account, `UserFrom`, and the parts of it that clients may read and write.
//!
//! Spec: XIMSS, "Preferences" (UserFrom, UserFromAddr, UserFromName).

use crate::format::mime::header;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::Address;
use crate::model::value::{Dictionary, Value};

/// The whole text of `From`: what is stored.
pub const FROM: &str = "UserFrom";
/// Its address: never stored by itself.
pub const ADDRESS: &str = "UserFromAddr";
/// The person's name in it: never stored by itself.
pub const NAME: &str = "UserFromName";

/// The text of `From` made of its parts: `"name" <address>`.
pub fn composed(address: &str, name: Option<&str>) -> Outcome<String> {
    let address: Address = address.parse().map_err(|_| Fault::incorrect(ADDRESS))?;
    let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(address.to_string()) };
    if name.chars().any(char::is_control) {
        return Err(Fault::incorrect(NAME));
    }
    Ok(format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// The same values and, where `UserFrom` is among them and is an address, its parts.
pub fn with_parts(mut values: Dictionary) -> Dictionary {
    let text = values.get(FROM).and_then(Value::as_str).unwrap_or_default();
    if let Some((address, name)) = parts(text) {
        values.insert(ADDRESS.to_owned(), Value::String(address));
        values.extend(name.map(|name| (NAME.to_owned(), Value::String(name))));
    }
    values
}

/// The address in the text of `From` and the name beside it; None where it is not one address.
fn parts(text: &str) -> Option<(String, Option<String>)> {
    if text.chars().any(char::is_control) {
        return None;
    }
    let mut found = header::addresses(format!("From: {text}\r\n\r\n").as_bytes(), "From").into_iter();
    let (one, more) = (found.next()?, found.next());
    let address: Address = one.address.parse().ok()?;
    more.is_none().then(|| (address.to_string(), one.name.filter(|name| !name.trim().is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Option<String>, Option<String>) {
        let values = with_parts(Dictionary::from([(FROM.to_owned(), text.into())]));
        let part = |name: &str| values.get(name).and_then(Value::as_str).map(str::to_owned);
        (part(ADDRESS), part(NAME))
    }

    proptest! {
        #[test]
        fn a_name_comes_back(name in "[A-Za-z][ -~\u{e4}\u{4e2d}]{0,20}[A-Za-z]") {
            let text = composed("a@b.example", Some(&name)).unwrap();
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let (address, found) = read(&text);
            prop_assert_eq!(address.as_deref(), Some("a@b.example"));
            prop_assert_eq!(squeezed(&found.unwrap_or_default()), squeezed(&name));
        }
    }

    #[test]
    fn parts_are_there_only_for_an_address() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("\"J. Smith\" <j@b.example>"), (some("j@b.example"), some("J. Smith")));
        assert_eq!(read("j@b.example"), (some("j@b.example"), None));
        for none in ["", "nobody", "a@b.example, c@d.example", "a@b.example\r\nBcc: x@y.example"] {
            assert_eq!(read(none), (None, None), "{none:?}");
        }
        assert_eq!(composed("j@b.example", Some(" ")).unwrap(), "j@b.example");
        assert!(composed("nobody", None).is_err() && composed("j@b.example", Some("a\nb")).is_err());
    }
}
