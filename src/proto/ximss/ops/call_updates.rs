//! What is done while a call is set up or goes on. Spec: XIMSS, "Signaling" (callUpdate, callUpdateAccept,
//! callUpdateReject, callTransfer, callSendDTMF, callSendInfo).

use super::calls::{CODE, LEG, refusal};
use crate::domain::call::address;
use crate::domain::call::leg::Command;
use crate::model::call::{LegName, Tag};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::{Fragment, Sdp, SignalFailure};
use crate::proto::ximss::form;
use crate::proto::ximss::request::{Cx, Op, Request, need_body};
use crate::xml::{Arg, Attr, Element};

/// The family.
pub const OPS: &[Op] = &[
    Op::of::<Update>(),
    Op::of::<Transfer>(),
    Op::of::<UpdateAccept>(),
    Op::of::<UpdateReject>(),
    Op::of::<SendDtmf>(),
    Op::of::<SendInfo>(),
];

/// The last key of a telephone: flash.
const LAST_KEY: u8 = 16;

const TAG: Attr<Tag> = Attr::new("tag", "the device, while several ring; without it: the oldest that waits");
const ERROR_TEXT: Attr<String> = Attr::new("errorText", "the refusal in words");
const PEER: Attr<String> = Attr::new("peer", "to whom the other end is given");
const OTHER_LEG: Attr<LegName> = Attr::new("otherLeg", "the call whose other end is joined with this one's");

struct Update {
    leg: LegName,
    tag: Option<Tag>,
    sdp: Option<Sdp>,
}

impl Request for Update {
    const NAME: &'static str = "callUpdate";
    const DOC: &'static str = "Offers another session description.";
    const ARGS: &'static [Arg] = &[LEG.required(), TAG.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { leg: LEG.need(element)?, tag: TAG.get(element)?, sdp: form::sdp::offer(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::Update { tag: self.tag, sdp: self.sdp }).await
    }
}

struct UpdateAccept {
    leg: LegName,
    tag: Option<Tag>,
    sdp: Option<Sdp>,
}

impl Request for UpdateAccept {
    const NAME: &'static str = "callUpdateAccept";
    const DOC: &'static str = "Takes the session description that the other end has offered.";
    const ARGS: &'static [Arg] = &[LEG.required(), TAG.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { leg: LEG.need(element)?, tag: TAG.get(element)?, sdp: form::sdp::offer(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::UpdateAccept { tag: self.tag, sdp: self.sdp }).await
    }
}

struct UpdateReject {
    leg: LegName,
    tag: Option<Tag>,
    failure: SignalFailure,
}

impl Request for UpdateReject {
    const NAME: &'static str = "callUpdateReject";
    const DOC: &'static str = "Does not take the session description that the other end has offered.";
    const ARGS: &'static [Arg] = &[LEG.required(), Arg { sample: "488", ..CODE.optional() }, TAG.optional(), ERROR_TEXT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let mut failure = refusal(CODE.get(element)?, 488)?;
        if let Some(text) = ERROR_TEXT.get(element)? {
            failure.text = text;
        }
        Ok(Self { leg: LEG.need(element)?, tag: TAG.get(element)?, failure })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::UpdateReject { tag: self.tag, failure: self.failure }).await
    }
}

struct SendDtmf {
    leg: LegName,
    key: u8,
}

impl Request for SendDtmf {
    const NAME: &'static str = "callSendDTMF";
    const DOC: &'static str = "Sends a key of the telephone: 0 to 9, 10 for the star, 11 for the hash, 12 to 15 for A to D, 16 for flash.";
    const ARGS: &'static [Arg] = &[LEG.required()];
    const SAMPLE_BODY: &'static str = "1";

    fn read(element: &Element) -> Outcome<Self> {
        let key = need_body(element)?.parse().ok().filter(|key| *key <= LAST_KEY);
        Ok(Self { leg: LEG.need(element)?, key: key.ok_or_else(|| Fault::incorrect("callSendDTMF"))? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::Dtmf(self.key)).await
    }
}

struct SendInfo {
    leg: LegName,
    body: Fragment,
}

impl Request for SendInfo {
    const NAME: &'static str = "callSendInfo";
    const DOC: &'static str = "Sends the other end something inside the call.";
    const ARGS: &'static [Arg] = &[LEG.required()];
    const SAMPLE_BODY: &'static str = "<MIME type=\"text\" subtype=\"plain\">text</MIME>";

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { leg: LEG.need(element)?, body: form::call::info(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.command(&self.leg, Command::Info(self.body)).await
    }
}

struct Transfer {
    leg: LegName,
    to: To,
}

/// To whom the other end is given.
enum To {
    Peer(String),
    OtherLeg(LegName),
}

impl Request for Transfer {
    const NAME: &'static str = "callTransfer";
    const DOC: &'static str = "Gives the other end of a call to somebody else, or to the other end of another call.";
    const ARGS: &'static [Arg] = &[LEG.required(), PEER.optional(), Arg { sample: "call2", ..OTHER_LEG.optional() }];
    const SAMPLE_BODY: &'static str = "";

    fn read(element: &Element) -> Outcome<Self> {
        let to = match (OTHER_LEG.get(element)?, PEER.get(element)?) {
            (Some(other), _) => To::OtherLeg(other),
            (None, Some(peer)) => To::Peer(peer),
            (None, None) => To::Peer(String::new()),
        };
        Ok(Self { leg: LEG.need(element)?, to })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let signaling = cx.desk.signaling()?;
        match self.to {
            To::Peer(peer) if peer.trim().is_empty() => Err(Fault::missing("peer")),
            To::Peer(peer) => {
                let target = address::target(&peer, &cx.caller()?)?;
                signaling.command(&self.leg, Command::Transfer(target)).await
            }
            To::OtherLeg(other) => signaling.join(&self.leg, &other).await,
        }
    }
}
