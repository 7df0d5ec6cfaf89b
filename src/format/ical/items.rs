//! A file of many items, item by item, in bounded memory.
//!
//! The file is gone through twice: first for where its components stand and what their UIDs are, then each UID's
//! components are read. Each item comes as a VCALENDAR of its own, with the properties of the one it was in and the
//! VTIMEZONEs that it uses. What cannot be read comes as the text it is. Spec: RFC 5545 3.4.

use super::parse::incorrect;
use super::{Bounds, lines, parse_within, zone};
use crate::model::component::{Component, Property, bare};
use crate::model::fault::{Fault, Outcome};
use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, ErrorKind, Seek, SeekFrom};

/// One item of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A VCALENDAR with the components of one UID.
    Read(Component),
    /// What could not be read, and why.
    Unreadable {
        /// Its text; only its beginning where it is larger than an item may be.
        raw: Vec<u8>,
        /// Its bytes in the file.
        size: u64,
        /// What is wrong.
        why: Fault,
    },
}

/// The items of a file in the order of their first components.
pub struct Items<R> {
    file: R,
    bounds: Bounds,
    calendars: Vec<Calendar>,
    found: std::vec::IntoIter<Place>,
}

/// One VCALENDAR of the file.
#[derive(Default)]
struct Calendar {
    properties: Vec<Property>,
    zones: Vec<Component>,
    /// Where among the zones those of a name are.
    by_name: HashMap<String, Vec<usize>>,
}

/// Where the components of one UID stand.
struct Place {
    calendar: usize,
    spans: Vec<(u64, u64)>,
}

/// The most bytes of a VCALENDAR's own properties that are kept.
const OWN_BYTES: usize = 64 << 10;
/// The most components of one file.
const MOST: usize = 2_000_000;

impl<R: BufRead + Seek> Items<R> {
    /// Goes through a file for the first time. Fails where it cannot be read or has no component.
    pub fn open(mut file: R, bounds: Bounds) -> Outcome<Self> {
        file.rewind().map_err(|cause| Fault::logged("a file of calendar items cannot be read", cause))?;
        let mut survey = Survey::default();
        let mut line = Vec::new();
        let mut at = 0;
        loop {
            let length =
                short_line(&mut file, &mut line).map_err(|cause| Fault::logged("a file of calendar items cannot be read", cause))?;
            if length == 0 {
                break;
            }
            survey.take(&line, at, length)?;
            at += length;
        }
        survey.finish(at);
        if survey.calendars.is_empty() && survey.places.is_empty() {
            return Err(incorrect("there is no component"));
        }
        let mut items = Self { file, bounds, calendars: survey.calendars, found: survey.places.into_iter() };
        for (calendar, span) in survey.zones {
            if let Ok(Item::Read(read)) = items.read(&[span], None)
                && let Some(calendar) = items.calendars.get_mut(calendar)
            {
                for zone in read.components {
                    let name = zone.text("TZID").unwrap_or_default().trim().to_owned();
                    calendar.by_name.entry(name).or_default().push(calendar.zones.len());
                    calendar.zones.push(zone);
                }
            }
        }
        Ok(items)
    }

    /// How many items are to come.
    pub fn left(&self) -> usize {
        self.found.len()
    }

    fn read(&mut self, spans: &[(u64, u64)], calendar: Option<usize>) -> Result<Item, std::io::Error> {
        let size: u64 = spans.iter().map(|(_, length)| length).sum();
        let most = self.bounds.bytes as u64;
        let mut raw = Vec::new();
        for (at, length) in spans {
            let take = (*length).min(most.saturating_sub(raw.len() as u64));
            self.file.seek(SeekFrom::Start(*at))?;
            let before = raw.len() as u64;
            std::io::Read::read_to_end(&mut std::io::Read::take(&mut self.file, take), &mut raw)?;
            if raw.len() as u64 - before < take {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        if size > most {
            return Ok(Item::Unreadable { raw, size, why: Fault::quota("calendar item is too large") });
        }
        Ok(match parse_within(&raw, self.bounds) {
            Ok(mut read) if read.len() == 1 => {
                let mut item = read.remove(0);
                if let Some(calendar) = calendar.and_then(|at| self.calendars.get(at)) {
                    dress(&mut item, calendar);
                }
                Item::Read(item)
            }
            Ok(_) => Item::Unreadable { raw, size, why: incorrect("there is no component") },
            Err(why) => Item::Unreadable { raw, size, why },
        })
    }
}

/// Puts the properties of the calendar and the zones that are used around an item.
fn dress(item: &mut Component, calendar: &Calendar) {
    if !calendar.properties.is_empty() {
        item.properties.clone_from(&calendar.properties);
    }
    let used = zone::names(item);
    let places: BTreeSet<usize> = used.iter().filter_map(|name| calendar.by_name.get(name.trim())).flatten().copied().collect();
    let zones: Vec<Component> = places.iter().filter_map(|at| calendar.zones.get(*at)).cloned().collect();
    item.components.splice(0..0, zones);
}

impl<R: BufRead + Seek> Iterator for Items<R> {
    type Item = Outcome<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.found.next()?;
        let read = self.read(&place.spans, Some(place.calendar));
        Some(read.map_err(|cause| Fault::logged("a file of calendar items cannot be read", cause)))
    }
}

/// The most bytes of a line that the survey looks at.
const LOOKED_AT: usize = 4 << 10;

/// Reads a line, of which it keeps only the beginning; gives its bytes with its end, 0 at the end of the file.
fn short_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> Result<u64, std::io::Error> {
    line.clear();
    let mut length = 0;
    loop {
        let data = file.fill_buf()?;
        if data.is_empty() {
            return Ok(length);
        }
        let end = data.iter().position(|b| *b == b'\n').map_or(data.len(), |at| at + 1);
        let part = data.get(..end).unwrap_or_default();
        let room = LOOKED_AT.saturating_sub(line.len()).min(end);
        line.extend_from_slice(part.get(..room).unwrap_or_default());
        let done = part.last() == Some(&b'\n');
        file.consume(end);
        length += end as u64;
        if done {
            return Ok(length);
        }
    }
}

#[derive(Default)]
struct Survey {
    calendars: Vec<Calendar>,
    places: Vec<Place>,
    zones: Vec<(usize, (u64, u64))>,
    by_uid: HashMap<(usize, bool, String), usize>,
    components: usize,
    inside: bool,
    own_bytes: usize,
    own: Vec<u8>,
    open: Option<Open>,
}

/// A component that stands directly in a VCALENDAR.
struct Open {
    name: String,
    start: u64,
    depth: usize,
    uid: Option<Vec<u8>>,
    reading_uid: bool,
}

fn keyword<'a>(line: &'a [u8], word: &str) -> Option<&'a str> {
    let (head, rest) = line.split_at_checked(word.len())?;
    let rest = std::str::from_utf8(rest.strip_prefix(b":")?).ok()?;
    head.eq_ignore_ascii_case(word.as_bytes()).then_some(rest.trim())
}

