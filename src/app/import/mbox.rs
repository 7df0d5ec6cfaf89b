//! mbox files, both ways. A message begins with a line `From ` that follows an empty line (or begins the file); lines
//! of the text that look like one are quoted with `>`, and quoted ones get one `>` more (the form known as mboxrd;
//! in the older mboxo only the first is done, and is read alike).
//!
//! Apart from the quoting every byte of a message is kept, line ends included. What a message may lose on the way out
//! and in is one thing: if its last line has no end, it gets one.
//! Spec: RFC 4155 for the separator line.

use crate::model::flags::Flags;
use crate::model::time::Timestamp;
use chrono::{DateTime, NaiveDate, NaiveTime};
use std::io::{self, BufRead, Read, Write};

/// Bytes of a line that are looked at together. Longer lines are carried in pieces.
const PIECE: u64 = 64 << 10;
/// Bytes of a message that are searched for `Status` lines.
const HEADER: usize = 64 << 10;
/// The separator begins so.
const FROM: &[u8] = b"From ";

/// A message of an mbox file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MboxMessage {
    /// Its bytes; None when they are more than was allowed.
    pub data: Option<Vec<u8>>,
    /// The date of the separator line.
    pub received: Option<Timestamp>,
    /// Bytes of the file that were read for it.
    pub took: u64,
}

/// Reads an mbox file, message by message.
pub struct MboxReader<R> {
    from: R,
    most: usize,
    begun: bool,
    /// The date of the separator that was read last, while its message is still to come.
    separator: Option<Option<Timestamp>>,
    took: u64,
}

impl<R: BufRead> MboxReader<R> {
    /// Reads messages of at most `most` bytes; longer ones are passed over.
    pub fn new(from: R, most: usize) -> Self {
        Self { from, most, begun: false, separator: None, took: 0 }
    }

    /// A line, or a piece of a long one; false at the end of the file.
    fn piece(&mut self, into: &mut Vec<u8>) -> io::Result<bool> {
        into.clear();
        let read = (&mut self.from).take(PIECE).read_until(b'\n', into)?;
        self.took += read as u64;
        Ok(read > 0)
    }

    /// Goes behind the first separator. What stands before it, empty lines in a good file, is no message.
    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        let (mut piece, mut at_start) = (Vec::new(), true);
        while self.piece(&mut piece)? {
            if at_start && piece.starts_with(FROM) {
                self.separator = Some(date(&piece));
                return Ok(());
            }
            at_start = piece.ends_with(b"\n");
        }
        Ok(())
    }

    fn message(&mut self) -> io::Result<Option<MboxMessage>> {
        if !self.begun {
            self.begin()?;
        }
        let Some(received) = self.separator.take() else { return Ok(None) };
        let mut kept = Kept { bytes: Vec::new(), most: self.most, too_many: false };
        let (mut piece, mut at_start, mut after_empty) = (Vec::new(), true, false);
        while self.piece(&mut piece)? {
            let separator = if at_start && after_empty && piece.starts_with(FROM) { date(&piece) } else { None };
            if separator.is_some() {
                self.separator = Some(separator);
                break;
            }
            kept.push(if at_start { unquoted(&piece) } else { &piece });
            after_empty = at_start && matches!(piece.as_slice(), b"\n" | b"\r\n");
            at_start = piece.ends_with(b"\n");
        }
        Ok(Some(MboxMessage { data: kept.finish(), received, took: std::mem::take(&mut self.took) }))
    }
}

impl<R: BufRead> Iterator for MboxReader<R> {
    type Item = io::Result<MboxMessage>;
    fn next(&mut self) -> Option<Self::Item> {
        self.message().transpose()
    }
}

