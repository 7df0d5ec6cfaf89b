//! Blobs: the raw bytes of messages, shared by all the messages that have them, in chunks.
//!
//! What is known of a blob stands before its chunks. The header fills chunks of its own, so that reading a header never
//! reads a body. A chunk is kept under a power of two of pages: a value of exactly 64 KiB would take 128 KiB on disk.

use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::records;
use super::tables::BLOBS;
use super::writer::WriteTx;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::BlobId;
use serde::{Deserialize, Serialize};
use std::ops::{Bound, ControlFlow, Range};

/// Sizes of chunks, largest first: each just fills pages of its power of two.
const CHUNKS: &[usize] = &[65_000, 32_000, 16_000, 8_000, 4_000];

/// What is known of a blob without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobInfo {
    /// How many messages share it.
    pub shared_by: u32,
    /// Bytes of the whole.
    pub length: u64,
    /// Bytes of the header with its empty line.
    pub header: u64,
}

/// Stands where the blob with the greatest number was, until there is a greater one: so numbers are never given twice,
/// and whoever reads a blob in slices cannot find another message's bytes half-way.
const GONE: BlobInfo = BlobInfo { shared_by: u32::MAX, length: 0, header: 0 };

/// The lengths of the chunks for this many bytes: large ones first, the rest in pieces that waste at most a page.
fn chunk_lengths(mut left: usize) -> Vec<usize> {
    let mut out = Vec::with_capacity(left / 65_000 + 4);
    while left > 0 {
        let fits = CHUNKS.iter().find(|size| **size <= left).copied();
        // A rest that fills more than three quarters of the next larger chunk goes into one.
        let above = CHUNKS.iter().rev().find(|size| **size >= left).copied();
        let take = match (fits, above) {
            (_, Some(above)) if left * 4 > above * 3 || above == 4_000 => left,
            (Some(fits), _) => fits,
            (None, _) => left,
        };
        out.push(take);
        left -= take;
    }
    out
}

/// Stores bytes, shared by no message yet; `header` is the length of the header.
pub fn put(tx: &WriteTx, raw: &[u8], header: usize) -> Outcome<BlobId> {
    let last = last(tx)?;
    let id = BlobId(last.map_or(0, |(id, _)| id.0) + 1);
    if let Some((gone, true)) = last {
        tx.delete(BLOBS, Key::of(gone.0).bytes())?;
    }
    let header = header.min(raw.len());
    records::put(tx, BLOBS, &Key::of(id.0), &BlobInfo { shared_by: 0, length: raw.len() as u64, header: header as u64 })?;
    let (head, body) = raw.split_at(header);
    let mut at = 0;
    for part in [head, body] {
        let mut rest = part;
        for length in chunk_lengths(part.len()) {
            let (chunk, after) = rest.split_at(length);
            tx.put(BLOBS, Key::of(id.0).u64(at).bytes(), chunk)?;
            at += length as u64;
            rest = after;
        }
    }
    Ok(id)
}

