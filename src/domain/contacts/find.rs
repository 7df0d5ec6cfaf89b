//! Finding contacts by an address, a telephone number or a part of a name.
//!
//! Only the header of an item is looked at, and that only where the search index or the envelope says that it may be
//! wanted: a large address book is not read through. Spec: XIMSS, "Contacts Operations" (contactFind).

use crate::domain::access::Caller;
use crate::domain::messages as steps;
use crate::format::mime::{header, search as terms};
use crate::model::contact::Telephone;
use crate::model::fault::Outcome;
use crate::model::ids::{MailboxId, Uid};
use crate::model::mail::{Envelope, FieldValue, Kept};
use crate::model::names::fold;
use crate::model::rights::Rights;
use crate::store::search::{self, Candidates, Scope};
use crate::store::{Read, blobs, ledger, messages};

/// Who is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This address, folded.
    Address(String),
    /// This telephone number.
    Phone(Telephone),
    /// A part of an address or of the name, folded.
    Part(String),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The item.
    pub uid: Uid,
    /// The address or number that matches; None where the name does.
    pub address: Option<String>,
    /// The name the contact is filed under.
    pub name: Option<String>,
}

/// The longest text that is looked for, in bytes.
const LONGEST: usize = 1_024;

impl Wanted {
    /// What a client looks for; None for what nobody has.
    pub fn of(peer: &str, fuzzy: bool) -> Option<Self> {
        let peer = peer.trim();
        if peer.is_empty() || peer.len() > LONGEST {
            return None;
        }
        if fuzzy {
            return Some(Self::Part(fold(peer)));
        }
        if let Some(number) = Telephone::of(peer) {
            return Some(Self::Phone(number));
        }
        let address = ["mailto:", "sip:", "sips:", "xmpp:"].iter().find_map(|scheme| peer.strip_prefix(scheme)).unwrap_or(peer);
        Some(Self::Address(fold(address)))
    }

    /// The text that the search index is asked for.
    fn indexed(&self) -> &str {
        match self {
            Self::Address(text) | Self::Part(text) => text,
            Self::Phone(number) => number.ending(),
        }
    }

    /// False where the envelope alone says that the message is not wanted.
    fn may_be(&self, envelope: &Envelope) -> bool {
        let holds = |kept: &Kept, text: &str| match kept {
            Kept::Absent => false,
            Kept::Text(kept) => fold(kept).contains(text),
            Kept::Long => true,
        };
        match self {
            Self::Address(text) => holds(&envelope.to.addresses, text),
            Self::Part(text) => holds(&envelope.to.addresses, text) || holds(&envelope.to.shown, text) || holds(&envelope.subject, text),
            Self::Phone(_) => true,
        }
    }

    /// What of a header matches: the address or number, or nothing but the name. None where nothing does.
    fn matches(&self, raw: &[u8], name: Option<&str>) -> Option<Option<String>> {
        let addresses = || header::addresses(raw, "To");
        match self {
            Self::Address(text) => addresses().into_iter().find(|a| fold(&a.address) == *text).map(|a| Some(a.address)),
            Self::Part(text) => {
                let found = addresses().into_iter().find(|a| fold(&a.address).contains(text));
                let named = || name.is_some_and(|name| fold(name).contains(text));
                let in_group = || addresses().iter().any(|a| a.name.as_ref().is_some_and(|name| fold(name).contains(text)));
                found.map(|a| Some(a.address)).or_else(|| (named() || in_group()).then_some(None))
            }
            Self::Phone(wanted) => {
                phones(raw).into_iter().find(|number| Telephone::of(number).is_some_and(|number| number.is(wanted))).map(Some)
            }
        }
    }
}

fn phones(raw: &[u8]) -> Vec<String> {
    let of = |field: crate::model::mail::Field| match field.value {
        FieldValue::Phones(phones) => phones.into_iter().map(|phone| phone.number).collect(),
        _ => Vec::new(),
    };
    header::decoded_fields(raw).into_iter().flat_map(of).collect()
}

/// The messages of a mailbox that the search index lets through; None where it can say nothing.
pub fn candidates(tx: &dyn Read, mailbox: MailboxId, wanted: &Wanted) -> Outcome<Option<Candidates>> {
    let terms = terms::terms(wanted.indexed());
    if terms.is_empty() { Ok(None) } else { search::candidates(tx, mailbox, &[Scope::Header], &terms).map(Some) }
}

/// The matches among some messages of an open folder, at most so many, in their order.
pub fn among(tx: &dyn Read, caller: &Caller, mailbox: MailboxId, uids: &[Uid], wanted: &Wanted, most: usize) -> Outcome<Vec<Match>> {
    steps::folder_mailbox(tx, caller, mailbox, Rights::READ)?;
    let mut out = Vec::new();
    for uid in uids {
        if out.len() >= most {
            break;
        }
        let Some(envelope) = messages::envelope(tx, mailbox, *uid)? else { continue };
        if !wanted.may_be(&envelope) {
            continue;
        }
        let Some(row) = ledger::get(tx, mailbox, *uid)? else { continue };
        let raw = blobs::header(tx, row.blob)?;
        let name = match envelope.subject {
            Kept::Text(name) => Some(name),
            Kept::Absent => None,
            Kept::Long => header::first(&raw, "Subject").map(header::text),
        };
        if let Some(address) = wanted.matches(&raw, name.as_deref()) {
            out.push(Match { uid: *uid, address, name: name.filter(|name| !name.is_empty()) });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] =
        b"Subject: Jensen, Bjorn\r\nTo: \"Jensen, Bjorn\" <Bjorn@domain.dom>, b@x.org\r\nX-Telnum: +1 313 747-4454;type=WORK, 555\r\n\r\n";

    #[test]
    fn what_matches_is_told() {
        let find = |peer: &str, fuzzy: bool| {
            let wanted = Wanted::of(peer, fuzzy).unwrap();
            let found = wanted.matches(RAW, Some("Jensen, Bjorn"));
            let all = terms::header_terms(RAW).unwrap();
            assert!(found.is_none() || wanted.may_be(&header::envelope(RAW)));
            assert!(found.is_none() || terms::terms(wanted.indexed()).iter().all(|term| all.contains(term)), "{peer}");
            found
        };
        let some = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(find("bjorn@DOMAIN.dom", false), some("Bjorn@domain.dom"));
        assert_eq!(find("sip:b@x.org", false), some("b@x.org"));
        assert_eq!(find("bjorn@domain", false), None);
        assert_eq!(find("bjorn@domain", true), some("Bjorn@domain.dom"));
        assert_eq!(find("jensen, b", true), Some(None));
        assert_eq!(find("(313) 747 4454", false), some("+1 313 747-4454"));
        assert_eq!(find("0013137474454", false), some("+1 313 747-4454"));
        assert_eq!((find("555", false), find("556", false)), (some("555"), None));
        assert_eq!((Wanted::of(" ", true), Wanted::of("", false)), (None, None));
    }
}
