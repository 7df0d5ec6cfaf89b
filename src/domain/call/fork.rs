//! A fork: all the devices that one invitation rings. Pure.
//!
//! Any device that takes the call wins, and the others are told that it was taken elsewhere; a refusal of the 6xx kind
//! ends all; when all have refused, the best refusal is given to the caller. A device may name others to be rung. Time
//! ends what nobody answers. Before a callee is rung, and at the stages that its rules name then, the rules may turn the
//! call elsewhere (`stages`).
//! Why a target is not reached is told as it is to those who may know of it; strangers to it hear the same in all cases
//! (`domain::strangers`), while the rules of its account are asked with what is true.
//! Spec: XIMSS, "Signaling" (callReject, callRedirect); RFC 3261 16.7 (choice of a response), 16.8 (Timer C).

use super::stages::{Decision, Point, Stage, Verdict};
use crate::domain::strangers;
use crate::model::call::{CallId, CallParty, CallSignal, CallTarget, LegId, Tag};
use crate::model::names::AccountAddress;
use crate::model::signal::{Sdp, SignalFailure};
use std::time::{Duration, Instant};

/// How long a device may ring; each sign of life begins it anew.
const RINGING: Duration = Duration::from_secs(180);
/// How long setting up a call may take.
const SET_UP: Duration = Duration::from_secs(300);
/// How long rules have that are asked when the time of the call is over.
const DECIDING: Duration = Duration::from_secs(10);
/// How often a call may be passed on.
const MOST_HOPS: usize = 5;
/// The most devices that one call rings, and the most targets it looks them up for.
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
    /// The legs that hear what becomes of it, though they may be gone by then.
    pub askers: Vec<LegId>,
}

impl Invitation {
    fn signal(&self) -> CallSignal {
        let Self { call_id, from, transferred_by, sdp, .. } = self.clone();
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
    /// A callee's rules are asked, and answer by [`Fork::decided`]; with why the call fails, at its end.
    Consult(Point, Option<SignalFailure>),
    /// Nobody takes the call.
    Exhausted(SignalFailure),
}

#[derive(Debug)]
struct Branch {
    device: Device,
    hops: usize,
    callee: Option<AccountAddress>,
    /// The last description that it sent before it answered.
    early: Option<Sdp>,
}

#[derive(Debug)]
struct Asked {
    target: CallTarget,
    hops: usize,
}

/// An account that is rung, with rules that may be asked.
#[derive(Debug)]
struct Callee {
    account: AccountAddress,
    hops: usize,
    /// When its first device was rung.
    rang: Option<Instant>,
    /// The stages at which its rules are still to be asked.
    stages: Vec<Stage>,
}

/// Why somebody does not take the call: what is true, and what is told.
#[derive(Debug)]
struct Refusal {
    failure: SignalFailure,
    told: SignalFailure,
}

impl From<SignalFailure> for Refusal {
    /// A redirection without anybody to ring instead means that nobody is there: its code never reaches a caller.
    fn from(failure: SignalFailure) -> Self {
        let failure = if failure.code < 400 { SignalFailure::new(480, "Temporarily Unavailable") } else { failure };
        Self { told: failure.clone(), failure }
    }
}

/// Whose account a target is of; None where it is none of this server's.
fn account_of(target: &CallTarget) -> Option<&AccountAddress> {
    match target {
        CallTarget::Account(account) | CallTarget::Device(account, _) => Some(account),
        CallTarget::Application(application) => Some(&application.owner),
        CallTarget::Foreign(_) => None,
    }
}

/// Whose rules are asked before a target is rung.
fn callee_of(target: &CallTarget) -> Option<&AccountAddress> {
    match target {
        CallTarget::Account(account) | CallTarget::Device(account, _) => Some(account),
        CallTarget::Application(_) | CallTarget::Foreign(_) => None,
    }
}

/// The fork.
#[derive(Debug)]
pub struct Fork {
    invitation: Invitation,
    /// Rules are asked.
    ruled: bool,
    callees: Vec<Callee>,
    /// Questions to rules that have not been answered.
    consulted: Vec<Point>,
    /// Targets that wait for the word of their callee's rules.
    held: Vec<Asked>,
    branches: Vec<Branch>,
    /// Targets whose devices are being looked up.
    asked: Vec<Asked>,
    /// All targets there ever were: one that comes again is a loop.
    tried: Vec<CallTarget>,
    refusals: Vec<Refusal>,
    /// Accounts of which those who hear what becomes of the call may not learn whether they are.
    strange: Vec<AccountAddress>,
    /// When all of it must be over.
    until: Instant,
    alive: Instant,
    over: bool,
    wishes: Vec<Wish>,
}

impl Fork {
    /// A fork that rings somebody, by the callee's rules.
    pub fn new(invitation: Invitation, target: CallTarget, now: Instant) -> Self {
        Self::begin(invitation, target, true, SET_UP, now)
    }

