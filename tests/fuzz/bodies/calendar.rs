//! iCalendar text: any bytes give components or a fault; what was read is written and read again the same, comes item by
//! item, and comes back from XML with the same number of lines.

use posthouse::format::ical::{Bounds, Items, parse, write};
use posthouse::model::component::Component;
use posthouse::proto::ximss::form::calendar;
use posthouse::xml::read::{Limits, document};
use posthouse::xml::write::to_bytes;
use std::io::Cursor;

/// The body of the target.
pub fn run(bytes: &[u8]) {
    if let Ok(items) = Items::open(Cursor::new(bytes), Bounds::default()) {
        for item in items {
            item.expect("memory can be read");
        }
    }
    let Ok(read) = parse(bytes) else { return };
    let written: String = read.iter().map(write).collect();
    assert!(written.split("\r\n").all(|line| line.len() <= 75));
    assert_eq!(parse(written.as_bytes()).as_ref(), Ok(&read));
    if let Ok(element) = document(&to_bytes(&calendar::calendars(&read)), &Limits::default()) {
        let again = calendar::read_calendars(&element).expect("what is shown can be read");
        assert_eq!(again.iter().map(lines).collect::<Vec<_>>(), read.iter().map(lines).collect::<Vec<_>>());
    }
}

fn lines(component: &Component) -> usize {
    2 + component.properties.len() + component.components.iter().map(lines).sum::<usize>()
}
