//! What is said before anybody has taken the call: early offers, and updates of devices that ring.

use super::*;

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
