//! Publishing and cancelling.

use super::super::cancel::cancel;
use super::super::item::sequence_of;
use super::super::publish::{Publishing, Tell, prepared, publish};
use super::super::testing::{item, user};
use super::super::times::Which;
use super::super::{Decision, Item, Method, User};
use super::{EXCEPTION, MEETING, answers, meeting, new, told, value};
use crate::model::component::Property;
use proptest::prelude::*;

const ALL: Publishing = Publishing { copy_exceptions: true, tell: Tell::All };

fn boss() -> User {
    user("boss@company.dom")
}

fn published(given: Item, old: Option<&Item>, how: Publishing) -> Decision {
    let given = prepared(given, &boss(), "fresh@example.dom").unwrap();
    publish(given, old, &how, &boss()).unwrap()
}

/// The meeting with an exception, as a calendar holds it.
fn stored() -> Item {
    let first = new(published(meeting(&[]), None, ALL).becomes);
    new(published(item(EXCEPTION), Some(&first), ALL).becomes)
}

#[test]
fn what_is_missing_is_added() {
    let bare = item("BEGIN:VEVENT\nDTSTART:20060515T100000\nDTEND:20060515T110000\nATTENDEE:boy@company.dom\nSUMMARY:x\nEND:VEVENT");
    let done = published(bare, None, ALL);
    let item = new(done.becomes);
    let entry = item.main().unwrap();
    assert_eq!(item.uid(), "fresh@example.dom");
    assert_eq!((value(entry, "SEQUENCE").as_str(), value(entry, "CREATED").as_str()), ("0", "20060501T120000Z"));
    assert_eq!((value(entry, "DTSTAMP").as_str(), value(entry, "LAST-MODIFIED").as_str()), ("20060501T120000Z", "20060501T120000Z"));
    assert_eq!(entry.get("DTSTART").and_then(|p| p.parameter("TZID")), Some("America/New_York"));
    assert_eq!(value(entry, "ORGANIZER"), "MAILTO:boss@company.dom");
    let zones: Vec<_> = item.calendar.inside("VTIMEZONE").filter_map(|zone| zone.text("TZID")).collect();
    assert_eq!(zones, ["America/New_York"]);
    assert_eq!(told(&done.notices), [(Method::Request, vec!["boy@company.dom".to_owned()])]);
    let sent = done.notices[0].item.main().unwrap().get("ATTENDEE").unwrap().clone();
    assert_eq!(
        (sent.value.as_str(), sent.parameter("RSVP"), sent.parameter("PARTSTAT")),
        ("MAILTO:boy@company.dom", Some("TRUE"), Some("NEEDS-ACTION"))
    );
}

#[test]
fn zones_of_every_kind_are_defined_once_and_unused_ones_go() {
    let given = item(&format!(
        "BEGIN:VTIMEZONE\nTZID:Unused\nEND:VTIMEZONE\nBEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\n\
         TZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE\n{}",
        MEETING.replace(
            "DTEND;TZID=America/New_York:20060515T110000",
            "DTEND;TZID=Ours:20060515T170000\nRDATE;TZID=NorthAmerica/Pacific:20060601T100000"
        )
    ));
    let item = new(published(given, None, ALL).becomes);
    let zones: Vec<_> = item.calendar.inside("VTIMEZONE").filter_map(|zone| zone.text("TZID")).collect();
    assert_eq!(zones, ["Ours", "America/New_York", "NorthAmerica/Pacific"]);
    let days = super::super::testing::item("BEGIN:VEVENT\nUID:2\nDTSTART;TZID=HostOS;VALUE=DATE:20060515\nEND:VEVENT");
    let item = new(published(days, None, ALL).becomes);
    assert_eq!(item.main().unwrap().get("DTSTART").unwrap(), &Property::new("DTSTART", "20060515").with("VALUE", "DATE"));
    assert_eq!(item.calendar.inside("VTIMEZONE").count(), 0);
}

