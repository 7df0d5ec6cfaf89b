//! Calendars: mailboxes, and documents from elsewhere, as events and tasks that happen at times.
//!
//! What a mailbox holds is kept as index rows beside its messages (`store::calendars`, brought up to date by `index`), so
//! that a find touches neither messages nor rules as long as it stays within some years of today. `rows` makes rows of
//! items, `hits` picks what happens in a window, `find` puts both together, `days` deals the result out to days.
//!
//! What the specification leaves open is decided so: an event is shown on each day that it touches, and counted once
//! (`items`, `limit` and `skip` count events, not showings); a task lies between its start and the time it is due; a task
//! with neither is shown on the first day asked for, whenever that is; a message whose calendar part cannot be read is
//! shown at the time it came. Spec: XIMSS, "Calendar Operations"; RFC 5545.

pub mod boxes;
pub mod days;
pub mod document;
pub mod export;
pub mod find;
pub mod freebusy;
pub mod hits;
pub mod index;
pub mod message;
pub mod published;
pub mod rows;
pub mod view;

#[cfg(test)]
mod tests;
