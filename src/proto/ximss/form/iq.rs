//! What the server answers itself to requests in the manner of XMPP, for a domain or for an account.
//!
//! Spec: XIMSS, "XMPP-style requests"; XEP-0199 (ping), XEP-0030 (discovery), XEP-0092 (version), XEP-0202 (time),
//! XEP-0054 (vcard-temp).

use crate::model::im::IqKind;
use crate::model::time::Timestamp;
use crate::xml::Element;

const PING: &str = "urn:xmpp:ping";
const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
const VERSION: &str = "jabber:iq:version";
const TIME: &str = "urn:xmpp:time";
const VCARD: &str = "vcard-temp";
const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// For whom the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For<'a> {
    /// The domain.
    Domain,
    /// An account, of which it may tell the person's name where one is given here.
    Account(Option<&'a str>),
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
            For::Account(name) => vec![reply("vCard").children(name.map(|name| named("FN", name)))],
            For::Domain => return None,
        },
        _ => return None,
    })
}

/// What can be asked, and of what kind of thing.
fn features(asked: For<'_>) -> Vec<Element> {
    let (category, kind) = match asked {
        For::Domain => ("server", "im"),
        For::Account(_) => ("account", "registered"),
    };
    let identity = Element::new("identity").with("category", category).with("type", kind).with("name", "Posthouse");
    let served = [PING, DISCO_INFO, DISCO_ITEMS, VERSION, TIME, VCARD].into_iter();
    let feature = |name: &str| Element::new("feature").with("var", name);
    let fits = |name: &&str| *name != VCARD || asked != For::Domain;
    std::iter::once(identity).chain(served.filter(fits).map(feature)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::read::{Limits, document};

    fn ask(text: &str, asked: For<'_>) -> (IqKind, Vec<Element>) {
        let request = document(text.as_bytes(), &Limits::default()).unwrap();
        answer(IqKind::Get, Some(&request), asked, Timestamp(0))
    }

    #[test]
    fn the_server_answers_what_it_offers() {
        assert_eq!(ask("<ping xmlns='urn:xmpp:ping'/>", For::Domain), (IqKind::Result, Vec::new()));
        let (kind, info) = ask("<query xmlns='http://jabber.org/protocol/disco#info'/>", For::Account(None));
        assert_eq!((kind, info[0].first("identity").and_then(|i| i.get("type"))), (IqKind::Result, Some("registered")));
        // Everything that discovery promises is answered.
        for feature in info[0].named("feature").filter_map(|feature| feature.get("var")) {
            let name = match feature {
                PING => "ping",
                TIME => "time",
                VCARD => "vCard",
                _ => "query",
            };
            assert_eq!(ask(&format!("<{name} xmlns='{feature}'/>"), For::Account(None)).0, IqKind::Result, "{feature}");
        }
        let (_, card) = ask("<vCard xmlns='vcard-temp'/>", For::Account(Some("Alice")));
        assert_eq!(card[0].first("FN").map(Element::body).as_deref(), Some("Alice"));
    }

    #[test]
    fn everything_else_is_unavailable() {
        assert_eq!(ask("<query xmlns='jabber:iq:search'/>", For::Domain), (IqKind::Error, vec![unavailable()]));
        assert_eq!(answer(IqKind::Set, None, For::Domain, Timestamp(0)).0, IqKind::Error);
    }
}
