//! Whole calls of machines: every word is carried until nobody has more to say, and what must hold is looked at.

mod away;
mod early;

use super::*;
use crate::domain::call::leg::away::GRACE;
use crate::domain::call::leg::{Command, Departure, Leg, Said, State};
use crate::domain::call::stages::{Decision, Stage};
use crate::model::call::{CallEvent, CallId};
use crate::model::signal::Fragment;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;

/// A call with all its legs. Targets named after digits have as many devices.
struct World {
    hub: Hub,
    legs: BTreeMap<LegId, Leg>,
    heard: BTreeMap<LegId, Vec<CallEvent>>,
    /// Since when clients are gone.
    gone: BTreeMap<LegId, Instant>,
    reports: Vec<String>,
    joins: Vec<Sdp>,
    adopted: Vec<Result<(LegId, Option<Sdp>), SignalFailure>>,
    /// At these stages every callee's rules say this.
    rules: (Vec<Stage>, Decision),
    now: Instant,
    last: u32,
}

fn sdp(text: &str) -> Option<Sdp> {
    Some(Sdp(text.to_owned()))
}

fn party(name: &str) -> CallParty {
    CallParty { address: format!("{name}@example.test"), name: None }
}

fn devices(count: u32) -> CallTarget {
    CallTarget::Account(format!("bob{count}@example.test").parse().unwrap())
}

impl World {
    fn new(caller: Caller, offer: Option<Sdp>, target: CallTarget) -> Self {
        Self::ruled(caller, offer, target, (vec![], Decision::Continue))
    }

    fn ruled(caller: Caller, offer: Option<Sdp>, target: CallTarget, rules: (Vec<Stage>, Decision)) -> Self {
        let now = Instant::now();
        let call_id = CallId("c".to_owned());
        let mut legs = BTreeMap::new();
        if caller == Caller::Leg {
            legs.insert(LegId::CALLER, Leg::caller(call_id.clone(), offer.is_some(), now));
        }
        let invitation = Invitation { call_id, from: party("alice"), transferred_by: None, sdp: offer, askers: vec![LegId::CALLER] };
        let hub = Hub::new(caller, invitation, target, now);
        let mut world = Self {
            hub,
            legs,
            heard: BTreeMap::new(),
            gone: BTreeMap::new(),
            reports: vec![],
            joins: vec![],
            adopted: vec![],
            rules,
            now,
            last: 1,
        };
        world.settle();
        world
    }

    /// Two ends that talk.
    fn talking() -> Self {
        let mut world = Self::new(Caller::Leg, sdp("X"), devices(1));
        world.ask(2, Command::Accept(sdp("A"))).unwrap();
        world.heard.clear();
        world
    }

    fn settle(&mut self) {
        loop {
            let mut words: VecDeque<(LegId, CallSignal)> = VecDeque::new();
            for (id, leg) in &mut self.legs {
                for said in leg.said() {
                    match said {
                        Said::Client(event) => self.heard.entry(*id).or_default().push(event),
                        Said::Call(signal) => words.push_back((*id, signal)),
                    }
                }
            }
            let effects = self.hub.effects();
            if words.is_empty() && effects.is_empty() {
                return;
            }
            words.into_iter().for_each(|(from, signal)| self.hub.hear(from, signal, self.now));
            effects.into_iter().for_each(|effect| self.carry_out(effect));
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Tell(to, signal) => {
                if let Some(leg) = self.legs.get_mut(&to) {
                    leg.hear(signal, self.now);
                }
            }
            Effect::Ring(target) => {
                let CallTarget::Account(address) = &target else { return self.hub.not_rung(&target, SignalFailure::new(404, "none")) };
                let count: u32 = address.name.as_str().trim_start_matches("bob").parse().unwrap_or(0);
                if count == 0 {
                    return self.hub.not_rung(&target, SignalFailure::new(480, "none"));
                }
                let rung: Vec<Device> = (0..count)
                    .map(|_| {
                        self.last += 1;
                        let (leg, tag) = (LegId(self.last), Tag(self.last.to_string()));
                        self.legs.insert(leg, Leg::callee(leg, tag.clone(), self.now));
                        Device { leg, tag, party: party(address.name.as_str()) }
                    })
                    .collect();
                self.hub.rung(&target, rung, self.now);
            }
            Effect::Consult(question) => {
                let (stages, decision) = self.rules.clone();
                let asked = stages.contains(&question.point.stage);
                let decision = if asked { decision } else { Decision::Continue };
                self.hub.decided(&question.point, Verdict { decision, ask_at: Some(stages) }, self.now);
            }
            Effect::Report(text) => self.reports.push(text),
            Effect::Join(sdp) => self.joins.push(sdp),
            Effect::Adopted(outcome) => self.adopted.push(outcome),
        }
    }

