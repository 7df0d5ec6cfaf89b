//! What the name of a file in a Maildir says: when the message came and its flags.
//!
//! A name is `SECONDS.UNIQUE.HOST:2,FLAGS`; where `:` cannot stand in a name, `;` or `!` stands for it.

use crate::model::flags::Flags;
use crate::model::time::Timestamp;

/// The flags of a message's file name.
pub fn flags(name: &str) -> Flags {
    let letters = [":2,", ";2,", "!2,"].iter().find_map(|mark| name.rsplit_once(mark)).map_or("", |(_, letters)| letters);
    letters.chars().fold(Flags::NONE, |flags, letter| {
        flags.with(match letter {
            'D' => Flags::DRAFT,
            'F' => Flags::FLAGGED,
            'P' => Flags::REDIRECTED,
            'R' => Flags::ANSWERED,
            'S' => Flags::SEEN,
            'T' => Flags::DELETED,
            _ => Flags::NONE,
        })
    })
}

/// The second at which the message came, where the name begins with one that can be.
pub fn received(name: &str, now: Timestamp) -> Option<Timestamp> {
    let seconds = name.split('.').next()?.parse().ok()?;
    // A day ahead is a clock that was wrong; names of other kinds begin with numbers too.
    (100_000_000..now.plus(86_400).0).contains(&seconds).then_some(Timestamp(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_flags_and_dates() {
        let now = Timestamp(1_700_000_000);
        assert_eq!(flags("1204680122.27c448.host:2,FRS"), Flags::FLAGGED.with(Flags::ANSWERED).with(Flags::SEEN));
        assert_eq!(flags("1204680122.27c448.host;2,DPTab"), Flags::DRAFT.with(Flags::REDIRECTED).with(Flags::DELETED));
        assert_eq!((flags("1204680122.27c448.host"), flags("x:1,S"), flags(":2,")), (Flags::NONE, Flags::NONE, Flags::NONE));
        assert_eq!(received("1204680122.27c448.host:2,S", now), Some(Timestamp(1_204_680_122)));
        assert_eq!((received("42.x", now), received("99999999999.x", now), received("x", now)), (None, None, None));
    }
}
