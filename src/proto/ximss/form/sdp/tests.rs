//! Session descriptions in XML and as text, both ways.

use super::*;
use crate::xml::read::{Limits, document};
use crate::xml::write::to_bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

const CLIENT: &str = r#"<x><sdp origUser="-" sessionID="6528207572740520089" sessionVersion="2" origIP="[127.0.0.1]"><attr name="group">BUNDLE audio</attr><media media="audio" protocol="RTP/SAVPF" ip="[10.255.255.255]:50739" direction="sendrecv" rtcp="[0.0.0.0]:9"><codec id="0" name="PCMU/8000"/><codec id="126" name="telephone-event/8000" format="0-15"/><attr name="rtcp-mux"/></media></sdp></x>"#;

fn request(text: &str) -> Element {
    document(text.as_bytes(), &Limits::default()).unwrap()
}

/// A description as it goes over the wire in a message, and is read where it arrives.
fn through_the_wire(sdp: &Sdp, as_text: bool) -> (Element, Sdp) {
    let told = Element::new("x").child(element(sdp, as_text));
    let arrived = document(&to_bytes(&told), &Limits { attribute_bytes: usize::MAX, ..Limits::default() }).unwrap();
    assert_eq!(arrived, told);
    let (read, _) = read(&arrived).unwrap().unwrap();
    (told, read)
}

/// What must hold of a description that was read, however it came.
fn holds(sdp: &Sdp) {
    assert_eq!(through_the_wire(sdp, true).1, *sdp, "as text it is passed on as it is");
    let (told, read) = through_the_wire(sdp, false);
    assert_eq!(through_the_wire(&read, false), (told, read), "in XML it says the same again");
}

#[test]
fn a_description_comes_back_as_it_was() {
    let request = request(CLIENT);
    let (sdp, as_text) = read(&request).unwrap().unwrap();
    assert_eq!((as_text, element(&sdp, false)), (false, request.elements().next().unwrap().clone()));
    let text = Element::new("x").child(element(&sdp, true));
    assert_eq!(read(&text).unwrap().unwrap(), (sdp, true));
}

#[test]
fn a_line_cannot_be_smuggled_in() {
    for bad in [
        "<x><SDP subject=\"a&#10;a=b\"/></x>",
        "<x><sdp ip=\"[1.2.3.4&#10;]\"/></x>",
        "<x><sdp ip=\"1.2.3.4\"/></x>",
        "<x><sdpText>hello</sdpText></x>",
        "<x><sdp origUser=\"a b\"/></x>",
        "<x><sdp sessionID=\"\"/></x>",
        "<x><sdp><media media=\"audio 9 RTP/AVP\" ip=\"[1.2.3.4]:5\"/></sdp></x>",
        "<x><sdp><media media=\"audio\" protocol=\"RTP/AVP 0\"/></sdp></x>",
        "<x><sdp><media media=\"audio\"><codec id=\"0 8\"/></media></sdp></x>",
        "<x><sdp><media media=\"audio\"><codec/></media></sdp></x>",
        "<x><sdp><media media=\"audio\" direction=\"upwards\"/></sdp></x>",
        "<x><sdp><media media=\"audio\" ip=\"[1.2.3.4]:65536\"/></sdp></x>",
        "<x><sdp><attr>x</attr></sdp></x>",
        "<x><sdp><attr name=\"x\">y&#13;&#10;m=audio 9 RTP/AVP 0</attr></sdp></x>",
    ] {
        assert_eq!(read(&request(bad)).unwrap_err(), Fault::incorrect("SDP"), "{bad}");
    }
    assert_eq!(read(&request("<x><other/></x>")).unwrap(), None);
}

#[test]
fn what_xml_cannot_tell_is_told_as_text() {
    let text = Sdp("v=0\r\no=- 1 1 IN IP4 a]b\r\ns=-\r\nt=0 0\r\n".to_owned());
    assert_eq!(element(&text, false).name, "sdpText");
    let text = Sdp("v=0\r\no=- 1 1 IN IP4 host\r\ns=-\r\nc=IN IP4 224.2.1.1/127\r\nt=0 0\r\n".to_owned());
    assert_eq!(element(&text, false).get("ip"), Some("[224.2.1.1/127]"));
    holds(&text);
}