    fn ask(&mut self, leg: u32, command: Command) -> Result<(), crate::model::fault::Fault> {
        let done = self.legs.get_mut(&LegId(leg)).unwrap().command(command, self.now);
        self.settle();
        done
    }

    /// A client loses its connection. True where its leg waits for it.
    fn lose(&mut self, leg: u32) -> bool {
        let waits = self.legs.get_mut(&LegId(leg)).unwrap().client_lost(self.now);
        self.gone.insert(LegId(leg), self.now);
        self.settle();
        waits
    }

    /// It is back.
    fn back(&mut self, leg: u32) {
        self.legs.get_mut(&LegId(leg)).unwrap().client_back(self.now);
        self.gone.remove(&LegId(leg));
        self.settle();
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        for leg in self.legs.values_mut() {
            leg.tick(self.now);
        }
        self.hub.tick(self.now);
        self.settle();
    }

    fn heard(&mut self, leg: u32) -> Vec<CallEvent> {
        self.heard.remove(&LegId(leg)).unwrap_or_default()
    }

    fn state(&self, leg: u32) -> State {
        self.legs[&LegId(leg)].state()
    }

    /// What must hold whenever nobody has more to say.
    fn check(&self) {
        let alive = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.state() != State::Dead);
        match &self.hub.phase {
            Phase::Talking { a, b, .. } => assert!(alive(a) && alive(b), "one end of {:?} is gone", self.hub.phase),
            Phase::Moving(moving) => assert!(alive(&moving.kept), "the end that stays is gone"),
            Phase::Leaving { kept, leaving, .. } => assert!(alive(kept) && alive(leaving)),
            Phase::Ringing(_) => assert!(self.legs.is_empty() || self.hub.caller != Caller::Leg || alive(&LegId::CALLER)),
            Phase::Over => {}
        }
        for (leg, since) in &self.gone {
            let waits = self.state(leg.0) == State::Connected && self.now < *since + GRACE;
            assert!(waits || self.state(leg.0) == State::Dead, "nobody is there for {leg:?}");
        }
        let talks = |leg: &Leg| matches!(leg.state(), State::Connected | State::Connecting | State::Accepting);
        let talking = self.legs.values().filter(|leg| talks(leg)).count();
        let most = if matches!(self.hub.phase, Phase::Moving(_)) { 3 } else { 2 };
        assert!(talking <= most, "{talking} legs talk in {:?}", self.hub.phase);
        if self.hub.is_over() {
            assert!(self.legs.values().all(|leg| leg.state() == State::Dead), "a leg outlives its call");
        }
    }
}

#[test]
fn a_call_is_made_and_ends() {
    let mut world = World::new(Caller::Leg, sdp("X"), devices(2));
    world.ask(2, Command::Provision(None)).unwrap();
    assert_eq!(world.heard(2).last(), Some(&CallEvent::Updated { tag: None, peer: None, result: Ok(None) }));
    world.ask(3, Command::Accept(sdp("A"))).unwrap();
    let elsewhere = CallEvent::TakenElsewhere(TAKEN_ELSEWHERE.to_owned());
    assert_eq!(world.heard(2), [elsewhere]);
    assert!(
        matches!(&world.heard(1)[..], [CallEvent::Provisioned { .. }, CallEvent::Connected { sdp: Some(answer), .. }] if answer.0 == "A")
    );
    assert!(matches!(&world.heard(3)[..], [CallEvent::Incoming { .. }, CallEvent::Updated { result: Ok(None), .. }]));
    world.check();
    world.ask(1, Command::Kill).unwrap();
    assert_eq!(world.heard(3), [CallEvent::Disconnected(None)]);
    assert!(world.hub.is_over());
}

