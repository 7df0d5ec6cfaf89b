//! Session descriptions in requests and messages: in XML, or in their native text.
//!
//! Spec: XIMSS, "Signaling" (SDP descriptor, sdpText).

use crate::format::sdp;
use crate::model::fault::{Fault, Outcome};
use crate::model::sdp::{Codec, Media, SdpAttribute, SessionDescription};
use crate::model::signal::Sdp;
use crate::xml::Element;

fn is_xml(element: &Element) -> bool {
    element.name.eq_ignore_ascii_case("sdp")
}

/// The description among the children of a request, and whether it is in native text.
pub fn read(request: &Element) -> Outcome<Option<(Sdp, bool)>> {
    if let Some(text) = request.first("sdpText") {
        let text = Sdp(text.body());
        // What the server cannot read is no description; what it can, it passes on as it is.
        sdp::parse(&text)?;
        return Ok(Some((text, true)));
    }
    let Some(element) = request.elements().find(|element| is_xml(element)) else { return Ok(None) };
    let text = sdp::write(&description(element)?)?;
    sdp::parse(&text)?;
    Ok(Some((text, false)))
}

/// The same without the form it came in.
pub fn offer(request: &Element) -> Outcome<Option<Sdp>> {
    Ok(read(request)?.map(|(sdp, _)| sdp))
}

/// The media address that a client says it uses; None where it says none.
pub fn address(sdp: &Sdp) -> Option<String> {
    sdp::parse(sdp).ok()?.address
}

fn bad() -> Fault {
    Fault::incorrect("SDP")
}

/// A word that goes into a line of the text: it may not end the line.
fn word(text: &str) -> Outcome<String> {
    if text.contains(['\r', '\n', '\0']) { Err(bad()) } else { Ok(text.to_owned()) }
}

fn attribute_of(element: &Element, name: &str) -> Outcome<Option<String>> {
    element.get(name).map(word).transpose()
}

/// `[10.0.0.1]`, `[10.0.0.1]:5004`
fn bracketed(text: &str) -> Outcome<(String, Option<u16>)> {
    let inner = text.trim().strip_prefix('[').ok_or_else(bad)?;
    let (address, rest) = inner.split_once(']').ok_or_else(bad)?;
    if address.chars().any(|c| !(c.is_ascii_alphanumeric() || ".:-%".contains(c))) {
        return Err(bad());
    }
    match rest.strip_prefix(':') {
        Some(port) => Ok((address.to_owned(), Some(port.parse().map_err(|_| bad())?))),
        None if rest.is_empty() => Ok((address.to_owned(), None)),
        None => Err(bad()),
    }
}

fn description(element: &Element) -> Outcome<SessionDescription> {
    let address = |name: &str| element.get(name).map(|text| bracketed(text).map(|(address, _)| address)).transpose();
    let version = element.get("sessionVersion").map(|text| text.trim().parse().map_err(|_| bad())).transpose()?;
    Ok(SessionDescription {
        origin_user: attribute_of(element, "origUser")?,
        session_id: attribute_of(element, "sessionID")?.unwrap_or_default(),
        version: version.unwrap_or(0),
        origin_address: address("origIP")?.unwrap_or_default(),
        address: address("ip")?,
        subject: attribute_of(element, "subject")?,
        attributes: attributes(element)?,
        media: element.named("media").map(media).collect::<Outcome<_>>()?,
    })
}

fn attributes(element: &Element) -> Outcome<Vec<SdpAttribute>> {
    let one = |attr: &Element| {
        let name = attribute_of(attr, "name")?.ok_or_else(bad)?;
        let value = Some(word(&attr.body())?).filter(|value| !value.is_empty());
        Ok(SdpAttribute { name, value })
    };
    element.named("attr").map(one).collect()
}

