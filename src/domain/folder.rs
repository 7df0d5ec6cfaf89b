//! `FolderView`: a mailbox as one client looks at it, sorted and filtered, and kept in step on demand.
//!
//! The client's list changes only when it synchronises. Until then the view collects what happened and says once that
//! something did. Two views of one mailbox know nothing of each other. Spec: XIMSS, "Mailbox Operations".

pub mod fields;
pub mod filter;
pub mod order;
#[cfg(test)]
mod tests;
pub mod view;

use super::access::{self, Caller};
use super::house::House;
use super::tell::{Line, tell};
use crate::model::change::{Change, What};
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::Flags;
use crate::model::ids::{MailboxId, ModSeq, Uid};
use crate::model::names::MailboxPath;
use crate::model::rights::Rights;
use crate::model::viewer::ViewerField;
use crate::store::feed::Inbox;
use crate::store::mailboxes::{self, MailboxRecord};
use crate::store::{Read, orders};
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use std::collections::BTreeSet;
use std::sync::Arc;
use view::{Entry, Horizon, Look, Pending, Report};

/// Messages of a filter that reads content which are looked at in one go, so that other questions get their turn.
const SLICE: usize = 512;
/// Changes remembered one by one; past it the view compares itself with the mailbox instead.
const MOST_PENDING: usize = 20_000;
/// Reports of one synchronisation that are made in one go.
pub const REPORTS: usize = 256;

/// Told to the session: a folder is out of step.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct FolderModified {
    /// The session's name for the folder.
    pub folder: String,
}

/// What a client learns when a folder is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// Messages in the folder.
    pub messages: usize,
    /// Messages without `Seen`.
    pub unseen: usize,
    /// What the caller may do; None where access is not restricted.
    pub rights: Option<Rights>,
    /// The mailbox's UIDVALIDITY.
    pub uid_validity: u32,
    /// The mailbox's next UID.
    pub uid_next: Uid,
}

/// What the folder shows now, for operations on it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The messages in order.
    pub entries: Arc<Vec<Entry>>,
    /// The fields that are shown of each message.
    pub fields: Arc<Vec<ViewerField>>,
}

/// Asks what the folder shows.
#[derive(Message)]
#[rtype(result = "Shown")]
pub struct Show;

/// Asks for the next reports of a synchronisation.
#[derive(Message)]
#[rtype(result = "Outcome<Vec<Report>>")]
pub struct Synchronise {
    /// At most this many reports.
    pub limit: usize,
    /// True for the first question of a synchronisation: later ones tell what is left without looking for more.
    pub first: bool,
}

/// Asks for another order or another selection.
#[derive(Message)]
#[rtype(result = "Outcome<Init>")]
pub struct Reopen {
    /// The new look.
    pub look: Look,
    /// The new fields; None keeps the old ones.
    pub fields: Option<Vec<ViewerField>>,
}

/// Wakes the view: its inbox has something.
#[derive(Message)]
#[rtype(result = "()")]
struct Changed;

/// Ends the view.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;

/// The actor.
pub struct FolderView {
    house: Arc<House>,
    caller: Caller,
    folder: String,
    session: Line<FolderModified>,
    mailbox: MailboxId,
    look: Look,
    fields: Arc<Vec<ViewerField>>,
    entries: Arc<Vec<Entry>>,
    horizon: Horizon,
    pending: Pending,
    lost_track: bool,
    gone: bool,
    notified: bool,
    inbox: Option<Inbox>,
}

/// What is needed to open a folder.
pub struct Opening {
    /// The session's name for it.
    pub folder: String,
    /// On whose behalf.
    pub caller: Caller,
    /// The mailbox.
    pub path: MailboxPath,
    /// Order and selection.
    pub look: Look,
    /// The fields shown.
    pub fields: Vec<ViewerField>,
    /// Who is told that the folder is out of step.
    pub session: Line<FolderModified>,
}

