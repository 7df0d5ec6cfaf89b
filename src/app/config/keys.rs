//! The table of configuration keys: name, documentation, and the place in `Config` that the value has.
//! What is not here cannot be set.

use super::Config;
use crate::domain::house::ClearText;
use crate::model::names::DomainName;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The place of a key's value: its type says how the value is read and shown.
#[derive(Clone, Copy)]
pub enum Place {
    /// A folder.
    Folder(fn(&mut Config) -> &mut PathBuf),
    /// A file that may be left out.
    File(fn(&mut Config) -> &mut Option<PathBuf>),
    /// A domain name.
    Domain(fn(&mut Config) -> &mut DomainName),
    /// Text.
    Text(fn(&mut Config) -> &mut String),
    /// Texts.
    Texts(fn(&mut Config) -> &mut Vec<String>),
    /// True or false.
    Switch(fn(&mut Config) -> &mut bool),
    /// "never", "loopback" or "always".
    ClearText(fn(&mut Config) -> &mut ClearText),
    /// A list of "address:port".
    Listeners(fn(&mut Config) -> &mut Vec<SocketAddr>),
    /// A list of "address:port" for a front end that does not exist yet.
    Reserved(&'static str),
    /// Network addresses.
    Addresses(fn(&mut Config) -> &mut Vec<IpAddr>),
    /// Bytes, at least one and at most 1 GiB.
    Size(fn(&mut Config) -> &mut usize),
    /// Bytes of a file, at least one.
    FileSize(fn(&mut Config) -> &mut u64),
    /// Seconds, at least one.
    Seconds(fn(&mut Config) -> &mut u64),
    /// A number, at least one.
    Count(fn(&mut Config) -> &mut usize),
    /// A number of attempts, at least one.
    Attempts(fn(&mut Config) -> &mut u32),
}

/// A key.
pub struct Key {
    /// Its full name, such as `listen.ximss`.
    pub name: &'static str,
    /// What it says, for the reference.
    pub doc: &'static str,
    /// Where its value goes.
    pub place: Place,
}

impl Key {
    /// The table it stands in; empty for the top.
    pub fn table(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(table, _)| table)
    }
    /// Its name inside its table.
    pub fn short(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, short)| short)
    }
}

/// Listeners whose names are reserved, with the port each will have.
pub const RESERVED: &[(&str, Option<u16>)] =
    &[("smtp", Some(2525)), ("submission", Some(2587)), ("submissions", Some(2465)), ("lmtp", None), ("sip", Some(5060)), ("sips", None)];

const fn key(name: &'static str, place: Place, doc: &'static str) -> Key {
    Key { name, doc, place }
}

