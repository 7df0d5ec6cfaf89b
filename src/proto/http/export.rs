//! What is open in a session, given away as one file: the contacts of a folder as vCards, a calendar as iCalendar.
//!
//! The text is made while it is sent, a few messages at a time; its length is not known before. What is open under the
//! name decides what is exported, and how. Spec: XIMSS, "HTTP Access" (Data Export).

use super::disposition;
use super::server::Web;
use crate::domain::access::Caller;
use crate::domain::calendar::export::Document;
use crate::domain::calendar::message;
use crate::domain::sessions::{FindOpen, Opened, Reach};
use crate::domain::{contacts, messages};
use crate::format::mime::structure::Limits;
use crate::format::vcard::write::Style;
use crate::model::fault::Outcome;
use crate::model::ids::{MailboxId, Uid};
use crate::model::rights::Rights;
use crate::store::{Read, Store, blobs, ledger};
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream::{Stream, try_unfold};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Bytes of messages that are read in one question, if the last one does not go beyond.
const AT_ONCE: u64 = 256 << 10;
/// Messages that are read in one question.
const MESSAGES: usize = 64;

/// What a URL asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportUrl {
    /// The session's name for the folder.
    pub name: String,
    /// The name that the URL offers for the file.
    pub file_name: Option<String>,
}

/// Sends what is open under the name.
pub async fn serve(request: &HttpRequest, web: &Web, reach: &Reach, url: ExportUrl) -> Outcome<HttpResponse> {
    let style = match asks_for_old_style(request.query_string()) {
        true => Style::Old,
        false => Style::Third,
    };
    let found = reach.find_open.ask(FindOpen { name: url.name }).await??;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    match found {
        Opened::Folder { mailbox, uids } => {
            let (kind, subtype) = ("text", if style == Style::Old { "x-vcard" } else { "vcard" });
            let file_name = url.file_name.unwrap_or_else(|| "contacts.vcf".to_owned());
            response
                .insert_header((header::CONTENT_TYPE, disposition::content_type(kind, subtype, Some("utf-8"))))
                .insert_header((header::CONTENT_DISPOSITION, disposition::disposition(kind, subtype, Some(&file_name))));
            if request.method() == Method::HEAD {
                return Ok(response.finish());
            }
            let limits = &web.house.settings().limits;
            let limits = Limits::of(limits);
            let left = Left { store: web.house.store.clone(), caller: reach.caller.clone(), mailbox, uids: uids.into(), style, limits };
            Ok(response.streaming(cards(left)))
        }
        Opened::Calendar { mailbox } => {
            let file_name = url.file_name.unwrap_or_else(|| "calendar.ics".to_owned());
            response
                .insert_header((header::CONTENT_TYPE, disposition::content_type("text", "calendar", Some("utf-8"))))
                .insert_header((header::CONTENT_DISPOSITION, disposition::disposition("text", "calendar", Some(&file_name))));
            if request.method() == Method::HEAD {
                return Ok(response.finish());
            }
            let items = CalendarLeft {
                store: web.house.store.clone(),
                caller: reach.caller.clone(),
                mailbox,
                limits: web.house.settings().limits.clone(),
                after: Some(Uid(0)),
                document: Document::default(),
            };
            Ok(response.streaming(items.stream()))
        }
    }
}

/// True where the query says `oldStyle`, whatever its value is but `0`.
fn asks_for_old_style(query: &str) -> bool {
    query.split('&').any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, "1"));
        name.eq_ignore_ascii_case("oldStyle") && value != "0"
    })
}

/// What is still to be sent.
struct Left {
    store: Store,
    caller: Caller,
    mailbox: MailboxId,
    uids: VecDeque<Uid>,
    style: Style,
    limits: Limits,
}

fn cards(left: Left) -> impl Stream<Item = Outcome<Bytes>> {
    try_unfold(left, |mut left| async move {
        while !left.uids.is_empty() {
            let asked: Vec<Uid> = left.uids.iter().take(MESSAGES).copied().collect();
            let (caller, mailbox, style, limits) = (left.caller.clone(), left.mailbox, left.style, left.limits);
            let step = left.store.read(move |tx| {
                messages::folder_mailbox(tx, &caller, mailbox, Rights::READ)?;
                let (mut text, mut bytes, mut done) = (String::new(), 0, 0);
                for uid in asked {
                    done += 1;
                    // A message that has gone meanwhile is not there any more.
                    let Some(row) = ledger::get(tx, mailbox, uid)? else { continue };
                    text.push_str(&contacts::exported(&blobs::whole(tx, row.blob)?, style, &limits).0);
                    bytes += u64::from(row.size);
                    if bytes >= AT_ONCE {
                        break;
                    }
                }
                Ok((text, done))
            });
            let (text, done) = step.await?;
            left.uids.drain(..done);
            if !text.is_empty() {
                return Ok(Some((Bytes::from(text), left)));
            }
        }
        Ok(None)
    })
}

/// What of a calendar is still to be sent.
struct CalendarLeft {
    store: Store,
    caller: Caller,
    mailbox: MailboxId,
    limits: crate::model::limits::Limits,
    /// Where to go on; None where all is sent.
    after: Option<Uid>,
    document: Document,
}

impl CalendarLeft {
    fn stream(self) -> impl Stream<Item = Outcome<Bytes>> {
        try_unfold(self, |mut left| async move {
            while let Some(from) = left.after {
                let (caller, mailbox, limits) = (left.caller.clone(), left.mailbox, left.limits.clone());
                let mut document = std::mem::take(&mut left.document);
                let step = left.store.read(move |tx| {
                    messages::folder_mailbox(tx, &caller, mailbox, Rights::READ)?;
                    let mut text = String::new();
                    let after = items(tx, mailbox, from, &limits, &mut document, &mut text)?;
                    Ok((text, after, document))
                });
                let (text, after, document) = step.await?;
                (left.after, left.document) = (after, document);
                if !text.is_empty() {
                    return Ok(Some((Bytes::from(text), left)));
                }
            }
            Ok(None)
        })
    }
}

/// Writes the items of some messages from a UID on. Gives where to go on; None at the end, which is written then.
fn items(
    tx: &dyn Read,
    mailbox: MailboxId,
    from: Uid,
    limits: &crate::model::limits::Limits,
    document: &mut Document,
    text: &mut String,
) -> Outcome<Option<Uid>> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    ledger::visit(tx, mailbox, from, &mut |row| {
        bytes += u64::from(row.size);
        rows.push(row);
        Ok(if bytes >= AT_ONCE || rows.len() >= MESSAGES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let Some(last) = rows.last().map(|row| row.uid) else {
        document.finish(text);
        return Ok(None);
    };
    for row in rows {
        document.message(text, &blobs::read(tx, row.blob, 0..message::MOST)?, limits);
    }
    Ok(Some(last.next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_style_is_asked_for_in_the_query() {
        assert!(asks_for_old_style("oldStyle=1") && asks_for_old_style("a=b&oldstyle"));
        assert!(!asks_for_old_style("") && !asks_for_old_style("oldStyle=0") && !asks_for_old_style("old=1"));
    }
}
