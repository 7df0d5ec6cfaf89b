//! Applications and meetings. Spec: XIMSS, "Real-Time Application Management".

use crate::domain::tasks::meetings::{self, MeetingChange};
use crate::domain::tasks::task::{Origin, Running, Task};
use crate::domain::tasks::{self, MeetingKey};
use crate::model::fault::{Fault, Outcome};
use crate::model::task::{TaskEvent, TaskId};
use crate::model::time::Timestamp;
use crate::model::value::{Dictionary, Value};
use crate::proto::ximss::form::value::{to_value, with_dictionary};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::{Arg, Attr, Element};

/// The family.
pub const OPS: &[Op] = &[
    Op::of::<FindMeeting>(),
    Op::of::<CreateMeeting>(),
    Op::of::<RemoveMeeting>(),
    Op::of::<ClearMeeting>(),
    Op::of::<ActivateMeeting>(),
    Op::of::<DeactivateMeeting>(),
    Op::of::<SendEvent>(),
    Op::of::<Start>(),
    Op::of::<Close>(),
];

/// The most parameters of an application, and the most bytes of one.
const MOST_PARAMETERS: usize = 64;
const MOST_PARAMETER: usize = 16 << 10;
/// The most bytes of an event's name.
const MOST_EVENT_NAME: usize = 255;

const SET: Attr<String> = Attr::new("meetingSet", "the set of meetings; without it: the default one");
const NAME: Attr<String> = Attr::new("meetingName", "the meeting's name");
const TASK: Attr<String> = Attr::new("taskRef", "the session's name for the task");
const EVENT: Attr<String> = Attr::new("eventName", "the event's name");
const PROGRAM: Attr<String> = Attr::new("programName", "the application's name");
const ENTRY: Attr<String> = Attr::new("entryName", "where the application is entered; without it: at its main entry");

/// The meeting that a request names.
struct Named {
    set: Option<String>,
    name: String,
}

const NAMED: &[Arg] = &[SET.optional(), NAME.required()];

impl Named {
    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { set: SET.get(element)?, name: NAME.need(element)? })
    }

    fn key(&self, cx: &Cx) -> Outcome<MeetingKey> {
        Ok((cx.caller()?.account, self.set.clone().unwrap_or_default(), self.name.clone()))
    }

    async fn change(&self, cx: &Cx, change: MeetingChange, task: Option<TaskId>) -> Outcome<()> {
        meetings::change(&cx.house, self.key(cx)?, change, task).await
    }
}

struct FindMeeting(Named);

impl Request for FindMeeting {
    const NAME: &'static str = "taskFindMeeting";
    const DOC: &'static str = "Sends what is known of a meeting.";
    const ARGS: &'static [Arg] = NAMED;

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let key = self.0.key(&cx)?;
        let asked = key.clone();
        let meeting = cx.read(move |tx| meetings::find(tx, &asked, Timestamp::now())).await?;
        let task = cx.house.tasks.active(&key);
        let reference = task.map(|task| Ok::<_, Fault>(cx.desk.signaling()?.task_reference(task))).transpose()?;
        let created = ("whenCreated".to_owned(), Value::Time(meeting.created));
        let parameter = meeting.parameter.map(|text| ("parameter".to_owned(), Value::String(text)));
        let parameters: Dictionary = parameter.into_iter().chain([created]).collect();
        let message = Element::new("taskMeeting")
            .with_some("meetingSet", self.0.set.as_ref())
            .with("meetingName", &self.0.name)
            .with_some("taskRef", reference)
            .with("expires", meeting.expires.gmt_bare());
        cx.send(with_dictionary(message, &parameters)).await
    }
}

struct CreateMeeting {
    named: Named,
    parameter: Option<String>,
}

impl Request for CreateMeeting {
    const NAME: &'static str = "taskCreateMeeting";
    const DOC: &'static str = "Makes a meeting.";
    const ARGS: &'static [Arg] = NAMED;

    fn read(element: &Element) -> Outcome<Self> {
        let parameter = Some(element.body()).filter(|text| !text.is_empty());
        Ok(Self { named: Named::read(element)?, parameter })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.named.change(&cx, MeetingChange::Create(self.parameter), None).await
    }
}