#[test]
fn without_an_offer_the_caller_answers_the_callee() {
    let mut world = World::new(Caller::Leg, None, devices(1));
    assert!(world.ask(2, Command::Accept(None)).is_err(), "somebody must make an offer");
    world.ask(2, Command::Accept(sdp("A"))).unwrap();
    assert_eq!((world.state(1), world.state(2)), (State::Connecting, State::Accepting));
    world.ask(1, Command::UpdateAccept { tag: None, sdp: sdp("X") }).unwrap();
    assert_eq!(world.heard(2).last(), Some(&CallEvent::Updated { tag: None, peer: None, result: Ok(sdp("X")) }));
    assert_eq!((world.state(1), world.state(2)), (State::Connected, State::Connected));

    let mut silent = World::new(Caller::Leg, None, devices(1));
    silent.ask(2, Command::Accept(sdp("A"))).unwrap();
    silent.pass(20);
    assert!(silent.hub.is_over());
    silent.check();
}

#[test]
fn an_early_offer_is_answered_by_its_device() {
    let mut world = World::new(Caller::Leg, None, devices(2));
    world.ask(3, Command::Provision(sdp("E"))).unwrap();
    assert_eq!(world.heard(3).len(), 1, "the answer is not there yet");
    world.ask(1, Command::UpdateAccept { tag: None, sdp: sdp("F") }).unwrap();
    assert_eq!(world.heard(3), [CallEvent::Updated { tag: None, peer: None, result: Ok(sdp("F")) }]);
    world.ask(3, Command::Accept(None)).unwrap();
    assert_eq!((world.state(1), world.state(3), world.state(2)), (State::Connected, State::Connected, State::Dead));
}

#[test]
fn updates_while_it_rings_find_their_device() {
    let mut world = World::new(Caller::Leg, sdp("X"), devices(3));
    world.ask(2, Command::Update { tag: None, sdp: sdp("O") }).unwrap();
    world.ask(3, Command::Update { tag: None, sdp: None }).unwrap();
    let told = world.heard(1);
    assert!(
        matches!(&told[..], [CallEvent::UpdateRequest { tag: Some(one), .. }, CallEvent::UpdateSolicited { tag: Some(two) }] if one.0 == "2" && two.0 == "3")
    );
    world.ask(1, Command::UpdateReject { tag: None, failure: SignalFailure::new(488, "no") }).unwrap();
    assert_eq!(world.heard(2).last(), Some(&CallEvent::Updated { tag: None, peer: None, result: Err(SignalFailure::new(488, "no")) }));
    // Without a tag: the only device that has asked.
    world.ask(1, Command::Update { tag: None, sdp: sdp("Z") }).unwrap();
    assert!(matches!(
        &world.heard(3)[..],
        [CallEvent::Incoming { .. }, CallEvent::Updated { result: Ok(None), .. }, CallEvent::UpdateRequest { tag: None, .. }]
    ));
    world.ask(3, Command::UpdateAccept { tag: None, sdp: sdp("W") }).unwrap();
    assert_eq!(world.heard(1), [CallEvent::Updated { tag: Some(Tag("3".to_owned())), peer: None, result: Ok(sdp("W")) }]);
}

