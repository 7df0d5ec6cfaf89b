//! Beginning and ceasing to take signals. Spec: XIMSS, "Signaling" (signalBind, signalUnbind).

use crate::domain::account_rights;
use crate::domain::im;
use crate::domain::presence;
use crate::domain::signals::{Applicant, NameTaken, Wants};
use crate::model::fault::Outcome;
use crate::model::names::AccountRef;
use crate::model::rights::AccountRights;
use crate::model::signal::{ClientId, Signal};
use crate::proto::ximss::form;
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::attr::YesNo;
use crate::xml::{Arg, Attr, Element};
use std::net::IpAddr;

/// The family.
pub const OPS: &[Op] = &[Op::of::<Bind>(), Op::of::<Unbind>()];

const CLIENT: Attr<ClientId> =
    Attr::new("clientID", "the session's name among those of the account that take signals; without it: one is made up");
const MODE: Attr<String> = Attr::new(
    "mode",
    "what to do where the name is taken: fixed refuses, kill ends the other session, else another name is made up. A client that loses its connection while it has a fixed name finds its connected calls again: bound with the same fixed name within 15 seconds, the next session is told of each by callConnected, under the name it had if that is free, and asked for a new offer by callUpdateSolicited",
);
const PRESENCE: Attr<YesNo> = Attr::new("presence", "yes: tell of the roster and of presence");
const READ_IM: Attr<String> = Attr::new("readIM", "1: tell instant messages in the extended form");

const ACCOUNT: Attr<AccountRef> =
    Attr::new("accountName", "another account that has given the right c: its calls ring here, too; without it: one's own");

struct Bind {
    account: Option<AccountRef>,
    client: Option<ClientId>,
    taken: NameTaken,
    wants: Wants,
}

impl Request for Bind {
    const NAME: &'static str = "signalBind";
    const DOC: &'static str = "From now on the session takes the calls and messages for the account.";
    const ARGS: &'static [Arg] = &[CLIENT.optional(), MODE.optional(), PRESENCE.optional(), READ_IM.optional(), ACCOUNT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let taken = match MODE.get(element)?.as_deref().map(str::trim) {
            Some(mode) if mode.eq_ignore_ascii_case("fixed") => NameTaken::Refuse,
            Some(mode) if mode.eq_ignore_ascii_case("kill") => NameTaken::Kill,
            _ => NameTaken::Rename,
        };
        let described = form::sdp::read(element)?;
        let wants = Wants {
            presence: PRESENCE.get(element)?.is_some_and(|yes| yes.0),
            extended_im: READ_IM.get(element)?.is_some_and(|form| form.trim() == "1"),
            sdp_text: described.as_ref().is_some_and(|(_, as_text)| *as_text),
            capabilities: described.map(|(sdp, _)| sdp),
            ..Wants::default()
        };
        let client = form::im::client(element, CLIENT)?;
        Ok(Self { account: ACCOUNT.get(element)?, client, taken, wants })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (login, signaling, preferences) = (cx.login()?, cx.desk.signaling()?, cx.preferences());
        let address = self.wants.capabilities.as_ref().and_then(form::sdp::address).and_then(|address| address.parse().ok());
        let wants = Wants {
            far_end_nat: address.is_some_and(|address| is_behind_nat(address, cx.desk.peer.address)),
            only_contacts: preferences.takes_contacts_only(),
            show_calls: preferences.shows_calls(),
            ..self.wants
        };
        let applicant = Applicant {
            caller: login.caller.clone(),
            real_name: login.real_name.clone(),
            client: self.client,
            wants,
            inbox: signaling.inbox.clone(),
            end: cx.desk.session()?.recipient(),
        };
        if let Some(named) = self.account {
            let caller = login.caller.clone();
            let account = cx.read(move |tx| account_rights::acting_for(tx, &caller, &named, AccountRights::CALLS)).await?;
            return signaling.bind_for(account.address, applicant);
        }
        signaling.bind(applicant, self.taken)?;
        if signaling.hears_presence() {
            for news in presence::first(&cx.house, &login.caller).await? {
                // A session whose inbox is full hears of the next change.
                let _ = signaling.inbox.push(Signal::Presence(news));
            }
        }
        im::hand_out_waiting(&cx.house, &login.caller, &signaling.inbox).await
    }
}

/// True where a client sends its media from a private address and is connected from another: between them is a NAT.
fn is_behind_nat(media: IpAddr, connected: IpAddr) -> bool {
    let private = match media {
        IpAddr::V4(media) => media.is_private() || media.is_link_local(),
        IpAddr::V6(media) => media.is_unique_local() || media.is_unicast_link_local(),
    };
    private && media != connected.to_canonical()
}

struct Unbind(Option<AccountRef>);

impl Request for Unbind {
    const NAME: &'static str = "signalUnbind";
    const DOC: &'static str = "The session takes no more new calls and messages.";
    const ARGS: &'static [Arg] = &[ACCOUNT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        ACCOUNT.get(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let signaling = cx.desk.signaling()?;
        match self.0 {
            Some(named) => signaling.unbind_for(&named.within(&cx.caller()?.address.domain)),
            None => signaling.unbind(),
        }
        Ok(())
    }
}
