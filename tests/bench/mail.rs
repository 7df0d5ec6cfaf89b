//! Mail made up from a seed: the same seed gives the same messages on every machine.
//!
//! Sizes are log-normal, some messages carry a base64 attachment; 200 senders of uneven industry, encoded names and
//! subjects, threads; one message in a thousand holds a rare word.

const SYLLABLES: &[&str] =
    &["ba", "de", "gi", "ko", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "wi", "xo", "zu", "ral", "ten", "mor", "sil", "kan"];
const FIRST: &[&str] = &["Anna", "José", "Zoë", "Bob", "Łukasz", "Carol", "Dmitri", "Élodie", "Frank", "Grace"];
const LAST: &[&str] = &["Smith", "Müller", "García", "Novák", "Tanaka", "O'Brien", "Larsen", "Rossi", "Petrov", "Quist"];
/// Stands in the body of one message in a thousand.
pub const RARE: &str = "zebrawood";

/// SplitMix64: small, quick, and the same everywhere.
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// What kind of mail.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The median size of the text in bytes.
    pub median: f64,
    /// The spread of sizes.
    pub sigma: f64,
    /// The share of messages with an attachment.
    pub attachments: f64,
}

/// Small messages: what fills the large mailbox.
pub const SMALL: Kind = Kind { median: 1_500.0, sigma: 0.6, attachments: 0.0 };
/// A household's post: 31 KB on average.
pub const MIXED: Kind = Kind { median: 8_192.0, sigma: 0.8, attachments: 0.10 };

/// As small as messages come, for mailboxes of which only the number of messages matters.
pub const TINY: Kind = Kind { median: 120.0, sigma: 0.2, attachments: 0.0 };

/// Makes messages.
pub struct Maker {
    random: Random,
    kind: Kind,
    words: Vec<String>,
    paragraphs: Vec<String>,
    subjects: Vec<String>,
    attachment: String,
    number: usize,
}

impl Maker {
    /// A maker of this kind of mail.
    pub fn new(seed: u64, kind: Kind) -> Self {
        let mut random = Random::new(seed);
        let words: Vec<String> =
            (0..4_000).map(|_| (0..=random.below(4)).map(|_| SYLLABLES[random.below(SYLLABLES.len())]).collect()).collect();
        let paragraphs = (0..600).map(|_| paragraph(&mut random, &words)).collect();
        let line: String = (0..76).map(|_| (b'A' + random.below(26) as u8) as char).collect();
        Self { random, kind, words, paragraphs, subjects: Vec::new(), attachment: format!("{line}\r\n"), number: 0 }
    }

    fn subject(&mut self) -> String {
        if !self.subjects.is_empty() && self.random.unit() < 0.55 {
            let recent = self.subjects.len().saturating_sub(200);
            let at = recent + self.random.below(self.subjects.len() - recent);
            return format!("Re: {}", self.subjects[at]);
        }
        let mut subject = (0..2 + self.random.below(6)).map(|_| self.words[self.random.below(4_000)].clone()).collect::<Vec<_>>().join(" ");
        if self.random.unit() < 0.2 {
            subject = format!("=?utf-8?q?=C5=BD=C3=A1dost_{}?= {subject}", self.number);
        }
        self.subjects.push(subject.clone());
        subject
    }

    fn text(&mut self) -> String {
        let size = ((self.kind.median.ln() + self.kind.sigma * self.random.normal()).exp() as usize).min(200_000);
        let mut text = String::with_capacity(size + 600);
        while text.len() < size {
            text.push_str(&self.paragraphs[self.random.below(600)]);
        }
        if self.number % 1_000 == 500 {
            text.push_str(&format!("the {RARE} crate arrived.\r\n"));
        }
        text
    }

    fn name(&mut self) -> (String, String) {
        let sender = ((-(1.0 - self.random.unit()).ln() * 40.0) as usize).min(199);
        let name = format!("{} {}", FIRST[sender % 10], LAST[sender / 10 % 10]);
        let name = if name.is_ascii() { name } else { encoded(&name) };
        (name, format!("s{sender:03}@dept{}.example.org", sender % 7))
    }
}

fn encoded(text: &str) -> String {
    let body: String =
        text.bytes().map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("={b:02X}") }).collect();
    format!("=?utf-8?q?{body}?=")
}

fn paragraph(random: &mut Random, words: &[String]) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for _ in 0..40 + random.below(50) {
        let word = &words[(random.unit() * random.unit() * 4_000.0) as usize];
        if column + word.len() > 70 {
            out.push_str("\r\n");
            column = 0;
        } else if column > 0 {
            out.push(' ');
        }
        out.push_str(word);
        column += word.len() + 1;
    }
    out + ".\r\n\r\n"
}

/// A date in the form of RFC 5322, `seconds` after the beginning of 2019.
fn date(seconds: i64) -> String {
    posthouse::model::time::Timestamp(1_546_300_800 + seconds).rfc5322(0)
}

impl Iterator for Maker {
    type Item = Vec<u8>;
    fn next(&mut self) -> Option<Vec<u8>> {
        let ((name, from), subject) = (self.name(), self.subject());
        let to = format!("s{:03}@dept{}.example.org", self.random.below(200), self.random.below(7));
        let when = date(self.number as i64 * 1_900 + self.random.below(80_000) as i64);
        let id = format!("{:07}.{:016x}@dept.example.org", self.number, self.random.next());
        let text = self.text();
        let head = format!(
            "Return-Path: <{from}>\r\nReceived: from mx{0}.example.org (mx{0}.example.org [192.0.2.{1}])\r\n\tby mail.example.net with ESMTPS id {2:08x}\r\n\
             \tfor <user@example.net>; {when}\r\nFrom: {name} <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {when}\r\nMessage-ID: <{id}>\r\n\
             MIME-Version: 1.0\r\n",
            self.number % 5,
            self.number % 250,
            self.number
        );
        let message = if self.random.unit() < self.kind.attachments {
            let lines = 600 + self.random.below(5_500);
            let data = self.attachment.repeat(lines);
            format!(
                "{head}Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--=_b\r\n\
                 Content-Type: application/octet-stream; name=\"data.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{data}--=_b--\r\n"
            )
        } else {
            format!("{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}")
        };
        self.number += 1;
        Some(message.into_bytes())
    }
}
