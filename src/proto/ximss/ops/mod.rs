//! The operations, a file per family. A family's table stands at the head of its file.

pub mod accounts;
pub mod calendars;
pub mod call_updates;
pub mod calls;
pub mod contacts;
mod filing;
pub mod folders;
pub mod im;
pub mod login;
pub mod mailboxes;
pub mod messages;
pub mod password;
pub mod preferences;
pub mod prelogin;
pub mod roster;
pub mod scheduling;
pub mod sending;
pub mod service;
pub mod sets;
pub mod signaling;
mod skins;
mod status;
pub mod tasks;
