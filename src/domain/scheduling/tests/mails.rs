//! The mails are what iMIP and iTIP ask for: one METHOD that the `method` parameter repeats, the properties that the tables
//! of RFC 5546 require for each method and none that they forbid, and every zone defined.

use super::super::answer::{Answer, Reply, accept, decline};
use super::super::cancel::cancel;
use super::super::letter::{self, Writing};
use super::super::publish::{Publishing, Tell, prepared, publish};
use super::super::testing::{item, user};
use super::super::times::Which;
use super::super::{Item, Method, Notice, User};
use super::{EXCEPTION, MEETING, meeting, new};
use crate::format::ical;
use crate::format::mime::structure::{Inside, Limits, Node, structure, text, walk};
use crate::format::mime::{header, structure as mime};
use crate::model::component::Component;
use crate::model::mail::MailAddress;

fn writing(from: &User) -> Writing {
    Writing {
        from: MailAddress { name: Some("Große \"Boss\"".into()), address: from.writes_as.address.clone() },
        zone: from.zone,
        domain: "example.dom".parse().unwrap(),
        now: from.now,
        random: [7; 16],
    }
}

fn boss() -> User {
    user("boss@company.dom")
}

fn boy() -> User {
    user("boy@company.dom")
}

/// One notice of each method, about the whole and about one instance, of an event and of a task.
fn notices() -> Vec<(Notice, User)> {
    let how = Publishing { copy_exceptions: true, tell: Tell::All };
    let publish = |given: Item, old: Option<&Item>| publish(prepared(given, &boss(), "f").unwrap(), old, &how, &boss()).unwrap();
    let task = item(
        "BEGIN:VTODO\nUID:t\nORGANIZER:MAILTO:boss@company.dom\nATTENDEE:MAILTO:boy@company.dom\nDUE:20060520T100000\nSUMMARY:x\nEND:VTODO",
    );
    let reply = Reply { send: true, comment: Some("well, yes") };
    let mut out = Vec::new();
    for given in [meeting(&[]), task] {
        let done = publish(given, None);
        let request = done.notices[0].item.clone();
        let stored = new(done.becomes);
        let fewer = {
            let mut item = stored.clone();
            item.entries[0].remove("ATTENDEE");
            item
        };
        out.extend(done.notices.into_iter().map(|notice| (notice, boss())));
        out.extend(publish(fewer, Some(&stored)).notices.into_iter().map(|notice| (notice, boss())));
        out.extend(cancel(&stored, Which::Whole, true, Some("no"), &boss()).unwrap().notices.into_iter().map(|notice| (notice, boss())));
        for answer in [Answer::Accepted, Answer::Tentative] {
            out.extend(accept(&request, None, answer, reply, &boy()).unwrap().notices.into_iter().map(|notice| (notice, boy())));
        }
        out.extend(decline(&request, Method::Request, None, reply, &boy()).unwrap().notices.into_iter().map(|notice| (notice, boy())));
        if stored.main().unwrap().is("VEVENT") {
            let with = publish(item(EXCEPTION), Some(&stored));
            let exception = with.notices.last().unwrap().item.clone();
            out.extend(with.notices.into_iter().map(|notice| (notice, boss())));
            let one = Which::Instance("20060522T140000Z".parse().unwrap());
            out.extend(cancel(&stored, one, true, None, &boss()).unwrap().notices.into_iter().map(|notice| (notice, boss())));
            out.extend(
                accept(&exception, None, Answer::Accepted, reply, &boy()).unwrap().notices.into_iter().map(|notice| (notice, boy())),
            );
        }
    }
    out
}

/// Properties that a method requires once, allows once at most, and forbids (RFC 5546 3.2.2, 3.2.3, 3.2.5; 3.4.2, 3.4.3, 3.4.5).
fn table(method: Method, kind: &str) -> (Vec<&'static str>, Vec<&'static str>, Vec<&'static str>) {
    let once = vec![
        "SEQUENCE",
        "RECURRENCE-ID",
        "SUMMARY",
        "LOCATION",
        "DTSTART",
        "DTEND",
        "DUE",
        "DURATION",
        "STATUS",
        "CREATED",
        "LAST-MODIFIED",
    ];
    let (mut required, mut forbidden) = (vec!["UID", "DTSTAMP", "ORGANIZER"], vec!["REQUEST-STATUS"]);
    match method {
        Method::Request => {
            required.push("SUMMARY");
            required.extend((kind == "VEVENT").then_some("DTSTART"));
        }
        Method::Cancel => required.push("SEQUENCE"),
        Method::Reply => forbidden.clear(),
        other => panic!("{other:?} is not sent"),
    }
    (required, once, forbidden)
}

