//! Instant messages and requests in the manner of XMPP: XML to the model and back.
//!
//! Spec: XIMSS, "Instant Messaging" (sendIM, readIM, errorIM), "XMPP-style requests" (iqRead).

use crate::domain::im::MOST_BYTES;
use crate::model::fault::{Fault, Outcome};
use crate::model::im::{ChatState, ImContent, ImFailure, InstantMessage, Iq, IqKind};
use crate::model::signal::{ClientId, Fragment};
use crate::model::time::Timestamp;
use crate::xml::element::Node;
use crate::xml::namespaces::standing_alone;
use crate::xml::read::{Limits, document};
use crate::xml::write::write_element;
use crate::xml::{Attr, Element, FromAttr};

impl FromAttr for ClientId {
    const KIND: &'static str = "name of a session";
    const SAMPLE: &'static str = "desk";
    fn from_attr(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromAttr for IqKind {
    const KIND: &'static str = "get, set, result or error";
    const SAMPLE: &'static str = "get";
    fn from_attr(text: &str) -> Option<Self> {
        IqKind::ALL.into_iter().find(|kind| text.trim().eq_ignore_ascii_case(kind.name()))
    }
}

/// The `clientID` of a request. An empty one is what clients send that have none to offer.
pub fn client(request: &Element, attribute: Attr<ClientId>) -> Outcome<Option<ClientId>> {
    if request.get("clientID").is_some_and(|name| name.trim().is_empty()) { Ok(None) } else { attribute.get(request) }
}

/// Elements as bytes to be passed on.
pub fn fragment<'a>(elements: impl Iterator<Item = &'a Element>) -> Fragment {
    let mut out = String::new();
    elements.for_each(|element| write_element(&mut out, element));
    Fragment(out)
}

/// What a client wants passed on, out of its request: with the declarations of the names in it, or refused where there is
/// none. What is too large already is not gone on with: whoever carries it refuses the whole.
pub fn relayed<'a>(request: &Element, elements: impl Iterator<Item = &'a Element>) -> Outcome<Fragment> {
    let mut out = String::new();
    for element in elements {
        if out.len() > MOST_BYTES {
            break;
        }
        write_element(&mut out, &standing_alone(element, request)?);
    }
    Ok(Fragment(out))
}

/// The elements of a fragment. What is stored or passed on was written by [`fragment`], so it can be read.
pub fn elements(fragment: &Fragment) -> Vec<Node> {
    if fragment.0.is_empty() {
        return Vec::new();
    }
    // One level more than a request may have, for the element that holds it here.
    let limits = Limits { depth: 1_024, attributes: usize::MAX, attribute_bytes: usize::MAX };
    document(format!("<x>{}</x>", fragment.0).as_bytes(), &limits).map(|holder| holder.children).unwrap_or_default()
}

/// True for elements that mean something to whoever carries messages, and may not come from inside one.
fn is_of_the_stream(element: &Element) -> bool {
    element.name.starts_with("stream:")
        || ["iq", "message", "presence", "delay", "error"].iter().any(|name| element.name.eq_ignore_ascii_case(name))
}

/// What a `sendIM` request says.
pub fn content(request: &Element) -> Outcome<ImContent> {
    let named = |name: &str| request.first(name).map(Element::body);
    let subject = named("subject");
    let plain = request.body();
    let body = named("body").or_else(|| (!plain.trim().is_empty()).then_some(plain));
    if body.is_none() && subject.is_none() {
        let state = ChatState::ALL.into_iter().find(|state| request.first(state.name()).is_some());
        return state.map(ImContent::State).ok_or_else(|| Fault::missing("body"));
    }
    let rest =
        |element: &&Element| !["body", "subject"].iter().any(|name| element.name.eq_ignore_ascii_case(name)) && !is_of_the_stream(element);
    Ok(ImContent::Text { body, subject, extra: relayed(request, request.elements().filter(rest))? })
}

