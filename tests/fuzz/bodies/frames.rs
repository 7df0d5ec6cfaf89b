//! NUL framing: however a stream is cut, the same messages come out, and never more is kept than one of them.

use bytes::BytesMut;
use posthouse::xml::frame::{Framed, Framer};

const MOST: usize = 16;

fn messages<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let (mut framer, mut buffer, mut out) = (Framer::new(MOST), BytesMut::new(), Vec::new());
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match framer.next(&mut buffer) {
                Framed::Message(message) => out.push(Some(message.to_vec())),
                Framed::Skipped => out.push(None),
                Framed::Incomplete => break,
            }
        }
        assert!(buffer.len() <= MOST);
    }
    out
}

/// The body of the target. The first byte says how the others are cut.
pub fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else { return };
    let whole = messages(std::iter::once(bytes));
    assert_eq!(whole, messages(bytes.chunks(usize::from(size).max(1))));
    assert_eq!(whole.len(), bytes.iter().filter(|byte| **byte == 0).count());
}