impl Survey {
    fn take(&mut self, line: &[u8], at: u64, length: u64) -> Outcome<()> {
        let line = if at == 0 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
        let line = line.trim_ascii_end();
        if let Some(name) = keyword(line, "BEGIN") {
            return self.begin(name, at);
        }
        match (&mut self.open, keyword(line, "END")) {
            (Some(open), Some(name)) => {
                open.reading_uid = false;
                open.depth = open.depth.saturating_sub(1);
                if open.depth == 0 || open.name.eq_ignore_ascii_case(name) {
                    self.close(at + length);
                } else if name.eq_ignore_ascii_case("VCALENDAR") {
                    self.close(at);
                    self.inside = false;
                }
            }
            (Some(open), None) => open.look(line),
            (None, Some(_)) => self.end_calendar(),
            (None, None) if self.inside && self.own_bytes < OWN_BYTES => {
                self.own_bytes += line.len();
                self.own.extend_from_slice(line);
                self.own.push(b'\n');
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn begin(&mut self, name: &str, at: u64) -> Outcome<()> {
        let is_item = ["VEVENT", "VTODO", "VJOURNAL", "VTIMEZONE"].iter().any(|item| item.eq_ignore_ascii_case(name));
        if name.eq_ignore_ascii_case("VCALENDAR") || is_item && self.open.is_some() {
            self.close(at);
        }
        if name.eq_ignore_ascii_case("VCALENDAR") {
            self.end_calendar();
            self.calendars.push(Calendar::default());
            self.inside = true;
            self.own_bytes = 0;
            return Ok(());
        }
        match &mut self.open {
            Some(open) => open.depth += 1,
            None => {
                self.components += 1;
                if self.components > MOST {
                    return Err(Fault::quota("calendar file has too many items"));
                }
                if self.calendars.is_empty() {
                    self.calendars.push(Calendar::default());
                }
                self.open = Some(Open { name: name.to_ascii_uppercase(), start: at, depth: 1, uid: None, reading_uid: false });
            }
        }
        Ok(())
    }

    /// Notes the component that ends here.
    fn close(&mut self, end: u64) {
        let Some(open) = self.open.take() else { return };
        let span = (open.start, end.saturating_sub(open.start));
        let calendar = self.calendars.len().saturating_sub(1);
        if open.name == "VTIMEZONE" {
            self.zones.push((calendar, span));
            return;
        }
        let uid = open.uid.map(|uid| bare(&String::from_utf8_lossy(&uid)).trim().to_owned()).filter(|uid| !uid.is_empty());
        let new = self.places.len();
        let at = match uid {
            Some(uid) => *self.by_uid.entry((calendar, open.name == "VTODO", uid)).or_insert(new),
            None => new,
        };
        match self.places.get_mut(at) {
            Some(place) => place.spans.push(span),
            None => self.places.push(Place { calendar, spans: vec![span] }),
        }
    }

    /// Keeps the properties of the calendar that ends here.
    fn end_calendar(&mut self) {
        let own = std::mem::take(&mut self.own);
        if let Some(calendar) = self.calendars.last_mut().filter(|_| self.inside) {
            calendar.properties = lines::lines(&own).filter_map(|line| lines::property(&line)).collect();
        }
        self.inside = false;
    }

    fn finish(&mut self, end: u64) {
        self.close(end);
        self.end_calendar();
    }
}

impl Open {
    fn look(&mut self, line: &[u8]) {
        if self.reading_uid
            && let Some(more) = line.strip_prefix(b" ").or_else(|| line.strip_prefix(b"\t"))
        {
            if let Some(uid) = self.uid.as_mut().filter(|uid| uid.len() < LOOKED_AT) {
                uid.extend_from_slice(more);
            }
            return;
        }
        self.reading_uid = false;
        let is_uid = self.depth == 1 && line.get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"UID"));
        if is_uid && matches!(line.get(3), Some(b':' | b';')) && self.uid.is_none() {
            let value = line.iter().position(|b| *b == b':').and_then(|at| line.get(at + 1..));
            self.uid = Some(value.unwrap_or_default().to_vec());
            self.reading_uid = true;
        }
    }
}
