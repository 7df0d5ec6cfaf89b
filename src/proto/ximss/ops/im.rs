//! Instant messages and requests in the manner of XMPP. Spec: XIMSS, "Instant Messaging" (sendIM, closeIM),
//! "XMPP-style requests" (iqSend).

use crate::domain::access::Caller;
use crate::domain::im::{self, Sending};
use crate::domain::iq::{self, Asked, Party, Routed};
use crate::model::fault::{Fault, Outcome};
use crate::model::im::{ChatState, ImContent, InstantMessage, Iq, IqKind};
use crate::model::names::{Address, DomainName};
use crate::model::signal::{ClientId, Fragment, Signal};
use crate::model::time::Timestamp;
use crate::proto::ximss::form;
use crate::proto::ximss::form::iq::For;
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::store::accounts;
use crate::xml::{Arg, Attr, Element, Node};
use std::time::Instant;

/// The family of instant messages.
pub const OPS: &[Op] = &[Op::of::<SendIm>(), Op::of::<CloseIm>()];
/// The family of requests.
pub const REQUESTS: &[Op] = &[Op::of::<IqSend>()];

/// The most bytes of a request's identifier or a message's type.
const MOST_WORD: usize = 1_024;

const PEER: Attr<String> = Attr::new("peer", "the other's address");
const CLIENT: Attr<ClientId> = Attr::new("clientID", "the name of one of the other's sessions");
const TYPE: Attr<String> = Attr::new("type", "chat, normal, headline, groupchat or error; without it: chat");
const IM_ID: Attr<String> = Attr::new("iqid", "an identifier of the message");
const IQ_TYPE: Attr<IqKind> = Attr::new("type", "get, set, result or error");
const IQ_ID: Attr<String> = Attr::new("iqid", "the identifier of the request, which its answer repeats");

fn word(text: Option<String>, name: &str) -> Outcome<Option<String>> {
    match text {
        Some(text) if text.len() > MOST_WORD => Err(Fault::incorrect(name)),
        text => Ok(text),
    }
}

struct SendIm {
    peer: String,
    client: Option<ClientId>,
    kind: Option<String>,
    id: Option<String>,
    content: ImContent,
}

impl Request for SendIm {
    const NAME: &'static str = "sendIM";
    const DOC: &'static str = "Sends an instant message, or says what its writer is doing.";
    const ARGS: &'static [Arg] = &[PEER.required(), CLIENT.optional(), TYPE.optional(), IM_ID.optional()];
    const SAMPLE_BODY: &'static str = "text";

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self {
            peer: PEER.need(element)?,
            client: form::im::client(element, CLIENT)?,
            kind: word(TYPE.get(element)?, "type")?,
            id: word(IM_ID.get(element)?, "iqid")?,
            content: form::im::content(element)?,
        })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (login, signaling) = (cx.login()?, cx.desk.signaling()?);
        signaling.may_write()?;
        let to = im::peer(&self.peer, &login.caller)?;
        let last = signaling.conversations.borrow_mut().speak(&to, &self.content);
        let message = InstantMessage {
            from: own_address(&login.caller),
            from_name: login.real_name.clone(),
            from_client: signaling.client(),
            kind: self.kind,
            id: self.id,
            content: self.content,
            waited_since: None,
        };
        send(&cx, Sending { to, client: self.client.or(last), message, request: cx.id.clone() })
    }
}

fn own_address(caller: &Caller) -> Address {
    Address { local: caller.address.name.as_str().to_owned(), domain: caller.address.domain.clone() }
}

/// Sends a message on. The response does not wait for it.
fn send(cx: &Cx, sending: Sending) -> Outcome<()> {
    let signaling = cx.desk.signaling()?;
    let (house, inbox, order) = (cx.house.clone(), signaling.inbox.clone(), signaling.order.clone());
    // Bounded: as many as the session's pace lets pass, and each ends with its commit at the latest.
    im::begin(async move { im::send(&house, &inbox, &order, sending).await });
    Ok(())
}

struct CloseIm {
    peer: String,
}

impl Request for CloseIm {
    const NAME: &'static str = "closeIM";
    const DOC: &'static str = "Ends a conversation; the other hears that this side has left it.";
    const ARGS: &'static [Arg] = &[PEER.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { peer: PEER.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (login, signaling) = (cx.login()?, cx.desk.signaling()?);
        let to = im::peer(&self.peer, &login.caller)?;
        let Some(client) = signaling.conversations.borrow_mut().close(&to) else { return Ok(()) };
        let message = InstantMessage {
            from: own_address(&login.caller),
            from_name: login.real_name.clone(),
            from_client: signaling.client(),
            kind: None,
            id: None,
            content: ImContent::State(ChatState::Gone),
            waited_since: None,
        };
        send(&cx, Sending { to, client, message, request: None })
    }
}

