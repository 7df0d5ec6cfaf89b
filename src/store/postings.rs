//! Postings: which messages of a segment hold a term, packed for disk. Pure.
//!
//! A bucket is a run of entries: the term (3 bytes, big-endian), then either the number of messages and the gaps
//! between their places (variable-length numbers), or a zero and a bit for every message, whichever is shorter.

/// The most messages of a segment.
pub const MESSAGES: usize = 1024;
const WORDS: usize = MESSAGES / 64;

/// A set of messages of a segment, by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places([u64; WORDS]);

impl Places {
    /// No message.
    pub const NONE: Self = Self([0; WORDS]);

    /// Adds a place below `MESSAGES`; others are passed over.
    pub fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
    /// True for a place in the set.
    pub fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }
    /// Keeps what is in both.
    pub fn meet(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }
    /// Takes in what is in the other.
    pub fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
    /// The bytes, one bit a message.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
    /// From bytes; what is missing is not in the set.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut places = Self::NONE;
        for (word, bytes) in places.0.iter_mut().zip(bytes.chunks(8)) {
            *word = bytes.try_into().map_or(0, u64::from_le_bytes);
        }
        places
    }
}

fn write_number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Adds an entry to a bucket. `places` must ascend and lie below `MESSAGES`.
pub fn write(bucket: &mut Vec<u8>, term: u32, places: &[u16]) {
    bucket.extend_from_slice(term.to_be_bytes().get(1..).unwrap_or_default());
    let (mut list, mut last) = (Vec::with_capacity(places.len() + 2), 0);
    write_number(&mut list, places.len() as u32);
    for place in places {
        write_number(&mut list, u32::from(*place) - last);
        last = u32::from(*place);
    }
    if places.is_empty() || list.len() <= MESSAGES / 8 {
        bucket.extend_from_slice(&list);
        return;
    }
    let mut all = Places::NONE;
    places.iter().for_each(|place| all.add(usize::from(*place)));
    bucket.push(0);
    bucket.extend_from_slice(&all.to_bytes());
}

/// The messages that hold a term. None where the bucket is damaged; the caller then looks at all messages.
pub fn find(mut bucket: &[u8], term: u32) -> Option<Places> {
    while let Some((name, rest)) = bucket.split_first_chunk::<3>() {
        let found = u32::from_be_bytes([0, name[0], name[1], name[2]]) == term;
        bucket = rest;
        let count = read_number(&mut bucket)?;
        let mut places = Places::NONE;
        if count == 0 {
            let (bits, rest) = bucket.split_at_checked(MESSAGES / 8)?;
            bucket = rest;
            places = Places::from_bytes(bits);
        } else {
            let mut place = 0;
            for _ in 0..count {
                place = read_number(&mut bucket)?.saturating_add(place);
                places.add(place as usize);
            }
        }
        if found {
            return Some(places);
        }
    }
    bucket.is_empty().then_some(Places::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn what_is_written_is_found(terms in proptest::collection::btree_map(0u32..1 << 24, proptest::collection::btree_set(0u16..1024, 1..400), 0..12)) {
            let terms: BTreeMap<u32, BTreeSet<u16>> = terms;
            let mut bucket = Vec::new();
            for (term, places) in &terms {
                write(&mut bucket, *term, &places.iter().copied().collect::<Vec<_>>());
            }
            for (term, places) in &terms {
                let found = find(&bucket, *term).unwrap();
                prop_assert!((0..1024u16).all(|place| found.has(place.into()) == places.contains(&place)));
            }
            prop_assert!(terms.contains_key(&77) || find(&bucket, 77).unwrap().is_empty());
        }

        #[test]
        fn damage_gives_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = find(&bytes, 5);
        }
    }
}
