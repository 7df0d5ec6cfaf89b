//! The write-ahead log: what a commit changes, in one piece on disk with one sync, before the engine takes it in.
//!
//! An engine of trees writes some twenty pages for a commit of one message, each where it happens to lie. So a commit is
//! written here, one behind the other, and the engine keeps its pages in memory; when the log is nearly full the engine writes
//! them all (a checkpoint), and a new lap begins at the start of the file. After a kill the records of the lap are done
//! again: they set and delete keys, so doing one twice does no harm.
//!
//! The file keeps its length, so that a sync writes no metadata, and a record begins on a page of its own, so that
//! writing one cannot tear another. A record is a head and its steps. The head: length of the steps, CRC-32 of what
//! follows it, lap, number in the lap. The lap is a random number that the engine stores at the checkpoint: bytes of an
//! earlier lap, which may be a message somebody made to look like a record, are never taken for one.

use super::tables::Table;
use redb::StorageBackend;
use std::io;

/// Bytes of the file; a lap is three quarters of it, some 90 messages. More makes checkpoints rarer and longer, and appends no faster.
pub(super) const SIZE: u64 = 4 << 20;
/// The most bytes of a record: what is larger goes to the engine's own file at once, where it is written only once.
const LARGEST: usize = 1 << 20;
/// What a disk writes whole or not at all, or whose loss harms one record only.
const PAGE: usize = 4096;
/// Bytes of a head: length, checksum, lap, number.
const HEAD: usize = 24;
/// What stands for the length of a value where the step deletes the key.
const DELETED: u32 = u32::MAX;

/// The steps of a transaction, as they are taken.
pub(super) struct Record {
    bytes: Vec<u8>,
    too_large: bool,
}

impl Record {
    pub fn new() -> Self {
        Self { bytes: vec![0; HEAD], too_large: false }
    }

    /// True if nothing was done.
    pub fn is_empty(&self) -> bool {
        !self.too_large && self.bytes.len() <= HEAD
    }

    /// A value was stored under a key.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        if self.step(table, key, value.len() as u32, value.len()) {
            self.bytes.extend_from_slice(value);
        }
    }

    /// A key was removed.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        self.step(table, key, DELETED, 0);
    }

    /// Begins a step: the table's name, the key, and the length of the value that follows. False once it is too large.
    fn step(&mut self, table: Table, key: &[u8], length: u32, following: usize) -> bool {
        let name = table.0.as_bytes();
        if self.too_large || self.bytes.len() + name.len() + key.len() + following + 12 > LARGEST {
            *self = Self { bytes: Vec::new(), too_large: true };
            return false;
        }
        for part in [name, key] {
            self.bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(part);
        }
        self.bytes.extend_from_slice(&length.to_le_bytes());
        true
    }
}

/// A step that was read back: a key, and its value unless it was removed.
pub(super) struct Step<'a> {
    pub table: &'a str,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// Takes what stands at the front, of a length that stands before it.
fn counted<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    let (part, rest) = bytes.split_at_checked(length as usize)?;
    *bytes = rest;
    Some(part)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

fn step<'a>(bytes: &mut &'a [u8]) -> Option<Step<'a>> {
    let table = std::str::from_utf8(counted(bytes)?).ok()?;
    let key = counted(bytes)?;
    let mut ahead = *bytes;
    let value = if number(&mut ahead)? == DELETED {
        *bytes = ahead;
        None
    } else {
        Some(counted(bytes)?)
    };
    Some(Step { table, key, value })
}

/// The file.
#[derive(Debug)]
pub(super) struct WriteAhead {
    file: Box<dyn StorageBackend>,
    size: u64,
    /// None until the engine has stored one: then nothing can be written here.
    lap: Option<u64>,
    /// How many records the lap has.
    number: u64,
    /// Where the next one begins.
    at: u64,
}

impl WriteAhead {
    /// Makes the file as long as it has to be, with every block of it in place; one that is longer stays so.
    pub fn new(file: Box<dyn StorageBackend>, size: u64) -> io::Result<Self> {
        let there = file.len()?;
        if there < size {
            file.set_len(size)?;
            // Page by page: a system that keeps larger pieces in memory counts all of a piece as written for each record.
            for at in (there..size).step_by(PAGE) {
                let step = (size - at).min(PAGE as u64);
                file.write(at, [0; PAGE].get(..step as usize).unwrap_or_default())?;
            }
            file.sync_data()?;
        }
        Ok(Self { file, size: there.max(size), lap: None, number: 0, at: 0 })
    }

