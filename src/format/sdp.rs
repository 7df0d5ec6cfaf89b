//! Session descriptions: their native text to the model and back. The crate `sdp-types` reads and writes the lines.
//!
//! What the model does not name (bandwidths, keys, titles, times) is not carried; whoever passes a description on passes
//! the text itself.
//! Spec: RFC 8866; XIMSS, "Signaling" (SDP descriptor).

use crate::model::fault::{Fault, Outcome};
use crate::model::sdp::{Codec, Media, SdpAttribute, SessionDescription};
use crate::model::signal::Sdp;
use sdp_types::{Attribute, Connection, Origin, Session, Time};

/// The most bytes of a description.
pub const MOST_BYTES: usize = 64 << 10;
/// Which way a stream may go.
pub const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

fn incorrect() -> Fault {
    Fault::incorrect("SDP")
}

/// Reads a native text. Fails where it is none, or too long.
pub fn parse(sdp: &Sdp) -> Outcome<SessionDescription> {
    if sdp.0.len() > MOST_BYTES {
        return Err(incorrect());
    }
    let session = Session::parse(sdp.0.as_bytes()).map_err(|_| incorrect())?;
    let address = session.connection.as_ref().map(|connection| connection.connection_address.clone());
    let attributes = session.attributes.iter().map(other).collect();
    let subject = Some(session.session_name).filter(|name| !matches!(name.trim(), "" | "-"));
    let media: Vec<Media> = session.medias.iter().map(|media| stream(media, address.as_deref())).collect();
    if media.iter().any(|media| media.media.is_empty() || media.protocol.is_empty()) {
        return Err(incorrect());
    }
    Ok(SessionDescription {
        origin_user: session.origin.username,
        session_id: session.origin.sess_id,
        version: session.origin.sess_version,
        origin_address: session.origin.unicast_address,
        address,
        subject,
        attributes,
        media,
    })
}

/// The answer of whoever sends back what it gets: the same description, with what only one side can be turned round.
pub fn mirrored(offer: &Sdp) -> Sdp {
    let turned = |line: &str| match line.trim_end_matches('\r') {
        "a=sendonly" => "a=recvonly".to_owned(),
        "a=recvonly" => "a=sendonly".to_owned(),
        "a=setup:actpass" | "a=setup:passive" => "a=setup:active".to_owned(),
        "a=setup:active" => "a=setup:passive".to_owned(),
        same => same.to_owned(),
    };
    Sdp(offer.0.lines().map(|line| turned(line) + "\r\n").collect())
}

/// A value that is empty is none: XML could not tell them apart.
fn other(attribute: &Attribute) -> SdpAttribute {
    SdpAttribute { name: attribute.attribute.clone(), value: attribute.value.clone().filter(|value| !value.is_empty()) }
}

/// `8 PCMA/8000`: the payload type and the rest.
fn of_payload<'a>(attribute: &'a Attribute, name: &str) -> Option<(&'a str, &'a str)> {
    if attribute.attribute != name {
        return None;
    }
    attribute.value.as_deref()?.split_once(' ').filter(|(_, rest)| !rest.is_empty())
}

fn stream(media: &sdp_types::Media, session_address: Option<&str>) -> Media {
    let ids: Vec<&str> = media.fmt.split(' ').filter(|id| !id.is_empty()).collect();
    let found = |name: &str, id: &str| {
        let mut all = media.attributes.iter().filter_map(|attribute| of_payload(attribute, name));
        all.find(|(of, _)| *of == id).map(|(_, rest)| rest.to_owned())
    };
    let codec = |(at, id): (usize, &&str)| {
        // A payload type that stands there twice is described once.
        let described = |name: &str| if ids.iter().take(at).any(|before| before == id) { None } else { found(name, id) };
        Codec { id: (*id).to_owned(), name: described("rtpmap"), format: described("fmtp") }
    };
    let codecs: Vec<Codec> = ids.iter().enumerate().map(codec).collect();
    let own = media.connections.first().map(|connection| connection.connection_address.clone());
    let mut stream = Media {
        media: media.media.clone(),
        protocol: media.proto.clone(),
        address: own.or_else(|| session_address.map(str::to_owned)),
        port: media.port,
        direction: None,
        ptime: None,
        rtcp: None,
        codecs,
        attributes: Vec::new(),
    };
    let mut told: Vec<(&str, &str)> = Vec::new();
    for attribute in &media.attributes {
        let codec = ["rtpmap", "fmtp"].into_iter().find_map(|name| of_payload(attribute, name).map(|(id, _)| (name, id)));
        match (attribute.attribute.as_str(), attribute.value.as_deref().filter(|value| !value.is_empty()), codec) {
            // The first of each kind for a codec is told with it; whatever else there is stays an attribute.
            (_, _, Some(key)) if ids.contains(&key.1) && !told.contains(&key) => told.push(key),
            (direction, None, _) if DIRECTIONS.contains(&direction) && stream.direction.is_none() => {
                stream.direction = Some(direction.to_owned());
            }
            ("ptime", Some(ptime), _) if stream.ptime.is_none() => stream.ptime = Some(ptime.to_owned()),
            ("rtcp", Some(value), _) if stream.rtcp.is_none() && reports(value).is_some() => stream.rtcp = reports(value),
            _ => stream.attributes.push(other(attribute)),
        }
    }
    stream
}

