//! Text to components and back; files item by item.

use super::*;
use crate::model::component::{Component, Property};
use proptest::prelude::*;
use std::io::Cursor;

const LARGE: Bounds = Bounds { bytes: 64 << 20, components: 1_000_000 };

fn files() -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ics");
    let folders = std::iter::once(own).chain(std::env::var_os("POSTHOUSE_CALENDARS").map(Into::into));
    let paths = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "ics")).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// How many lines of a component's text there are.
fn count(component: &Component) -> usize {
    2 + component.properties.len() + component.components.iter().map(count).sum::<usize>()
}

#[test]
fn no_line_of_any_file_is_lost() {
    for (path, data) in files() {
        let calendars = parse_within(&data, LARGE).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        let written: String = calendars.iter().map(write).collect();
        assert_eq!(parse_within(written.as_bytes(), LARGE).unwrap(), calendars, "{}", path.display());
        let unfolded = lines::lines(&data).filter(|line| !line.trim_ascii().is_empty()).count();
        assert_eq!(calendars.iter().map(count).sum::<usize>(), unfolded, "{}", path.display());
        assert!(written.split("\r\n").all(|line| line.len() <= 75), "{}", path.display());
        let plain = !data.windows(16).any(|w| w == b"QUOTED-PRINTABLE");
        for line in lines::lines(&data).filter(|_| plain) {
            let Some(property) = lines::property(&line) else { continue };
            let head = line.iter().position(|b| matches!(b, b';' | b':')).unwrap_or(line.len());
            let value = if property.name.is_empty() { 0 } else { line.len().saturating_sub(property.value.len()) };
            assert!(property.name.is_empty() || property.name.as_bytes().eq_ignore_ascii_case(&line[..head]), "{property:?}");
            assert!(std::str::from_utf8(&line).is_err() || property.value.as_bytes() == &line[value..], "{property:?}");
        }
    }
}

