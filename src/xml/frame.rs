//! NUL framing: bytes in, messages out. Pure; knows no socket.
//!
//! Spec: XIMSS, "Protocol and Message Syntax": each message is a text that ends with a binary zero.

use bytes::{Buf, BytesMut};
use memchr::memchr;

/// What came of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed {
    /// A whole message, without its zero.
    Message(BytesMut),
    /// A message was longer than allowed; its bytes are skipped to its end, which has now been reached.
    Skipped,
    /// More bytes are needed.
    Incomplete,
}

/// Cuts a stream of bytes into messages of bounded size.
#[derive(Debug)]
pub struct Framer {
    most: usize,
    seen: usize,
    skipping: bool,
}

impl Framer {
    /// Messages of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { most, seen: 0, skipping: false }
    }

    /// From now on, messages of at most `most` bytes.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// True while a message longer than allowed is being skipped.
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Takes the next message out of `buffer`. Call until `Incomplete`, then add bytes to the buffer.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Framed {
        let fresh = buffer.get(self.seen..).unwrap_or_default();
        match memchr(0, fresh) {
            Some(at) => {
                let length = self.seen + at;
                self.seen = 0;
                let too_long = length > self.most;
                let mut message = buffer.split_to(length + 1);
                message.truncate(length);
                if std::mem::take(&mut self.skipping) || too_long { Framed::Skipped } else { Framed::Message(message) }
            }
            None if self.skipping || buffer.len() > self.most => {
                self.skipping = true;
                self.seen = 0;
                buffer.advance(buffer.len());
                Framed::Incomplete
            }
            None => {
                self.seen = buffer.len();
                Framed::Incomplete
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(most: usize, chunks: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
        let (mut framer, mut buffer, mut out) = (Framer::new(most), BytesMut::new(), Vec::new());
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            loop {
                match framer.next(&mut buffer) {
                    Framed::Message(m) => out.push(Some(m.to_vec())),
                    Framed::Skipped => out.push(None),
                    Framed::Incomplete => break,
                }
            }
            assert!(buffer.len() <= most + 1);
        }
        out
    }

    #[test]
    fn a_long_message_is_skipped_to_its_end() {
        let got = run(4, &[b"abcd\0ab".to_vec(), b"cdef".to_vec(), b"gh\0ok\0abcde\0z\0".to_vec()]);
        assert_eq!(got, [Some(b"abcd".to_vec()), None, Some(b"ok".to_vec()), None, Some(b"z".to_vec())]);
    }

    proptest! {
        #[test]
        fn cutting_the_stream_elsewhere_changes_nothing(bytes in proptest::collection::vec(0u8..4, 0..60), cut in 0usize..60) {
            let cut = cut.min(bytes.len());
            let whole = run(3, std::slice::from_ref(&bytes));
            let parts = run(3, &[bytes[..cut].to_vec(), bytes[cut..].to_vec()]);
            prop_assert_eq!(whole, parts);
        }
    }
}
