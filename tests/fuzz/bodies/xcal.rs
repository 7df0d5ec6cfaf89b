//! Calendar items in XML: any document gives components or a fault; their text is read again with nothing broken out.

use posthouse::format::ical::{Bounds, parse_within, write};
use posthouse::model::component::Component;
use posthouse::proto::ximss::form::calendar;
use posthouse::xml::read::{Limits, document};

/// The body of the target.
pub fn run(bytes: &[u8]) {
    let Ok(element) = document(bytes, &Limits::default()) else { return };
    let Ok(read) = calendar::read_calendars(&element) else { return };
    for calendar in read {
        let bounds = Bounds { bytes: usize::MAX, components: usize::MAX };
        let text = write(&calendar);
        assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
        if let Ok(again) = parse_within(text.as_bytes(), bounds) {
            assert_eq!(again.iter().map(properties).sum::<usize>(), properties(&calendar), "{text}");
        }
    }
}

fn properties(component: &Component) -> usize {
    component.properties.len() + component.components.iter().map(properties).sum::<usize>()
}