#[test]
fn what_is_no_item_is_refused() {
    let refused = |text: &str| prepared(item(text), &boss(), "f").and_then(|item| publish(item, None, &ALL, &boss()));
    for text in [
        "BEGIN:VEVENT\nUID:1\nEND:VEVENT",
        "BEGIN:VEVENT\nUID:1\nDTSTART:yesterday\nEND:VEVENT",
        "BEGIN:VEVENT\nUID:1\nDTSTART:20060515T100000Z\nRECURRENCE-ID:x\nEND:VEVENT",
        &format!("{MEETING}\n{EXCEPTION}"),
    ] {
        assert_eq!(refused(text).map_err(|fault| fault.number).unwrap_err(), 500, "{text}");
    }
    assert!(Item::only(vec![super::super::testing::calendar("X-NOTHING:1")]).is_err());
}

#[test]
fn sequence_rises_when_the_time_changes_and_never_falls() {
    let old = new(published(meeting(&[("SEQUENCE:0", "SEQUENCE:3")]), None, ALL).becomes);
    let next = |changes: &[(&str, &str)]| sequence_of(new(published(meeting(changes), Some(&old), ALL).becomes).main().unwrap());
    assert_eq!(next(&[("SUMMARY:Report", "SUMMARY:Great")]), 3, "another summary is no other time");
    assert_eq!(next(&[("SEQUENCE:0", "SEQUENCE:7")]), 7, "as it was given");
    assert_eq!(next(&[("T100000", "T103000")]), 4, "rescheduled");
    assert_eq!(next(&[("T100000", "T103000"), ("SEQUENCE:0", "SEQUENCE:5")]), 5);
    assert_eq!(next(&[("BYDAY=MO,TH", "BYDAY=MO")]), 4);
    assert_eq!(next(&[("FREQ=WEEKLY;BYDAY=MO,TH", "BYDAY=MO,TH;INTERVAL=1;FREQ=WEEKLY")]), 3, "the same rule");
    assert_eq!(next(&[("SUMMARY", "EXDATE;TZID=America/New_York:20060515T100000\nSUMMARY")]), 4);
    assert_eq!(next(&[("SUMMARY", "STATUS:TENTATIVE\nSUMMARY")]), 4);
    assert_eq!(next(&[("DTEND;TZID=America/New_York:20060515T110000", "DURATION:PT1H")]), 3, "the same end");
}

#[test]
fn stamps_rise_and_the_first_creation_counts() {
    let quiet = Publishing { tell: Tell::Nobody, ..ALL };
    let old = new(published(meeting(&[("SUMMARY", "CREATED:20060101T000000Z\nSUMMARY")]), None, quiet).becomes);
    assert_eq!(value(old.main().unwrap(), "DTSTAMP"), "20060401T000000Z", "as it was given");
    let next = new(published(meeting(&[("SUMMARY", "CREATED:20070101T000000Z\nSUMMARY")]), Some(&old), quiet).becomes);
    let entry = next.main().unwrap();
    assert_eq!((value(entry, "DTSTAMP").as_str(), value(entry, "CREATED").as_str()), ("20060501T120000Z", "20060101T000000Z"));
    let third = published(meeting(&[]), Some(&next), ALL);
    let sent = value(third.notices[0].item.main().unwrap(), "DTSTAMP");
    assert_eq!(sent, "20060501T120001Z", "later than the one before, in the same second too");
    assert_eq!(value(new(third.becomes).main().unwrap(), "DTSTAMP"), sent);
    let first = published(meeting(&[]), None, ALL);
    assert_eq!(value(first.notices[0].item.main().unwrap(), "DTSTAMP"), "20060501T120000Z", "what is sent is of today");
}