/// `9 IN IP4 0.0.0.0`
fn reports(value: &str) -> Option<(u16, Option<String>)> {
    let mut words = value.split_whitespace();
    let port = words.next()?.parse().ok()?;
    Some((port, words.nth(2).map(str::to_owned)))
}

/// The type of an address, as the lines want it.
fn kind(address: &str) -> sdp_types::AddrType {
    if address.contains(':') { sdp_types::AddrType::Ip6 } else { sdp_types::AddrType::Ip4 }
}

fn connection(address: &str) -> Connection {
    Connection::new(sdp_types::NetType::In, kind(address), address)
}

fn kind_word(address: &str) -> &'static str {
    if address.contains(':') { "IP6" } else { "IP4" }
}

/// Writes the native text.
pub fn write(description: &SessionDescription) -> Outcome<Sdp> {
    let d = description;
    let origin_address = if d.origin_address.is_empty() { "127.0.0.1" } else { &d.origin_address };
    let origin = Origin {
        username: d.origin_user.clone().filter(|user| user != "-"),
        sess_id: if d.session_id.is_empty() { "0".to_owned() } else { d.session_id.clone() },
        sess_version: d.version,
        nettype: sdp_types::NetType::In,
        addrtype: kind(origin_address),
        unicast_address: origin_address.to_owned(),
    };
    let session = Session {
        origin,
        session_name: d.subject.clone().unwrap_or_else(|| "-".to_owned()),
        session_description: None,
        uri: None,
        emails: Vec::new(),
        phones: Vec::new(),
        connection: d.address.as_deref().map(connection),
        bandwidths: Vec::new(),
        times: vec![Time::new(0, 0)],
        time_zones: Vec::new(),
        key: None,
        attributes: d.attributes.iter().map(line).collect(),
        medias: d.media.iter().map(|media| written(media, d.address.as_deref())).collect(),
    };
    let mut out = Vec::new();
    session.write(&mut out).map_err(|_| incorrect())?;
    String::from_utf8(out).map(Sdp).map_err(|_| incorrect())
}

fn line(attribute: &SdpAttribute) -> Attribute {
    Attribute { attribute: attribute.name.clone(), value: attribute.value.clone() }
}

fn written(media: &Media, session_address: Option<&str>) -> sdp_types::Media {
    let with = |name: &str, value: String| Attribute { attribute: name.to_owned(), value: Some(value) };
    let mut attributes: Vec<Attribute> = Vec::new();
    attributes.extend(media.direction.as_ref().map(|direction| Attribute { attribute: direction.clone(), value: None }));
    attributes.extend(media.ptime.as_ref().map(|ptime| with("ptime", ptime.clone())));
    attributes.extend(media.rtcp.as_ref().map(|(port, address)| match address {
        Some(address) => with("rtcp", format!("{port} IN {} {address}", kind_word(address))),
        None => with("rtcp", port.to_string()),
    }));
    for codec in &media.codecs {
        attributes.extend(codec.name.as_ref().map(|name| with("rtpmap", format!("{} {name}", codec.id))));
        attributes.extend(codec.format.as_ref().map(|format| with("fmtp", format!("{} {format}", codec.id))));
    }
    attributes.extend(media.attributes.iter().map(line));
    let ids: Vec<&str> = media.codecs.iter().map(|codec| codec.id.as_str()).collect();
    let own = media.address.as_deref().filter(|address| session_address != Some(*address));
    sdp_types::Media {
        media: media.media.clone(),
        port: media.port,
        num_ports: None,
        proto: media.protocol.clone(),
        fmt: ids.join(" "),
        media_title: None,
        connections: own.map(connection).into_iter().collect(),
        bandwidths: Vec::new(),
        key: None,
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_turns_sides() {
        let offer = Sdp("v=0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\na=setup:actpass\r\na=x:sendonly\r\n".to_owned());
        let answer = mirrored(&offer);
        assert_eq!(answer.0, "v=0\r\nm=audio 9 RTP/AVP 0\r\na=recvonly\r\na=setup:active\r\na=x:sendonly\r\n");
        assert_eq!(mirrored(&Sdp(String::new())), Sdp(String::new()));
    }

    const TEXT: &str = "v=0\r\no=- 6528207572740520089 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=group:BUNDLE audio\r\n\
                        m=audio 50739 RTP/SAVPF 0 8 126\r\nc=IN IP4 10.255.255.255\r\na=sendrecv\r\na=ptime:20\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
                        a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-15\r\n\
                        a=rtcp-mux\r\na=ice-ufrag:x:y\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";

    #[test]
    fn a_text_comes_back_as_it_was() {
        let description = parse(&Sdp(TEXT.to_owned())).unwrap();
        assert_eq!(description.media[0].codecs[2].format.as_deref(), Some("0-15"));
        assert_eq!(description.media[0].rtcp, Some((9, Some("0.0.0.0".to_owned()))));
        assert_eq!(description.media[1].address.as_deref(), Some("10.0.0.1"));
        assert_eq!(write(&description).unwrap().0, TEXT);
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for text in ["", "hello", "v=0\r\no=- x y z\r\n", "v=0\r\nm=audio\r\n"] {
            assert!(parse(&Sdp(text.to_owned())).is_err(), "{text}");
        }
        assert!(parse(&Sdp(format!("{TEXT}a=x:{}\r\n", "y".repeat(MOST_BYTES)))).is_err());
    }
}