impl FolderView {
    /// Opens a folder; the actor runs on the caller's arbiter.
    pub async fn open(house: Arc<House>, opening: Opening) -> Outcome<(Addr<Self>, Init)> {
        let Opening { folder, caller, path, look, fields, session } = opening;
        let asker = caller.clone();
        let reached = house.store.read(move |tx| access::reach(tx, &asker, &path, Rights::READ)).await?;
        let mailbox = reached.record.id;
        let view = Self {
            house: house.clone(),
            caller: caller.clone(),
            folder,
            session,
            mailbox,
            look: look.clone(),
            fields: Arc::new(fields),
            entries: Arc::default(),
            horizon: Horizon { uid_next: Uid(1), modseq: ModSeq(0) },
            pending: Pending::default(),
            lost_track: false,
            gone: false,
            notified: false,
            inbox: None,
        };
        // The view listens before it looks, so that nothing falls between the two.
        let owner = reached.owner.account;
        let address = Self::create(|ctx| {
            let (me, feed) = (Line::to(&ctx.address()), house.store.feed());
            let inbox = feed.listen(owner, move || me.tell(Changed));
            Self { inbox: Some(inbox), ..view }
        });
        match address.send(Reopen { look, fields: None }).await.map_err(|_| Fault::closed()).and_then(|r| r) {
            Ok(init) => Ok((address, init)),
            Err(fault) => {
                tell(&address, Close);
                Err(fault)
            }
        }
    }

    /// Takes what the feed has brought into `pending`.
    fn collect(&mut self) {
        let Some(inbox) = &self.inbox else { return };
        let drained = inbox.drain();
        self.lost_track |= drained.overflowed;
        for change in &drained.changes {
            self.note(change);
        }
        if self.pending.added.len() + self.pending.removed.len() + self.pending.updated.len() > MOST_PENDING {
            self.pending = Pending::default();
            self.lost_track = true;
        }
    }

    /// Those of these messages that the client's list has: the others are of no concern to it.
    fn shown_among<'a>(&self, uids: impl Iterator<Item = &'a Uid>) -> BTreeSet<Uid> {
        let asked: BTreeSet<Uid> = uids.copied().collect();
        match asked.is_empty() {
            true => asked,
            false => self.entries.iter().map(|e| e.uid).filter(|uid| asked.contains(uid)).collect(),
        }
    }

    fn note(&mut self, change: &Change) {
        match &change.what {
            What::Messages { mailbox, added, updated, removed, .. } if *mailbox == self.mailbox => {
                let shown = self.shown_among(removed.iter().chain(updated.iter().map(|(uid, _)| uid)));
                let pending = &mut self.pending;
                // What was there when the view was made needs no telling.
                pending.added.extend(added.iter().filter(|uid| **uid >= self.horizon.uid_next));
                for uid in removed {
                    pending.updated.remove(uid);
                    if !pending.added.remove(uid) && shown.contains(uid) {
                        pending.removed.insert(*uid);
                    }
                }
                for (uid, flags) in updated.iter().filter(|(uid, _)| shown.contains(uid)) {
                    if self.look.selection.hide_deleted && flags.has(Flags::DELETED) {
                        pending.updated.remove(uid);
                        pending.removed.insert(*uid);
                    } else if !pending.removed.contains(uid) {
                        pending.updated.insert(*uid);
                    }
                }
            }
            What::MailboxRemoved { mailbox, .. } if *mailbox == self.mailbox => self.gone = true,
            // Rights may have changed; they are looked at again with the next synchronisation.
            What::MailboxChanged { mailbox, .. } if *mailbox == self.mailbox => self.lost_track = true,
            _ => {}
        }
    }

    /// Says once that the folder is out of step, if it is.
    fn notify(&mut self) {
        if !self.notified && (self.gone || self.lost_track || !self.pending.is_empty()) {
            self.notified = true;
            self.session.tell(FolderModified { folder: self.folder.clone() });
        }
    }
}

/// The mailbox of an open folder as the caller may see it now; None when it is gone or may no longer be read.
fn still_there(tx: &dyn Read, caller: &Caller, mailbox: MailboxId) -> Outcome<Option<(MailboxRecord, Rights)>> {
    let Some(record) = mailboxes::get(tx, mailbox)? else { return Ok(None) };
    match access::reach_record(tx, caller, record, Rights::READ) {
        Ok(reached) => Ok(Some((reached.record, reached.rights))),
        Err(_) => Ok(None),
    }
}

