//! Floor 2. Actors and decisions: who may do what, what follows from what.
//!
//! Imports `model`, `format` and `store`. Knows no XML, no socket, no HTTP. Decisions are plain functions over a
//! transaction; an actor is only what has a state and a life of its own (`FolderView`, `Sessions`, `Queue`).

pub mod access;
pub mod account_rights;
pub mod accounts;
pub mod auth;
pub mod avatar;
pub mod calendar;
pub mod call;
pub mod compose;
pub mod contacts;
pub mod delivery;
pub mod files;
pub mod folder;
pub mod house;
pub mod im;
pub mod indexer;
pub mod iq;
pub mod journal;
pub mod letters;
pub mod mailboxes;
pub mod messages;
pub mod pace;
pub mod ports;
pub mod preferences;
pub mod presence;
pub mod queue;
pub mod recovery;
pub mod remote_documents;
pub mod rooms;
pub mod roster;
pub mod scheduling;
pub mod scripts;
pub mod sessions;
pub mod settings;
pub mod signals;
pub mod skins;
pub mod strangers;
pub mod sweeper;
pub mod tasks;
pub mod tell;
#[cfg(test)]
pub(crate) mod testing;
pub mod throttle;
pub mod turns;
pub mod uploads;
pub mod watch;
