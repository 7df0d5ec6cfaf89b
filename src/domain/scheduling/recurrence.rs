//! Instances of recurring items: whether there is one at a time, and what it is before it becomes an exception.
//!
//! Spec: RFC 5545 3.8.4.4.

use super::item::{Item, recurs};
use super::times::{Times, Which, like, move_to};
use crate::format::ical::recur::{self, Caps};
use crate::model::calendar::Clock;
use crate::model::component::{Component, Property};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;

/// Properties that an instance does not have.
const OF_SERIES: &[&str] = &["RRULE", "RDATE", "EXDATE", "EXRULE"];

/// The instance of an item that starts, or would start, at an instant: the exception, else what the item says of it.
/// Refused where there is none.
pub fn instance(item: &Item, at: Timestamp, session: &Clock) -> Outcome<Component> {
    if let Some(exception) = item.entry(Which::Instance(at), session) {
        return Ok(exception.clone());
    }
    let none = || Fault::not_found("calendar item has no such recurrence");
    let main = item.main().filter(|main| recurs(main)).ok_or_else(none)?;
    let series = item.series(session).ok_or_else(none)?;
    let expansion = recur::expand(&series, at..at.plus(1), session, Caps::default());
    let there =
        expansion.instances.iter().any(|one| one.start == at && series.entries.get(one.entry).is_some_and(|e| e.recurrence_id.is_none()));
    if !there {
        return Err(none());
    }
    let mut times = Times::of(&item.calendar, session);
    let mut out = main.clone();
    move_to(&mut out, &mut times, at, session);
    OF_SERIES.iter().for_each(|name| out.remove(name));
    let anchor = main.get("DTSTART").or_else(|| main.get("DUE")).cloned().unwrap_or_else(|| Property::new("DTSTART", at.gmt()));
    if let Some(when) = times.when(&anchor) {
        out.set(like("RECURRENCE-ID", at, &anchor, &when, session));
    }
    Ok(out)
}
