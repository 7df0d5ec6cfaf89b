//! Sending messages. Spec: XIMSS, "Message Operations" (messageSubmit, messageRedirect, messageForward, messageConfirm).

use super::filing::Filing;
use super::folders::shown;
use super::messages::{composition, draft, own_address};
use crate::domain::account_rights;
use crate::domain::calendar::index;
use crate::domain::delivery::{self, Posting, Prepared};
use crate::domain::messages;
use crate::domain::scheduling::invitations;
use crate::format::mime::report::{self, Disposition, Redirection};
use crate::format::mime::{header, structure};
use crate::model::draft::Draft;
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::{MailboxId, Uid};
use crate::model::mail::{FieldValue, MailAddress};
use crate::model::names::Address;
use crate::model::rights::Rights;
use crate::model::time::Timestamp;
use crate::proto::ximss::form::messages::{FOLDER, UID};
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::store::blobs;
use crate::xml::attr::YesNo;
use crate::xml::{Arg, Attr, Element, FromAttr};
use std::sync::Arc;

/// The family.
pub const OPS: &[Op] = &[Op::of::<Submit>(), Op::of::<Redirect>(), Op::of::<Forward>(), Op::of::<Confirm>()];

/// The most recipients of one message.
const MOST_RECIPIENTS: usize = 1_000;

const USE_DSN: Attr<YesNo> = Attr::new("useDSN", "yes: report delivery too, not only failure");
const DATASET: Attr<String> = Attr::new("dataset", "the dataset that is to remember the recipients");
const PART: Attr<String> = Attr::new("partID", "the part, itself a message; without it: the whole message");
const MIRROR: Attr<YesNo> = Attr::new("mirror", "yes: leave To and Cc as they are");
const MARK: Attr<YesNo> = Attr::new("markRedirected", "mark the message as redirected; without it: yes for a whole message");
const TYPE: Attr<ConfirmType> = Attr::new("type", "auto or manual: who has asked for the confirmation");

/// The first text that is an address: clients have been seen to write something behind it.
fn address(text: &str) -> Outcome<Address> {
    text.split_whitespace().find_map(|token| token.parse().ok()).ok_or_else(|| Fault::bad("address is incorrect"))
}

/// Recipients without those named twice.
fn distinct(all: impl IntoIterator<Item = Address>) -> Outcome<Vec<Address>> {
    let mut out: Vec<Address> = Vec::new();
    for address in all {
        if !out.iter().any(|known| known.same_as(&address)) {
            out.push(address);
        }
        if out.len() > MOST_RECIPIENTS {
            return Err(Fault::quota("too many recipients"));
        }
    }
    if out.is_empty() { Err(Fault::bad("no recipients are specified")) } else { Ok(out) }
}

/// The recipients that a draft names in To, Cc and Bcc.
fn named_in(draft: &Draft) -> Outcome<Vec<Address>> {
    let mut out = Vec::new();
    for field in draft.fields.iter().filter(|f| ["To", "Cc", "Bcc"].iter().any(|name| f.name.eq_ignore_ascii_case(name))) {
        if let FieldValue::Addresses(addresses) = &field.value {
            out.extend(addresses.iter().map(|a| address(&a.address)).collect::<Outcome<Vec<_>>>()?);
        }
    }
    Ok(out)
}

/// Who a draft says has written it.
fn writers(draft: &Draft) -> Vec<Address> {
    let fields = draft.fields.iter().filter(|f| ["From", "Sender"].iter().any(|name| f.name.eq_ignore_ascii_case(name)));
    let mut out = Vec::new();
    for field in fields {
        if let FieldValue::Addresses(addresses) = &field.value {
            out.extend(addresses.iter().filter_map(|a| address(&a.address).ok()));
        }
    }
    out
}

/// Sends a message, files a copy, all in one step; then wakes the queue.
async fn post(cx: &Cx, posting: Posting, copy: Option<Filing>) -> Outcome<()> {
    let (posting, copy) = (Arc::new(posting), copy.map(Arc::new));
    // Calendars into which an invitation goes are made ready first where that takes long.
    let behind = attempt(cx, &posting, &copy, false).await?;
    for mailbox in &behind {
        index::bring_up_to_date(&cx.house, *mailbox).await?;
    }
    if !behind.is_empty() {
        attempt(cx, &posting, &copy, true).await?;
    }
    cx.house.queue_wake.notify_one();
    Ok(())
}

