//! The indexer: keeps the search index of every mailbox behind its messages, at leisure.
//!
//! A segment is made when a mailbox has enough messages that are not indexed; fewer are looked at one by one when a
//! filter asks. Reading is cut into short questions, so that clients get their turn between them, and each segment is
//! one commit. What a stop interrupts begins again with the segment. Spec: XIMSS, "Mailbox Operations" (filter).

#[cfg(test)]
mod tests;

use super::house::House;
use crate::format::mime::search as terms;
use crate::model::fault::Outcome;
use crate::model::ids::{BlobId, MailboxId, Uid};
use crate::store::search::{self, MESSAGES, Segment};
use crate::store::{Read, Store, blobs, ledger, mailboxes};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Messages read in one question.
const STEP: usize = 16;
/// Rows of an index of another version removed in one commit.
const REMOVED: usize = 2_000;
/// Appends come in bursts: the indexer waits this long for the burst to end.
const CALM: Duration = Duration::from_secs(2);

/// Indexes for as long as the server runs. Spawned once by the app floor.
pub async fn run(house: Arc<House>) {
    let grown = house.store.feed().grown();
    if let Err(fault) = catch_up(&house.store).await {
        tracing::warn!(%fault, "the search index is not up to date: filters are slower until it is");
    }
    loop {
        let some = grown.take().await;
        tokio::time::sleep(CALM).await;
        for mailbox in some {
            // The store has logged why; the next message that comes to the mailbox brings the next attempt.
            let _ = index(&house.store, mailbox).await;
        }
    }
}

/// Brings the index of all mailboxes up to date.
async fn catch_up(store: &Store) -> Outcome<()> {
    while store.write(|tx| search::renew(tx, REMOVED)).await? {}
    for mailbox in store.read(|tx| mailboxes::all(tx)).await? {
        index(store, mailbox).await?;
    }
    Ok(())
}

/// Indexes a mailbox up to the last whole segment.
pub async fn index(store: &Store, mailbox: MailboxId) -> Outcome<()> {
    loop {
        let next = store.read(move |tx| not_indexed(tx, mailbox)).await?;
        if next.len() < MESSAGES {
            return Ok(());
        }
        let mut segment = Segment::default();
        for step in next.chunks(STEP) {
            let step = step.to_vec();
            segment = store.read(move |tx| extended(tx, segment, &step)).await?;
            if segment.is_full() {
                break;
            }
        }
        store
            .write(move |tx| match mailboxes::get(tx, mailbox)? {
                Some(_) => search::put(tx, mailbox, &segment),
                None => Ok(()),
            })
            .await?;
    }
}

/// The next messages to be indexed, at most a segment's.
fn not_indexed(tx: &dyn Read, mailbox: MailboxId) -> Outcome<Vec<(Uid, BlobId)>> {
    let mut next = Vec::new();
    // Most mailboxes are too small for a segment: their counters say so.
    if mailboxes::get(tx, mailbox)?.is_none() || (mailboxes::state(tx, mailbox)?.messages as usize) < MESSAGES {
        return Ok(next);
    }
    let from = search::indexed_till(tx, mailbox)?;
    ledger::visit(tx, mailbox, from, &mut |row| {
        next.push((row.uid, row.blob));
        Ok(if next.len() < MESSAGES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(next)
}

/// A segment with some messages more. One that was removed meanwhile has no terms.
fn extended(tx: &dyn Read, mut segment: Segment, messages: &[(Uid, BlobId)]) -> Outcome<Segment> {
    for (uid, blob) in messages {
        if segment.is_full() {
            break;
        }
        match blobs::find(tx, *blob)? {
            Some(raw) => segment.add(*uid, terms::header_terms(&raw).as_deref(), terms::body_terms(&raw).as_deref()),
            None => segment.add(*uid, Some(&[]), Some(&[])),
        }
    }
    Ok(segment)
}
