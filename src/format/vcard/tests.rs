//! vCards: what is read is written again, of every version, and another reader sees the same.

use super::stream::{Item, Items};
use super::write::{self, Style};
use super::*;
use crate::model::component::{Parameter, Property};
use proptest::prelude::*;

fn one(text: &str) -> Component {
    let [card] = <[Component; 1]>::try_from(parse(text.as_bytes(), None).unwrap()).unwrap();
    card
}

fn line(text: &str) -> Property {
    one(&format!("BEGIN:VCARD\r\nVERSION:2.1\r\n{text}\r\nEND:VCARD\r\n")).properties[1].clone()
}

#[test]
fn a_card_of_3_0_is_given_back_line_by_line() {
    let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bjorn Jensen\r\nN:Jensen;Bjorn;A;Mr.;II\r\nitem1.TEL;TYPE=WORK,VOICE;type=pref:+1 313 747-4454\r\n\
        item1.X-ABLabel:_$!<Work>!$_\r\nNOTE;LANGUAGE=en:a\\, b\\; c\\nd \\\\ e\r\nX-ODD;X-P=\"a:b;c\":x;y,z\r\nADR;TYPE=HOME:;;1\\, Main St.,Flat 2;Town;;1\r\n \
        2345;\r\nEND:VCARD\r\n";
    // Names are upper case in a component.
    let expected = text.replace("1\r\n 2345", "12345").replace("type=", "TYPE=").replace("X-ABLabel", "X-ABLABEL");
    assert_eq!(write::card(&one(text), Style::Own), expected);
}

#[test]
fn a_card_of_4_0_stays_one() {
    let text = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Simon\r\nTEL;VALUE=uri;PREF=1;TYPE=\"voice,home\":tel:+1-555-555-5555\r\n\
        PHOTO:data:image/gif;base64,R0lGODlh\r\nCLIENTPIDMAP:1;urn:uuid:53e3\r\nEMAIL;PID=4.1:a@b.c\r\nEND:VCARD\r\n";
    let card = one(text);
    assert_eq!(write::card(&card, Style::Own), text.replace("\"voice,home\"", "voice,home"));
    assert_eq!(
        write::card(&card, Style::Third),
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Simon\r\nTEL;TYPE=voice,home;TYPE=pref:+1-555-555-5555\r\nPHOTO;ENCODING=b;TYPE=GIF:R0lGODlh\r\n\
        CLIENTPIDMAP:1;urn:uuid:53e3\r\nEMAIL;PID=4.1:a@b.c\r\nN:Simon;;;;\r\nEND:VCARD\r\n"
    );
}

#[test]
fn lines_of_2_1_become_3_0() {
    let tel = line("TEL;HOME;VOICE;PREF:+1 2");
    assert_eq!(
        tel.parameters.iter().map(|p| (p.name.as_str(), p.values[0].as_str())).collect::<Vec<_>>(),
        [("TYPE", "HOME"), ("TYPE", "VOICE"), ("TYPE", "PREF")]
    );
    let quoted = line("NOTE;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Gr=FC=DFe, =\r\nund=0D=0Amehr\\; C:\\dir");
    assert_eq!((quoted.text().as_str(), quoted.parameters.len()), ("Grüße, und\nmehr; C:\\dir", 0));
    assert_eq!(line("N;QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=BCller;Anna").fields(), ["Müller", "Anna"]);
    let photo = line("PHOTO;JPEG;BASE64:R0lG\r\n ODlh\r\nAAAA\r\n");
    assert_eq!((photo.value.as_str(), photo.parameter("encoding"), photo.parameter("type")), ("R0lGODlhAAAA", Some("b"), Some("JPEG")));
    assert_eq!(line("CATEGORIES:a,b").list(), ["a", "b"]);
    assert_eq!(line("NOTE:folded\r\n  here").text(), "folded  here");
    assert_eq!(one("BEGIN:VCARD\nVERSION:2.1\nFN:x\nEND:VCARD\n").text("VERSION").unwrap(), "3.0");
}

