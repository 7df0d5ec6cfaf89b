//! What happens, as a script hears it: a map with the `kind` of the event and what belongs to it.
//!
//! | kind | with |
//! |---|---|
//! | `told` | `name`, `from` (a task, or nothing for the server), `parameter` |
//! | `starter_ended` | `task`: the session or the task that started the application |
//! | `timer` | `name` |
//! | `call` | `leg`, `name`: `incoming` (`peer`, `peer_name`, `transferred_by`, `sdp`), `updated` (`sdp` or `code`, `text`), `update_request` (`sdp`), `update_solicited`, `dtmf` (`key`), `info` (`body`), `transferred` (`peer`), `done` (`code`, `text` where it failed), `disconnected` (`code`, `text`) |
//! | `report` | `text`: how far a call is that `make_call` makes, empty at its end |
//! | `preference` | `name`, `value` |
//! | `meeting` | `set`, `name`, `parameter`, `task`, `expires` |
//! | `started` | `name`, `task` |
//! | `im_failed` | `peer`, `code`, `text` |
//! | `failed` | `of`, `number`, `text`: something that was wanted could not be done |

use super::values;
use crate::domain::tasks::programs::Happening;
use crate::model::call::{CallEvent, CallParty, LegName};
use crate::model::signal::{Sdp, SignalFailure};
use crate::model::task::TaskEvent;
use rhai::{Dynamic, Map};

/// The map of an event.
struct Event(Map);

impl Event {
    fn of(kind: &str) -> Self {
        Self(Map::new()).with("kind", kind.to_owned().into())
    }

    fn with(mut self, key: &str, value: Dynamic) -> Self {
        self.0.insert(key.into(), value);
        self
    }

    fn text(self, key: &str, value: Option<String>) -> Self {
        self.with(key, values::text(value))
    }

    fn failure(self, failure: Option<SignalFailure>) -> Self {
        match failure {
            Some(SignalFailure { code, text }) => self.with("code", i64::from(code).into()).with("text", text.into()),
            None => self,
        }
    }

    fn sdp(self, sdp: Option<Sdp>) -> Self {
        self.text("sdp", sdp.map(|sdp| sdp.0))
    }

    fn peer(self, party: CallParty) -> Self {
        self.text("peer", Some(party.address)).text("peer_name", party.name)
    }
}

/// What a script hears.
pub(super) fn event(what: Happening) -> Dynamic {
    let event = match what {
        // Said by the call of the entry.
        Happening::Begun { parameters, .. } => Event::of("begun").with("parameters", values::array(parameters)),
        Happening::Told(TaskEvent { from, name, parameter }) => {
            let event = Event::of("told").text("name", Some(name)).with("from", values::task(from));
            event.with("parameter", values::to_script(parameter).unwrap_or(Dynamic::UNIT))
        }
        Happening::StarterEnded(starter) => Event::of("starter_ended").with("task", values::task(Some(starter))),
        Happening::Call(leg, said) => in_call(&leg, said),
        Happening::Report(text) => Event::of("report").text("text", Some(text)),
        Happening::Timer(name) => Event::of("timer").text("name", Some(name)),
        Happening::Preference(name, value) => {
            let value = values::to_script(value).unwrap_or(Dynamic::UNIT);
            Event::of("preference").text("name", Some(name)).with("value", value)
        }
        Happening::Found { named: (set, name), meeting, task } => {
            let event = Event::of("meeting").text("set", Some(set)).text("name", Some(name)).text("parameter", meeting.parameter);
            event.with("task", values::task(task)).text("expires", Some(meeting.expires.iso8601()))
        }
        Happening::Started(name, task) => Event::of("started").text("name", Some(name)).with("task", values::task(Some(task))),
        Happening::ImFailed(failure) => {
            let event = Event::of("im_failed").text("peer", Some(failure.to.to_string()));
            event.failure(Some(SignalFailure::new(failure.code, failure.text)))
        }
        Happening::Failed(of, fault) => {
            let event = Event::of("failed").with("of", of.into()).with("number", i64::from(fault.number).into());
            event.text("text", Some(fault.text.into_owned()))
        }
    };
    event.0.into()
}

fn in_call(leg: &LegName, said: CallEvent) -> Event {
    let about = |name: &str| Event::of("call").text("leg", Some(leg.to_string())).text("name", Some(name.to_owned()));
    match said {
        CallEvent::Incoming { from, transferred_by, sdp, .. } => {
            about("incoming").peer(from).text("transferred_by", transferred_by).sdp(sdp)
        }
        CallEvent::Updated { result: Ok(sdp), .. } => about("updated").sdp(sdp),
        CallEvent::Updated { result: Err(failure), .. } => about("updated").failure(Some(failure)),
        CallEvent::UpdateRequest { sdp, .. } => about("update_request").sdp(sdp),
        CallEvent::UpdateSolicited { .. } => about("update_solicited"),
        CallEvent::OpDone(done) => about("done").failure(done.err()),
        CallEvent::Dtmf(key) => about("dtmf").with("key", i64::from(key).into()),
        CallEvent::Info(body) => about("info").text("body", Some(body.0)),
        CallEvent::Transferred { to, .. } => about("transferred").peer(to),
        CallEvent::Disconnected(failure) => about("disconnected").failure(failure),
        CallEvent::TakenElsewhere(text) => about("disconnected").text("text", Some(text)),
        // A task's legs are rung; they do not call.
        CallEvent::Provisioned { sdp, .. } => about("provisioned").sdp(sdp),
        CallEvent::Connected { by, sdp, .. } => about("connected").peer(by).sdp(sdp),
    }
}