/// The `readIM` message, in the basic or the extended form.
pub fn read_im(message: &InstantMessage, extended: bool) -> Element {
    let mut out = Element::new("readIM")
        .with("peer", &message.from)
        .with_some("peerName", message.from_name.as_ref())
        .with_some("clientID", message.from_client.as_ref())
        .with_some("type", message.kind.as_ref())
        .with_some("iqid", message.id.as_ref())
        .with_some("gmtTime", message.waited_since.map(Timestamp::gmt_bare));
    match &message.content {
        ImContent::State(state) => out.child(Element::new(state.name())),
        ImContent::Text { body, subject, .. } if !extended => {
            out.with_some("subject", subject.as_ref()).text(body.clone().unwrap_or_default())
        }
        ImContent::Text { body, subject, extra } => {
            let named = |name: &str, text: &Option<String>| text.as_ref().map(|text| Element::new(name).text(text.as_str()));
            out = out.children(named("subject", subject)).children(named("body", body));
            out.children.extend(elements(extra));
            let delay = |at: Timestamp| Element::new("delay").with("xmlns", "urn:xmpp:delay").with("stamp", at.iso8601());
            out.children(message.waited_since.map(delay))
        }
    }
}

/// The `errorIM` message.
pub fn error_im(failure: &ImFailure) -> Element {
    Element::new("errorIM")
        .with("peer", &failure.to)
        .with("errorText", &failure.text)
        .with("signalCode", failure.code)
        .with_some("sendid", failure.request.as_ref())
}

/// The `iqRead` message.
pub fn iq_read(iq: &Iq) -> Element {
    let mut out = Element::new("iqRead")
        .with("peer", &iq.from)
        .with_some("clientID", iq.from_client.as_ref())
        .with("type", iq.kind.name())
        .with("iqid", &iq.id);
    out.children = elements(&iq.body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Element {
        document(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn message(content: ImContent) -> InstantMessage {
        let from = "bob@example.test".parse().unwrap();
        InstantMessage { from, from_name: None, from_client: None, kind: None, id: None, content, waited_since: None }
    }

    fn written(element: &Element) -> String {
        let mut out = String::new();
        write_element(&mut out, element);
        out
    }

    #[test]
    fn every_form_of_a_message_is_read() {
        let text = |body: Option<&str>, subject: Option<&str>, extra: &str| {
            Ok(ImContent::Text { body: body.map(str::to_owned), subject: subject.map(str::to_owned), extra: Fragment(extra.to_owned()) })
        };
        assert_eq!(content(&request("<sendIM>hi</sendIM>")), text(Some("hi"), None, ""));
        assert_eq!(content(&request("<sendIM><subject>s</subject>hi</sendIM>")), text(Some("hi"), Some("s"), ""));
        let extended = request("<sendIM><body>hi</body><x xmlns=\"y\"><z/></x><iq/><stream:end/></sendIM>");
        assert_eq!(content(&extended), text(Some("hi"), None, "<x xmlns=\"y\"><z/></x>"));
        let inherited = request("<sendIM xmlns=\"d\" xmlns:p=\"q\"><body>hi</body><p:x/><y/></sendIM>");
        assert_eq!(content(&inherited), text(Some("hi"), None, "<p:x xmlns=\"d\" xmlns:p=\"q\"/><y xmlns=\"d\"/>"));
        let refused = content(&request("<sendIM><body>hi</body><p:x/></sendIM>"));
        assert_eq!(refused.unwrap_err(), Fault::bad("an XML prefix is not declared: p"));
        // A declaration does not become larger than what may be passed on by being repeated.
        let many = format!("<sendIM xmlns=\"{}\"><body>hi</body>{}</sendIM>", "n".repeat(60_000), "<x/>".repeat(10_000));
        let Ok(ImContent::Text { extra, .. }) = content(&request(&many)) else { panic!() };
        assert!((MOST_BYTES..4 * MOST_BYTES).contains(&extra.0.len()));
        assert_eq!(content(&request("<sendIM><composing/></sendIM>")), Ok(ImContent::State(ChatState::Composing)));
        assert_eq!(content(&request("<sendIM> </sendIM>")).unwrap_err(), Fault::missing("body"));
    }

    #[test]
    fn a_message_is_told_in_both_forms() {
        let content = content(&request("<sendIM><subject>s</subject><body>a&lt;b</body><x xmlns=\"y\"/></sendIM>")).unwrap();
        let mut message = message(content);
        assert_eq!(written(&read_im(&message, false)), "<readIM peer=\"bob@example.test\" subject=\"s\">a&lt;b</readIM>");
        message.waited_since = Some(Timestamp(0));
        let extended = "<readIM peer=\"bob@example.test\" gmtTime=\"19700101T000000\"><subject>s</subject><body>a&lt;b</body><x xmlns=\"y\"/>\
                        <delay xmlns=\"urn:xmpp:delay\" stamp=\"1970-01-01T00:00:00Z\"/></readIM>";
        assert_eq!(written(&read_im(&message, true)), extended);
    }
}
