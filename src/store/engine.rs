//! What the house asks of a storage engine: ordered keys of bytes, ranges, snapshots, atomic durable transactions.
//! redb is the first to answer (`redb_engine`); a distributed one can stand in by answering the same.

use super::tables::Table;
use crate::model::fault::Outcome;
use std::ops::{Bound, ControlFlow};

/// A range of keys.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// What is done with each pair of a scan. `Break` ends it.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Outcome<ControlFlow<()>>;

/// The direction of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// Reading: from a snapshot, or inside a transaction (which sees its own writes).
pub trait Read {
    /// The value of a key.
    fn get(&self, table: Table, key: &[u8]) -> Outcome<Option<Vec<u8>>>;

    /// Visits the pairs of a range in key order. The visitor must not write to the same table.
    fn scan(&self, table: Table, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Outcome<()>;
}

/// An atomic transaction: all of it or nothing.
pub trait Transaction: Read {
    /// Stores a value under a key, replacing what was there.
    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Outcome<()>;
    /// Removes a key; true if it was there.
    fn delete(&self, table: Table, key: &[u8]) -> Outcome<bool>;
}

/// What is done in a transaction, once. A refusal undoes it.
pub type Work<'a> = &'a mut dyn FnMut(&dyn Transaction) -> Outcome<()>;

/// What is to be done as soon as a transaction is on disk.
pub type Done<'a> = &'a mut dyn FnMut();

/// An engine: gives snapshots to many and a transaction to one at a time.
pub trait Engine: Send + Sync {
    /// A consistent view of the last commit. Hold it for one question only: it keeps old pages alive.
    fn snapshot(&self) -> Outcome<Box<dyn Read + '_>>;
    /// Runs `work` in a transaction, once others have ended, and `done` as soon as that survives loss of power: a snapshot
    /// that is asked for from then on has it, and where this ends with a fault all the same, the store is opened anew with
    /// it. Where `work` refuses, or no transaction can be had for it, nothing has changed; where it was content and `done`
    /// was not run, nobody knows. `done` must not ask for anything of the engine.
    fn transact(&self, work: Work<'_>, done: Done<'_>) -> Outcome<()>;
    /// Closes its files, in order; no transaction may be under way. What is asked later is refused.
    fn close(&self);
}
