//! Contacts: who may see whose presence, and who has asked to.
//!
//! Spec: XIMSS, "Roster and Presence"; RFC 6121 2 and 3.

use super::names::Address;
use serde::{Deserialize, Serialize};

/// How a user and a contact stand to each other: RFC 6121 appendix A, with approval in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Subscription {
    /// The user sees the contact's presence.
    pub to: bool,
    /// The contact sees the user's.
    pub from: bool,
    /// The user has asked and has no answer: `ask="subscribe"`.
    pub asked: bool,
    /// The contact has asked and has no answer.
    pub asking: bool,
    /// The contact need not ask: the user has agreed already.
    pub approved: bool,
}

impl Subscription {
    /// As the wire spells it.
    pub fn name(self) -> &'static str {
        match (self.to, self.from) {
            (false, false) => "none",
            (true, false) => "to",
            (false, true) => "from",
            (true, true) => "both",
        }
    }
}

/// A contact of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterItem {
    /// Who.
    pub peer: Address,
    /// The real name.
    pub name: Option<String>,
    /// The groups the contact belongs to, in order.
    pub groups: Vec<String>,
    /// How they stand.
    pub subscription: Subscription,
    /// The user has put the contact into the roster; else it only has asked, or was answered.
    pub listed: bool,
}

impl RosterItem {
    /// A contact nothing is known of.
    pub fn new(peer: Address) -> Self {
        Self { peer, name: None, groups: Vec::new(), subscription: Subscription::default(), listed: false }
    }
}

/// What is new in a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RosterNews {
    /// A contact came or changed.
    Item(RosterItem),
    /// A contact is gone.
    Removed(Address),
    /// Somebody asks to see the user's presence.
    Asked(Address),
}
