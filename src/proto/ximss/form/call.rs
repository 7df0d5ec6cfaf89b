//! Calls: what a client hears of its legs.
//!
//! Spec: XIMSS, "Signaling" (callIncoming to callInfo, makeCallReport).

use super::im::{elements, relayed};
use super::sdp;
use crate::model::call::{CallEvent, CallId, CallParty, LegName, Tag};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::{Fragment, Sdp, SignalFailure};
use crate::xml::{Element, FromAttr};

impl FromAttr for LegName {
    const KIND: &'static str = "name of a call";
    const SAMPLE: &'static str = "call1";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for Tag {
    const KIND: &'static str = "tag of a device";
    const SAMPLE: &'static str = "device1";
    fn from_attr(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
}

/// The body of `callSendInfo`, to be told as it is.
pub fn info(request: &Element) -> Outcome<Fragment> {
    let mime = request.first("MIME").ok_or_else(|| Fault::missing("MIME"))?;
    if mime.get("type").is_none_or(str::is_empty) {
        return Err(Fault::missing("type"));
    }
    relayed(request, std::iter::once(mime))
}

/// What the client is told of its leg.
pub fn told(leg: &LegName, event: &CallEvent, sdp_as_text: bool) -> Element {
    let about = |name: &str| Element::new(name).with("callLeg", leg);
    let described = |element: Element, sdp: &Option<Sdp>| element.children(sdp.as_ref().map(|sdp| sdp::element(sdp, sdp_as_text)));
    match event {
        CallEvent::Incoming { call_id, from, transferred_by, sdp } => {
            let element = of_call(peer(about("callIncoming"), from), call_id).with_some("transferredBy", transferred_by.as_ref());
            described(element, sdp)
        }
        CallEvent::Provisioned { tag, call_id, sdp } => described(of_call(about("callProvisioned"), call_id).with("tag", &tag.0), sdp),
        CallEvent::Connected { tag, call_id, by, sdp } => {
            described(of_call(about("callConnected"), call_id).with("peer", &by.address).with("tag", &tag.0), sdp)
        }
        CallEvent::UpdateRequest { call_id, tag, sdp } => described(tagged(of_call(about("callUpdateRequest"), call_id), tag), sdp),
        CallEvent::UpdateSolicited { tag } => tagged(about("callUpdateSolicited"), tag),
        CallEvent::Updated { tag, peer: moved, result } => {
            let element = tagged(about("callUpdated"), tag);
            let element = moved.as_ref().map_or(element.clone(), |party| peer(element, party));
            match result {
                Ok(sdp) => described(element, sdp),
                Err(failure) => failed(element, failure),
            }
        }
        CallEvent::OpDone(Ok(())) => about("callOpCompleted"),
        CallEvent::OpDone(Err(failure)) => failed(about("callOpFailed"), failure),
        CallEvent::Dtmf(key) => about("callDTMF").text(key.to_string()),
        CallEvent::Info(body) => {
            let mut element = about("callInfo");
            element.children = elements(body);
            element
        }
        CallEvent::Transferred { to, call_id } => of_call(peer(about("callTransferred"), to), call_id),
        CallEvent::Disconnected(None) => about("callDisconnected"),
        CallEvent::Disconnected(Some(failure)) => failed(about("callDisconnected"), failure),
        CallEvent::TakenElsewhere(text) => about("callDisconnected").with("errorText", text),
    }
}

fn peer(element: Element, party: &CallParty) -> Element {
    element.with("peer", &party.address).with_some("peerName", party.name.as_ref())
}

fn of_call(element: Element, call_id: &CallId) -> Element {
    element.with("callId", &call_id.0)
}

fn tagged(element: Element, tag: &Option<Tag>) -> Element {
    element.with_some("tag", tag.as_ref().map(|tag| &tag.0))
}

fn failed(element: Element, failure: &SignalFailure) -> Element {
    element.with("signalCode", failure.code).with("errorText", &failure.text)
}