struct IqSend {
    peer: String,
    client: Option<ClientId>,
    kind: IqKind,
    id: String,
    body: Fragment,
}

impl Request for IqSend {
    const NAME: &'static str = "iqSend";
    const DOC: &'static str = "Sends a request in the manner of XMPP, or the answer to one.";
    const ARGS: &'static [Arg] = &[PEER.required(), CLIENT.optional(), IQ_TYPE.required(), IQ_ID.required()];

    fn read(element: &Element) -> Outcome<Self> {
        let id = word(Some(IQ_ID.need(element)?), "iqid")?.unwrap_or_default();
        let body = form::im::relayed(element, element.elements())?;
        if body.0.len() > im::MOST_BYTES {
            return Err(Fault::quota("message is too large"));
        }
        Ok(Self { peer: PEER.need(element)?, client: form::im::client(element, CLIENT)?, kind: IQ_TYPE.need(element)?, id, body })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (login, signaling) = (cx.login()?, cx.desk.signaling()?);
        signaling.may_write()?;
        let Some(client) = signaling.client() else { return Err(Fault::state("this session is not bound to signals")) };
        let from = Party { address: login.caller.address.clone(), client };
        let asked = self.asked(&cx, &login.caller).await?;
        let iq = Iq {
            from: from.address.to_string(),
            from_client: Some(from.client.clone()),
            kind: self.kind,
            id: self.id.clone(),
            body: self.body.clone(),
        };
        let (kind, body) = match iq::route(&cx.house.signals, &cx.house.requests, &from, &asked, &iq, Instant::now()) {
            Routed::Done => return Ok(()),
            Routed::Unavailable => (IqKind::Error, vec![form::iq::unavailable()]),
            Routed::ServerAnswers => self.server_answer(&cx, &asked).await?,
        };
        let answerer = match &asked {
            Asked::Account(address, _) => address.to_string(),
            Asked::Domain(domain) => domain.clone(),
        };
        let answer = Iq { from: answerer, from_client: self.client, kind, id: self.id, body: form::im::fragment(body.iter()) };
        // A session whose inbox is full does not hear the answer, as it would not hear anybody else's.
        let _ = signaling.inbox.push(Signal::Iq(answer));
        Ok(())
    }
}

impl IqSend {
    /// Whom the address means. One without a user's part is that of a domain: of one that is served here, or that is spelled
    /// like one; another single word is a user of the caller's domain, as for instant messages.
    async fn asked(&self, cx: &Cx, caller: &Caller) -> Outcome<Asked> {
        let domain = self.peer.trim().parse::<DomainName>().ok().filter(|_| !self.peer.contains('@'));
        if let Some(domain) = domain {
            let named = domain.clone();
            if domain.as_str().contains('.') || cx.read(move |tx| accounts::domain(tx, &named)).await?.is_some() {
                return Ok(Asked::Domain(domain.to_string()));
            }
        }
        Ok(Asked::Account(im::peer(&self.peer, caller)?, self.client.clone()))
    }

    async fn server_answer(&self, cx: &Cx, asked: &Asked) -> Outcome<(IqKind, Vec<Element>)> {
        let domain = match asked {
            Asked::Account(address, _) => address.domain.clone(),
            Asked::Domain(domain) => domain.parse()?,
        };
        let address = match asked {
            Asked::Account(address, _) => address.account(),
            Asked::Domain(_) => None,
        };
        let (caller, presences, now) = (cx.caller()?, cx.house.presences.clone(), Timestamp::now());
        let question = move |tx: &dyn crate::store::Read| {
            let is_ours = accounts::domain(tx, &domain)?.is_some();
            // To whoever does not see the other's presence nothing is told that would show whether there is one.
            let told = address.map(|address| iq::told(tx, &presences, &caller, &address, now)).transpose()?;
            Ok((is_ours, told.unwrap_or_default()))
        };
        let (is_ours, told) = cx.read(question).await?;
        if !is_ours {
            return Ok((IqKind::Error, vec![form::iq::unavailable()]));
        }
        let asked = match asked {
            Asked::Domain(_) => For::Domain { since: cx.house.begun },
            Asked::Account(..) => For::Account(&told),
        };
        let body = form::im::elements(&self.body);
        let first = body.iter().find_map(|node| if let Node::Element(element) = node { Some(element) } else { None });
        Ok(form::iq::answer(self.kind, first, asked, now))
    }
}
