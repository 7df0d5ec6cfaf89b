//! Accepting, declining, and what replies do to the organizer's copy.

use super::super::answer::{Answer, BUSY_STATUS, Reply, accept, decline, mark_declined};
use super::super::item::sequence_of;
use super::super::publish::{Publishing, Tell, prepared, publish};
use super::super::reply::apply;
use super::super::testing::{item, user};
use super::super::times::Which;
use super::super::{Becomes, Item, Method, Notice, User};
use super::{EXCEPTION, MEETING, answers, meeting, new, told, value};
use crate::model::calendar::Clock;
use proptest::prelude::*;

const SEND: Reply = Reply { send: true, comment: None };

fn boss() -> User {
    user("boss@company.dom")
}

fn boy() -> User {
    user("boy@company.dom")
}

/// What the boss stores and sends.
fn invitation() -> (Item, Item) {
    let given = prepared(meeting(&[]), &boss(), "f").unwrap();
    let done = publish(given, None, &Publishing { copy_exceptions: true, tell: Tell::All }, &boss()).unwrap();
    (new(done.becomes), done.notices[0].item.clone())
}

fn reply_of(notices: &[Notice]) -> Item {
    assert_eq!(told(notices), [(Method::Reply, vec!["boss@company.dom".to_owned()])]);
    notices[0].item.clone()
}

#[test]
fn an_accepted_invitation_is_kept_and_its_organizer_told() {
    let (stored, request) = invitation();
    let done = accept(&request, None, Answer::Accepted, Reply { send: true, comment: Some("gladly") }, &boy()).unwrap();
    let kept = new(done.becomes);
    assert_eq!(
        answers(kept.main().unwrap()),
        [("boy@company.dom".into(), "ACCEPTED".into()), ("girl@company.dom".into(), "NEEDS-ACTION".into())]
    );
    assert_eq!(done.notices[0].headline, "Accepted");
    let reply = reply_of(&done.notices);
    let entry = reply.main().unwrap();
    assert_eq!((answers(entry), value(entry, "COMMENT")), (vec![("boy@company.dom".into(), "ACCEPTED".into())], "gladly".into()));
    let marked = apply(&stored, &reply, &boss()).unwrap().unwrap();
    assert_eq!(answers(marked.main().unwrap())[0].1, "ACCEPTED");
    assert_eq!(apply(&marked, &reply, &boss()).unwrap(), None, "the same reply says nothing new");
}

#[test]
fn a_tentative_answer_counts_as_such_and_may_change() {
    let (_, request) = invitation();
    let tentative = new(accept(&request, None, Answer::Tentative, SEND, &boy()).unwrap().becomes);
    assert_eq!(value(tentative.main().unwrap(), BUSY_STATUS), "TENTATIVE");
    let accepted = new(accept(&tentative, Some(&tentative), Answer::Accepted, SEND, &boy()).unwrap().becomes);
    assert_eq!(value(accepted.main().unwrap(), BUSY_STATUS), "BUSY");
    let free = item(&MEETING.replace("SUMMARY", "TRANSP:TRANSPARENT\nSUMMARY"));
    let tentative = new(accept(&free, None, Answer::Tentative, SEND, &boy()).unwrap().becomes);
    assert_eq!(value(tentative.main().unwrap(), BUSY_STATUS), "", "what takes no time takes none");
}

#[test]
fn no_reply_where_none_is_wanted() {
    let (_, request) = invitation();
    let silent = |item: &Item, reply, user: &User| accept(item, None, Answer::Accepted, reply, user).unwrap().notices.is_empty();
    assert!(silent(&request, Reply { send: false, comment: None }, &boy()));
    assert!(silent(&meeting(&[(";CN=Small Boy", ";RSVP=FALSE")]), SEND, &boy()));
    assert!(silent(&request, SEND, &boss()), "to himself");
    assert!(!silent(&request, SEND, &user("guest@company.dom")), "one who was not invited may still say that he comes");
    assert!(!silent(&meeting(&[(";CN=Small Boy", ";RSVP=FALSE")]), SEND, &user("girl@company.dom")));
}

