//! Preferences: built-in defaults, then the domain's, then the account's own values.
//!
//! Spec: XIMSS, "Preferences". The defaults are data (`assets/preferences.data`).

use super::access::Caller;
use crate::format::object;
use crate::model::fault::Outcome;
use crate::model::time::Zone;
use crate::model::value::{Dictionary, Value};
use crate::store::{Read, accounts, prefs};
use std::sync::LazyLock;

static DEFAULTS: LazyLock<Dictionary> = LazyLock::new(|| match object::parse(include_str!("../../assets/preferences.data")) {
    Ok(Value::Dictionary(values)) => values,
    other => panic!("assets/preferences.data is part of this binary and must be a dictionary: {other:?}"),
});

/// What holds for one account at one moment. Only what differs from the built-in defaults is kept: each session has one.
#[derive(Debug, Clone, Default)]
pub struct Preferences(Dictionary);

/// What `messageRemove` does when it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteMode {
    /// Removes for good.
    Immediately,
    /// Moves to the trash mailbox.
    ToTrash,
    /// Sets the `Deleted` flag.
    Mark,
}

impl DeleteMode {
    /// The mode of a name as the specification spells it.
    pub fn named(text: &str) -> Option<Self> {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        if is("Immediately") {
            Some(Self::Immediately)
        } else if is("Move To Trash") {
            Some(Self::ToTrash)
        } else {
            is("Mark").then_some(Self::Mark)
        }
    }
}

impl Preferences {
    /// Reads what holds for an account now.
    pub fn read(tx: &dyn Read, of: &Caller) -> Outcome<Self> {
        let mut values = accounts::domain(tx, &of.address.domain)?.map(|domain| domain.preferences).unwrap_or_default();
        values.extend(prefs::custom(tx, of.account)?);
        Ok(Self(values))
    }

    /// A value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).or_else(|| DEFAULTS.get(name))
    }

    /// A value as text; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A value as a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => Some(*number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The zone that "local time" means.
    pub fn zone(&self) -> Zone {
        let name = self.text("TimeZone");
        Zone::named(name).unwrap_or_else(|| {
            tracing::warn!(zone = name, "an account's time zone is unknown; the server's own is used");
            Zone::host()
        })
    }

    /// What `messageRemove` does when it is not told.
    pub fn delete_mode(&self) -> DeleteMode {
        DeleteMode::named(self.text("DeleteMode")).unwrap_or(DeleteMode::ToTrash)
    }
}