/// One attempt to send. Gives the calendars that have to be made ready first; then nothing was sent, unless it was to be
/// `anyway`.
async fn attempt(cx: &Cx, posting: &Arc<Posting>, copy: &Option<Arc<Filing>>, anyway: bool) -> Outcome<Vec<MailboxId>> {
    let (caller, domain) = (cx.caller()?, cx.house.settings().domain.clone());
    let now = Timestamp::now();
    let (its_domain, limits) = (domain.clone(), cx.house.settings().limits.clone());
    let (posting, copy) = (posting.clone(), copy.clone());
    let prepare = move |tx: &dyn crate::store::Read| {
        let filed = copy.map(|filing| (filing, Prepared::of(posting.raw.clone())));
        let traced = delivery::with_trace(posting.raw.clone(), posting.sender.as_ref(), &its_domain, now);
        let delivered = Prepared::for_delivery(traced, &limits);
        let behind = match delivered.invitation().filter(|_| !anyway) {
            Some(invitation) => invitations::behind(tx, &posting.recipients, invitation)?,
            None => Vec::new(),
        };
        Ok((posting, delivered, filed, behind))
    };
    cx.prepare_and_write(prepare, move |tx, (posting, delivered, filed, behind)| {
        if !behind.is_empty() {
            return Ok(behind.clone());
        }
        if let Some((filing, prepared)) = filed {
            filing.store(tx, &caller, prepared, now)?;
        }
        delivery::post(tx, &domain, posting, delivered, now)?;
        Ok(Vec::new())
    })
    .await
}

struct Submit {
    report_success: bool,
    copy: Option<Filing>,
    recipients: Vec<Address>,
    draft: Draft,
    dataset: bool,
}

impl Request for Submit {
    const NAME: &'static str = "messageSubmit";
    const DOC: &'static str = "Composes a message and sends it; a copy may be stored in a mailbox.";
    const ARGS: &'static [Arg] =
        &[USE_DSN.optional(), Filing::ARGS[0], Filing::ARGS[1], Filing::ARGS[2], Filing::ARGS[3], DATASET.optional()];
    const SAMPLE_BODY: &'static str = "<EMail><To>bob@example.test</To></EMail>";

    fn read(element: &Element) -> Outcome<Self> {
        let draft = draft(element)?;
        let listed = element.named("Envelope-To").map(|e| address(&e.body())).collect::<Outcome<Vec<_>>>()?;
        let recipients = distinct(if listed.is_empty() { named_in(&draft)? } else { listed })?;
        let report_success = USE_DSN.get(element)?.is_some_and(|yes| yes.0);
        Ok(Self { report_success, copy: Filing::read(element)?, recipients, draft, dataset: DATASET.get(element)?.is_some() })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        if self.dataset {
            return Err(Fault::unsupported());
        }
        let sender = address(&own_address(&cx)?.address)?;
        let (caller, writers) = (cx.caller()?, writers(&self.draft));
        let compose = composition(&cx, self.draft, true).await?;
        let written = move |tx: &dyn crate::store::Read| {
            account_rights::check_writers(tx, &caller, &writers)?;
            compose(tx)
        };
        let raw = cx.read(written).await?;
        let posting = Posting { sender: Some(sender), recipients: self.recipients, raw, report_success: self.report_success };
        post(&cx, posting, self.copy).await
    }
}

/// What redirecting and forwarding have in common.
struct Resend {
    folder: String,
    uid: Uid,
    part: Option<String>,
    mirror: bool,
    mark: bool,
    to: Vec<(MailAddress, Address)>,
}

impl Resend {
    const SAMPLE: &'static str = r#"<To realName="Bob">bob@example.test</To>"#;

    fn read(element: &Element) -> Outcome<Self> {
        let part = PART.get(element)?;
        let recipient = |to: &Element| -> Outcome<_> {
            let address = address(&to.body())?;
            let name = to.get("realName").filter(|name| !name.is_empty()).map(|name| name.replace(char::is_control, " "));
            Ok((MailAddress { name, address: address.to_string() }, address))
        };
        let to = element.named("To").map(recipient).collect::<Outcome<Vec<_>>>()?;
        distinct(to.iter().map(|(_, address)| address.clone()))?;
        Ok(Self {
            folder: FOLDER.need(element)?.0,
            uid: UID.need(element)?,
            mirror: MIRROR.get(element)?.is_some_and(|yes| yes.0),
            mark: MARK.get(element)?.map_or(part.is_none(), |yes| yes.0),
            part,
            to,
        })
    }

