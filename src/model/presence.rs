//! Presence: what a user is doing, in the detailed words of XIMSS and the coarse ones of XMPP.
//!
//! Spec: XIMSS, "Roster and Presence" (presenceSet, presence); RFC 6121 4.7.2.1.

use super::names::Address;
use super::signal::{ClientId, SignalFailure};
use super::time::Timestamp;
use std::sync::Arc;

/// The detailed words, the ones that win over others first: an account is what the first of them says that any of its
/// clients is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Detail {
    /// In a call.
    OnPhone,
    /// Cannot talk.
    Busy,
    /// In a meeting.
    InMeeting,
    /// There.
    Online,
    /// Back soon.
    BeBack,
    /// Out for a meal.
    OutLunch,
    /// Away for longer.
    Away,
    /// Not there, or not to be seen.
    #[default]
    Offline,
}

impl Detail {
    /// All of them, in the order in which they win.
    pub const ALL: [Self; 8] =
        [Self::OnPhone, Self::Busy, Self::InMeeting, Self::Online, Self::BeBack, Self::OutLunch, Self::Away, Self::Offline];

    /// As the wire spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnPhone => "on-phone",
            Self::Busy => "busy",
            Self::InMeeting => "in-meeting",
            Self::Online => "online",
            Self::BeBack => "be-back",
            Self::OutLunch => "out-lunch",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }

    /// The coarse word for it; None where there is none to say.
    pub fn show(self) -> Option<&'static str> {
        match self {
            Self::OnPhone | Self::Busy => Some("dnd"),
            Self::InMeeting | Self::BeBack | Self::OutLunch => Some("away"),
            Self::Away => Some("xa"),
            Self::Online | Self::Offline => None,
        }
    }

    /// The detailed word of a name.
    pub fn named(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::Online);
        }
        Self::ALL.into_iter().find(|detail| text.trim().eq_ignore_ascii_case(detail.name()))
    }

    /// The detailed word for a coarse one.
    pub fn shown(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "chat" | "online" => Some(Self::Online),
            "dnd" => Some(Self::Busy),
            "away" => Some(Self::BeBack),
            "xa" => Some(Self::Away),
            _ => None,
        }
    }
}

/// What a client or an account is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence {
    /// The word for it.
    pub detail: Detail,
    /// In the user's own words.
    pub status: Option<String>,
}

/// What one of an account's clients says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it does.
    pub presence: Presence,
    /// Since when.
    pub since: Timestamp,
    /// It is the server that says so, of a call; whoever is not there for others stays so in a call.
    pub implied: bool,
}

/// What an account is doing, by what its clients say: the word that wins, with the words of the client that said it last.
pub fn aggregate<'a>(sources: impl Iterator<Item = &'a Source> + Clone) -> Presence {
    let is_there = sources.clone().any(|source| !source.implied && source.presence.detail != Detail::Offline);
    let counts = sources.filter(|source| is_there || !source.implied);
    let best = counts.min_by_key(|source| (source.presence.detail, std::cmp::Reverse(source.since)));
    best.map(|source| source.presence.clone()).filter(|presence| presence.detail != Detail::Offline).unwrap_or_default()
}

/// What is told of somebody's presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceNews {
    /// Whose.
    pub peer: Address,
    /// The session it came from, where it was sent to this one alone.
    pub client: Option<ClientId>,
    /// What it says.
    pub says: PresenceSays,
    /// The SHA-1 of their picture.
    pub avatar: Option<Arc<str>>,
}

/// What a presence says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceSays {
    /// What they do.
    Is(Presence),
    /// They ask to see this user's presence.
    Asks,
    /// They do not let this user in.
    Refused(SignalFailure),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        for detail in Detail::ALL {
            assert_eq!(Detail::named(detail.name()), Some(detail));
            // The coarse word of the detailed word for a coarse word is that word.
            let show = detail.show().unwrap_or("");
            assert_eq!(Detail::shown(show).and_then(Detail::show).unwrap_or(""), show);
        }
        assert_eq!((Detail::named("asleep"), Detail::shown("brb")), (None, None));
    }

    #[test]
    fn the_first_word_wins_with_the_latest_status() {
        let source = |detail, status: &str, at| Source {
            presence: Presence { detail, status: Some(status.to_owned()) },
            since: Timestamp(at),
            implied: false,
        };
        let sources =
            [source(Detail::Online, "a", 3), source(Detail::Busy, "b", 1), source(Detail::Busy, "c", 2), source(Detail::Offline, "d", 9)];
        assert_eq!(aggregate(sources.iter()), sources[2].presence);
        assert_eq!(aggregate(sources[3..].iter()), Presence::default());
        assert_eq!(aggregate(std::iter::empty()), Presence::default());
        let call = Source { implied: true, ..source(Detail::OnPhone, "", 9) };
        assert_eq!(aggregate([&call].into_iter()), Presence::default());
        assert_eq!(aggregate([&call, &sources[0]].into_iter()).detail, Detail::OnPhone);
    }
}
