//! Where a composed message goes, and how: the attributes that all operations which store one have in common.
//!
//! Spec: XIMSS, "Message Operations" (messageAppend), "Contacts Operations" (contactAppend).

use super::folders::shown;
use crate::domain::access::Caller;
use crate::domain::delivery::Prepared;
use crate::domain::messages::{self, Replace};
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::FlagChange;
use crate::model::ids::{MailboxId, Uid};
use crate::model::names::MailboxPath;
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::proto::ximss::form::attributes::{ClientName, MailboxClass, ReportUids};
use crate::proto::ximss::request::Cx;
use crate::xml::{Arg, Attr, Element, FromAttr};

const TARGET: Attr<MailboxPath> = Attr::new("targetMailbox", "the mailbox, where no folder is named");
const TO_FOLDER: Attr<ClientName> = Attr::new("folder", "the open folder");
const CLASS: Attr<MailboxClass> = Attr::new("mailboxClass", "make the target mailbox if it is not there, with this class");
const FLAGS: Attr<FlagChange> = Attr::new("flags", "flags of the new message");
const INTERNAL_DATE: Attr<Timestamp> = Attr::new("internalDate", "its internal date; without it: now");
const REPLACES: Attr<Uid> = Attr::new("replacesUID", "the message it takes the place of");
const REPLACE_MODE: Attr<ReplaceMode> = Attr::new("replaceMode", "checkOld, copyOrigUID or origUID: how that message is found");
const REPORT: Attr<ReportUids> = Attr::new("report", "uid: send the UID of the new message");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReplaceMode {
    CheckOld,
    CopyOriginal,
    ByOriginal,
}

impl FromAttr for ReplaceMode {
    const KIND: &'static str = "checkOld, copyOrigUID or origUID";
    const SAMPLE: &'static str = "checkOld";
    fn from_attr(text: &str) -> Option<Self> {
        match text.trim() {
            t if t.eq_ignore_ascii_case("checkOld") => Some(Self::CheckOld),
            t if t.eq_ignore_ascii_case("copyOrigUID") => Some(Self::CopyOriginal),
            t if t.eq_ignore_ascii_case("origUID") => Some(Self::ByOriginal),
            _ => None,
        }
    }
}

/// Where a composed message is stored, and how.
pub(super) struct Filing {
    path: MailboxPath,
    class: Option<String>,
    flags: FlagChange,
    internal: Option<Timestamp>,
}

impl Filing {
    pub(super) const ARGS: [Arg; 4] = [TARGET.optional(), CLASS.optional(), FLAGS.optional(), INTERNAL_DATE.optional()];

    /// Reads the attributes; None where no target mailbox is named.
    pub(super) fn read(element: &Element) -> Outcome<Option<Self>> {
        let Some(path) = TARGET.get(element)? else { return Ok(None) };
        let flags = FLAGS.get(element)?.unwrap_or_default();
        Ok(Some(Self { path, class: CLASS.get(element)?.map(|c| c.0), flags, internal: INTERNAL_DATE.get(element)? }))
    }

    /// Stores a message; one step of a larger transaction.
    pub(super) fn store(&self, tx: &crate::store::WriteTx, caller: &Caller, prepared: &Prepared, now: Timestamp) -> Outcome<Uid> {
        let reached = messages::target(tx, caller, &self.path, self.class.as_deref(), now)?;
        let new = |blob| prepared.message(blob, self.flags.set, self.internal.unwrap_or(now));
        messages::append(tx, &reached, &|tx| Ok(new(prepared.store(tx)?)), prepared.size(), None)
    }
}

enum Target {
    /// Neither a folder nor a mailbox was named.
    Nowhere,
    Folder(String, Option<Replace>),
    Mailbox(Filing),
}

