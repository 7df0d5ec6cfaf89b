//! The vocabulary of rules: what a rule may test, what it may do, and which accounts may make it do that.
//!
//! The modes stand from the most to the least restrictive, so that their order is their meaning.
//! Spec: XIMSS, "Rules Management", "Service Operations" (knownValues).

/// Which actions the owner of an account may put into rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowed {
    /// None: rules may be read.
    No,
    /// Those that sort and mark.
    FilterOnly,
    /// Those that send, too.
    AllButExec,
    /// All.
    Any,
}

impl Allowed {
    /// All modes, the most restrictive first.
    pub const ALL: [Self; 4] = [Self::No, Self::FilterOnly, Self::AllButExec, Self::Any];

    /// The name in settings and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "No",
            Self::FilterOnly => "Filter Only",
            Self::AllButExec => "All But Exec",
            Self::Any => "Any",
        }
    }

    /// The mode of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// What every rule may test.
pub const CONDITIONS: &[&str] = &["Time Of Day", "Current Date", "Current Day", "Preference", "FreeBusy"];

/// What a mail rule of an account may test beside those.
pub const MAIL_CONDITIONS: &[&str] = &[
    "From",
    "Sender",
    "Return-Path",
    "To",
    "Cc",
    "Reply-To",
    "Any To or Cc",
    "Each To or Cc",
    "'From' Name",
    "Subject",
    "Message-ID",
    "Message Size",
    "Human Generated",
    "Header Field",
    "Any Recipient",
    "Each Recipient",
    "Existing Mailbox",
    "Security",
    "Source",
    "Submit Address",
    "Calendar Method",
];

/// What a mail rule may do, and the least mode that allows it. `Execute` is not offered: this server runs no programs.
pub const MAIL_ACTIONS: &[(&str, Allowed)] = &[
    ("Store in", Allowed::FilterOnly),
    ("Mark", Allowed::FilterOnly),
    ("Add Header", Allowed::FilterOnly),
    ("Tag Subject", Allowed::FilterOnly),
    ("Reject with", Allowed::FilterOnly),
    ("Discard", Allowed::FilterOnly),
    ("Stop Processing", Allowed::FilterOnly),
    ("Remember 'From' in", Allowed::FilterOnly),
    ("Accept Request", Allowed::FilterOnly),
    ("Accept Reply", Allowed::FilterOnly),
    ("Store Encrypted in", Allowed::FilterOnly),
    ("Copy Attachments into", Allowed::FilterOnly),
    ("Redirect To", Allowed::AllButExec),
    ("Forward to", Allowed::AllButExec),
    ("Mirror to", Allowed::AllButExec),
    ("Reply with", Allowed::AllButExec),
    ("Reply to All with", Allowed::AllButExec),
    ("React with", Allowed::AllButExec),
    ("SendIM", Allowed::AllButExec),
    ("SendPush", Allowed::AllButExec),
    ("Execute URL", Allowed::Any),
];

/// What a signal rule may test beside the common ones.
pub const SIGNAL_CONDITIONS: &[&str] = &[
    "Method",
    "RequestURI",
    "CallType",
    "RegClients",
    "ReqField",
    "AgentType",
    "From",
    "To",
    "'From' Name",
    "Authenticated",
    "Submit Address",
    "Presence",
];

/// What a signal rule may do, and the least mode that allows it.
pub const SIGNAL_ACTIONS: &[(&str, Allowed)] = &[
    ("Reject with", Allowed::FilterOnly),
    ("Stop Processing", Allowed::FilterOnly),
    ("Discard Rules", Allowed::FilterOnly),
    ("Remember 'From' in", Allowed::FilterOnly),
    ("Write To Log", Allowed::FilterOnly),
    ("Redirect to", Allowed::AllButExec),
    ("Fork to", Allowed::AllButExec),
    ("SendIM", Allowed::AllButExec),
    ("SendPush", Allowed::AllButExec),
    ("SendURL", Allowed::Any),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_modes_ascend() {
        let unique = |names: &mut dyn Iterator<Item = &str>| {
            let mut seen = BTreeSet::new();
            names.for_each(|name| assert!(seen.insert(name.to_ascii_lowercase()), "{name} stands twice"));
        };
        unique(&mut CONDITIONS.iter().chain(MAIL_CONDITIONS).copied());
        unique(&mut CONDITIONS.iter().chain(SIGNAL_CONDITIONS).copied());
        unique(&mut MAIL_ACTIONS.iter().map(|(name, _)| *name));
        unique(&mut SIGNAL_ACTIONS.iter().map(|(name, _)| *name));
        assert!(Allowed::ALL.is_sorted() && MAIL_ACTIONS.is_sorted_by_key(|a| a.1) && SIGNAL_ACTIONS.is_sorted_by_key(|a| a.1));
        assert!(Allowed::ALL.into_iter().all(|mode| Allowed::named(&mode.name().to_uppercase()) == Some(mode)));
    }
}
