//! WebSocket frames: however a stream is cut, the same messages come out, never more is kept than one of them, and what
//! is a text is read as a document or refused.

use bytes::BytesMut;
use posthouse::proto::ximss::ws::frames::{Broken, Frames, Received, close, pong, text_head};
use posthouse::xml::read::{Limits, document};

const MOST: usize = 64;

fn messages<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Result<Received, Broken>> {
    let (mut frames, mut buffer, mut out) = (Frames::new(MOST), BytesMut::new(), Vec::new());
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match frames.next(&mut buffer) {
                Ok(Received::Incomplete) => break,
                // The connection is closed by each of these: nothing behind it counts.
                last @ (Err(_) | Ok(Received::Binary | Received::Close)) => {
                    out.push(last);
                    return out;
                }
                received => out.push(received),
            }
        }
        // What stays is the beginning of a head, or of a short control frame.
        assert!(buffer.len() < 14 + 125, "{}", buffer.len());
    }
    out
}

/// The body of the target. The first byte says how the others are cut.
pub fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else { return };
    let whole = messages(std::iter::once(bytes));
    assert_eq!(whole, messages(bytes.chunks(usize::from(size).max(1))));
    for received in whole.iter().flatten() {
        match received {
            Received::Text(text) => {
                assert!(text.len() <= MOST && !text_head(text.len()).is_empty());
                let _ = document(text, &Limits::default());
            }
            Received::Ping(payload) => assert!(pong(payload).len() == 2 + payload.len()),
            _ => assert!(close(1000, "x").len() == 5),
        }
    }
}
