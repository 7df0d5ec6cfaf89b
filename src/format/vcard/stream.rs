//! Cards of a file, one by one: memory is bounded by the largest card that is taken.
//!
//! Every byte of the file is accounted for: what is no card, and no empty line between cards, is given as unreadable.
//! Files in UTF-16 (with a mark at their start, or seen by their zeros) are taken too.

use super::read;
use crate::model::component::Component;
use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};
use std::io::{self, BufRead, BufReader, Read};

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A card or a group.
    Card(Component),
    /// Something else.
    Unreadable(Unreadable),
}

/// What cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// Why not, in a few words.
    pub reason: &'static str,
    /// Its bytes, or the first of many, with LF as line ends.
    pub raw: Vec<u8>,
}

/// Bytes of something unreadable that are kept.
const KEPT: usize = 64 << 10;

/// The items of a file.
pub struct Items<R> {
    source: Source<R>,
    charset: Option<String>,
    most: usize,
    /// Lines read.
    line: u64,
    /// A line that was read and not used: the next item begins with it.
    held: Option<Vec<u8>>,
    /// What was read up to a line feed, and how much of it has been given: a lone CR ends a line too, as it did of old.
    buffer: Vec<u8>,
    given: usize,
}

/// The bytes of the file, as UTF-8 or in an 8-bit charset.
enum Source<R> {
    Bytes(R),
    Utf16(BufReader<FromUtf16<R>>),
}

impl<R: BufRead> Items<R> {
    /// Of a file. `charset`: of bytes that are not UTF-8. `most`: bytes of one card.
    pub fn new(mut file: R, charset: Option<&str>, most: usize) -> io::Result<Self> {
        let start = file.fill_buf()?;
        let encoding = match (start.first(), start.get(1)) {
            (Some(0xff), Some(0xfe)) | (Some(b'B' | b'b' | b'\r' | b'\n'), Some(0)) => Some(UTF_16LE),
            (Some(0xfe), Some(0xff)) | (Some(0), Some(b'B' | b'b' | b'\r' | b'\n')) => Some(UTF_16BE),
            _ => None,
        };
        let source = match encoding {
            Some(encoding) => {
                Source::Utf16(BufReader::new(FromUtf16 { file, decoder: encoding.new_decoder_with_bom_removal(), ended: false }))
            }
            None => Source::Bytes(file),
        };
        Ok(Self {
            source,
            charset: charset.map(str::to_owned).filter(|charset| !charset.is_empty()),
            most,
            line: 0,
            held: None,
            buffer: Vec::new(),
            given: 0,
        })
    }