    /// Begins a lap: what the log holds is in the engine's file, or never came to be.
    pub fn begin(&mut self, lap: Option<u64>) {
        (self.lap, self.number, self.at) = (lap, 0, 0);
    }

    /// True if the lap has records.
    pub fn has_records(&self) -> bool {
        self.number > 0
    }

    /// True when it is time for a new lap: before there is no room, so that nobody waits for it.
    pub fn is_nearly_full(&self) -> bool {
        self.at > self.size / 4 * 3
    }

    /// True if `append` will take this record.
    pub fn has_room(&self, record: &Record) -> bool {
        self.lap.is_some() && !record.too_large && self.at + record.bytes.len().next_multiple_of(PAGE) as u64 <= self.size
    }

    /// Writes a record: on return it survives loss of power.
    pub fn append(&mut self, record: Record) -> io::Result<()> {
        let mut bytes = record.bytes;
        let length = bytes.len().saturating_sub(HEAD) as u32;
        let lap = self.lap.unwrap_or_default();
        fill(&mut bytes, 8, &lap.to_le_bytes());
        fill(&mut bytes, 16, &self.number.to_le_bytes());
        let checksum = crc32fast::hash(bytes.get(8..).unwrap_or_default());
        fill(&mut bytes, 0, &length.to_le_bytes());
        fill(&mut bytes, 4, &checksum.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
        self.file.write(self.at, &bytes)?;
        self.file.sync_data()?;
        self.at += bytes.len() as u64;
        self.number += 1;
        Ok(())
    }

    /// Reads the records of a lap in order, which this log goes on with. Ends where a record is not whole: nobody was
    /// told that it is done. What is read may be in the system's memory alone, after a sync that failed or a kill before
    /// it: so it is written once more and synced, before anyone sees it or a later record stands on it.
    pub fn replay(&mut self, lap: u64, each: &mut dyn FnMut(Step<'_>) -> Result<(), redb::Error>) -> Result<(), redb::Error> {
        self.begin(Some(lap));
        while let Some(record) = self.read(lap)? {
            self.file.write(self.at, &record)?;
            let mut steps = record.get(HEAD..).unwrap_or_default();
            while !steps.is_empty() {
                let damaged = || redb::Error::Corrupted("a record of the write-ahead log is whole and makes no sense".to_owned());
                each(step(&mut steps).ok_or_else(damaged)?)?;
            }
            self.number += 1;
            self.at += record.len().next_multiple_of(PAGE) as u64;
        }
        if self.has_records() {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// The next record of the lap, if there is one and it is whole.
    fn read(&self, lap: u64) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0; HEAD];
        if self.at + HEAD as u64 > self.size {
            return Ok(None);
        }
        self.file.read(self.at, &mut head)?;
        let mut front = head.as_slice();
        let (Some(length), Some(checksum)) = (number(&mut front), number(&mut front)) else { return Ok(None) };
        let expected = [lap.to_le_bytes(), self.number.to_le_bytes()].concat();
        let length = length as usize;
        if front != expected || length > LARGEST || self.at + (HEAD + length) as u64 > self.size {
            return Ok(None);
        }
        let mut record = vec![0; HEAD + length];
        self.file.read(self.at, &mut record)?;
        Ok(Some(record).filter(|record| crc32fast::hash(record.get(8..).unwrap_or_default()) == checksum))
    }
}

impl Drop for WriteAhead {
    fn drop(&mut self) {
        // It lets go of the lock on the file, which goes with the file anyway.
        let _ = self.file.close();
    }
}

fn fill(bytes: &mut [u8], at: usize, with: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + with.len()) {
        place.copy_from_slice(with);
    }
}

/// A number for a new lap, which nobody can guess.
pub(super) fn lap() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(format!("no random numbers: {e}")))?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;
    use std::sync::Arc;

    type Steps = Vec<(Vec<u8>, Option<Vec<u8>>)>;
    const TABLE: Table = Table("a table");

    /// Two logs can look at one file, as two openings of it do.
    #[derive(Debug, Clone, Default)]
    struct Shared(Arc<InMemoryBackend>);

    impl StorageBackend for Shared {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.read(offset, out)
        }
        fn set_len(&self, length: u64) -> io::Result<()> {
            self.0.set_len(length)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    fn log(file: &Shared) -> WriteAhead {
        WriteAhead::new(Box::new(file.clone()), 64 << 10).unwrap()
    }

    fn record(steps: &Steps) -> Record {
        let mut record = Record::new();
        for (key, value) in steps {
            match value {
                Some(value) => record.put(TABLE, key, value),
                None => record.delete(TABLE, key),
            }
        }
        record
    }

    fn replayed(file: &Shared, lap: u64) -> (Steps, WriteAhead) {
        let (mut found, mut log) = (Steps::new(), log(file));
        log.replay(lap, &mut |step| {
            assert_eq!(step.table, TABLE.0);
            found.push((step.key.to_vec(), step.value.map(<[u8]>::to_vec)));
            Ok(())
        })
        .unwrap();
        (found, log)
    }

    fn steps() -> impl Strategy<Value = Steps> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..6_000);
        proptest::collection::vec((bytes(), proptest::option::of(bytes())), 0..5)
    }

    proptest! {
        #[test]
        fn what_was_appended_is_read_back_in_order(records in proptest::collection::vec(steps(), 0..12)) {
            let (file, mut expected) = (Shared::default(), Steps::new());
            let mut first = log(&file);
            first.begin(Some(7));
            for steps in records {
                let record = record(&steps);
                if !first.has_room(&record) {
                    break;
                }
                first.append(record).unwrap();
                expected.extend(steps);
            }
            let (found, second) = replayed(&file, 7);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!((first.at, first.number), (second.at, second.number));
            prop_assert!(replayed(&file, 8).0.is_empty());
        }

        #[test]
        fn a_record_that_is_not_whole_ends_the_lap(at in 0usize..3 * PAGE, with in 1u8..) {
            let file = Shared::default();
            let mut first = log(&file);
            first.begin(Some(7));
            let one = |n: u8| vec![(vec![n], Some(vec![n; 5_000]))];
            for n in 0..3 {
                first.append(record(&one(n))).unwrap();
            }
            // The second record is damaged; bytes between the records are nobody's.
            let at = (2 * PAGE + at % (2 * PAGE)) as u64;
            let mut byte = [0];
            file.read(at, &mut byte).unwrap();
            file.write(at, &[byte[0] ^ with]).unwrap();
            let whole = at >= (2 * PAGE + HEAD + 8 + TABLE.0.len() + 5 + 5_000) as u64;
            prop_assert_eq!(replayed(&file, 7).0, if whole { [one(0), one(1), one(2)].concat() } else { one(0) });
        }
    }

    #[test]
    fn a_message_that_looks_like_a_record_is_none() {
        let file = Shared::default();
        let mut first = log(&file);
        first.begin(Some(7));
        let mut forged = record(&vec![(b"forged".to_vec(), Some(b"x".to_vec()))]);
        // As good as a stranger can make it: all but the lap.
        fill(&mut forged.bytes, 16, &1u64.to_le_bytes());
        let checksum = crc32fast::hash(&forged.bytes[8..]);
        let length = (forged.bytes.len() - HEAD) as u32;
        fill(&mut forged.bytes, 0, &length.to_le_bytes());
        fill(&mut forged.bytes, 4, &checksum.to_le_bytes());
        // It comes to lie on the second page.
        let mut carrier = Record::new();
        carrier.put(TABLE, b"k", &[vec![b'.'; PAGE - HEAD - 12 - TABLE.0.len() - 1], forged.bytes].concat());
        first.append(carrier).unwrap();
        first.begin(Some(9));
        let real = vec![(b"real".to_vec(), None)];
        first.append(record(&real)).unwrap();
        assert_eq!(replayed(&file, 9).0, real);
    }

    #[test]
    fn what_has_no_room_is_refused_before_it_is_written() {
        let file = Shared::default();
        let mut log = log(&file);
        assert!(!log.has_room(&Record::new()), "no lap yet");
        log.begin(Some(1));
        assert!(log.has_room(&Record::new()));
        assert!(!log.has_room(&record(&vec![(vec![], Some(vec![0; 64 << 10]))])));
        let small = || record(&vec![(vec![], Some(vec![0; 64]))]);
        while !log.is_nearly_full() {
            assert!(log.has_room(&small()));
            log.append(small()).unwrap();
        }
        assert!(log.has_room(&small()), "a new lap begins before anybody has to wait for it");
        let mut large = Record::new();
        (0..1100).for_each(|_| large.put(TABLE, b"k", &[0; 1000]));
        assert!(large.too_large && large.bytes.is_empty() && !log.has_room(&large));
    }
}
