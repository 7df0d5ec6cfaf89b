//! The calendar part of a message: which one it is, and what it says.
//!
//! An invitation carries the same item as an alternative and as an attachment; the first readable kind counts. Replies
//! and cancellations are about items, they are none. Spec: RFC 6047 2.4; XIMSS, "Calendar Operations".

use crate::format::ical::{self, Bounds};
use crate::format::mime::structure::{self, Limits, Node};
use crate::model;
use crate::model::component::Component;
use crate::model::fault::{Fault, Outcome};

/// Bytes of a message that are looked at: items stand before what is attached to them.
pub const MOST: u64 = 4 << 20;

/// Methods of messages that are about an item without being one.
const ABOUT: &[&str] = &["REPLY", "CANCEL", "REFRESH", "COUNTER", "DECLINECOUNTER"];

/// True for a header behind which there may be a calendar part.
pub fn may_hold_items(header: &[u8], limits: &Limits) -> bool {
    let about = structure::structure(header, limits).about;
    about.kind == "multipart" || rank(&about).is_some()
}

/// How sure it is that a part is the calendar part; less is surer.
fn rank(about: &structure::About) -> Option<u8> {
    match (about.kind.as_str(), about.subtype.as_str()) {
        ("text", "calendar") => Some(if about.is_attachment() { 1 } else { 0 }),
        ("text", "x-vcalendar") => Some(2),
        ("application", "ics") => Some(3),
        _ => None,
    }
}

/// The calendar part of a message.
pub fn part(root: &Node) -> Option<&Node> {
    let mut best: Option<(u8, &Node)> = None;
    structure::walk(root, &mut |node| {
        if let Some(rank) = rank(&node.about)
            && best.is_none_or(|(other, _)| rank < other)
        {
            best = Some((rank, node));
        }
        true
    });
    best.map(|(_, node)| node)
}

/// The calendars in the bytes of a message; None where it has no calendar part.
pub fn calendars(raw: &[u8], limits: &model::limits::Limits) -> Outcome<Option<Vec<Component>>> {
    let root = structure::structure(raw, &Limits::of(limits));
    let Some(node) = part(&root) else { return Ok(None) };
    let text = structure::text(raw, node).ok_or_else(|| Fault::bad("calendar item is incorrect: it cannot be decoded"))?;
    ical::parse_within(text.as_bytes(), Bounds::of(limits)).map(Some)
}

/// The text of the calendar part, readable or not; None where there is none.
pub fn text(raw: &[u8], limits: &model::limits::Limits) -> Option<String> {
    let root = structure::structure(raw, &Limits::of(limits));
    structure::text(raw, part(&root)?)
}

/// The calendars among these that hold items.
pub fn with_items(calendars: &[Component]) -> impl Iterator<Item = &Component> {
    calendars.iter().filter(|calendar| holds_items(calendar))
}

/// True for a calendar that holds items rather than being about some.
pub fn holds_items(calendar: &Component) -> bool {
    let method = calendar.text("METHOD").unwrap_or_default();
    !ABOUT.iter().any(|about| method.trim().eq_ignore_ascii_case(about))
}
