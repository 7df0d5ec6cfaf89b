//! A fork: all the devices that one invitation rings. Pure.
//!
//! Any device that takes the call wins, and the others are told that it was taken elsewhere; a refusal of the 6xx kind
//! ends all; when all have refused, the best refusal is given to the caller. A device may name others to be rung. Time
//! ends what nobody answers.
//! Spec: XIMSS, "Signaling" (callReject, callRedirect); RFC 3261 16.7 (choice of a response), 16.8 (Timer C).

use crate::model::call::{CallId, CallParty, CallSignal, CallTarget, LegId, Tag};
use crate::model::signal::{Sdp, SignalFailure};
use std::time::{Duration, Instant};

/// How long a device may ring; each sign of life begins it anew.
const RINGING: Duration = Duration::from_secs(180);
/// How long setting up a call may take.
const SET_UP: Duration = Duration::from_secs(300);
/// How often a call may be passed on.
const MOST_HOPS: usize = 5;
/// The most devices that one call rings.
const MOST_BRANCHES: usize = 64;
/// What a device is told when another has taken the call.
pub const TAKEN_ELSEWHERE: &str = "Call completed elsewhere";

/// Who calls, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The call.
    pub call_id: CallId,
    /// Who calls.
    pub from: CallParty,
    /// Who has transferred the call.
    pub transferred_by: Option<String>,
    /// The offer.
    pub sdp: Option<Sdp>,
}

impl Invitation {
    fn signal(&self) -> CallSignal {
        let Self { call_id, from, transferred_by, sdp } = self.clone();
        CallSignal::Invite { call_id, from, transferred_by, sdp }
    }
}

/// A device that is rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its leg.
    pub leg: LegId,
    /// What the caller knows it by.
    pub tag: Tag,
    /// Whose it is.
    pub party: CallParty,
}

/// What a fork wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A leg is to be told something.
    Tell(LegId, CallSignal),
    /// Somebody is to be rung: the devices come by [`Fork::rung`], or none by [`Fork::not_rung`].
    Ring(CallTarget),
    /// Nobody takes the call. Whoever asks the callee's rules may still ring others.
    Exhausted(SignalFailure),
}

#[derive(Debug)]
struct Branch {
    device: Device,
    hops: usize,
    /// The last description that it sent before it answered.
    early: Option<Sdp>,
}

#[derive(Debug)]
struct Asked {
    target: CallTarget,
    hops: usize,
}

/// The fork.
#[derive(Debug)]
pub struct Fork {
    invitation: Invitation,
    branches: Vec<Branch>,
    /// Targets whose devices are being looked up.
    asked: Vec<Asked>,
    /// All targets there ever were: one that comes again is a loop.
    tried: Vec<CallTarget>,
    refusals: Vec<SignalFailure>,
    /// How long all of it may take.
    most: Duration,
    began: Instant,
    alive: Instant,
    over: bool,
    wishes: Vec<Wish>,
}

impl Fork {
    /// A fork that rings somebody.
    pub fn new(invitation: Invitation, target: CallTarget, now: Instant) -> Self {
        let mut fork = Self {
            invitation,
            branches: Vec::new(),
            asked: Vec::new(),
            tried: Vec::new(),
            refusals: Vec::new(),
            most: SET_UP,
            began: now,
            alive: now,
            over: false,
            wishes: Vec::new(),
        };
        fork.ring(target, 0);
        fork
    }

    /// The same fork, which gives up after so long.
    #[must_use]
    pub fn within(mut self, most: Duration) -> Self {
        self.most = most;
        self
    }

    /// Takes what it wants.
    pub fn wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    /// The invitation.
    pub fn invitation(&self) -> &Invitation {
        &self.invitation
    }

    /// When it wants to be told the time.
    pub fn deadline(&self) -> Instant {
        (self.alive + RINGING).min(self.began + self.most)
    }

    /// The device of a tag.
    pub fn tagged(&self, tag: &Tag) -> Option<LegId> {
        self.branches.iter().find(|branch| branch.device.tag == *tag).map(|branch| branch.device.leg)
    }

    /// The device of a leg.
    pub fn device(&self, leg: LegId) -> Option<&Device> {
        self.branches.iter().find(|branch| branch.device.leg == leg).map(|branch| &branch.device)
    }

