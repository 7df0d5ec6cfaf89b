//! `config show`: what holds, as a configuration file that could be used as it is, with where each value comes from.

use super::keys::{KEYS, Key, Place};
use super::{Config, Loaded, Source};
use crate::domain::house::ClearText;
use std::fmt::Write as _;

/// The built-in defaults as a commented file: the reference of the configuration.
pub fn defaults() -> String {
    let loaded = Loaded { config: Config::built_in(), from: Default::default(), file: None, warnings: Vec::new() };
    write(&loaded, |key, _| key.doc.to_owned())
}

/// What holds and where it comes from.
pub fn effective(loaded: &Loaded) -> String {
    write(loaded, |_, source| match (source, &loaded.file) {
        (Source::File, Some(path)) => format!("file {}", path.display()),
        (source, _) => source.to_string(),
    })
}

/// What holds, as a file without comments.
#[cfg(test)]
pub(super) fn file(loaded: &Loaded) -> String {
    write(loaded, |_, _| "x".into())
}

fn write(loaded: &Loaded, note: impl Fn(&Key, Source) -> String) -> String {
    // The places of the table give access for writing; the copy is written to by nobody.
    let mut config = loaded.config.clone();
    let (mut out, mut table) = (String::new(), "");
    for key in KEYS {
        if key.table() != table {
            table = key.table();
            let _ = writeln!(out, "\n[{table}]");
        }
        let source = loaded.from.get(key.name).copied().unwrap_or(Source::Default);
        let line = match value(key, &mut config) {
            Some(value) => format!("{} = {value}", key.short()),
            None => format!("# {} is not set", key.short()),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{line:<44} # {}", note(key, source));
    }
    out
}

fn value(key: &Key, config: &mut Config) -> Option<String> {
    Some(match key.place {
        Place::Folder(place) => quoted(&place(config).to_string_lossy()),
        Place::File(place) => quoted(&place(config).as_ref()?.to_string_lossy()),
        Place::Domain(place) => quoted(place(config).as_str()),
        Place::Text(place) => quoted(place(config)),
        Place::Texts(place) => list(place(config)),
        Place::Switch(place) => place(config).to_string(),
        Place::ClearText(place) => quoted(match place(config) {
            ClearText::Never => "never",
            ClearText::Loopback => "loopback",
            ClearText::Always => "always",
        }),
        Place::Listeners(place) => list(place(config)),
        Place::Reserved(name) => list(config.listen.reserved.get(name)?),
        Place::Addresses(place) => list(place(config)),
        Place::Size(place) => size(*place(config) as u64),
        Place::FileSize(place) => size(*place(config)),
        Place::Seconds(place) => place(config).to_string(),
        Place::Count(place) => place(config).to_string(),
        Place::Attempts(place) => place(config).to_string(),
    })
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list<T: ToString>(items: &[T]) -> String {
    format!("[{}]", items.iter().map(|item| quoted(&item.to_string())).collect::<Vec<_>>().join(", "))
}

/// Bytes in the largest unit that leaves no rest.
fn size(bytes: u64) -> String {
    let unit = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")].into_iter().find(|(factor, _)| bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(factor, name)| format!("\"{} {name}\"", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::super::of_text;
    use super::*;

    #[test]
    fn the_defaults_are_a_file_that_changes_nothing() {
        let loaded = of_text(&defaults(), None).unwrap();
        assert_eq!(loaded.config, Config::built_in());
        for key in KEYS {
            assert!(defaults().contains(key.doc), "{}", key.name);
        }
    }

    #[test]
    fn the_source_of_each_value_is_shown() {
        let text = "domain = \"a.test\"\n[limits]\nmessage = 1024\n";
        let shown = effective(&of_text(text, Some(std::path::Path::new("/etc/x.toml"))).unwrap());
        let line = |start: &str| shown.lines().find(|l| l.starts_with(start)).unwrap().to_owned();
        assert!(line("domain").ends_with("# file /etc/x.toml"), "{}", line("domain"));
        assert!(line("message = ").starts_with("message = \"1 KiB\""));
        assert!(line("message = ").ends_with("# file /etc/x.toml"));
        assert!(line("ximss = ").ends_with("# default"));
    }
}
