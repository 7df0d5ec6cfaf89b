//! Cards of a file, made into items a batch at a time, so that memory and commits stay bounded.
//!
//! Spec: XIMSS, "Contacts Operations" (contactsImport).

use super::{Author, item};
use crate::domain::access::Reached;
use crate::domain::delivery::Prepared;
use crate::domain::messages::check_quota;
use crate::format::vcard::MOST_CARD;
use crate::format::vcard::stream::{Item, Items, Unreadable};
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::Flags;
use crate::model::time::Timestamp;
use crate::store::{WriteTx, messages};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Cards of one batch.
const BATCH_CARDS: usize = 200;
/// Bytes of one batch, if its last card does not go beyond.
const BATCH_BYTES: usize = 4 << 20;

/// A file that is read.
pub struct Reading {
    items: Items<BufReader<File>>,
    author: Author,
}

/// Some of its cards.
#[derive(Default)]
pub struct Batch {
    /// As items.
    pub items: Vec<Prepared>,
    /// How many could not be read.
    pub unreadable: u64,
    /// The first of these.
    pub first: Option<Unreadable>,
    /// The file has no more.
    pub is_last: bool,
}

fn failed(e: std::io::Error) -> Fault {
    Fault::logged("a file of contacts cannot be read", e)
}

impl Reading {
    /// Begins. `charset`: of bytes that are not UTF-8.
    pub fn of(path: &Path, charset: &str, author: Author) -> Outcome<Self> {
        let file = File::open(path).map_err(failed)?;
        let items = Items::new(BufReader::with_capacity(64 << 10, file), Some(charset), MOST_CARD).map_err(failed)?;
        Ok(Self { items, author })
    }

    /// The next batch. Blocks.
    pub fn next_batch(&mut self, now: Timestamp) -> Outcome<Batch> {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        while batch.items.len() < BATCH_CARDS && bytes < BATCH_BYTES {
            match self.items.next().transpose().map_err(failed)? {
                None => {
                    batch.is_last = true;
                    break;
                }
                Some(Item::Card(card)) => {
                    let raw = item(card, &self.author, now)?;
                    bytes += raw.len();
                    batch.items.push(Prepared::of(raw));
                }
                Some(Item::Unreadable(lost)) => {
                    batch.unreadable += 1;
                    batch.first.get_or_insert(lost);
                }
            }
        }
        Ok(batch)
    }
}

/// Stores the items of a batch: one step. They have been seen.
pub fn store(tx: &WriteTx, reached: &Reached, items: &[Prepared], now: Timestamp) -> Outcome<()> {
    check_quota(tx, &reached.owner, items.iter().map(|item| u64::from(item.size())).sum())?;
    let new = items.iter().map(|item| Ok(item.message(item.store(tx)?, Flags::SEEN.with(Flags::RECENT), now)));
    let new = new.collect::<Outcome<Vec<_>>>()?;
    if new.is_empty() { Ok(()) } else { messages::append(tx, &reached.record, &new, &[]).map(drop) }
}
