//! The index behind substring filters: runs of three bytes of folded text, and which messages hold them.
//!
//! Messages are indexed a segment at a time, long after they were stored (`domain::indexer`): a segment is written once,
//! and what was removed since is passed over by whoever asks. The index says which messages *may* hold a text; each is
//! then looked at. Messages behind the last segment are not indexed and always may. What the index knows can be made
//! again from the messages, so a new version of it simply starts afresh.

use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::postings::{self, Places};
use super::records;
use super::tables::{META, SEARCH_SEGMENTS, SEARCH_TERMS, Table};
use super::writer::WriteTx;
use crate::model::fault::Outcome;
use crate::model::ids::{MailboxId, Uid};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};

pub use super::postings::MESSAGES;

/// The version of what is indexed and how. Raised when either changes.
const VERSION: u32 = 2;
/// Postings of a segment: past it the segment ends early, so that building one takes bounded memory.
const MOST_POSTINGS: usize = 4_000_000;

/// What was indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Header fields.
    Header,
    /// Text parts.
    Body,
}

const SCOPES: [Scope; 2] = [Scope::Header, Scope::Body];

#[derive(Serialize, Deserialize)]
struct SegmentRecord {
    /// Each UID as its distance from the one before.
    uids: Vec<u32>,
    /// For each scope the messages that were too long to index: they may hold anything.
    too_long: [Vec<u8>; 2],
}

/// A segment in the making.
#[derive(Default)]
pub struct Segment {
    uids: Vec<Uid>,
    terms: [HashMap<u32, Vec<u16>, foldhash::fast::RandomState>; 2],
    too_long: [Vec<u16>; 2],
    postings: usize,
}

impl Segment {
    /// True when no more messages go in.
    pub fn is_full(&self) -> bool {
        self.uids.len() >= MESSAGES || self.postings >= MOST_POSTINGS
    }

    /// Adds a message with a greater UID than those before; None for a text that is too long to index.
    pub fn add(&mut self, uid: Uid, header: Option<&[u32]>, body: Option<&[u32]>) {
        let place = self.uids.len() as u16;
        self.uids.push(uid);
        for ((terms, too_long), found) in self.terms.iter_mut().zip(&mut self.too_long).zip([header, body]) {
            match found {
                None => too_long.push(place),
                Some(found) => {
                    self.postings += found.len();
                    found.iter().for_each(|term| terms.entry(*term).or_default().push(place));
                }
            }
        }
    }
}

fn bucket_of(term: u32) -> u8 {
    // The middle byte alone would put all words of one vowel together.
    (term.wrapping_mul(0x9e37_79b1) >> 24) as u8
}

fn segment_key(mailbox: MailboxId, first: Uid) -> Key {
    Key::of(mailbox.0).u32(first.0)
}

/// Stores a segment of a mailbox. It must follow the ones before.
pub fn put(tx: &WriteTx, mailbox: MailboxId, segment: &Segment) -> Outcome<()> {
    let Some(first) = segment.uids.first() else { return Ok(()) };
    let mut last = 0;
    let uids = segment.uids.iter().map(|uid| uid.0 - std::mem::replace(&mut last, uid.0)).collect();
    let too_long = segment.too_long.each_ref().map(|places| {
        let mut all = Places::NONE;
        places.iter().for_each(|place| all.add(usize::from(*place)));
        all.to_bytes()
    });
    for (scope, terms) in SCOPES.iter().zip(&segment.terms) {
        let mut sorted: Vec<(u8, u32, &Vec<u16>)> = terms.iter().map(|(term, places)| (bucket_of(*term), *term, places)).collect();
        sorted.sort_unstable_by_key(|(bucket, term, _)| (*bucket, *term));
        for group in sorted.chunk_by(|a, b| a.0 == b.0) {
            let mut packed = Vec::new();
            group.iter().for_each(|(_, term, places)| postings::write(&mut packed, *term, places));
            let bucket = group.first().map_or(0, |(bucket, ..)| *bucket);
            tx.put(SEARCH_TERMS, segment_key(mailbox, *first).u8(*scope as u8).u8(bucket).bytes(), &packed)?;
        }
    }
    records::put(tx, SEARCH_SEGMENTS, &segment_key(mailbox, *first), &SegmentRecord { uids, too_long })
}

/// Messages with smaller UIDs are indexed.
pub fn indexed_till(tx: &dyn Read, mailbox: MailboxId) -> Outcome<Uid> {
    let (prefix, mut till) = (Key::of(mailbox.0), Uid(0));
    let end = prefix.end();
    tx.scan(SEARCH_SEGMENTS, keys::within(&prefix, &end), Direction::Backward, &mut |_, value| {
        let record: SegmentRecord = records::decode(value)?;
        till = Uid(record.uids.iter().sum()).next();
        Ok(ControlFlow::Break(()))
    })?;
    Ok(till)
}

/// Which messages may hold a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// Of the messages below this one, those of `uids`; of the others, all.
    pub till: Uid,
    /// Ascending.
    pub uids: Vec<Uid>,
}

impl Candidates {
    /// True for a message that may hold the text.
    pub fn may_be(&self, uid: Uid) -> bool {
        uid >= self.till || self.uids.binary_search(&uid).is_ok()
    }
}

