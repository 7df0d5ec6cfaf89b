//! Contacts and presence. Spec: XIMSS, "Roster and Presence" (rosterList, rosterSet, rosterGroupSet, presenceSet).

use crate::domain::im;
use crate::domain::presence;
use crate::domain::roster::subscription::Verb;
use crate::domain::roster::{self, GroupChange, Setting};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::AccountRef;
use crate::model::presence::{Detail, Presence};
use crate::model::signal::ClientId;
use crate::model::time::Timestamp;
use crate::proto::ximss::form;
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::{Arg, Attr, Element, FromAttr};

/// The family.
pub const OPS: &[Op] = &[Op::of::<List>(), Op::of::<Set>(), Op::of::<GroupSet>(), Op::of::<PresenceSet>()];

/// The most bytes of a status.
const MOST_STATUS: usize = 4_096;

const ACCOUNT: Attr<AccountRef> = Attr::new("accountName", "another account whose roster is meant");
const PEER: Attr<String> = Attr::new("peer", "the contact's address");
const SUBSCRIPTION: Attr<Verb> = Attr::new("subscription", "what to do about who sees whose presence");
const NAME: Attr<String> = Attr::new("name", "the contact's real name");
const GROUP: Attr<String> = Attr::new("group", "the group's name");
const MODE: Attr<GroupMode> = Attr::new("mode", "add, delete or rename");
const NEW_NAME: Attr<String> = Attr::new("newName", "the group's new name");
const TYPE: Attr<String> = Attr::new("type", "unavailable: not there, for others; without it: there");
const TO_PEER: Attr<String> = Attr::new("peer", "to whom alone it is said");
const CLIENT: Attr<ClientId> = Attr::new("clientID", "to which of that account's sessions");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GroupMode {
    Add,
    Delete,
    Rename,
}

impl FromAttr for GroupMode {
    const KIND: &'static str = "add, delete or rename";
    const SAMPLE: &'static str = "add";
    fn from_attr(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "add" => Some(Self::Add),
            "delete" => Some(Self::Delete),
            "rename" => Some(Self::Rename),
            _ => None,
        }
    }
}

struct List {
    account: Option<AccountRef>,
}

impl Request for List {
    const NAME: &'static str = "rosterList";
    const DOC: &'static str = "Sends the contacts.";
    const ARGS: &'static [Arg] = &[ACCOUNT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { account: ACCOUNT.get(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        let items = cx.read(move |tx| roster::list(tx, &roster::owner(tx, &caller, self.account.as_ref(), false)?)).await?;
        for item in &items {
            cx.send(form::roster::item(item)).await?;
        }
        Ok(())
    }
}

struct Set {
    account: Option<AccountRef>,
    peer: String,
    verb: Verb,
    name: Option<String>,
    groups: Option<Vec<String>>,
}

impl Request for Set {
    const NAME: &'static str = "rosterSet";
    const DOC: &'static str = "Changes a contact: its name, its groups, who sees whose presence.";
    const ARGS: &'static [Arg] = &[ACCOUNT.optional(), PEER.required(), SUBSCRIPTION.optional(), NAME.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let groups: Vec<String> = element.named("group").map(|group| group.body().trim().to_owned()).collect();
        let verb = SUBSCRIPTION.get(element)?.unwrap_or(Verb::Update);
        // An update says all there is to say of groups; other verbs leave them where they name none.
        let groups = (!groups.is_empty() || verb == Verb::Update).then_some(groups);
        Ok(Self { account: ACCOUNT.get(element)?, peer: PEER.need(element)?, verb, name: NAME.get(element)?, groups })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        // What is asked of a contact, the contact hears each time.
        cx.desk.signaling()?.may_write()?;
        let Self { account, peer, verb, name, groups } = self;
        let setting = Setting { peer: im::peer(&peer, &caller)?, verb, name, groups };
        let job = move |tx: &crate::store::WriteTx| roster::set(tx, &roster::owner(tx, &caller, account.as_ref(), true)?, &setting);
        let sights = cx.write(job).await?;
        presence::show(&cx.house, &sights);
        Ok(())
    }
}

struct GroupSet {
    account: Option<AccountRef>,
    group: String,
    change: GroupChange,
}

impl Request for GroupSet {
    const NAME: &'static str = "rosterGroupSet";
    const DOC: &'static str = "Makes, removes or renames a group of contacts.";
    const ARGS: &'static [Arg] = &[ACCOUNT.optional(), GROUP.required(), MODE.required(), NEW_NAME.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let change = match MODE.need(element)? {
            GroupMode::Add => GroupChange::Add,
            GroupMode::Delete => GroupChange::Delete,
            GroupMode::Rename => GroupChange::Rename(NEW_NAME.need(element)?.trim().to_owned()),
        };
        Ok(Self { account: ACCOUNT.get(element)?, group: GROUP.need(element)?.trim().to_owned(), change })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        let Self { account, group, change } = self;
        let job =
            move |tx: &crate::store::WriteTx| roster::set_group(tx, &roster::owner(tx, &caller, account.as_ref(), true)?, &group, &change);
        cx.write(job).await
    }
}

struct PresenceSet {
    unavailable: bool,
    detail: Option<Detail>,
    status: Option<String>,
    to: Option<(String, Option<ClientId>)>,
}

impl Request for PresenceSet {
    const NAME: &'static str = "presenceSet";
    const DOC: &'static str = "Says what the user is doing: to all who may see it, or to somebody alone.";
    const ARGS: &'static [Arg] = &[Arg { sample: "unavailable", ..TYPE.optional() }, TO_PEER.optional(), CLIENT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let (detail, status) = form::roster::said(element)?;
        if status.as_ref().is_some_and(|status| status.len() > MOST_STATUS) {
            return Err(Fault::incorrect("status"));
        }
        let unavailable = match TYPE.get(element)?.as_deref().map(str::trim) {
            None | Some("" | "available") => false,
            Some("unavailable") => true,
            Some(_) => return Err(Fault::incorrect("type")),
        };
        let to = TO_PEER.get(element)?.map(|peer| Ok((peer, form::im::client(element, CLIENT)?))).transpose()?;
        Ok(Self { unavailable, detail, status, to })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, signaling) = (cx.caller()?, cx.desk.signaling()?);
        let detail = if self.unavailable { Detail::Offline } else { self.detail.unwrap_or(Detail::Online) };
        match self.to {
            Some((peer, client)) => {
                signaling.may_write()?;
                let status = self.status.filter(|status| !status.is_empty());
                let to = im::peer(&peer, &caller)?;
                signaling.direct_presence(&caller, &to, client, Presence { detail, status })?;
            }
            None => signaling.set_presence(&cx.house, &caller, detail, self.status, Timestamp::now()),
        }
        Ok(())
    }
}