/// The blob with the greatest number, and whether it is gone.
fn last(tx: &dyn Read) -> Outcome<Option<(BlobId, bool)>> {
    let mut last = None;
    tx.scan(BLOBS, (Bound::Unbounded, Bound::Unbounded), Direction::Backward, &mut |key, value| {
        // What is gone has no chunks, which would come after what is known of it.
        let is_info = key.len() == size_of::<u64>();
        last = Some((BlobId(keys::u64_at(key, 0)), is_info && records::decode::<BlobInfo>(value)? == GONE));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(last)
}

fn known(tx: &dyn Read, id: BlobId) -> Outcome<Option<BlobInfo>> {
    Ok(records::get(tx, BLOBS, &Key::of(id.0))?.filter(|info| *info != GONE))
}

/// What is known of a blob.
pub fn info(tx: &dyn Read, id: BlobId) -> Outcome<BlobInfo> {
    known(tx, id)?.ok_or_else(|| Fault::logged("a message has lost its bytes", id))
}

/// The bytes of a range, cut to what there is. Chunks outside are not read, so slices of a large blob cost what they hold.
pub fn read(tx: &dyn Read, id: BlobId, range: Range<u64>) -> Outcome<Vec<u8>> {
    let whole = info(tx, id)?.length;
    let range = range.start.min(whole)..range.end.min(whole);
    let mut out = Vec::with_capacity(range.end.saturating_sub(range.start) as usize);
    if range.is_empty() {
        return Ok(out);
    }
    let (blob, next, after) = (Key::of(id.0), Key::of(id.0).u64(range.start + 1), Key::of(id.0).u64(range.end));
    let mut first = 0;
    tx.scan(BLOBS, keys::between(&blob, &next), Direction::Backward, &mut |key, _| {
        first = keys::u64_at(key, 8);
        Ok(ControlFlow::Break(()))
    })?;
    let first = blob.u64(first);
    tx.scan(BLOBS, keys::between(&first, &after), Direction::Forward, &mut |key, chunk| {
        let at = keys::u64_at(key, 8);
        let length = chunk.len() as u64;
        let from = range.start.saturating_sub(at).min(length) as usize;
        let till = range.end.saturating_sub(at).min(length) as usize;
        out.extend_from_slice(chunk.get(from..till).unwrap_or_default());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// All bytes.
pub fn whole(tx: &dyn Read, id: BlobId) -> Outcome<Vec<u8>> {
    read(tx, id, 0..u64::MAX)
}

/// All bytes of a blob that may be gone.
pub fn find(tx: &dyn Read, id: BlobId) -> Outcome<Option<Vec<u8>>> {
    known(tx, id)?.map(|_| whole(tx, id)).transpose()
}

/// The header with its empty line.
pub fn header(tx: &dyn Read, id: BlobId) -> Outcome<Vec<u8>> {
    let header = info(tx, id)?.header;
    read(tx, id, 0..header)
}

/// One more message shares the blob.
pub fn share(tx: &WriteTx, id: BlobId, more: u32) -> Outcome<()> {
    let info = info(tx, id)?;
    records::put(tx, BLOBS, &Key::of(id.0), &BlobInfo { shared_by: info.shared_by + more, ..info })
}

/// One message less shares the blob; without any, it goes.
pub fn release(tx: &WriteTx, id: BlobId) -> Outcome<()> {
    let info = info(tx, id)?;
    if info.shared_by > 1 {
        return records::put(tx, BLOBS, &Key::of(id.0), &BlobInfo { shared_by: info.shared_by - 1, ..info });
    }
    let prefix = Key::of(id.0);
    let end = prefix.end();
    let is_last = last(tx)?.is_some_and(|(last, _)| last == id);
    tx.delete_range(BLOBS, keys::within(&prefix, &end))?;
    if is_last { records::put(tx, BLOBS, &prefix, &GONE) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_add_up_and_stay_under_a_power_of_two(length in 0usize..400_000) {
            let lengths = chunk_lengths(length);
            prop_assert_eq!(lengths.iter().sum::<usize>(), length);
            prop_assert!(lengths.iter().all(|l| *l > 0 && *l <= 65_000));
            prop_assert!(lengths.len() <= length / 65_000 + 6);
        }
    }

    #[test]
    fn bytes_come_back_and_go_with_the_last_message() {
        actix::System::new().block_on(async {
            let store = Store::in_memory();
            let raw: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
            let copy = raw.clone();
            let id = store
                .write(move |tx| {
                    let id = put(tx, &copy, 1234)?;
                    share(tx, id, 2)?;
                    Ok(id)
                })
                .await
                .unwrap();
            let (all, head, some, past) = store
                .read(move |tx| Ok((whole(tx, id)?, header(tx, id)?, read(tx, id, 64_000..70_000)?, read(tx, id, 199_999..300_000)?)))
                .await
                .unwrap();
            assert!(all == raw && head == raw[..1234] && some == raw[64_000..70_000] && past == raw[199_999..]);
            let slices = store.read(move |tx| (0..200_000).step_by(777).map(|at| read(tx, id, at..at + 777)).collect::<Outcome<Vec<_>>>());
            assert!(slices.await.unwrap().concat() == raw);
            store.write(move |tx| release(tx, id)).await.unwrap();
            assert_eq!(store.read(move |tx| info(tx, id)).await.unwrap().shared_by, 1);
            store.write(move |tx| release(tx, id)).await.unwrap();
            assert!(store.read(move |tx| info(tx, id)).await.is_err());
            assert_ne!(store.write(|tx| put(tx, b"another", 0)).await.unwrap(), id);
        });
    }
}
