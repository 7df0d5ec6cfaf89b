//! Settings of an account: their names, what values they take, and how these are written.
//!
//! What holds where nothing was set stands with the record (`store::accounts::SETTING_DEFAULTS`). Values are kept as
//! text in one spelling. The account's own user changes none of them; administrators do.
//! Spec: the account settings of the command line interface, as far as this server knows them.

use super::throttle::Flow;
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Duration;
use crate::store::accounts::{self, AccountRecord};

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `YES` or `NO`.
    YesNo,
    /// Text on one line.
    Text,
    /// Bytes, with `K`, `M` or `G`; or `unlimited`.
    Size,
    /// A number; `-1` or `unlimited` for no limit.
    Count,
    /// 0 to 100.
    Percent,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// `All`, `None`, or services by name, separated by commas.
    Modes,
    /// So many in a time: `20,15` or `(10,1m)`.
    Flow,
}

/// What rules a user may change, the most restrictive first.
pub const RULE_MODES: &[&str] = &["No", "Filter Only", "All But Exec", "Any"];

/// Services that `AccessModes` may name.
pub const SERVICES: &[&str] = &[
    "Mail",
    "Relay",
    "Signal",
    "Mobile",
    "TLS",
    "POP",
    "IMAP",
    "MAPI",
    "AirSync",
    "SIP",
    "XMPP",
    "WebMail",
    "XIMSS",
    "FTP",
    "ACAP",
    "PWD",
    "LDAP",
    "RADIUS",
    "S/MIME",
    "WebCAL",
    "WebSite",
    "PBX",
    "HTTP",
    "MobilePBX",
    "XMedia",
];

const fn setting(name: &'static str, kind: Kind) -> Setting {
    Setting { name, kind }
}

/// All settings, in the order in which they are shown.
pub const SETTINGS: &[Setting] = &[
    setting("RealName", Kind::Text),
    setting("AccessModes", Kind::Modes),
    setting("PWDAllowed", Kind::YesNo),
    setting("PasswordRecovery", Kind::YesNo),
    setting("FailedLoginFlow", Kind::Flow),
    setting("RulesAllowed", Kind::OneOf(RULE_MODES)),
    setting("SignalRulesAllowed", Kind::OneOf(RULE_MODES)),
    setting("RPOPAllowed", Kind::YesNo),
    setting("RSIPAllowed", Kind::YesNo),
    setting("MaxAccountSize", Kind::Size),
    setting("MaxMailboxes", Kind::Count),
    setting("MaxMessageSize", Kind::Size),
    setting("MaxWebSize", Kind::Size),
    setting("MaxWebFiles", Kind::Count),
    setting("MaxFileSize", Kind::Size),
    setting("MaxRosterItems", Kind::Count),
    setting("MaxSignalContacts", Kind::Count),
    setting("QuotaNotice", Kind::Percent),
    setting("QuotaAlert", Kind::Percent),
    setting("DefaultWebPage", Kind::Text),
    setting("CallLogs", Kind::YesNo),
    setting("IMLogs", Kind::YesNo),
    setting("SIPIMMode", Kind::Text),
    setting("DialogInfo", Kind::Text),
    setting("MailInpFlow", Kind::Flow),
    setting("MailOutFlow", Kind::Flow),
    setting("CallInpFlow", Kind::Flow),
    setting("CallOutFlow", Kind::Flow),
    setting("NotifyOutFlow", Kind::Flow),
];

/// The longest text of a setting, in bytes.
const LONGEST: usize = 255;

/// The names of all settings.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

/// The setting of a name, in whatever case; refused with the nearest name there is.
pub fn find(name: &str) -> Outcome<&'static Setting> {
    let name = name.trim();
    let found = SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let near = names().max_by(|a, b| likeness(a, name).total_cmp(&likeness(b, name))).unwrap_or_default();
        Fault::bad(format!("there is no account setting {name:?}: the nearest is {near}"))
    })
}

fn likeness(known: &str, name: &str) -> f64 {
    strsim::jaro_winkler(&known.to_ascii_lowercase(), &name.to_ascii_lowercase())
}

impl Setting {
    /// The value in the spelling in which it is kept; None where it is no value of this setting.
    fn spelled(&self, value: &str) -> Option<String> {
        let value = value.trim();
        let is = |text: &str| value.eq_ignore_ascii_case(text);
        match self.kind {
            Kind::YesNo => ["YES", "NO"].into_iter().find(|text| is(text)).map(str::to_owned),
            Kind::Text => (value.len() <= LONGEST && !value.chars().any(char::is_control)).then(|| value.to_owned()),
            Kind::Size if is("unlimited") => Some("unlimited".into()),
            Kind::Size => accounts::size(value).map(|_| value.to_ascii_uppercase()),
            Kind::Count if is("unlimited") || value == "-1" => Some("-1".into()),
            Kind::Count => value.parse::<u32>().ok().map(|n| n.to_string()),
            Kind::Percent => value.trim_end_matches('%').parse::<u8>().ok().filter(|n| *n <= 100).map(|n| n.to_string()),
            Kind::OneOf(names) => names.iter().find(|text| is(text)).map(|text| (*text).to_owned()),
            Kind::Modes => modes(value),
            Kind::Flow => {
                let flow = flow(value)?;
                Some(format!("{},{}", flow.most, flow.within.as_secs()))
            }
        }
    }