#[test]
fn answers_stay_until_the_time_changes() {
    let old = new(published(meeting(&[(";CN=Small Boy", ";PARTSTAT=ACCEPTED")]), None, ALL).becomes);
    let same = new(published(meeting(&[("Report", "Great")]), Some(&old), ALL).becomes);
    assert_eq!(answers(same.main().unwrap())[0].1, "ACCEPTED");
    let said = new(published(meeting(&[(";CN=Small Boy", ";PARTSTAT=DECLINED")]), Some(&old), ALL).becomes);
    assert_eq!(answers(said.main().unwrap())[0].1, "DECLINED", "what is given counts");
    let moved = new(published(meeting(&[(";CN=Small Boy", ";PARTSTAT=ACCEPTED"), ("T100000", "T103000")]), Some(&old), ALL).becomes);
    assert_eq!(answers(moved.main().unwrap())[0].1, "NEEDS-ACTION");
}

#[test]
fn those_who_come_are_invited_and_those_who_go_are_told() {
    let boy = "boy@company.dom".to_owned();
    let girl = "girl@company.dom".to_owned();
    let old = new(published(meeting(&[]), None, ALL).becomes);
    let other = || meeting(&[("MAILTO:girl@company.dom", "MAILTO:new@company.dom")]);
    let all = published(other(), Some(&old), ALL).notices;
    assert_eq!(told(&all), [(Method::Cancel, vec![girl.clone()]), (Method::Request, vec![boy.clone(), "new@company.dom".into()])]);
    let gone = all[0].item.main().unwrap();
    assert_eq!((value(gone, "STATUS").as_str(), answers(gone).len()), ("", 1), "the meeting takes place");
    let only_new = published(other(), Some(&old), Publishing { tell: Tell::New, ..ALL }).notices;
    assert_eq!(told(&only_new)[1], (Method::Request, vec!["new@company.dom".to_owned()]));
    assert_eq!(published(other(), Some(&old), Publishing { tell: Tell::Nobody, ..ALL }).notices, []);
    let first = published(meeting(&[]), None, Publishing { tell: Tell::New, ..ALL }).notices;
    assert_eq!(told(&first), [(Method::Request, vec![boy, girl])]);
    let foreign = published(meeting(&[("boss@company.dom", "chief@company.dom")]), None, ALL);
    assert_eq!(foreign.notices, [], "nobody invites in the name of another");
}

#[test]
fn exceptions_are_kept_beside_the_item() {
    let stored = stored();
    assert_eq!((stored.entries.len(), stored.exceptions().count()), (2, 1));
    assert_eq!(sequence_of(stored.exceptions().next().unwrap()), 1, "it is at another time than the instance was");
    let again = new(published(item(&EXCEPTION.replace("later", "much later")), Some(&stored), ALL).becomes);
    assert_eq!(again.entries.len(), 2, "the exception took the place of itself");
    let count = |changes: &[(&str, &str)], how| new(published(meeting(changes), Some(&stored), how).becomes).entries.len();
    assert_eq!(count(&[], ALL), 2);
    assert_eq!(count(&[], Publishing { copy_exceptions: false, ..ALL }), 1);
    assert_eq!(count(&[("RRULE:FREQ=WEEKLY;BYDAY=MO,TH\n", "")], ALL), 1, "nothing recurs any more");
    assert_eq!(count(&[("SUMMARY", "EXDATE;TZID=America/New_York:20060518T100000\nSUMMARY")], ALL), 1);
    let told_of = published(item(EXCEPTION), Some(&new(published(meeting(&[]), None, ALL).becomes)), ALL).notices;
    assert_eq!(told(&told_of), [(Method::Cancel, vec!["girl@company.dom".into()]), (Method::Request, vec!["boy@company.dom".into()])]);
    assert!(told_of.iter().all(|notice| notice.item.main().is_none()));
}

