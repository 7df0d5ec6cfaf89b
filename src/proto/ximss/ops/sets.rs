//! Operations on sets of messages of an open folder, and on whole mailboxes. Spec: XIMSS, "Mailbox Operations".
//!
//! Long sets are worked off in steps, each a commit of its own, so that no client holds the others up.

use super::folders::shown;
use crate::domain::folder::Shown;
use crate::domain::messages::{self, STEP};
use crate::domain::preferences::DeleteMode;
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::{MailboxId, Uid};
use crate::model::names::MailboxPath;
use crate::model::time::{Duration, Timestamp};
use crate::proto::ximss::form::attributes::{MailboxClass, ReportUids};
use crate::proto::ximss::form::messages::{FOLDER, MessageSet};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::attr::YesNo;
use crate::xml::{Arg, Attr, Element, FromAttr};

/// The family.
pub const OPS: &[Op] = &[
    Op::of::<Copy>(),
    Op::of::<Move>(),
    Op::of::<Mark>(),
    Op::of::<Remove>(),
    Op::of::<Expunge>(),
    Op::of::<EmptyTrash>(),
    Op::of::<EmptyMailbox>(),
];

const TARGET: Attr<MailboxPath> = Attr::new("targetMailbox", "the mailbox the messages go to");
const CLASS: Attr<MailboxClass> = Attr::new("mailboxClass", "make the target if it is not there, with this class");
const ENCRYPT: Attr<YesNo> = Attr::new("encrypt", "copy encrypted");
const DECRYPT: Attr<YesNo> = Attr::new("decrypt", "copy decrypted");
const REPORT: Attr<ReportUids> = Attr::new("report", "uid: send the UIDs of the new messages");
const FLAGS: Attr<FlagChange> = Attr::new("flags", "flags to set, and negative names of flags to clear");
const MODE: Attr<DeleteMode> = Attr::new("mode", "Immediately, Move To Trash, or Mark; without it: by DeleteMode");
const MAILBOX: Attr<MailboxPath> = Attr::new("mailbox", "the mailbox");
const DURATION: Attr<Duration> = Attr::new("duration", "keep what is younger than this; 0 keeps nothing");

impl FromAttr for DeleteMode {
    const KIND: &'static str = "Immediately, Move To Trash or Mark";
    const SAMPLE: &'static str = "Immediately";
    fn from_attr(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

/// The messages of a set: UIDs name messages of the mailbox, positions those that the folder shows.
async fn chosen(cx: &Cx, folder: &str, set: &MessageSet) -> Outcome<(Shown, Vec<Uid>)> {
    let shown = shown(cx, folder).await?;
    let uids = match set {
        MessageSet::Positions(_) => {
            let mut uids: Vec<Uid> = set.shown(&shown.entries).into_iter().map(|(_, uid)| uid).collect();
            uids.sort_unstable();
            uids.dedup();
            uids
        }
        MessageSet::Uids(ranges) => {
            let (ranges, mailbox) = (ranges.clone(), shown.mailbox);
            cx.read(move |tx| messages::in_ranges(tx, mailbox, &ranges)).await?
        }
    };
    Ok((shown, uids))
}

/// Copies or moves in steps, sending the new UIDs where they are wanted.
async fn transfer(cx: &Cx, from: MailboxId, uids: &[Uid], to: &Transfer, and_remove: bool) -> Outcome<()> {
    if to.secret {
        return Err(Fault::unsupported());
    }
    let caller = cx.caller()?;
    // An empty set still makes the target and finds out about rights.
    let steps = uids.chunks(STEP).chain(uids.is_empty().then_some(uids));
    for step in steps {
        let (caller, step, target, class) = (caller.clone(), step.to_vec(), to.target.clone(), to.class.clone());
        let done = cx.write(move |tx| messages::copy(tx, &caller, from, &step, &target, class.as_deref(), and_remove)).await?;
        for (_, added) in done.iter().filter(|_| to.report) {
            cx.send(Element::new("messageAdded").with("targetMailbox", &to.written).with("UID", added)).await?;
        }
    }
    Ok(())
}

struct Transfer {
    target: MailboxPath,
    written: String,
    class: Option<String>,
    report: bool,
    secret: bool,
}

impl Transfer {
    const ARGS: &'static [Arg] =
        &[FOLDER.required(), TARGET.required(), CLASS.optional(), ENCRYPT.optional(), DECRYPT.optional(), REPORT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self {
            target: TARGET.need(element)?,
            written: element.get("targetMailbox").unwrap_or_default().to_owned(),
            class: CLASS.get(element)?.map(|class| class.0),
            report: REPORT.get(element)?.is_some(),
            secret: [ENCRYPT.get(element)?, DECRYPT.get(element)?].contains(&Some(YesNo(true))),
        })
    }
}

struct Copy {
    folder: String,
    to: Transfer,
    set: MessageSet,
}

impl Request for Copy {
    const NAME: &'static str = "messageCopy";
    const DOC: &'static str = "Copies messages of a folder to a mailbox.";
    const ARGS: &'static [Arg] = Transfer::ARGS;
    const SAMPLE_BODY: &'static str = MessageSet::SAMPLE;

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, to: Transfer::read(element)?, set: MessageSet::read(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (shown, uids) = chosen(&cx, &self.folder, &self.set).await?;
        transfer(&cx, shown.mailbox, &uids, &self.to, false).await
    }
}

struct Move(Copy);

impl Request for Move {
    const NAME: &'static str = "messageMove";
    const DOC: &'static str = "Moves messages of a folder to a mailbox.";
    const ARGS: &'static [Arg] = Transfer::ARGS;
    const SAMPLE_BODY: &'static str = MessageSet::SAMPLE;

