//! Folders: open, browse, synchronise, close. Spec: XIMSS, "Mailbox Operations".

use crate::domain::folder::view::{Report, ReportKind};
use crate::domain::folder::{Close, FolderView, Init, Opening, REPORTS, Reopen, Show, Shown, Synchronise, view};
use crate::domain::messages;
use crate::domain::preferences::{DeleteMode, Preferences};
use crate::domain::tell::Line;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::Uid;
use crate::model::names::MailboxPath;
use crate::model::time::Timestamp;
use crate::model::viewer::{ViewerField, ViewerValue};
use crate::proto::ximss::form::attributes::{ClientName, MailboxClass};
use crate::proto::ximss::form::messages::{
    AskedLook, FILTER, FILTER_FIELD, FOLDER, HIDE_DELETED, MessageSet, SORT_FIELD, SORT_ORDER, UID_MIN, UID_VALIDITY, viewer_fields,
    viewer_value,
};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::{Arg, Attr, Element};
use actix::Addr;

/// The family.
pub const OPS: &[Op] = &[Op::of::<Open>(), Op::of::<Browse>(), Op::of::<Sync>(), Op::of::<CloseFolder>(), Op::of::<ReopenFolder>()];

const MAILBOX: Attr<MailboxPath> = Attr::new("mailbox", "the mailbox; without it: the folder's name");
const CLASS: Attr<MailboxClass> = Attr::new("mailboxClass", "make the mailbox if it is not there, with this class");
const LIMIT: Attr<u32> = Attr::new("limit", "the most reports to send");

/// Messages whose fields are read in one question.
const ROWS: usize = 64;

/// True where the preferences hide deleted messages: they do unless deleting means marking.
fn hides_deleted(preferences: &Preferences) -> bool {
    preferences.delete_mode() != DeleteMode::Mark
}

struct Open {
    folder: String,
    mailbox: MailboxPath,
    class: Option<MailboxClass>,
    look: AskedLook,
    fields: Vec<ViewerField>,
}

