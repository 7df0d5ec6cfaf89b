//! From the text of a configuration file to `Config`, key by key of the table. Unknown keys are errors that name the
//! nearest known one; every error says the line.

use super::keys::{self, KEYS, Key, Place};
use super::{Loaded, Source};
use crate::domain::house::ClearText;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most bytes that a limit may allow where the bytes are held in memory.
const MOST_BYTES: u64 = 1 << 30;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// In which line, counted from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub to_do: String,
}

impl Mistake {
    fn new(what: impl Display, to_do: impl Display) -> Self {
        Self { line: None, what: what.to_string(), to_do: to_do.to_string() }
    }
    fn at(self, text: &str, span: Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        Self { line: Some(before.matches('\n').count() + 1), ..self }
    }
}

/// Applies a file's text to the configuration.
pub fn apply(text: &str, loaded: &mut Loaded) -> Result<(), Mistake> {
    let table = DeTable::parse(text).map_err(|e| {
        let mistake = Mistake::new(e.message(), "write it as TOML");
        match e.span() {
            Some(span) => mistake.at(text, span),
            None => mistake,
        }
    })?;
    for (name, value) in table.get_ref() {
        let name_span = name.span();
        let name: &str = name.get_ref();
        if let Some(key) = keys::find(name).filter(|key| key.table().is_empty()) {
            set(key, value, loaded).map_err(|e| e.at(text, value.span()))?;
        } else if KEYS.iter().any(|key| key.table() == name) {
            let Some(inner) = value.get_ref().as_table() else {
                return Err(Mistake::new(format_args!("{name} is no table"), format_args!("write [{name}]")).at(text, name_span));
            };
            apply_table(text, name, inner, loaded)?;
        } else {
            return Err(unknown("", name).at(text, name_span));
        }
    }
    match (&loaded.config.certificate, &loaded.config.private_key) {
        (Some(_), None) => Err(Mistake::new("tls.certificate is set and tls.key is not", "set both or neither")),
        (None, Some(_)) => Err(Mistake::new("tls.key is set and tls.certificate is not", "set both or neither")),
        _ => Ok(()),
    }
}

fn apply_table(text: &str, table: &str, inner: &DeTable<'_>, loaded: &mut Loaded) -> Result<(), Mistake> {
    for (name, value) in inner {
        let full = format!("{table}.{}", name.get_ref());
        let key = keys::find(&full).ok_or_else(|| unknown(table, name.get_ref()).at(text, name.span()))?;
        set(key, value, loaded).map_err(|e| e.at(text, value.span()))?;
    }
    Ok(())
}

fn unknown(table: &str, name: &str) -> Mistake {
    let place = if table.is_empty() { String::new() } else { format!(" in [{table}]") };
    let nearest = keys::nearest(table, name).unwrap_or_default();
    Mistake::new(format_args!("unknown key \"{name}\"{place}"), format_args!("did you mean \"{nearest}\"?"))
}

fn set(key: &'static Key, value: &Spanned<DeValue<'_>>, loaded: &mut Loaded) -> Result<(), Mistake> {
    let value = value.get_ref();
    let config = &mut loaded.config;
    let wrong = |expected: &str| Mistake::new(format_args!("{} has a wrong value", key.name), format_args!("give {expected}"));
    match key.place {
        Place::Folder(place) => *place(config) = text(value).map(Into::into).ok_or_else(|| wrong("a path in quotes"))?,
        Place::File(place) => *place(config) = Some(text(value).map(Into::into).ok_or_else(|| wrong("a path in quotes"))?),
        Place::Domain(place) => {
            *place(config) = text(value).and_then(|t| t.parse().ok()).ok_or_else(|| wrong("a domain name such as \"example.test\""))?;
        }
        Place::Text(place) => *place(config) = value.as_str().map(str::to_owned).ok_or_else(|| wrong("a text in quotes"))?,
        Place::Texts(place) => *place(config) = list(value, |t| Some(t.to_owned())).ok_or_else(|| wrong("a list of texts in quotes"))?,
        Place::Switch(place) => *place(config) = value.as_bool().ok_or_else(|| wrong("true or false"))?,
        Place::ClearText(place) => {
            *place(config) = text(value).and_then(clear_text).ok_or_else(|| wrong("\"never\", \"loopback\" or \"always\""))?
        }
        Place::Listeners(place) => *place(config) = listeners(value).ok_or_else(|| wrong(ADDRESS_PORT))?,
        Place::Reserved(name) => {
            let addresses = listeners(value).ok_or_else(|| wrong(ADDRESS_PORT))?;
            if !addresses.is_empty() {
                loaded.warnings.push(format!("{} has no effect: this version does not listen there", key.name));
            }
            config.listen.reserved.insert(name, addresses);
        }
        Place::Addresses(place) => {
            *place(config) = list(value, |t| t.parse().ok()).ok_or_else(|| wrong("a list of addresses such as [\"127.0.0.1\"]"))?
        }
        Place::Size(place) => {
            *place(config) = size(value)
                .filter(|n| *n <= MOST_BYTES)
                .ok_or_else(|| wrong("bytes up to \"1 GiB\", as a number or as \"64 KiB\""))? as usize
        }
        Place::FileSize(place) => *place(config) = size(value).ok_or_else(|| wrong("bytes, as a number or as \"64 KiB\""))?,
        Place::Seconds(place) => {
            *place(config) = number(value).filter(|n| *n <= u64::from(u32::MAX)).ok_or_else(|| wrong("a number of seconds from 1 up"))?
        }
        Place::Count(place) => *place(config) = number(value).and_then(|n| n.try_into().ok()).ok_or_else(|| wrong("a number from 1 up"))?,
        Place::Attempts(place) => {
            *place(config) = number(value).and_then(|n| n.try_into().ok()).ok_or_else(|| wrong("a number from 1 up"))?
        }
    }
    loaded.from.insert(key.name, Source::File);
    Ok(())
}

