//! Items of a file, stored a batch at a time, so that memory and commits stay bounded.
//!
//! An item takes the place of what the calendar held under its UID before the import; several items of one file that share
//! a UID all stay. What cannot be read is kept as the text it is, once, and is listed as unreadable. Spec: XIMSS, "Calendar
//! Operations" (calendarImport).

use super::item::{Item, uid_of};
use super::office::Office;
use super::{letter, shelf};
use crate::domain::messages::folder_mailbox;
use crate::format::ical::{self, Bounds, Items};
use crate::model::component::Property;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::MailboxId;
use crate::model::limits::Limits;
use crate::model::names::DomainName;
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::store::WriteTx;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Items of one batch.
const BATCH: usize = 100;
/// Bytes of one batch, if its last item does not go beyond.
const BATCH_BYTES: usize = 1 << 20;

/// A file that is read.
pub struct Reading {
    items: Items<BufReader<File>>,
    domain: DomainName,
    seen: HashSet<[u8; 16]>,
}

/// An item of a file.
#[derive(Debug, Clone)]
pub enum Found {
    /// An item; true where no item before it had its UID.
    Item(Box<Item>, bool),
    /// What is none: its text, and why.
    Unreadable(Vec<u8>, Fault),
}

/// Some of what a file holds.
#[derive(Debug, Default)]
pub struct Batch {
    /// To be stored.
    pub found: Vec<Found>,
    /// Items that can be read.
    pub readable: usize,
    /// Items that are too large to be kept.
    pub too_large: usize,
    /// What was wrong with the first that cannot be read.
    pub first: Option<Fault>,
    /// There is no more.
    pub is_last: bool,
}

impl Reading {
    /// Begins. Blocks.
    pub fn of(path: &Path, limits: &Limits, domain: DomainName) -> Outcome<Self> {
        let file = File::open(path).map_err(|e| Fault::logged("a file of calendar items cannot be read", e))?;
        let items = Items::open(BufReader::with_capacity(64 << 10, file), Bounds::of(limits))?;
        Ok(Self { items, domain, seen: HashSet::new() })
    }

    /// The next batch. Blocks.
    pub fn next_batch(&mut self) -> Outcome<Batch> {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        while batch.found.len() < BATCH && bytes < BATCH_BYTES {
            match self.items.next().transpose()? {
                None => {
                    batch.is_last = true;
                    break;
                }
                Some(ical::Item::Read(calendar)) => {
                    let text = ical::write(&calendar);
                    bytes += text.len();
                    let items = Item::all(vec![calendar]);
                    if items.is_empty() {
                        let why = super::times::incorrect("there is no event and no task");
                        batch.first.get_or_insert(why.clone());
                        batch.found.push(Found::Unreadable(text.clone().into_bytes(), why));
                    }
                    for item in items {
                        batch.readable += 1;
                        batch.found.push(self.found(item, &text));
                    }
                }
                Some(ical::Item::Unreadable { raw, size, why }) => {
                    bytes += raw.len();
                    batch.first.get_or_insert(why.clone());
                    if size > raw.len() as u64 {
                        batch.too_large += 1;
                    } else {
                        batch.found.push(Found::Unreadable(raw, why));
                    }
                }
            }
        }
        Ok(batch)
    }

    fn found(&mut self, item: Item, text: &str) -> Found {
        let item = with_uid(item, text.as_bytes(), &self.domain);
        let mut digest = [0u8; 16];
        digest.iter_mut().zip(Sha256::digest(item.uid().as_bytes())).for_each(|(to, from)| *to = from);
        let is_first = self.seen.insert(digest);
        Found::Item(Box::new(item), is_first)
    }
}

/// What a text of one item or a few holds, as a file of it would.
pub fn found_in(raw: Vec<u8>, limits: &Limits, domain: &DomainName) -> Vec<Found> {
    let items = match ical::parse_within(&raw, Bounds::of(limits)) {
        Ok(calendars) => Item::all(calendars),
        Err(why) => return vec![Found::Unreadable(raw, why)],
    };
    if items.is_empty() {
        return vec![Found::Unreadable(raw, super::times::incorrect("there is no event and no task"))];
    }
    items.into_iter().map(|item| Found::Item(Box::new(with_uid(item, &raw, domain)), true)).collect()
}

/// An item without a UID gets one that the same item gets again, so that importing it twice does not double it.
fn with_uid(mut item: Item, text: &[u8], domain: &DomainName) -> Item {
    if item.uid().is_empty() {
        let digest: String = Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let uid = format!("{digest}@{domain}");
        item.entries.iter_mut().filter(|entry| uid_of(entry).is_empty()).for_each(|entry| entry.set(Property::of_text("UID", &uid)));
    }
    item
}

/// Stores a batch: one step.
pub fn store(tx: &WriteTx, office: &Office, mailbox: MailboxId, found: &[Found]) -> Outcome<()> {
    let reached = folder_mailbox(tx, &office.caller, mailbox, Rights::READ.with(Rights::INSERT))?;
    let now = Timestamp::now();
    for one in found {
        let writing = office.writing(now)?;
        match one {
            Found::Item(item, true) => {
                let held = shelf::held(tx, &office.limits, mailbox, &item.uid())?;
                let kind = |item: &Item| item.entries.first().map(|entry| entry.name.clone());
                // An event and a task may share a UID: neither takes the other's place.
                match held.item.as_ref().is_some_and(|other| kind(other) != kind(item)) {
                    true => shelf::place(tx, &reached, &[], vec![letter::stored(item, &[], &writing)?], now)?,
                    false => shelf::put(tx, &reached, &held, Some(item), &[], &writing)?,
                }
            }
            Found::Item(item, false) => shelf::place(tx, &reached, &[], vec![letter::stored(item, &[], &writing)?], now)?,
            // The same text a second time says nothing new.
            Found::Unreadable(raw, _) if shelf::holds_unreadable(tx, &office.limits, mailbox, raw)? => {}
            Found::Unreadable(raw, why) => shelf::place(tx, &reached, &[], vec![letter::unreadable(raw, why, &writing)?], now)?,
        }
    }
    Ok(())
}
