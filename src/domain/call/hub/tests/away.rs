//! Clients that lose their connections in a call, and come back or do not; time is moved by hand.

use super::*;
use crate::domain::call::leg::away::GRACE;

/// Two ends that talk; the callee's client is gone.
fn without_the_callee() -> World {
    let mut world = World::talking();
    assert!(world.lose(2));
    world
}

/// What a client hears that is back.
fn is_back(told: &[CallEvent], peer: &str) -> bool {
    matches!(told, [CallEvent::Connected { by, sdp: None, .. }, CallEvent::UpdateSolicited { tag: None }, ..] if by.address == format!("{peer}@example.test"))
}

#[test]
fn a_client_that_is_back_in_time_has_its_call_and_makes_an_offer() {
    for (leg, other, peer) in [(2, 1, "alice"), (1, 2, "bob1")] {
        let mut world = World::talking();
        assert!(world.lose(leg));
        world.pass(14);
        assert!(world.heard.is_empty(), "nobody hears of it: {:?}", world.heard);
        world.back(leg);
        let told = world.heard(leg);
        assert!(told.len() == 2 && is_back(&told, peer), "{told:?}");
        world.ask(leg, Command::Update { tag: None, sdp: sdp("fresh") }).unwrap();
        assert!(matches!(&world.heard(other)[..], [CallEvent::UpdateRequest { sdp: Some(offer), .. }] if offer.0 == "fresh"));
        world.ask(other, Command::UpdateAccept { tag: None, sdp: sdp("answer") }).unwrap();
        assert_eq!(world.heard(leg), [CallEvent::Updated { tag: None, peer: None, result: Ok(sdp("answer")) }]);
        world.pass(60);
        world.check();
        world.ask(other, Command::Kill).unwrap();
        assert_eq!(world.heard(leg), [CallEvent::Disconnected(None)]);
    }
}

#[test]
fn it_need_not_make_one() {
    for answer in [
        None,
        Some(Command::UpdateAccept { tag: None, sdp: None }),
        Some(Command::UpdateReject { tag: None, failure: SignalFailure::new(488, "no") }),
    ] {
        let mut world = without_the_callee();
        world.back(2);
        world.heard.clear();
        let answered = answer.map(|answer| world.ask(2, answer));
        assert!(answered.is_none_or(|answered| answered.is_ok()));
        world.pass(30);
        assert!(world.heard.is_empty() && !world.hub.is_over());
        world.ask(2, Command::Dtmf(4)).unwrap();
        assert_eq!(world.heard(1), [CallEvent::Dtmf(4)]);
    }
}

#[test]
fn a_client_that_is_not_back_has_no_call() {
    let mut world = without_the_callee();
    world.pass(14);
    assert!(!world.hub.is_over());
    world.pass(1);
    assert_eq!(world.heard(1), [CallEvent::Disconnected(Some(SignalFailure::new(480, "session closed")))]);
    assert!(world.hub.is_over() && world.heard(2).is_empty());
    world.back(2);
    assert!(world.heard(2).is_empty(), "it is too late");
    world.check();
}

#[test]
fn the_other_end_hangs_up_meanwhile() {
    let mut world = without_the_callee();
    world.ask(1, Command::Kill).unwrap();
    assert!(world.hub.is_over() && world.state(2) == State::Dead && world.heard(2).is_empty());
    world.back(2);
    assert!(world.heard(2).is_empty());
}

