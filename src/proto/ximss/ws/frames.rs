//! WebSocket frames: bytes in, messages out; and the heads of what we send. Pure; knows no socket.
//!
//! A message longer than allowed is passed over without being kept, as frames of TCP are.
//! Spec: RFC 6455 5.

use bytes::{Buf, Bytes, BytesMut};

/// The longest payload of a control frame.
const LONGEST_CONTROL: usize = 125;

/// What came of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message. Whether it is UTF-8 is for its reader to find out.
    Text(BytesMut),
    /// A message was longer than allowed and has been passed over.
    TooLong,
    /// A binary message begins.
    Binary,
    /// The other side wants this back.
    Ping(Bytes),
    /// The other side is there.
    Pong,
    /// The other side ends the connection.
    Close,
    /// More bytes are needed.
    Incomplete,
}

/// The other side breaks the rules.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn of(number: u8) -> Result<Self, Broken> {
        Ok(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return Err(Broken),
        })
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy)]
struct Head {
    last: bool,
    opcode: Opcode,
    length: u64,
    mask: [u8; 4],
    /// Its own bytes.
    size: usize,
}

/// Reads the head of a client's frame; None where bytes are missing.
fn head(bytes: &[u8]) -> Result<Option<Head>, Broken> {
    let Some(&[first, second]) = bytes.get(..2) else { return Ok(None) };
    let (last, opcode) = (first & 0x80 != 0, Opcode::of(first & 0x0F)?);
    // No extension has been agreed on, and clients mask what they send.
    if first & 0x70 != 0 || second & 0x80 == 0 {
        return Err(Broken);
    }
    let number = |range: std::ops::Range<usize>| bytes.get(range).map(|b| b.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)));
    let (length, at) = match second & 0x7F {
        126 => (number(2..4), 4),
        127 => (number(2..10), 10),
        short => (Some(u64::from(short)), 2),
    };
    let (Some(length), Some(&[a, b, c, d])) = (length, bytes.get(at..at + 4)) else { return Ok(None) };
    if length > i64::MAX as u64 || (opcode.is_control() && (!last || length > LONGEST_CONTROL as u64)) {
        return Err(Broken);
    }
    Ok(Some(Head { last, opcode, length, mask: [a, b, c, d], size: at + 4 }))
}

/// The data frame that is being read.
#[derive(Debug, Clone, Copy)]
struct Open {
    last: bool,
    left: u64,
    mask: [u8; 4],
}

/// Cuts a stream of bytes into messages of bounded size.
#[derive(Debug)]
pub struct Frames {
    most: usize,
    /// The message so far; None between messages.
    message: Option<BytesMut>,
    too_long: bool,
    open: Option<Open>,
}

impl Frames {
    /// Messages of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { most, message: None, too_long: false, open: None }
    }

    /// From now on, messages of at most `most` bytes.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// True while a message longer than allowed is being passed over.
    pub fn is_skipping(&self) -> bool {
        self.too_long
    }

    /// Takes what comes next out of `buffer`. Call until `Incomplete`, then add bytes to the buffer.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Received, Broken> {
        loop {
            if self.open.is_some() {
                match self.take(buffer) {
                    Some(received) => return Ok(received),
                    None if self.open.is_some() => return Ok(Received::Incomplete),
                    None => {}
                }
            }
            let Some(head) = head(buffer)? else { return Ok(Received::Incomplete) };
            if head.opcode.is_control() {
                return Ok(control(&head, buffer).unwrap_or(Received::Incomplete));
            }
            if (head.opcode == Opcode::Continuation) != self.message.is_some() {
                return Err(Broken);
            }
            if head.opcode == Opcode::Binary {
                return Ok(Received::Binary);
            }
            buffer.advance(head.size);
            self.message.get_or_insert_default();
            self.open = Some(Open { last: head.last, left: head.length, mask: head.mask });
        }
    }

    /// Takes what there is of the open frame; gives the message if this was its end.
    fn take(&mut self, buffer: &mut BytesMut) -> Option<Received> {
        let open = self.open.as_mut()?;
        let count = buffer.len().min(usize::try_from(open.left).unwrap_or(usize::MAX));
        let mut piece = buffer.split_to(count);
        unmask(&mut piece, open.mask);
        open.mask.rotate_left(count % 4);
        open.left -= count as u64;
        let (left, last) = (open.left, open.last);
        let message = self.message.get_or_insert_default();
        self.too_long |= message.len() + count > self.most;
        if self.too_long {
            *message = BytesMut::new();
        } else if message.is_empty() {
            *message = piece;
        } else {
            message.extend_from_slice(&piece);
        }
        if left > 0 {
            return None;
        }
        self.open = None;
        if !last {
            return None;
        }
        let message = self.message.take().unwrap_or_default();
        Some(if std::mem::take(&mut self.too_long) { Received::TooLong } else { Received::Text(message) })
    }
}

