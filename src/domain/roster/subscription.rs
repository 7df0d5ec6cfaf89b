//! How a subscription changes: by what the user does, and by what the contact does. Pure.
//!
//! Spec: XIMSS, "Roster and Presence" (rosterSet); RFC 6121 3 and appendix A.

use crate::model::roster::Subscription;

/// What a user does about a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Changes its name and groups.
    Update,
    /// Takes it out of the roster.
    Remove,
    /// Lets it see the user's presence.
    Subscribed,
    /// Does not, or not any more.
    Unsubscribed,
    /// Asks to see its presence.
    Subscribe,
    /// Lets it, and asks.
    SubBoth,
    /// Does not want to see its presence any more.
    Unsubscribe,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Update, Self::Remove, Self::Subscribed, Self::Unsubscribed, Self::Subscribe, Self::SubBoth, Self::Unsubscribe];

    /// As the wire spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Remove => "remove",
            Self::Subscribed => "subscribed",
            Self::Unsubscribed => "unsubscribed",
            Self::Subscribe => "subscribe",
            Self::SubBoth => "subBoth",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// True for what makes a contact that is not there.
    pub fn creates(self) -> bool {
        matches!(self, Self::Update | Self::Subscribed | Self::Subscribe | Self::SubBoth)
    }
}

/// What one side tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// May I see your presence?
    Subscribe,
    /// You may.
    Subscribed,
    /// I do not want to see it any more.
    Unsubscribe,
    /// You may not, or not any more.
    Unsubscribed,
}

/// The user does something: how they stand then, and what the contact is told.
pub fn by_user(state: Subscription, verb: Verb) -> (Subscription, Vec<Word>) {
    let (mut next, mut words) = (state, Vec::new());
    if matches!(verb, Verb::Subscribed | Verb::SubBoth) && !state.from {
        if state.asking {
            (next.asking, next.from) = (false, true);
            words.push(Word::Subscribed);
        } else {
            next.approved = true;
        }
    }
    if matches!(verb, Verb::Subscribe | Verb::SubBoth) && !state.to {
        next.asked = true;
        words.push(Word::Subscribe);
    }
    if matches!(verb, Verb::Unsubscribe | Verb::Remove) && (state.to || state.asked) {
        (next.to, next.asked) = (false, false);
        words.push(Word::Unsubscribe);
    }
    if matches!(verb, Verb::Unsubscribed | Verb::Remove) {
        if state.from || state.asking {
            words.push(Word::Unsubscribed);
        }
        (next.from, next.asking, next.approved) = (false, false, false);
    }
    (next, words)
}

