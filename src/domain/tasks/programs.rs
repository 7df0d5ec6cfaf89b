//! What programs are: they hear what happens and say what is to be done; they do nothing themselves. And those that are
//! built in.
//!
//! - `echo` tells whoever tells it something the same, and ends with whoever started it; called, it answers with what it
//!   is offered.
//! - `relay` tells all who have joined it (`join`, `leave`) what one of them tells it: a meeting room. The end of whoever
//!   started it leaves it too.
//! - `click2call` rings the account's own devices and connects the one that answers with its first parameter; it tells
//!   how far it is.
//! - `chatroom` keeps a room open, whose name in the account's domain is its first parameter.
//! - `voicemail` takes no calls before the server has ears.
//!
//! Others are scripts (`domain::scripts`).
//! Spec: XIMSS, "Real-Time Application Management" (taskStart).

mod echo;
mod relay;

use super::meetings::MeetingChange;
use crate::domain::call::leg::Command;
use crate::model::call::{CallEvent, LegName};
use crate::model::fault::{Fault, Outcome};
use crate::model::im::ImFailure;
use crate::model::signal::SignalFailure;
use crate::model::task::{Meeting, TaskEvent, TaskId};
use crate::model::value::Value;

/// What happens to a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// It begins.
    Begun {
        /// The session or the task that started it; None where a call did.
        starter: Option<TaskId>,
        /// What it is given.
        parameters: Vec<String>,
    },
    /// It is told something.
    Told(TaskEvent),
    /// The session or the task that started it has ended.
    StarterEnded(TaskId),
    /// Something about a call in which it has a leg.
    Call(LegName, CallEvent),
    /// How far a call is that it wanted made; empty at its end.
    Report(String),
    /// The time it has set has come.
    Timer(String),
    /// What a preference of its account says.
    Preference(String, Value),
    /// A meeting it has asked for, with the task that has activated it.
    Found {
        /// Its set and its name.
        named: (String, String),
        /// What is kept of it.
        meeting: Meeting,
        /// Who has activated it.
        task: Option<TaskId>,
    },
    /// A task it wanted started runs.
    Started(String, TaskId),
    /// What it has written to somebody did not reach them.
    ImFailed(ImFailure),
    /// Something it wanted done could not be done.
    Failed(&'static str, Fault),
}

/// What a program wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// A task is to be told something.
    Tell(TaskId, String, Value),
    /// The account's devices are to be rung, and the one that answers connected with this address.
    MakeCall(String),
    /// A room of this name is to be open for as long as the program runs.
    OpenRoom(String),
    /// A leg of the program's is to do this.
    Leg(LegName, Command),
    /// A call that rings here is to ring there.
    Redirect {
        /// The call.
        leg: LegName,
        /// Where.
        to: Vec<String>,
        /// It rings on here.
        ring_on: bool,
    },
    /// The other end of a call is to be given to somebody else.
    Transfer(LegName, String),
    /// An instant message is to be sent: to whom, and what it says.
    Write(String, String),
    /// Another program is to be started.
    Start {
        /// Its name.
        program: String,
        /// Where it is entered.
        entry: Option<String>,
        /// What it is given.
        parameters: Vec<String>,
    },
    /// The program is to be told of a meeting of the account's, by its set and name.
    FindMeeting(String, String),
    /// Such a meeting is to be changed.
    ChangeMeeting(MeetingChange, String, String),
    /// The program is to be told a preference of its account.
    ReadPreference(String),
    /// The program is to be told the time: after so many seconds, by that name.
    After(u64, String),
    /// It is not to be told it any more.
    Forget(String),
    /// A line for those who look for errors.
    Log(String),
    /// The program goes on when its last call has ended.
    Stay,
    /// The program has ended.
    End,
}

/// A program.
pub trait Program: Send {
    /// Something happens. A fault ends the program.
    fn hear(&mut self, what: Happening) -> Outcome<Vec<Deed>>;
    /// True where it may take its time, so that no thread that runs actors may wait for it.
    fn takes_long(&self) -> bool {
        false
    }
}

/// The built-in program of a name, with or without the mark of an application.
pub fn built_in(name: &str) -> Option<Box<dyn Program>> {
    match name.trim_start_matches('#') {
        "echo" => Some(Box::new(echo::Echo)),
        "relay" | "meeting" => Some(Box::<relay::Relay>::default()),
        "chatroom" => Some(Box::new(ChatRoom)),
        "click2call" => Some(Box::<ClickToCall>::default()),
        "voicemail" => Some(Box::new(VoiceMail)),
        _ => None,
    }
}

/// A program that takes no calls turns away what rings.
fn takes_no_calls(what: &Happening, why: &str) -> Vec<Deed> {
    match what {
        Happening::Call(leg, CallEvent::Incoming { .. }) => {
            vec![Deed::Leg(leg.clone(), Command::Reject(SignalFailure::new(480, why)))]
        }
        _ => Vec::new(),
    }
}

/// Tells whoever started the program why it does not go on.
fn cannot_go_on(starter: Option<TaskId>, why: &str) -> Vec<Deed> {
    starter.map(|starter| Deed::Tell(starter, "failed".to_owned(), Value::from(why))).into_iter().chain([Deed::End]).collect()
}

struct VoiceMail;

impl Program for VoiceMail {
    fn hear(&mut self, what: Happening) -> Outcome<Vec<Deed>> {
        Ok(match what {
            Happening::Begun { starter: starter @ Some(_), .. } => cannot_go_on(starter, "voice mail takes calls only"),
            what => takes_no_calls(&what, "the user has no voice mail"),
        })
    }
}

