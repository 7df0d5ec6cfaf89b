//! Order-preserving keys, and ranges over them.

use super::engine::KeyRange;
use std::ops::Bound;

/// Builds a key from numbers (big-endian) and texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key that begins with a number of 64 bits.
    pub fn of(number: u64) -> Self {
        Self(number.to_be_bytes().to_vec())
    }
    /// Then a number of 64 bits.
    pub fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }
    /// Then a number of 32 bits.
    pub fn u32(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }
    /// Then one byte.
    pub fn u8(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }
    /// Then a text, which must be the last part or be followed by a byte that it cannot hold.
    pub fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
    /// The least key that is greater than all keys beginning with this one; None where there is none.
    pub fn end(&self) -> Option<Self> {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Some(Self(end));
            }
        }
        None
    }
}

/// All keys that begin with `prefix`; `end` must be `prefix.end()`.
pub fn within<'a>(prefix: &'a Key, end: &'a Option<Key>) -> KeyRange<'a> {
    (Bound::Included(prefix.bytes()), end.as_ref().map_or(Bound::Unbounded, |e| Bound::Excluded(e.bytes())))
}

/// Keys from `from` (included) up to `till` (excluded).
pub fn between<'a>(from: &'a Key, till: &'a Key) -> KeyRange<'a> {
    (Bound::Included(from.bytes()), Bound::Excluded(till.bytes()))
}

/// The number of 64 bits at this place of a key; 0 where the key is shorter, which no key of ours is.
pub fn u64_at(key: &[u8], at: usize) -> u64 {
    key.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// The number of 32 bits at this place of a key; 0 where the key is shorter, which no key of ours is.
pub fn u32_at(key: &[u8], at: usize) -> u32 {
    key.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_of_numbers() {
        assert!(Key::of(255).bytes() < Key::of(256).bytes());
        assert!(Key::of(1).u32(7).bytes() < Key::of(1).u32(8).bytes());
        assert_eq!(Key::of(1).u8(255).end(), Key::of(2).0.get(..8).map(|b| Key(b.to_vec())));
        assert_eq!(Key(vec![255, 255]).end(), None);
        assert_eq!((u64_at(Key::of(9).u32(4).bytes(), 0), u32_at(Key::of(9).u32(4).bytes(), 8)), (9, 4));
    }
}