/// Where a message is stored and what is said of it, and whether the client wants to know.
pub(super) struct Storing {
    target: Target,
    flags: FlagChange,
    internal: Option<Timestamp>,
    report: bool,
    named: (&'static str, String),
}

/// A place that was looked up before the message is composed.
pub(super) struct Place(Option<MailboxId>);

impl Storing {
    pub(super) const ARGS: &'static [Arg] = &[
        TO_FOLDER.optional(),
        TARGET.optional(),
        CLASS.optional(),
        FLAGS.optional(),
        INTERNAL_DATE.optional(),
        REPLACES.optional(),
        REPLACE_MODE.optional(),
        REPORT.optional(),
    ];

    /// Reads the attributes.
    pub(super) fn read(element: &Element) -> Outcome<Self> {
        let replaces = REPLACES.get(element)?.or(element.get("replaceUID").and_then(Uid::from_attr));
        let old_spelling = element.get("checkOld").filter(|yes| yes.trim().eq_ignore_ascii_case("yes")).map(|_| ReplaceMode::CheckOld);
        let mode = REPLACE_MODE.get(element)?.or(old_spelling);
        let replace = replaces.map(|uid| match mode {
            None => Replace::IfThere(uid),
            Some(ReplaceMode::CheckOld) => Replace::CheckOld(uid),
            Some(ReplaceMode::CopyOriginal) => Replace::CopyOriginal(uid),
            Some(ReplaceMode::ByOriginal) => Replace::ByOriginal(uid),
        });
        let (target, named) = match TO_FOLDER.get(element)? {
            Some(ClientName(folder)) => (Target::Folder(folder.clone(), replace), ("folder", folder)),
            None => {
                let target = Filing::read(element)?.map_or(Target::Nowhere, Target::Mailbox);
                (target, ("targetMailbox", element.get("targetMailbox").unwrap_or_default().to_owned()))
            }
        };
        Ok(Self {
            target,
            flags: FLAGS.get(element)?.unwrap_or_default(),
            internal: INTERNAL_DATE.get(element)?,
            report: REPORT.get(element)?.is_some(),
            named,
        })
    }

    /// What was not said: the flags of the message, and the class of a target mailbox that is made because of it.
    pub(super) fn or(mut self, flags: FlagChange, class: &str, said: &Element) -> Self {
        if said.get("flags").is_none() {
            self.flags = flags;
        }
        if let Target::Mailbox(filing) = &mut self.target {
            filing.flags = self.flags;
            filing.class.get_or_insert_with(|| class.to_owned());
        }
        self
    }

    /// Looks the folder up; refused where no place is named.
    pub(super) async fn place(&self, cx: &Cx) -> Outcome<Place> {
        Ok(Place(match &self.target {
            Target::Folder(name, _) => Some(shown(cx, name).await?.mailbox),
            Target::Mailbox(_) => None,
            Target::Nowhere => return Err(Fault::missing("targetMailbox")),
        }))
    }

    /// Stores the message that `prepare` makes on a reading thread, and tells its UID where the client wants to know.
    pub(super) async fn store(
        self,
        cx: &Cx,
        place: Place,
        prepare: impl FnOnce(&dyn crate::store::Read) -> Outcome<Prepared> + Send + 'static,
    ) -> Outcome<()> {
        let (caller, target, flags, internal) = (cx.caller()?, self.target, self.flags.set, self.internal);
        let uid = cx
            .prepare_and_write(prepare, move |tx, prepared| {
                let now = Timestamp::now();
                match (&target, place.0) {
                    (Target::Folder(_, replace), Some(mailbox)) => {
                        let reached = messages::folder_mailbox(tx, &caller, mailbox, Rights::INSERT)?;
                        let new = |tx: &crate::store::WriteTx| Ok(prepared.message(prepared.store(tx)?, flags, internal.unwrap_or(now)));
                        messages::append(tx, &reached, &new, prepared.size(), *replace)
                    }
                    (Target::Mailbox(filing), _) => filing.store(tx, &caller, prepared, now),
                    (Target::Folder(..) | Target::Nowhere, _) => Err(Fault::internal()),
                }
            })
            .await?;
        if self.report {
            cx.send(Element::new("messageAdded").with(self.named.0, self.named.1).with("UID", uid)).await?;
        }
        Ok(())
    }
}