fn media(element: &Element) -> Outcome<Media> {
    let (address, port) = match element.get("ip") {
        Some(text) => bracketed(text).map(|(address, port)| (Some(address), port.unwrap_or(0)))?,
        None => (None, 0),
    };
    let rtcp = element.get("rtcp").map(bracketed).transpose()?;
    let codec = |codec: &Element| {
        let id = attribute_of(codec, "id")?.filter(|id| !id.contains(' ')).ok_or_else(bad)?;
        Ok(Codec { id, name: attribute_of(codec, "name")?, format: attribute_of(codec, "format")? })
    };
    Ok(Media {
        media: attribute_of(element, "media")?.ok_or_else(bad)?,
        protocol: attribute_of(element, "protocol")?.unwrap_or_else(|| "RTP/AVP".to_owned()),
        address: address.filter(|address| !address.is_empty()),
        port,
        direction: attribute_of(element, "direction")?,
        ptime: attribute_of(element, "ptime")?,
        rtcp: rtcp.map(|(address, port)| (port.unwrap_or(0), Some(address).filter(|address| !address.is_empty()))),
        codecs: element.named("codec").map(codec).collect::<Outcome<_>>()?,
        attributes: attributes(element)?,
    })
}

/// A description as a child of a message. A native text that cannot be told in XML is told as it is.
pub fn element(sdp: &Sdp, as_text: bool) -> Element {
    match (as_text, sdp::parse(sdp)) {
        (false, Ok(description)) => written(&description),
        _ => Element::new("sdpText").text(sdp.0.as_str()),
    }
}

fn written(d: &SessionDescription) -> Element {
    let brackets = |address: &String| format!("[{address}]");
    Element::new("sdp")
        .with("origUser", d.origin_user.as_deref().unwrap_or("-"))
        .with("sessionID", &d.session_id)
        .with("sessionVersion", d.version)
        .with("origIP", brackets(&d.origin_address))
        .with_some("ip", d.address.as_ref().map(brackets))
        .with_some("subject", d.subject.as_ref())
        .children(d.attributes.iter().map(attr))
        .children(d.media.iter().map(stream))
}

fn attr(attribute: &SdpAttribute) -> Element {
    Element::new("attr").with("name", &attribute.name).text(attribute.value.clone().unwrap_or_default())
}

fn stream(media: &Media) -> Element {
    let at = |port: u16, address: Option<&str>| format!("[{}]:{port}", address.unwrap_or("0.0.0.0"));
    let codec = |codec: &Codec| {
        Element::new("codec").with("id", &codec.id).with_some("name", codec.name.as_ref()).with_some("format", codec.format.as_ref())
    };
    Element::new("media")
        .with("media", &media.media)
        .with("protocol", &media.protocol)
        .with("ip", at(media.port, media.address.as_deref()))
        .with_some("direction", media.direction.as_ref())
        .with_some("ptime", media.ptime.as_ref())
        .with_some("rtcp", media.rtcp.as_ref().map(|(port, address)| at(*port, address.as_deref())))
        .children(media.codecs.iter().map(codec))
        .children(media.attributes.iter().map(attr))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::read::{Limits, document};

    const CLIENT: &str = r#"<x><sdp origUser="-" sessionID="6528207572740520089" sessionVersion="2" origIP="[127.0.0.1]"><attr name="group">BUNDLE audio</attr><media media="audio" protocol="RTP/SAVPF" ip="[10.255.255.255]:50739" direction="sendrecv" rtcp="[0.0.0.0]:9"><codec id="0" name="PCMU/8000"/><codec id="126" name="telephone-event/8000" format="0-15"/><attr name="rtcp-mux"/></media></sdp></x>"#;

    fn request(text: &str) -> Element {
        document(text.as_bytes(), &Limits::default()).unwrap()
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
        ] {
            assert_eq!(read(&request(bad)).unwrap_err(), Fault::incorrect("SDP"), "{bad}");
        }
        assert_eq!(read(&request("<x><other/></x>")).unwrap(), None);
    }
}
