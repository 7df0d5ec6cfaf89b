//! Contacts: stored, imported, found. Spec: XIMSS, "Contacts Operations"; companion 8.1.

use super::filing::Storing;
use super::folders::shown;
use super::messages::{mime_limits, own_address};
use crate::domain::contacts::find::{self, Match, Wanted};
use crate::domain::contacts::import::{self, Reading};
use crate::domain::contacts::{self, Author};
use crate::domain::delivery::Prepared;
use crate::domain::messages;
use crate::format::mime::read::{self, Show};
use crate::format::mime::structure;
use crate::model::component::Component;
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::Uid;
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::proto::ximss::form::messages::FOLDER;
use crate::proto::ximss::form::{contact, mail};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::store::blobs;
use crate::xml::{Arg, Attr, Element, FromAttr};

/// The family.
pub const OPS: &[Op] = &[Op::of::<Append>(), Op::of::<Import>(), Op::of::<Find>()];

/// Who writes the items of this session.
fn author(cx: &Cx) -> Outcome<Author> {
    let shift = cx.zone().shift_at(Timestamp::now());
    Ok(Author { address: own_address(cx)?, domain: cx.house.settings().domain.clone(), shift })
}

struct Append {
    storing: Storing,
    card: Component,
}

impl Request for Append {
    const NAME: &'static str = "contactAppend";
    const DOC: &'static str = "Stores a contact, or a group of them, in a folder or a mailbox.";
    const ARGS: &'static [Arg] = Storing::ARGS;
    const SAMPLE_BODY: &'static str = "<vCard><FN>x</FN></vCard>";

    fn read(element: &Element) -> Outcome<Self> {
        let mut cards = element.elements();
        let card = match (cards.next(), cards.next()) {
            (Some(card), None) => contact::component(card)?,
            _ => return Err(Fault::bad("exactly one vCard or vCardGroup element is needed")),
        };
        let seen = FlagChange { set: Flags::SEEN, ..FlagChange::default() };
        Ok(Self { storing: Storing::read(element)?.or(seen, contacts::CLASS, element), card })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let Self { storing, card } = self;
        let place = storing.place(&cx).await?;
        let (author, most) = (author(&cx)?, cx.house.settings().limits.mail_size);
        let prepare = move |_: &dyn crate::store::Read| {
            let raw = contacts::item(card, &author, Timestamp::now())?;
            if raw.len() > most { Err(Fault::quota("message is too large")) } else { Ok(Prepared::of(raw)) }
        };
        storing.store(&cx, place, prepare).await
    }
}

const UPLOAD: Attr<String> = Attr::new("uploadID", "the file of vCards in the uploaded file set");

struct Import {
    folder: String,
    upload: String,
}

impl Request for Import {
    const NAME: &'static str = "contactsImport";
    const DOC: &'static str = "Stores the contacts of an uploaded file in a folder.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), UPLOAD.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { folder: FOLDER.need(element)?.0, upload: UPLOAD.need(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, mailbox) = (cx.caller()?, shown(&cx, &self.folder).await?.mailbox);
        let upload = cx.desk.uploads.borrow().get(&self.upload)?;
        let (author, charset) = (author(&cx)?, upload.charset.clone().unwrap_or_else(|| cx.preferences().text("UploadCharset").to_owned()));
        let path = upload.file.path().to_owned();
        let mut reading = cx.store().compute(move || Reading::of(&path, &charset, author)).await?;
        let (mut imported, mut unreadable, mut first) = (0, 0, None);
        loop {
            let step = move || reading.next_batch(Timestamp::now()).map(|batch| (reading, batch));
            let (went_on, batch) = cx.store().compute(step).await?;
            reading = went_on;
            (imported, unreadable) = (imported + batch.items.len(), unreadable + batch.unreadable);
            first = first.or(batch.first);
            let (caller, items) = (caller.clone(), batch.items);
            cx.write(move |tx| {
                let reached = messages::folder_mailbox(tx, &caller, mailbox, Rights::INSERT)?;
                import::store(tx, &reached, &items, Timestamp::now())
            })
            .await?;
            if batch.is_last {
                break;
            }
        }
        match first {
            // The file stays uploaded, so nothing is lost; the client learns how much of it is in the folder.
            Some(lost) => Err(Fault::bad(format!(
                "{unreadable} vCards cannot be read, the first at line {}: {}; {imported} are imported",
                lost.line, lost.reason
            ))),
            None if imported == 0 => Err(Fault::bad("the file holds no vCards")),
            None => Ok(()),
        }
    }
}

