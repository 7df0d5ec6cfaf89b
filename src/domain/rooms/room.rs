//! The machine of a room: who is in it, what was said last. No I/O: it gives who is to hear what.
//!
//! Spec: XEP-0045 7 (occupants), with presence and messages as XIMSS tells them: the room is the peer, an occupant's
//! name in it the clientID.

use crate::domain::roster::own_address;
use crate::model::im::{HandedIm, ImContent, InstantMessage};
use crate::model::names::AccountAddress;
use crate::model::presence::{Detail, Presence, PresenceNews, PresenceSays};
use crate::model::signal::{ClientId, Signal, SignalFailure};
use crate::model::time::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most that may be in a room.
const MOST_OCCUPANTS: usize = 200;
/// How much of what was said whoever comes in hears.
const HISTORY: usize = 20;

/// A session by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// Its account.
    pub account: AccountAddress,
    /// Its name there.
    pub client: ClientId,
}

/// Who is to hear what.
pub type Words = Vec<(Occupant, Signal)>;

#[derive(Debug)]
struct Inside {
    who: Occupant,
    nick: ClientId,
    presence: Presence,
}

/// What is said in a room is for those who are there: it waits for nobody.
fn heard(message: InstantMessage) -> Signal {
    let handed = HandedIm::new(message, Timestamp::now());
    handed.is_heard();
    Signal::Im(Arc::new(handed))
}

/// The machine.
#[derive(Debug)]
pub struct Room {
    address: AccountAddress,
    inside: Vec<Inside>,
    said: VecDeque<InstantMessage>,
    subject: Option<InstantMessage>,
}

impl Room {
    /// An empty room.
    pub fn new(address: AccountAddress) -> Self {
        Self { address, inside: Vec::new(), said: VecDeque::new(), subject: None }
    }

    fn news(&self, nick: &ClientId, says: PresenceSays) -> Signal {
        Signal::Presence(PresenceNews { peer: own_address(&self.address), client: Some(nick.clone()), says, avatar: None })
    }

    fn all(&self, signal: &Signal) -> Words {
        self.inside.iter().map(|inside| (inside.who.clone(), signal.clone())).collect()
    }

    /// A session sends presence: under the name that it gives, or the one that it has.
    pub fn presence(&mut self, from: Occupant, nick: Option<&ClientId>, presence: Presence) -> Words {
        let at = self.inside.iter().position(|inside| inside.who == from);
        if presence.detail == Detail::Offline {
            return at.map(|at| self.leave(at)).unwrap_or_default();
        }
        let known = at.and_then(|at| self.inside.get(at)).map(|inside| inside.nick.clone());
        let nick = nick.cloned().or(known).unwrap_or_else(|| from.client.clone());
        let taken = self.inside.iter().any(|inside| inside.nick == nick && inside.who != from);
        if taken || (at.is_none() && self.inside.len() >= MOST_OCCUPANTS) {
            let text = if taken { "this name is taken" } else { "the room is full" };
            let refused = self.news(&nick, PresenceSays::Refused(SignalFailure::new(486, text)));
            return vec![(from, refused)];
        }
        match at {
            Some(at) => self.changes(at, nick, presence),
            None => self.enter(from, nick, presence),
        }
    }

    /// It hears who is there, then all hear of it, then it hears what was said.
    fn enter(&mut self, who: Occupant, nick: ClientId, presence: Presence) -> Words {
        let there = |inside: &Inside| (who.clone(), self.news(&inside.nick, PresenceSays::Is(inside.presence.clone())));
        let mut words: Words = self.inside.iter().map(there).collect();
        let arrived = self.news(&nick, PresenceSays::Is(presence.clone()));
        self.inside.push(Inside { who: who.clone(), nick, presence });
        words.extend(self.all(&arrived));
        words.extend(self.said.iter().chain(&self.subject).map(|message| (who.clone(), heard(message.clone()))));
        words
    }

    fn changes(&mut self, at: usize, nick: ClientId, presence: Presence) -> Words {
        let Some(inside) = self.inside.get_mut(at) else { return Vec::new() };
        let before = std::mem::replace(&mut inside.nick, nick.clone());
        inside.presence = presence.clone();
        let mut words = Vec::new();
        if before != nick {
            words.extend(self.all(&self.news(&before, PresenceSays::Is(Presence::default()))));
        }
        words.extend(self.all(&self.news(&nick, PresenceSays::Is(presence))));
        words
    }