    /// The next line without its end; None at the end of the file. Of a line that is too long, one byte more than the
    /// most is given, and the rest passed over.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        if self.given >= self.buffer.len() {
            self.buffer.clear();
            self.given = 0;
            let most = self.most as u64 + 2;
            let (read, ended) = match &mut self.source {
                Source::Bytes(file) => read_line(file, &mut self.buffer, most)?,
                Source::Utf16(file) => read_line(file, &mut self.buffer, most)?,
            };
            if read == 0 && ended {
                return Ok(None);
            }
        }
        let rest = self.buffer.get(self.given..).unwrap_or_default();
        let length = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default().to_vec();
        let end = if rest.get(length..).is_some_and(|end| end.starts_with(b"\r\n")) { 2 } else { 1 };
        self.given += length + end;
        self.line += 1;
        Ok(Some(line))
    }

    /// Reads the card that begins here. `indent`: blanks before `BEGIN`, and so before each of its lines.
    fn card(&mut self, name: &str, indent: usize) -> io::Result<Item> {
        let (begun, mut bytes, mut open) = (self.line, format!("BEGIN:{name}\n").into_bytes(), 1usize);
        let head = bytes.len();
        let (mut too_large, mut before) = (false, Vec::new());
        loop {
            let Some(mut line) = self.next_line()? else {
                return Ok(self.unreadable(begun, "it has no end", &bytes));
            };
            line.drain(..blanks(&line, indent));
            if read::boundary(&line, "BEGIN").is_some() {
                // A card inside follows its property; any other is the next one, and the end of this one is missing.
                if !before.trim_ascii_end().ends_with(b":") {
                    self.held = Some(line);
                    return Ok(self.unreadable(begun, "it has no end", &bytes));
                }
                open += 1;
            }
            if read::boundary(&line, "END").is_some() {
                open -= 1;
                if open == 0 {
                    break;
                }
            }
            too_large |= bytes.len() + line.len() >= self.most;
            if !too_large || bytes.len() < KEPT {
                bytes.extend_from_slice(line.get(..self.most.min(line.len())).unwrap_or_default());
                bytes.push(b'\n');
            }
            before = line;
            before.drain(..before.len().saturating_sub(80));
        }
        if too_large {
            return Ok(self.unreadable(begun, "it is too large", &bytes));
        }
        let inside = bytes.get(head..).unwrap_or_default();
        let lines: Vec<&[u8]> = inside.split(|b| *b == b'\n').collect();
        let card = read::card(name, &lines, self.charset.as_deref());
        match card.properties.is_empty() {
            true => Ok(self.unreadable(begun, "it is empty", &bytes)),
            false => Ok(Item::Card(card)),
        }
    }

    /// Passes over what is no card, up to the next one.
    fn between(&mut self, first: Vec<u8>) -> io::Result<Item> {
        let (begun, mut bytes) = (self.line, first);
        while let Some(line) = self.next_line()? {
            if begins(&line).is_some() {
                self.held = Some(line);
                break;
            }
            if bytes.len() < KEPT {
                bytes.push(b'\n');
                bytes.extend(line);
            }
        }
        Ok(self.unreadable(begun, "it is no vCard", &bytes))
    }

    fn unreadable(&self, line: u64, reason: &'static str, raw: &[u8]) -> Item {
        Item::Unreadable(Unreadable { line, reason, raw: raw.get(..KEPT.min(raw.len())).unwrap_or_default().to_vec() })
    }

    fn next_item(&mut self) -> io::Result<Option<Item>> {
        while let Some(line) = self.next_line()? {
            match begins(&line) {
                Some(name) => return self.card(&name, blanks(&line, usize::MAX)).map(Some),
                None if line.trim_ascii().is_empty() || line.as_slice() == "\u{feff}".as_bytes() => {}
                None => return self.between(line).map(Some),
            }
        }
        Ok(None)
    }
}

/// How many of its first bytes are blanks, `most` at most.
fn blanks(line: &[u8], most: usize) -> usize {
    line.iter().take(most).take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// What begins on this line.
fn begins(line: &[u8]) -> Option<String> {
    read::delimiter(line, "BEGIN").filter(|name| matches!(name.as_str(), "VCARD" | "VGROUP"))
}

/// Reads up to a line end, or `most` bytes and passes over the rest. Gives the bytes read and whether the file ended.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>, most: u64) -> io::Result<(usize, bool)> {
    let read = file.by_ref().take(most).read_until(b'\n', line)?;
    if line.ends_with(b"\n") || (read as u64) < most {
        return Ok((read, read == 0));
    }
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok((read, false));
        }
        let end = buffer.iter().position(|b| *b == b'\n');
        let took = end.map_or(buffer.len(), |end| end + 1);
        file.consume(took);
        if end.is_some() {
            return Ok((read, false));
        }
    }
}

impl<R: BufRead> Iterator for Items<R> {
    type Item = io::Result<Item>;
    fn next(&mut self) -> Option<Self::Item> {
        self.next_item().transpose()
    }
}

/// A file in UTF-16, read as UTF-8.
struct FromUtf16<R> {
    file: R,
    decoder: Decoder,
    ended: bool,
}

impl<R: BufRead> Read for FromUtf16<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let input = self.file.fill_buf()?;
            let last = input.is_empty();
            let (_, read, written, _) = self.decoder.decode_to_utf8(input, out, last);
            self.file.consume(read);
            self.ended = last && (written == 0 || out.len() - written >= 4);
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}
