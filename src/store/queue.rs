//! The outgoing queue on disk: what is to be sent to whom, and when it is next due.

use super::blobs;
use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::records;
use super::tables::{META, QUEUE, QUEUE_DUE};
use super::writer::WriteTx;
use crate::model::fault::Outcome;
use crate::model::ids::{BlobId, QueueId};
use crate::model::names::Address;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::{Bound, ControlFlow};

/// One message on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRecord {
    /// The bytes to send.
    pub blob: BlobId,
    /// The return path; None for reports, which are never answered by reports.
    pub sender: Option<Address>,
    /// Who has not got it yet.
    pub recipients: Vec<Address>,
    /// True when reports of success were asked for.
    pub report_success: bool,
    /// When it was queued.
    pub queued: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
}

/// Queues a message; it holds a share of its blob.
pub fn put(tx: &WriteTx, record: &QueueRecord, due: Timestamp) -> Outcome<QueueId> {
    let counter = Key::default().text("last queue id");
    let id = QueueId(records::get::<u64>(tx, META, &counter)?.unwrap_or(0) + 1);
    records::put(tx, META, &counter, &id.0)?;
    blobs::share(tx, record.blob, 1)?;
    records::put(tx, QUEUE, &Key::of(id.0), record)?;
    tx.put(QUEUE_DUE, Key::of(due.0 as u64).u64(id.0).bytes(), &[])?;
    Ok(id)
}

/// What is due first: when, which, and the record. None when the queue is empty.
pub fn first(tx: &dyn Read) -> Outcome<Option<(Timestamp, QueueId, QueueRecord)>> {
    let mut found = None;
    tx.scan(QUEUE_DUE, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, _| {
        found = Some((Timestamp(keys::u64_at(key, 0) as i64), QueueId(keys::u64_at(key, 8))));
        Ok(ControlFlow::Break(()))
    })?;
    let Some((due, id)) = found else { return Ok(None) };
    Ok(records::get(tx, QUEUE, &Key::of(id.0))?.map(|record| (due, id, record)))
}

/// Takes a message out of the queue: all its recipients are served or reported.
pub fn remove(tx: &WriteTx, due: Timestamp, id: QueueId) -> Outcome<()> {
    if let Some(record) = records::get::<QueueRecord>(tx, QUEUE, &Key::of(id.0))? {
        blobs::release(tx, record.blob)?;
        tx.delete(QUEUE, Key::of(id.0).bytes())?;
    }
    tx.delete(QUEUE_DUE, Key::of(due.0 as u64).u64(id.0).bytes()).map(drop)
}

/// Puts a message off to another time, with what is left to do.
pub fn postpone(tx: &WriteTx, due: Timestamp, id: QueueId, record: &QueueRecord, next: Timestamp) -> Outcome<()> {
    tx.delete(QUEUE_DUE, Key::of(due.0 as u64).u64(id.0).bytes())?;
    records::put(tx, QUEUE, &Key::of(id.0), record)?;
    tx.put(QUEUE_DUE, Key::of(next.0 as u64).u64(id.0).bytes(), &[])
}

/// How many messages wait.
pub fn length(tx: &dyn Read) -> Outcome<u64> {
    let mut count = 0;
    tx.scan(QUEUE_DUE, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |_, _| {
        count += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(count)
}