    /// A fork that rings an account's own devices for its own sake and for so long at most: no rules are asked.
    pub fn to_own_devices(invitation: Invitation, target: CallTarget, most: Duration, now: Instant) -> Self {
        Self::begin(invitation, target, false, most, now)
    }

    fn begin(invitation: Invitation, target: CallTarget, ruled: bool, most: Duration, now: Instant) -> Self {
        let mut fork = Self {
            invitation,
            ruled,
            callees: Vec::new(),
            consulted: Vec::new(),
            held: Vec::new(),
            branches: Vec::new(),
            asked: Vec::new(),
            tried: Vec::new(),
            refusals: Vec::new(),
            strange: Vec::new(),
            until: now + most,
            alive: now,
            over: false,
            wishes: Vec::new(),
        };
        fork.ring(target, 0);
        fork
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
        let last = if self.branches.is_empty() { self.until } else { self.until.min(self.alive + RINGING) };
        self.due().map_or(last, |(at, _)| at.min(last))
    }

    /// The next stage that comes by itself.
    fn due(&self) -> Option<(Instant, Point)> {
        let rings = |callee: &&Callee| self.branches.iter().any(|branch| branch.callee.as_ref() == Some(&callee.account));
        let stages = self.callees.iter().filter(rings).flat_map(|callee| {
            let at = |stage: Stage| Some((callee.rang? + stage.due()?, Point { callee: callee.account.clone(), stage }));
            callee.stages.iter().filter_map(move |stage| at(*stage))
        });
        stages.min_by_key(|(at, point)| (*at, point.stage.number()))
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
        if hops > MOST_HOPS || self.tried.len() >= MOST_BRANCHES || self.tried.contains(&target) {
            return self.refusals.push(SignalFailure::new(482, "the call goes in circles").into());
        }
        self.tried.push(target.clone());
        let Some(account) = callee_of(&target).filter(|_| self.ruled).cloned() else { return self.look_up(target, hops) };
        let point = Point { callee: account, stage: Stage::Incoming };
        if !self.callees.iter().any(|callee| callee.account == point.callee) {
            self.callees.push(Callee { account: point.callee.clone(), hops, rang: None, stages: Vec::new() });
            self.consult(point.clone(), None);
        }
        if self.consulted.contains(&point) { self.held.push(Asked { target, hops }) } else { self.look_up(target, hops) }
    }

    fn look_up(&mut self, target: CallTarget, hops: usize) {
        self.asked.push(Asked { target: target.clone(), hops });
        self.wishes.push(Wish::Ring(target));
    }

    fn consult(&mut self, point: Point, failure: Option<SignalFailure>) {
        self.consulted.push(point.clone());
        self.wishes.push(Wish::Consult(point, failure));
    }

    /// Those who hear what becomes of the call are strangers to this account. To be said before what became of it.
    pub fn stranger_to(&mut self, account: AccountAddress) {
        if !self.strange.contains(&account) {
            self.strange.push(account);
        }
    }

    /// Nobody has been reached at an account, because of this.
    fn unreached(&self, account: Option<&AccountAddress>, failure: SignalFailure) -> Refusal {
        let is_strange = account.is_some_and(|account| self.strange.contains(account));
        if is_strange { Refusal { failure, told: strangers::nobody() } } else { failure.into() }
    }

    /// A callee's rules have answered.
    pub fn decided(&mut self, point: &Point, verdict: Verdict, now: Instant) {
        let Some(at) = self.consulted.iter().position(|asked| asked == point) else { return };
        self.consulted.remove(at);
        let Some(callee) = self.callees.iter_mut().find(|callee| callee.account == point.callee).filter(|_| !self.over) else { return };
        match verdict.ask_at {
            Some(stages) if point.stage == Stage::Incoming => callee.stages = stages,
            Some(stages) => callee.stages.retain(|stage| stages.contains(stage)),
            None => {}
        }
        let (hops, rang) = (callee.hops + 1, callee.rang.is_some());
        if self.branches.is_empty() {
            // Whoever is rung instead gets time to answer.
            (self.alive, self.until) = (now, self.until.max(now + RINGING));
        }
        match verdict.decision {
            Decision::Continue => self.release(&point.callee),
            Decision::Fork(targets) => {
                self.release(&point.callee);
                targets.into_iter().for_each(|target| self.ring(target, hops));
            }
            Decision::Redirect(targets) => {
                self.give_up(&point.callee);
                if targets.is_empty() && !rang {
                    self.refusals.push(self.unreached(Some(&point.callee), not_reachable()));
                }
                targets.into_iter().for_each(|target| self.ring(target, hops));
            }
            Decision::Reject(failure) => {
                callee.stages.clear();
                self.give_up(&point.callee);
                if failure.code >= 600 {
                    self.cancel_rest(None);
                }
                // The word of the rules stands for what the callee's devices said.
                self.refusals.clear();
                self.refusals.push(if rang { failure.into() } else { self.unreached(Some(&point.callee), failure) });
            }
        }
        self.settle();
    }

