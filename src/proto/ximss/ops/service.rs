//! Service operations: the session itself and its uploaded files. `status` and `skins` hold the rest of the family.
//!
//! Spec: XIMSS, "Service Operations".

use super::password::PasswordModify;
use super::skins::{ReadConfigFile, ReadStrings, SkinFileList, SkinFileRead, SkinList};
use super::status::{ListKnownValues, ReadStatus};
use crate::domain::uploads::Upload;
use crate::model::fault::{Fault, Outcome};
use crate::model::time::{Duration, Timestamp};
use crate::proto::ximss::desk::After;
use crate::proto::ximss::form::session::session_message;
use crate::proto::ximss::request::{Cx, Op, Phase, Request};
use crate::xml::{Arg, Attr, Element, FromAttr};

/// The family.
pub const OPS: &[Op] = &[
    Op::of::<Noop>(),
    Op::of::<Bye>(),
    Op::of::<PasswordModify>(),
    Op::of::<SetSessionOption>(),
    Op::of::<ListUploaded>(),
    Op::of::<ClearUploaded>(),
    Op::of::<ReadStrings>(),
    Op::of::<ReadConfigFile>(),
    Op::of::<ReadTime>(),
    Op::of::<ReadStatus>(),
    Op::of::<ReadSession>(),
    Op::of::<ListKnownValues>(),
    Op::of::<SkinList>(),
    Op::of::<SkinFileList>(),
    Op::of::<SkinFileRead>(),
];

const OPTION: Attr<OptionName> = Attr::new("name", "the option");
const VALUE: Attr<String> = Attr::new("value", "its value: yes or no; for idleTimeout seconds, up to a day");
const UPLOAD_ID: Attr<String> = Attr::new("uploadID", "the file; without it: all");

/// The shortest idle time-out in seconds, unless the configuration has a shorter one: a client that asks for less gets
/// this, since the rhythm in which clients show that they are there is slower than that.
const LEAST_IDLE: u64 = 60;
/// The longest idle time-out that is granted, in seconds. More is refused: it may be made larger, never smaller.
const MOST_IDLE: u64 = 86_400;

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

/// The name of a session option.
enum OptionName {
    ReportMailboxChanges,
    IdleTimeout,
}

impl FromAttr for OptionName {
    const KIND: &'static str = "reportMailboxChanges or idleTimeout";
    const SAMPLE: &'static str = "reportMailboxChanges";
    fn from_attr(text: &str) -> Option<Self> {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        if is("reportMailboxChanges") { Some(Self::ReportMailboxChanges) } else { is("idleTimeout").then_some(Self::IdleTimeout) }
    }
}

enum SetSessionOption {
    ReportMailboxChanges(bool),
    IdleTimeout(u64),
}

impl Request for SetSessionOption {
    const NAME: &'static str = "setSessionOption";
    const DOC: &'static str = "Sets an option of the session.";
    const ARGS: &'static [Arg] = &[OPTION.required(), VALUE.required()];

    fn read(element: &Element) -> Outcome<Self> {
        let (option, value) = (OPTION.need(element)?, VALUE.need(element)?);
        let incorrect = || Fault::incorrect("value");
        Ok(match option {
            OptionName::ReportMailboxChanges => Self::ReportMailboxChanges(value.trim().eq_ignore_ascii_case("yes")),
            OptionName::IdleTimeout => {
                let Duration(seconds) = value.parse().map_err(|_| incorrect())?;
                Self::IdleTimeout(u64::try_from(seconds).ok().filter(|s| *s <= MOST_IDLE).ok_or_else(incorrect)?)
            }
        })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        match self {
            Self::ReportMailboxChanges(on) => cx.desk.report_mailbox_changes.set(on),
            Self::IdleTimeout(asked) => {
                let least = cx.house.settings().limits.idle_time.min(LEAST_IDLE);
                cx.desk.idle_time.set(asked.max(least));
            }
        }
        Ok(())
    }
}

struct ListUploaded {
    id: Option<String>,
}

impl Request for ListUploaded {
    const NAME: &'static str = "listUploaded";
    const DOC: &'static str = "Describes one or all files of the \"uploaded file set\".";
    const ARGS: &'static [Arg] = &[UPLOAD_ID.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { id: UPLOAD_ID.get(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let files: Vec<(String, Upload)> = match self.id {
            Some(id) => vec![cx.desk.uploads.borrow().get(&id).map(|upload| (id, upload))?],
            None => cx.desk.uploads.borrow().all().map(|(id, upload)| (id.clone(), upload.clone())).collect(),
        };
        for (id, upload) in files {
            cx.send(uploaded_file(&id, &upload)).await?;
        }
        Ok(())
    }
}

fn uploaded_file(id: &str, upload: &Upload) -> Element {
    Element::new("uploadedFile")
        .with("uploadID", id)
        .with_some("fileName", upload.file_name.as_ref())
        .with("size", upload.size)
        .with("type", &upload.kind)
        .with_some("subtype", upload.subtype.as_ref())
        .with_some("charset", upload.charset.as_ref())
}

struct ClearUploaded {
    id: Option<String>,
}

impl Request for ClearUploaded {
    const NAME: &'static str = "clearUploaded";
    const DOC: &'static str = "Removes one or all files from the \"uploaded file set\".";
    const ARGS: &'static [Arg] = &[UPLOAD_ID.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { id: UPLOAD_ID.get(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let mut uploads = cx.desk.uploads.borrow_mut();
        match self.id {
            Some(id) => uploads.remove(&id),
            None => {
                uploads.clear();
                Ok(())
            }
        }
    }
}

struct ReadTime;

impl Request for ReadTime {
    const NAME: &'static str = "readTime";
    const DOC: &'static str = "Sends the server's clock.";
    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }
    async fn run(self, cx: Cx) -> Outcome<()> {
        let now = Timestamp::now();
        cx.send(Element::new("currentTime").with("gmtTime", now.gmt_bare()).with("localTime", now.local(&cx.zone()))).await
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
        let message = session_message(&*cx.login()?);
        cx.send(message).await
    }
}

#[cfg(test)]
mod tests;
