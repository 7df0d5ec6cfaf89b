//! What signaling brings to a session, unasked: a closed list, so that its inbox can be bounded and its front end can
//! say each of them.
//!
//! Spec: XIMSS, "Signaling", "Instant Messaging", "XMPP-style requests".

use super::call::{CallEvent, LegName};
use super::fault::Fault;
use super::im::{HandedIm, ImFailure, Iq};
use super::presence::PresenceNews;
use super::task::TaskEvent;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a session among the sessions of its account that take signals: `clientID`, the resource of XMPP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(String);

impl ClientId {
    /// The most bytes a name may have.
    const MOST: usize = 128;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name with a number behind it, for a session whose name is taken. It is cut where it would be too long.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        let tail = format!("-{number}");
        let room = self.0.floor_char_boundary(Self::MOST - tail.len());
        Self(format!("{}{tail}", self.0.get(..room).unwrap_or_default()))
    }
}

impl FromStr for ClientId {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if text.is_empty() || text.len() > Self::MOST || text.chars().any(char::is_control) {
            return Err(Fault::incorrect("clientID"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A session description as the other end's media engine wrote it: opaque text in the native form of RFC 8866. Nothing
/// between two clients changes a byte of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sdp(pub String);

/// XML elements as a client sent them, to be passed on: well-formed, and opaque below the front ends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fragment(pub String);

/// Why something could not be done, in the codes of RFC 3261 21.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalFailure {
    /// The code: 404, 486, 603.
    pub code: u16,
    /// In words.
    pub text: String,
}

impl SignalFailure {
    /// A failure with its words.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// What everybody in a call is told where the server goes down.
    pub fn server_ends() -> Self {
        Self::new(503, "the server is shutting down")
    }
}

/// What a session is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// An instant message came.
    Im(Arc<HandedIm>),
    /// One that this session sent could not be delivered.
    ImFailed(ImFailure),
    /// A request of another client, or the answer to one of this session's.
    Iq(Iq),
    /// What somebody is doing.
    Presence(PresenceNews),
    /// A task tells something.
    Task(TaskEvent),
    /// Something about a call.
    Call(LegName, CallEvent),
    /// How far the call is that the server makes for this session; empty at its end.
    CallReport(String),
}

impl Signal {
    /// About how many bytes it holds: what an inbox counts.
    pub fn weight(&self) -> usize {
        128 + match self {
            Self::Im(handed) => handed.message.weight(),
            Self::ImFailed(_) => 128,
            Self::Iq(iq) => iq.body.0.len(),
            Self::Presence(_) => 256,
            Self::Task(event) => event.weight(),
            Self::Call(_, event) => event.weight(),
            Self::CallReport(text) => text.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_name_is_a_good_name() {
        let long: ClientId = "ü".repeat(64).parse().unwrap();
        let numbered = long.numbered(7);
        assert!(numbered.as_str().ends_with("ü-7") && numbered.as_str().parse::<ClientId>().is_ok());
        assert_eq!("desk".parse::<ClientId>().unwrap().numbered(2).as_str(), "desk-2");
        assert!("a\nb".parse::<ClientId>().is_err() && " ".parse::<ClientId>().is_err());
    }
}