    fn ring(&mut self, target: CallTarget, hops: usize) {
        if hops > MOST_HOPS || self.tried.contains(&target) {
            return self.refusals.push(SignalFailure::new(482, "the call goes in circles"));
        }
        self.tried.push(target.clone());
        self.asked.push(Asked { target: target.clone(), hops });
        self.wishes.push(Wish::Ring(target));
    }

    /// More are rung, after all others have refused.
    pub fn ring_more(&mut self, targets: Vec<CallTarget>, now: Instant) {
        (self.alive, self.over) = (now, false);
        targets.into_iter().for_each(|target| self.ring(target, 1));
        self.settle();
    }

    /// The devices of a target are rung.
    pub fn rung(&mut self, target: &CallTarget, devices: Vec<Device>) {
        let Some(at) = self.asked.iter().position(|asked| asked.target == *target) else { return self.turn_away(devices) };
        let asked = self.asked.remove(at);
        if self.over {
            return self.turn_away(devices);
        }
        for device in devices {
            if self.branches.len() >= MOST_BRANCHES {
                self.turn_away(vec![device]);
                continue;
            }
            self.wishes.push(Wish::Tell(device.leg, self.invitation.signal()));
            self.branches.push(Branch { device, hops: asked.hops, early: None });
        }
        self.settle();
    }

    /// Devices that come too late.
    fn turn_away(&mut self, devices: Vec<Device>) {
        self.wishes.extend(devices.into_iter().map(|device| Wish::Tell(device.leg, CallSignal::Cancelled(None))));
    }

    /// A target has no device.
    pub fn not_rung(&mut self, target: &CallTarget, failure: SignalFailure) {
        self.asked.retain(|asked| asked.target != *target);
        self.refusals.push(failure);
        self.settle();
    }

    /// A device rings; gives back whether it is one of the fork's.
    pub fn provisional(&mut self, leg: LegId, sdp: Option<&Sdp>, now: Instant) -> bool {
        let Some(branch) = self.branches.iter_mut().find(|branch| branch.device.leg == leg) else { return false };
        if sdp.is_some() {
            branch.early = sdp.cloned();
        }
        self.alive = now;
        true
    }

    /// A device does not take the call.
    pub fn refused(&mut self, leg: LegId, failure: SignalFailure) {
        let before = self.branches.len();
        self.branches.retain(|branch| branch.device.leg != leg);
        if self.branches.len() == before {
            return;
        }
        if failure.code >= 600 {
            self.cancel_rest(None);
        }
        self.refusals.push(failure);
        self.settle();
    }

    /// A device names others.
    pub fn redirected(&mut self, leg: LegId, targets: Vec<CallTarget>, ring_on: bool) {
        let Some(at) = self.branches.iter().position(|branch| branch.device.leg == leg) else { return };
        let hops = self.branches.get(at).map_or(0, |branch| branch.hops) + 1;
        if !ring_on {
            self.branches.remove(at);
        }
        targets.into_iter().for_each(|target| self.ring(target, hops));
        self.settle();
    }

    /// A device takes the call. Gives it, with the last description it sent before; None where it is too late.
    pub fn taken(&mut self, leg: LegId) -> Option<(Device, Option<Sdp>)> {
        let at = self.branches.iter().position(|branch| branch.device.leg == leg)?;
        let winner = self.branches.remove(at);
        self.cancel_rest(Some(TAKEN_ELSEWHERE));
        self.over = true;
        Some((winner.device, winner.early))
    }

    /// Nobody is to take the call any more.
    pub fn cancel(&mut self) {
        self.cancel_rest(None);
        self.over = true;
    }

    fn cancel_rest(&mut self, why: Option<&str>) {
        let cancelled = |branch: Branch| Wish::Tell(branch.device.leg, CallSignal::Cancelled(why.map(str::to_owned)));
        self.wishes.extend(self.branches.drain(..).map(cancelled));
        self.asked.clear();
    }

    /// The time.
    pub fn tick(&mut self, now: Instant) {
        if !self.over && now >= self.deadline() {
            self.cancel_rest(None);
            self.refusals.push(SignalFailure::new(408, "nobody answered"));
            self.settle();
        }
    }