impl Request for Open {
    const NAME: &'static str = "folderOpen";
    const DOC: &'static str = "Opens a mailbox as a folder, sorted and filtered.";
    const ARGS: &'static [Arg] = &[
        FOLDER.required(),
        MAILBOX.optional(),
        CLASS.optional(),
        SORT_FIELD.optional(),
        SORT_ORDER.optional(),
        FILTER.optional(),
        FILTER_FIELD.optional(),
        HIDE_DELETED.optional(),
        UID_VALIDITY.optional(),
        UID_MIN.optional(),
    ];
    const SAMPLE_BODY: &'static str = "<field>FLAGS</field><field>E-From</field>";

    fn read(element: &Element) -> Outcome<Self> {
        let ClientName(folder) = FOLDER.need(element)?;
        let mailbox = match MAILBOX.get(element)? {
            Some(mailbox) => mailbox,
            None => folder.parse().map_err(|_| Fault::incorrect("folder"))?,
        };
        Ok(Self { folder, mailbox, class: CLASS.get(element)?, look: AskedLook::read(element)?, fields: viewer_fields(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { folder, mailbox, class, look, fields } = self;
        cx.desk.folders.check_new(&folder)?;
        let caller = cx.caller()?;
        if let Some(MailboxClass(class)) = class {
            let (caller, mailbox) = (caller.clone(), mailbox.clone());
            cx.write(move |tx| messages::ensure(tx, &caller, &mailbox, &class, Timestamp::now())).await?;
        }
        let look = look.settled(hides_deleted(&cx.preferences()));
        let session = Line::to(&cx.desk.session()?);
        let opening = Opening { folder: folder.clone(), caller, path: mailbox, look, fields, session };
        let (address, init) = FolderView::open(cx.house.clone(), opening).await?;
        cx.desk.folders.add(folder.clone(), address);
        cx.send(init_report(&folder, &init)).await
    }
}

fn init_report(folder: &str, init: &Init) -> Element {
    Element::new("folderReport")
        .with("folder", folder)
        .with("mode", "init")
        .with("messages", init.messages)
        .with("unseen", init.unseen)
        .with("UIDValidity", init.uid_validity)
        .with("UIDNext", init.uid_next)
        .with_some("rights", init.rights)
}

/// What an open folder shows now.
pub async fn shown(cx: &Cx, folder: &str) -> Outcome<Shown> {
    cx.desk.folders.find(folder)?.send(Show).await.map_err(|_| Fault::closed())
}

struct Browse {
    folder: String,
    set: MessageSet,
}

impl Request for Browse {
    const NAME: &'static str = "folderBrowse";
    const DOC: &'static str = "Sends the viewer fields of messages of a folder.";
    const ARGS: &'static [Arg] = &[FOLDER.required()];
    const SAMPLE_BODY: &'static str = MessageSet::SAMPLE;

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, set: MessageSet::read(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let shown = shown(&cx, &self.folder).await?;
        let asked = self.set.shown(&shown.entries);
        for slice in asked.chunks(ROWS) {
            let values = field_values(&cx, &shown, slice.iter().map(|(_, uid)| *uid).collect()).await?;
            for ((index, uid), values) in slice.iter().zip(values) {
                let report = Element::new("folderReport").with("folder", &self.folder).with("index", index).with("UID", uid);
                let report = match values {
                    Some(values) => report.children(field_elements(&cx, &shown, &values)),
                    None => report.with("mode", "error"),
                };
                cx.send(report).await?;
            }
        }
        Ok(())
    }
}

/// The viewer fields of some messages; None for one that is gone.
async fn field_values(cx: &Cx, shown: &Shown, uids: Vec<Uid>) -> Outcome<Vec<Option<Vec<ViewerValue>>>> {
    let (caller, mailbox, fields) = (cx.caller()?, shown.mailbox, shown.fields.clone());
    cx.read(move |tx| {
        messages::folder_mailbox(tx, &caller, mailbox, crate::model::rights::Rights::READ)?;
        view::values(tx, mailbox, &uids, &fields)
    })
    .await
}

fn field_elements(cx: &Cx, shown: &Shown, values: &[ViewerValue]) -> Vec<Element> {
    let zone = cx.zone();
    shown.fields.iter().zip(values).map(|(field, value)| viewer_value(field, value, &zone)).collect()
}

struct Sync {
    folder: String,
    limit: Option<u32>,
}

impl Request for Sync {
    const NAME: &'static str = "folderSync";
    const DOC: &'static str = "Sends what has changed in a folder since it was last in step.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), LIMIT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, limit: LIMIT.get(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let address = cx.desk.folders.find(&self.folder)?;
        let mut left = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut first = true;
        while left > 0 {
            let limit = left.min(REPORTS);
            let reports = address.send(Synchronise { limit, first }).await.map_err(|_| Fault::closed())??;
            send_reports(&cx, &self.folder, &address, &reports).await?;
            if reports.len() < limit {
                break;
            }
            (left, first) = (left - limit, false);
        }
        Ok(())
    }
}

async fn send_reports(cx: &Cx, folder: &str, address: &Addr<FolderView>, reports: &[Report]) -> Outcome<()> {
    let shown = address.send(Show).await.map_err(|_| Fault::closed())?;
    for slice in reports.chunks(ROWS) {
        let with_fields: Vec<Uid> = slice.iter().filter(|r| r.kind != ReportKind::Removed).map(|r| r.uid).collect();
        let mut values = match with_fields.is_empty() {
            true => Vec::new(),
            false => field_values(cx, &shown, with_fields).await?,
        }
        .into_iter();
        for report in slice {
            let values = if report.kind == ReportKind::Removed { None } else { values.next().flatten() };
            cx.send(sync_report(folder, report).children(values.map(|v| field_elements(cx, &shown, &v)).unwrap_or_default())).await?;
        }
    }
    Ok(())
}

fn sync_report(folder: &str, report: &Report) -> Element {
    let element = Element::new("folderReport").with("folder", folder).with("index", report.index).with("UID", report.uid);
    let element = match report.kind {
        ReportKind::Removed => element.with("mode", "removed").with("messages", report.messages),
        ReportKind::Added => element.with("mode", "added").with("messages", report.messages),
        ReportKind::Updated => element.with("mode", "updated"),
    };
    element.with("unseen", report.unseen)
}

struct CloseFolder {
    folder: String,
}

impl Request for CloseFolder {
    const NAME: &'static str = "folderClose";
    const DOC: &'static str = "Closes a folder.";
    const ARGS: &'static [Arg] = &[FOLDER.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0 })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        cx.desk.folders.take(&self.folder)?.send(Close).await.map_err(|_| Fault::closed())
    }
}

struct ReopenFolder {
    folder: String,
    look: AskedLook,
    fields: Vec<ViewerField>,
}

impl Request for ReopenFolder {
    const NAME: &'static str = "folderReopen";
    const DOC: &'static str = "Builds a folder anew, with another order, filter or other fields.";
    const ARGS: &'static [Arg] = &[
        FOLDER.required(),
        SORT_FIELD.optional(),
        SORT_ORDER.optional(),
        FILTER.optional(),
        FILTER_FIELD.optional(),
        HIDE_DELETED.optional(),
        UID_VALIDITY.optional(),
        UID_MIN.optional(),
    ];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, look: AskedLook::read(element)?, fields: viewer_fields(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let look = self.look.settled(hides_deleted(&cx.preferences()));
        let fields = (!self.fields.is_empty()).then_some(self.fields);
        let address = cx.desk.folders.find(&self.folder)?;
        let init = address.send(Reopen { look, fields }).await.map_err(|_| Fault::closed())??;
        cx.send(init_report(&self.folder, &init)).await
    }
}