    fn leave(&mut self, at: usize) -> Words {
        let nick = match self.inside.get(at) {
            Some(inside) => inside.nick.clone(),
            None => return Vec::new(),
        };
        let words = self.all(&self.news(&nick, PresenceSays::Is(Presence::default())));
        self.inside.remove(at);
        words
    }

    /// A session says something: to all, or to one by name.
    pub fn message(
        &mut self,
        from: &Occupant,
        nick: Option<&ClientId>,
        message: &InstantMessage,
        now: Timestamp,
    ) -> Result<Words, SignalFailure> {
        let speaker = self.inside.iter().find(|inside| inside.who == *from);
        let speaker = speaker.ok_or_else(|| SignalFailure::new(403, "only who is in the room can speak there"))?.nick.clone();
        let to_all = message.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("groupchat"));
        let said = InstantMessage { from: own_address(&self.address), from_name: None, from_client: Some(speaker), ..message.clone() };
        if to_all {
            self.remember(&said, now);
            return Ok(self.all(&heard(said)));
        }
        let named = nick.and_then(|nick| self.inside.iter().find(|inside| inside.nick == *nick));
        let named = named.ok_or_else(|| SignalFailure::new(404, "nobody of this name is in the room"))?;
        Ok(vec![(named.who.clone(), heard(said))])
    }

    fn remember(&mut self, said: &InstantMessage, now: Timestamp) {
        let kept = InstantMessage { waited_since: Some(now), ..said.clone() };
        match &said.content {
            ImContent::Text { body: None, subject: Some(_), .. } => self.subject = Some(kept),
            ImContent::Text { body: Some(_), .. } => {
                if self.said.len() >= HISTORY {
                    self.said.pop_front();
                }
                self.said.push_back(kept);
            }
            _ => {}
        }
    }

    /// The room closes: all hear that they are not in it any more.
    pub fn close(&mut self) -> Words {
        let gone = |inside: &Inside| (inside.who.clone(), self.news(&inside.nick, PresenceSays::Is(Presence::default())));
        let words = self.inside.iter().map(gone).collect();
        self.inside.clear();
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Occupant {
        Occupant { account: format!("{name}@example.test").parse().unwrap(), client: "x".parse().unwrap() }
    }

    fn online() -> Presence {
        Presence { detail: Detail::Online, status: None }
    }

    fn message(kind: &str, body: &str) -> InstantMessage {
        let content = ImContent::Text { body: Some(body.to_owned()), subject: None, extra: Default::default() };
        let from = "a@example.test".parse().unwrap();
        InstantMessage { from, from_name: None, from_client: None, kind: Some(kind.to_owned()), id: None, content, waited_since: None }
    }

    #[test]
    fn whoever_comes_in_sees_who_is_there_and_hears_what_was_said() {
        let mut room = Room::new("room@example.test".parse().unwrap());
        let nick = |name: &str| name.parse::<ClientId>().unwrap();
        assert_eq!(room.presence(who("a"), Some(&nick("Anna")), online()).len(), 1);
        assert!(room.message(&who("b"), None, &message("groupchat", "hi"), Timestamp(1)).is_err());
        for n in 0..30 {
            room.message(&who("a"), None, &message("groupchat", &n.to_string()), Timestamp(n)).unwrap();
        }
        let taken = room.presence(who("b"), Some(&nick("Anna")), online());
        assert!(matches!(&taken[..], [(_, Signal::Presence(PresenceNews { says: PresenceSays::Refused(_), .. }))]));
        // Anna, then Bert to both, then what was said.
        assert_eq!(room.presence(who("b"), Some(&nick("Bert")), online()).len(), 1 + 2 + HISTORY);
        assert_eq!(room.message(&who("b"), Some(&nick("Anna")), &message("chat", "psst"), Timestamp(1)).unwrap()[0].0, who("a"));
        assert!(room.message(&who("b"), Some(&nick("Carl")), &message("chat", "psst"), Timestamp(1)).is_err());
        assert_eq!(room.presence(who("a"), None, Presence::default()).len(), 2);
        assert_eq!(room.close().len(), 1);
    }
}