#[test]
fn two_offers_at_once_collide() {
    let mut world = World::talking();
    for leg in [1, 2] {
        world.legs.get_mut(&LegId(leg)).unwrap().command(Command::Update { tag: None, sdp: sdp("O") }, world.now).unwrap();
    }
    world.settle();
    let second = world.heard(2);
    let collides =
        matches!(&second[..], [CallEvent::UpdateRequest { .. }, CallEvent::Updated { result: Err(failure), .. }] if failure.code == 491);
    assert!(collides && world.heard(1).is_empty(), "{second:?}");
    world.ask(2, Command::UpdateAccept { tag: None, sdp: sdp("R") }).unwrap();
    assert_eq!(world.heard(1), [CallEvent::Updated { tag: None, peer: None, result: Ok(sdp("R")) }]);
}

#[test]
fn keys_and_informations_reach_the_other_end() {
    let mut world = World::talking();
    world.ask(1, Command::Dtmf(11)).unwrap();
    world.ask(2, Command::Info(Fragment("<MIME/>".to_owned()))).unwrap();
    assert_eq!(world.heard(2), [CallEvent::Dtmf(11), CallEvent::OpDone(Ok(()))]);
    assert_eq!(world.heard(1), [CallEvent::OpDone(Ok(())), CallEvent::Info(Fragment("<MIME/>".to_owned()))]);
}

#[test]
fn a_blind_transfer_moves_the_other_end() {
    let mut world = World::talking();
    world.ask(1, Command::Transfer(devices(1))).unwrap();
    world.ask(2, Command::Update { tag: None, sdp: sdp("P") }).unwrap();
    // bob1 was rung by the first call, too: another call may ring it again.
    let Some(CallEvent::Incoming { transferred_by, from, sdp: offer, .. }) = world.heard(3).pop() else { panic!("not rung") };
    assert_eq!((transferred_by.as_deref(), from.address.as_str(), offer), (Some("alice@example.test"), "bob1@example.test", sdp("P")));
    world.ask(3, Command::Accept(sdp("Q"))).unwrap();
    let told = world.heard(2);
    assert!(
        matches!(&told[..], [CallEvent::UpdateSolicited { .. }, CallEvent::Transferred { .. }, CallEvent::Updated { result: Ok(Some(answer)), .. }] if answer.0 == "Q"),
        "{told:?}"
    );
    assert_eq!(world.heard(1), [CallEvent::Disconnected(None)]);
    world.check();
    world.ask(3, Command::Kill).unwrap();
    assert!(world.hub.is_over());
}

#[test]
fn a_transfer_that_fails_changes_nothing() {
    for ring in [true, false] {
        let mut world = World::talking();
        world.ask(2, Command::Transfer(devices(u32::from(ring)))).unwrap();
        world.ask(1, Command::Update { tag: None, sdp: sdp("P") }).unwrap();
        if ring {
            world.ask(3, Command::Reject(SignalFailure::new(603, "no"))).unwrap();
        }
        assert!(matches!(world.heard(2).last(), Some(CallEvent::OpDone(Err(_)))));
        assert!(matches!(world.heard(1).last(), Some(CallEvent::Updated { result: Err(_), .. })));
        world.check();
        world.ask(1, Command::Dtmf(1)).unwrap();
        assert_eq!(world.heard(2), [CallEvent::Dtmf(1)]);
    }
}

#[test]
fn the_server_connects_a_device_with_a_peer() {
    let mut world = World::new(Caller::Server { then: devices(1) }, None, devices(2));
    world.ask(2, Command::Provision(None)).unwrap();
    world.ask(2, Command::Accept(sdp("D"))).unwrap();
    world.ask(4, Command::Accept(sdp("E"))).unwrap();
    assert_eq!(world.heard(2).get(2), Some(&CallEvent::Updated { tag: None, peer: None, result: Ok(sdp("E")) }));
    let reports = ["calling self", "ringing", "connected to bob2@example.test", "calling peer", "connected", ""];
    assert_eq!(world.reports, reports);
    world.check();
    world.ask(4, Command::Kill).unwrap();
    assert_eq!(world.reports, reports);
}

#[test]
fn own_devices_are_not_rung_for_long() {
    let mut world = World::new(Caller::Server { then: devices(1) }, None, devices(2));
    world.ask(2, Command::Provision(None)).unwrap();
    world.pass(14);
    assert!(!world.hub.is_over());
    world.pass(1);
    assert_eq!(world.reports, ["calling self", "ringing", "nobody answered", ""]);
    world.check();
}