    fn read(element: &Element) -> Outcome<Self> {
        Copy::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (shown, uids) = chosen(&cx, &self.0.folder, &self.0.set).await?;
        transfer(&cx, shown.mailbox, &uids, &self.0.to, true).await
    }
}

struct Mark {
    folder: String,
    flags: FlagChange,
    set: MessageSet,
}

impl Request for Mark {
    const NAME: &'static str = "messageMark";
    const DOC: &'static str = "Sets and clears flags of messages of a folder.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), FLAGS.required()];
    const SAMPLE_BODY: &'static str = MessageSet::SAMPLE;

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, flags: FLAGS.need(element)?, set: MessageSet::read(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (shown, uids) = chosen(&cx, &self.folder, &self.set).await?;
        mark(&cx, shown.mailbox, &uids, self.flags).await
    }
}

async fn mark(cx: &Cx, mailbox: MailboxId, uids: &[Uid], flags: FlagChange) -> Outcome<()> {
    let caller = cx.caller()?;
    for step in uids.chunks(STEP * 8) {
        let (caller, step) = (caller.clone(), step.to_vec());
        cx.write(move |tx| messages::mark(tx, &caller, mailbox, &step, flags)).await?;
    }
    Ok(())
}

async fn remove(cx: &Cx, mailbox: MailboxId, uids: &[Uid]) -> Outcome<()> {
    let caller = cx.caller()?;
    for step in uids.chunks(STEP) {
        let (caller, step) = (caller.clone(), step.to_vec());
        cx.write(move |tx| messages::remove(tx, &caller, mailbox, &step)).await?;
    }
    Ok(())
}

struct Remove {
    folder: String,
    mode: Option<DeleteMode>,
    set: MessageSet,
}

impl Request for Remove {
    const NAME: &'static str = "messageRemove";
    const DOC: &'static str = "Removes messages of a folder, moves them to the trash, or marks them.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), MODE.optional()];
    const SAMPLE_BODY: &'static str = MessageSet::SAMPLE;

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, mode: MODE.get(element)?, set: MessageSet::read(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (shown, uids) = chosen(&cx, &self.folder, &self.set).await?;
        match self.mode.unwrap_or_else(|| cx.preferences().delete_mode()) {
            DeleteMode::Immediately => remove(&cx, shown.mailbox, &uids).await,
            DeleteMode::Mark => mark(&cx, shown.mailbox, &uids, FlagChange::set(Flags::DELETED)).await,
            DeleteMode::ToTrash => {
                let Some(trash) = trash(&cx)? else { return remove(&cx, shown.mailbox, &uids).await };
                let (caller, path) = (cx.caller()?, trash.clone());
                let its_number = cx.read(move |tx| Ok(messages::find(tx, &caller, &path).ok().map(|record| record.id))).await?;
                if its_number == Some(shown.mailbox) {
                    return remove(&cx, shown.mailbox, &uids).await;
                }
                let to = Transfer { written: trash.to_string(), target: trash, class: Some(String::new()), report: false, secret: false };
                transfer(&cx, shown.mailbox, &uids, &to, true).await
            }
        }
    }
}

/// The trash mailbox of the session's account; None where the preference is empty.
fn trash(cx: &Cx) -> Outcome<Option<MailboxPath>> {
    let preferences = cx.preferences();
    let name = preferences.text("TrashBox");
    if name.is_empty() { Ok(None) } else { name.parse().map(Some) }
}

struct Expunge {
    folder: String,
}

impl Request for Expunge {
    const NAME: &'static str = "folderExpunge";
    const DOC: &'static str = "Removes all messages of the folder's mailbox that have the Deleted flag.";
    const ARGS: &'static [Arg] = &[FOLDER.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0 })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (shown, caller) = (shown(&cx, &self.folder).await?, cx.caller()?);
        let uids = cx.read(move |tx| messages::marked_deleted(tx, &caller, shown.mailbox)).await?;
        remove(&cx, shown.mailbox, &uids).await
    }
}

async fn empty(cx: &Cx, path: MailboxPath, till: Option<Timestamp>) -> Outcome<()> {
    let caller = cx.caller()?;
    let (mailbox, uids) = cx.read(move |tx| messages::to_empty(tx, &caller, &path, till)).await?;
    remove(cx, mailbox, &uids).await
}

struct EmptyTrash;

impl Request for EmptyTrash {
    const NAME: &'static str = "emptyTrash";
    const DOC: &'static str = "Removes all messages of the trash mailbox.";

    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Some(trash) = trash(&cx)? else { return Ok(()) };
        match empty(&cx, trash, None).await {
            // A trash that was never used is empty.
            Err(fault) if fault == Fault::no_mailbox() => Ok(()),
            done => done,
        }
    }
}

struct EmptyMailbox {
    mailbox: MailboxPath,
    duration: Duration,
}

impl Request for EmptyMailbox {
    const NAME: &'static str = "emptyMailbox";
    const DOC: &'static str = "Removes the messages of a mailbox that are older than a time.";
    const ARGS: &'static [Arg] = &[MAILBOX.required(), DURATION.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { mailbox: MAILBOX.need(element)?, duration: DURATION.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let till = (self.duration.0 > 0).then(|| Timestamp::now().plus(-self.duration.0));
        empty(&cx, self.mailbox, till).await
    }
}
