//! Files of accounts: names in directories, attributes, and bytes in chunks.
//!
//! A file has a number that stays with it whatever it is called; the bytes are a content with a number of its own, so
//! that a file can be given other bytes at once. Chunks are of one length, so that a place in a file is a place in a
//! chunk; the last one holds the rest. Bytes of small files go with their name, those of large ones afterwards
//! (`sweep`), a few to a commit. What a file may be called and how much may be stored is the domain floor's business.

use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::records;
use super::tables::{FILE_ATTRIBUTES, FILE_CHUNKS, FILE_GARBAGE, FILE_NAMES, FILE_USAGE, Table};
use super::writer::WriteTx;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::AccountId;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::{Bound, ControlFlow, Range};

/// Bytes of a chunk: what just fills pages of a power of two.
pub const CHUNK: u64 = 32_000;
/// Contents up to this many bytes are cleared away at once.
const SMALL: u64 = 16 * CHUNK;

/// The number of a file or a directory in its account, never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId(pub u64);

/// The top directory of every account.
pub const TOP: FileId = FileId(0);

/// The number of a content in its account, never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentId(pub u64);

/// What a name in a directory leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its number.
    pub id: FileId,
    /// File or directory.
    pub kind: FileKind,
    /// When it was made.
    pub created: Timestamp,
    /// When its bytes were last written.
    pub modified: Timestamp,
    /// When its attributes were last written.
    pub attributes_modified: Option<Timestamp>,
}

/// File or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its bytes.
        content: ContentId,
        /// How many.
        size: u64,
    },
}

/// How much an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct FileUsage {
    /// Files and directories.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The last number given to a file or a content.
    pub last: u64,
}

/// The stored form of an attribute: the element's name and its source.
pub type StoredAttribute = (String, String);

fn name_key(account: AccountId, directory: FileId, name: &str) -> Key {
    Key::of(account.0).u64(directory.0).text(name)
}

/// What a name in a directory leads to.
pub fn entry(tx: &dyn Read, account: AccountId, directory: FileId, name: &str) -> Outcome<Option<FileRecord>> {
    records::get(tx, FILE_NAMES, &name_key(account, directory, name))
}

/// Makes a name in a directory lead to a file.
pub fn put_entry(tx: &WriteTx, account: AccountId, directory: FileId, name: &str, record: &FileRecord) -> Outcome<()> {
    records::put(tx, FILE_NAMES, &name_key(account, directory, name), record)
}

/// Takes a name out of a directory; the file's attributes and bytes are untouched.
pub fn delete_entry(tx: &WriteTx, account: AccountId, directory: FileId, name: &str) -> Outcome<()> {
    tx.delete(FILE_NAMES, name_key(account, directory, name).bytes()).map(drop)
}

