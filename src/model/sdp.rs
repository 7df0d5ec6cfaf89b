//! A session description as XIMSS tells it in XML: what it names for itself, and every attribute that it does not.
//!
//! Spec: XIMSS, "Signaling" (SDP descriptor); RFC 8866.

/// An attribute (`a=`) that has no name of its own here; its value where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdpAttribute {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Option<String>,
}

/// A way of coding a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// The payload type, or the format where streams are no RTP.
    pub id: String,
    /// `PCMU/8000`; None where the payload type says it.
    pub name: Option<String>,
    /// Its parameters.
    pub format: Option<String>,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`.
    pub media: String,
    /// `RTP/AVP`.
    pub protocol: String,
    /// Where it is sent to; None where the session has not said it either.
    pub address: Option<String>,
    /// The port; 0: not at all.
    pub port: u16,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    pub direction: Option<String>,
    /// Milliseconds of a packet.
    pub ptime: Option<String>,
    /// Where its reports go: a port, and an address where one was given.
    pub rtcp: Option<(u16, Option<String>)>,
    /// The codecs, best first.
    pub codecs: Vec<Codec>,
    /// The rest, in order.
    pub attributes: Vec<SdpAttribute>,
}

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// Who made it.
    pub origin_user: Option<String>,
    /// Its number.
    pub session_id: String,
    /// How often it was changed.
    pub version: u64,
    /// The machine it was made on.
    pub origin_address: String,
    /// Where streams are sent to that do not say it themselves.
    pub address: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The rest, in order.
    pub attributes: Vec<SdpAttribute>,
    /// The streams.
    pub media: Vec<Media>,
}