struct ChatRoom;

impl Program for ChatRoom {
    fn hear(&mut self, what: Happening) -> Outcome<Vec<Deed>> {
        Ok(match what {
            Happening::Begun { starter: Some(starter), parameters } => match parameters.into_iter().next() {
                Some(name) => vec![Deed::OpenRoom(name)],
                None => cannot_go_on(Some(starter), "no name was given"),
            },
            Happening::Told(event) if event.name == "close" => vec![Deed::End],
            what => takes_no_calls(&what, "the application takes no calls"),
        })
    }
}

#[derive(Default)]
struct ClickToCall {
    starter: Option<TaskId>,
}

impl Program for ClickToCall {
    fn hear(&mut self, what: Happening) -> Outcome<Vec<Deed>> {
        Ok(match what {
            Happening::Begun { starter: Some(starter), parameters } => {
                self.starter = Some(starter);
                match parameters.into_iter().next() {
                    Some(peer) => vec![Deed::MakeCall(peer)],
                    None => cannot_go_on(self.starter, "no address was given"),
                }
            }
            Happening::Report(text) => {
                let told = self.starter.map(|starter| Deed::Tell(starter, "report".to_owned(), Value::from(text.as_str())));
                told.into_iter().chain(text.is_empty().then_some(Deed::End)).collect()
            }
            what => takes_no_calls(&what, "the application takes no calls"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call::{CallId, CallParty};
    use crate::model::signal::Sdp;

    fn told(from: u64, name: &str) -> Happening {
        Happening::Told(TaskEvent { from: Some(TaskId(from)), name: name.to_owned(), parameter: Value::from("x") })
    }

    fn begun() -> Happening {
        Happening::Begun { starter: Some(TaskId(1)), parameters: vec![] }
    }

    fn incoming(sdp: Option<&str>) -> Happening {
        let from = CallParty { address: "alice@example.test".to_owned(), name: None };
        let sdp = sdp.map(|text| Sdp(text.to_owned()));
        Happening::Call(LegName::incoming(1), CallEvent::Incoming { call_id: CallId("c".to_owned()), from, transferred_by: None, sdp })
    }

    #[test]
    fn a_relay_tells_the_others() {
        let mut relay = built_in("#relay").unwrap();
        relay.hear(begun()).unwrap();
        assert_eq!(relay.hear(told(2, "hello")).unwrap(), [], "whoever has not joined is not heard");
        let joined = relay.hear(told(2, "join")).unwrap();
        assert!(
            matches!(&joined[..], [Deed::Tell(TaskId(1), told, _), Deed::Tell(TaskId(2), welcome, _)] if told == "joined" && welcome == "welcome")
        );
        assert_eq!(relay.hear(told(2, "hello")).unwrap(), [Deed::Tell(TaskId(1), "hello".to_owned(), Value::from("x"))]);
        relay.hear(told(1, "leave")).unwrap();
        assert_eq!(relay.hear(told(2, "leave")).unwrap(), [Deed::End]);
    }

    #[test]
    fn a_relay_is_left_by_the_end_of_its_starter() {
        let mut relay = built_in("relay").unwrap();
        relay.hear(begun()).unwrap();
        relay.hear(told(2, "join")).unwrap();
        let left = relay.hear(Happening::StarterEnded(TaskId(1))).unwrap();
        assert!(matches!(&left[..], [Deed::Tell(TaskId(2), left, _)] if left == "left"));
        assert_eq!(relay.hear(told(2, "leave")).unwrap(), [Deed::End]);
        let mut alone = built_in("relay").unwrap();
        alone.hear(begun()).unwrap();
        assert_eq!(alone.hear(Happening::StarterEnded(TaskId(1))).unwrap(), [Deed::End]);
        // Its starter has left it to others before.
        let mut left = built_in("relay").unwrap();
        left.hear(begun()).unwrap();
        left.hear(told(2, "join")).unwrap();
        left.hear(told(1, "leave")).unwrap();
        assert_eq!(left.hear(Happening::StarterEnded(TaskId(1))).unwrap(), []);
    }

    #[test]
    fn an_echo_answers() {
        let mut echo = built_in("echo").unwrap();
        assert_eq!(echo.hear(told(7, "ping")).unwrap(), [Deed::Tell(TaskId(7), "ping".to_owned(), Value::from("x"))]);
        assert_eq!(echo.hear(Happening::StarterEnded(TaskId(1))).unwrap(), [Deed::End]);
        assert!(built_in("nothing").is_none());
    }

    #[test]
    fn an_echo_answers_calls_and_voice_mail_does_not() {
        let mut echo = built_in("#echo").unwrap();
        let answer = echo.hear(incoming(Some("v=0\r\na=sendonly\r\n"))).unwrap();
        let mirrored = Some(Sdp("v=0\r\na=recvonly\r\n".to_owned()));
        assert_eq!(answer, [Deed::Leg(LegName::incoming(1), Command::Accept(mirrored))]);
        assert!(matches!(&echo.hear(incoming(None)).unwrap()[..], [Deed::Leg(_, Command::Reject(why))] if why.code == 488));
        for name in ["voicemail", "relay", "chatroom", "click2call"] {
            let said = built_in(name).unwrap().hear(incoming(None)).unwrap();
            assert!(matches!(&said[..], [Deed::Leg(_, Command::Reject(why))] if why.code == 480), "{name}: {said:?}");
        }
    }
}
