//! Contacts in XML: the specification's examples, and that nothing is lost either way.

use super::*;
use crate::format::vcard::parse;
use crate::format::vcard::write::{Style, card as write};
use crate::xml::read::{Limits, document};
use crate::xml::write::to_bytes;
use proptest::prelude::*;

fn xml(text: &str) -> Element {
    document(text.as_bytes(), &Limits::default()).unwrap()
}

fn from_text(lines: &str) -> Component {
    parse(format!("BEGIN:VCARD\nVERSION:3.0\n{lines}\nEND:VCARD\n").as_bytes(), None).unwrap().remove(0)
}

fn shown(lines: &str) -> String {
    let text = String::from_utf8(to_bytes(&element(&from_text(lines)))).unwrap();
    text.strip_prefix("<vCard>").unwrap().strip_suffix("</vCard>").unwrap().to_owned()
}

#[test]
fn every_row_of_the_vocabulary() {
    for (line, expected) in [
        (
            "N:Jensen;Bjorn;A;Mr.;II",
            "<N><FAMILY>Jensen</FAMILY><GIVEN>Bjorn</GIVEN><MIDDLE>A</MIDDLE><PREFIX>Mr.</PREFIX><SUFFIX>II</SUFFIX></N>",
        ),
        ("NOTE:a\\, b, c", "<NOTE><VALUE>a, b, c</VALUE></NOTE>"),
        ("NICKNAME:a,b\\,c", "<NICKNAME><VALUE>a</VALUE><VALUE>b,c</VALUE></NICKNAME>"),
        ("ORG:Acme, Inc.;R&D;Lab", "<ORG><ORGNAME>Acme, Inc.</ORGNAME><ORGUNIT>R&amp;D</ORGUNIT><ORGUNIT>Lab</ORGUNIT></ORG>"),
        ("EMAIL;TYPE=INTERNET,home:a@b", "<EMAIL><INTERNET/><HOME/><USERID>a@b</USERID></EMAIL>"),
        ("item1.TEL;TYPE=work;TYPE=VOICE:+1", "<TEL GROUP=\"item1\"><WORK/><VOICE/><NUMBER>+1</NUMBER></TEL>"),
        (
            "ADR;TYPE=HOME:;;1 Main St.,Flat 2;Town;;12345;",
            "<ADR><HOME/><POBOX/><EXTADD/><STREET>1 Main St.</STREET><STREET>Flat 2</STREET><LOCALITY>Town</LOCALITY><REGION/><PCODE>12345</PCODE></ADR>",
        ),
        ("PHOTO;ENCODING=b;TYPE=JPEG:AAAA", "<PHOTO><TYPE>image/jpeg</TYPE><BINVAL>AAAA</BINVAL></PHOTO>"),
        ("PHOTO;VALUE=uri:http://a.b/c;d,e", "<PHOTO><URI>http://a.b/c;d,e</URI></PHOTO>"),
        ("KEY;X509;ENCODING=b:AAAA", "<KEY><x509/><BINVAL>AAAA</BINVAL></KEY>"),
        ("CATEGORIES:a,b", "<CATEGORIES><KEYWORD>a</KEYWORD><KEYWORD>b</KEYWORD></CATEGORIES>"),
        ("URL:http://a.b/;c,d", "<URL><VALUE>http://a.b/;c,d</VALUE></URL>"),
        ("GEO:37.3;-122.1", "<GEO><VALUE>37.3;-122.1</VALUE></GEO>"),
        (
            "X-ODD;TYPE=\"a b\";X-P=\"q,r\",s:1;2\\;3",
            "<X-ODD X-P=\"&quot;q,r&quot;,&quot;s&quot;\" TYPE=\"a b\"><VALUE>1</VALUE><VALUE>2;3</VALUE></X-ODD>",
        ),
        ("no line", "<X-LINE><VALUE>no line</VALUE></X-LINE>"),
        ("1X:y", "<X-LINE><VALUE>1X:y</VALUE></X-LINE>"),
    ] {
        assert_eq!(shown(line), expected, "{line}");
    }
}

