//! What is said before anybody has taken the call: early offers, and updates of devices that ring.

use super::*;
use crate::model::fault::Fault;

#[test]
fn a_device_that_rings_is_not_asked_for_an_offer() {
    let mut world = World::new(Caller::Leg, sdp("X"), devices(2));
    world.heard.clear();
    let named = |tag: &str| Some(Tag(tag.to_owned()));
    let nobody = SignalFailure::new(481, "the call does not exist");
    for (tag, result) in [(named("2"), Ok(None)), (None, Ok(None)), (named("9"), Err(nobody))] {
        world.ask(1, Command::Update { tag: tag.clone(), sdp: None }).unwrap();
        assert_eq!(world.heard(1), [CallEvent::Updated { tag, peer: None, result }]);
    }
    assert!(world.heard.is_empty(), "{:?}", world.heard);
}

#[test]
fn whose_early_offer_waits_for_its_answer_waits_with_it() {
    let mut world = World::new(Caller::Leg, None, devices(1));
    world.ask(2, Command::Provision(sdp("E"))).unwrap();
    let waits = Fault::state("the caller has not answered the offer of this leg yet");
    // With a description or without: there is nothing to be done but to wait.
    for description in [None, sdp("E")] {
        assert_eq!(world.ask(2, Command::Accept(description)), Err(waits.clone()));
    }
    world.ask(1, Command::UpdateReject { tag: None, failure: SignalFailure::new(488, "no") }).unwrap();
    assert_eq!(world.ask(2, Command::Accept(None)), Err(Fault::missing("SDP")));
    world.ask(2, Command::Accept(sdp("F"))).unwrap();
}

#[test]
fn an_early_offer_of_the_callers_is_for_one_device() {
    let mut world = World::new(Caller::Leg, sdp("X"), devices(2));
    let refused = world.ask(1, Command::Update { tag: None, sdp: sdp("O") }).unwrap_err();
    assert_eq!(refused.number, Fault::state("").number);
    world.ask(1, Command::Update { tag: Some(Tag("2".to_owned())), sdp: sdp("O") }).unwrap();
    assert!(matches!(world.heard(2).last(), Some(CallEvent::UpdateRequest { .. })));
}
