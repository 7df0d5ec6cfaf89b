//! What mails change in the recipient's calendar, and for whom they change nothing.

use super::super::answer::{Answer, BUSY_STATUS, Reply, accept};
use super::super::arrival::{Arrival, arrive};
use super::super::invitations::in_message;
use super::super::testing::{item, user};
use super::super::{Item, Method};
use super::{EXCEPTION, MEETING, answers, meeting, new, value};
use crate::format::ical;
use crate::model::limits::Limits;
use proptest::prelude::*;

fn arrived(method: Method, mail: &Item, from: &str, stored: Option<&Item>, to: &str) -> Option<Item> {
    let senders = [from.to_owned()];
    arrive(Arrival { method, item: mail, senders: &senders }, stored, &user(to)).unwrap()
}

fn to_boy(method: Method, mail: &Item, from: &str, stored: Option<&Item>) -> Option<Item> {
    arrived(method, mail, from, stored, "boy@company.dom")
}

const BOSS: &str = "boss@company.dom";
const EVIL: &str = "evil@elsewhere.dom";

fn cancellation(lines: &str) -> Item {
    let lines = format!("UID:m1\nORGANIZER:MAILTO:boss@company.dom\nDTSTAMP:20060502T000000Z\nSTATUS:CANCELLED\n{lines}");
    item(&format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT"))
}

#[test]
fn a_new_meeting_waits_for_an_answer() {
    let kept = to_boy(Method::Request, &meeting(&[]), BOSS, None).unwrap();
    assert_eq!(
        (answers(kept.main().unwrap())[0].1.as_str(), value(kept.main().unwrap(), BUSY_STATUS).as_str()),
        ("NEEDS-ACTION", "TENTATIVE")
    );
    assert_eq!(to_boy(Method::Request, &meeting(&[]), BOSS, Some(&kept)), None, "the same again");
    assert!(to_boy(Method::Request, &meeting(&[]), EVIL, None).is_some(), "forwarded to someone who is invited");
    assert_eq!(arrived(Method::Request, &meeting(&[]), EVIL, None, "other@company.dom"), None);
    assert_eq!(arrived(Method::Request, &meeting(&[]), EVIL, None, BOSS), None, "in the name of the recipient");
    for method in [Method::Publish, Method::Counter, Method::Other, Method::Reply, Method::Cancel] {
        assert_eq!(to_boy(method, &meeting(&[]), BOSS, None), None);
    }
}

#[test]
fn alarms_of_others_do_nothing_but_show() {
    let with =
        |actions: &[&str]| -> String { actions.iter().map(|a| format!("BEGIN:VALARM\nACTION:{a}\nTRIGGER:-PT5M\nEND:VALARM\n")).collect() };
    let mail = item(&MEETING.replace("END:VEVENT", &format!("{}END:VEVENT", with(&["EMAIL", "DISPLAY", "PROCEDURE", "x"]))));
    let kept = to_boy(Method::Request, &mail, BOSS, None).unwrap();
    assert_eq!(kept.main().unwrap().inside("VALARM").filter_map(|alarm| alarm.text("ACTION")).collect::<Vec<_>>(), ["DISPLAY"]);
}

#[test]
fn an_update_comes_from_the_organizer_and_is_newer() {
    let stored = to_boy(Method::Request, &meeting(&[]), BOSS, None).unwrap();
    let accepted = new(accept(&stored, Some(&stored), Answer::Accepted, Reply { send: false, comment: None }, &user("boy@company.dom"))
        .unwrap()
        .becomes);
    let update = meeting(&[("Report", "Great"), ("20060401", "20060402")]);
    assert_eq!(to_boy(Method::Request, &update, EVIL, Some(&accepted)), None);
    let stolen = meeting(&[("MAILTO:boss@company.dom", "MAILTO:evil@elsewhere.dom"), ("20060401", "20060402")]);
    assert_eq!(to_boy(Method::Request, &stolen, EVIL, Some(&accepted)), None, "another organizer");
    assert_eq!(to_boy(Method::Request, &meeting(&[("20060401", "20060331")]), BOSS, Some(&accepted)), None, "older");
    let kept = to_boy(Method::Request, &update, BOSS, Some(&accepted)).unwrap();
    let entry = kept.main().unwrap();
    assert_eq!(
        (value(entry, "SUMMARY").as_str(), answers(entry)[0].1.as_str(), value(entry, BUSY_STATUS).as_str()),
        ("Great Meeting", "ACCEPTED", "BUSY")
    );
    let moved = to_boy(Method::Request, &meeting(&[("SEQUENCE:0", "SEQUENCE:1")]), BOSS, Some(&accepted)).unwrap();
    assert_eq!(answers(moved.main().unwrap())[0].1, "NEEDS-ACTION", "at another time it is another question");
    let named = to_boy(Method::Request, &meeting(&[("CN=Big Boss", "SENT-BY=\"MAILTO:aide@company.dom\"")]), BOSS, None).unwrap();
    assert!(to_boy(Method::Request, &update, "aide@company.dom", Some(&named)).is_some());
    assert_eq!(to_boy(Method::Request, &update, "aide@company.dom", Some(&stored)), None);
}

#[test]
fn exceptions_come_and_go_with_the_versions() {
    let stored = to_boy(Method::Request, &meeting(&[]), BOSS, None).unwrap();
    let with = to_boy(Method::Request, &item(EXCEPTION), BOSS, Some(&stored)).unwrap();
    assert_eq!(with.entries.len(), 2);
    let next = to_boy(Method::Request, &meeting(&[("SEQUENCE:0", "SEQUENCE:1")]), BOSS, Some(&with)).unwrap();
    assert_eq!(next.entries.len(), 1);
    assert_eq!(to_boy(Method::Request, &item(EXCEPTION), BOSS, Some(&next)), None, "late, and of an older version");
}

#[test]
fn a_cancelled_meeting_is_marked_for_its_organizer_only() {
    let stored = to_boy(Method::Request, &meeting(&[]), BOSS, None).unwrap();
    assert_eq!(to_boy(Method::Cancel, &cancellation("SEQUENCE:1"), EVIL, Some(&stored)), None);
    let marked = to_boy(Method::Cancel, &cancellation("SEQUENCE:1"), BOSS, Some(&stored)).unwrap();
    assert_eq!(
        (value(marked.main().unwrap(), "STATUS").as_str(), value(marked.main().unwrap(), "SUMMARY").as_str()),
        ("CANCELLED", "Report Meeting")
    );
    assert_eq!(to_boy(Method::Cancel, &cancellation("SEQUENCE:1"), BOSS, Some(&marked)), None, "once is enough");
    let old = to_boy(Method::Request, &meeting(&[("SEQUENCE:0", "SEQUENCE:4")]), BOSS, None).unwrap();
    assert_eq!(to_boy(Method::Cancel, &cancellation("SEQUENCE:1"), BOSS, Some(&old)), None, "of an older version");
    let one = cancellation("SEQUENCE:1\nRECURRENCE-ID:20060522T140000Z");
    let marked = to_boy(Method::Cancel, &one, BOSS, Some(&stored)).unwrap();
    let status: Vec<String> = marked.entries.iter().map(|entry| value(entry, "STATUS")).collect();
    assert_eq!(status, ["", "CANCELLED"]);
    assert_eq!(to_boy(Method::Cancel, &one, BOSS, Some(&marked)), None);
    let never = cancellation("SEQUENCE:1\nRECURRENCE-ID:20060523T140000Z");
    assert_eq!(to_boy(Method::Cancel, &never, BOSS, Some(&stored)), None);
}

#[test]
fn a_reply_counts_when_the_attendee_has_sent_it_to_the_organizer() {
    let reply = item("BEGIN:VEVENT\nUID:m1\nDTSTAMP:20060501T000000Z\nATTENDEE;PARTSTAT=ACCEPTED:MAILTO:boy@company.dom\nEND:VEVENT");
    let stored = meeting(&[]);
    let to_boss = |from: &str, stored: &Item| arrived(Method::Reply, &reply, from, Some(stored), BOSS);
    let marked = to_boss("boy@company.dom", &stored).unwrap();
    assert_eq!(answers(marked.main().unwrap())[0].1, "ACCEPTED");
    assert_eq!(to_boss("boy@company.dom", &marked), None);
    assert_eq!(to_boss("girl@company.dom", &stored), None);
    assert_eq!(arrived(Method::Reply, &reply, "boy@company.dom", Some(&stored), "girl@company.dom"), None, "not the organizer");
}

/// Lines that mails may be made of, good ones and others.
fn lines() -> impl Strategy<Value = String> {
    let known = [
        "BEGIN:VEVENT",
        "END:VEVENT",
        "BEGIN:VTODO",
        "END:VTODO",
        "BEGIN:VALARM",
        "END:VALARM",
        "BEGIN:VTIMEZONE",
        "END:VTIMEZONE",
        "UID:m1",
        "UID:",
        "DTSTART:20060515T100000Z",
        "DTSTART;VALUE=DATE:20060515",
        "DTSTART;TZID=Nowhere:20060515T100000",
        "DTSTART:x",
        "DURATION:-P1D",
        "DURATION:PT999999999999H",
        "DTEND:00010101T000000Z",
        "RRULE:FREQ=SECONDLY",
        "RRULE:FREQ=DAILY;COUNT=1000000000",
        "RRULE:",
        "RECURRENCE-ID:20060522T140000Z",
        "RECURRENCE-ID:x",
        "RECURRENCE-ID;RANGE=THISANDFUTURE:99991231T235959Z",
        "EXDATE:20060522T140000Z,x,",
        "ORGANIZER:MAILTO:boss@company.dom",
        "ORGANIZER:",
        "ATTENDEE:",
        "ATTENDEE;PARTSTAT=ACCEPTED:MAILTO:boy@company.dom",
        "SEQUENCE:4294967295",
        "SEQUENCE:-1",
        "DTSTAMP:99991231T235959Z",
        "DTSTAMP:x",
        "STATUS:CANCELLED",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        "SUMMARY:\\",
        "TZID:Nowhere",
        "nonsense",
    ];
    prop::collection::vec(prop::sample::select(known.to_vec()), 0..24).prop_map(|lines| lines.join("\r\n"))
}

proptest! {
    /// Whatever a mail says, looking at it ends without harm, and what it makes of a calendar can be kept and read again.
    #[test]
    fn no_mail_does_harm(body in lines(), method in prop::sample::select(vec!["REQUEST", "CANCEL", "REPLY"]), known in any::<bool>()) {
        let raw = format!(
            "From: boss@company.dom\r\nContent-Type: text/calendar; method={method}\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:{method}\r\n{body}\r\nEND:VCALENDAR\r\n"
        );
        let Some(invitation) = in_message(raw.as_bytes(), &Limits::default()) else { return Ok(()) };
        let stored = item(&format!("{MEETING}\n{EXCEPTION}"));
        for (from, to) in [(BOSS, "boy@company.dom"), ("boy@company.dom", BOSS)] {
            let senders = [from.to_owned()];
            let arrival = Arrival { method: invitation.method(), item: invitation.item(), senders: &senders };
            if let Ok(Some(kept)) = arrive(arrival, known.then_some(&stored), &user(to)) {
                let text = ical::write(&kept.to_calendar(Method::Publish));
                let again = ical::parse(text.as_bytes()).unwrap();
                prop_assert_eq!(Item::all(again).len(), 1);
            }
        }
    }

    /// Nobody but its organizer changes what was accepted, whatever the mail says.
    #[test]
    fn strangers_change_nothing(
        method in prop::sample::select(vec![Method::Request, Method::Cancel, Method::Reply, Method::Publish]),
        sequence in 0u32..5, organizer in prop::sample::select(vec![BOSS, EVIL, "boy@company.dom"]), status in "(STATUS:CANCELLED\n)?",
        whose in prop::sample::select(vec!["boy@company.dom", EVIL]),
    ) {
        let stored = to_boy(Method::Request, &meeting(&[]), BOSS, None).unwrap();
        let mail = item(&format!(
            "BEGIN:VEVENT\nUID:m1\nSEQUENCE:{sequence}\nDTSTAMP:20090101T000000Z\n{status}ORGANIZER;SENT-BY=\"MAILTO:{EVIL}\":MAILTO:{organizer}\n\
             ATTENDEE;PARTSTAT=DECLINED:MAILTO:{whose}\nDTSTART:20090101T000000Z\nEND:VEVENT"
        ));
        prop_assert_eq!(to_boy(method, &mail, EVIL, Some(&stored)), None);
    }
}
