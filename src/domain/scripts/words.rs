//! The words by which a script says what it wants done. Each is put down and carried out after the script has returned.
//!
//! Events: `send_event(task, name)`, `send_event(task, name, value)`, `start_task(program)`, `start_task(program,
//! parameters)`, `start_task(program, entry, parameters)`, `starter()`. Messages: `send_im(peer, text)`. Calls:
//! `provision(leg)`, `provision(leg, sdp)`, `accept(leg)`, `accept(leg, sdp)`, `reject(leg)`, `reject(leg, code)`,
//! `redirect(leg, to)`, `fork(leg, to)`, `transfer(leg, to)`, `send_dtmf(leg, key)`, `update(leg, sdp)`,
//! `update_accept(leg, sdp)`, `update_reject(leg)`, `disconnect(leg)`, `make_call(peer)`, and `mirrored(sdp)`, the answer
//! of whoever sends back what it gets. Meetings: `meeting_create(set, name, parameter)`, `meeting_find(set, name)`,
//! `meeting_activate`, `meeting_deactivate`, `meeting_clear`, `meeting_remove`. Itself: `after(seconds, name)`,
//! `forget(name)`, `preference(name)`, `log(text)`, `stay()`, `close()`, `owner()`, `now()`.
//!
//! A word that makes no sense is an error that the script can catch; what fails later comes as the event `failed`.

use super::values::{from_script, refused, texts};
use crate::domain::call::leg::Command;
use crate::domain::tasks::meetings::MeetingChange;
use crate::domain::tasks::programs::Deed;
use crate::format::sdp;
use crate::model::call::LegName;
use crate::model::signal::{Sdp, SignalFailure};
use crate::model::task::TaskId;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use rhai::{Dynamic, Engine, EvalAltResult};
use std::sync::{Arc, Mutex, PoisonError};

/// The most that a script may want at once.
const MOST_DEEDS: usize = 64;
/// The most parameters of a program, and the most bytes of a name.
const MOST_PARAMETERS: usize = 64;
const MOST_NAME: usize = 255;

/// What a word gives back.
type Said = Result<(), Box<EvalAltResult>>;

/// What a script wants, in order.
#[derive(Clone, Default)]
pub(super) struct Wanted(Arc<Mutex<Vec<Deed>>>);

impl Wanted {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<Deed>) -> T) -> T {
        // A panic while the lock was held cannot leave the list half changed.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, deed: Deed) -> Said {
        self.with(|deeds| {
            if deeds.len() >= MOST_DEEDS {
                return Err(refused("too much is wanted at once"));
            }
            deeds.push(deed);
            Ok(())
        })
    }

    fn leg(&self, call: &str, command: Command) -> Said {
        self.add(Deed::Leg(leg(call)?, command))
    }

    /// All of it.
    pub(super) fn take(&self) -> Vec<Deed> {
        self.with(std::mem::take)
    }
}

/// What a script may ask without wanting anything.
pub(super) struct Words {
    starter: Option<TaskId>,
    owner: String,
    now: Timestamp,
}

fn leg(call: &str) -> Result<LegName, Box<EvalAltResult>> {
    call.parse().map_err(|_| refused("this is not the name of a call"))
}

fn description(text: &str) -> Result<Option<Sdp>, Box<EvalAltResult>> {
    let sdp = Sdp(text.to_owned());
    sdp::parse(&sdp).map_err(|_| refused("this is not a session description"))?;
    Ok(Some(sdp))
}

fn name(text: &str) -> Result<String, Box<EvalAltResult>> {
    if text.is_empty() || text.len() > MOST_NAME { Err(refused("this is not a name")) } else { Ok(text.to_owned()) }
}

fn failure(code: i64, text: &str) -> Result<SignalFailure, Box<EvalAltResult>> {
    match u16::try_from(code) {
        Ok(code @ 300..700) => Ok(SignalFailure::new(code, text)),
        _ => Err(refused("a code is between 300 and 699")),
    }
}

impl Words {
    /// For the task of an account.
    pub(super) fn new(starter: Option<TaskId>, owner: String, now: Timestamp) -> Self {
        Self { starter, owner, now }
    }

    /// Teaches an engine the words. What is wanted by them comes out of what is given back.
    pub(super) fn teach(self, engine: &mut Engine) -> Wanted {
        let wanted = Wanted::default();
        let Self { starter, owner, now } = self;
        engine.register_type_with_name::<TaskId>("Task");
        engine.register_fn("==", |a: TaskId, b: TaskId| a == b);
        engine.register_fn("!=", |a: TaskId, b: TaskId| a != b);
        engine.register_fn("starter", move || starter.map_or(Dynamic::UNIT, Dynamic::from));
        engine.register_fn("owner", move || owner.clone());
        engine.register_fn("now", move || now.0);
        engine.register_fn("mirrored", |text: &str| sdp::mirrored(&Sdp(text.to_owned())).0);
        teach_events(engine, &wanted);
        teach_taking_calls(engine, &wanted);
        teach_talking(engine, &wanted);
        teach_meetings(engine, &wanted);
        teach_itself(engine, &wanted);
        wanted
    }
}

fn start(wanted: &Wanted, program: &str, entry: Option<&str>, parameters: Vec<String>) -> Said {
    if parameters.len() > MOST_PARAMETERS {
        return Err(refused("too many parameters"));
    }
    wanted.add(Deed::Start { program: name(program)?, entry: entry.map(name).transpose()?, parameters })
}

