//! Messages: written, sent, passed on, confirmed, read.

use crate::household::{Household, SHARED};
use crate::link::Outcome;
use posthouse::xml::Element;

/// The UID that a request has reported.
pub fn new_uid(data: &[Element]) -> Outcome<u32> {
    let added = data.iter().find(|message| message.name == "messageAdded").and_then(|message| message.get("UID"));
    added.and_then(|uid| uid.parse().ok()).ok_or_else(|| format!("no messageAdded: {data:?}"))
}

/// A mailbox that a session can put messages into.
pub fn target(home: &mut Household, seat: usize) -> String {
    let account = home.seats[seat].account;
    if account < 2 && home.random.below(2) == 0 { SHARED.to_owned() } else { format!("{account}/INBOX") }
}

/// Appends a message to a mailbox.
pub async fn put(home: &mut Household, seat: usize, mailbox: &str, more: &str) -> Outcome<(u32, String)> {
    let (path, subject) = (home.path(mailbox, home.seats[seat].account), home.subject());
    let email = home.email(&subject, more);
    let request = format!(r#"<messageAppend targetMailbox="{path}" report="uid">{email}</messageAppend>"#);
    let uid = new_uid(&home.seats[seat].link.ask(&request).await?)?;
    home.added(mailbox, uid, &subject);
    Ok((uid, subject))
}

/// Appends a message; now and then one that takes the place of another.
pub async fn append(home: &mut Household, seat: usize) -> Outcome {
    if home.random.below(5) > 0 {
        let mailbox = target(home, seat);
        return put(home, seat, &mailbox, "<From>someone@elsewhere.example</From>").await.map(drop);
    }
    let Some((view, old)) = home.pick(seat) else { return Ok(()) };
    let (folder, mailbox) = (home.seats[seat].views[view].name.clone(), home.seats[seat].views[view].mailbox.clone());
    let subject = home.subject();
    let email = home.email(&subject, "");
    let request = format!(r#"<messageAppend folder="{folder}" replacesUID="{old}" report="uid">{email}</messageAppend>"#);
    let uid = new_uid(&home.seats[seat].link.ask(&request).await?)?;
    home.removed(&mailbox, old);
    home.added(&mailbox, uid, &subject);
    Ok(())
}

/// Sends a message to somebody of the house, or to two.
pub async fn submit(home: &mut Household, seat: usize) -> Outcome {
    let subject = home.subject();
    let (from, first) = (home.address(home.seats[seat].account), home.random.below(3));
    let both = [first, (first + 1) % 3];
    let to = &both[..1 + home.random.below(2)];
    let addresses: String = to.iter().map(|account| format!("<To>{}</To>", home.address(*account))).collect();
    let email = home.email(&subject, &format!("<From>{from}</From>{addresses}"));
    let request = format!(r#"<messageSubmit targetMailbox="Sent" flags="Seen">{email}</messageSubmit>"#);
    home.seats[seat].link.ask(&request).await?;
    to.iter().for_each(|account| home.posted(&format!("{account}/INBOX"), &subject));
    if home.seats[seat].account == 0 {
        home.posted("0/Sent", &subject);
    }
    // Nobody looks into Sent: it is emptied before it grows large.
    if home.random.below(20) == 0 {
        home.seats[seat].link.ask(r#"<emptyMailbox mailbox="Sent" duration="0"/>"#).await?;
    }
    Ok(())
}

/// Uploads a file, appends a message with it, and reads the file back from the message and from the session.
pub async fn attach(home: &mut Household, seat: usize) -> Outcome {
    let name = format!("up{}", home.round);
    let bytes: Vec<u8> = (0..2_000 + home.random.below(60_000)).map(|at| (at * 31) as u8).collect();
    let session = home.seats[seat].session.clone();
    let kind = [("Content-Type", "application/octet-stream")];
    let answer = home.web.request("POST", &format!("/Session/{session}/UPLOAD/{name}"), &kind, &bytes).await?;
    if answer.status != 200 {
        return Err(format!("upload: status {}", answer.status));
    }
    let round = home.round;
    home.seats[seat].awaited.push((format!(r#"<newUploaded uploadID="{name}""#), round));
    let listed = home.seats[seat].link.ask(&format!(r#"<listUploaded uploadID="{name}"/>"#)).await?;
    if listed.first().and_then(|file| file.get("size")) != Some(bytes.len().to_string().as_str()) {
        return Err(format!("listUploaded: {listed:?}"));
    }
    fetch(home, &format!("/Session/{session}/DOWNLOAD/$UPLOAD$/{name}"), Some(&bytes)).await?;
    let mailbox = format!("{}/INBOX", home.seats[seat].account);
    let (subject, path) = (home.subject(), "INBOX");
    let part =
        format!(r#"<MIME type="multipart" subtype="mixed"><MIME type="text" subtype="plain">see</MIME><MIME uploadID="{name}"/></MIME>"#);
    let email = format!("<EMail><Subject>{subject}</Subject>{part}</EMail>");
    let request = format!(r#"<messageAppend targetMailbox="{path}" report="uid">{email}</messageAppend>"#);
    let uid = new_uid(&home.seats[seat].link.ask(&request).await?)?;
    home.added(&mailbox, uid, &subject);
    home.seats[seat].link.ask(&format!(r#"<clearUploaded uploadID="{name}"/>"#)).await?;
    let folder = home.seats[seat].views[0].name.clone();
    fetch(home, &format!("/Session/{session}/MIME/{folder}/{uid}-02-B.bin"), Some(&bytes)).await
}

async fn fetch(home: &mut Household, path: &str, expected: Option<&[u8]>) -> Outcome {
    let answer = home.web.request("GET", path, &[], b"").await?;
    match expected {
        _ if answer.status != 200 => Err(format!("{path}: status {}", answer.status)),
        Some(bytes) if answer.body != bytes => Err(format!("{path}: {} bytes of {}, or others", answer.body.len(), bytes.len())),
        _ => Ok(()),
    }
}

/// Redirects or forwards a message to Ben.
pub async fn pass_on(home: &mut Household, seat: usize) -> Outcome {
    let Some((view, uid)) = home.pick(seat) else { return Ok(()) };
    let (folder, mailbox) = (home.seats[seat].views[view].name.clone(), home.seats[seat].views[view].mailbox.clone());
    let Some(subject) = home.mailboxes.get(&mailbox).and_then(|known| Some(known.messages.get(&uid)?.subject.clone())) else {
        return Ok(());
    };
    let to = home.address(1);
    for operation in ["messageRedirect", "messageForward"] {
        home.seats[seat].link.ask(&format!(r#"<{operation} folder="{folder}" UID="{uid}"><To>{to}</To></{operation}>"#)).await?;
        home.posted("1/INBOX", &subject);
    }
    Ok(())
}

/// Appends a message that asks to be confirmed, and confirms it.
pub async fn confirm(home: &mut Household, seat: usize) -> Outcome {
    let (account, asker) = (home.seats[seat].account, home.address(1));
    let mailbox = format!("{account}/INBOX");
    let wish = format!("<From>{asker}</From><Disposition-Notification-To>{asker}</Disposition-Notification-To>");
    let (uid, _) = put(home, seat, &mailbox, &wish).await?;
    let folder = home.seats[seat].views[0].name.clone();
    home.seats[seat].link.ask(&format!(r#"<messageConfirm folder="{folder}" UID="{uid}" type="manual"/>"#)).await?;
    home.updated(&mailbox, uid);
    Ok(())
}

/// Reads a message: as XML, as a reply to be, and its source by the session's URLs.
pub async fn read(home: &mut Household, seat: usize) -> Outcome {
    let Some((view, uid)) = home.pick(seat) else { return Ok(()) };
    let (folder, session) = (home.seats[seat].views[view].name.clone(), home.seats[seat].session.clone());
    let mode = ["", r#" mode="replyFrom""#, r#" mode="replyAll""#][home.random.below(3)];
    let data = home.seats[seat].link.ask(&format!(r#"<folderRead folder="{folder}" UID="{uid}"{mode}/>"#)).await?;
    if !data.iter().any(|message| message.name == "folderMessage") {
        return Err(format!("folderRead {folder} {uid}: {data:?}"));
    }
    for part in ["P.txt", "H.txt"] {
        fetch(home, &format!("/Session/{session}/MIME/{folder}/{uid}-{part}"), None).await?;
    }
    Ok(())
}