#[test]
fn tasks_have_answers_of_their_own() {
    let task = item("BEGIN:VTODO\nUID:t\nORGANIZER:MAILTO:boss@company.dom\nATTENDEE:MAILTO:boy@company.dom\nSUMMARY:x\nEND:VTODO");
    let done = accept(&task, None, Answer::Completed, SEND, &boy()).unwrap();
    let kept = new(done.becomes);
    assert_eq!(
        (value(kept.main().unwrap(), "STATUS"), value(kept.main().unwrap(), "PERCENT-COMPLETE")),
        ("COMPLETED".into(), "100".into())
    );
    let organizers = apply(&task, &reply_of(&done.notices), &boss()).unwrap().unwrap();
    assert_eq!(value(organizers.main().unwrap(), "STATUS"), "COMPLETED");
    assert_eq!(accept(&meeting(&[]), None, Answer::InProcess, SEND, &boy()).unwrap_err().number, 500);
}

#[test]
fn an_outdated_invitation_is_refused() {
    let (_, request) = invitation();
    let newer = meeting(&[("SEQUENCE:0", "SEQUENCE:2")]);
    assert_eq!(accept(&request, Some(&newer), Answer::Accepted, SEND, &boy()).unwrap_err().number, 501);
}

#[test]
fn exceptions_of_the_same_version_stay_beside_an_accepted_item() {
    let old = item(&format!("{MEETING}\n{EXCEPTION}"));
    let kept = |given: &Item| new(accept(given, Some(&old), Answer::Accepted, SEND, &boy()).unwrap().becomes).entries.len();
    assert_eq!(kept(&meeting(&[])), 2);
    assert_eq!(kept(&meeting(&[("SEQUENCE:0", "SEQUENCE:1")])), 1, "the new version does not know it");
    assert_eq!(kept(&item(EXCEPTION)), 2);
}

#[test]
fn declining_has_three_uses() {
    let (_, request) = invitation();
    let stored = new(accept(&request, None, Answer::Accepted, SEND, &boy()).unwrap().becomes);
    // A published item leaves the calendar, and a reply goes out.
    let done = decline(&stored, Method::Publish, Some(&stored), SEND, &boy()).unwrap();
    assert_eq!((done.becomes, done.notices[0].headline), (Becomes::Gone, "Declined"));
    assert_eq!(answers(reply_of(&done.notices).main().unwrap())[0].1, "DECLINED");
    // A request that is in no calendar.
    let done = decline(&request, Method::Request, None, SEND, &boy()).unwrap();
    assert_eq!((done.becomes, done.notices.len()), (Becomes::Same, 1));
    // A cancellation: nobody is told.
    let done = decline(&request, Method::Cancel, Some(&stored), SEND, &boy()).unwrap();
    assert_eq!((done.becomes, done.notices.len()), (Becomes::Gone, 0));
    // One instance.
    let done = decline(&item(EXCEPTION), Method::Request, Some(&stored), SEND, &boy()).unwrap();
    assert!(new(done.becomes).main().unwrap().get("EXDATE").is_some());
    assert!(value(reply_of(&done.notices).principal().unwrap(), "RECURRENCE-ID").ends_with("20060518T100000"));
    let never = item(&EXCEPTION.replace("RECURRENCE-ID;TZID=America/New_York:20060518", "RECURRENCE-ID;TZID=America/New_York:20060519"));
    assert_eq!(decline(&never, Method::Cancel, Some(&stored), SEND, &boy()).unwrap().becomes, Becomes::Same);
}

#[test]
fn what_waits_for_an_answer_is_marked_when_it_is_declined() {
    let (_, request) = invitation();
    let marked = mark_declined(&request, &request, &boy()).unwrap().unwrap();
    assert_eq!((answers(marked.main().unwrap())[0].1.as_str(), value(marked.main().unwrap(), BUSY_STATUS).as_str()), ("DECLINED", "FREE"));
    let accepted = new(accept(&request, None, Answer::Accepted, SEND, &boy()).unwrap().becomes);
    assert_eq!(mark_declined(&request, &accepted, &boy()).unwrap(), None, "it was answered before");
}