    /// The value in the spelling in which it is kept; refused where it is no value of this setting.
    pub fn checked(&self, value: &str) -> Outcome<String> {
        self.spelled(value).ok_or_else(|| {
            let wanted = match self.kind {
                Kind::YesNo => "YES or NO".to_owned(),
                Kind::Text => format!("a line of text of at most {LONGEST} bytes"),
                Kind::Size => "a size such as 100M, or unlimited".to_owned(),
                Kind::Count => "a number, or unlimited".to_owned(),
                Kind::Percent => "a number from 0 to 100".to_owned(),
                Kind::OneOf(names) => format!("one of {}", names.join(", ")),
                Kind::Modes => format!("All, None, or some of {}", SERVICES.join(",")),
                Kind::Flow => "a number and a time, such as 10,1m".to_owned(),
            };
            Fault::bad(format!("{value:?} is no value of {}: it takes {wanted}", self.name))
        })
    }
}

fn modes(value: &str) -> Option<String> {
    if let Some(all) = ["All", "None"].into_iter().find(|text| value.eq_ignore_ascii_case(text)) {
        return Some(all.into());
    }
    let inner = value.trim_start_matches('(').trim_end_matches(')');
    let named = |name: &str| SERVICES.iter().copied().find(|known| known.eq_ignore_ascii_case(name.trim()));
    let all = inner.split(',').map(named).collect::<Option<Vec<_>>>()?;
    Some(all.join(","))
}

fn flow(value: &str) -> Option<Flow> {
    let (most, within) = value.trim().trim_start_matches('(').trim_end_matches(')').split_once(',')?;
    let most = most.trim().parse().ok().filter(|most| *most > 0)?;
    let seconds = u64::try_from(within.parse::<Duration>().ok()?.0).ok().filter(|seconds| (1..=86_400).contains(seconds))?;
    Some(Flow { most, within: std::time::Duration::from_secs(seconds) })
}

/// How many failed logins the account bears, where it has a setting of its own.
pub fn failed_login_flow(record: &AccountRecord) -> Option<Flow> {
    record.setting("FailedLoginFlow").and_then(|text| flow(&text))
}

/// True when the account may use a service.
pub fn may_use(record: &AccountRecord, service: &str) -> bool {
    let modes = record.setting("AccessModes").unwrap_or_else(|| "All".into());
    modes == "All" || modes.split(',').any(|mode| mode.eq_ignore_ascii_case(service))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::SETTING_DEFAULTS;

    fn checked(name: &str, value: &str) -> Option<String> {
        find(name).unwrap().checked(value).ok()
    }

    #[test]
    fn every_default_is_a_value_of_its_setting() {
        for (name, value) in SETTING_DEFAULTS {
            assert_eq!(checked(name, value).as_deref(), Some(*value), "{name}");
        }
    }

    #[test]
    fn values_have_one_spelling() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(checked("pwdallowed", " no "), some("NO"));
        assert_eq!(checked("MaxAccountSize", "100m"), some("100M"));
        assert_eq!(checked("MaxAccountSize", "Unlimited"), some("unlimited"));
        assert_eq!(checked("MaxMailboxes", "unlimited"), some("-1"));
        assert_eq!(checked("RulesAllowed", "all but exec"), some("All But Exec"));
        assert_eq!(checked("AccessModes", "(mail, ximss,s/mime)"), some("Mail,XIMSS,S/MIME"));
        assert_eq!(checked("FailedLoginFlow", "(10,1m)"), some("10,60"));
        assert_eq!(checked("QuotaAlert", "85%"), some("85"));
        let wrong = [
            ("PWDAllowed", "maybe"),
            ("MaxAccountSize", "much"),
            ("MaxMailboxes", "-2"),
            ("QuotaAlert", "101"),
            ("AccessModes", "Mail,Magic"),
            ("FailedLoginFlow", "0,1m"),
            ("FailedLoginFlow", "10"),
            ("RealName", "a\nb"),
        ];
        for (name, value) in wrong {
            assert_eq!(checked(name, value), None, "{name}={value}");
        }
        let fault = find("PWDAllowed").unwrap().checked("maybe").unwrap_err();
        assert!(fault.text.contains("PWDAllowed") && fault.text.contains("YES or NO"), "{fault}");
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        assert!(find("PwdAlowed").unwrap_err().text.contains("PWDAllowed"));
        assert!(find("real_name").unwrap_err().text.contains("RealName"));
        assert!(find("").is_err());
    }
}