/// The bytes of a message as they come, and no more than are allowed.
struct Kept {
    bytes: Vec<u8>,
    most: usize,
    too_many: bool,
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        // The empty line before the next separator does not count.
        self.too_many |= self.bytes.len() + bytes.len() > self.most + 2;
        if self.too_many {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The message, without the empty line that ends it.
    fn finish(mut self) -> Option<Vec<u8>> {
        let bytes = self.bytes.as_slice();
        let end = match bytes {
            b"\r\n" | b"\n" => 0,
            _ if bytes.ends_with(b"\n\r\n") => bytes.len() - 2,
            _ if bytes.ends_with(b"\n\n") => bytes.len() - 1,
            _ => bytes.len(),
        };
        self.bytes.truncate(end);
        (!self.too_many && self.bytes.len() <= self.most).then_some(self.bytes)
    }
}

/// True for `From `, `>From `, `>>From ` and so on.
fn looks_like_separator(line: &[u8]) -> bool {
    let quotes = line.iter().take_while(|b| **b == b'>').count();
    line.get(quotes..).is_some_and(|rest| rest.starts_with(FROM))
}

fn unquoted(line: &[u8]) -> &[u8] {
    match line.strip_prefix(b">") {
        Some(rest) if looks_like_separator(rest) => rest,
        _ => line,
    }
}

/// Writes a message with its separator.
pub fn write(to: &mut impl Write, data: &[u8], received: Timestamp) -> io::Result<()> {
    let at = DateTime::from_timestamp(received.0, 0).unwrap_or_default();
    writeln!(to, "From MAILER-DAEMON {}", at.format("%a %b %e %H:%M:%S %Y"))?;
    for line in data.split_inclusive(|b| *b == b'\n') {
        if looks_like_separator(line) {
            to.write_all(b">")?;
        }
        to.write_all(line)?;
    }
    if !data.is_empty() && !data.ends_with(b"\n") {
        to.write_all(b"\n")?;
    }
    to.write_all(b"\n")
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The date of a separator line, in any of the ways that are about: `Thu Jan  1 00:00:00 1970`, with or without
/// seconds, with a zone before or after the year, or as in a mail's own header. None where there is no date.
fn date(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line).ok()?;
    let (mut month, mut day, mut year, mut time, mut shift) = (None, None, None, None, 0);
    for word in text.split_whitespace().skip(2).take(12) {
        let number = || word.parse::<u32>().ok();
        if let Some(index) = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(word)) {
            month = month.or(Some(index as u32 + 1));
        } else if word.contains(':') {
            time = time.or_else(|| ["%H:%M:%S", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(word, form).ok()));
        } else if let Some(sign @ ('+' | '-')) = word.chars().next() {
            let zone = word.get(1..).filter(|zone| zone.len() == 4)?.parse::<i64>().ok()?;
            let seconds = zone / 100 * 3600 + zone % 100 * 60;
            shift = if sign == '-' { -seconds } else { seconds };
        } else if word.len() == 4 {
            year = year.or_else(number);
        } else if word.len() <= 2 {
            day = day.or_else(number);
        }
    }
    let clock = NaiveDate::from_ymd_opt(i32::try_from(year?).ok()?, month?, day?)?.and_time(time?);
    Some(Timestamp(clock.and_utc().timestamp() - shift))
}

