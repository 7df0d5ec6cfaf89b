//! Reading and composing messages. Spec: XIMSS, "Message Operations". Sending is in `sending`.

use super::filing::Storing;
use super::folders::shown;
use crate::domain::compose::{self, Finish, Materials};
use crate::domain::delivery::Prepared;
use crate::domain::messages;
use crate::format::mime::read::{self, Show, Shown};
use crate::format::mime::reply::{self, ReplySettings};
use crate::format::mime::structure::{self, Limits};
use crate::model::draft::Draft;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use crate::model::mail::MailAddress;
use crate::model::value::Dictionary;
use crate::proto::ximss::form::messages::{FOLDER, UID};
use crate::proto::ximss::form::{mail, value};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::store::blobs;
use crate::xml::{Arg, Attr, Element, FromAttr};

/// The family.
pub const OPS: &[Op] = &[Op::of::<Read>(), Op::of::<Append>(), Op::of::<AttributesRead>(), Op::of::<AttributesWrite>()];

const PART: Attr<String> = Attr::new("partID", "the part; without it: the whole message");
const READ_MODE: Attr<ReplyMode> = Attr::new("mode", "replyFrom or replyAll: send a composed reply instead");
const SIZE_LIMIT: Attr<u64> = Attr::new("totalSizeLimit", "the most bytes of all parts together");
const X509: Attr<String> = Attr::new("x509", "base64: send certificates too");

/// What `folderRead` may be asked for instead of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReplyMode {
    From,
    All,
}

impl FromAttr for ReplyMode {
    const KIND: &'static str = "replyFrom or replyAll";
    const SAMPLE: &'static str = "replyAll";
    fn from_attr(text: &str) -> Option<Self> {
        match text.trim() {
            t if t.eq_ignore_ascii_case("replyFrom") => Some(Self::From),
            t if t.eq_ignore_ascii_case("replyAll") => Some(Self::All),
            _ => None,
        }
    }
}

/// What is read of a message, in whatever it is open: a folder or a calendar.
pub(super) struct Reading {
    uid: Uid,
    part: Option<String>,
    mode: Option<ReplyMode>,
    size_limit: Option<u64>,
}

impl Reading {
    /// The attributes, behind the one that names what is open.
    pub(super) const fn args(named: Arg) -> [Arg; 6] {
        [named, UID.required(), PART.optional(), READ_MODE.optional(), SIZE_LIMIT.optional(), X509.optional()]
    }

    /// The attributes of the request that its answer repeats.
    pub(super) fn echo(element: &Element, named: &str) -> Vec<(String, String)> {
        let echo = [named, "UID", "partID", "mode"];
        echo.iter().filter_map(|name| element.get(name).map(|value| ((*name).to_owned(), value.to_owned()))).collect()
    }

    pub(super) fn read(element: &Element) -> Outcome<Self> {
        let (part, mode) = (PART.get(element)?, READ_MODE.get(element)?);
        Ok(Self { uid: UID.need(element)?, part, mode, size_limit: SIZE_LIMIT.get(element)? })
    }

    /// The message or part as XML, or the reply to it.
    pub(super) async fn content(self, cx: &Cx, mailbox: MailboxId) -> Outcome<Element> {
        let (caller, limits, zone, preferences) = (cx.caller()?, mime_limits(cx), cx.zone(), cx.preferences());
        let Self { uid, part, mode, size_limit } = self;
        let own = own_address(cx)?;
        let preferences = (*preferences).clone();
        cx.read(move |tx| {
            let (_, row) = messages::readable(tx, &caller, mailbox, uid)?;
            let raw = blobs::whole(tx, row.blob)?;
            let structure = structure::structure(&raw, &limits);
            let show = Show { total_size_limit: size_limit };
            if let Some(mode) = mode {
                let settings = ReplySettings {
                    own: vec![own.address.clone()],
                    from: own,
                    reply_header: preferences.text("ReplyHeader").to_owned(),
                    reply_quote: preferences.text("ReplyQuote").to_owned(),
                    size_limit,
                };
                let reply = reply::compose(&raw, &structure, part.as_deref(), mode == ReplyMode::All, &settings)?;
                return Ok(mail::email(&reply, &zone));
            }
            Ok(match part {
                None => mail::email(&read::message(&raw, &structure, &show), &zone),
                Some(part) => match read::part(&raw, &structure, &part, &show)? {
                    Shown::Mail(message) => mail::email(&message, &zone),
                    Shown::Part(part) => mail::part(&part, &zone),
                },
            })
        })
        .await
    }
}

struct Read {
    folder: String,
    reading: Reading,
    echo: Vec<(String, String)>,
}

impl Request for Read {
    const NAME: &'static str = "folderRead";
    const DOC: &'static str = "Sends a message, or a part of it, as XML; or a reply to it, ready to be sent.";
    const ARGS: &'static [Arg] = &Reading::args(FOLDER.required());

