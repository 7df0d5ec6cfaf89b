//! Calls: the vocabulary between the legs of a call, shaped like SIP and free of it, and what a client hears of its leg.
//!
//! Spec: XIMSS, "Signaling"; RFC 3261 (dialogs, codes), RFC 3264 (offer and answer).

use super::fault::Fault;
use super::names::AccountAddress;
use super::signal::{ClientId, Fragment, Sdp, SignalFailure};
use std::fmt;
use std::str::FromStr;

/// A leg by the client's name for it, or ours for an incoming call: `inp7`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegName(String);

impl LegName {
    /// What names of incoming calls begin with.
    const INCOMING: &'static str = "inp";

    /// The name of a session's n-th incoming call.
    pub fn incoming(number: u64) -> Self {
        Self(format!("{}{number}", Self::INCOMING))
    }

    /// Which of a session's incoming calls it is, of such a name.
    pub fn number(&self) -> Option<u64> {
        self.0.strip_prefix(Self::INCOMING)?.parse().ok()
    }

    /// True where only the server gives such names.
    pub fn is_reserved(&self) -> bool {
        self.0.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case(Self::INCOMING))
    }
}

impl FromStr for LegName {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        let good = !text.trim().is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
        if good { Ok(Self(text.to_owned())) } else { Err(Fault::incorrect("callLeg")) }
    }
}

impl fmt::Display for LegName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which ringing device: stable for the life of its dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub String);

/// The name of a call: the same at both ends, until a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallId(pub String);

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallParty {
    /// The address.
    pub address: String,
    /// The real name.
    pub name: Option<String>,
}

/// Whom to ring.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallTarget {
    /// Every device of an account.
    Account(AccountAddress),
    /// One device of an account.
    Device(AccountAddress, ClientId),
    /// An application of this server.
    Application(Application),
    /// An address that only a gateway can reach.
    Foreign(String),
}

/// An application as an address names it: `#name`, with parameters and an entry `#name{one,two}#entry`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Application {
    /// Whose it is: the account that calls it, or turns a call to it.
    pub owner: AccountAddress,
    /// Its name.
    pub name: String,
    /// What it is given.
    pub parameters: Vec<String>,
    /// Where it is entered; None for its main entry.
    pub entry: Option<String>,
}

impl Application {
    /// Reads an address that begins with `#`.
    pub fn of(text: &str, owner: &AccountAddress) -> Result<Self, Fault> {
        let incorrect = || Fault::incorrect("peer");
        let text = text.trim().strip_prefix('#').filter(|text| text.len() <= 1_024).ok_or_else(incorrect)?;
        let (name, rest) = text.split_at(text.find(['{', '#']).unwrap_or(text.len()));
        let (parameters, rest) = match rest.strip_prefix('{') {
            Some(rest) => rest.split_once('}').ok_or_else(incorrect)?,
            None => ("", rest),
        };
        let entry = if rest.is_empty() { None } else { Some(rest.strip_prefix('#').ok_or_else(incorrect)?.to_owned()) };
        let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        if !is_name(name) || !entry.as_deref().is_none_or(is_name) || parameters.chars().any(char::is_control) {
            return Err(incorrect());
        }
        let parameters = parameters.split(',').filter(|_| !parameters.is_empty()).map(|text| text.trim().to_owned()).collect();
        Ok(Self { owner: owner.clone(), name: name.to_owned(), parameters, entry })
    }
}

/// One exchange of an offer, a solicitation or another request inside a call, by who began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Exchange {
    /// The leg that began it; [`LegId::HUB`] for the call itself.
    pub by: LegId,
    /// A number that leg has not used before.
    pub number: u32,
}

/// A leg inside its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u32);

impl LegId {
    /// What stands for the call itself.
    pub const HUB: Self = Self(0);
    /// The leg that made the call.
    pub const CALLER: Self = Self(1);
}