#[test]
fn what_comes_meanwhile_waits_or_is_refused() {
    let mut world = without_the_callee();
    world.ask(1, Command::Dtmf(1)).unwrap();
    world.ask(1, Command::Info(Fragment("<MIME/>".to_owned()))).unwrap();
    let refused = CallEvent::OpDone(Err(SignalFailure::new(480, "the client has lost its connection")));
    assert_eq!(world.heard(1), [refused.clone(), refused]);
    world.ask(1, Command::Update { tag: None, sdp: sdp("O") }).unwrap();
    world.pass(10);
    assert!(world.heard.is_empty());
    world.back(2);
    let told = world.heard(2);
    assert!(
        is_back(&told, "alice") && matches!(&told[2..], [CallEvent::UpdateRequest { sdp: Some(offer), .. }] if offer.0 == "O"),
        "{told:?}"
    );
    world.ask(2, Command::UpdateAccept { tag: None, sdp: sdp("A") }).unwrap();
    assert_eq!(world.heard(1), [CallEvent::Updated { tag: None, peer: None, result: Ok(sdp("A")) }]);
    // Offers that wait are bounded, whoever makes them.
    let mut leg = Leg::caller(CallId("c".to_owned()), true, world.now);
    let answer = CallSignal::Answer { tag: Tag("t".to_owned()), by: party("bob"), call_id: CallId("c".to_owned()), sdp: sdp("A") };
    leg.hear(answer, world.now);
    assert!(leg.client_lost(world.now));
    leg.said();
    for number in 0..1_000 {
        let exchange = Exchange { by: LegId(2), number };
        leg.hear(CallSignal::Offer { exchange, tag: None, sdp: None }, world.now);
    }
    assert_eq!(leg.said().len(), 1_000 - 32);
}

#[test]
fn what_a_lost_client_had_to_answer_is_not_answered() {
    let mut world = World::talking();
    world.ask(1, Command::Update { tag: None, sdp: sdp("O") }).unwrap();
    world.lose(2);
    assert!(matches!(&world.heard(1)[..], [CallEvent::Updated { result: Err(failure), .. }] if failure.code == 488));
    // What it has asked itself is not told to who comes back.
    let mut world = World::talking();
    world.ask(2, Command::Update { tag: None, sdp: sdp("O") }).unwrap();
    world.lose(2);
    world.ask(1, Command::UpdateAccept { tag: None, sdp: sdp("A") }).unwrap();
    world.heard.clear();
    world.back(2);
    assert_eq!(world.heard(2).len(), 2);
}

#[test]
fn only_who_talks_is_waited_for() {
    let mut world = World::new(Caller::Leg, sdp("X"), devices(2));
    assert!(!world.lose(2));
    assert_eq!((world.state(2), world.state(3)), (State::Dead, State::Alerting));
    assert!(!world.lose(1));
    assert!(world.hub.is_over());
    world.check();
}

#[test]
fn an_end_may_be_transferred_while_its_client_is_gone() {
    let mut world = without_the_callee();
    world.ask(1, Command::Transfer(devices(1))).unwrap();
    world.pass(5);
    world.back(2);
    let told = world.heard(2);
    assert!(is_back(&told, "alice") && told[2..] == [CallEvent::UpdateSolicited { tag: None }], "{told:?}");
    world.ask(2, Command::Update { tag: None, sdp: sdp("P") }).unwrap();
    world.ask(3, Command::Accept(sdp("Q"))).unwrap();
    assert_eq!(world.heard(1), [CallEvent::Disconnected(None)]);
    // And gone again, it learns who is at the other end now.
    world.lose(2);
    world.heard.clear();
    world.pass(GRACE.as_secs() - 1);
    world.back(2);
    assert!(is_back(&world.heard(2), "bob1"));
    world.check();
}

#[test]
fn the_other_end_hears_whether_the_session_or_the_server_ends() {
    let server = || SignalFailure::new(503, "the server is shutting down");
    let cases = [
        (Departure::OfSession, SignalFailure::new(480, "session closed"), SignalFailure::new(480, "the client is gone")),
        (Departure::OfServer, server(), server()),
    ];
    for (how, of_a_call, of_ringing) in cases {
        for (goes, stays) in [(1, 2), (2, 1)] {
            let mut world = World::talking();
            world.legs.get_mut(&LegId(goes)).unwrap().session_ended(how);
            world.settle();
            assert_eq!(world.heard(stays), [CallEvent::Disconnected(Some(of_a_call.clone()))]);
            assert!(world.hub.is_over());
        }
        let mut world = World::new(Caller::Leg, sdp("X"), devices(1));
        world.heard.clear();
        world.legs.get_mut(&LegId(2)).unwrap().session_ended(how);
        world.settle();
        assert_eq!(world.heard(1), [CallEvent::Disconnected(Some(of_ringing))]);
    }
}