    fn read(element: &Element) -> Outcome<Self> {
        let echo = Reading::echo(element, "folder");
        Ok(Self { folder: FOLDER.need(element)?.0, reading: Reading::read(element)?, echo })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let mailbox = shown(&cx, &self.folder).await?.mailbox;
        let content = self.reading.content(&cx, mailbox).await?;
        let message = self.echo.iter().fold(Element::new("folderMessage"), |message, (name, value)| message.with(name, value));
        cx.send(message.child(content)).await
    }
}

/// Bounds on the MIME structure from the configuration.
pub(super) fn mime_limits(cx: &Cx) -> Limits {
    Limits::of(&cx.house.settings().limits)
}

/// The address the user writes as.
pub(super) fn own_address(cx: &Cx) -> Outcome<MailAddress> {
    let login = cx.login()?;
    Ok(MailAddress { name: login.real_name.clone(), address: login.caller.address.to_string() })
}

/// What a draft may refer to in this session.
pub(super) async fn materials(cx: &Cx) -> Outcome<Materials> {
    let mut folders = std::collections::BTreeMap::new();
    for (name, view) in cx.desk.folders.all() {
        let shown = view.send(crate::domain::folder::Show).await.map_err(|_| Fault::closed())?;
        folders.insert(name, shown.mailbox);
    }
    let mut calendars = std::collections::BTreeMap::new();
    for (name, view) in cx.desk.calendars.all() {
        let source = view.send(crate::domain::calendar::view::Show).await.map_err(|_| Fault::closed())?;
        calendars.extend(source.mailbox().ok().map(|mailbox| (name, mailbox)));
    }
    Ok(Materials {
        caller: cx.caller()?,
        folders,
        calendars,
        uploads: cx.desk.uploads.borrow().all().map(|(id, upload)| (id.clone(), upload.clone())).collect(),
        most: cx.house.settings().limits.mail_size,
        limits: mime_limits(cx),
    })
}

/// The question to the store whose answer is the bytes of a draft.
pub(super) async fn composition(
    cx: &Cx,
    draft: Draft,
    fill_missing: bool,
) -> Outcome<impl FnOnce(&dyn crate::store::Read) -> Outcome<Vec<u8>> + Send + use<>> {
    let (materials, preferences) = (materials(cx).await?, (*cx.preferences()).clone());
    let finish = Finish { domain: cx.house.settings().domain.clone(), fill_missing };
    Ok(move |tx: &dyn crate::store::Read| compose::compose(tx, &draft, &materials, &preferences, &finish))
}

struct Append {
    storing: Storing,
    draft: Draft,
}

impl Request for Append {
    const NAME: &'static str = "messageAppend";
    const DOC: &'static str = "Composes a message and stores it in a folder or a mailbox.";
    const ARGS: &'static [Arg] = Storing::ARGS;
    const SAMPLE_BODY: &'static str = "<EMail><Subject>x</Subject></EMail>";

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { storing: Storing::read(element)?, draft: draft(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { storing, draft } = self;
        let place = storing.place(&cx).await?;
        let compose = composition(&cx, draft, false).await?;
        storing.store(&cx, place, move |tx| compose(tx).map(Prepared::of)).await
    }
}

/// The draft in the body of a request.
pub(super) fn draft(element: &Element) -> Outcome<Draft> {
    mail::draft(element.first("EMail").ok_or_else(|| Fault::bad("the EMail element is missing"))?)
}

struct AttributesRead {
    folder: String,
    uid: Uid,
    names: Vec<String>,
}

impl Request for AttributesRead {
    const NAME: &'static str = "messageAttrRead";
    const DOC: &'static str = "Sends attributes of a message.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), UID.required()];

    fn read(element: &Element) -> Outcome<Self> {
        let names = element.named("field").map(|f| f.body().trim().to_owned()).collect();
        Ok(Self { folder: FOLDER.need(element)?.0, uid: UID.need(element)?, names })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, mailbox) = (cx.caller()?, shown(&cx, &self.folder).await?.mailbox);
        let (uid, names) = (self.uid, self.names);
        let found = cx.read(move |tx| messages::attributes(tx, &caller, mailbox, uid, &names)).await?;
        let message = Element::new("messageAttrData").with("folder", self.folder).with("UID", uid);
        cx.send(value::with_dictionary(message, &found)).await
    }
}

struct AttributesWrite {
    folder: String,
    uid: Uid,
    changes: Dictionary,
}

impl Request for AttributesWrite {
    const NAME: &'static str = "messageAttrWrite";
    const DOC: &'static str = "Changes attributes of a message; the null object removes one.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), UID.required()];
    const SAMPLE_BODY: &'static str = r#"<subKey key="color">red</subKey>"#;

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, uid: UID.need(element)?, changes: value::to_dictionary(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, mailbox) = (cx.caller()?, shown(&cx, &self.folder).await?.mailbox);
        let (uid, changes) = (self.uid, self.changes);
        cx.write(move |tx| messages::set_attributes(tx, &caller, mailbox, uid, &changes)).await
    }
}
