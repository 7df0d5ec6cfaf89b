//! Preferences: built-in defaults, over them the server's, the domain's, and the account's own values.
//!
//! A session works with the values it read at its login, or when it last changed or reloaded them; whoever wants to know
//! what holds now asks the store. The built-in defaults are data (`assets/preferences.data`).
//! Spec: XIMSS, "Preferences".

mod sender;
mod storing;

pub use sender::{ADDRESS, FROM, NAME, composed, with_parts};
pub use storing::{PreferenceName, set_domain, set_server, store, store_public};

use super::access::Caller;
use crate::format::object;
use crate::model::fault::Outcome;
use crate::model::names::DomainName;
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

/// Which values are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Those that hold.
    Effective,
    /// Those that hold where the account has none of its own.
    Default,
    /// The account's own.
    Custom,
}

/// The values of a layer, now.
pub fn read(tx: &dyn Read, of: &Caller, layer: Layer) -> Outcome<Dictionary> {
    let over_defaults = |values: Dictionary| {
        let mut all = DEFAULTS.clone();
        all.extend(values);
        all
    };
    match layer {
        Layer::Effective => Ok(over_defaults(Preferences::read(tx, of)?.0)),
        Layer::Default => Ok(over_defaults(inherited(tx, &of.address.domain)?)),
        Layer::Custom => prefs::custom(tx, of.account),
    }
}

/// What the accounts of a domain have from it and from the server.
fn inherited(tx: &dyn Read, domain: &DomainName) -> Outcome<Dictionary> {
    let mut values = prefs::server(tx)?;
    values.extend(accounts::domain(tx, domain)?.map(|domain| domain.preferences).unwrap_or_default());
    Ok(values)
}

/// The kind of value a name is known to have; None for a name nobody here knows.
fn default_of(name: &str) -> Option<&'static Value> {
    DEFAULTS.get(name)
}

impl Preferences {
    /// Reads what holds for an account now.
    pub fn read(tx: &dyn Read, of: &Caller) -> Outcome<Self> {
        let mut values = inherited(tx, &of.address.domain)?;
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

    /// Instant messages of the account's contacts are taken only.
    pub fn takes_contacts_only(&self) -> bool {
        !self.text("RosterIMMode").eq_ignore_ascii_case("everybody")
    }

    /// Others may see that the account is in a call.
    pub fn shows_calls(&self) -> bool {
        self.get("AutoOnPhone").is_some_and(Value::is_yes)
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

#[cfg(test)]
mod tests;
