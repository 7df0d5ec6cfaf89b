//! Service operations. Spec: XIMSS, "Service Operations".

use super::password::PasswordModify;
use crate::model::fault::Outcome;
use crate::proto::ximss::desk::After;
use crate::proto::ximss::form::session::session_message;
use crate::proto::ximss::request::{Cx, Op, Phase, Request};
use crate::xml::Element;

/// The family.
pub const OPS: &[Op] = &[Op::of::<Noop>(), Op::of::<Bye>(), Op::of::<PasswordModify>(), Op::of::<ReadSession>()];

struct Noop;

impl Request for Noop {
    const NAME: &'static str = "noop";
    const DOC: &'static str = "Does nothing and succeeds.";
    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }
    async fn run(self, _: Cx) -> Outcome<()> {
        Ok(())
    }
}

struct Bye;

impl Request for Bye {
    const NAME: &'static str = "bye";
    const DOC: &'static str = "Ends the session and closes the connection after the response.";
    const PHASE: Phase = Phase::Always;
    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }
    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.afterwards(After::Close);
        Ok(())
    }
}

struct ReadSession;

impl Request for ReadSession {
    const NAME: &'static str = "readSession";
    const DOC: &'static str = "Sends the session message of the login again.";
    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }
    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.send(session_message(&*cx.login()?)).await
    }
}
