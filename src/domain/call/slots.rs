//! What a leg has told its client and not yet had answered: `callUpdateAccept` and `callUpdateReject` need not say what
//! they answer.
//!
//! An acceptance with a session description answers the oldest message that bore an offer, and lets older ones without
//! one go; an acceptance without answers the oldest. A tag, where the client gives one, picks among them.
//! Spec: XIMSS, "Signaling" (callUpdateAccept, callUpdateReject).

use crate::model::call::{Exchange, Tag};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::Sdp;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a client has for its answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most messages that wait for an answer; past it the oldest without an offer is let go.
const MOST: usize = 64;

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A device rings.
    Provisioned,
    /// A device took the call.
    Connected,
    /// The other end has made an offer.
    Request(Exchange),
    /// The other end asks for one.
    Solicited(Exchange),
    /// The client is back and has taken the call over: an offer of its is welcome, and nobody waits for it.
    Back,
}

/// One message that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// What was told.
    pub told: Told,
    /// Of which device.
    pub tag: Option<Tag>,
    /// It bore an offer, so the answer must bear one too.
    pub offer: bool,
    since: Instant,
}

/// The messages that wait, oldest first.
#[derive(Debug, Default)]
pub struct Slots(VecDeque<Slot>);

impl Slots {
    /// One more was told.
    pub fn open(&mut self, told: Told, tag: Option<Tag>, offer: bool, now: Instant) {
        if self.0.len() >= MOST
            && let Some(at) = self.0.iter().position(|slot| !slot.offer)
        {
            self.0.remove(at);
        }
        self.0.push_back(Slot { told, tag, offer, since: now });
    }

    /// True while an offer waits for its answer: no other offer is told meanwhile.
    pub fn holds_offer(&self) -> bool {
        self.0.iter().any(|slot| slot.offer)
    }

    /// What an acceptance answers.
    pub fn accept(&mut self, tag: Option<&Tag>, sdp: Option<&Sdp>) -> Outcome<Slot> {
        let fits = |slot: &Slot| tag.is_none_or(|tag| slot.tag.as_ref() == Some(tag));
        let at = match sdp {
            Some(_) => self.0.iter().position(|slot| slot.offer && fits(slot)),
            None => self.0.iter().position(fits),
        };
        let at = at.ok_or_else(|| Fault::state("nothing waits for an answer"))?;
        if sdp.is_none() && self.0.get(at).is_some_and(|slot| slot.offer) {
            return Err(Fault::missing("SDP"));
        }
        let slot = self.0.remove(at).ok_or_else(Fault::internal)?;
        // Older ones without an offer need no answer any more.
        let mut place = 0;
        self.0.retain(|other| {
            place += 1;
            place > at || other.offer || !fits(other)
        });
        Ok(slot)
    }

    /// What a rejection answers: the oldest that bore an offer or asked for one, else the oldest.
    pub fn reject(&mut self, tag: Option<&Tag>) -> Outcome<Slot> {
        let fits = |slot: &Slot| tag.is_none_or(|tag| slot.tag.as_ref() == Some(tag));
        let wants = |slot: &Slot| slot.offer || matches!(slot.told, Told::Solicited(_) | Told::Back);
        let at = self.0.iter().position(|slot| wants(slot) && fits(slot)).or_else(|| self.0.iter().position(fits));
        at.and_then(|at| self.0.remove(at)).ok_or_else(|| Fault::state("nothing waits for an answer"))
    }

    /// The solicitation that an update answers: of this device, or the only one there is.
    pub fn solicited(&mut self, tag: Option<&Tag>) -> Option<Slot> {
        // With its offer the client has done what it was asked for when it was back.
        self.0.retain(|slot| slot.told != Told::Back);
        let asks = |slot: &Slot| matches!(slot.told, Told::Solicited(_)) && tag.is_none_or(|tag| slot.tag.as_ref() == Some(tag));
        if tag.is_none() && self.0.iter().filter(|slot| asks(slot)).count() > 1 {
            return None;
        }
        let at = self.0.iter().position(asks)?;
        self.0.remove(at)
    }

    /// Takes the slot of an exchange that the other end has given up.
    pub fn withdraw(&mut self, exchange: Exchange) {
        self.0.retain(|slot| !matches!(slot.told, Told::Request(e) | Told::Solicited(e) if e == exchange));
    }

    /// Keeps what concerns one device, now that it has taken the call.
    pub fn only(&mut self, tag: &Tag) {
        self.0.retain(|slot| slot.tag.as_ref() == Some(tag) && matches!(slot.told, Told::Connected));
    }

    /// Takes what has waited for too long.
    pub fn expired(&mut self, now: Instant) -> Option<Slot> {
        let at = self.0.iter().position(|slot| now.saturating_duration_since(slot.since) >= PATIENCE)?;
        self.0.remove(at)
    }

    /// Takes the oldest.
    pub fn take_oldest(&mut self) -> Option<Slot> {
        self.0.pop_front()
    }

    /// When the oldest has waited for too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|slot| slot.since + PATIENCE).min()
    }

    /// Lets all go.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call::LegId;

    fn tag(name: &str) -> Option<Tag> {
        Some(Tag(name.to_owned()))
    }

    fn exchange(number: u32) -> Exchange {
        Exchange { by: LegId(2), number }
    }

    fn slots() -> Slots {
        let (mut slots, now) = (Slots::default(), Instant::now());
        slots.open(Told::Provisioned, tag("one"), false, now);
        slots.open(Told::Request(exchange(1)), tag("two"), true, now);
        slots.open(Told::Solicited(exchange(2)), tag("three"), false, now);
        slots
    }

    #[test]
    fn an_answer_finds_what_it_answers() {
        let sdp = Sdp("v=0".to_owned());
        let mut with = slots();
        assert_eq!(with.accept(None, Some(&sdp)).unwrap().told, Told::Request(exchange(1)));
        // The older one without an offer went with it.
        assert_eq!(with.accept(None, None).unwrap().told, Told::Solicited(exchange(2)));
        assert!(with.accept(None, None).is_err());

        let mut without = slots();
        assert_eq!(without.accept(None, None).unwrap().told, Told::Provisioned);
        assert_eq!(without.accept(None, None).unwrap_err(), Fault::missing("SDP"));
        assert_eq!(without.reject(tag("three").as_ref()).unwrap().told, Told::Solicited(exchange(2)));
        assert_eq!(without.reject(None).unwrap().told, Told::Request(exchange(1)));
    }

    #[test]
    fn an_update_answers_the_only_solicitation() {
        let mut slots = slots();
        assert_eq!(slots.solicited(None).unwrap().tag, tag("three"));
        assert!(slots.solicited(None).is_none());
    }

    #[test]
    fn patience_ends() {
        let mut slots = slots();
        let late = slots.deadline().unwrap();
        assert!(slots.expired(late - Duration::from_millis(1)).is_none());
        assert_eq!(slots.expired(late).unwrap().told, Told::Provisioned);
    }
}