#[test]
fn other_spellings_are_taken() {
    let read = |body: &str| write(&component(&xml(&format!("<vCard>{body}</vCard>"))).unwrap(), Style::Own);
    for (body, line) in [
        ("<FN>a, b</FN>", "FN:a\\, b"),
        ("<NAME>x</NAME>", "NAME:x"),
        ("<EMAIL><VALUE>a@b</VALUE></EMAIL>", "EMAIL:a@b"),
        ("<EMAIL>a@b</EMAIL>", "EMAIL:a@b"),
        ("<TEL><CELL/><VALUE>1</VALUE></TEL>", "TEL;TYPE=CELL:1"),
        ("<N><GIVEN>g</GIVEN></N>", "N:;g;;;"),
        ("<ORG><ORGNAME>o</ORGNAME></ORG>", "ORG:o"),
        ("<ORG><ORGNAME>o</ORGNAME><ORGUNIT>a</ORGUNIT><ORGUNIT>b</ORGUNIT></ORG>", "ORG:o;a;b"),
        ("<note><value>a&#10;b</value></note>", "NOTE:a\\nb"),
        ("<PHOTO><BINVAL> AA\n AA </BINVAL><TYPE>image/png</TYPE></PHOTO>", "PHOTO;ENCODING=b;TYPE=PNG:AAAA"),
        ("<URL>http://x&#10;FN:evil</URL>", "URL:http://x\\nFN:evil"),
        ("<AGENT><vCard><FN>c</FN></vCard></AGENT>", "AGENT:BEGIN:VCARD\\nVERSION:3.0\\nFN:c\\nEND:VCARD\\n"),
    ] {
        assert_eq!(read(body), format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{line}\r\nEND:VCARD\r\n"), "{body}");
    }
    for bad in [
        "<N><OTHER>x</OTHER></N>",
        "<PHOTO><BINVAL>&lt;</BINVAL></PHOTO>",
        "<BEGIN>VCARD</BEGIN>",
        "<a.b>x</a.b>",
        "<X-A GROUP='a:b'>x</X-A>",
    ] {
        assert_eq!(component(&xml(&format!("<vCard>{bad}</vCard>"))).unwrap_err().number, 500, "{bad}");
    }
    assert!(component(&xml("<EMail/>")).is_err());
}

#[test]
fn cards_of_4_0_and_groups() {
    let four =
        parse(b"BEGIN:VCARD\nVERSION:4.0\nPHOTO:data:image/gif;base64,AAAA\nTEL;VALUE=uri:tel:+1;ext=2\nGENDER:M;x\\;y\nEND:VCARD\n", None)
            .unwrap()
            .remove(0);
    let element = element(&four);
    assert_eq!(component(&element).unwrap(), four);
    let text = String::from_utf8(to_bytes(&element)).unwrap();
    assert!(
        text.contains("<PHOTO><TYPE>image/gif</TYPE><BINVAL>AAAA</BINVAL></PHOTO>") && text.contains("<NUMBER>tel:+1;ext=2</NUMBER>"),
        "{text}"
    );
    let group = xml("<vCardGroup><NAME>All</NAME><MEMBER CN=\"Smith, Jo\"><VALUE>a@b.c</VALUE></MEMBER><MEMBER>+1 2</MEMBER></vCardGroup>");
    let group = component(&group).unwrap();
    let written = write(&group, Style::Own);
    assert_eq!(written, "BEGIN:VGROUP\r\nNAME:All\r\nMEMBER;CN=\"Smith, Jo\":a@b.c\r\nMEMBER:+1 2\r\nEND:VGROUP\r\n");
    assert_eq!(component(&super::element(&parse(written.as_bytes(), None).unwrap()[0])).unwrap(), group);
}

proptest! {
    #[test]
    fn what_is_shown_is_read(
        properties in proptest::collection::vec((
            proptest::option::of("[a-z]{1,4}"),
            "(FN|N|ADR|ORG|TEL|EMAIL|NOTE|CATEGORIES|NICKNAME|GENDER|PHOTO|KEY|URL|X-[A-Z]{1,4})",
            proptest::collection::vec("[A-Z]{3,5}", 0..3),
            proptest::collection::vec("([ -~äé]|\n|\\\\|,|;){1,12}", 1..6),
            proptest::option::of("[a-z, \"]{1,6}"),
        ), 0..6),
        is_new in any::<bool>(),
    ) {
        let mut card = Component::new("VCARD");
        card.properties.push(Property::new("VERSION", if is_new { "4.0" } else { "3.0" }));
        for (group, name, types, texts, language) in properties {
            let fields: Vec<String> = texts.iter().map(|text| protected(text.trim())).collect();
            let mut property = Property { group, name: name.clone(), parameters: Vec::new(), value: fields.join(";") };
            if !types.is_empty() && types.iter().all(|t| words::flag(t).is_some() && !t.eq_ignore_ascii_case("x509")) {
                property.parameters.push(Parameter { name: "TYPE".into(), values: types });
            }
            property.parameters.extend(language.map(|l| Parameter { name: "LANGUAGE".into(), values: vec![l.replace('"', "'")] }));
            property.value = match name.as_str() {
                "PHOTO" | "KEY" if is_new => "data:image/png;base64,AAAA".into(),
                "PHOTO" | "KEY" => {
                    property.parameters.retain(|p| p.name != "TYPE");
                    property.parameters.push(Parameter { name: "ENCODING".into(), values: vec!["b".into()] });
                    "AAAA".into()
                }
                "URL" => "http://a.b/?c=1;d,e".into(),
                "CATEGORIES" | "NICKNAME" => fields.join(","),
                "FN" | "TEL" | "EMAIL" | "NOTE" => fields[0].clone(),
                // Five names, and no more: trailing ones that are empty are told by nothing.
                "N" | "ADR" => fields.iter().take(5).map(String::as_str).chain(["", "", "", "", "", "", ""]).take(if name == "N" { 5 } else { 7 }).collect::<Vec<_>>().join(";"),
                _ => property.value,
            };
            card.properties.push(property);
        }
        let shown = element(&card);
        let again = document(&to_bytes(&shown), &Limits::default()).unwrap();
        prop_assert_eq!(component(&again).unwrap(), card);
    }
}
