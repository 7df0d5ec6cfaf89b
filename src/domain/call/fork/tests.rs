//! What a fork does, word by word.

use super::*;
use crate::domain::call::stages::NO_ANSWER;
use crate::model::call::Application;

fn target(name: &str) -> CallTarget {
    CallTarget::Account(format!("{name}@example.test").parse().unwrap())
}

fn device(leg: u32) -> Device {
    let party = CallParty { address: "bob@example.test".to_owned(), name: None };
    Device { leg: LegId(leg), tag: Tag(leg.to_string()), party }
}

fn fork() -> (Fork, Instant) {
    ruled(Verdict::none())
}

fn point(name: &str, stage: Stage) -> Point {
    Point { callee: format!("{name}@example.test").parse().unwrap(), stage }
}

/// No rules but these stages, of a callee that goes on until then.
fn asked_at(stages: &[Stage]) -> Verdict {
    Verdict { decision: Decision::Continue, ask_at: Some(stages.to_vec()) }
}

fn says(decision: Decision) -> Verdict {
    Verdict { decision, ask_at: None }
}

/// A fork that rings two devices of bob's after that word of his rules.
fn ruled(verdict: Verdict) -> (Fork, Instant) {
    let now = Instant::now();
    let from = CallParty { address: "alice@example.test".to_owned(), name: None };
    let invitation = Invitation { call_id: CallId("c".to_owned()), from, transferred_by: None, sdp: None, askers: vec![LegId::CALLER] };
    let mut fork = Fork::new(invitation, target("bob"), now);
    assert_eq!(fork.wishes(), [Wish::Consult(point("bob", Stage::Incoming), None)]);
    fork.decided(&point("bob", Stage::Incoming), verdict, now);
    assert_eq!(fork.wishes(), [Wish::Ring(target("bob"))]);
    fork.rung(&target("bob"), vec![device(2), device(3)], now);
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
fn a_redirection_to_nobody_is_no_answer() {
    for (codes, told) in [([302, 305], 480), ([302, 486], 486), ([380, 404], 404)] {
        let (mut fork, _) = fork();
        fork.refused(LegId(2), failure(codes[0]));
        fork.refused(LegId(3), failure(codes[1]));
        assert!(matches!(&fork.wishes()[..], [Wish::Exhausted(why)] if why.code == told), "{codes:?}");
    }
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
    let (mut fork, now) = fork();
    fork.redirected(LegId(2), vec![target("carol"), target("bob")], true);
    assert_eq!(fork.wishes(), [Wish::Consult(point("carol", Stage::Incoming), None)]);
    fork.decided(&point("carol", Stage::Incoming), Verdict::none(), now);
    assert_eq!(fork.wishes(), [Wish::Ring(target("carol"))]);
    fork.rung(&target("carol"), vec![device(4)], now);
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

fn application() -> CallTarget {
    CallTarget::Application(Application::of("#voicemail", &"bob@example.test".parse().unwrap()).unwrap())
}

#[test]
fn rules_turn_a_call_before_anything_rings() {
    let begin = |decision| {
        let now = Instant::now();
        let from = CallParty { address: "alice@example.test".to_owned(), name: None };
        let invitation = Invitation { call_id: CallId("c".to_owned()), from, transferred_by: None, sdp: None, askers: vec![LegId::CALLER] };
        let mut fork = Fork::new(invitation, target("bob"), now);
        fork.wishes();
        fork.decided(&point("bob", Stage::Incoming), says(decision), now);
        fork.wishes()
    };
    assert_eq!(begin(Decision::Continue), [Wish::Ring(target("bob"))]);
    assert_eq!(begin(Decision::Reject(failure(603))), [Wish::Exhausted(failure(603))]);
    assert_eq!(begin(Decision::Redirect(vec![application()])), [Wish::Ring(application())]);
    assert_eq!(begin(Decision::Fork(vec![application()])), [Wish::Ring(target("bob")), Wish::Ring(application())]);
    let circle = begin(Decision::Redirect(vec![target("bob")]));
    assert!(matches!(&circle[..], [Wish::Exhausted(failure)] if failure.code == 482));
}

#[test]
fn rules_are_asked_after_so_much_ringing() {
    let (mut fork, now) = ruled(asked_at(&[Stage::NoAnswer, Stage::Ringing(20)]));
    assert_eq!(fork.deadline(), now + Duration::from_secs(20));
    fork.tick(now + Duration::from_secs(20));
    assert_eq!(fork.wishes(), [Wish::Consult(point("bob", Stage::Ringing(20)), None)]);
    fork.decided(&point("bob", Stage::Ringing(20)), says(Decision::Fork(vec![target("carol")])), now);
    fork.wishes();
    fork.tick(now + NO_ANSWER);
    assert_eq!(fork.wishes(), [Wish::Consult(point("bob", Stage::NoAnswer), None)]);
    fork.decided(&point("bob", Stage::NoAnswer), says(Decision::Redirect(vec![application()])), now);
    assert_eq!(fork.wishes(), [cancelled(2, None), cancelled(3, None), Wish::Ring(application())]);

    // Who is asked when the time is over has a moment, and no more.
    let (mut fork, now) = ruled(asked_at(&[Stage::NoAnswer]));
    fork.callees[0].rang = None;
    fork.tick(now + RINGING);
    assert_eq!(fork.wishes().last(), Some(&Wish::Consult(point("bob", Stage::NoAnswer), Some(SignalFailure::new(408, "nobody answered")))));
    fork.tick(now + RINGING + DECIDING);
    assert!(matches!(&fork.wishes()[..], [Wish::Exhausted(failure)] if failure.code == 408));
}

#[test]
fn a_word_that_comes_too_late_changes_nothing() {
    let (mut fork, now) = ruled(asked_at(&[Stage::Ringing(1)]));
    fork.tick(now + Duration::from_secs(1));
    fork.taken(LegId(2)).unwrap();
    fork.wishes();
    fork.decided(&point("bob", Stage::Ringing(1)), says(Decision::Redirect(vec![application()])), now);
    fork.decided(&point("bob", Stage::Busy), says(Decision::Reject(failure(603))), now);
    assert_eq!(fork.wishes(), []);
}

#[test]
fn rules_are_asked_at_the_end_by_what_it_is() {
    let all = [Stage::Busy, Stage::Failed, Stage::NoAnswer, Stage::Ringing(30)];
    for (code, stage) in [(486, Stage::Busy), (600, Stage::Busy), (603, Stage::Failed), (404, Stage::Failed), (408, Stage::NoAnswer)] {
        let (mut fork, now) = ruled(asked_at(&all));
        [2, 3].iter().for_each(|leg| fork.refused(LegId(*leg), failure(code)));
        assert_eq!(fork.wishes().last(), Some(&Wish::Consult(point("bob", stage), Some(failure(code)))), "{code}");
        fork.decided(&point("bob", stage), says(Decision::Continue), now);
        assert_eq!(fork.wishes(), [Wish::Exhausted(failure(code))]);
    }
    // Who has no device does not ring for so long.
    let (mut fork, now) = ruled(asked_at(&all));
    fork.callees[0].rang = None;
    [2, 3].iter().for_each(|leg| fork.refused(LegId(*leg), failure(480)));
    fork.wishes();
    fork.decided(&point("bob", Stage::Ringing(30)), says(Decision::Reject(failure(486))), now);
    assert_eq!(fork.wishes(), [Wish::Exhausted(failure(486))]);
}

#[test]
fn rules_can_forgo_later_stages_and_never_gain_any() {
    let (mut fork, now) = ruled(asked_at(&[Stage::Ringing(1), Stage::Busy]));
    fork.tick(now + Duration::from_secs(1));
    fork.decided(&point("bob", Stage::Ringing(1)), asked_at(&[Stage::Ringing(1), Stage::Failed]), now);
    [2, 3].iter().for_each(|leg| fork.refused(LegId(*leg), failure(486)));
    assert_eq!(fork.wishes().last(), Some(&Wish::Exhausted(failure(486))));
}

#[test]
fn who_was_rung_last_is_asked_first() {
    let (mut fork, now) = ruled(asked_at(&[Stage::Busy]));
    fork.redirected(LegId(2), vec![target("carol")], false);
    fork.decided(&point("carol", Stage::Incoming), asked_at(&[Stage::Busy]), now);
    fork.rung(&target("carol"), vec![device(4)], now);
    [3, 4].iter().for_each(|leg| fork.refused(LegId(*leg), failure(486)));
    let asked = |name| Wish::Consult(point(name, Stage::Busy), Some(failure(486)));
    assert_eq!(fork.wishes().last(), Some(&asked("carol")));
    fork.decided(&point("carol", Stage::Busy), says(Decision::Continue), now);
    assert_eq!(fork.wishes(), [asked("bob")]);
    fork.decided(&point("bob", Stage::Busy), says(Decision::Redirect(vec![application()])), now);
    assert_eq!(fork.wishes(), [Wish::Ring(application())]);
}

#[test]
fn rules_that_send_each_other_round_end() {
    let (mut fork, now) = ruled(Verdict { decision: Decision::Continue, ask_at: Some(vec![Stage::Busy]) });
    [2, 3].iter().for_each(|leg| fork.refused(LegId(*leg), failure(486)));
    fork.wishes();
    fork.decided(&point("bob", Stage::Busy), says(Decision::Redirect(vec![target("u0")])), now);
    for round in 0..1_000 {
        match fork.wishes().pop() {
            Some(Wish::Consult(point, _)) => {
                let next = target(&format!("u{}", round + 1));
                fork.decided(&point, says(Decision::Redirect(vec![next])), now);
            }
            Some(Wish::Exhausted(failure)) => {
                assert!(failure.code == 486 || failure.code == 482);
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it goes on for ever");
}

#[test]
fn strangers_hear_the_same_of_all_that_is_not_reached_and_rules_what_is_true() {
    let bob: AccountAddress = "bob@example.test".parse().unwrap();
    let told = |code: u16, strange: bool, stages: &[Stage]| {
        let now = Instant::now();
        let from = CallParty { address: "mallory@other.test".to_owned(), name: None };
        let invitation = Invitation { call_id: CallId("c".to_owned()), from, transferred_by: None, sdp: None, askers: vec![LegId::CALLER] };
        let mut fork = Fork::new(invitation, target("bob"), now);
        fork.decided(&point("bob", Stage::Incoming), asked_at(stages), now);
        if strange {
            fork.stranger_to(bob.clone());
        }
        fork.not_rung(&target("bob"), failure(code));
        fork.wishes().pop()
    };
    assert_eq!(told(480, false, &[]), Some(Wish::Exhausted(failure(480))));
    for code in [404, 480, 403, 500] {
        assert_eq!(told(code, true, &[]), Some(Wish::Exhausted(strangers::nobody())), "{code}");
    }
    // Voice mail takes the call of a stranger, too.
    assert_eq!(told(480, true, &[Stage::NoAnswer]), Some(Wish::Consult(point("bob", Stage::NoAnswer), Some(failure(480)))));

    // What is no secret is told, whatever the secret is; it ranks as what is told of it.
    let beside = |code: u16| {
        let (mut fork, now) = fork();
        fork.redirected(LegId(2), vec![target("carol")], false);
        fork.refused(LegId(3), failure(480));
        fork.decided(&point("carol", Stage::Incoming), Verdict::none(), now);
        fork.stranger_to("carol@example.test".parse().unwrap());
        fork.not_rung(&target("carol"), failure(code));
        fork.wishes().pop()
    };
    assert_eq!((beside(404), beside(480)), (Some(Wish::Exhausted(strangers::nobody())), Some(Wish::Exhausted(strangers::nobody()))));

    // Rules that refuse before anything has rung do so like nobody; a device that has rung is seen to have.
    let now = Instant::now();
    let mut fork = Fork::new(fork().0.invitation().clone(), target("bob"), now);
    fork.stranger_to(bob.clone());
    fork.decided(&point("bob", Stage::Incoming), says(Decision::Reject(failure(403))), now);
    assert_eq!(fork.wishes().pop(), Some(Wish::Exhausted(strangers::nobody())));
    let (mut fork, _) = self::fork();
    fork.stranger_to(bob);
    fork.refused(LegId(2), failure(486));
    fork.refused(LegId(3), failure(486));
    assert_eq!(fork.wishes(), [Wish::Exhausted(failure(486))]);
}