    fn settle(&mut self) {
        if self.over || !self.branches.is_empty() || !self.asked.is_empty() {
            return;
        }
        self.over = true;
        let best = std::mem::take(&mut self.refusals).into_iter().min_by_key(|failure| rank(failure.code));
        self.wishes.push(Wish::Exhausted(best.unwrap_or_else(|| SignalFailure::new(480, "the user is not reachable"))));
    }
}

/// The order in which refusals are worth telling: the first is told.
fn rank(code: u16) -> (u16, u16, u16) {
    let class = if code >= 600 { 0 } else { code / 100 };
    let within = match code {
        401 | 407 | 415 | 420 | 484 => 0,
        486 => 1,
        480 | 408 => 3,
        _ => 2,
    };
    (class, within, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> CallTarget {
        CallTarget::Account(format!("{name}@example.test").parse().unwrap())
    }

    fn device(leg: u32) -> Device {
        let party = CallParty { address: "bob@example.test".to_owned(), name: None };
        Device { leg: LegId(leg), tag: Tag(leg.to_string()), party }
    }

    fn fork() -> (Fork, Instant) {
        let now = Instant::now();
        let from = CallParty { address: "alice@example.test".to_owned(), name: None };
        let invitation = Invitation { call_id: CallId("c".to_owned()), from, transferred_by: None, sdp: None };
        let mut fork = Fork::new(invitation, target("bob"), now);
        assert_eq!(fork.wishes(), [Wish::Ring(target("bob"))]);
        fork.rung(&target("bob"), vec![device(2), device(3)]);
        assert_eq!(fork.wishes().len(), 2);
        (fork, now)
    }

    fn failure(code: u16) -> SignalFailure {
        SignalFailure::new(code, "x")
    }

    fn cancelled(leg: u32, why: Option<&str>) -> Wish {
        Wish::Tell(LegId(leg), CallSignal::Cancelled(why.map(str::to_owned)))
    }

    #[test]
    fn the_first_to_take_it_has_it() {
        let (mut fork, _) = fork();
        assert_eq!(fork.taken(LegId(3)), Some((device(3), None)));
        assert_eq!(fork.wishes(), [cancelled(2, Some(TAKEN_ELSEWHERE))]);
        assert_eq!(fork.taken(LegId(2)), None);
        fork.refused(LegId(2), failure(486));
        assert_eq!(fork.wishes(), []);
    }

    #[test]
    fn one_busy_device_lets_the_other_ring_and_a_decline_ends_all() {
        let (mut fork, _) = fork();
        fork.refused(LegId(2), failure(486));
        assert_eq!(fork.wishes(), []);
        fork.refused(LegId(3), failure(480));
        assert_eq!(fork.wishes(), [Wish::Exhausted(failure(486))]);

        let (mut fork, _) = self::fork();
        fork.refused(LegId(2), failure(603));
        assert_eq!(fork.wishes(), [cancelled(3, None), Wish::Exhausted(failure(603))]);
    }

    #[test]
    fn the_best_refusal_is_told() {
        let mut codes = vec![500, 404, 486, 480, 408, 401, 603, 302];
        codes.sort_by_key(|code| rank(*code));
        assert_eq!(codes, [603, 302, 401, 486, 404, 408, 480, 500]);
    }

    #[test]
    fn who_is_named_is_rung_and_circles_end() {
        let (mut fork, _) = fork();
        fork.redirected(LegId(2), vec![target("carol"), target("bob")], true);
        assert_eq!(fork.wishes(), [Wish::Ring(target("carol"))]);
        fork.rung(&target("carol"), vec![device(4)]);
        assert!(fork.device(LegId(2)).is_some() && fork.device(LegId(4)).is_some());
        fork.wishes();
        fork.redirected(LegId(4), vec![target("bob")], false);
        fork.refused(LegId(2), failure(480));
        fork.refused(LegId(3), failure(480));
        assert_eq!(fork.wishes(), [Wish::Exhausted(SignalFailure::new(482, "the call goes in circles"))]);
    }

    #[test]
    fn nobody_rings_for_ever() {
        let (mut fork, now) = fork();
        assert!(fork.provisional(LegId(2), None, now + RINGING - Duration::from_secs(1)));
        fork.tick(now + RINGING);
        assert_eq!(fork.wishes(), []);
        fork.tick(now + SET_UP);
        assert_eq!(fork.wishes(), [cancelled(2, None), cancelled(3, None), Wish::Exhausted(SignalFailure::new(408, "nobody answered"))]);
    }
}
