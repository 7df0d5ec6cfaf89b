//! Calendar items in XML and back.

use super::*;
use crate::format::ical::parse;
use crate::xml::read::{Limits, document};
use crate::xml::write::to_bytes;
use proptest::prelude::*;

fn of_xml(text: &str) -> Element {
    document(text.as_bytes(), &Limits::default()).unwrap()
}

/// The same meaning has the same form: texts lose escapes that nobody needs, attributes of the calendar come first.
fn plain(mut component: Component) -> Component {
    for property in &mut component.properties {
        if !values::is_kept(property) {
            property.value = crate::model::component::protected(&property.text());
        }
    }
    if component.is("VCALENDAR") {
        component.properties.sort_by_key(|p| !ATTRIBUTES.contains(&p.name.as_str()));
    }
    component.components = component.components.into_iter().map(plain).collect();
    component
}

fn through_xml(component: &Component) -> Component {
    let bytes = to_bytes(&calendars(std::slice::from_ref(component)));
    let limits = Limits::default();
    let mut read = read_calendars(&document(&bytes, &limits).unwrap()).unwrap();
    assert_eq!(read.len(), 1);
    read.remove(0)
}

const PUBLISHED: &str = r#"<iCalendar xmlns="urn:ietf:params:xml:ns:xcal"><vCalendar method="PUBLISH" prodid="CommuniGate Pro 5.1.7" version="2.0"><vevent>
<organizer CN="Big Boss">MAILTO:boss@company.dom</organizer><attendee CN="Small Boy">MAILTO:boy@company.dom</attendee>
<rrule>FREQ=WEEKLY;BYDAY=MO,TH</rrule><dtstamp>20061022T091143Z</dtstamp><uid>18927897984@kjjkjkjk-123444</uid><sequence>0</sequence>
<summary>Report Meeting</summary><dtstart tzid="NorthAmerica/Pacific">20060515T100000</dtstart><busystatus>BUSY</busystatus>
<description>A twice-a-week meeting, to discuss; all.</description></vevent></vCalendar></iCalendar>"#;

#[test]
fn the_specification_s_item_becomes_text_and_comes_back() {
    let read = read(&of_xml(PUBLISHED)).unwrap();
    let text = ical::write(&read);
    for line in [
        "METHOD:PUBLISH",
        "PRODID:CommuniGate Pro 5.1.7",
        "ORGANIZER;CN=Big Boss:MAILTO:boss@company.dom",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,TH",
        "DTSTART;TZID=NorthAmerica/Pacific:20060515T100000",
        "X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
        r"DESCRIPTION:A twice-a-week meeting\, to discuss\; all.",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
    }
    let squeezed = PUBLISHED.replace(">\n<", "><");
    assert_eq!(String::from_utf8(to_bytes(&calendars(&[read]))).unwrap(), squeezed);
}

#[test]
fn spellings_of_clients_are_taken() {
    let item = read(&of_xml(r#"<VEVENT><recurrenceID TZID="Europe/Berlin">20250101T100000</recurrenceID><Summary>a</Summary><valarm><trigger RELATED="END">-PT5M</trigger></valarm></VEVENT>"#)).unwrap();
    let event = &item.components[0];
    assert_eq!(event.get("RECURRENCE-ID").unwrap().parameter("TZID"), Some("Europe/Berlin"));
    assert_eq!((event.name.as_str(), event.text("SUMMARY").as_deref(), event.components[0].name.as_str()), ("VEVENT", Some("a"), "VALARM"));
    assert_eq!(read(&of_xml("<icalendar><vcalendar/></icalendar>")).unwrap_err().number, 500);
    assert!(read(&of_xml("<vevent><x-line>END:VEVENT</x-line></vevent>")).is_err());
    assert!(read(&of_xml("<vevent><begin>VEVENT</begin></vevent>")).is_err());
}

#[test]
fn a_value_stays_inside_its_line() {
    let item =
        read(&of_xml("<vevent><summary>a\nEND:VEVENT\nX:b</summary><url>http://a\nEND:VEVENT</url><x-a>1\nEND:VEVENT</x-a></vevent>"))
            .unwrap();
    let again = parse(ical::write(&item).as_bytes()).unwrap();
    assert_eq!((again[0].components.len(), again[0].components[0].properties.len()), (1, 3));
    assert_eq!(again[0].components[0].text("SUMMARY").unwrap(), "a\nEND:VEVENT\nX:b");
}

#[test]
fn odd_lines_come_back_as_they_were() {
    let text = "BEGIN:VCALENDAR\r\nVERSION;X=1:2.0\r\nBEGIN:VEVENT\r\nno line at all\r\nX-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-TITLE=\"A, b\":geo:1.5,2.5\r\n\
        X-DESC:a\\, b\\nc\r\nX-MIX:a\\,b,c\r\nCATEGORIES:a\\,b,c\\\\\r\nATTENDEE;MEMBER=\"mailto:a\",\"mailto:b,c\";CN=a^'b:mailto:x\r\nSUMMARY;FLAG:x\r\n\
        BUSYSTATUS:FREE\r\nATTENDEE;CN=a;CN=b:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let read = parse(text.as_bytes()).unwrap().remove(0);
    assert_eq!(through_xml(&read), read);
    assert_eq!(parse(ical::write(&read).as_bytes()).unwrap()[0], read);
}

/// Reads every `.ics` file of the folder that `POSTHOUSE_CALENDARS` names, and of our own.
#[test]
fn files_come_back_from_xml() {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ics");
    let folders = std::iter::once(own).chain(std::env::var_os("POSTHOUSE_CALENDARS").map(Into::into));
    for entry in folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "ics") {
            continue;
        }
        let data = std::fs::read(&path).unwrap();
        let bounds = ical::Bounds { bytes: 64 << 20, components: 1_000_000 };
        for calendar in ical::parse_within(&data, bounds).unwrap() {
            assert_eq!(plain(through_xml(&calendar)), plain(calendar), "{}", path.display());
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    "[ -~\n\u{e4}\u{1F600}\\\\,;:^\"]{0,24}"
}

fn property() -> impl Strategy<Value = Property> {
    let name = prop_oneof![
        Just("SUMMARY"),
        Just("CATEGORIES"),
        Just("DTSTART"),
        Just("X-A"),
        Just("ATTENDEE"),
        Just("X-MICROSOFT-CDO-BUSYSTATUS")
    ];
    let parameter = (prop_oneof![Just("CN"), Just("MEMBER"), Just("TZID"), Just("X-P")], proptest::collection::vec(text(), 1..3));
    (name, proptest::option::of(parameter), text()).prop_map(|(name, parameter, value)| {
        let mut property = Property::of_text(name, value.trim());
        property.parameters.extend(parameter.map(|(name, values)| Parameter { name: name.to_owned(), values }));
        property
    })
}

proptest! {
    #[test]
    fn any_item_comes_back(properties in proptest::collection::vec(property(), 0..6)) {
        let mut calendar = Component::new("VCALENDAR");
        calendar.components.push(Component { name: "VEVENT".into(), properties, components: Vec::new() });
        prop_assert_eq!(plain(through_xml(&calendar)), plain(calendar));
    }

    #[test]
    fn any_line_comes_back(line in "[A-Za-z;=:,\"^\\\\ \u{e4}-]{1,40}") {
        let text = format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{line}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
        if let Ok(read) = parse(text.as_bytes()) {
            prop_assert_eq!(plain(through_xml(&read[0])), plain(read[0].clone()));
        }
    }
}