/// Words that come near what means something in a line.
fn a_word() -> impl Strategy<Value = String> {
    "(0|8|126|audio|rtpmap|fmtp|ptime|rtcp|sendrecv|sendonly|9 IN IP4 0\\.0\\.0\\.0|0 PCMU/8000|[ -~]{0,6}|\\PC{0,3})"
}

fn an_address() -> impl Strategy<Value = String> {
    "(\\[\\]|\\[[0-9.]{1,9}\\]|\\[::1\\]:9|\\[[a-z0-9.:/%_-]{1,12}\\](:[0-9]{1,5})?|\\PC{0,4})"
}

prop_compose! {
    fn an_attribute()(name in a_word(), value in of(a_word())) -> Element {
        Element::new("attr").with("name", name).text(value.unwrap_or_default())
    }
}

prop_compose! {
    fn a_codec()(id in "(0|8|96|[!-~]{0,3})", name in of(a_word()), format in of(a_word())) -> Element {
        Element::new("codec").with("id", id).with_some("name", name).with_some("format", format)
    }
}

prop_compose! {
    fn a_stream()(
        (media, protocol) in ("(audio|video|[!-~]{0,4})", of("(RTP/AVP|[!-~]{0,4})")),
        (ip, rtcp) in (of(an_address()), of(an_address())),
        (direction, ptime) in (of("(sendrecv|inactive|sendonly|)"), of(a_word())),
        (codecs, attributes) in (vec(a_codec(), 0..4), vec(an_attribute(), 0..5)),
    ) -> Element {
        Element::new("media").with("media", media).with_some("protocol", protocol).with_some("ip", ip).with_some("rtcp", rtcp)
            .with_some("direction", direction).with_some("ptime", ptime).children(codecs).children(attributes)
    }
}

prop_compose! {
    fn a_description()(
        (user, id, version) in (of("(-|[!-~]{0,4})"), of("[0-9a-z]{0,4}"), of(any::<u64>())),
        (origin, ip, subject) in (of(an_address()), of(an_address()), of(a_word())),
        (attributes, streams) in (vec(an_attribute(), 0..3), vec(a_stream(), 0..3)),
    ) -> Element {
        Element::new("sdp").with_some("origUser", user).with_some("sessionID", id).with_some("sessionVersion", version)
            .with_some("origIP", origin).with_some("ip", ip).with_some("subject", subject).children(attributes).children(streams)
    }
}

/// A line of a text: one that is in order, or nearly so.
fn a_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "(o=- 1 2 IN IP4 127\\.0\\.0\\.1|s=-|s= |s=x|t=0 0|i=x|b=AS:64|c=IN IP4 10\\.0\\.0\\.1|c=IN IP6 ::1|k=clear:x)",
        "m=(audio|video) [0-9]{1,5} RTP/AVP( [0-9]{1,2}){0,3}",
        "a=(rtpmap|fmtp|rtcp-fb):[0-9]{1,2} [ -~]{0,8}",
        a_word().prop_map(|word| format!("a={word}")),
        (a_word(), a_word()).prop_map(|(name, value)| format!("a={name}:{value}")),
        (a_word(), a_word()).prop_map(|(name, value)| format!("m={name} 9 {value}")),
        "[a-z]=\\PC{0,8}",
    ]
}

proptest! {
    #[test]
    fn what_was_read_of_xml_goes_both_ways(description in a_description()) {
        if let Ok(Some((sdp, _))) = read(&Element::new("x").child(description)) {
            holds(&sdp);
        }
    }

    #[test]
    fn what_was_read_of_text_goes_both_ways(lines in vec(a_line(), 0..12), end in "(\r\n|\n)") {
        let text = Sdp(std::iter::once("v=0".to_owned()).chain(lines).map(|line| line + end.as_str()).collect());
        if sdp::parse(&text).is_ok() {
            holds(&text);
        }
    }
}