const ADDRESS_PORT: &str = "a list of \"address:port\", such as [\"127.0.0.1:11024\"]; [] turns it off";

fn text<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn list<T>(value: &DeValue<'_>, of: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|item| text(item.get_ref()).and_then(&of)).collect()
}

fn listeners(value: &DeValue<'_>) -> Option<Vec<SocketAddr>> {
    list(value, |text| text.parse().ok())
}

fn clear_text(text: &str) -> Option<ClearText> {
    Some(match text {
        "never" => ClearText::Never,
        "loopback" => ClearText::Loopback,
        "always" => ClearText::Always,
        _ => return None,
    })
}

/// A whole number from 1 up.
fn number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    let digits = integer.as_str().replace('_', "");
    u64::from_str_radix(digits.trim_start_matches('+'), integer.radix()).ok().filter(|n| *n > 0)
}

/// Bytes: a number, or a text with a unit of 1024.
fn size(value: &DeValue<'_>) -> Option<u64> {
    let Some(text) = value.as_str() else { return number(value) };
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor).filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, of_text};
    use super::*;

    fn mistake(text: &str) -> String {
        of_text(text, None).unwrap_err().to_string()
    }

    /// A value that differs from the default, in TOML.
    fn other_value(place: Place) -> &'static str {
        match place {
            Place::Folder(_) | Place::File(_) => "\"/else/where\"",
            Place::Domain(_) => "\"other.test\"",
            Place::Text(_) => "\"https://other.test/\"",
            Place::Texts(_) => "[\"https://a.test\", \"https://b.test\"]",
            Place::Switch(_) => "true",
            Place::ClearText(_) => "\"always\"",
            Place::Listeners(_) | Place::Reserved(_) => "[\"0.0.0.0:1234\", \"[::1]:1234\"]",
            Place::Addresses(_) => "[\"10.0.0.1\", \"::1\"]",
            Place::Size(_) | Place::FileSize(_) => "\"3 KiB\"",
            Place::Seconds(_) | Place::Count(_) | Place::Attempts(_) => "7",
        }
    }

    #[test]
    fn every_key_can_be_set_and_is_shown_as_it_was_set() {
        for key in KEYS {
            let (table, line) = (key.table(), format!("{} = {}\n", key.short(), other_value(key.place)));
            let other = match key.name {
                "tls.key" => "certificate = \"/c\"\n",
                "tls.certificate" => "key = \"/k\"\n",
                _ => "",
            };
            let text = if table.is_empty() { line } else { format!("[{table}]\n{line}{other}") };
            let loaded = of_text(&text, None).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(loaded.from.get(key.name), Some(&Source::File), "{}", key.name);
            assert_ne!(loaded.config, Config::built_in(), "{}", key.name);
            let again = of_text(&super::super::show::file(&loaded), None).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(again.config, loaded.config, "{}", key.name);
        }
    }

    #[test]
    fn unknown_keys_name_the_nearest_one_and_the_line() {
        assert_eq!(
            mistake("domain = \"a.test\"\n[listen]\nximms = []\n"),
            "configuration, line 3: unknown key \"ximms\" in [listen]: did you mean \"ximss\"?"
        );
        assert_eq!(mistake("\ndata-dir = \"x\"\n"), "configuration, line 2: unknown key \"data-dir\": did you mean \"data_dir\"?");
        assert_eq!(mistake("[lisen]\n"), "configuration, line 1: unknown key \"lisen\": did you mean \"listen\"?");
        assert!(mistake("listen.ximss = [\"127.0.0.1\"]").contains("address:port"));
        assert!(mistake("listen = 5").contains("write [listen]"));
    }

    #[test]
    fn wrong_values_say_what_is_expected() {
        for (text, expected) in [
            ("domain = \"not a domain\"", "domain name"),
            ("[limits]\nmessage = 0", "64 KiB"),
            ("[limits]\nmessage = \"1 TiB\"", "64 KiB"),
            ("[limits]\nmessage = \"2 GiB\"", "1 GiB"),
            ("[limits]\nidle_time = \"10 min\"", "seconds"),
            ("[limits]\nuploads = -1", "from 1 up"),
            ("[auth]\nclear_text = \"sometimes\"", "loopback"),
            ("[auth]\nsignup = \"yes\"", "true or false"),
            ("[web]\ntrusted_proxies = [\"proxy\"]", "addresses"),
            ("[tls]\nkey = \"k\"", "set both"),
            ("domain = ", "TOML"),
        ] {
            assert!(mistake(text).contains(expected), "{text}: {}", mistake(text));
        }
    }

    #[test]
    fn sizes_have_units() {
        let size_of = |text: &str| of_text(&format!("[limits]\nmessage = {text}"), None).map(|l| l.config.limits.message).ok();
        assert_eq!(
            (size_of("\"64 KiB\""), size_of("\"64KiB\""), size_of("65_536"), size_of("\"512\"")),
            (Some(65536), Some(65536), Some(65536), Some(512))
        );
        assert_eq!((size_of("\"64 kb\""), size_of("\"KiB\""), size_of("1.5")), (None, None, None));
    }

    #[test]
    fn listeners_of_later_versions_are_accepted_with_a_warning() {
        let loaded = of_text("[listen]\nsmtp = [\"127.0.0.1:2525\"]\nsip = []\n", None).unwrap();
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].contains("listen.smtp"));
    }
}
