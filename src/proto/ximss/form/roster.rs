//! Contacts and presence: XML to the model and back.
//!
//! Spec: XIMSS, "Roster and Presence" (rosterItem, presence, presenceSet).

use crate::domain::roster::subscription::Verb;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::Address;
use crate::model::presence::{Detail, PresenceNews, PresenceSays};
use crate::model::roster::{RosterItem, RosterNews};
use crate::xml::{Element, FromAttr};

impl FromAttr for Verb {
    const KIND: &'static str = "update, remove, subscribed, unsubscribed, subscribe, subBoth or unsubscribe";
    const SAMPLE: &'static str = "subscribe";
    fn from_attr(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::Update);
        }
        Self::ALL.into_iter().find(|verb| text.trim().eq_ignore_ascii_case(verb.name()))
    }
}

/// The `rosterItem` message.
pub fn item(item: &RosterItem) -> Element {
    Element::new("rosterItem")
        .with("peer", &item.peer)
        .with("subscription", item.subscription.name())
        .with_some("ask", item.subscription.asked.then_some("subscribe"))
        .with_some("name", item.name.as_ref())
        .children(item.groups.iter().map(|group| Element::new("group").text(group.as_str())))
}

/// What a session says of news about its roster.
pub fn news(news: &RosterNews) -> Element {
    let gone = |peer: &Address| Element::new("rosterItem").with("peer", peer).with("subscription", "remove");
    match news {
        RosterNews::Item(it) => item(it),
        RosterNews::Removed(peer) => gone(peer),
        RosterNews::Asked(peer) => asks(peer),
    }
}

fn asks(peer: &Address) -> Element {
    Element::new("presence").with("peer", peer).with("type", "subscribe")
}

/// The `presence` message.
pub fn presence(news: &PresenceNews) -> Element {
    let presence = match &news.says {
        PresenceSays::Asks => return asks(&news.peer),
        PresenceSays::Is(presence) => presence,
        PresenceSays::Refused(failure) => {
            return Element::new("presence")
                .with("peer", &news.peer)
                .with_some("clientID", news.client.as_ref())
                .with("type", "error")
                .with("errorText", &failure.text)
                .with("signalCode", failure.code);
        }
    };
    let offline = presence.detail == Detail::Offline;
    let named = |name: &str, text: &str| Element::new(name).text(text);
    Element::new("presence")
        .with("peer", &news.peer)
        .with_some("clientID", news.client.as_ref())
        .with_some("type", offline.then_some("unavailable"))
        .child(named("presence", presence.detail.name()))
        .children(presence.detail.show().map(|show| named("show", show)))
        .children(presence.status.as_ref().map(|status| named("status", status)))
        .children(news.avatar.as_ref().map(|hash| Element::new("x").with("xmlns", "jabber:iq:avatar").child(named("hash", hash))))
}

/// The word that a `presenceSet` request says, None where it says none; and the status: None leaves the one there was.
pub fn said(request: &Element) -> Outcome<(Option<Detail>, Option<String>)> {
    let named = |name: &str| request.first(name).map(Element::body);
    let detail = match (named("presence"), named("show")) {
        (Some(word), _) => Some(Detail::named(&word).ok_or_else(|| Fault::incorrect("presence"))?),
        (None, Some(word)) => Some(Detail::shown(&word).ok_or_else(|| Fault::incorrect("show"))?),
        (None, None) => None,
    };
    Ok((detail, named("status")))
}