/// The messages that may hold all of these terms in one of these scopes.
pub fn candidates(tx: &dyn Read, mailbox: MailboxId, scopes: &[Scope], terms: &[u32]) -> Outcome<Candidates> {
    let (prefix, mut out) = (Key::of(mailbox.0), Candidates { till: Uid(0), uids: Vec::new() });
    let end = prefix.end();
    let mut segments: Vec<(Uid, SegmentRecord)> = Vec::new();
    tx.scan(SEARCH_SEGMENTS, keys::within(&prefix, &end), Direction::Forward, &mut |key, value| {
        segments.push((Uid(keys::u32_at(key, 8)), records::decode(value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    for (first, record) in segments {
        let mut found = Places::NONE;
        for scope in scopes {
            found.join(&holding(tx, mailbox, first, *scope, terms)?);
            found.join(&Places::from_bytes(record.too_long.get(*scope as usize).map_or(&[], Vec::as_slice)));
        }
        let mut uid = Uid(0);
        for (place, step) in record.uids.iter().enumerate() {
            uid = Uid(uid.0.saturating_add(*step));
            if found.has(place) {
                out.uids.push(uid);
            }
        }
        out.till = uid.next();
    }
    Ok(out)
}

/// The places of a segment that hold all terms.
fn holding(tx: &dyn Read, mailbox: MailboxId, first: Uid, scope: Scope, terms: &[u32]) -> Outcome<Places> {
    let mut all: Option<Places> = None;
    for term in terms {
        let key = segment_key(mailbox, first).u8(scope as u8).u8(bucket_of(*term));
        let Some(bucket) = tx.get(SEARCH_TERMS, key.bytes())? else { return Ok(Places::NONE) };
        // A damaged bucket says nothing: all messages that the other terms leave are looked at.
        let Some(places) = postings::find(&bucket, *term) else { continue };
        match &mut all {
            Some(all) => all.meet(&places),
            None => all = Some(places),
        }
        if all.as_ref().is_some_and(Places::is_empty) {
            break;
        }
    }
    Ok(all.unwrap_or_else(|| Places::from_bytes(&[u8::MAX; MESSAGES / 8])))
}

/// Removes up to `most` rows of a mailbox's index, or of all. True while there are more.
fn forget_some(tx: &WriteTx, of: Option<MailboxId>, most: usize) -> Outcome<bool> {
    let prefix = of.map(|mailbox| Key::of(mailbox.0));
    let end = prefix.as_ref().and_then(Key::end);
    let mut gone: Vec<(Table, Vec<u8>)> = Vec::new();
    // The terms go first: without its record a segment is not there.
    for table in [SEARCH_SEGMENTS, SEARCH_TERMS] {
        let range = prefix.as_ref().map_or((Bound::Unbounded, Bound::Unbounded), |prefix| keys::within(prefix, &end));
        tx.scan(table, range, Direction::Forward, &mut |key, _| {
            gone.push((table, key.to_vec()));
            Ok(if gone.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
    }
    gone.iter().try_for_each(|(table, key)| tx.delete(*table, key).map(drop))?;
    Ok(gone.len() >= most)
}

/// Removes up to `most` rows of the index of a mailbox that is gone. True while there are more.
pub fn forget(tx: &WriteTx, mailbox: MailboxId, most: usize) -> Outcome<bool> {
    forget_some(tx, Some(mailbox), most)
}

/// Removes up to `most` rows of an index of another version. True while there are more; then the index is this version's.
pub fn renew(tx: &WriteTx, most: usize) -> Outcome<bool> {
    let key = Key::default().text("search version");
    if records::get::<u32>(tx, META, &key)? == Some(VERSION) {
        return Ok(false);
    }
    let more = forget_some(tx, None, most)?;
    if !more {
        records::put(tx, META, &key, &VERSION)?;
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn segments_say_who_may_hold_a_text() {
        actix::System::new().block_on(async {
            let store = Store::in_memory();
            let mailbox = MailboxId(7);
            while store.write(|tx| renew(tx, 10)).await.unwrap() {}
            store
                .write(move |tx| {
                    let mut segment = Segment::default();
                    segment.add(Uid(3), Some(&[1, 2]), Some(&[2, 9]));
                    segment.add(Uid(8), Some(&[2]), None);
                    put(tx, mailbox, &segment)
                })
                .await
                .unwrap();
            let ask = |scopes: &'static [Scope], terms: &'static [u32]| {
                let store = store.clone();
                async move { store.read(move |tx| candidates(tx, mailbox, scopes, terms)).await.unwrap() }
            };
            assert_eq!(ask(&[Scope::Header], &[1, 2]).await, Candidates { till: Uid(9), uids: vec![Uid(3)] });
            assert_eq!(ask(&[Scope::Header], &[2]).await.uids, [Uid(3), Uid(8)]);
            assert_eq!(ask(&[Scope::Body], &[1]).await.uids, [Uid(8)]);
            assert_eq!(ask(&[Scope::Header, Scope::Body], &[9]).await.uids, [Uid(3), Uid(8)]);
            assert!(ask(&[Scope::Header], &[5]).await.uids.is_empty());
            assert_eq!(store.read(move |tx| indexed_till(tx, mailbox)).await.unwrap(), Uid(9));
            while store.write(move |tx| forget(tx, mailbox, 2)).await.unwrap() {}
            assert_eq!(ask(&[Scope::Header], &[1]).await, Candidates { till: Uid(0), uids: vec![] });
        });
    }
}
