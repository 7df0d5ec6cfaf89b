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

/// What is between two blanks of a line.
fn token_of(element: &Element, name: &str) -> Outcome<Option<String>> {
    let token = attribute_of(element, name)?;
    if token.as_ref().is_some_and(|token| token.is_empty() || token.contains(' ')) { Err(bad()) } else { Ok(token) }
}

/// The rest of a line; an empty one is none.
fn rest_of(element: &Element, name: &str) -> Outcome<Option<String>> {
    Ok(attribute_of(element, name)?.filter(|rest| !rest.is_empty()))
}

/// What can stand in brackets and in a line: an address, a name, an address with a time to live.
fn is_address(text: &str) -> bool {
    !text.contains(|c: char| c == ']' || c.is_whitespace() || c.is_control())
}

/// `[10.0.0.1]`, `[10.0.0.1]:5004`
fn bracketed(text: &str) -> Outcome<(String, Option<u16>)> {
    let inner = text.trim().strip_prefix('[').ok_or_else(bad)?;
    let (address, rest) = inner.split_once(']').ok_or_else(bad)?;
    if !is_address(address) {
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
        origin_user: token_of(element, "origUser")?,
        session_id: token_of(element, "sessionID")?.unwrap_or_default(),
        version: version.unwrap_or(0),
        origin_address: address("origIP")?.unwrap_or_default(),
        address: address("ip")?,
        subject: attribute_of(element, "subject")?.filter(|subject| !subject.trim().is_empty()),
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
        let id = token_of(codec, "id")?.ok_or_else(bad)?;
        Ok(Codec { id, name: rest_of(codec, "name")?, format: rest_of(codec, "format")? })
    };
    let direction = rest_of(element, "direction")?;
    if direction.as_ref().is_some_and(|direction| !sdp::DIRECTIONS.contains(&direction.as_str())) {
        return Err(bad());
    }
    Ok(Media {
        media: token_of(element, "media")?.ok_or_else(bad)?,
        protocol: token_of(element, "protocol")?.unwrap_or_else(|| "RTP/AVP".to_owned()),
        address: address.filter(|address| !address.is_empty()),
        port,
        direction,
        ptime: rest_of(element, "ptime")?,
        rtcp: rtcp.map(|(address, port)| (port.unwrap_or(0), Some(address).filter(|address| !address.is_empty()))),
        codecs: element.named("codec").map(codec).collect::<Outcome<_>>()?,
        attributes: attributes(element)?,
    })
}

/// A description as a child of a message. A native text that cannot be told in XML is told as it is.
pub fn element(sdp: &Sdp, as_text: bool) -> Element {
    match (as_text, sdp::parse(sdp)) {
        (false, Ok(description)) if can_be_told(&description) => written(&description),
        _ => Element::new("sdpText").text(sdp.0.as_str()),
    }
}

fn can_be_told(d: &SessionDescription) -> bool {
    let reports = |media: &Media| media.rtcp.as_ref().and_then(|(_, address)| address.clone());
    let streams = d.media.iter().flat_map(|media| media.address.clone().into_iter().chain(reports(media)));
    streams.chain(d.address.clone()).chain(Some(d.origin_address.clone())).all(|address| is_address(&address))
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
mod tests;