/// Reads the content of a folder, in slices where the filter must read messages; saves an order that took long to make.
async fn read_content(house: &Arc<House>, caller: Caller, mailbox: MailboxId, look: Look) -> Outcome<(view::Content, Init)> {
    let (orders_kept, its_look) = (house.store.orders(), look.clone());
    let (mut content, mut init) = house
        .store
        .read(move |tx| {
            let (record, rights) = still_there(tx, &caller, mailbox)?.ok_or_else(Fault::no_mailbox)?;
            let content = view::content(tx, &orders_kept, &record, rights, &its_look)?;
            let rights = (rights != Rights::ALL).then_some(rights);
            let init = Init { messages: 0, unseen: 0, rights, uid_validity: record.uid_validity, uid_next: content.uid_next };
            Ok((content, init))
        })
        .await?;
    if let Some(order) = content.to_save.take() {
        let (store, name) = (house.store.clone(), look.sorting.kept_as());
        actix::spawn(async move {
            // Only the next start is slower if this fails, and the store has logged why.
            let _ = store.write(move |tx| orders::save(tx, mailbox, &name, &order)).await;
        });
    }
    if look.selection.content().is_some() {
        let (all, mut kept) = (Arc::new(std::mem::take(&mut content.entries)), Vec::new());
        for start in (0..all.len()).step_by(SLICE) {
            let (slice, look) = (all.clone(), look.clone());
            let end = (start + SLICE).min(all.len());
            kept.extend(house.store.read(move |tx| view::filtered(tx, mailbox, slice.get(start..end).unwrap_or_default(), &look)).await?);
        }
        content.entries = kept;
    }
    content.entries.shrink_to_fit();
    init.messages = content.entries.len();
    init.unseen = view::unseen(&content.entries);
    Ok((content, init))
}

impl Actor for FolderView {
    type Context = Context<Self>;
}

impl Handler<Changed> for FolderView {
    type Result = ();
    fn handle(&mut self, _: Changed, _: &mut Self::Context) {
        self.collect();
        self.notify();
    }
}

impl Handler<Show> for FolderView {
    type Result = actix::MessageResult<Show>;
    fn handle(&mut self, _: Show, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(Shown { mailbox: self.mailbox, entries: self.entries.clone(), fields: self.fields.clone() })
    }
}

impl Handler<Close> for FolderView {
    type Result = ();
    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        // Whoever has had the folder open has seen what was recent.
        if self.entries.iter().any(|entry| entry.flags.has(Flags::RECENT)) {
            let (store, caller, mailbox) = (self.house.store.clone(), self.caller.clone(), self.mailbox);
            actix::spawn(async move {
                // The flag is a courtesy: nothing is lost where it stays, and the store has logged why.
                let _ = store.write(move |tx| super::messages::no_longer_recent(tx, &caller, mailbox)).await;
            });
        }
        ctx.stop();
    }
}

impl Handler<Reopen> for FolderView {
    type Result = AtomicResponse<Self, Outcome<Init>>;
    fn handle(&mut self, Reopen { look, fields }: Reopen, _: &mut Self::Context) -> Self::Result {
        let (house, caller, mailbox, its_look) = (self.house.clone(), self.caller.clone(), self.mailbox, look.clone());
        let work = async move { read_content(&house, caller, mailbox, its_look).await };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(move |read, view, _| {
            let (content, init) = read?;
            view.look = look;
            view.fields = fields.map_or_else(|| view.fields.clone(), Arc::new);
            view.horizon = Horizon { uid_next: content.uid_next, modseq: content.modseq };
            view.entries = Arc::new(content.entries);
            (view.pending, view.lost_track, view.notified) = (Pending::default(), false, false);
            // Changes that came while reading are told; those already read bring reports of no consequence at most.
            view.collect();
            view.notify();
            Ok(init)
        })))
    }
}

impl Handler<Synchronise> for FolderView {
    type Result = AtomicResponse<Self, Outcome<Vec<Report>>>;
    fn handle(&mut self, Synchronise { limit, first }: Synchronise, _: &mut Self::Context) -> Self::Result {
        if first {
            self.collect();
        }
        let (caller, mailbox, look, entries) = (self.caller.clone(), self.mailbox, self.look.clone(), self.entries.clone());
        let (pending, lost_track, horizon) = (self.pending.clone(), self.lost_track, self.horizon);
        let store = self.house.store.clone();
        let work = async move {
            store
                .read(move |tx| {
                    let Some((record, rights)) = still_there(tx, &caller, mailbox)? else {
                        return Ok((view::emptied(&entries, limit), horizon));
                    };
                    let pending = match lost_track {
                        true => view::differences(tx, &record, &entries, horizon, look.selection.hide_deleted, pending)?,
                        false => pending,
                    };
                    let uid_next = pending.added.last().map_or(horizon.uid_next, |uid| horizon.uid_next.max(uid.next()));
                    let newest = Horizon { uid_next, modseq: mailboxes::state(tx, mailbox)?.modseq };
                    Ok((view::synchronise(tx, &record, rights, &look, &entries, pending, limit)?, newest))
                })
                .await
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|done, view, _| {
            let (synchronised, horizon) = done?;
            view.entries = Arc::new(synchronised.entries);
            view.pending = synchronised.left;
            (view.lost_track, view.gone, view.horizon) = (false, false, horizon);
            view.notified = !view.pending.is_empty();
            Ok(synchronised.reports)
        })))
    }
}
