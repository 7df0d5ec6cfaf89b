//! What the accounts of a call find in their call logs: placed, received, missed, taken elsewhere. Each line names the
//! other party, how long they talked in seconds, and its real name.
//!
//! Spec: XIMSS, "Signaling"; the files are told in `domain::journal`.

use crate::domain::journal::{Journal, Kind, file_of_month};
use crate::model::call::CallParty;
use crate::model::names::AccountAddress;
use crate::model::time::Timestamp;

/// The facts of one call.
#[derive(Debug)]
pub(super) struct CallLog {
    from: CallParty,
    to: CallParty,
    began: Timestamp,
    rung: Vec<AccountAddress>,
    taken: Option<(String, Timestamp)>,
}

impl CallLog {
    /// Somebody calls somebody.
    pub fn begin(from: CallParty, to: CallParty, now: Timestamp) -> Self {
        Self { from, to, began: now, rung: Vec::new(), taken: None }
    }

    /// A device of an account rings.
    pub fn rung(&mut self, account: &AccountAddress) {
        if !self.rung.contains(account) {
            self.rung.push(account.clone());
        }
    }

    /// Somebody has taken the call, or the server has connected the caller's own device with them; who takes it over later
    /// is told by the one who gave it.
    pub fn taken(&mut self, by: &CallParty, now: Timestamp) {
        self.taken.get_or_insert_with(|| (by.address.clone(), now));
    }

    /// The lines: whose, and what they say.
    fn lines(&self, now: Timestamp) -> Vec<(AccountAddress, [String; 4])> {
        let seconds = self.taken.as_ref().map_or(0, |(_, since)| now.0 - since.0).to_string();
        let taker = self.taken.as_ref().map(|(address, _)| address.as_str());
        let name = |party: &CallParty| party.name.clone().unwrap_or_default();
        let caller = self.from.address.parse::<AccountAddress>().ok();
        // A call between an account's own devices is one that it has placed, not one that it has missed.
        let others = self.rung.iter().filter(|account| caller.as_ref() != Some(account));
        let line = |account: &AccountAddress| {
            let (kind, length) = match taker {
                Some(taker) if taker == account.to_string() => ("received", seconds.clone()),
                Some(_) => ("taken elsewhere", "0".to_owned()),
                None => ("missed", "0".to_owned()),
            };
            (account.clone(), [kind.to_owned(), self.from.address.clone(), length, name(&self.from)])
        };
        let peer = taker.unwrap_or(&self.to.address).to_owned();
        let placed = caller.clone().map(|caller| (caller, ["placed".to_owned(), peer, seconds.clone(), name(&self.to)]));
        others.map(line).chain(placed).collect()
    }

    /// The call has ended: each account gets its line.
    pub fn end(&self, journal: &Journal, now: Timestamp) {
        for (account, fields) in self.lines(now) {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            journal.note(&account, Kind::Call, file_of_month("calls", self.began), self.began, &fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> CallParty {
        CallParty { address: format!("{name}@example.test"), name: Some(name.to_owned()) }
    }

    fn lines(log: &CallLog) -> Vec<String> {
        log.lines(Timestamp(70)).iter().map(|(account, fields)| format!("{}: {}", account.name, fields.join(" "))).collect()
    }

    #[test]
    fn everybody_finds_what_the_call_was_to_them() {
        let mut log = CallLog::begin(party("alice"), party("bob"), Timestamp(0));
        assert_eq!(lines(&log), ["alice: placed bob@example.test 0 bob"]);
        for account in ["bob@example.test", "carol@example.test", "bob@example.test"] {
            log.rung(&account.parse().unwrap());
        }
        let missed = ["bob: missed alice@example.test 0 alice", "carol: missed alice@example.test 0 alice"];
        assert_eq!(lines(&log)[..2], missed);
        log.taken(&party("carol"), Timestamp(10));
        log.taken(&party("dave"), Timestamp(20));
        let taken = ["bob: taken elsewhere alice@example.test 0 alice", "carol: received alice@example.test 60 alice"];
        assert_eq!(lines(&log)[..2], taken);
        assert_eq!(lines(&log)[2], "alice: placed carol@example.test 60 bob");
    }

    #[test]
    fn own_devices_are_not_missed() {
        let mut log = CallLog::begin(party("alice"), party("bob"), Timestamp(0));
        log.rung(&"alice@example.test".parse().unwrap());
        assert_eq!(lines(&log), ["alice: placed bob@example.test 0 bob"]);
    }
}
