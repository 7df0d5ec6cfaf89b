//! What the server answers itself to requests in the manner of XMPP, for a domain or for an account.
//!
//! Spec: XIMSS, "XMPP-style requests"; XEP-0199 (ping), XEP-0030 (discovery), XEP-0092 (version), XEP-0202 (time),
//! XEP-0054 (vcard-temp), XEP-0012 (last activity).

use super::contact;
use crate::domain::iq::Told;
use crate::model::component::Component;
use crate::model::im::IqKind;
use crate::model::time::Timestamp;
use crate::xml::Element;
use crate::xml::element::Node;

const PING: &str = "urn:xmpp:ping";
const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
const VERSION: &str = "jabber:iq:version";
const TIME: &str = "urn:xmpp:time";
const VCARD: &str = "vcard-temp";
const LAST: &str = "jabber:iq:last";
const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// For whom the server answers.
#[derive(Debug, Clone, Copy)]
pub enum For<'a> {
    /// The domain, served since then.
    Domain {
        /// When the server started.
        since: Timestamp,
    },
    /// An account, of which it may tell this.
    Account(&'a Told),
}

fn namespace(element: &Element) -> &str {
    element.get("xmlns").unwrap_or_default()
}

/// The answer to a request, as the kind and body of an `iq`.
pub fn answer(kind: IqKind, request: Option<&Element>, asked: For<'_>, now: Timestamp) -> (IqKind, Vec<Element>) {
    let found = match (kind, request) {
        (IqKind::Get, Some(request)) => answered(request, asked, now),
        _ => None,
    };
    found.map_or_else(|| (IqKind::Error, vec![unavailable()]), |body| (IqKind::Result, body))
}

/// The error that says so.
pub fn unavailable() -> Element {
    Element::new("error").with("type", "cancel").child(Element::new("service-unavailable").with("xmlns", STANZAS))
}

fn answered(request: &Element, asked: For<'_>, now: Timestamp) -> Option<Vec<Element>> {
    let named = |name: &str, text: &str| Element::new(name).text(text);
    let reply = |name: &str| Element::new(name).with("xmlns", namespace(request));
    Some(match (request.name.as_str(), namespace(request)) {
        ("ping", PING) => Vec::new(),
        ("query", DISCO_INFO) => vec![reply("query").children(features(asked))],
        ("query", DISCO_ITEMS) => vec![reply("query")],
        ("query", VERSION) => {
            vec![reply("query").child(named("name", "Posthouse")).child(named("version", env!("CARGO_PKG_VERSION")))]
        }
        ("time", TIME) => vec![reply("time").child(named("tzo", "+00:00")).child(named("utc", &now.iso8601()))],
        ("vCard", VCARD) => match asked {
            For::Account(Told { card: Some(card), .. }) => vec![shown(card).with("xmlns", VCARD)],
            For::Account(told) => vec![reply("vCard").children(told.name.as_ref().map(|name| named("FN", name)))],
            For::Domain { .. } => return None,
        },
        ("query", LAST) => {
            let since = match asked {
                For::Account(told) => told.last?,
                For::Domain { since } => since,
            };
            vec![reply("query").with("seconds", (now.0 - since.0).max(0))]
        }
        _ => return None,
    })
}

/// A card in the form of XEP-0054, where a single text stands in no element of its own.
fn shown(card: &Component) -> Element {
    let mut out = contact::element(card);
    for property in out.children.iter_mut().filter_map(|node| if let Node::Element(property) = node { Some(property) } else { None }) {
        if let [Node::Element(value)] = property.children.as_mut_slice()
            && value.name == "VALUE"
        {
            property.children = std::mem::take(&mut value.children);
        }
    }
    out
}

/// What can be asked, and of what kind of thing.
fn features(asked: For<'_>) -> Vec<Element> {
    let (category, kind) = match asked {
        For::Domain { .. } => ("server", "im"),
        For::Account(_) => ("account", "registered"),
    };
    let identity = Element::new("identity").with("category", category).with("type", kind).with("name", "Posthouse");
    let served = [PING, DISCO_INFO, DISCO_ITEMS, VERSION, TIME, LAST, VCARD].into_iter();
    let feature = |name: &str| Element::new("feature").with("var", name);
    let fits = |name: &&str| *name != VCARD || matches!(asked, For::Account(_));
    std::iter::once(identity).chain(served.filter(fits).map(feature)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::read::{Limits, document};

    const DOMAIN: For<'_> = For::Domain { since: Timestamp(-10) };

    fn ask(text: &str, asked: For<'_>) -> (IqKind, Vec<Element>) {
        let request = document(text.as_bytes(), &Limits::default()).unwrap();
        answer(IqKind::Get, Some(&request), asked, Timestamp(0))
    }

    #[test]
    fn the_server_answers_what_it_offers() {
        assert_eq!(ask("<ping xmlns='urn:xmpp:ping'/>", DOMAIN), (IqKind::Result, Vec::new()));
        let told = Told { name: Some("Alice".to_owned()), card: None, last: Some(Timestamp(-90)) };
        let (kind, info) = ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", For::Account(&told));
        assert_eq!((kind, info[0].first("identity").and_then(|i| i.get("type"))), (IqKind::Result, Some("registered")));
        // Everything that discovery promises is answered.
        for feature in info[0].named("feature").filter_map(|feature| feature.get("var")) {
            let name = match feature {
                PING => "ping",
                TIME => "time",
                VCARD => "vCard",
                _ => "query",
            };
            assert_eq!(ask(&format!("<{name} xmlns='{feature}'/>"), For::Account(&told)).0, IqKind::Result, "{feature}");
        }
        let (_, card) = ask("<vCard xmlns='vcard-temp'/>", For::Account(&told));
        assert_eq!(card[0].first("FN").map(Element::body).as_deref(), Some("Alice"));
        let seconds = |asked| ask("<query xmlns='jabber:iq:last'/>", asked).1[0].get("seconds").map(str::to_owned);
        assert_eq!((seconds(For::Account(&told)).as_deref(), seconds(DOMAIN).as_deref()), (Some("90"), Some("10")));
        assert_eq!(ask("<query xmlns='jabber:iq:last'/>", For::Account(&Told::default())).0, IqKind::Error);
    }

    #[test]
    fn a_profile_is_told_as_xmpp_writes_it() {
        let text = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Alice\r\nN:A;Alice\r\nEMAIL;TYPE=HOME:a@b.test\r\nPHOTO;ENCODING=b;TYPE=GIF:YWJj\r\nEND:VCARD\r\n";
        let card = crate::format::vcard::parse(text, None).unwrap().pop();
        let (_, answer) = ask("<vCard xmlns='vcard-temp'/>", For::Account(&Told { card, ..Told::default() }));
        let text = String::from_utf8(crate::xml::write::to_bytes(&answer[0])).unwrap();
        let expected = "<vCard xmlns=\"vcard-temp\"><FN>Alice</FN><N><FAMILY>A</FAMILY><GIVEN>Alice</GIVEN></N>\
                        <EMAIL><HOME/><USERID>a@b.test</USERID></EMAIL><PHOTO><TYPE>image/gif</TYPE><BINVAL>YWJj</BINVAL></PHOTO></vCard>";
        assert_eq!(text, expected);
    }

    #[test]
    fn everything_else_is_unavailable() {
        assert_eq!(ask("<query xmlns='jabber:iq:search'/>", DOMAIN), (IqKind::Error, vec![unavailable()]));
        assert_eq!(answer(IqKind::Set, None, DOMAIN, Timestamp(0)).0, IqKind::Error);
    }
}