fn check(entry: &Component, method: Method) {
    let (required, once, forbidden) = table(method, &entry.name);
    let count = |name: &str| entry.all(name).count();
    for name in required {
        assert_eq!(count(name), 1, "{method:?} of a {} needs {name} once", entry.name);
    }
    once.iter().for_each(|name| assert!(count(name) <= 1, "{method:?} has {name} once at most"));
    forbidden.iter().for_each(|name| assert_eq!(count(name), 0, "{method:?} has no {name}"));
    let attendees = count("ATTENDEE");
    assert!(if method == Method::Reply { attendees == 1 } else { attendees >= 1 });
    if matches!(method, Method::Reply | Method::Cancel) {
        assert_eq!(entry.inside("VALARM").count(), 0);
    }
    for participant in entry.all("ATTENDEE").chain(entry.all("ORGANIZER")) {
        assert!(participant.value.to_ascii_uppercase().starts_with("MAILTO:"), "{participant:?}");
        assert!(participant.parameters.iter().all(|p| !p.name.starts_with("X-REPLY")));
    }
    assert!(entry.get("DTSTAMP").unwrap().value.ends_with('Z'));
}

fn parts(root: &Node) -> Vec<(String, &Node)> {
    let mut out = Vec::new();
    walk(root, &mut |node| {
        out.push((format!("{}/{}", node.about.kind, node.about.subtype), node));
        true
    });
    out
}

#[test]
fn every_mail_is_valid() {
    let all = notices();
    assert!(all.len() >= 14);
    for (notice, from) in all {
        let raw = letter::mail(&notice, &[], &writing(&from)).unwrap();
        assert!(raw.split(|b| *b == b'\n').all(|line| line.len() < 999));
        let root = structure(&raw, &Limits::default());
        let kinds: Vec<String> = parts(&root).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["multipart/alternative", "text/plain", "text/html", "text/calendar"]);
        let (_, node) = parts(&root).pop().unwrap();
        assert_eq!(node.about.parameter("method"), Some(notice.method.name()));
        assert!(node.about.parameter("charset").is_some_and(|charset| charset.eq_ignore_ascii_case("utf-8")));
        let calendars = ical::parse(text(&raw, node).unwrap().as_bytes()).unwrap();
        let [calendar] = calendars.as_slice() else { panic!("one calendar") };
        for (name, value) in [("METHOD", notice.method.name()), ("VERSION", "2.0")] {
            assert_eq!(calendar.all(name).map(|p| p.value.as_str()).collect::<Vec<_>>(), [value]);
        }
        assert_eq!(calendar.all("PRODID").count(), 1);
        let entries: Vec<&Component> = calendar.components.iter().filter(|c| !c.is("VTIMEZONE")).collect();
        assert!(!entries.is_empty());
        entries.iter().for_each(|entry| check(entry, notice.method));
        let defined: Vec<String> = calendar.inside("VTIMEZONE").filter_map(|zone| zone.text("TZID")).collect();
        let used: Vec<String> = entries.iter().flat_map(|entry| ical::zone::names(entry)).collect();
        assert!(used.iter().all(|name| defined.contains(name)) && defined.iter().all(|name| used.contains(name)), "{used:?} {defined:?}");
        let header = header::addresses(&raw[..header::header_length(&raw)], "From");
        assert_eq!(header[0], writing(&from).from);
        assert_eq!(header::addresses(&raw[..header::header_length(&raw)], "To").len(), notice.to.len());
    }
}

