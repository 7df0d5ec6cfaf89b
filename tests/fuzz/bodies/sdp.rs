//! Session descriptions: any text and any XML is refused or read; as text it is passed on byte for byte, and in XML it
//! says the same when it comes back.

use posthouse::model::signal::Sdp;
use posthouse::proto::ximss::form::sdp::{element, read};
use posthouse::xml::Element;
use posthouse::xml::read::{Limits, document};
use posthouse::xml::write::to_bytes;

/// Told in a message, and read where it arrives.
fn through_the_wire(sdp: &Sdp, as_text: bool) -> (Element, Sdp) {
    let told = Element::new("x").child(element(sdp, as_text));
    let generous = Limits { attribute_bytes: usize::MAX, ..Limits::default() };
    let arrived = document(&to_bytes(&told), &generous).expect("what is made is XML");
    let (sdp, _) = read(&arrived).expect("what is told can be read").expect("there is a description");
    (told, sdp)
}

/// The body of the target: a text, or the XML of a request.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let as_text = to_bytes(&Element::new("x").child(Element::new("sdpText").text(text)));
    for request in [as_text.as_slice(), bytes] {
        let Ok(request) = document(request, &Limits::default()) else { continue };
        let Ok(Some((sdp, _))) = read(&request) else { continue };
        assert_eq!(through_the_wire(&sdp, true).1, sdp);
        let (told, back) = through_the_wire(&sdp, false);
        assert_eq!(through_the_wire(&back, false), (told, back));
    }
}
