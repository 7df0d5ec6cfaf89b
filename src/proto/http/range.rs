//! Which bytes of a representation are wanted: the Range header, and the parameters of session URLs that stand for it.
//!
//! Several ranges are answered when they make up one piece; ranges that lie apart are not answered in pieces, but by
//! the whole, as RFC 9110 14.2 allows. Spec: XIMSS, "HTTP Access" (Message Part Retrieval); RFC 9110 14.

use crate::model::fault::{Fault, Outcome};
use percent_encoding::percent_decode_str;
use std::ops::Range;

/// Ranges of one header that are looked at; a header with more is ignored.
const MOST: usize = 64;

/// What a Range header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Everything: there is no header, or none that says anything.
    Whole,
    /// These bytes: never empty, and inside the representation.
    Piece(Range<u64>),
    /// Nothing that is there.
    Nothing,
}

/// What the header asks of a representation of `length` bytes.
pub fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some(list) = header.and_then(|h| h.trim().split_once('=')).filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes")) else {
        return Wanted::Whole;
    };
    let mut pieces = Vec::new();
    let mut asked = 0;
    for element in list.1.split(',').map(str::trim).filter(|e| !e.is_empty()) {
        asked += 1;
        match one(element, length) {
            Some(piece) if asked <= MOST => pieces.extend(Some(piece).filter(|p| !p.is_empty())),
            // A header that is not understood is one that is not there.
            _ => return Wanted::Whole,
        }
    }
    if asked == 0 {
        return Wanted::Whole;
    }
    pieces.sort_unstable_by_key(|piece| piece.start);
    let mut pieces = pieces.into_iter();
    let Some(mut joined) = pieces.next() else { return Wanted::Nothing };
    for piece in pieces {
        if piece.start > joined.end {
            return Wanted::Whole;
        }
        joined.end = joined.end.max(piece.end);
    }
    Wanted::Piece(joined)
}

/// `3-5`, `3-` or `-3`; empty where nothing of it is there. None where it is none of these.
fn one(element: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = element.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        return Some(length.saturating_sub(number(last)?)..length);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    (first <= last).then(|| first.min(length)..last.saturating_add(1).min(length))
}

/// A number of digits only; what is larger than any file is the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The parameters `OffsetFrom` and `OffsetTill` of a URL: they make of a part the representation that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offsets {
    /// The first byte.
    pub from: u64,
    /// The byte behind the last.
    pub till: Option<u64>,
}

impl Offsets {
    /// Reads them from the query of a URL; other parameters are ignored. Faults: 500 where one is no number.
    pub fn read(query: &str) -> Outcome<Self> {
        let mut offsets = Self::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            if name.eq_ignore_ascii_case("OffsetFrom") {
                offsets.from = number(&value()).ok_or_else(|| Fault::incorrect("OffsetFrom"))?;
            } else if name.eq_ignore_ascii_case("OffsetTill") {
                offsets.till = Some(number(&value()).ok_or_else(|| Fault::incorrect("OffsetTill"))?);
            }
        }
        match offsets.till {
            Some(till) if till < offsets.from => Err(Fault::incorrect("OffsetTill")),
            _ => Ok(offsets),
        }
    }

    /// The bytes of a part of `length` bytes; None where they begin behind its end.
    pub fn within(self, length: u64) -> Option<Range<u64>> {
        (self.from <= length).then(|| self.from..self.till.unwrap_or(length).min(length))
    }

    /// True where they leave the part whole.
    pub fn are_absent(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let of = |header| wanted(Some(header), 10_000);
        let piece = |from, till| Wanted::Piece(from..till);
        assert_eq!(of("bytes=0-499"), piece(0, 500));
        assert_eq!(of("bytes=500-999"), piece(500, 1000));
        assert_eq!(of("bytes=-500"), piece(9_500, 10_000));
        assert_eq!(of("bytes=9500-"), piece(9_500, 10_000));
        assert_eq!(of("bytes=9999-20000"), piece(9_999, 10_000));
        assert_eq!(of("bytes=-20000"), piece(0, 10_000));
        assert_eq!(of("bytes=500-600,601-999"), piece(500, 1000));
        assert_eq!(of("Bytes= 500-700 , 601-999,, 20000-"), piece(500, 1000));
        assert_eq!(of("bytes=0-0,-1"), Wanted::Whole, "pieces that lie apart");
        assert_eq!(of("bytes=99999999999999999999999-"), Wanted::Nothing);
        for nothing in ["bytes=10000-", "bytes=-0", "bytes=10000-10001,20000-"] {
            assert_eq!(of(nothing), Wanted::Nothing, "{nothing}");
        }
        for nonsense in ["", "bytes", "bytes=", "bytes=5-4", "bytes=a-b", "bytes=+1-2", "bytes=0-1,x", "lines=0-1", "bytes=1", "bytes=-"] {
            assert_eq!(of(nonsense), Wanted::Whole, "{nonsense}");
        }
        assert_eq!(
            (wanted(Some("bytes=0-"), 0), wanted(Some("bytes=-1"), 0), wanted(None, 5)),
            (Wanted::Nothing, Wanted::Nothing, Wanted::Whole)
        );
        assert_eq!(of(&format!("bytes={}", "0-1,".repeat(65))), Wanted::Whole);
    }

    #[test]
    fn offsets_are_those_of_the_specification() {
        let of = |query| Offsets::read(query).unwrap().within(150);
        assert_eq!(of("OffsetFrom=100&OffsetTill=200"), Some(100..150));
        assert_eq!(of("a=b&offsetfrom=100&OffsetTill=120&random"), Some(100..120));
        assert_eq!(
            (of("OffsetTill=10"), of("OffsetFrom=150"), of("OffsetFrom=151"), of("")),
            (Some(0..10), Some(150..150), None, Some(0..150))
        );
        assert!(Offsets::read("OffsetFrom=2&OffsetTill=1").is_err() && Offsets::read("OffsetFrom=-1").is_err());
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer_inside(header in "(bytes=)?[-0-9, a]{0,40}", length in 0u64..30) {
            if let Wanted::Piece(piece) = wanted(Some(&header), length) {
                prop_assert!(piece.start < piece.end && piece.end <= length);
            }
        }

        #[test]
        fn one_range_gives_the_bytes_it_names(first in 0u64..40, more in 0u64..40, length in 1u64..40) {
            let expected = if first < length { Wanted::Piece(first..(first + more + 1).min(length)) } else { Wanted::Nothing };
            prop_assert_eq!(wanted(Some(&format!("bytes={first}-{}", first + more)), length), expected);
        }
    }
}