struct RemoveMeeting(Named);

impl Request for RemoveMeeting {
    const NAME: &'static str = "taskRemoveMeeting";
    const DOC: &'static str = "Removes a meeting.";
    const ARGS: &'static [Arg] = NAMED;

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.0.change(&cx, MeetingChange::Remove, None).await
    }
}

struct ClearMeeting(Named);

impl Request for ClearMeeting {
    const NAME: &'static str = "taskClearMeeting";
    const DOC: &'static str = "Takes a meeting's parameter and its task away; the meeting stays.";
    const ARGS: &'static [Arg] = NAMED;

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.0.change(&cx, MeetingChange::Clear, None).await
    }
}

struct ActivateMeeting(Named);

impl Request for ActivateMeeting {
    const NAME: &'static str = "taskActivateMeeting";
    const DOC: &'static str = "Others who find the meeting find this session.";
    const ARGS: &'static [Arg] = NAMED;

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let task = cx.desk.signaling()?.own_task(&cx.house, &cx.caller()?)?;
        self.0.change(&cx, MeetingChange::Activate, Some(task)).await
    }
}

struct DeactivateMeeting(Named);

impl Request for DeactivateMeeting {
    const NAME: &'static str = "taskDeactivateMeeting";
    const DOC: &'static str = "Others who find the meeting find no task.";
    const ARGS: &'static [Arg] = NAMED;

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.0.change(&cx, MeetingChange::Deactivate, None).await
    }
}

struct SendEvent {
    task: String,
    name: String,
    parameter: Value,
}

impl Request for SendEvent {
    const NAME: &'static str = "taskSendEvent";
    const DOC: &'static str = "Tells a task an event.";
    const ARGS: &'static [Arg] = &[TASK.required(), EVENT.required()];

    fn read(element: &Element) -> Outcome<Self> {
        let name = EVENT.need(element)?;
        if name.is_empty() || name.len() > MOST_EVENT_NAME {
            return Err(Fault::incorrect("eventName"));
        }
        Ok(Self { task: TASK.need(element)?, name, parameter: to_value(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let signaling = cx.desk.signaling()?;
        signaling.may_write()?;
        let (to, from) = (signaling.task(&self.task)?, signaling.own_task(&cx.house, &cx.caller()?)?);
        cx.house.tasks.tell(to, TaskEvent { from: Some(from), name: self.name, parameter: self.parameter })
    }
}

struct Start {
    program: String,
    entry: Option<String>,
    parameters: Vec<String>,
}

impl Request for Start {
    const NAME: &'static str = "taskStart";
    const DOC: &'static str = "Starts an application.";
    const ARGS: &'static [Arg] = &[PROGRAM.required(), ENTRY.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let parameters: Vec<String> = element.named("param").map(Element::body).collect();
        if parameters.len() > MOST_PARAMETERS || parameters.iter().any(|text| text.len() > MOST_PARAMETER) {
            return Err(Fault::quota("too many parameters"));
        }
        Ok(Self { program: PROGRAM.need(element)?, entry: ENTRY.get(element)?, parameters })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, signaling) = (cx.caller()?, cx.desk.signaling()?);
        signaling.may_dial()?;
        let Self { program: name, entry, parameters } = self;
        let program = tasks::program(&cx.house, &caller, &name, entry.as_deref()).await?;
        let origin = Origin { starter: Some(signaling.own_task(&cx.house, &caller)?), generation: 0 };
        let (task, _) = Task::begin(cx.house.clone(), caller, origin, Running { name, program, parameters })?;
        cx.send(Element::new("taskCreated").with("taskRef", signaling.task_reference(task))).await
    }
}

struct Close {
    task: String,
}

impl Request for Close {
    const NAME: &'static str = "taskClose";
    const DOC: &'static str = "Releases the session's name for a task.";
    const ARGS: &'static [Arg] = &[TASK.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { task: TASK.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.signaling()?.close_task(&self.task)
    }
}
