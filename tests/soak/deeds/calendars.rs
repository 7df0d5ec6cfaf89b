//! Tom and Pia arrange to meet, import what they have elsewhere, and keep addresses. What one session changes another one
//! with the same calendar open must hear of.

use super::callers::Caller;
use crate::household::Household;
use crate::link::{Link, Outcome};
use posthouse::xml::Element;

const DAY: &str = r#"timeFrom="20270104T000000Z" timeTill="20270104T235959Z""#;

fn item(method: &str, uid: &str, tom: &str, attendee: &str) -> String {
    format!(
        r#"<iCalendar xmlns="urn:ietf:params:xml:ns:xcal"><vCalendar method="{method}" version="2.0"><vevent><organizer>MAILTO:{tom}</organizer>{attendee}
        <rrule>FREQ=WEEKLY;COUNT=4</rrule><uid>{uid}</uid><sequence>0</sequence><dtstamp>20300101T000000Z</dtstamp><summary>{uid}</summary>
        <dtstart tzid="Europe/Paris">20270104T100000</dtstart><dtend tzid="Europe/Paris">20270104T110000</dtend></vevent></vCalendar></iCalendar>"#
    )
}

/// The UID of the message with an item, as a find shows it.
async fn found(link: &mut Link, uid: &str) -> Outcome<String> {
    let days = link.ask(&format!(r#"<findEvents calendar="Calendar" {DAY}/>"#)).await?;
    let events = days.iter().flat_map(Element::elements).find(|event| event.get("itemUID") == Some(uid));
    events.and_then(|event| event.get("UID")).map(str::to_owned).ok_or_else(|| format!("no {uid} in {days:?}"))
}

async fn opens(home: &mut Household, who: usize) -> Outcome<Caller> {
    let mut caller = Caller::comes(home, who).await?;
    caller.link.ask(r#"<calendarOpen calendar="Calendar"/>"#).await?;
    // The first find says that the calendar is to be watched from now on.
    caller.link.ask(&format!(r#"<findEvents calendar="Calendar" {DAY}/>"#)).await?;
    Ok(caller)
}

async fn leaves(mut caller: Caller) -> Outcome {
    caller.link.ask(r#"<calendarClose calendar="Calendar"/>"#).await?;
    for mailbox in ["Calendar", "INBOX", "Contacts", "Tasks"] {
        caller.link.ask(&format!(r#"<emptyMailbox mailbox="{mailbox}" duration="0"/>"#)).await?;
    }
    caller.goes().await
}

/// Tom invites Pia; she accepts, then declines; he works her answer in and calls it off.
pub async fn arrange(home: &mut Household, _: usize) -> Outcome {
    let (mut tom, mut pia) = (opens(home, 0).await?, opens(home, 1).await?);
    let uid = format!("soak-{}-{}", home.number, home.round);
    let attends = |state: &str| format!(r#"<attendee PARTSTAT="{state}">MAILTO:{}</attendee>"#, pia.address);
    let (invites, declines) = (attends("NEEDS-ACTION"), attends("DECLINED"));
    let publish = format!(r#"<calendarPublish calendar="Calendar">{}</calendarPublish>"#, item("PUBLISH", &uid, &tom.address, &invites));
    tom.link.ask(&publish).await?;
    pia.link.expect("calendarReport", "notify").await?;
    let invited = found(&mut pia.link, &uid).await?;
    pia.link.ask(&format!(r#"<calendarRead calendar="Calendar" UID="{invited}"/>"#)).await?;
    pia.link.ask(&format!(r#"<calendarReadItem calendar="Calendar" UID="{invited}"/>"#)).await?;
    let request = item("REQUEST", &uid, &tom.address, &invites);
    pia.link.ask(&format!(r#"<calendarAccept calendar="Calendar" PARTSTAT="ACCEPTED">{request}</calendarAccept>"#)).await?;
    tom.link.expect("calendarReport", "notify").await?;
    found(&mut tom.link, &uid).await?;
    let busy = tom.link.ask(r#"<freeBusyRead timeFrom="20270104T000000Z" timeTill="20270104T235959Z"/>"#).await?;
    if busy.is_empty() {
        return Err("freeBusyRead brings nothing".to_owned());
    }
    pia.link.ask(&format!(r#"<calendarDecline calendar="Calendar">{request}</calendarDecline>"#)).await?;
    let reply = item("REPLY", &uid, &tom.address, &declines);
    tom.link.ask(&format!(r#"<calendarUpdate calendar="Calendar">{reply}</calendarUpdate>"#)).await?;
    tom.link
        .ask(&format!(r#"<calendarCancel calendar="Calendar">{}</calendarCancel>"#, item("CANCEL", &uid, &tom.address, &invites)))
        .await?;
    leaves(tom).await?;
    leaves(pia).await
}

async fn upload(home: &mut Household, tom: &mut Caller, kind: &str, text: &str) -> Outcome {
    let path = format!("/Session/{}/UPLOAD/file", tom.session);
    let answer = home.web.request("POST", &path, &[("Content-Type", kind)], text.as_bytes()).await?;
    if answer.status != 200 {
        return Err(format!("upload: status {}", answer.status));
    }
    tom.link.expect("newUploaded", "file").await.map(drop)
}

/// Tom imports a calendar and looks for tasks, imports addresses, adds one and finds it.
pub async fn import(home: &mut Household, _: usize) -> Outcome {
    let (mut tom, mut other) = (opens(home, 0).await?, opens(home, 0).await?);
    let (uid, name) = (format!("import-{}", home.round), format!("Zoe{}", home.round));
    let event = format!("BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:20270104T100000Z\r\nSUMMARY:Imported\r\nEND:VEVENT\r\n");
    let task = "BEGIN:VTODO\r\nUID:task\r\nDUE:20270104T120000Z\r\nSUMMARY:To do\r\nEND:VTODO\r\n";
    let file = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//soak//\r\n{event}{task}END:VCALENDAR\r\n");
    upload(home, &mut tom, "text/calendar", &file).await?;
    tom.link.ask(r#"<calendarImport calendar="Calendar" uploadID="file"/>"#).await?;
    other.link.expect("calendarReport", "notify").await?;
    found(&mut other.link, &uid).await?;
    let tasks = tom.link.ask(&format!(r#"<findTasks calendar="Calendar" {DAY}/>"#)).await?;
    if !tasks.iter().flat_map(Element::elements).any(|task| task.get("itemUID") == Some("task")) {
        return Err(format!("findTasks: {tasks:?}"));
    }
    tom.link.ask(r#"<folderOpen folder="people" mailbox="Contacts"><field>To</field></folderOpen>"#).await?;
    tom.link.ask(r#"<clearUploaded uploadID="file"/>"#).await?;
    upload(home, &mut tom, "text/x-vcard", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bob\r\nEMAIL:bob@x.test\r\nEND:VCARD\r\n").await?;
    tom.link.ask(r#"<contactsImport folder="people" uploadID="file"/>"#).await?;
    let card = format!("<vCard><FN>{name}</FN><EMAIL>{name}@x.test</EMAIL></vCard>");
    tom.link.ask(&format!(r#"<contactAppend targetMailbox="Contacts">{card}</contactAppend>"#)).await?;
    tom.link.ask(r#"<folderSync folder="people"/>"#).await?;
    for who in ["bob", &name] {
        let people = tom.link.ask(&format!(r#"<contactFind folder="people" peer="{who}@x.test"/>"#)).await?;
        if people.is_empty() {
            return Err(format!("contactFind {who}: nobody"));
        }
    }
    leaves(other).await?;
    leaves(tom).await
}