#[test]
fn a_card_inside_a_card_is_a_text() {
    let card =
        one("BEGIN:VCARD\nVERSION:2.1\nFN:Boss\nAGENT:\nBEGIN:VCARD\nVERSION:2.1\nFN:Clerk\nTEL;WORK:1\nEND:VCARD\nTEL:2\nEND:VCARD\n");
    let agent = one(&card.text("AGENT").unwrap());
    assert_eq!((agent.text("FN").unwrap().as_str(), card.text("TEL").unwrap().as_str()), ("Clerk", "2"));
    assert_eq!(one(&write::card(&card, Style::Old)), card);
}

#[test]
fn charsets_of_lines_and_files_are_undone() {
    let latin = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Gr\xfc\xdfe\r\nX-A;CHARSET=KOI8-R:\xf0\r\nEND:VCARD\r\n";
    let card = &parse(latin, None).unwrap()[0];
    assert_eq!((card.text("FN").unwrap().as_str(), card.text("X-A").unwrap().as_str()), ("Grüße", "П"));
    assert_eq!(parse(latin, Some("cp1251")).unwrap()[0].text("FN").unwrap(), "GrьЯe");
    let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Grüße 😀\r\nEND:VCARD\r\n";
    for (mark, bytes) in
        [(true, u16::to_le_bytes as fn(u16) -> [u8; 2]), (true, u16::to_be_bytes), (false, u16::to_le_bytes), (false, u16::to_be_bytes)]
    {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        let encoded: Vec<u8> = units.flat_map(bytes).collect();
        assert_eq!(parse(&encoded, None).unwrap(), [one(text)]);
    }
    assert_eq!(one(&format!("\u{feff}{text}")), one(text));
}

fn items(bytes: &[u8], most: usize) -> Vec<Result<String, (u64, &'static str)>> {
    Items::new(bytes, None, most)
        .unwrap()
        .map(|item| match item.unwrap() {
            Item::Card(card) => Ok(card.text("FN").unwrap_or_default()),
            Item::Unreadable(lost) => Err((lost.line, lost.reason)),
        })
        .collect()
}

#[test]
fn what_is_no_card_is_told_and_the_rest_is_read() {
    let text = "rubbish\nBEGIN:VCARD\nFN:a\n\nEND:VCARD\n\n\nBEGIN:VCARD\nFN:lost\nBEGIN:VCARD\nFN:b\nEND:VCARD\nBEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VGROUP\nFN:c\n\
        no colon\nEND:VGROUP\nBEGIN:VCARD\nEND:VCARD\nBEGIN:VCARD\nFN:cut";
    assert_eq!(
        items(text.as_bytes(), 1000),
        [
            Err((1, "it is no vCard")),
            Ok("a".into()),
            Err((8, "it has no end")),
            Ok("b".into()),
            Err((13, "it is no vCard")),
            Ok("c".into()),
            Err((19, "it is empty")),
            Err((21, "it has no end"))
        ]
    );
    assert_eq!(one("BEGIN:VGROUP\nFN:c\nno colon\nEND:VGROUP\n").text(UNREADABLE_LINE).unwrap(), "no colon");
    let long = format!("BEGIN:VCARD\nFN:a\nNOTE:{}\nEND:VCARD\nBEGIN:VCARD\nFN:b\nEND:VCARD\n", "x".repeat(300_000));
    assert_eq!(items(long.as_bytes(), 1000), [Err((1, "it is too large")), Ok("b".into())]);
    assert_eq!(items(b"BEGIN:VCARD\rFN:a\rEND:VCARD\rBEGIN:VCARD\rFN:b\rEND:VCARD", 1000), [Ok("a".into()), Ok("b".into())]);
    assert_eq!(one("BEGIN:VCARD\nFN:a\nEND : OTHER:x\nx.END:VCARD\nEND:VCARD\n").all(UNREADABLE_LINE).count(), 2);
    assert!(items(b"", 10).is_empty() && items(b"\r\n\r\n", 10).is_empty());
}

