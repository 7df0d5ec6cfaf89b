//! Delivery: a message to its recipients, in one step.
//!
//! Local recipients get it in INBOX at once, all of them sharing one stored blob; recipients elsewhere go to the
//! durable queue; who cannot be served, or asked to know, causes a delivery report to the sender. The transaction that
//! accepts the message does all of this, so that nothing accepted is lost or sent twice. Invitations are worked into the
//! recipients' calendars by the way (`scheduling::invitations`).
//! Spec: XIMSS, "Message Operations" (messageSubmit); RFC 5321 4.4 (trace fields), RFC 3464 (reports).

use super::access::Caller;
use super::messages::check_quota;
use super::scheduling::invitations::{self, Invitation};
use crate::format::mime::header;
use crate::format::mime::report::{self, Action, DeliveryReport, RecipientReport};
use crate::model::fault::Outcome;
use crate::model::flags::Flags;
use crate::model::ids::BlobId;
use crate::model::limits::Limits;
use crate::model::mail::Envelope;
use crate::model::names::{AccountAddress, Address, DomainName, MailboxName};
use crate::model::time::Timestamp;
use crate::model::value::Dictionary;
use crate::store::messages::{self, NewMessage};
use crate::store::queue::{self, QueueRecord};
use crate::store::{Read, WriteTx, accounts, blobs, mailboxes};
use std::sync::Arc;

/// A message with its envelope.
#[derive(Debug, Clone)]
pub struct Posting {
    /// Where reports go; None for reports themselves, which cause none.
    pub sender: Option<Address>,
    /// Who is to get it.
    pub recipients: Vec<Address>,
    /// The message.
    pub raw: Vec<u8>,
    /// Report success too.
    pub report_success: bool,
}

/// What a message needs besides its bytes to be stored.
#[derive(Debug, Clone)]
pub struct Prepared {
    raw: Vec<u8>,
    header: usize,
    envelope: Envelope,
    invitation: Option<Arc<Invitation>>,
}

impl Prepared {
    /// Looks at a message once, outside the writer.
    pub fn of(raw: Vec<u8>) -> Self {
        let (header, envelope) = (header::header_length(&raw), header::envelope(&raw));
        Self { raw, header, envelope, invitation: None }
    }

    /// The same for a message that is delivered: what it says about items is worked into the calendars of its recipients.
    pub fn for_delivery(raw: Vec<u8>, limits: &Limits) -> Self {
        let invitation = invitations::in_message(&raw, limits).map(Arc::new);
        Self { invitation, ..Self::of(raw) }
    }

    /// What it says about items.
    pub fn invitation(&self) -> Option<&Arc<Invitation>> {
        self.invitation.as_ref()
    }

    /// Bytes of the message.
    pub fn size(&self) -> u32 {
        u32::try_from(self.raw.len()).unwrap_or(u32::MAX)
    }

    /// When the message says it was sent.
    pub fn sent(&self) -> Option<Timestamp> {
        self.envelope.date.map(|(at, _)| at)
    }

    /// Stores the bytes.
    pub fn store(&self, tx: &WriteTx) -> Outcome<BlobId> {
        blobs::put(tx, &self.raw, self.header)
    }

    /// The message as a mailbox takes it.
    pub fn message(&self, blob: BlobId, flags: Flags, internal: Timestamp) -> NewMessage {
        let flags = if self.envelope.media { flags.with(Flags::MEDIA) } else { flags };
        let envelope = self.envelope.clone();
        NewMessage { blob, size: self.size(), flags, internal, envelope, original: None, attributes: Dictionary::new() }
    }
}

/// Where a recipient is served.
enum Destination {
    Local(Caller),
    Unknown,
    Elsewhere,
}

fn destination(tx: &dyn Read, recipient: &Address) -> Outcome<Destination> {
    if accounts::domain(tx, &recipient.domain)?.is_none() {
        return Ok(Destination::Elsewhere);
    }
    let account = |address: AccountAddress| -> Outcome<Option<Caller>> {
        Ok(accounts::find(tx, &address)?.map(|account| Caller { account, address }))
    };
    let found = recipient.account().map(account).transpose()?.flatten();
    Ok(found.map_or(Destination::Unknown, Destination::Local))
}

