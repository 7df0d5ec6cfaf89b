//! `echo`: gives back what it gets, events and calls.

use super::{Deed, Happening, Program};
use crate::domain::call::leg::Command;
use crate::format::sdp;
use crate::model::call::CallEvent;
use crate::model::fault::Outcome;
use crate::model::signal::SignalFailure;
use crate::model::value::Value;

pub(super) struct Echo;

/// What to do in a call.
fn in_call(event: CallEvent) -> Option<Command> {
    let nothing_to_echo = || SignalFailure::new(488, "there is nothing to echo");
    match event {
        CallEvent::Incoming { sdp: Some(offer), .. } => Some(Command::Accept(Some(sdp::mirrored(&offer)))),
        CallEvent::Incoming { sdp: None, .. } => Some(Command::Reject(nothing_to_echo())),
        CallEvent::UpdateRequest { sdp: Some(offer), tag, .. } => Some(Command::UpdateAccept { tag, sdp: Some(sdp::mirrored(&offer)) }),
        CallEvent::UpdateSolicited { tag } => Some(Command::UpdateReject { tag, failure: nothing_to_echo() }),
        CallEvent::Dtmf(key) => Some(Command::Dtmf(key)),
        CallEvent::Info(body) => Some(Command::Info(body)),
        _ => None,
    }
}

impl Program for Echo {
    fn hear(&mut self, what: Happening) -> Outcome<Vec<Deed>> {
        let deed = match what {
            Happening::Begun { starter: Some(starter), parameters } => {
                let parameters = parameters.into_iter().map(Value::String).collect();
                Some(Deed::Tell(starter, "started".to_owned(), Value::Array(parameters)))
            }
            Happening::Told(event) => event.from.map(|from| Deed::Tell(from, event.name, event.parameter)),
            // Nobody else knows of it.
            Happening::StarterEnded(_) => Some(Deed::End),
            Happening::Call(leg, event) => in_call(event).map(|command| Deed::Leg(leg, command)),
            _ => None,
        };
        Ok(deed.into_iter().collect())
    }
}
