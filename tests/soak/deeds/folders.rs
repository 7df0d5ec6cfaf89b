//! Open folders: flags, attributes, copies, removals; what they show, searches, other orders.

use super::letters::{new_uid, target};
use crate::household::{COLOURS, Household, SHARED};
use crate::link::Outcome;

/// Messages above which a mailbox is emptied when somebody thinks of it.
pub const FULL: usize = 40;

/// The folder and the mailbox of a view.
fn names(home: &Household, seat: usize, view: usize) -> (String, String) {
    let view = &home.seats[seat].views[view];
    (view.name.clone(), view.mailbox.clone())
}

/// Flags a message, or takes its flag.
pub async fn flag(home: &mut Household, seat: usize) -> Outcome {
    let Some((view, uid)) = home.pick(seat) else { return Ok(()) };
    let (folder, mailbox) = names(home, seat, view);
    let Some(message) = home.mailboxes.get_mut(&mailbox).and_then(|known| known.messages.get_mut(&uid)) else { return Ok(()) };
    message.flagged = !message.flagged;
    let flags = if message.flagged { "Flagged" } else { "Unflagged" };
    let request = format!(r#"<messageMark folder="{folder}" flags="{flags}"><UID>{uid}</UID></messageMark>"#);
    home.seats[seat].link.ask(&request).await?;
    home.updated(&mailbox, uid);
    Ok(())
}

/// Gives a message an attribute and reads it back.
pub async fn attribute(home: &mut Household, seat: usize) -> Outcome {
    let Some((view, uid)) = home.pick(seat) else { return Ok(()) };
    let (folder, mailbox) = names(home, seat, view);
    let value = home.round;
    let key = format!(r#"<subKey key="round">{value}</subKey>"#);
    let link = &mut home.seats[seat].link;
    link.ask(&format!(r#"<messageAttrWrite folder="{folder}" UID="{uid}">{key}</messageAttrWrite>"#)).await?;
    let read = link.ask(&format!(r#"<messageAttrRead folder="{folder}" UID="{uid}"><field>round</field></messageAttrRead>"#)).await?;
    let found = read.first().and_then(|data| data.first("subKey")).map(posthouse::xml::Element::body);
    home.updated(&mailbox, uid);
    if found == Some(value.to_string()) { Ok(()) } else { Err(format!("messageAttrRead: {read:?}")) }
}

async fn transfer(home: &mut Household, seat: usize, operation: &str) -> Outcome<Option<(String, u32)>> {
    let Some((view, uid)) = home.pick(seat) else { return Ok(None) };
    let ((folder, mailbox), to) = (names(home, seat, view), target(home, seat));
    let Some(message) = home.mailboxes.get(&mailbox).and_then(|known| known.messages.get(&uid)).cloned() else { return Ok(None) };
    if operation == "messageMove" && to == mailbox {
        return Ok(None);
    }
    let path = home.path(&to, home.seats[seat].account);
    let request = format!(r#"<{operation} folder="{folder}" targetMailbox="{path}" report="uid"><UID>{uid}</UID></{operation}>"#);
    let new = new_uid(&home.seats[seat].link.ask(&request).await?)?;
    home.added(&to, new, &message.subject);
    // Its flags go with it.
    home.mailboxes.entry(to).or_default().messages.insert(new, message);
    Ok(Some((mailbox, uid)))
}

/// Copies a message.
pub async fn copy(home: &mut Household, seat: usize) -> Outcome {
    transfer(home, seat, "messageCopy").await.map(drop)
}

/// Moves a message.
pub async fn shift(home: &mut Household, seat: usize) -> Outcome {
    if let Some((mailbox, uid)) = transfer(home, seat, "messageMove").await? {
        home.removed(&mailbox, uid);
    }
    Ok(())
}

/// Removes a message, in one of the three ways.
pub async fn remove(home: &mut Household, seat: usize) -> Outcome {
    let Some((view, uid)) = home.pick(seat) else { return Ok(()) };
    let (folder, mailbox) = names(home, seat, view);
    let way = home.random.below(3);
    let mode = ["Immediately", "Move To Trash", "Mark"][way];
    home.seats[seat].link.ask(&format!(r#"<messageRemove folder="{folder}" mode="{mode}"><UID>{uid}</UID></messageRemove>"#)).await?;
    if way < 2 {
        home.removed(&mailbox, uid);
        return Ok(());
    }
    if let Some(message) = home.mailboxes.get_mut(&mailbox).and_then(|known| known.messages.get_mut(&uid)) {
        let news = !message.deleted;
        message.deleted = true;
        if news {
            home.updated(&mailbox, uid);
        }
    }
    Ok(())
}

/// Does away with what is marked as deleted.
pub async fn expunge(home: &mut Household, seat: usize) -> Outcome {
    let Some(view) = home.seats[seat].views.iter().position(|view| view.filter.is_empty()) else { return Ok(()) };
    let (folder, mailbox) = names(home, seat, view);
    home.seats[seat].link.ask(&format!(r#"<folderExpunge folder="{folder}"/>"#)).await?;
    let known = home.mailboxes.get(&mailbox).into_iter().flat_map(|known| &known.messages);
    let deleted: Vec<u32> = known.filter(|(_, message)| message.deleted).map(|(uid, _)| *uid).collect();
    deleted.into_iter().for_each(|uid| home.removed(&mailbox, uid));
    Ok(())
}

/// Empties what has grown, and the trash.
pub async fn empty(home: &mut Household, seat: usize) -> Outcome {
    home.seats[seat].link.ask("<emptyTrash/>").await?;
    let account = home.seats[seat].account;
    for mailbox in [format!("{account}/INBOX"), SHARED.to_owned()] {
        let full = home.mailboxes.get(&mailbox).is_some_and(|known| known.messages.len() > FULL);
        if full && (account < 2 || mailbox != SHARED) {
            let path = home.path(&mailbox, account);
            home.seats[seat].link.ask(&format!(r#"<emptyMailbox mailbox="{path}" duration="0"/>"#)).await?;
            home.emptied(&mailbox);
        }
    }
    Ok(())
}

/// Looks at the rows of a folder.
pub async fn browse(home: &mut Household, seat: usize) -> Outcome {
    let view = home.random.below(home.seats[seat].views.len());
    let (folder, _) = names(home, seat, view);
    home.seats[seat].link.ask(&format!(r#"<folderBrowse folder="{folder}"><index from="0" till="30"/></folderBrowse>"#)).await.map(drop)
}

/// Looks for something in headers, bodies and flags, in a folder of its own.
pub async fn search(home: &mut Household, seat: usize) -> Outcome {
    let mailbox = home.seats[seat].views[0].mailbox.clone();
    let path = home.path(&mailbox, home.seats[seat].account);
    for (field, text) in [("Subject", COLOURS[1]), ("body", "ba"), ("FLAGS", "Flagged,Unseen")] {
        let link = &mut home.seats[seat].link;
        let open = format!(
            r#"<folderOpen folder="search" mailbox="{path}" filterField="{field}" filter="{text}"><field>Subject</field></folderOpen>"#
        );
        link.ask(&open).await?;
        let rows = link.ask(r#"<folderBrowse folder="search"><index from="0" till="9"/></folderBrowse>"#).await?;
        link.ask(r#"<folderClose folder="search"/>"#).await?;
        let subjects = rows.iter().filter_map(|row| row.first("Subject")).map(posthouse::xml::Element::body);
        if field == "Subject" && !subjects.into_iter().all(|subject| subject.contains(text)) {
            return Err(format!("a filter for {text} shows {rows:?}"));
        }
    }
    Ok(())
}

/// Has a folder built anew in another order, or closes and opens it.
pub async fn reopen(home: &mut Household, seat: usize) -> Outcome {
    let view = home.random.below(home.seats[seat].views.len());
    let ((folder, mailbox), filter) = (names(home, seat, view), home.seats[seat].views[view].filter);
    if home.random.below(2) == 0 {
        let look = home.look(filter);
        home.seats[seat].link.ask(&format!(r#"<folderReopen folder="{folder}" {look}/>"#)).await?;
        let known = home.shown(&mailbox, filter);
        home.seats[seat].views[view] = crate::view::View::opened(&folder, &mailbox, filter, known);
        return Ok(());
    }
    home.seats[seat].link.ask(&format!(r#"<folderClose folder="{folder}"/>"#)).await?;
    home.seats[seat].views.remove(view);
    home.open(seat, &mailbox, filter).await?;
    // Its place among the folders of the session stays what it was: the inbox is the first.
    let last = home.seats[seat].views.len() - 1;
    home.seats[seat].views.swap(view, last);
    Ok(())
}
