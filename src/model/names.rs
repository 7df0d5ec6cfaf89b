//! Names: addresses, mailbox paths, list patterns. Each is checked when it is made.
//!
//! Spec: XIMSS, "Mailbox Management"; RFC 5321 4.1.2 for addresses, as far as a server of a household needs it.

use super::fault::{Fault, Outcome};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Folds case for comparing names: Unicode simple folding, character by character.
pub fn fold(text: &str) -> String {
    // Most text is plain, and folded many bytes at a time then.
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().map(fold_char).collect() }
}

/// The simple case folding of one character.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    unicode_case_mapping::case_folded(c).and_then(|n| char::from_u32(n.get())).unwrap_or(c)
}

/// A domain name in lower case, such as `example.test`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DomainName(Arc<str>);

impl DomainName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DomainName {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let text = text.trim().trim_end_matches('.');
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        };
        let literal = text.starts_with('[')
            && text.ends_with(']')
            && text.len() > 2
            && text.chars().all(|c| c.is_ascii_hexdigit() || "[]:.IPVipv".contains(c));
        if text.len() > 255 || !(literal || text.split('.').all(label)) {
            return Err(Fault::bad("domain name is incorrect"));
        }
        Ok(Self(fold(text).into()))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an account inside its domain, in lower case: `alice`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let text = text.trim();
        let ok = |c: char| c.is_alphanumeric() || "._-+#$%&'*=?^`{|}!".contains(c);
        if text.is_empty() || text.len() > 128 || text.starts_with('.') || text.ends_with('.') || !text.chars().all(ok) {
            return Err(Fault::bad("account name is incorrect"));
        }
        Ok(Self(fold(text).into()))
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full name of a local account: `alice@example.test`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountAddress {
    /// The account's name in its domain.
    pub name: AccountName,
    /// Its domain.
    pub domain: DomainName,
}

impl FromStr for AccountAddress {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let (name, domain) = text.rsplit_once('@').ok_or(Fault::bad("address is incorrect"))?;
        Ok(Self { name: name.parse()?, domain: domain.parse()? })
    }
}

impl fmt::Display for AccountAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.domain)
    }
}

/// An account as a client names it: with or without its domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountRef {
    /// The account's name.
    pub name: AccountName,
    /// Its domain; where absent, the caller's own.
    pub domain: Option<DomainName>,
}

impl AccountRef {
    /// The full address, with `default` where no domain was named.
    pub fn within(&self, default: &DomainName) -> AccountAddress {
        AccountAddress { name: self.name.clone(), domain: self.domain.clone().unwrap_or_else(|| default.clone()) }
    }
}

impl FromStr for AccountRef {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        match text.rsplit_once('@') {
            Some((name, domain)) => Ok(Self { name: name.parse()?, domain: Some(domain.parse()?) }),
            None => Ok(Self { name: text.parse()?, domain: None }),
        }
    }
}

impl fmt::Display for AccountRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Some(domain) => write!(f, "{}@{domain}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// An e-mail address anywhere in the world, as an envelope carries it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The part before the last `@`, as written.
    pub local: String,
    /// The domain.
    pub domain: DomainName,
}

impl Address {
    /// The local account this address could be.
    pub fn account(&self) -> Option<AccountAddress> {
        Some(AccountAddress { name: self.local.parse().ok()?, domain: self.domain.clone() })
    }
    /// Equal for routing: the local part compared without case.
    pub fn same_as(&self, other: &Self) -> bool {
        self.domain == other.domain && self.local.chars().map(fold_char).eq(other.local.chars().map(fold_char))
    }
}

impl FromStr for Address {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let text = text.trim();
        let text = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
        let (local, domain) = text.rsplit_once('@').ok_or_else(|| Fault::bad("address is incorrect"))?;
        let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"') && !local.chars().any(char::is_control);
        let plain = |c: char| !(c.is_control() || c.is_whitespace() || "()<>[]:;@\\,\"".contains(c));
        if local.is_empty() || local.len() > 256 || !(quoted || local.chars().all(plain)) {
            return Err(Fault::bad("address is incorrect"));
        }
        Ok(Self { local: local.to_owned(), domain: domain.parse().map_err(|_| Fault::bad("address is incorrect"))? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// The name of a mailbox inside its account: levels of 1 to 255 bytes joined with `/`. `INBOX` is kept in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxName(String);

impl MailboxName {
    /// The mailbox that every account has.
    pub fn inbox() -> Self {
        Self("INBOX".into())
    }
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// True for `INBOX`, which cannot be removed.
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }
    /// The mailbox one level out.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(outer, _)| Self(outer.to_owned()))
    }
    /// True when `self` lies anywhere inside `outer`.
    pub fn is_inside(&self, outer: &Self) -> bool {
        self.0.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
    /// The same place below another name: `A/x` of `A` becomes `B/x` of `B`.
    pub fn moved(&self, from: &Self, to: &Self) -> Outcome<Self> {
        match self.0.strip_prefix(from.as_str()) {
            Some("") => Ok(to.clone()),
            Some(rest) if rest.starts_with('/') => format!("{to}{rest}").parse(),
            _ => Ok(self.clone()),
        }
    }
}

impl FromStr for MailboxName {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let bad = || Fault::bad("mailbox name is incorrect");
        let level = |l: &str| !l.is_empty() && l.len() <= 255 && !l.starts_with(['~', '.']) && !l.chars().any(char::is_control);
        if text.len() > 1024 || !text.split('/').all(level) {
            return Err(bad());
        }
        let (first, rest) = text.split_once('/').map_or((text, None), |(f, r)| (f, Some(r)));
        if !first.eq_ignore_ascii_case("INBOX") {
            return Ok(Self(text.to_owned()));
        }
        Ok(Self(rest.map_or_else(|| "INBOX".to_owned(), |rest| format!("INBOX/{rest}"))))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mailbox as a client names it: its own (`Notes`) or another account's (`~bob@example.test/Notes`; `~bob/` is his INBOX).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxPath {
    /// The owner where it was named.
    pub owner: Option<AccountRef>,
    /// The mailbox in the owner's account.
    pub name: MailboxName,
    /// True when the name ended in `/`: a folder for other mailboxes is meant, without messages of its own.
    pub only_folder: bool,
}

impl MailboxPath {
    /// A mailbox of the caller's own account.
    pub fn own(name: MailboxName) -> Self {
        Self { owner: None, name, only_folder: false }
    }
}

impl FromStr for MailboxPath {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let (owner, rest) = match text.strip_prefix('~') {
            None => (None, text),
            Some(rest) => {
                let (owner, rest) = rest.split_once('/').unwrap_or((rest, ""));
                (Some(owner.parse()?), if rest.is_empty() { "INBOX" } else { rest })
            }
        };
        let (rest, only_folder) = rest.strip_suffix('/').map_or((rest, false), |r| (r, true));
        Ok(Self { owner, name: rest.parse()?, only_folder })
    }
}

impl fmt::Display for MailboxPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "~{owner}/")?;
        }
        self.name.fmt(f)
    }
}