#[test]
fn a_cancelled_item_leaves_and_all_are_told() {
    let done = cancel(&stored(), Which::Whole, true, Some("sorry"), &boss()).unwrap();
    assert_eq!(done.becomes, super::Becomes::Gone);
    assert_eq!(told(&done.notices), [(Method::Cancel, vec!["boy@company.dom".into(), "girl@company.dom".into()])]);
    let entry = done.notices[0].item.main().unwrap();
    assert_eq!((value(entry, "STATUS"), sequence_of(entry), value(entry, "COMMENT")), ("CANCELLED".into(), 1, "sorry".into()));
    assert_eq!(cancel(&stored(), Which::Whole, false, None, &boss()).unwrap().notices, []);
    assert_eq!(cancel(&stored(), Which::Whole, true, None, &user("boy@company.dom")).unwrap().notices, [], "it is not his");
}

#[test]
fn one_cancelled_instance_is_excluded() {
    let at = |text: &str| Which::Instance(text.parse().unwrap());
    for (start, told_of, left) in [("20060522T140000Z", 2, 2), ("20060518T140000Z", 1, 1), ("20060515T140000Z", 2, 2)] {
        let done = cancel(&stored(), at(start), true, None, &boss()).unwrap();
        let item = new(done.becomes);
        assert_eq!(item.entries.len(), left);
        let excluded = item.main().unwrap().get("EXDATE").unwrap();
        assert_eq!((excluded.parameter("TZID"), &excluded.value[8..]), (Some("America/New_York"), "T100000"));
        assert_eq!(done.notices[0].to.len(), told_of);
        assert!(value(&done.notices[0].item.entries[0], "RECURRENCE-ID").ends_with("T100000"));
        let again = cancel(&item, at(start), true, None, &boss()).unwrap_err();
        assert_eq!(again.number, 510, "it is gone");
    }
    assert_eq!(cancel(&stored(), at("20060516T140000Z"), true, None, &boss()).unwrap_err().number, 510);
}

proptest! {
    /// Publishing the same again is never a rescheduling, whatever the times and rules are.
    #[test]
    fn the_same_again_keeps_its_sequence(hour in 0u32..24, length in 1u32..90, sequence in 0u32..9, rule in "(FREQ=(DAILY|WEEKLY|MONTHLY)(;COUNT=[1-9])?)?") {
        let lines = format!(
            "BEGIN:VEVENT\nUID:p\nSEQUENCE:{sequence}\nDTSTART:20060515T{hour:02}0000\nDURATION:PT{length}H\nATTENDEE:MAILTO:a@b.dom\n{}SUMMARY:x\nEND:VEVENT",
            if rule.is_empty() { String::new() } else { format!("RRULE:{rule}\n") }
        );
        let first = new(published(item(&lines), None, ALL).becomes);
        let mut given = first.clone();
        given.calendar.remove("PRODID");
        let second = new(published(given, Some(&first), ALL).becomes);
        prop_assert_eq!(sequence_of(second.main().unwrap()), sequence);
        prop_assert_eq!(second.entries.len(), 1);
    }

    /// Whoever was invited and is not any more is told so; whoever is invited gets a request; nobody gets both.
    #[test]
    fn nobody_is_forgotten(before in prop::collection::btree_set(0u8..8, 0..6), after in prop::collection::btree_set(0u8..8, 0..6)) {
        let with = |who: &std::collections::BTreeSet<u8>| {
            let lines: String = who.iter().map(|n| format!("ATTENDEE:MAILTO:p{n}@b.dom\n")).collect();
            item(&format!("BEGIN:VEVENT\nUID:p\nORGANIZER:MAILTO:boss@company.dom\nDTSTART:20060515T100000Z\n{lines}END:VEVENT"))
        };
        let first = new(published(with(&before), None, ALL).becomes);
        let told = told(&published(with(&after), Some(&first), ALL).notices);
        let of = |method| -> Vec<String> { told.iter().filter(|(m, _)| *m == method).flat_map(|(_, to)| to.clone()).collect() };
        let names = |who: Vec<&u8>| -> Vec<String> { who.into_iter().map(|n| format!("p{n}@b.dom")).collect() };
        prop_assert_eq!(of(Method::Cancel), names(before.difference(&after).collect()));
        prop_assert_eq!(of(Method::Request), names(after.iter().collect()));
    }
}