    async fn run(self, cx: Cx, forward: bool) -> Outcome<()> {
        let (caller, mailbox) = (cx.caller()?, shown(&cx, &self.folder).await?.mailbox);
        let (limits, from, domain) = (super::messages::mime_limits(&cx), own_address(&cx)?, cx.house.settings().domain.clone());
        let Self { uid, part, mirror, mark, to, .. } = self;
        let sender = address(&from.address)?;
        let recipients = distinct(to.iter().map(|(_, address)| address.clone()))?;
        let raw = cx
            .read(move |tx| {
                let (_, row) = messages::readable(tx, &caller, mailbox, uid)?;
                let raw = blobs::whole(tx, row.blob)?;
                let raw = match part {
                    None => raw,
                    Some(part) => structure::embedded_message(&raw, &structure::structure(&raw, &limits), &part)?,
                };
                let to: Vec<MailAddress> = to.into_iter().map(|(shown, _)| shown).collect();
                let redirection = Redirection { from: &from, to: &to, domain: &domain, now: Timestamp::now(), random: random()? };
                Ok(match (forward, mirror) {
                    (true, _) => report::forwarded(&raw, &redirection),
                    (false, mirror) => report::redirected(&raw, &redirection, mirror),
                })
            })
            .await?;
        post(&cx, Posting { sender: Some(sender), recipients, raw, report_success: false }, None).await?;
        if mark { mark_as(&cx, mailbox, uid, Flags::REDIRECTED).await } else { Ok(()) }
    }
}

fn random() -> Outcome<[u8; 16]> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
    Ok(random)
}

/// Sets a flag that follows from what was done; a folder that may only be read keeps its flags.
async fn mark_as(cx: &Cx, mailbox: MailboxId, uid: Uid, flag: Flags) -> Outcome<()> {
    let caller = cx.caller()?;
    let marked = cx.write(move |tx| messages::mark(tx, &caller, mailbox, &[uid], FlagChange::set(flag))).await;
    match marked {
        Err(fault) if fault == Fault::denied() => Ok(()),
        marked => marked,
    }
}

struct Redirect(Resend);

impl Request for Redirect {
    const NAME: &'static str = "messageRedirect";
    const DOC: &'static str = "Sends a stored message on to others.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), UID.required(), PART.optional(), MIRROR.optional(), MARK.optional()];
    const SAMPLE_BODY: &'static str = Resend::SAMPLE;

    fn read(element: &Element) -> Outcome<Self> {
        Resend::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.0.run(cx, false).await
    }
}

struct Forward(Resend);

impl Request for Forward {
    const NAME: &'static str = "messageForward";
    const DOC: &'static str = "Forwards a stored message to others, in the user's name.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), UID.required(), PART.optional(), MARK.optional()];
    const SAMPLE_BODY: &'static str = Resend::SAMPLE;

    fn read(element: &Element) -> Outcome<Self> {
        Resend::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        self.0.run(cx, true).await
    }
}

/// Who has asked for a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConfirmType {
    Auto,
    Manual,
}

impl FromAttr for ConfirmType {
    const KIND: &'static str = "auto or manual";
    const SAMPLE: &'static str = "manual";
    fn from_attr(text: &str) -> Option<Self> {
        match text.trim() {
            t if t.eq_ignore_ascii_case("auto") => Some(Self::Auto),
            t if t.eq_ignore_ascii_case("manual") => Some(Self::Manual),
            _ => None,
        }
    }
}

struct Confirm {
    folder: String,
    uid: Uid,
    manual: bool,
}

impl Request for Confirm {
    const NAME: &'static str = "messageConfirm";
    const DOC: &'static str = "Tells the sender of a message that it has been displayed.";
    const ARGS: &'static [Arg] = &[FOLDER.required(), UID.required(), TYPE.required()];

    fn read(element: &Element) -> Outcome<Self> {
        let manual = TYPE.need(element)? == ConfirmType::Manual;
        Ok(Self { folder: FOLDER.need(element)?.0, uid: UID.need(element)?, manual })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        if cx.preferences().text("SendMDNMode").eq_ignore_ascii_case("Never") {
            return Err(Fault::not_allowed());
        }
        let (caller, mailbox) = (cx.caller()?, shown(&cx, &self.folder).await?.mailbox);
        let (from, domain, manual, uid) = (own_address(&cx)?, cx.house.settings().domain.clone(), self.manual, self.uid);
        let (raw, recipients) = cx
            .read(move |tx| {
                messages::folder_mailbox(tx, &caller, mailbox, Rights::READ)?;
                let (_, row) = messages::readable(tx, &caller, mailbox, uid)?;
                if row.flags.has(Flags::MDN_SENT) {
                    return Err(Fault::state("the message has been confirmed already"));
                }
                let original = blobs::header(tx, row.blob)?;
                let asked = header::addresses(&original, "Disposition-Notification-To");
                let recipients = asked.iter().filter_map(|a| address(&a.address).ok());
                let recipients = distinct(recipients).map_err(|_| Fault::state("the message asks for no confirmation"))?;
                let disposition =
                    Disposition { from: &from, to: &asked, domain: &domain, now: Timestamp::now(), manual, random: random()? };
                Ok((report::disposition_notification(&original, &disposition), recipients))
            })
            .await?;
        // RFC 8098 3: the return path of a notification is empty, so that none can cause another.
        post(&cx, Posting { sender: None, recipients, raw, report_success: false }, None).await?;
        mark_as(&cx, mailbox, self.uid, Flags::MDN_SENT).await
    }
}
