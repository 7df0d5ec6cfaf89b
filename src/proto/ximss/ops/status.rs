//! The state of the account, and the values this server knows.
//!
//! Spec: XIMSS, "Service Operations" (currentStatus, knownValues).

use crate::model::fault::Outcome;
use crate::model::rule::{Allowed, CONDITIONS, MAIL_ACTIONS, MAIL_CONDITIONS, SIGNAL_ACTIONS, SIGNAL_CONDITIONS};
use crate::model::time::Zone;
use crate::proto::ximss::request::{Cx, Request};
use crate::proto::ximss::table;
use crate::store::accounts::{self, Attempt};
use crate::xml::Element;

/// Settings of the account that its status shows.
const SHOWN_SETTINGS: &[&str] = &["RulesAllowed", "SignalRulesAllowed", "RPOPAllowed", "PWDAllowed"];

/// Services a client can tell apart, each with an operation: the service is enabled where the operation exists.
const SERVICES: &[(&str, &str)] =
    &[("S/MIME", "SMIMEUnlock"), ("WebCAL", "calendarOpen"), ("Signal", "signalBind"), ("PBX", "taskStart"), ("HTTP", "httpCall")];

/// What is shown as the time limit of a session, in seconds: there is none, and this one nobody reaches.
const NO_LIMIT: i32 = i32::MAX;

/// Names of character sets to offer. Each is known to the readers of mail; mail is written in the first.
const CHARSETS: &[&str] = &[
    "utf-8",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "x-mac-cyrillic",
    "ibm866",
    "gb2312",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis",
    "euc-kr",
    "us-ascii",
];

pub(super) struct ReadStatus;

impl Request for ReadStatus {
    const NAME: &'static str = "readStatus";
    const DOC: &'static str = "Sends the state of the account: storage, logins, settings, services, time-outs.";

    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (login, zone) = (cx.login()?, cx.zone());
        let account = login.caller.account;
        let question = move |tx: &dyn crate::store::Read| {
            Ok((accounts::get(tx, account)?, accounts::state(tx, account)?, accounts::activity(tx, account)?))
        };
        let (record, state, activity) = cx.read(question).await?;
        let attempt = |name: &str, attempt: Option<&Attempt>| attempt.map(|attempt| login_element(name, attempt, &zone));
        let setting = |name: &&str| record.setting(name).map(|value| Element::new(*name).text(value));
        let services = SERVICES.iter().filter(|(_, operation)| table::find(operation, true).is_ok());
        let timeout = Element::new("timeout").with("limit", NO_LIMIT).with("idle", cx.desk.idle_time.get());
        let status = Element::new("currentStatus")
            .child(Element::new("messageStore").with("used", state.used).with_some("limit", record.quota()))
            .children(attempt("PrevLogin", login.previous.as_ref()))
            .children(attempt("LastFailedLogin", activity.failed.as_ref()))
            .children(SHOWN_SETTINGS.iter().filter_map(setting))
            .children(services.map(|(name, _)| Element::new("option").text(*name)))
            .child(timeout);
        cx.send(status).await
    }
}

fn login_element(name: &str, attempt: &Attempt, zone: &Zone) -> Element {
    let Attempt { at, from } = attempt;
    Element::new(name).with("gmtTime", at.gmt_bare()).with("localTime", at.local(zone)).with("ip", from)
}

pub(super) struct ListKnownValues;

impl Request for ListKnownValues {
    const NAME: &'static str = "listKnownValues";
    const DOC: &'static str = "Sends the names this server knows: time zones, character sets, parts of rules.";

    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.send(known_values()).await
    }
}

fn known_values() -> Element {
    let named = |element: &'static str| move |name: &str| Element::new(element).with("name", name);
    let action = |element: &'static str| {
        move |(name, least): &(&str, Allowed)| Element::new(element).with("name", *name).with("allowedSet", least.name())
    };
    let modes = || Allowed::ALL.into_iter().map(Allowed::name);
    Element::new("knownValues")
        .children(Zone::all_names().map(named("tzid")))
        .children(CHARSETS.iter().copied().map(named("charset")))
        .children(modes().map(named("mailRuleAllowed")))
        .children(MAIL_CONDITIONS.iter().chain(CONDITIONS).copied().map(named("mailRuleCondition")))
        .children(MAIL_ACTIONS.iter().map(action("mailRuleAction")))
        .children(modes().map(named("signalRuleAllowed")))
        .children(SIGNAL_CONDITIONS.iter().chain(CONDITIONS).copied().map(named("signalRuleCondition")))
        .children(SIGNAL_ACTIONS.iter().map(action("signalRuleAction")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_charset_on_offer_can_be_read() {
        for name in CHARSETS {
            assert!(encoding_rs::Encoding::for_label(name.as_bytes()).is_some(), "{name}");
        }
    }

    #[test]
    fn known_values_are_elements_with_a_name_and_the_strictest_mode_stands_first() {
        let known = known_values();
        assert!(known.elements().all(|e| e.get("name").is_some_and(|name| !name.is_empty())));
        let names = |kind: &str| known.named(kind).filter_map(|e| e.get("name")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(names("tzid")[0], "HostOS");
        for kind in ["mailRule", "signalRule"] {
            let modes = names(&format!("{kind}Allowed"));
            assert_eq!(modes, ["No", "Filter Only", "All But Exec", "Any"]);
            for action in known.named(&format!("{kind}Action")) {
                assert!(modes.contains(&action.get("allowedSet").unwrap().to_owned()));
            }
            assert!(names(&format!("{kind}Condition")).contains(&"Time Of Day".to_owned()));
        }
    }
}
