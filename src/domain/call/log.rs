//! What the accounts of a call find in their call logs: placed, received, missed, taken elsewhere. Each line names the
//! other party, how long the account talked in seconds, and the other party's real name.
//!
//! An account has one line of a call: it names whom the account called or who called it, though a transfer may have given
//! it somebody else to talk with since, and counts until the account has left. A call that a transfer gives one of its ends
//! to gets that end's line, too, which so goes on.
//! Spec: XIMSS, "Signaling"; the files are told in `domain::journal`.

use crate::domain::journal::{Journal, Kind, file_of_month};
use crate::model::call::{CallId, CallParty, LegId};
use crate::model::names::AccountAddress;
use crate::model::time::Timestamp;

/// How an account came to the call.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// It has made it.
    Placed,
    /// It was rung by an invitation of this name, which somebody else may have taken.
    Rung { by: CallId, elsewhere: bool },
}

/// The line of one account.
#[derive(Debug)]
pub(super) struct Line {
    account: AccountAddress,
    part: Part,
    began: Timestamp,
    /// The other party.
    peer: CallParty,
    /// The account's legs that talk, since when, and how long others did before.
    legs: Vec<LegId>,
    since: Timestamp,
    before: i64,
    has_talked: bool,
}

impl Line {
    fn new(account: AccountAddress, part: Part, peer: CallParty, began: Timestamp) -> Self {
        Self { account, part, began, peer, legs: Vec::new(), since: began, before: 0, has_talked: false }
    }

    fn seconds(&self, now: Timestamp) -> i64 {
        if self.legs.is_empty() { self.before } else { self.before + now.0 - self.since.0 }
    }

    fn joins(&mut self, leg: LegId, now: Timestamp) {
        if self.legs.is_empty() {
            self.since = now;
        }
        self.legs.push(leg);
        self.has_talked = true;
    }

    /// Legs but these talk no more.
    fn keep(&mut self, talking: &[LegId], now: Timestamp) {
        let seconds = self.seconds(now);
        self.legs.retain(|leg| talking.contains(leg));
        if self.legs.is_empty() {
            self.before = seconds;
        }
    }

    fn fields(&self, now: Timestamp) -> [String; 4] {
        let kind = match self.part {
            Part::Placed => "placed",
            Part::Rung { .. } if self.has_talked => "received",
            Part::Rung { elsewhere: true, .. } => "taken elsewhere",
            Part::Rung { .. } => "missed",
        };
        let CallParty { address, name } = self.peer.clone();
        [kind.to_owned(), address, self.seconds(now).to_string(), name.unwrap_or_default()]
    }

    /// The account has left: it gets its line.
    pub fn note(&self, journal: &Journal, now: Timestamp) {
        let fields = self.fields(now);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        journal.note(&self.account, Kind::Call, file_of_month("calls", self.began), self.began, &fields);
    }
}

/// The facts of one call.
#[derive(Debug)]
pub(super) struct CallLog {
    lines: Vec<Line>,
    /// The invitation that rings, and who is known as the caller by it.
    invitation: Option<(CallId, CallParty)>,
    talking: Vec<LegId>,
    /// Somebody has taken the call; who takes it over later is told by the one who gave it.
    taken: bool,
}

impl CallLog {
    /// Somebody calls somebody.
    pub fn begin(from: &CallParty, to: CallParty, now: Timestamp) -> Self {
        // Who is no account of this server's has no log here.
        let caller = from.address.parse::<AccountAddress>().ok();
        let lines = caller.map(|caller| Line::new(caller, Part::Placed, to, now)).into_iter().collect();
        Self { lines, invitation: None, talking: Vec::new(), taken: false }
    }

    /// Those who are rung next are rung by this invitation.
    pub fn inviting(&mut self, call_id: &CallId, from: &CallParty) {
        self.invitation = Some((call_id.clone(), from.clone()));
    }

    /// A device of an account rings. Whoever has placed the call or talked in it has a line that says so: what is rung of
    /// the account's then is not missed.
    pub fn rung(&mut self, account: &AccountAddress, now: Timestamp) {
        let Some((call_id, from)) = &self.invitation else { return };
        let part = Part::Rung { by: call_id.clone(), elsewhere: false };
        match self.lines.iter_mut().find(|line| line.account == *account) {
            None => self.lines.push(Line::new(account.clone(), part, from.clone(), now)),
            Some(line) if line.part == Part::Placed || line.has_talked => {}
            // Somebody has given the call to those who did not take it at first.
            Some(line) if matches!(&line.part, Part::Rung { by, .. } if by != call_id) => {
                *line = Line::new(account.clone(), part, from.clone(), now);
            }
            Some(_) => {}
        }
    }

    /// These talk now, and no others; the second of two that have not talked before has taken the call of the first.
    pub fn talk(&mut self, legs: Vec<LegId>, party: impl Fn(LegId) -> CallParty, now: Timestamp) {
        if legs == self.talking {
            return;
        }
        self.lines.iter_mut().for_each(|line| line.keep(&legs, now));
        for (at, leg) in legs.iter().enumerate().filter(|(_, leg)| !self.talking.contains(leg)) {
            let party = party(*leg);
            if let Some(line) = self.lines.iter_mut().find(|line| line.account.to_string() == party.address) {
                line.joins(*leg, now);
            }
            if at > 0 {
                take(&mut self.lines, self.invitation.as_ref().map(|(call_id, _)| call_id), &party, !self.taken);
                self.taken = true;
            }
        }
        self.talking = legs;
    }