/// Every key, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key("data_dir", Place::Folder(|c| &mut c.data_dir), "where the store and all else of the server lies"),
    key("domain", Place::Domain(|c| &mut c.domain), "the main domain"),
    key("listen.ximss", Place::Listeners(|c| &mut c.listen.ximss), "XIMSS, clear text with starttls"),
    key("listen.ximss_tls", Place::Listeners(|c| &mut c.listen.ximss_tls), "XIMSS, TLS from the first byte"),
    key("listen.http", Place::Listeners(|c| &mut c.listen.http), "web page, session URLs"),
    key("listen.https", Place::Listeners(|c| &mut c.listen.https), "the same in TLS"),
    key("listen.smtp", Place::Reserved("smtp"), "mail for local domains; reserved, without effect"),
    key("listen.submission", Place::Reserved("submission"), "mail of users, STARTTLS; reserved, without effect"),
    key("listen.submissions", Place::Reserved("submissions"), "mail of users, TLS; reserved, without effect"),
    key("listen.lmtp", Place::Reserved("lmtp"), "mail from another mail server; reserved, without effect"),
    key("listen.sip", Place::Reserved("sip"), "calls, UDP and TCP; reserved, without effect"),
    key("listen.sips", Place::Reserved("sips"), "calls, TLS; reserved, without effect"),
    key("tls.certificate", Place::File(|c| &mut c.certificate), "certificate chain (PEM); without it the server makes a self-signed one"),
    key("tls.key", Place::File(|c| &mut c.private_key), "private key of the certificate (PEM)"),
    key(
        "auth.clear_text",
        Place::ClearText(|c| &mut c.clear_text),
        "clear-text passwords without TLS: \"never\", \"loopback\" or \"always\"",
    ),
    key(
        "auth.legacy_mechanisms",
        Place::Switch(|c| &mut c.legacy_mechanisms),
        "CRAM-MD5, DIGEST-MD5 and nonce login, for accounts whose password is set while this is true",
    ),
    key("auth.signup", Place::Switch(|c| &mut c.signup), "whether anybody may make an account with the signup operation"),
    key(
        "http_client.allow_private",
        Place::Switch(|c| &mut c.allow_private),
        "whether requests of users may reach private and loopback addresses",
    ),
    key("web.trusted_proxies", Place::Addresses(|c| &mut c.trusted_proxies), "proxies whose X-Forwarded-For is believed"),
    key("web.allowed_origins", Place::Texts(|c| &mut c.allowed_origins), "origins that scripts of other sites may come from (CORS)"),
    key("banners.provider", Place::Text(|c| &mut c.banner_provider), "URL that bannerRead asks; \"\" for no banners"),
    key("limits.message_before_login", Place::Size(|c| &mut c.limits.message_before_login), "bytes of a XIMSS message before login"),
    key("limits.message", Place::Size(|c| &mut c.limits.message), "bytes of a XIMSS message in a session"),
    key("limits.xml_depth", Place::Count(|c| &mut c.limits.xml_depth), "XML elements inside each other"),
    key("limits.xml_attributes", Place::Count(|c| &mut c.limits.xml_attributes), "attributes of one XML element"),
    key("limits.xml_attribute_bytes", Place::Size(|c| &mut c.limits.xml_attribute_bytes), "bytes of all attributes of one XML element"),
    key("limits.waiting_requests", Place::Count(|c| &mut c.limits.waiting_requests), "requests that may wait in a session"),
    key("limits.unread_output", Place::Size(|c| &mut c.limits.unread_output), "bytes of output that a client may leave unread"),
    key("limits.sessions_per_account", Place::Count(|c| &mut c.limits.sessions_per_account), "sessions of one account"),
    key(
        "limits.sessions_per_address",
        Place::Count(|c| &mut c.limits.sessions_per_address),
        "sessions from one network address (IPv6: from a /64)",
    ),
    key("limits.login_time", Place::Seconds(|c| &mut c.limits.login_time), "seconds that a client has to log in"),
    key("limits.idle_time", Place::Seconds(|c| &mut c.limits.idle_time), "seconds without a request after which a session ends"),
    key(
        "limits.failed_logins",
        Place::Attempts(|c| &mut c.limits.failed_logins),
        "failed logins in a minute, of an account or from an address (IPv6: a /64)",
    ),
    key("limits.soap_body", Place::Size(|c| &mut c.limits.soap_body), "bytes of a SOAP request"),
    key("limits.mail_size", Place::Size(|c| &mut c.limits.mail_size), "bytes of a mail"),
    key("limits.mime_depth", Place::Count(|c| &mut c.limits.mime_depth), "MIME parts inside each other"),
    key("limits.mime_parts", Place::Count(|c| &mut c.limits.mime_parts), "MIME parts of a mail"),
    key("limits.header_bytes", Place::Size(|c| &mut c.limits.header_bytes), "bytes of a mail's header"),
    key("limits.calendar_item", Place::Size(|c| &mut c.limits.calendar_item), "bytes of one calendar item with its exceptions"),
    key("limits.calendar_components", Place::Count(|c| &mut c.limits.calendar_components), "components of one calendar item"),
    key("limits.instances", Place::Count(|c| &mut c.limits.instances), "instances of one calendar item inside the window asked for"),
    key("limits.find_days", Place::Count(|c| &mut c.limits.find_days), "days of one search in a calendar"),
    key("limits.file_name", Place::Count(|c| &mut c.limits.file_name), "bytes of a file's name"),
    key("limits.path_depth", Place::Count(|c| &mut c.limits.path_depth), "levels of a file's name"),
    key("limits.file_size", Place::FileSize(|c| &mut c.limits.file_size), "bytes of one file or upload"),
    key("limits.uploads", Place::Count(|c| &mut c.limits.uploads), "uploads of one session"),
];

/// The key of a full name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The names that stand at the top of the file: keys without a table, and tables.
pub fn top_names() -> Vec<&'static str> {
    let mut names: Vec<_> = KEYS.iter().map(|key| if key.table().is_empty() { key.name } else { key.table() }).collect();
    names.dedup();
    names
}

/// The known key that looks most like `name` in `table`: inside the table first, then anywhere. The answer is a short
/// name inside the table, else a full name.
pub fn nearest(table: &str, name: &str) -> Option<&'static str> {
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let inside: Vec<&'static str> = match table {
        "" => top_names(),
        table => KEYS.iter().filter(|key| key.table() == table).map(Key::short).collect(),
    };
    let best = |names: &mut dyn Iterator<Item = (f64, &'static str)>| names.max_by(|a, b| a.0.total_cmp(&b.0));
    let here = best(&mut inside.into_iter().map(|known| (likeness(known), known)));
    let anywhere = best(&mut KEYS.iter().map(|key| (likeness(key.short()), key.name)));
    match (here, anywhere) {
        (Some(here), Some(there)) if there.0 > 0.95 && there.0 > here.0 => Some(there.1),
        (here, there) => here.or(there).map(|(_, name)| name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_tables_stand_together() {
        let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        let mut tops = top_names();
        let count = tops.len();
        tops.sort_unstable();
        tops.dedup();
        assert_eq!(tops.len(), count);
    }

    #[test]
    fn the_nearest_key_is_named() {
        assert_eq!(nearest("listen", "ximms"), Some("ximss"));
        assert_eq!(nearest("", "data-dir"), Some("data_dir"));
        assert_eq!(nearest("", "listne"), Some("listen"));
        assert_eq!(nearest("limits", "idletime"), Some("idle_time"));
        assert_eq!(nearest("", "signup"), Some("auth.signup"));
        assert_eq!(nearest("web", "clear_text"), Some("auth.clear_text"));
    }
}