fn text() -> impl Strategy<Value = String> {
    "([ -~äß€😀]|\\\\|,|;|\n|\"|:){0,30}"
}

fn property() -> impl Strategy<Value = Property> {
    let parameters =
        proptest::collection::vec(("(TYPE|LANGUAGE|X-P|PREF)", proptest::collection::vec("[a-zA-Z0-9 :;é-]{1,6}", 1..3)), 0..3);
    let value = proptest::collection::vec(text(), 1..4)
        .prop_map(|fields| fields.iter().map(|f| crate::model::component::protected(f)).collect::<Vec<_>>().join(";"));
    (proptest::option::of("[a-z][a-z0-9]{0,4}"), "(FN|TEL|NOTE|CATEGORIES|X-[A-Z]{1,5})", parameters, value).prop_map(
        |(group, name, parameters, value)| Property {
            group,
            name,
            parameters: parameters
                .into_iter()
                .map(|(name, values)| Parameter { name, values: values.into_iter().map(|v| v.trim().replace(' ', "-") + "x").collect() })
                .collect(),
            value,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(properties in proptest::collection::vec(property(), 1..6)) {
        let mut card = Component::new("VCARD");
        card.properties = properties;
        card.properties.insert(0, Property::new("VERSION", "3.0"));
        let text = write::card(&card, Style::Own);
        prop_assert!(text.lines().all(|line| line.len() <= 76));
        prop_assert_eq!(parse(text.as_bytes(), None).unwrap(), vec![card]);
    }

    #[test]
    fn texts_survive_2_1(texts in proptest::collection::vec(text(), 1..4)) {
        let mut card = Component::new("VCARD");
        card.properties.push(Property::new("VERSION", "3.0"));
        card.properties.extend(texts.iter().map(|text| Property::of_text("NOTE", text)));
        let old = write::card(&card, Style::Old);
        let again = parse(old.as_bytes(), None).unwrap();
        let values: Vec<String> = again[0].all("NOTE").map(Property::text).collect();
        // A colon needs no protection anywhere, and has none in 2.1.
        prop_assert_eq!(values, texts, "{}", old);
    }

    #[test]
    fn any_bytes_are_accounted_for(bytes in proptest::collection::vec(proptest::sample::select(b"BEGIN:VCARD\nEND:VCARD\nFN:;=\"\\ \t\r\xff\0".to_vec()), 0..200), most in 1usize..50) {
        prop_assert!(Items::new(bytes.as_slice(), None, most).unwrap().all(|item| item.is_ok()));
    }

    #[test]
    fn another_reader_sees_the_same(properties in proptest::collection::vec((text(), "[a-z]{1,5}"), 1..5)) {
        let mut card = Component::new("VCARD");
        card.properties.push(Property::new("VERSION", "3.0"));
        card.properties.extend(properties.iter().map(|(text, kind)| Property::of_text("NOTE", text.trim()).with("X-KIND", kind.as_str())));
        let written = write::card(&card, Style::Own);
        let calcard::Entry::VCard(seen) = calcard::Parser::new(&written).entry() else { panic!("{written}") };
        let seen: Vec<String> = seen.entries.iter().skip(1).map(|entry| entry.values.iter().filter_map(|v| v.as_text()).collect()).collect();
        let meant: Vec<String> = card.all("NOTE").map(Property::text).collect();
        prop_assert_eq!(seen, meant);
    }
}

#[test]
fn what_is_folded_ends_no_card_and_an_indented_file_is_read() {
    let folded = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:A\r\nNOTE:before \r\n END:VCARD\r\n BEGIN:VCARD\r\nEND:VCARD\r\n";
    let card = &parse(folded.as_bytes(), None).unwrap()[0];
    assert_eq!(card.get("NOTE").unwrap().value, "before END:VCARDBEGIN:VCARD");
    let indented = "  BEGIN:VCARD\n  VERSION:3.0\n  N:A\n  NOTE:one\n    two\n  END:VCARD\n";
    let card = &parse(indented.as_bytes(), None).unwrap()[0];
    assert_eq!(card.get("NOTE").unwrap().value, "one two");
}