#[test]
fn rules_turn_a_call_that_is_not_taken() {
    let busy = || (vec![Stage::Busy], Decision::Redirect(vec![devices(2)]));
    let mut world = World::ruled(Caller::Leg, sdp("X"), devices(1), busy());
    world.ask(2, Command::Reject(SignalFailure::new(486, "Busy Here"))).unwrap();
    assert!(!world.hub.is_over() && world.heard(1).is_empty(), "the caller does not hear of it");
    world.ask(4, Command::Accept(sdp("A"))).unwrap();
    assert_eq!((world.state(1), world.state(4)), (State::Connected, State::Connected));
    world.check();

    // All of them are busy: the caller hears it.
    let mut world = World::ruled(Caller::Leg, sdp("X"), devices(1), busy());
    [2, 3, 4].iter().for_each(|leg| world.ask(*leg, Command::Reject(SignalFailure::new(486, "Busy Here"))).unwrap());
    assert_eq!(world.heard(1), [CallEvent::Disconnected(Some(SignalFailure::new(486, "Busy Here")))]);

    // A transfer asks the rules of whom it goes to.
    let mut world = World::talking();
    world.rules = (vec![Stage::Incoming], Decision::Reject(SignalFailure::new(603, "no transfers")));
    world.ask(1, Command::Transfer(devices(1))).unwrap();
    world.ask(2, Command::Update { tag: None, sdp: sdp("P") }).unwrap();
    assert_eq!(world.heard(1), [CallEvent::OpDone(Err(SignalFailure::new(603, "no transfers")))]);
    world.check();
}

#[test]
fn nobody_answers_and_rules_know_somebody_else() {
    let rules = (vec![Stage::NoAnswer], Decision::Redirect(vec![devices(2)]));
    let mut world = World::ruled(Caller::Leg, sdp("X"), devices(1), rules);
    world.pass(59);
    assert_eq!(world.state(2), State::Alerting);
    world.pass(1);
    assert_eq!((world.state(2), world.state(3), world.state(4)), (State::Dead, State::Alerting, State::Alerting));
    world.pass(181);
    assert!(world.hub.is_over());
    world.check();
}

#[test]
fn two_calls_are_joined() {
    let (mut first, mut second) = (World::talking(), World::talking());
    let exchange = first.legs.get_mut(&LegId(1)).unwrap().begin_transfer().unwrap();
    first.hub.join(LegId(1), exchange);
    first.settle();
    first.ask(2, Command::Update { tag: None, sdp: sdp("P") }).unwrap();
    second.hub.adopt(LegId(1), first.joins.pop().unwrap());
    second.settle();
    second.ask(2, Command::UpdateAccept { tag: None, sdp: sdp("Q") }).unwrap();
    let (leg, answer) = second.adopted.pop().unwrap().unwrap();
    assert_eq!((leg, &answer, second.heard(1)), (LegId(2), &sdp("Q"), vec![CallEvent::Disconnected(None)]));
    let mut moved = second.legs.remove(&leg).unwrap();
    moved.belongs_to(LegId(9));
    first.legs.insert(LegId(9), moved);
    first.hub.joined(Ok((LegId(9), party("carol"), answer)));
    first.settle();
    assert_eq!(first.heard(1), [CallEvent::Disconnected(None)]);
    assert!(matches!(first.heard(2).last(), Some(CallEvent::Updated { result: Ok(Some(answer)), .. }) if answer.0 == "Q"));
    first.check();
    first.ask(9, Command::Dtmf(5)).unwrap();
    assert_eq!(first.heard(2), [CallEvent::Dtmf(5)]);
}