/// Up to `most` entries of a directory in order of their names, from the first after a name on.
pub fn entries(tx: &dyn Read, account: AccountId, directory: FileId, after: &str, most: usize) -> Outcome<Vec<(String, FileRecord)>> {
    let prefix = name_key(account, directory, "");
    let (after, end) = (name_key(account, directory, after), prefix.end());
    let from = if after == prefix { Bound::Included(prefix.bytes()) } else { Bound::Excluded(after.bytes()) };
    let till = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.bytes()));
    let mut out = Vec::new();
    tx.scan(FILE_NAMES, (from, till), Direction::Forward, &mut |key, value| {
        if out.len() == most {
            return Ok(ControlFlow::Break(()));
        }
        let name = String::from_utf8_lossy(key.get(16..).unwrap_or_default()).into_owned();
        out.push((name, records::decode(value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// How much an account has.
pub fn usage(tx: &dyn Read, account: AccountId) -> Outcome<FileUsage> {
    Ok(records::get(tx, FILE_USAGE, &Key::of(account.0))?.unwrap_or_default())
}

/// Stores how much an account has.
pub fn put_usage(tx: &WriteTx, account: AccountId, usage: &FileUsage) -> Outcome<()> {
    records::put(tx, FILE_USAGE, &Key::of(account.0), usage)
}

/// The attributes of a file or a directory.
pub fn attributes(tx: &dyn Read, account: AccountId, file: FileId) -> Outcome<Vec<StoredAttribute>> {
    Ok(records::get(tx, FILE_ATTRIBUTES, &Key::of(account.0).u64(file.0))?.unwrap_or_default())
}

/// Stores the attributes of a file or a directory; none take the row away.
pub fn put_attributes(tx: &WriteTx, account: AccountId, file: FileId, attributes: &[StoredAttribute]) -> Outcome<()> {
    let key = Key::of(account.0).u64(file.0);
    if attributes.is_empty() {
        return tx.delete(FILE_ATTRIBUTES, key.bytes()).map(drop);
    }
    records::put(tx, FILE_ATTRIBUTES, &key, &attributes)
}

/// The bytes of a range of a content of this size, cut to what there is. Chunks outside are not read.
pub fn read(tx: &dyn Read, account: AccountId, content: ContentId, size: u64, range: Range<u64>) -> Outcome<Vec<u8>> {
    let range = range.start.min(size)..range.end.min(size);
    let mut out = Vec::with_capacity(range.end.saturating_sub(range.start) as usize);
    if range.is_empty() {
        return Ok(out);
    }
    let chunk_key = |number: u64| Key::of(account.0).u64(content.0).u64(number);
    let (first, after) = (chunk_key(range.start / CHUNK), chunk_key(range.end.div_ceil(CHUNK)));
    tx.scan(FILE_CHUNKS, keys::between(&first, &after), Direction::Forward, &mut |key, chunk| {
        let at = keys::u64_at(key, 16) * CHUNK;
        let length = chunk.len() as u64;
        let from = range.start.saturating_sub(at).min(length) as usize;
        let till = range.end.saturating_sub(at).min(length) as usize;
        out.extend_from_slice(chunk.get(from..till).unwrap_or_default());
        Ok(ControlFlow::Continue(()))
    })?;
    if out.len() as u64 != range.end - range.start {
        return Err(Fault::logged("a file has lost some of its bytes", account));
    }
    Ok(out)
}

/// Writes bytes over a content from a place on, which is at most its end. What lies behind the bytes stays.
pub fn write(tx: &WriteTx, account: AccountId, content: ContentId, at: u64, bytes: &[u8]) -> Outcome<()> {
    let (mut at, mut rest) = (at, bytes);
    while !rest.is_empty() {
        let (number, inside) = (at / CHUNK, (at % CHUNK) as usize);
        let (now, later) = rest.split_at(rest.len().min(CHUNK as usize - inside));
        let key = Key::of(account.0).u64(content.0).u64(number);
        if now.len() == CHUNK as usize {
            tx.put(FILE_CHUNKS, key.bytes(), now)?;
        } else {
            let mut chunk = tx.get(FILE_CHUNKS, key.bytes())?.unwrap_or_default();
            let behind = chunk.split_off((inside + now.len()).min(chunk.len()));
            chunk.truncate(inside);
            if chunk.len() != inside {
                return Err(Fault::logged("a file has lost some of its bytes", account));
            }
            chunk.extend_from_slice(now);
            chunk.extend_from_slice(&behind);
            tx.put(FILE_CHUNKS, key.bytes(), &chunk)?;
        }
        at += now.len() as u64;
        rest = later;
    }
    Ok(())
}

/// Clears away a content of this size: at once if it is small, else afterwards by `sweep`.
pub fn release(tx: &WriteTx, account: AccountId, content: ContentId, size: u64) -> Outcome<()> {
    let key = Key::of(account.0).u64(content.0);
    if size > SMALL {
        return tx.put(FILE_GARBAGE, key.bytes(), &[]);
    }
    (0..size.div_ceil(CHUNK)).try_for_each(|number| tx.delete(FILE_CHUNKS, key.clone().u64(number).bytes()).map(drop))
}

/// The account is gone: all its files are cleared away afterwards by `sweep`.
pub(super) fn forget(tx: &WriteTx, account: AccountId) -> Outcome<()> {
    if usage(tx, account)? == FileUsage::default() {
        return Ok(());
    }
    tx.put(FILE_GARBAGE, Key::of(account.0).u64(0).bytes(), &[])
}

/// Clears away up to `most` rows that nobody can reach. True while there may be more.
pub fn sweep(tx: &WriteTx, most: usize) -> Outcome<bool> {
    let mut first = None;
    tx.scan(FILE_GARBAGE, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, _| {
        first = Some((AccountId(keys::u64_at(key, 0)), ContentId(keys::u64_at(key, 8))));
        Ok(ControlFlow::Break(()))
    })?;
    let Some((account, content)) = first else { return Ok(false) };
    let whole_account = content.0 == 0;
    let prefix = if whole_account { Key::of(account.0) } else { Key::of(account.0).u64(content.0) };
    let tables: &[Table] = if whole_account { &[FILE_CHUNKS, FILE_ATTRIBUTES, FILE_NAMES, FILE_USAGE] } else { &[FILE_CHUNKS] };
    let mut left = most;
    for table in tables {
        left -= clear(tx, *table, &prefix, left)?;
    }
    if left > 0 && whole_account {
        tx.delete_range(FILE_GARBAGE, keys::within(&prefix, &prefix.end()))?;
    } else if left > 0 {
        tx.delete(FILE_GARBAGE, prefix.bytes())?;
    }
    Ok(true)
}

/// Removes up to `most` rows whose keys begin so, and says how many.
fn clear(tx: &WriteTx, table: Table, prefix: &Key, most: usize) -> Outcome<usize> {
    let mut found = Vec::new();
    tx.scan(table, keys::within(prefix, &prefix.end()), Direction::Forward, &mut |key, _| {
        if found.len() == most {
            return Ok(ControlFlow::Break(()));
        }
        found.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    found.iter().try_for_each(|key| tx.delete(table, key).map(drop))?;
    Ok(found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use proptest::prelude::*;

    const ACCOUNT: AccountId = AccountId(7);

    async fn rows(store: &Store, table: Table) -> usize {
        let count = move |tx: &dyn Read| {
            let mut rows = 0;
            tx.scan(table, (Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |_, _| {
                rows += 1;
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(rows)
        };
        store.read(count).await.unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn bytes_are_where_they_were_written(
            writes in proptest::collection::vec((0u64..100_000, 1usize..70_000, any::<u8>()), 1..6),
            slice in (0u64..160_000, 0u64..70_000),
        ) {
            let mut plain: Vec<u8> = Vec::new();
            let steps: Vec<(u64, Vec<u8>)> = writes.into_iter().map(|(at, length, fill)| {
                let bytes: Vec<u8> = (0..length).map(|n| fill.wrapping_add(n as u8)).collect();
                let at = at.min(plain.len() as u64);
                let end = (at as usize + length).max(plain.len());
                plain.resize(end, 0);
                plain[at as usize..at as usize + length].copy_from_slice(&bytes);
                (at, bytes)
            }).collect();
            let size = plain.len() as u64;
            let got = actix::System::new().block_on(async {
                let store = Store::in_memory();
                store.write(move |tx| steps.iter().try_for_each(|(at, bytes)| write(tx, ACCOUNT, ContentId(1), *at, bytes))).await.unwrap();
                store.read(move |tx| Ok((read(tx, ACCOUNT, ContentId(1), size, 0..u64::MAX)?, read(tx, ACCOUNT, ContentId(1), size, slice.0..slice.0 + slice.1)?))).await.unwrap()
            });
            let (from, till) = (slice.0.min(size) as usize, (slice.0 + slice.1).min(size) as usize);
            prop_assert!(got.1 == plain[from..till]);
            prop_assert!(got.0 == plain);
        }
    }

    #[test]
    fn large_contents_and_whole_accounts_go_step_by_step() {
        actix::System::new().block_on(async {
            let store = Store::in_memory();
            let large = vec![1u8; 40 * CHUNK as usize + 5];
            let size = large.len() as u64;
            let other = AccountId(8);
            store
                .write(move |tx| {
                    for (account, content) in [(ACCOUNT, 1), (ACCOUNT, 2), (ACCOUNT, 3), (other, 1)] {
                        write(tx, account, ContentId(content), 0, &large)?;
                    }
                    let record = FileRecord {
                        id: FileId(9),
                        kind: FileKind::File { content: ContentId(3), size },
                        created: Timestamp(1),
                        modified: Timestamp(1),
                        attributes_modified: None,
                    };
                    put_entry(tx, ACCOUNT, TOP, "a", &record)?;
                    put_attributes(tx, ACCOUNT, FileId(9), &[("x".into(), "<x/>".into())])?;
                    put_usage(tx, ACCOUNT, &FileUsage { files: 1, bytes: size, last: 9 })?;
                    release(tx, ACCOUNT, ContentId(1), size)
                })
                .await
                .unwrap();
            let mut steps = 0;
            while store.write(|tx| sweep(tx, 10)).await.unwrap() {
                steps += 1;
            }
            assert_eq!((steps, rows(&store, FILE_CHUNKS).await), (5, 3 * 41));
            store.write(|tx| release(tx, ACCOUNT, ContentId(2), size_of_small()).and_then(|()| forget(tx, ACCOUNT))).await.unwrap();
            while store.write(|tx| sweep(tx, 10)).await.unwrap() {}
            assert_eq!(rows(&store, FILE_CHUNKS).await, 41, "those of the other account");
            for table in [FILE_NAMES, FILE_ATTRIBUTES, FILE_USAGE, FILE_GARBAGE] {
                assert_eq!(rows(&store, table).await, 0, "{table:?}");
            }
        });
    }

    fn size_of_small() -> u64 {
        SMALL
    }
}