fn control(head: &Head, buffer: &mut BytesMut) -> Option<Received> {
    let length = usize::try_from(head.length).ok()?;
    if buffer.len() < head.size + length {
        return None;
    }
    buffer.advance(head.size);
    let mut payload = buffer.split_to(length);
    unmask(&mut payload, head.mask);
    Some(match head.opcode {
        Opcode::Ping => Received::Ping(payload.freeze()),
        Opcode::Pong => Received::Pong,
        _ => Received::Close,
    })
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    bytes.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

/// The head of a text message of so many bytes, which follow as they are.
pub fn text_head(length: usize) -> Bytes {
    frame_head(0x81, length)
}

fn frame_head(first: u8, length: usize) -> Bytes {
    let mut head = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => head.push(short),
        (_, Ok(middle)) => {
            head.push(126);
            head.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    head.into()
}

/// A question whether the other side is there.
pub fn ping() -> Bytes {
    frame_head(0x89, 0)
}

/// The answer to a `Ping`.
pub fn pong(payload: &[u8]) -> Bytes {
    [&frame_head(0x8A, payload.len()), payload].concat().into()
}

/// The end of the connection, with a code and a reason of less than 120 bytes.
pub fn close(code: u16, reason: &str) -> Bytes {
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    [&frame_head(0x88, payload.len()), payload.as_slice()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A client's frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut out = frame_head(first, payload.len()).to_vec();
        out[1] |= 0x80;
        out.extend_from_slice(&mask);
        let at = out.len();
        out.extend_from_slice(payload);
        unmask(&mut out[at..], mask);
        out
    }

    fn run(most: usize, chunks: &[&[u8]]) -> Result<Vec<Received>, Broken> {
        let (mut frames, mut buffer, mut out) = (Frames::new(most), BytesMut::new(), Vec::new());
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            loop {
                match frames.next(&mut buffer)? {
                    Received::Incomplete => break,
                    received => out.push(received),
                }
            }
            assert!(frames.message.as_ref().map_or(0, BytesMut::len) <= most);
        }
        Ok(out)
    }

    fn text(text: &str) -> Received {
        Received::Text(text.as_bytes().into())
    }

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(run(5, &[&hello]).unwrap(), [text("Hello")]);
        assert_eq!([text_head(5).as_ref(), b"Hello"].concat(), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert_eq!(
            (text_head(256).as_ref(), text_head(65_536).as_ref()),
            (&[0x81, 0x7E, 1, 0][..], &[0x81, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0][..])
        );
        assert_eq!(close(1009, "x"), [0x88, 3, 3, 0xF1, b'x'].as_slice());
        assert_eq!(pong(b"a"), [0x8A, 1, b'a'].as_slice());
    }

    #[test]
    fn a_message_in_pieces_may_have_questions_between_them() {
        let all = [frame(0x01, b"ab"), frame(0x89, b"?"), frame(0x00, b""), frame(0x80, b"cd"), frame(0x8A, b""), frame(0x88, b"\x03\xe8")]
            .concat();
        let expected = [Received::Ping(Bytes::from_static(b"?")), text("abcd"), Received::Pong, Received::Close];
        assert_eq!(run(4, &[&all]).unwrap(), expected);
    }

    #[test]
    fn a_long_message_is_passed_over() {
        let pieces = [frame(0x01, b"abc"), frame(0x80, b"de"), frame(0x81, b"ok")].concat();
        assert_eq!(run(4, &[&pieces]).unwrap(), [Received::TooLong, text("ok")]);
        assert_eq!(run(4, &[&[frame(0x81, &[b'x'; 70_000]), frame(0x81, b"1234")].concat()]).unwrap(), [Received::TooLong, text("1234")]);
        let (mut frames, mut begun) = (Frames::new(4), BytesMut::from(&frame(0x81, &[b'x'; 200])[..20]));
        assert_eq!((frames.next(&mut begun), frames.is_skipping()), (Ok(Received::Incomplete), true));
    }

    #[test]
    fn rules_are_held() {
        let unmasked = [0x81, 0x01, b'x'];
        let (reserved, unknown) = (frame(0xC1, b"x"), frame(0x83, b"x"));
        let (long_ping, ping_in_pieces) = (frame(0x89, &[0; 126]), frame(0x09, b""));
        let nothing_to_continue = frame(0x80, b"x");
        let two_at_once = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
        let endless = [0x81, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        for wrong in [&unmasked[..], &reserved, &unknown, &long_ping, &ping_in_pieces, &nothing_to_continue, &two_at_once, &endless] {
            assert_eq!(run(9, &[wrong]), Err(Broken), "{wrong:?}");
        }
        let mut binary = BytesMut::from(&frame(0x82, b"x")[..]);
        assert_eq!(Frames::new(9).next(&mut binary), Ok(Received::Binary));
    }

    proptest! {
        #[test]
        fn cutting_the_stream_elsewhere_changes_nothing(
            frames in proptest::collection::vec((prop_oneof![Just(0x81u8), Just(0x89)], proptest::collection::vec(any::<u8>(), 0..40)), 0..5),
            cut in 0usize..200,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
            let cut = cut.min(bytes.len());
            prop_assert_eq!(run(20, &[&bytes]), run(20, &[&bytes[..cut], &bytes[cut..]]));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut buffer = BytesMut::from(bytes.as_slice());
            let mut frames = Frames::new(20);
            for _ in 0..50 {
                if !matches!(frames.next(&mut buffer), Ok(Received::Text(_) | Received::TooLong | Received::Ping(_) | Received::Pong | Received::Close)) {
                    break;
                }
            }
        }
    }
}