#[test]
fn replies_count_by_sequence_and_stamp_and_only_from_the_invited() {
    let stored = meeting(&[("SEQUENCE:0", "SEQUENCE:2")]);
    let reply = |sequence: u32, stamp: &str, who: &str, answer: &str| {
        let lines = format!(
            "UID:m1\nSEQUENCE:{sequence}\nDTSTAMP:{stamp}\nORGANIZER:MAILTO:boss@company.dom\nATTENDEE;PARTSTAT={answer}:MAILTO:{who}"
        );
        item(&format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT"))
    };
    let boy = "boy@company.dom";
    let first = apply(&stored, &reply(2, "20060501T100000Z", boy, "TENTATIVE"), &boss()).unwrap().unwrap();
    assert_eq!(apply(&stored, &reply(1, "20060601T100000Z", boy, "ACCEPTED"), &boss()).unwrap(), None, "to an older version");
    assert_eq!(apply(&first, &reply(2, "20060501T095959Z", boy, "ACCEPTED"), &boss()).unwrap(), None, "said before");
    let second = apply(&first, &reply(2, "20060501T100001Z", "BOY@company.dom", "declined"), &boss()).unwrap().unwrap();
    assert_eq!(answers(second.main().unwrap())[0].1, "DECLINED");
    let same_second = apply(&second, &reply(2, "20060501T100001Z", boy, "ACCEPTED"), &boss()).unwrap().unwrap();
    assert_eq!(answers(same_second.main().unwrap())[0].1, "ACCEPTED", "of the same second the later one");
    let stranger = apply(&stored, &reply(2, "20060501T100000Z", "guest@company.dom", "ACCEPTED"), &boss()).unwrap_err();
    assert_eq!(stranger.number, 510);
    let two = item("BEGIN:VEVENT\nUID:m1\nATTENDEE:MAILTO:boy@company.dom\nATTENDEE:MAILTO:girl@company.dom\nEND:VEVENT");
    assert_eq!(apply(&stored, &two, &boss()).unwrap_err().number, 500);
}

#[test]
fn a_reply_about_one_instance_makes_it_an_exception() {
    let (stored, _) = invitation();
    let reply = item(
        "BEGIN:VEVENT\nUID:m1\nSEQUENCE:0\nDTSTAMP:20060501T100000Z\nRECURRENCE-ID:20060522T140000Z\nATTENDEE;PARTSTAT=DECLINED:MAILTO:boy@company.dom\nEND:VEVENT",
    );
    let marked = apply(&stored, &reply, &boss()).unwrap().unwrap();
    let session = Clock::Known(boss().zone);
    let exception = marked.entry(Which::Instance("20060522T140000Z".parse().unwrap()), &session).unwrap();
    assert_eq!(answers(exception), [("boy@company.dom".into(), "DECLINED".into()), ("girl@company.dom".into(), "NEEDS-ACTION".into())]);
    assert_eq!((value(exception, "DTSTART"), value(exception, "DTEND")), ("20060522T100000".into(), "20060522T110000".into()));
    assert_eq!(value(exception, "RRULE"), "");
    assert_eq!(answers(marked.main().unwrap())[0].1, "NEEDS-ACTION");
    let never = item("BEGIN:VEVENT\nUID:m1\nRECURRENCE-ID:20060523T140000Z\nATTENDEE:MAILTO:boy@company.dom\nEND:VEVENT");
    assert_eq!(apply(&stored, &never, &boss()).unwrap_err().number, 510);
}

#[test]
fn a_reply_about_the_whole_goes_for_exceptions_that_wait() {
    let stored = item(&format!("{MEETING}\n{EXCEPTION}"));
    let reply =
        item("BEGIN:VEVENT\nUID:m1\nSEQUENCE:0\nDTSTAMP:20060501T100000Z\nATTENDEE;PARTSTAT=ACCEPTED:MAILTO:boy@company.dom\nEND:VEVENT");
    let marked = apply(&stored, &reply, &boss()).unwrap().unwrap();
    assert!(marked.entries.iter().all(|entry| answers(entry)[0].1 == "ACCEPTED"));
    assert_eq!(sequence_of(marked.main().unwrap()), 0);
}

proptest! {
    /// In whatever order and however often replies come, the newest counts.
    #[test]
    fn the_newest_reply_counts(order in Just(vec![0u32, 1, 2, 3, 1, 0]).prop_shuffle()) {
        let names = ["ACCEPTED", "DECLINED", "TENTATIVE", "DELEGATED"];
        let mut stored = meeting(&[]);
        for n in order {
            let answer = names[n as usize];
            let reply = item(&format!(
                "BEGIN:VEVENT\nUID:m1\nSEQUENCE:0\nDTSTAMP:20060501T10000{n}Z\nATTENDEE;PARTSTAT={answer}:MAILTO:boy@company.dom\nEND:VEVENT"
            ));
            stored = apply(&stored, &reply, &boss()).unwrap().unwrap_or(stored);
        }
        prop_assert_eq!(&answers(stored.main().unwrap())[0].1, "DELEGATED");
    }
}