/// What the `Status` and `X-Status` lines of a message say, as mail programs of the system leave them.
pub fn flags(message: &[u8]) -> Flags {
    let header = message.get(..HEADER).unwrap_or(message);
    let lines = header.split(|b| *b == b'\n').take_while(|line| !matches!(*line, b"" | b"\r"));
    let mut flags = Flags::NONE;
    for line in lines {
        let Some(value) = [b"Status:".as_slice(), b"X-Status:"].iter().find_map(|name| line.strip_prefix(*name)) else { continue };
        for letter in value {
            flags = flags.with(match letter {
                b'R' => Flags::SEEN,
                b'A' => Flags::ANSWERED,
                b'F' => Flags::FLAGGED,
                b'D' => Flags::DELETED,
                b'T' => Flags::DRAFT,
                _ => Flags::NONE,
            });
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8], most: usize) -> Vec<MboxMessage> {
        MboxReader::new(text, most).map(Result::unwrap).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        read(text.as_bytes(), 1000).into_iter().map(|m| String::from_utf8(m.data.unwrap()).unwrap()).collect()
    }

    /// Bytes in which separators, quotes and line ends are frequent.
    fn messages() -> impl Strategy<Value = Vec<(Vec<u8>, i64)>> {
        let piece = prop_oneof![
            Just(b"From ".to_vec()),
            Just(b">".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"a Thu Jan  1 00:00:00 1970".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..5),
        ];
        let message = proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
        proptest::collection::vec((message, 0i64..4_000_000_000), 0..5)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(messages in messages()) {
            let mut file = Vec::new();
            for (data, received) in &messages {
                write(&mut file, data, Timestamp(*received)).unwrap();
            }
            let expected: Vec<_> = messages.into_iter().map(|(mut data, received)| {
                if !data.is_empty() && !data.ends_with(b"\n") {
                    data.push(b'\n');
                }
                (Some(data), Some(Timestamp(received)))
            }).collect();
            let read: Vec<_> = read(&file, 1000).into_iter().map(|m| (m.data, m.received)).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_file_is_read_to_its_end(bytes in proptest::collection::vec(any::<u8>(), 0..300), most in 0usize..100) {
            let mut file = b"From x\n".to_vec();
            file.extend(&bytes);
            let all = read(&file, most);
            prop_assert!(!all.is_empty() && all.iter().all(|m| m.data.as_ref().is_none_or(|d| d.len() <= most)));
            prop_assert_eq!(all.iter().map(|m| m.took).sum::<u64>(), file.len() as u64);
        }
    }

    #[test]
    fn files_of_others_are_read() {
        assert_eq!(
            texts("From a@b Thu Jan  1 00:00:00 1970\nA: 1\n\nx\n\nFrom - Fri Jan 02 10:00 2004\nB: 2\n\ny\n"),
            ["A: 1\n\nx\n", "B: 2\n\ny\n"]
        );
        assert_eq!(
            texts("\nFrom a\r\nA: 1\r\n\r\n>From x\r\n\r\nFrom b Thu, 1 Jan 1970 00:00:00 +0100\r\nB: 2\r\n"),
            ["A: 1\r\n\r\nFrom x\r\n", "B: 2\r\n"]
        );
        assert_eq!(
            texts("From a\nA: 1\n\nx\n\nFrom here on it is text.\n\n>>From y\n"),
            ["A: 1\n\nx\n\nFrom here on it is text.\n\n>From y\n"]
        );
        assert_eq!((texts(""), texts("no mbox\n"), texts("From x")), (vec![], vec![], vec![String::new()]));
    }

    #[test]
    fn a_message_at_the_limit_is_kept_and_one_past_it_is_not() {
        let file = b"From a\n12345678\n\nFrom b Thu Jan  1 00:00:00 1970\n123456789\n\nFrom c Thu Jan  1 00:00:00 1970\nz\n\n";
        let all: Vec<_> = read(file, 9).into_iter().map(|m| m.data).collect();
        assert_eq!(all, [Some(b"12345678\n".to_vec()), None, Some(b"z\n".to_vec())]);
        let long = [b"From a\n".as_slice(), &[b'x'; 200_000], b"\n\nFrom b Thu Jan  1 00:00:00 1970\nz\n"].concat();
        assert_eq!(read(&long, 200_001).iter().map(|m| m.data.as_ref().unwrap().len()).collect::<Vec<_>>(), [200_001, 2]);
    }

    #[test]
    fn dates_come_in_many_ways() {
        let of = |text: &str| date(format!("From alice@example.test {text}\n").as_bytes()).map(|at| at.gmt());
        for text in [
            "Sat Jan  3 01:05:34 1996",
            "Sat Jan 3 01:05:34 1996 remote from there",
            "Sat Jan  3 02:05:34 +0100 1996",
            "Sat Jan  3 02:05:34 1996 +0100",
            "Sat, 3 Jan 1996 00:05:34 -0100",
            "Sat Jan  3 01:05:34 GMT 1996",
        ] {
            assert_eq!(of(text).as_deref(), Some("19960103T010534Z"), "{text}");
        }
        assert_eq!(of("Sat Jan  3 01:05 1996").as_deref(), Some("19960103T010500Z"));
        assert_eq!((of(""), of("Sat Jan 32 01:05 1996"), of("2 May be 10:00")), (None, None, None));
    }

    #[test]
    fn status_lines_become_flags() {
        assert_eq!(flags(b"Status: RO\r\nX-Status: AF\r\n\r\nStatus: D\r\n"), Flags::SEEN.with(Flags::ANSWERED).with(Flags::FLAGGED));
        assert_eq!(flags(b"Subject: x\n\n"), Flags::NONE);
    }
}
