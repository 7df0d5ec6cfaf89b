//! NUL framing: however a stream is cut, the same messages come out, and never more is kept than one of them.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use posthouse::xml::frame::{Framed, Framer};

const MOST: usize = 16;

fn run<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
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

fuzz_target!(|data: (u8, &[u8])| {
    let (size, bytes) = data;
    let whole = run(std::iter::once(bytes));
    assert_eq!(whole, run(bytes.chunks(usize::from(size).max(1))));
    assert_eq!(whole.len(), bytes.iter().filter(|byte| **byte == 0).count());
});