/// The contact says something: how they stand then, and what it is answered at once.
pub fn by_contact(state: Subscription, word: Word) -> (Subscription, Option<Word>) {
    let mut next = state;
    match word {
        Word::Subscribe if state.from => return (next, Some(Word::Subscribed)),
        Word::Subscribe if state.approved => {
            (next.from, next.approved, next.asking) = (true, false, false);
            return (next, Some(Word::Subscribed));
        }
        Word::Subscribe => next.asking = true,
        Word::Subscribed if state.asked => (next.to, next.asked) = (true, false),
        Word::Subscribed => {}
        Word::Unsubscribe => (next.from, next.asking) = (false, false),
        Word::Unsubscribed => (next.to, next.asked) = (false, false),
    }
    (next, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A state as the table of the protocol names it: `to+out+in+pre`.
    fn state(text: &str) -> Subscription {
        let has = |word: &str| text.split('+').any(|part| part == word);
        Subscription {
            to: has("to") || has("both"),
            from: has("from") || has("both"),
            asked: has("out"),
            asking: has("in"),
            approved: has("pre"),
        }
    }

    /// The whole table of what a user may do: state, verb, next state, words.
    const BY_USER: &[(&str, Verb, &str, &[Word])] = &[
        ("none", Verb::Subscribe, "out", &[Word::Subscribe]),
        ("out", Verb::Subscribe, "out", &[Word::Subscribe]),
        ("in", Verb::Subscribe, "out+in", &[Word::Subscribe]),
        ("to", Verb::Subscribe, "to", &[]),
        ("from", Verb::Subscribe, "from+out", &[Word::Subscribe]),
        ("both", Verb::Subscribe, "both", &[]),
        ("none", Verb::Subscribed, "pre", &[]),
        ("out", Verb::Subscribed, "out+pre", &[]),
        ("in", Verb::Subscribed, "from", &[Word::Subscribed]),
        ("to", Verb::Subscribed, "to+pre", &[]),
        ("to+in", Verb::Subscribed, "both", &[Word::Subscribed]),
        ("from", Verb::Subscribed, "from", &[]),
        ("both", Verb::Subscribed, "both", &[]),
        ("pre", Verb::Unsubscribed, "none", &[]),
        ("out+pre", Verb::Unsubscribed, "out", &[]),
        ("in", Verb::Unsubscribed, "none", &[Word::Unsubscribed]),
        ("to+in", Verb::Unsubscribed, "to", &[Word::Unsubscribed]),
        ("to", Verb::Unsubscribed, "to", &[]),
        ("from", Verb::Unsubscribed, "none", &[Word::Unsubscribed]),
        ("both", Verb::Unsubscribed, "to", &[Word::Unsubscribed]),
        ("none", Verb::SubBoth, "out+pre", &[Word::Subscribe]),
        ("in", Verb::SubBoth, "from+out", &[Word::Subscribed, Word::Subscribe]),
        ("to+in", Verb::SubBoth, "both", &[Word::Subscribed]),
        ("to", Verb::SubBoth, "to+pre", &[]),
        ("from", Verb::SubBoth, "from+out", &[Word::Subscribe]),
        ("both", Verb::SubBoth, "both", &[]),
        ("none", Verb::Unsubscribe, "none", &[]),
        ("out", Verb::Unsubscribe, "none", &[Word::Unsubscribe]),
        ("in", Verb::Unsubscribe, "in", &[]),
        ("to", Verb::Unsubscribe, "none", &[Word::Unsubscribe]),
        ("from+out", Verb::Unsubscribe, "from", &[Word::Unsubscribe]),
        ("from", Verb::Unsubscribe, "from", &[]),
        ("both", Verb::Unsubscribe, "from", &[Word::Unsubscribe]),
        ("both", Verb::Remove, "none", &[Word::Unsubscribe, Word::Unsubscribed]),
        ("out+in", Verb::Remove, "none", &[Word::Unsubscribe, Word::Unsubscribed]),
        ("pre", Verb::Remove, "none", &[]),
        ("both", Verb::Update, "both", &[]),
        ("in", Verb::Update, "in", &[]),
    ];

    /// The whole table of what a contact may say.
    const BY_CONTACT: &[(&str, Word, &str, Option<Word>)] = &[
        ("none", Word::Subscribe, "in", None),
        ("pre", Word::Subscribe, "from", Some(Word::Subscribed)),
        ("to+pre", Word::Subscribe, "both", Some(Word::Subscribed)),
        ("out", Word::Subscribe, "out+in", None),
        ("to", Word::Subscribe, "to+in", None),
        ("from", Word::Subscribe, "from", Some(Word::Subscribed)),
        ("both", Word::Subscribe, "both", Some(Word::Subscribed)),
        ("none", Word::Subscribed, "none", None),
        ("out", Word::Subscribed, "to", None),
        ("from+out", Word::Subscribed, "both", None),
        ("to", Word::Unsubscribed, "none", None),
        ("both", Word::Unsubscribed, "from", None),
        ("out", Word::Unsubscribed, "none", None),
        ("from", Word::Unsubscribe, "none", None),
        ("both", Word::Unsubscribe, "to", None),
        ("in", Word::Unsubscribe, "none", None),
    ];

    #[test]
    fn the_tables_hold() {
        for (before, verb, after, words) in BY_USER {
            assert_eq!(by_user(state(before), *verb), (state(after), words.to_vec()), "{before} {verb:?}");
        }
        for (before, word, after, answer) in BY_CONTACT {
            assert_eq!(by_contact(state(before), *word), (state(after), *answer), "{before} {word:?}");
        }
    }

    proptest! {
        /// Whatever the two do in turn, when nothing more is on its way each sees the other exactly where both agree.
        #[test]
        fn both_sides_agree(steps in proptest::collection::vec((any::<bool>(), 0usize..7), 0..30)) {
            let mut sides = [Subscription::default(); 2];
            for (second, verb) in steps {
                let (me, you) = if second { (1, 0) } else { (0, 1) };
                let (next, words) = by_user(sides[me], Verb::ALL[verb]);
                sides[me] = next;
                let mut on_the_way: std::collections::VecDeque<_> = words.into_iter().map(|word| (you, word)).collect();
                while let Some((to, word)) = on_the_way.pop_front() {
                    let (next, answer) = by_contact(sides[to], word);
                    sides[to] = next;
                    on_the_way.extend(answer.map(|word| (1 - to, word)));
                }
                prop_assert_eq!(sides[0].to, sides[1].from);
                prop_assert_eq!(sides[1].to, sides[0].from);
                prop_assert!(!(sides[0].asked && sides[0].to || sides[0].asking && sides[0].from));
            }
        }
    }
}