/// A filter of `mailboxList` in the form of IMAP LIST: `*` stands for anything, `%` for anything without `/` (RFC 3501 6.3.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPattern {
    /// The account whose mailboxes are asked for, where the pattern began with `~`.
    pub owner: Option<AccountRef>,
    pattern: Vec<char>,
}

impl ListPattern {
    /// Everything of the caller's account.
    pub fn all() -> Self {
        Self { owner: None, pattern: vec!['*'] }
    }

    /// True when the name fits. Runs in time proportional to pattern times name.
    pub fn matches(&self, name: &str) -> bool {
        wild(&self.pattern, name, |p| match p {
            '*' => Wild::Any,
            '%' => Wild::Level,
            _ => Wild::Literal,
        })
    }
}

impl FromStr for ListPattern {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        if text.len() > 1024 {
            return Err(Fault::incorrect("filter"));
        }
        let (owner, rest) = match text.strip_prefix('~') {
            None => (None, text),
            Some(rest) => {
                let (owner, rest) = rest.split_once('/').unwrap_or((rest, "*"));
                (Some(owner.parse()?), rest)
            }
        };
        let rest = match rest.get(..5) {
            Some(head) if head.eq_ignore_ascii_case("inbox") && (rest.len() == 5 || rest[5..].starts_with('/')) => {
                format!("INBOX{}", &rest[5..])
            }
            _ => rest.to_owned(),
        };
        Ok(Self { owner, pattern: rest.chars().collect() })
    }
}

/// A name picture in which `*` stands for anything; compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture(Vec<char>);

impl Picture {
    /// True when the text fits.
    pub fn matches(&self, text: &str) -> bool {
        wild(&self.0, &fold(text), |p| if p == '*' { Wild::Any } else { Wild::Literal })
    }
}

impl FromStr for Picture {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        if text.len() > 1024 {
            return Err(Fault::incorrect("filter"));
        }
        Ok(Self(fold(text).chars().collect()))
    }
}

enum Wild {
    Any,
    Level,
    Literal,
}

/// Matches with one row of a table per pattern character, so that no pattern makes it slow. A row says for each length
/// of the text's beginning whether the pattern so far fits it.
fn wild(pattern: &[char], text: &str, kind: impl Fn(char) -> Wild) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached: Vec<bool> = std::iter::once(true).chain(text.iter().map(|_| false)).collect();
    for &p in pattern {
        reached = match kind(p) {
            Wild::Literal => std::iter::once(false).chain(reached.iter().zip(&text).map(|(before, c)| *before && *c == p)).collect(),
            which => {
                let mut on = false;
                let before = std::iter::once(None).chain(text.iter().map(Some));
                let step = |(was, before): (&bool, Option<&char>)| {
                    let stops = matches!(which, Wild::Level) && before == Some(&'/');
                    on = *was || on && !stops;
                    on
                };
                reached.iter().zip(before).map(step).collect()
            }
        };
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_follow_imap_list() {
        let fits = |p: &str, n: &str| p.parse::<ListPattern>().unwrap().matches(n);
        assert!(fits("%", "Notes") && !fits("%", "A/B") && fits("%/%", "A/B") && fits("*", "A/B/C"));
        assert!(fits("inbox", "INBOX") && fits("A/*", "A/B/C") && !fits("A/*", "A") && fits("*x", "a/x"));
    }

    #[test]
    fn paths_name_owner_and_box() {
        let p: MailboxPath = "~bob@example.test/Notes/x".parse().unwrap();
        assert_eq!(p.owner.as_ref().unwrap().to_string(), "bob@example.test");
        assert_eq!(p.name.as_str(), "Notes/x");
        assert_eq!("~bob/".parse::<MailboxPath>().unwrap().name, MailboxName::inbox());
        assert_eq!("inbox/a".parse::<MailboxName>().unwrap().as_str(), "INBOX/a");
        for bad in ["", "/", "a//b", "~", "a/~b", ".x", "a\u{1}"] {
            assert!(bad.parse::<MailboxPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_checked() {
        for good in ["a@b.c", "<a+b@c.d>", "\"a b\"@c.d", "o'brien@example.org"] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@b\r\nRCPT", "a@-b"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }
}