fn teach_events(engine: &mut Engine, wanted: &Wanted) {
    let w = wanted.clone();
    engine.register_fn("send_event", move |to: TaskId, event: &str| w.add(Deed::Tell(to, name(event)?, Value::Null)));
    let w = wanted.clone();
    engine
        .register_fn("send_event", move |to: TaskId, event: &str, value: Dynamic| w.add(Deed::Tell(to, name(event)?, from_script(value)?)));
    let w = wanted.clone();
    engine.register_fn("start_task", move |program: &str| start(&w, program, None, Vec::new()));
    let w = wanted.clone();
    engine.register_fn("start_task", move |program: &str, parameters: Dynamic| start(&w, program, None, texts(parameters)?));
    let w = wanted.clone();
    engine.register_fn("start_task", move |program: &str, entry: &str, parameters: Dynamic| {
        start(&w, program, Some(entry), texts(parameters)?)
    });
    let w = wanted.clone();
    engine.register_fn("send_im", move |peer: &str, text: &str| w.add(Deed::Write(peer.to_owned(), text.to_owned())));
}

fn teach_taking_calls(engine: &mut Engine, wanted: &Wanted) {
    let w = wanted.clone();
    engine.register_fn("provision", move |call: &str| w.leg(call, Command::Provision(None)));
    let w = wanted.clone();
    engine.register_fn("provision", move |call: &str, sdp: &str| w.leg(call, Command::Provision(description(sdp)?)));
    let w = wanted.clone();
    engine.register_fn("accept", move |call: &str| w.leg(call, Command::Accept(None)));
    let w = wanted.clone();
    engine.register_fn("accept", move |call: &str, sdp: &str| w.leg(call, Command::Accept(description(sdp)?)));
    let w = wanted.clone();
    engine.register_fn("reject", move |call: &str| w.leg(call, Command::Reject(failure(603, "Declined")?)));
    let w = wanted.clone();
    engine.register_fn("reject", move |call: &str, code: i64| w.leg(call, Command::Reject(failure(code, "Refused")?)));
    let w = wanted.clone();
    engine
        .register_fn("redirect", move |call: &str, to: Dynamic| w.add(Deed::Redirect { leg: leg(call)?, to: texts(to)?, ring_on: false }));
    let w = wanted.clone();
    engine.register_fn("fork", move |call: &str, to: Dynamic| w.add(Deed::Redirect { leg: leg(call)?, to: texts(to)?, ring_on: true }));
    let w = wanted.clone();
    engine.register_fn("disconnect", move |call: &str| w.leg(call, Command::Kill));
}

fn teach_talking(engine: &mut Engine, wanted: &Wanted) {
    let w = wanted.clone();
    engine.register_fn("transfer", move |call: &str, to: &str| w.add(Deed::Transfer(leg(call)?, to.to_owned())));
    let w = wanted.clone();
    engine.register_fn("send_dtmf", move |call: &str, key: i64| match u8::try_from(key) {
        Ok(key @ 0..16) => w.leg(call, Command::Dtmf(key)),
        _ => Err(refused("a key is between 0 and 15")),
    });
    let w = wanted.clone();
    engine.register_fn("update", move |call: &str, sdp: &str| w.leg(call, Command::Update { tag: None, sdp: description(sdp)? }));
    let w = wanted.clone();
    engine.register_fn("update_accept", move |call: &str, sdp: &str| {
        w.leg(call, Command::UpdateAccept { tag: None, sdp: description(sdp)? })
    });
    let w = wanted.clone();
    engine.register_fn("update_reject", move |call: &str| {
        w.leg(call, Command::UpdateReject { tag: None, failure: failure(488, "Not Acceptable Here")? })
    });
    let w = wanted.clone();
    engine.register_fn("make_call", move |peer: &str| w.add(Deed::MakeCall(peer.to_owned())));
}

fn teach_meetings(engine: &mut Engine, wanted: &Wanted) {
    let w = wanted.clone();
    engine.register_fn("meeting_create", move |set: &str, name: &str, parameter: &str| {
        let parameter = Some(parameter.to_owned()).filter(|text| !text.is_empty());
        w.add(Deed::ChangeMeeting(MeetingChange::Create(parameter), set.to_owned(), name.to_owned()))
    });
    let w = wanted.clone();
    engine.register_fn("meeting_find", move |set: &str, name: &str| w.add(Deed::FindMeeting(set.to_owned(), name.to_owned())));
    let others = [
        ("meeting_activate", MeetingChange::Activate),
        ("meeting_deactivate", MeetingChange::Deactivate),
        ("meeting_clear", MeetingChange::Clear),
        ("meeting_remove", MeetingChange::Remove),
    ];
    for (word, change) in others {
        let w = wanted.clone();
        engine.register_fn(word, move |set: &str, name: &str| w.add(Deed::ChangeMeeting(change.clone(), set.to_owned(), name.to_owned())));
    }
}

fn teach_itself(engine: &mut Engine, wanted: &Wanted) {
    let w = wanted.clone();
    engine.register_fn("after", move |seconds: i64, timer: &str| {
        let seconds = u64::try_from(seconds).map_err(|_| refused("a time is a number of seconds"))?;
        w.add(Deed::After(seconds, name(timer)?))
    });
    let w = wanted.clone();
    engine.register_fn("forget", move |timer: &str| w.add(Deed::Forget(name(timer)?)));
    let w = wanted.clone();
    engine.register_fn("preference", move |preference: &str| w.add(Deed::ReadPreference(name(preference)?)));
    let w = wanted.clone();
    engine.register_fn("log", move |text: &str| w.add(Deed::Log(text.to_owned())));
    let w = wanted.clone();
    engine.register_fn("stay", move || w.add(Deed::Stay));
    let w = wanted.clone();
    engine.register_fn("close", move || w.add(Deed::End));
}