/// `sub`: a part of an address or of a name is enough. Any other value is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fuzzy;

impl FromAttr for Fuzzy {
    const KIND: &'static str = "sub";
    const SAMPLE: &'static str = "sub";
    fn from_attr(text: &str) -> Option<Self> {
        text.trim().eq_ignore_ascii_case("sub").then_some(Self)
    }
}

const PEER: Attr<String> = Attr::new("peer", "an e-mail address or a telephone number");
const MODE: Attr<Fuzzy> = Attr::new("mode", "sub: addresses and names that hold the text");
const LIMIT: Attr<u32> = Attr::new("limit", "the most contacts to find");
const SIZE_LIMIT: Attr<u64> = Attr::new("totalSizeLimit", "the most bytes of all parts of a contact; 0: only its header");

/// Messages whose headers may be looked at in one question.
const LOOKED_AT: usize = 512;

struct Find {
    folder: String,
    peer: String,
    fuzzy: bool,
    limit: Option<u32>,
    size_limit: Option<u64>,
}

impl Request for Find {
    const NAME: &'static str = "contactFind";
    const DOC: &'static str = "Finds contacts of a folder by an address, a telephone number or a part of a name.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), PEER.required(), MODE.optional(), LIMIT.optional(), SIZE_LIMIT.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self {
            folder: FOLDER.need(element)?.0,
            peer: PEER.need(element)?,
            fuzzy: MODE.get(element)?.is_some(),
            limit: LIMIT.get(element)?,
            size_limit: SIZE_LIMIT.get(element)?,
        })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, shown) = (cx.caller()?, shown(&cx, &self.folder).await?);
        let Some(wanted) = Wanted::of(&self.peer, self.fuzzy) else { return Ok(()) };
        let (mailbox, asked) = (shown.mailbox, wanted.clone());
        let candidates = cx.read(move |tx| find::candidates(tx, mailbox, &asked)).await?;
        let possible = |uid: &Uid| candidates.as_ref().is_none_or(|all| all.may_be(*uid));
        let uids: Vec<Uid> = shown.entries.iter().map(|entry| entry.uid).filter(possible).collect();
        let mut left = self.limit.map_or(usize::MAX, |limit| limit as usize);
        for slice in uids.chunks(LOOKED_AT) {
            if left == 0 {
                break;
            }
            let (caller, wanted, slice) = (caller.clone(), wanted.clone(), slice.to_vec());
            let found = cx.read(move |tx| find::among(tx, &caller, mailbox, &slice, &wanted, left)).await?;
            left -= found.len();
            for found in found {
                self.tell(&cx, shown.mailbox, found).await?;
            }
        }
        Ok(())
    }
}

impl Find {
    /// Sends a contact; one that has gone meanwhile is passed over.
    async fn tell(&self, cx: &Cx, mailbox: crate::model::ids::MailboxId, found: Match) -> Outcome<()> {
        let (caller, zone, limits, uid) = (cx.caller()?, cx.zone(), mime_limits(cx), found.uid);
        let show = Show { total_size_limit: self.size_limit };
        let content = cx.read(move |tx| {
            let (_, row) = messages::readable(tx, &caller, mailbox, uid)?;
            let raw = blobs::whole(tx, row.blob)?;
            Ok(mail::email(&read::message(&raw, &structure::structure(&raw, &limits), &show), &zone))
        });
        let content = match content.await {
            Err(fault) if fault == Fault::no_message() => return Ok(()),
            content => content?,
        };
        let message = Element::new("folderMessage")
            .with("folder", &self.folder)
            .with("peer", &self.peer)
            .with("UID", uid)
            .with_some("foundAddress", found.address)
            .with_some("peerName", found.name);
        cx.send(message.child(content)).await
    }
}