fn command() -> impl Strategy<Value = Command> {
    let description = prop_oneof![Just(None), Just(sdp("S"))];
    prop_oneof![
        description.clone().prop_map(Command::Provision),
        description.clone().prop_map(Command::Accept),
        prop_oneof![Just(486), Just(603)].prop_map(|code| Command::Reject(SignalFailure::new(code, "no"))),
        (0u32..3, any::<bool>()).prop_map(|(count, ring_on)| Command::Redirect { targets: vec![devices(count)], ring_on }),
        description.clone().prop_map(|sdp| Command::Update { tag: None, sdp }),
        (2u32..4, description.clone()).prop_map(|(tag, sdp)| Command::Update { tag: Some(Tag(tag.to_string())), sdp }),
        description.prop_map(|sdp| Command::UpdateAccept { tag: None, sdp }),
        Just(Command::UpdateReject { tag: None, failure: SignalFailure::new(488, "no") }),
        (0u8..16).prop_map(Command::Dtmf),
        (0u32..3).prop_map(|count| Command::Transfer(devices(count))),
        Just(Command::Kill),
    ]
}

fn rules() -> impl Strategy<Value = (Vec<Stage>, Decision)> {
    let stages = [Stage::Incoming, Stage::Ringing(1), Stage::NoAnswer, Stage::Busy, Stage::Failed];
    let targets = || proptest::collection::vec((0u32..3).prop_map(devices), 0..3);
    let decision = prop_oneof![
        Just(Decision::Continue),
        prop_oneof![Just(480), Just(603)].prop_map(|code| Decision::Reject(SignalFailure::new(code, "no"))),
        targets().prop_map(Decision::Redirect),
        targets().prop_map(Decision::Fork),
    ];
    (proptest::sample::subsequence(stages.to_vec(), 0..=5), decision)
}

#[derive(Debug, Clone)]
enum Event {
    Ask(usize, Command),
    SessionEnds(usize),
    Lost(usize),
    Back(usize),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0usize..6, command()).prop_map(|(leg, command)| Event::Ask(leg, command)),
        1 => (0usize..6).prop_map(Event::SessionEnds),
        2 => (0usize..6).prop_map(Event::Lost),
        2 => (0usize..6).prop_map(Event::Back),
        2 => prop_oneof![Just(1u64), Just(14), Just(21), Just(181)].prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// Whatever happens in whatever order, a call has two ends or ends, and everybody gets to know.
    #[test]
    fn no_leg_is_undead(offer: bool, server: bool, rung in 0u32..4, rules in rules(), events in proptest::collection::vec(event(), 0..40)) {
        let caller = if server { Caller::Server { then: devices(1) } } else { Caller::Leg };
        let mut world = World::ruled(caller, if offer && !server { sdp("X") } else { None }, devices(rung), rules);
        world.check();
        for event in events {
            let nth = |world: &World, n: usize| world.legs.keys().nth(n % world.legs.len().max(1)).copied();
            match event {
                // Whoever is gone asks for nothing.
                Event::Ask(n, command) => if let Some(leg) = nth(&world, n).filter(|leg| !world.gone.contains_key(leg)) {
                    let _ = world.ask(leg.0, command);
                },
                Event::Lost(n) => if let Some(leg) = nth(&world, n) { world.lose(leg.0); },
                Event::Back(n) => if let Some(leg) = nth(&world, n) {
                    let (waits, since) = (world.state(leg.0) == State::Connected, world.gone.get(&leg).copied());
                    world.heard.clear();
                    world.back(leg.0);
                    let told = matches!(world.heard(leg.0).first(), Some(CallEvent::Connected { sdp: None, .. }));
                    prop_assert_eq!(told, waits && since.is_some());
                },
                Event::SessionEnds(n) => if let Some(leg) = nth(&world, n) {
                    world.legs.get_mut(&leg).unwrap().session_ended(Departure::OfSession);
                    world.settle();
                },
                Event::Pass(seconds) => world.pass(seconds),
            }
            world.check();
        }
        let all: Vec<LegId> = world.legs.keys().copied().collect();
        for leg in all {
            world.ask(leg.0, Command::Kill).unwrap();
            world.check();
        }
        world.pass(400);
        prop_assert!(world.hub.is_over(), "{:?}", world.hub.phase);
    }
}