/// What legs and the call they belong to say to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallSignal {
    /// To a callee: somebody calls.
    Invite {
        /// The call.
        call_id: CallId,
        /// Who calls.
        from: CallParty,
        /// Who has transferred the call here.
        transferred_by: Option<String>,
        /// An offer; None where the callee is to make one.
        sdp: Option<Sdp>,
    },
    /// From a callee to the caller: it rings (180), or has media already (183).
    Provisional {
        /// The device.
        tag: Tag,
        /// The code.
        code: u16,
        /// An answer to the invitation's offer, or an offer where that had none.
        sdp: Option<Sdp>,
    },
    /// From the caller to a callee: how the offer in its provisional response was taken.
    ProvisionalAnswered {
        /// The device.
        tag: Tag,
        /// The answer.
        result: Result<Option<Sdp>, SignalFailure>,
    },
    /// From a callee to the caller: the call is taken.
    Answer {
        /// The device.
        tag: Tag,
        /// Who took it.
        by: CallParty,
        /// The call.
        call_id: CallId,
        /// An answer, or an offer where the invitation had none.
        sdp: Option<Sdp>,
    },
    /// From the caller to whoever took the call: it is connected; with the answer to its offer.
    Acknowledged {
        /// The answer.
        sdp: Option<Sdp>,
    },
    /// From a callee: it does not take the call.
    Refused(SignalFailure),
    /// From a callee: others are to be rung; the callee rings on or is done.
    Redirected {
        /// Whom to ring.
        targets: Vec<CallTarget>,
        /// The callee goes on ringing.
        ring_on: bool,
    },
    /// To the caller: nobody takes the call.
    Failed(SignalFailure),
    /// From the caller, or to a callee: the call is not to be taken any more; why, where it is no failure to be told.
    Cancelled(Option<String>),
    /// A new offer; a request for one where there is none.
    Offer {
        /// The exchange.
        exchange: Exchange,
        /// The device, before the call is taken.
        tag: Option<Tag>,
        /// The offer.
        sdp: Option<Sdp>,
    },
    /// How an offer, or the request for one, was taken.
    OfferResult {
        /// The exchange.
        exchange: Exchange,
        /// The answer.
        result: Result<Option<Sdp>, SignalFailure>,
    },
    /// A key of the telephone, 0 to 15.
    Dtmf {
        /// The exchange.
        exchange: Exchange,
        /// The key.
        key: u8,
    },
    /// Something else to be told to the other end.
    Info {
        /// The exchange.
        exchange: Exchange,
        /// What.
        body: Fragment,
    },
    /// The other end is to be given to somebody else.
    Transfer {
        /// The exchange.
        exchange: Exchange,
        /// To whom.
        to: CallTarget,
    },
    /// How a key, an information or a transfer was taken.
    Done {
        /// The exchange.
        exchange: Exchange,
        /// How.
        result: Result<(), SignalFailure>,
    },
    /// Somebody else is at the other end now.
    Moved {
        /// Who.
        to: CallParty,
        /// The call.
        call_id: CallId,
    },
    /// The call has ended.
    Bye(Option<SignalFailure>),
}

/// What a client hears of one of its legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// `callIncoming`
    Incoming {
        /// The call.
        call_id: CallId,
        /// Who calls.
        from: CallParty,
        /// Who has transferred the call here.
        transferred_by: Option<String>,
        /// An offer.
        sdp: Option<Sdp>,
    },
    /// `callProvisioned`
    Provisioned {
        /// The device.
        tag: Tag,
        /// The call.
        call_id: CallId,
        /// Media before the call is taken.
        sdp: Option<Sdp>,
    },
    /// `callConnected`
    Connected {
        /// The device.
        tag: Tag,
        /// The call.
        call_id: CallId,
        /// Who took it.
        by: CallParty,
        /// An answer or an offer.
        sdp: Option<Sdp>,
    },
    /// `callUpdateRequest`
    UpdateRequest {
        /// The call.
        call_id: CallId,
        /// The device, before the call is taken.
        tag: Option<Tag>,
        /// The offer.
        sdp: Option<Sdp>,
    },
    /// `callUpdateSolicited`
    UpdateSolicited {
        /// The device, before the call is taken.
        tag: Option<Tag>,
    },
    /// `callUpdated`
    Updated {
        /// The device, where the update concerned one.
        tag: Option<Tag>,
        /// Who is at the other end now, where that has changed.
        peer: Option<CallParty>,
        /// The answer, or why there is none.
        result: Result<Option<Sdp>, SignalFailure>,
    },
    /// `callOpCompleted`, `callOpFailed`
    OpDone(Result<(), SignalFailure>),
    /// `callDTMF`
    Dtmf(u8),
    /// `callInfo`
    Info(Fragment),
    /// `callTransferred`
    Transferred {
        /// Who is at the other end now.
        to: CallParty,
        /// The call.
        call_id: CallId,
    },
    /// `callDisconnected`
    Disconnected(Option<SignalFailure>),
    /// `callDisconnected`, where another device of the account has taken the call: it is not a missed one.
    TakenElsewhere(String),
}

impl CallEvent {
    /// About how many bytes it holds.
    pub fn weight(&self) -> usize {
        let sdp = |sdp: &Option<Sdp>| sdp.as_ref().map_or(0, |sdp| sdp.0.len());
        match self {
            Self::Incoming { sdp: s, .. } | Self::Provisioned { sdp: s, .. } | Self::Connected { sdp: s, .. } => sdp(s),
            Self::UpdateRequest { sdp: s, .. } | Self::Updated { result: Ok(s), .. } => sdp(s),
            Self::Info(body) => body.0.len(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_have_addresses() {
        let owner: AccountAddress = "alice@example.test".parse().unwrap();
        let read = |text: &str| Application::of(text, &owner).map(|read| (read.name, read.parameters, read.entry));
        assert_eq!(read("#echo"), Ok(("echo".to_owned(), vec![], None)));
        let whole = ("menu".to_owned(), vec!["de".to_owned(), "slow".to_owned()], Some("night".to_owned()));
        assert_eq!(read("#menu{de, slow}#night"), Ok(whole));
        for wrong in ["echo", "#", "#a b", "#a{b", "#a{b}c", "#a#", "#../a", "#a#b#c"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_incoming_calls_are_ours() {
        assert!(LegName::incoming(3).is_reserved() && "INPut".parse::<LegName>().unwrap().is_reserved());
        assert!(!"in".parse::<LegName>().unwrap().is_reserved() && "".parse::<LegName>().is_err());
    }
}
