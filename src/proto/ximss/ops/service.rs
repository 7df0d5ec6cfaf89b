//! Service operations. Spec: XIMSS, "Service Operations".

use crate::model::fault::Outcome;
use crate::model::time::{Timestamp, Zone};
use crate::proto::ximss::desk::After;
use crate::proto::ximss::request::{Cx, Op, Phase, Request};
use crate::xml::Element;

/// The family.
pub const OPS: &[Op] = &[Op::of::<Noop>(), Op::of::<Bye>()];

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

/// The `alert` message.
pub fn alert(at: Timestamp, zone: &Zone, text: &str) -> Element {
    Element::new("alert").with("gmtTime", at.gmt_bare()).with("localTime", at.local(zone)).text(text)
}
