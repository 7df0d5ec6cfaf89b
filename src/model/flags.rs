//! Message flags: one table of names that every place that reads or writes flags uses.
//!
//! Spec: XIMSS, "Mailbox Operations" (messageMark, FLAGS); the negative of a flag is `Un` and its name in lower case.

use super::fault::{Fault, Outcome};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Flags(pub u16);

/// One row of the table: the flag, its name, its negative, other spellings (negative ones begin with `-`).
struct Row(Flags, &'static str, &'static str, &'static [&'static str]);

const TABLE: &[Row] = &[
    Row(Flags::SEEN, "Seen", "Unseen", &["Read", "-Unread"]),
    Row(Flags::ANSWERED, "Answered", "Unanswered", &[]),
    Row(Flags::FLAGGED, "Flagged", "Unflagged", &[]),
    Row(Flags::DELETED, "Deleted", "Undeleted", &[]),
    Row(Flags::DRAFT, "Draft", "Undraft", &[]),
    Row(Flags::RECENT, "Recent", "Unrecent", &[]),
    Row(Flags::REDIRECTED, "Redirected", "Unredirected", &["$Forwarded", "-Un$Forwarded"]),
    Row(Flags::MDN_SENT, "$MDNSent", "$MDNUnsent", &["MDNSent", "-MDNUnsent", "-Un$MDNSent"]),
    Row(Flags::MEDIA, "Media", "Unmedia", &["$Media"]),
    Row(Flags::HIDDEN, "Hidden", "Unhidden", &["$Hidden"]),
    Row(Flags::SERVICE, "Service", "Unservice", &["$Service"]),
];

impl Flags {
    /// No flags.
    pub const NONE: Self = Self(0);
    /// The message has been read.
    pub const SEEN: Self = Self(1);
    /// It has been answered.
    pub const ANSWERED: Self = Self(1 << 1);
    /// Somebody wants it marked.
    pub const FLAGGED: Self = Self(1 << 2);
    /// It goes at the next expunge.
    pub const DELETED: Self = Self(1 << 3);
    /// It is being written.
    pub const DRAFT: Self = Self(1 << 4);
    /// It has come since the mailbox was last opened. Set by the server only.
    pub const RECENT: Self = Self(1 << 5);
    /// It has been redirected or forwarded.
    pub const REDIRECTED: Self = Self(1 << 6);
    /// A disposition notification has been sent.
    pub const MDN_SENT: Self = Self(1 << 7);
    /// It holds audio or video.
    pub const MEDIA: Self = Self(1 << 8);
    /// Only the owner and administrators of the mailbox see it.
    pub const HIDDEN: Self = Self(1 << 9);
    /// An item of the server's own; folders leave it out unless asked.
    pub const SERVICE: Self = Self(1 << 10);

    /// True when every flag of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    /// True when any flag of `other` is set.
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    /// With the flags of `other` set too.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// With the flags of `other` cleared.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
    /// The names, in the order of the table.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter(move |row| self.has(row.0)).map(|row| row.1)
    }
}

impl fmt::Display for Flags {
    /// `Seen,Answered`; nothing when no flag is set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// What a list such as `Seen,Undeleted` asks for: flags to set and flags to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlagChange {
    /// Flags to set.
    pub set: Flags,
    /// Flags to clear.
    pub clear: Flags,
}

impl FlagChange {
    /// Applies the change.
    pub fn apply(self, flags: Flags) -> Flags {
        flags.without(self.clear).with(self.set)
    }
    /// Every flag the change touches.
    pub fn touched(self) -> Flags {
        self.set.with(self.clear)
    }
    /// As a filter: all of `set` are there and none of `clear`.
    pub fn fits(self, flags: Flags) -> bool {
        flags.has(self.set) && !flags.any(self.clear)
    }
    /// A change that sets these flags.
    pub fn set(flags: Flags) -> Self {
        Self { set: flags, clear: Flags::NONE }
    }
}

impl FromStr for FlagChange {
    type Err = Fault;
    /// Reads a comma-separated list, left to right: a later name overrides an earlier one. Unknown names are refused.
    fn from_str(text: &str) -> Outcome<Self> {
        let mut change = Self::default();
        for name in text.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            let (flag, on) = flag(name).ok_or_else(|| Fault::bad(format!("unknown message flag: {}", short(name))))?;
            if on {
                change = Self { set: change.set.with(flag), clear: change.clear.without(flag) };
            } else {
                change = Self { set: change.set.without(flag), clear: change.clear.with(flag) };
            }
        }
        Ok(change)
    }
}

fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

/// The flag of a name, and whether the name sets it (true) or is its negative (false).
fn flag(name: &str) -> Option<(Flags, bool)> {
    let is = |n: &str| n.eq_ignore_ascii_case(name);
    for Row(flag, positive, negative, others) in TABLE {
        if is(positive) {
            return Some((*flag, true));
        }
        if is(negative) || name.get(..3).is_some_and(|not| not.eq_ignore_ascii_case("not")) && positive.eq_ignore_ascii_case(&name[3..]) {
            return Some((*flag, false));
        }
        for other in *others {
            match other.strip_prefix('-') {
                Some(other) if is(other) => return Some((*flag, false)),
                None if is(other) => return Some((*flag, true)),
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_apply_left_to_right() {
        let change: FlagChange = "Seen, Undeleted,Unseen".parse().unwrap();
        assert_eq!(change.apply(Flags::SEEN.with(Flags::DELETED)), Flags::NONE);
        assert!("Seen,Nonsense".parse::<FlagChange>().is_err());
        let filter: FlagChange = "Media,Unseen".parse().unwrap();
        assert!(filter.fits(Flags::MEDIA) && !filter.fits(Flags::MEDIA.with(Flags::SEEN)));
    }

    #[test]
    fn names_come_in_one_order() {
        assert_eq!(Flags(0x0b).to_string(), "Seen,Answered,Deleted");
        assert_eq!(Flags::NONE.to_string(), "");
    }

    #[test]
    fn every_name_of_the_table_is_read() {
        for Row(flag, positive, negative, _) in TABLE {
            assert_eq!(positive.parse::<FlagChange>().unwrap().set, *flag);
            assert_eq!(negative.parse::<FlagChange>().unwrap().clear, *flag);
            assert_eq!(format!("Not{positive}").parse::<FlagChange>().unwrap().clear, *flag);
        }
    }
}