    /// What waits for the word of a callee's rules is rung.
    fn release(&mut self, callee: &AccountAddress) {
        let of_callee = |held: &mut Asked| callee_of(&held.target) == Some(callee);
        for Asked { target, hops } in self.held.extract_if(.., of_callee).collect::<Vec<_>>() {
            self.look_up(target, hops);
        }
    }

    /// Nothing of a callee's is rung any more.
    fn give_up(&mut self, callee: &AccountAddress) {
        self.held.retain(|held| callee_of(&held.target) != Some(callee));
        self.asked.retain(|asked| callee_of(&asked.target) != Some(callee));
        let rung = self.branches.extract_if(.., |branch| branch.callee.as_ref() == Some(callee));
        self.wishes.extend(rung.map(|branch| Wish::Tell(branch.device.leg, CallSignal::Cancelled(None))));
    }

    /// The devices of a target are rung.
    pub fn rung(&mut self, target: &CallTarget, devices: Vec<Device>, now: Instant) {
        let Some(at) = self.asked.iter().position(|asked| asked.target == *target) else { return self.turn_away(devices) };
        let asked = self.asked.remove(at);
        if self.over {
            return self.turn_away(devices);
        }
        let callee = callee_of(target).filter(|_| self.ruled).cloned();
        if let Some(rung) = self.callees.iter_mut().find(|known| Some(&known.account) == callee.as_ref()).filter(|_| !devices.is_empty()) {
            rung.rang.get_or_insert(now);
        }
        for device in devices {
            if self.branches.len() >= MOST_BRANCHES {
                self.turn_away(vec![device]);
                continue;
            }
            self.wishes.push(Wish::Tell(device.leg, self.invitation.signal()));
            self.branches.push(Branch { device, hops: asked.hops, callee: callee.clone(), early: None });
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
        self.refusals.push(self.unreached(account_of(target), failure));
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
        self.refusals.push(failure.into());
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
        self.held.clear();
        self.consulted.clear();
    }

    /// The time.
    pub fn tick(&mut self, now: Instant) {
        while let Some((_, point)) = self.due().filter(|(at, _)| *at <= now) {
            self.is_asked(&point);
            self.consult(point, None);
        }
        if !self.over && now >= self.deadline() {
            self.cancel_rest(None);
            // Rules that are asked now have a moment.
            self.until = now + DECIDING;
            self.refusals.push(SignalFailure::new(408, "nobody answered").into());
            self.settle();
        }
    }

    fn is_asked(&mut self, point: &Point) {
        if let Some(callee) = self.callees.iter_mut().find(|callee| callee.account == point.callee) {
            callee.stages.retain(|stage| *stage != point.stage);
        }
    }

    fn settle(&mut self) {
        let waits = !self.branches.is_empty() || !self.asked.is_empty() || !self.consulted.is_empty();
        if self.over || waits {
            return;
        }
        let best = self.best(|refusal| &refusal.failure);
        if let Some(point) = self.last_resort(best.code) {
            self.is_asked(&point);
            return self.consult(point, Some(best));
        }
        self.over = true;
        // What may not be told has no say in what is: not even by its rank among the others.
        self.wishes.push(Wish::Exhausted(self.best(|refusal| &refusal.told)));
    }

    /// The refusal that is worth telling most. One that says nothing comes last among its like, not by who was faster.
    fn best(&self, of: fn(&Refusal) -> &SignalFailure) -> SignalFailure {
        let nothing = strangers::nobody();
        let best = self.refusals.iter().map(of).min_by_key(|failure| (rank(failure.code), **failure == nothing));
        best.cloned().unwrap_or_else(not_reachable)
    }

    /// Whose rules may still turn a call that nobody takes: who was rung last is asked first.
    fn last_resort(&self, code: u16) -> Option<Point> {
        let wanted = |callee: &Callee, stage| callee.stages.contains(&stage).then_some(stage);
        let ringing =
            |callee: &Callee| callee.stages.iter().copied().filter(|stage| matches!(stage, Stage::Ringing(_))).min_by_key(|s| s.number());
        let stage_of = |callee: &Callee| match code {
            486 | 600 => wanted(callee, Stage::Busy),
            // Nothing was there to ring.
            480 if callee.rang.is_none() => ringing(callee).or(wanted(callee, Stage::NoAnswer)),
            408 | 480 => wanted(callee, Stage::NoAnswer),
            _ => wanted(callee, Stage::Failed),
        };
        let asked = |callee: &Callee| Some(Point { callee: callee.account.clone(), stage: stage_of(callee)? });
        self.callees.iter().rev().find_map(asked)
    }
}

fn not_reachable() -> SignalFailure {
    SignalFailure::new(480, "the user is not reachable")
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
mod tests;