    /// The line of a leg that another call gets, where it is that leg's alone.
    pub fn give(&mut self, leg: LegId) -> Option<Line> {
        let at = self.lines.iter().position(|line| line.legs == [leg])?;
        Some(self.lines.remove(at))
    }

    /// The line of a leg that comes from another call, where it talks already.
    pub fn take_in(&mut self, line: Option<Line>, leg: LegId) {
        self.talking.push(leg);
        self.lines.extend(line.map(|line| Line { legs: vec![leg], ..line }));
    }

    /// The call has ended: each account gets its line.
    pub fn end(&self, journal: &Journal, now: Timestamp) {
        self.lines.iter().for_each(|line| line.note(journal, now));
    }
}

/// Somebody has taken what this invitation rang for: others have not missed it. The first whom the caller gets is whom it
/// has called.
fn take(lines: &mut [Line], invitation: Option<&CallId>, by: &CallParty, is_first: bool) {
    for line in lines {
        match &mut line.part {
            Part::Placed if is_first => line.peer.address.clone_from(&by.address),
            Part::Rung { by, elsewhere } if Some(&*by) == invitation => *elsewhere = true,
            _ => {}
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
        log.lines.iter().map(|line| format!("{}: {}", line.account.name, line.fields(Timestamp(70)).join(" "))).collect()
    }

    fn ring(log: &mut CallLog, call_id: &str, from: &str, accounts: &[&str]) {
        log.inviting(&CallId(call_id.to_owned()), &party(from));
        accounts.iter().for_each(|name| log.rung(&party(name).address.parse().unwrap(), Timestamp(5)));
    }

    /// The legs of these accounts talk, and no others.
    fn talk(log: &mut CallLog, legs: &[(u32, &str)], now: i64) {
        let party = |leg: LegId| legs.iter().find(|(id, _)| *id == leg.0).map(|(_, name)| party(name)).unwrap();
        log.talk(legs.iter().map(|(leg, _)| LegId(*leg)).collect(), party, Timestamp(now));
    }

    #[test]
    fn everybody_finds_what_the_call_was_to_them() {
        let mut log = CallLog::begin(&party("alice"), party("bob"), Timestamp(0));
        assert_eq!(lines(&log), ["alice: placed bob@example.test 0 bob"]);
        ring(&mut log, "c", "alice", &["bob", "carol", "bob"]);
        let missed = ["bob: missed alice@example.test 0 alice", "carol: missed alice@example.test 0 alice"];
        assert_eq!(lines(&log)[1..], missed);
        talk(&mut log, &[(1, "alice"), (3, "carol")], 10);
        let taken = ["bob: taken elsewhere alice@example.test 0 alice", "carol: received alice@example.test 60 alice"];
        assert_eq!(lines(&log)[1..], taken);
        assert_eq!(lines(&log)[0], "alice: placed carol@example.test 60 bob");
    }

    #[test]
    fn who_is_given_to_somebody_else_has_one_line() {
        let mut log = CallLog::begin(&party("alice"), party("bob"), Timestamp(0));
        ring(&mut log, "c", "alice", &["bob"]);
        talk(&mut log, &[(1, "alice"), (2, "bob")], 10);
        // Carol does not take it, then dave does; alice is gone.
        ring(&mut log, "c-1", "bob", &["carol"]);
        ring(&mut log, "c-2", "bob", &["dave", "erin"]);
        talk(&mut log, &[(2, "bob"), (5, "dave")], 30);
        let all = [
            "alice: placed bob@example.test 20 bob",
            "bob: received alice@example.test 60 alice",
            "carol: missed bob@example.test 0 bob",
            "dave: received bob@example.test 40 bob",
            "erin: taken elsewhere bob@example.test 0 bob",
        ];
        assert_eq!(lines(&log), all);
        // Back to alice, who has placed it, and to carol, who takes it now.
        ring(&mut log, "c-3", "dave", &["alice"]);
        talk(&mut log, &[(5, "dave"), (7, "alice")], 40);
        ring(&mut log, "c-4", "dave", &["carol"]);
        talk(&mut log, &[(5, "dave"), (8, "carol")], 50);
        let all = [
            "alice: placed bob@example.test 30 bob",
            "bob: received alice@example.test 30 alice",
            "carol: received dave@example.test 20 dave",
        ];
        assert_eq!(lines(&log)[..3], all);
    }

    #[test]
    fn a_line_goes_on_in_the_call_that_its_end_is_given_to() {
        let [mut first, mut second] = ["bob", "carol"].map(|called| {
            let mut log = CallLog::begin(&party("alice"), party(called), Timestamp(0));
            ring(&mut log, called, "alice", &[called]);
            talk(&mut log, &[(1, "alice"), (2, called)], 10);
            log
        });
        let given = second.give(LegId(2));
        talk(&mut second, &[], 20);
        first.take_in(given, LegId(3));
        talk(&mut first, &[(2, "bob"), (3, "carol")], 20);
        let all = [
            "alice: placed bob@example.test 10 bob",
            "bob: received alice@example.test 60 alice",
            "carol: received alice@example.test 60 alice",
        ];
        assert_eq!(lines(&first), all);
        assert_eq!(lines(&second), ["alice: placed carol@example.test 10 carol"]);
    }

    #[test]
    fn own_devices_are_not_missed() {
        let mut log = CallLog::begin(&party("alice"), party("bob"), Timestamp(0));
        ring(&mut log, "c", "alice", &["alice"]);
        assert_eq!(lines(&log), ["alice: placed bob@example.test 0 bob"]);
    }
}