/// Posts a message that was prepared with its trace fields (`with_trace`).
pub fn post(tx: &WriteTx, house: &DomainName, posting: &Posting, prepared: &Prepared, now: Timestamp) -> Outcome<()> {
    let (mut blob, mut elsewhere, mut results) = (None, Vec::new(), Vec::new());
    let mut stored = || match blob {
        Some(blob) => Ok(blob),
        None => prepared.store(tx).inspect(|new| blob = Some(*new)),
    };
    let mut worked_in = 0;
    for recipient in &posting.recipients {
        let result = match destination(tx, recipient)? {
            Destination::Elsewhere => {
                elsewhere.push(recipient.clone());
                continue;
            }
            Destination::Unknown => RecipientReport::failed(recipient, "5.1.1", "no such account"),
            Destination::Local(owner) => match check_quota(tx, &owner, prepared.size().into()) {
                Ok(()) => {
                    into_inbox(tx, &owner, &prepared.message(stored()?, Flags::RECENT, now), now)?;
                    if let Some(invitation) = prepared.invitation.as_deref().filter(|invitation| worked_in < invitation.most_recipients()) {
                        worked_in += 1;
                        invitations::work_in(tx, house, &owner, invitation, posting.sender.as_ref(), now)?;
                    }
                    RecipientReport::delivered(recipient)
                }
                Err(_) => RecipientReport::failed(recipient, "5.2.2", "the account is over its storage quota"),
            },
        };
        results.push(result);
    }
    if !elsewhere.is_empty() {
        let record = QueueRecord {
            blob: stored()?,
            sender: posting.sender.clone(),
            recipients: elsewhere,
            report_success: posting.report_success,
            queued: now,
            attempts: 0,
        };
        queue::put(tx, &record, now)?;
    }
    results.retain(|result| result.action != Action::Delivered || posting.report_success);
    report_to(tx, house, posting.sender.as_ref(), &prepared.raw, results, now)
}

/// Puts a message into the INBOX of an account.
pub fn into_inbox(tx: &WriteTx, owner: &Caller, message: &NewMessage, now: Timestamp) -> Outcome<()> {
    let inbox = match mailboxes::find(tx, owner.account, &MailboxName::inbox())? {
        Some(inbox) => inbox,
        None => mailboxes::create(tx, owner.account, &MailboxName::inbox(), "", Default::default(), now)?,
    };
    messages::append(tx, &inbox, std::slice::from_ref(message), &[]).map(drop)
}

/// Sends the sender a report of these results, if there is a sender and there are results. Reports cause no reports.
pub fn report_to(
    tx: &WriteTx,
    house: &DomainName,
    sender: Option<&Address>,
    original: &[u8],
    results: Vec<RecipientReport>,
    now: Timestamp,
) -> Outcome<()> {
    let Some(sender) = sender.filter(|_| !results.is_empty()) else { return Ok(()) };
    let raw = report::delivery_report(&DeliveryReport { domain: house, to: sender, recipients: &results, original, now });
    let prepared = Prepared::of(with_trace(raw, None, house, now));
    match destination(tx, sender)? {
        Destination::Local(owner) => into_inbox(tx, &owner, &prepared.message(prepared.store(tx)?, Flags::RECENT, now), now),
        Destination::Unknown => Ok(()),
        Destination::Elsewhere => {
            let record = QueueRecord {
                blob: prepared.store(tx)?,
                sender: None,
                recipients: vec![sender.clone()],
                report_success: false,
                queued: now,
                attempts: 0,
            };
            queue::put(tx, &record, now).map(drop)
        }
    }
}

/// A message with the trace fields of final delivery: the return path and where it came through.
pub fn with_trace(raw: Vec<u8>, sender: Option<&Address>, house: &DomainName, now: Timestamp) -> Vec<u8> {
    let path = sender.map_or_else(|| "<>".to_owned(), |sender| format!("<{sender}>"));
    let received = format!("by {house} (Posthouse) with XIMSS;\r\n\t{}", now.rfc5322(0));
    report::with_prepended(&raw, &[("Return-Path", path), ("Received", received)])
}
