//! Floor 1. The store: the only floor that names redb.
//!
//! Imports `model`. Typed questions are plain functions over a transaction; they neither await nor send.
//! One writer thread commits in groups (`writer`), two readers answer questions (`workers`), and after a commit,
//! never before, `feed` tells who asked to hear. What the engine must offer is `engine`: ordered keys, ranges,
//! atomic transactions. Ours is redb behind a write-ahead log (`redb_engine`, `write_ahead`).

pub mod accounts;
pub mod blobs;
pub mod calendar_cache;
pub mod calendars;
pub mod db;
pub mod departed;
pub mod engine;
#[cfg(test)]
mod fault_tests;
pub mod feed;
pub mod files;
pub mod keys;
pub mod ledger;
pub mod mailboxes;
pub mod meetings;
pub mod messages;
pub mod migrate;
pub mod offline;
pub mod orders;
pub mod postings;
pub mod prefs;
pub mod queue;
pub mod records;
mod redb_engine;
pub mod roster;
pub mod search;
pub mod tables;
pub mod workers;
mod write_ahead;
mod writer;

pub use db::{FILES, Options, Store, StoreError};
pub use engine::Read;
pub use writer::WriteTx;
