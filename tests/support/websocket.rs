//! A small blocking WebSocket client.

use super::ximss::parse;
use posthouse::xml::Element;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One connection.
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came.
#[derive(Debug, PartialEq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// The end, with its code.
    Close(u16),
    /// The connection ended without a word.
    Gone,
}

/// The request that asks for a WebSocket.
pub fn upgrade(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head + "\r\n"
}

/// A frame of a client.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let mask = [7, 77, 177, 27];
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Takes the first frame of the server out of what has come, once it is there as a whole: its first byte and its payload.
pub fn take_frame(buffer: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [first, second] = *buffer.get(..2)?.first_chunk()?;
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let number = |bytes: &[u8]| bytes.iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
    let (length, at) = match second {
        126 => (number(buffer.get(2..4)?), 4),
        127 => (number(buffer.get(2..10)?), 10),
        short => (usize::from(short), 2),
    };
    buffer.get(..at + length)?;
    let frame: Vec<u8> = buffer.drain(..at + length).collect();
    Some((first, frame[at..].to_vec()))
}

impl Socket {
    /// Connects. Err with the status where the server refuses.
    pub fn connect(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(server).expect("the server accepts");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out can be set");
        let head = upgrade(server, path, headers);
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut socket = Self { stream, buffer: Vec::new() };
        let end = loop {
            if let Some(end) = socket.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(socket.read(), "the server answers");
        };
        let head = String::from_utf8(socket.buffer.drain(..end + 4).collect()).expect("the head is text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        if status != 101 {
            return Err(status);
        }
        assert!(head.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        Ok(socket)
    }

    /// Cuts the connection off, as a machine does that is switched off.
    pub fn cut(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("a socket can be told so");
    }

    fn read(&mut self) -> bool {
        let mut chunk = [0; 64 << 10];
        let count = self.stream.read(&mut chunk).unwrap_or_default();
        self.buffer.extend_from_slice(&chunk[..count]);
        count > 0
    }

    /// Sends a frame as it is asked for.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let frame = masked(first, payload);
        // A server that has had enough does not read on.
        let _ = self.stream.write_all(&frame);
    }

    /// Sends a document.
    pub fn send(&mut self, xml: &str) {
        self.send_frame(0x81, xml.as_bytes());
    }

    /// The next frame that is no question.
    pub fn receive(&mut self) -> Frame {
        loop {
            let Some((first, payload)) = self.frame() else { return Frame::Gone };
            match first {
                0x81 => return Frame::Text(String::from_utf8(payload).expect("text")),
                0x88 => return Frame::Close(u16::from_be_bytes([payload[0], payload[1]])),
                0x89 => self.send_frame(0x8A, &payload),
                0x8A => return Frame::Text(format!("pong {}", String::from_utf8_lossy(&payload))),
                other => panic!("a frame {other:x}"),
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = take_frame(&mut self.buffer) {
                return Some(frame);
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// The next message.
    pub fn message(&mut self) -> Element {
        match self.receive() {
            Frame::Text(text) => parse(text.as_bytes()),
            other => panic!("{other:?}"),
        }
    }

    /// Sends a request that ends with `id="x"` or has it somewhere, and reads until a response; all that came.
    pub fn ask(&mut self, xml: &str) -> Vec<Element> {
        self.send(xml);
        let mut all = Vec::new();
        while all.last().is_none_or(|last: &Element| last.name != "response") {
            all.push(self.message());
        }
        all
    }
}