#[test]
fn subjects_and_texts_say_what_it_is_about() {
    let said: Vec<(String, String)> = notices()
        .iter()
        .map(|(notice, from)| {
            let raw = letter::mail(notice, &[], &writing(from)).unwrap();
            let root = structure(&raw, &Limits::default());
            let subject = header::text(header::first(&raw[..header::header_length(&raw)], "Subject").unwrap());
            (subject, text(&raw, parts(&root)[1].1).unwrap().replace("\r\n", "\n"))
        })
        .collect();
    assert_eq!(said[0].0.trim(), "Invitation: Report Meeting");
    assert_eq!(
        said[0].1.trim(),
        "Große \"Boss\" invites you to this meeting.\n\nReport Meeting\n\nWhen:  Monday, 15 May 2006, 10:00 to 11:00 (America/New_York)\n       \
         every week on Monday and Thursday\nWho:   Big Boss <boss@company.dom> (organizer)\n       Small Boy <boy@company.dom>\n       girl@company.dom"
    );
    for expected in ["Cancelled: Report Meeting", "Accepted: Report Meeting", "Tentatively accepted: Report Meeting", "Declined: x"] {
        assert!(said.iter().any(|(subject, _)| subject.trim() == expected), "{expected}");
    }
    assert!(said.iter().any(|(_, text)| text.starts_with("well, yes\n\n")));
}

#[test]
fn hostile_texts_stay_data() {
    let evil = "<script>alert(1)</script>\\nBcc: victim@elsewhere.dom\\n\\n.";
    let hostile = MEETING.replace("Report Meeting", evil).replace("SUMMARY", &format!("DESCRIPTION:{evil}\nLOCATION:{evil}\nSUMMARY"));
    let given = prepared(item(&hostile), &boss(), "f").unwrap();
    let done = publish(given, None, &Publishing { copy_exceptions: true, tell: Tell::All }, &boss()).unwrap();
    let raw = letter::mail(&done.notices[0], &[], &writing(&boss())).unwrap();
    let root = structure(&raw, &Limits::default());
    let page = text(&raw, parts(&root)[2].1).unwrap();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    assert_eq!(header::fields(&raw[..header::header_length(&raw)]).filter(|field| field.name.eq_ignore_ascii_case("Bcc")).count(), 0);
    let stored = letter::stored(&new(done.becomes), &[], &writing(&boss())).unwrap();
    assert_eq!(header::fields(&stored[..header::header_length(&stored)]).filter(|field| field.name.eq_ignore_ascii_case("Bcc")).count(), 0);
}

#[test]
fn attachments_go_with_requests_and_stay_with_the_item() {
    let part = b"Content-Type: image/gif; name=\"a.gif\"\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lG".to_vec();
    let (notice, from) = notices().remove(0);
    let raw = letter::mail(&notice, std::slice::from_ref(&part), &writing(&from)).unwrap();
    let root = structure(&raw, &Limits::default());
    let Inside::Parts(inner) = &root.inside else { panic!("parts") };
    assert_eq!((root.about.subtype.as_str(), inner.len(), inner[1].about.file_name()), ("mixed", 2, Some("a.gif")));
    assert_eq!(mime::decoded(&raw, &inner[1]).unwrap().as_ref(), b"GIF");
    let stored = letter::stored(&notice.item, &[part], &writing(&from)).unwrap();
    let root = structure(&stored, &Limits::default());
    assert_eq!(parts(&root).iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["multipart/mixed", "text/calendar", "image/gif"]);
    assert_eq!(root.about.class.as_deref(), Some("appointment"));
}

#[test]
fn ten_thousand_attendees_are_refused_before_a_mail_is_written() {
    let many: String = (0..10_000).map(|n| format!("ATTENDEE:MAILTO:p{n}@company.dom\n")).collect();
    let given = item(&MEETING.replace("ATTENDEE:MAILTO:girl@company.dom\n", &many));
    let given = prepared(given, &boss(), "f").unwrap();
    let how = |tell| Publishing { copy_exceptions: true, tell };
    assert_eq!(publish(given.clone(), None, &how(Tell::All), &boss()).unwrap_err().number, 512);
    let stored = new(publish(given.clone(), None, &how(Tell::Nobody), &boss()).unwrap().becomes);
    assert_eq!(publish(given, Some(&stored), &how(Tell::New), &boss()).unwrap().notices, []);
}
