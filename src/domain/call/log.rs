//! What the accounts of a call find in their call logs: placed, received, missed, taken elsewhere.
//!
//! Spec: XIMSS, "Signaling"; the files are told in `domain::journal`.

use super::fork::Invitation;
use crate::domain::journal::{Journal, Kind};
use crate::model::call::CallParty;
use crate::model::names::AccountAddress;
use crate::model::time::Timestamp;

/// The facts of one call.
#[derive(Debug)]
pub(super) struct CallLog {
    from: CallParty,
    began: Timestamp,
    rung: Vec<AccountAddress>,
    taken: Option<(String, Timestamp)>,
}

impl CallLog {
    pub fn begin(invitation: &Invitation, now: Timestamp) -> Self {
        Self { from: invitation.from.clone(), began: now, rung: Vec::new(), taken: None }
    }

    /// A device of an account rings.
    pub fn rung(&mut self, account: &AccountAddress) {
        if !self.rung.contains(account) {
            self.rung.push(account.clone());
        }
    }

    /// Somebody has taken the call; who takes it over later is told by the one who gave it.
    pub fn taken(&mut self, by: &CallParty, now: Timestamp) {
        self.taken.get_or_insert_with(|| (by.address.clone(), now));
    }

    /// The call has ended: each account gets its line.
    pub fn end(&self, journal: &Journal, now: Timestamp) {
        let seconds = self.taken.as_ref().map_or(0, |(_, since)| now.0 - since.0).to_string();
        let file = || format!("private/logs/calls-{}.log", self.began.iso8601().get(..7).unwrap_or_default());
        let taker = self.taken.as_ref().map(|(address, _)| address.as_str());
        let name = self.from.name.as_deref().unwrap_or_default();
        for account in &self.rung {
            let kind = match taker {
                Some(taker) if taker == account.to_string() => "received",
                Some(_) => "taken elsewhere",
                None => "missed",
            };
            let length = if kind == "received" { &*seconds } else { "0" };
            journal.note(account, Kind::Call, file(), self.began, &[kind, &self.from.address, length, name]);
        }
        let Ok(caller) = self.from.address.parse::<AccountAddress>() else { return };
        let first = self.rung.first().map(ToString::to_string);
        if let Some(peer) = taker.map(str::to_owned).or(first) {
            journal.note(&caller, Kind::Call, file(), self.began, &["placed", &peer, &seconds, ""]);
        }
    }
}