#[test]
fn every_series_of_any_file_is_expanded() {
    for (path, data) in files() {
        for calendar in parse_within(&data, LARGE).unwrap() {
            for series in series(&calendar, &crate::model::calendar::Clock::GMT) {
                let window = "20200101".parse().unwrap().."20300101".parse().unwrap();
                let found = recur::expand(&series, window, &crate::model::calendar::Clock::GMT, recur::Caps::default());
                assert!(found.instances.len() <= 3_500, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_file_comes_item_by_item_with_all_that_is_in_it() {
    for (path, data) in files() {
        let mut whole: Vec<Component> =
            parse_within(&data, LARGE).unwrap().into_iter().flat_map(|c| c.components).filter(|c| !c.is("VTIMEZONE")).collect();
        let mut read = Vec::new();
        for item in Items::open(Cursor::new(&data), LARGE).unwrap() {
            match item.unwrap() {
                Item::Read(calendar) => read.extend(calendar.components.into_iter().filter(|c| !c.is("VTIMEZONE"))),
                other => panic!("{}: {other:?}", path.display()),
            }
        }
        whole.sort_by_key(write);
        read.sort_by_key(write);
        assert_eq!(read, whole, "{}", path.display());
    }
}

#[test]
fn an_item_of_a_file_has_its_exceptions_and_its_zones() {
    let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n 2\r\nDTSTART;TZID=B:20250101T100000\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nEND:VEVENT\r\n\
        BEGIN:VTIMEZONE\r\nTZID:A\r\nEND:VTIMEZONE\r\nBEGIN:VTIMEZONE\r\nTZID:B\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:12\r\nRECURRENCE-ID:20250101T100000\r\n\
        BEGIN:VALARM\r\nUID:2\r\nEND:VALARM\r\nEND:VEVENT\r\nX-WR-CALNAME:late\r\nBEGIN:VEVENT\r\nUID:3\r\nSUMMARY:open\r\n";
    let items: Vec<Item> = Items::open(Cursor::new(text), Bounds::default()).unwrap().map(Result::unwrap).collect();
    let names = |item: &Item| match item {
        Item::Read(calendar) => {
            calendar.components.iter().map(|c| format!("{} {}", c.name, c.text("TZID").or(c.text("UID")).unwrap())).collect::<Vec<_>>()
        }
        Item::Unreadable { raw, .. } => vec![String::from_utf8(raw.clone()).unwrap()],
    };
    assert_eq!(
        items.iter().map(names).collect::<Vec<_>>(),
        [vec!["VTIMEZONE B", "VEVENT 12", "VEVENT 12"], vec!["VEVENT 2"], vec!["BEGIN:VEVENT\r\nUID:3\r\nSUMMARY:open\r\n"],]
    );
    let Item::Read(first) = &items[0] else { panic!() };
    assert_eq!(first.properties.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["VERSION", "X-WR-CALNAME"]);
}

#[test]
fn limits_hold_at_the_edge() {
    let bounds = Bounds { bytes: 200, components: 3 };
    let text = |components: usize| format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", "BEGIN:A\nEND:A\n".repeat(components));
    assert!(parse_within(text(2).as_bytes(), bounds).is_ok());
    assert_eq!(parse_within(text(3).as_bytes(), bounds).unwrap_err().number, 512);
    let filled = |length: usize| format!("BEGIN:VCALENDAR\nX:{}\nEND:VCALENDAR\n", "x".repeat(length - 33));
    assert_eq!((filled(200).len(), parse_within(filled(200).as_bytes(), bounds).is_ok()), (200, true));
    assert_eq!(parse_within(filled(201).as_bytes(), bounds).unwrap_err().number, 512);
    let deep = |levels: usize| format!("{}{}", "BEGIN:X\n".repeat(levels), "END:X\n".repeat(levels));
    assert!(parse(deep(DEEPEST).as_bytes()).is_ok() && parse(deep(DEEPEST + 1).as_bytes()).is_err());
    let huge =
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "x\r\n ".repeat(3_000_000));
    assert_eq!(parse(huge.as_bytes()).unwrap_err().number, 512);
    let items: Vec<Item> = Items::open(Cursor::new(huge.as_bytes()), Bounds::default()).unwrap().map(Result::unwrap).collect();
    assert!(matches!(items.as_slice(), [Item::Unreadable { raw, .. }] if raw.len() == 1 << 20));
}

#[test]
fn vcalendar_of_the_first_version_is_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ics");
    let data = std::fs::read(folder.join("vcalendar-1.0.ics")).unwrap();
    let event = parse(&data).unwrap().remove(0).components.remove(0);
    assert_eq!(event.text("SUMMARY").unwrap(), "K\u{e4}se und Brot\nzweite Zeile; C:\\new");
    assert_eq!(
        (event.text("DESCRIPTION").unwrap(), event.text("LOCATION").unwrap()),
        ("gr\u{fc}n = blau".to_owned(), "B\u{e4}r".to_owned())
    );
    assert!(event.get("SUMMARY").unwrap().parameters.is_empty());
}

#[test]
fn odd_parameters_are_understood() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ics");
    let event = parse(&std::fs::read(folder.join("odd-parameters.ics")).unwrap()).unwrap().remove(0).components.remove(0);
    assert_eq!(event.get("DTSTART").unwrap().parameter("TZID"), Some("(UTC+01:00) Amsterdam, Berlin, Rome"));
    let attendees: Vec<&Property> = event.all("ATTENDEE").collect();
    assert_eq!((attendees[0].parameter("CN"), attendees[1].parameter("CN")), (Some("Doe, John"), Some("with \"quotes\" and ^")));
    assert_eq!(attendees[0].parameters[2].values, ["mailto:a@b.c", "mailto:d@e.f"]);
    assert!(event.properties.iter().any(|p| p.name.is_empty() && p.value == "this is no content line"));
}

proptest! {
    #[test]
    fn what_was_read_is_written_and_read_the_same(lines in proptest::collection::vec("[A-Z;=:,\"^\\\\ a\u{e4}\u{1F600}\u{14}\t-]{0,90}", 0..8)) {
        let text = format!("BEGIN:VCALENDAR\r\n{}\r\nEND:VCALENDAR\r\n", lines.join("\r\n"));
        if let Ok(read) = parse(text.as_bytes()) {
            let written: String = read.iter().map(write).collect();
            prop_assert_eq!(parse(written.as_bytes()).unwrap(), read, "{}", written);
        }
    }

    #[test]
    fn a_property_stays_one_line(name in "\\PC{0,8}", parameter in "[\\PC\r\n]{0,20}", value in "[\\PC\r\n]{0,200}") {
        let mut calendar = Component::new("VCALENDAR");
        calendar.properties.push(Property::new(&format!("X{name}"), value).with("X-P", parameter));
        let written = write(&calendar);
        prop_assert!(written.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])));
        prop_assert_eq!(lines::lines(written.as_bytes()).count(), 3);
    }

    #[test]
    fn any_bytes_give_components_or_a_fault(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&data);
        if let Ok(items) = Items::open(Cursor::new(data), Bounds::default()) {
            let _ = items.count();
        }
    }
}
