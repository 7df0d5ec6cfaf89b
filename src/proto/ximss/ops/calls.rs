//! Making, taking and ending calls. Spec: XIMSS, "Signaling" (callStart, callProvision, callAccept, callReject,
//! callRedirect, callKill, makeCall).

use crate::domain::call::actors::{Call, Making};
use crate::domain::call::address;
use crate::domain::call::leg::Command;
use crate::model::call::{CallParty, LegName};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::{Sdp, SignalFailure};
use crate::proto::ximss::desk::Login;
use crate::proto::ximss::form;
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::attr::YesNo;
use crate::xml::{Arg, Attr, Element};

/// The family.
pub const OPS: &[Op] = &[
    Op::of::<Kill>(),
    Op::of::<Start>(),
    Op::of::<Provision>(),
    Op::of::<Redirect>(),
    Op::of::<Reject>(),
    Op::of::<Accept>(),
    Op::of::<MakeCall>(),
];

/// The most addresses that one redirection may name.
const MOST_TARGETS: usize = 32;

pub(super) const LEG: Attr<LegName> = Attr::new("callLeg", "the name of the call");
pub(super) const CODE: Attr<u32> = Attr::new("signalCode", "the code of the refusal, as SIP has it");
const PEER: Attr<String> = Attr::new("peer", "whom to call: an e-mail address or a SIP URI");
const PEER_NAME: Attr<String> = Attr::new("peerName", "the real name of whom to call");
const FORK: Attr<YesNo> = Attr::new("fork", "yes: this session rings on");
const CALLER_PARAMS: Attr<String> = Attr::new("callerParams", "parameters for the call to the account's own devices");

/// Who this session is to those it calls.
fn caller(login: &Login) -> CallParty {
    CallParty { address: login.caller.address.to_string(), name: login.real_name.clone() }
}

/// A refusal with this code, or the one that stands where none is given.
pub(super) fn refusal(code: Option<u32>, default: u16) -> Outcome<SignalFailure> {
    let code = match code {
        None => default,
        Some(code) => u16::try_from(code).ok().filter(|code| (300..700).contains(code)).ok_or_else(|| Fault::incorrect("signalCode"))?,
    };
    let text = match code {
        480 => "Temporarily Unavailable",
        486 => "Busy Here",
        488 => "Not Acceptable Here",
        600 => "Busy Everywhere",
        603 => "Declined",
        _ => "Refused",
    };
    Ok(SignalFailure::new(code, text))
}

struct Start {
    leg: LegName,
    peer: String,
    name: Option<String>,
    sdp: Option<Sdp>,
}

impl Request for Start {
    const NAME: &'static str = "callStart";
    const DOC: &'static str = "Calls somebody.";
    const ARGS: &'static [Arg] = &[LEG.required(), PEER.required(), PEER_NAME.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let leg = LEG.need(element)?;
        if leg.is_reserved() {
            return Err(Fault::incorrect("callLeg"));
        }
        Ok(Self { leg, peer: PEER.need(element)?, name: PEER_NAME.get(element)?, sdp: form::sdp::offer(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (login, signaling) = (cx.login()?, cx.desk.signaling()?);
        signaling.may_call(&self.leg)?;
        let target = address::target(&self.peer, &login.caller)?;
        let making = Making {
            from: caller(&login),
            target,
            to: CallParty { address: self.peer, name: self.name },
            sdp: self.sdp,
            inbox: signaling.inbox.clone(),
            owner: login.caller.clone(),
            shown: cx.preferences().shows_calls(),
        };
        let leg = Call::make(cx.house.clone(), self.leg.clone(), making)?;
        signaling.add_call(self.leg, leg);
        Ok(())
    }
}

struct Kill {
    leg: LegName,
}

impl Request for Kill {
    const NAME: &'static str = "callKill";
    const DOC: &'static str = "Ends a call and releases its name.";
    const ARGS: &'static [Arg] = &[LEG.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { leg: LEG.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.release(&self.leg).await
    }
}

struct Provision {
    leg: LegName,
    sdp: Option<Sdp>,
}

impl Request for Provision {
    const NAME: &'static str = "callProvision";
    const DOC: &'static str = "Tells the caller that this device rings.";
    const ARGS: &'static [Arg] = &[LEG.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { leg: LEG.need(element)?, sdp: form::sdp::offer(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::Provision(self.sdp)).await
    }
}

struct Accept {
    leg: LegName,
    sdp: Option<Sdp>,
}

impl Request for Accept {
    const NAME: &'static str = "callAccept";
    const DOC: &'static str = "Takes a call that rings.";
    const ARGS: &'static [Arg] = &[LEG.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { leg: LEG.need(element)?, sdp: form::sdp::offer(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::Accept(self.sdp)).await
    }
}

struct Reject {
    leg: LegName,
    failure: SignalFailure,
}

impl Request for Reject {
    const NAME: &'static str = "callReject";
    const DOC: &'static str = "Does not take a call that rings.";
    const ARGS: &'static [Arg] = &[LEG.required(), Arg { sample: "486", ..CODE.optional() }];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { leg: LEG.need(element)?, failure: refusal(CODE.get(element)?, 603)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::Reject(self.failure)).await
    }
}

struct Redirect {
    leg: LegName,
    targets: Vec<String>,
    ring_on: bool,
}

impl Request for Redirect {
    const NAME: &'static str = "callRedirect";
    const DOC: &'static str = "Has a call that rings here ring elsewhere.";
    const ARGS: &'static [Arg] = &[LEG.required(), FORK.optional()];
    const SAMPLE_BODY: &'static str = "<To>bob@example.test</To>";

    fn read(element: &Element) -> Outcome<Self> {
        let targets: Vec<String> = element.named("To").map(|to| to.body().trim().to_owned()).filter(|to| !to.is_empty()).collect();
        match targets.len() {
            0 => Err(Fault::missing("To")),
            1..=MOST_TARGETS => Ok(Self { leg: LEG.need(element)?, targets, ring_on: FORK.get(element)?.is_some_and(|yes| yes.0) }),
            _ => Err(Fault::quota("too many addresses")),
        }
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        let target = |to: &String| address::target(to, &caller).map_err(|_| Fault::incorrect("To"));
        let targets = self.targets.iter().map(target).collect::<Outcome<_>>()?;
        cx.desk.signaling()?.command(&self.leg, Command::Redirect { targets, ring_on: self.ring_on }).await
    }
}

struct MakeCall {
    peer: String,
}

impl Request for MakeCall {
    const NAME: &'static str = "makeCall";
    const DOC: &'static str = "Rings the account's own devices and connects the one that answers with somebody.";
    const ARGS: &'static [Arg] = &[PEER.required(), CALLER_PARAMS.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        // The parameters are for gateways; the server's own devices have no use for them.
        CALLER_PARAMS.get(element)?;
        Ok(Self { peer: PEER.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (login, signaling) = (cx.login()?, cx.desk.signaling()?);
        signaling.may_dial()?;
        let then = address::target(&self.peer, &login.caller)?;
        let to = CallParty { address: self.peer, name: None };
        Call::connect(cx.house.clone(), &login.caller.address, caller(&login), then, to, signaling.inbox.clone())
    }
}
