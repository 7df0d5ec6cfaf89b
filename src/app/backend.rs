//! `Backend`: does what commands ask, over the store. A running server holds one behind its admin socket; a command
//! that finds no server opens the store and holds one itself.

use super::admin::{AccountInfo, AdminReply, AdminRequest, Executor, ImportItem, ItemKind, Refusal, Replies};
use crate::domain::access::Caller;
use crate::domain::accounts;
use crate::domain::auth;
use crate::domain::contacts;
use crate::domain::delivery::Prepared;
use crate::domain::house::House;
use crate::domain::preferences::Preferences;
use crate::domain::sessions::End;
use crate::domain::settings;
use crate::model::fault::{Fault, Outcome};
use crate::model::flags::Flags;
use crate::model::ids::Uid;
use crate::model::names::{AccountAddress, MailboxName};
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::store::ledger::{self, Row};
use crate::store::mailboxes::MailboxRecord;
use crate::store::{Read, WriteTx, blobs, mailboxes, messages};
use futures_util::future::LocalBoxFuture;
use std::ops::ControlFlow;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Messages of an export that are read in one question.
const EXPORTED_AT_ONCE: usize = 16;

/// Does what commands ask.
pub struct Backend {
    house: Arc<House>,
}

impl Backend {
    /// Over this house's store.
    pub fn new(house: Arc<House>) -> Self {
        Self { house }
    }

    async fn run(&self, request: AdminRequest, replies: &mut dyn Replies) -> Outcome<()> {
        match request {
            AdminRequest::AccountAdd { address, real_name, admin, password } => {
                let new = accounts::NewAccount { real_name, admin, ..accounts::NewAccount::named(address.clone()) };
                let House { store, keys, .. } = &*self.house;
                let secret = Zeroizing::new(password.expose().to_owned());
                accounts::create_with_password(store, keys, new, secret, self.house.settings().legacy_mechanisms).await?;
                self.house.rooms.give_way(&self.house.signals, &address);
                Ok(())
            }
            AdminRequest::AccountList => {
                let all = self.house.store.read(|tx| crate::store::accounts::list(tx, None)).await?;
                for (_, record) in all {
                    self.reply_account(record.address, false, replies).await?;
                }
                Ok(())
            }
            AdminRequest::AccountShow { address } => self.reply_account(address, true, replies).await,
            AdminRequest::AccountSet { address, settings } => {
                self.house.store.write(move |tx| accounts::set_settings(tx, accounts::find(tx, &address)?, &settings)).await
            }
            AdminRequest::AccountPassword { address, password } => {
                let House { store, keys, .. } = &*self.house;
                let secret = Zeroizing::new(password.expose().to_owned());
                accounts::set_password(store, keys, &address, secret, self.house.settings().legacy_mechanisms).await
            }
            AdminRequest::AccountRemove { address } => {
                let id = self
                    .house
                    .store
                    .write(move |tx| accounts::find(tx, &address).and_then(|id| accounts::remove(tx, id).map(|()| id)))
                    .await?;
                self.house.sessions.end(Some(id), End::Kill);
                crate::domain::sweeper::sweep(&self.house.store).await
            }
            AdminRequest::DomainAdd { domain } => {
                self.house.store.write(move |tx| crate::store::accounts::create_domain(tx, &domain, Timestamp::now())).await
            }
            AdminRequest::DomainRemove { domain } => {
                let main = self.house.settings().domain.clone();
                self.house.store.write(move |tx| accounts::remove_domain(tx, &domain, &main)).await
            }
            AdminRequest::DomainList => self.list_domains(replies).await,
            AdminRequest::Preferences { scope, changes } => {
                let values = super::preferences::execute(&self.house.store, scope, changes).await?;
                replies.reply(AdminReply::Preferences(values)).await
            }
            AdminRequest::Applications { owner, change } => {
                let all = super::applications::execute(&self.house, owner, change).await?;
                replies.reply(AdminReply::Applications(all)).await
            }
            AdminRequest::Import { account, mailbox, kind, items } => {
                let reply = self.import(account, (mailbox, kind), items).await?;
                replies.reply(reply).await
            }
            AdminRequest::Export { account, mailbox } => self.export(account, mailbox, replies).await,
        }
    }

    async fn list_domains(&self, replies: &mut dyn Replies) -> Outcome<()> {
        let main = self.house.settings().domain.clone();
        let mut all = self
            .house
            .store
            .read(|tx| {
                let names = crate::store::accounts::domains(tx)?;
                names
                    .into_iter()
                    .map(|name| Ok((crate::store::accounts::list(tx, Some(&name))?.len() as u64, name)))
                    .collect::<Outcome<Vec<_>>>()
            })
            .await?;
        all.sort_by_key(|(_, name)| *name != main);
        for (accounts, name) in all {
            let main = name == main;
            replies.reply(AdminReply::Domain { name, main, accounts }).await?;
        }
        Ok(())
    }

    /// Replies with an account: all settings in force, or only those of its own.
    async fn reply_account(&self, address: AccountAddress, all: bool, replies: &mut dyn Replies) -> Outcome<()> {
        let info = self
            .house
            .store
            .read(move |tx| {
                let id = accounts::find(tx, &address)?;
                let record = crate::store::accounts::get(tx, id)?;
                let mut messages = 0;
                for (_, entry) in mailboxes::names(tx, id)? {
                    messages += entry.mailbox.map_or(Ok(0), |mailbox| mailboxes::state(tx, mailbox).map(|s| u64::from(s.messages)))?;
                }
                let own = |(name, value): (&String, &Value)| value.as_str().map(|v| (name.clone(), v.to_owned()));
                let settings = match all {
                    true => settings::names().filter_map(|name| Some((name.to_owned(), record.setting(name)?))).collect(),
                    false => record.settings.iter().filter_map(own).collect(),
                };
                let (bytes, real_name) = (crate::store::accounts::state(tx, id)?.used, record.real_name().map(str::to_owned));
                let credential = crate::store::accounts::credential(tx, id)?.unwrap_or_default();
                let methods = auth::methods(&credential).into_iter().map(str::to_owned).collect();
                Ok(AccountInfo { address: record.address.clone(), real_name, admin: record.admin, messages, bytes, methods, settings })
            })
            .await?;
        replies.reply(AdminReply::Account(info)).await
    }

    async fn import(
        &self,
        account: AccountAddress,
        target: (Option<MailboxName>, ItemKind),
        items: Vec<ImportItem>,
    ) -> Outcome<AdminReply> {
        if target.1 == ItemKind::Calendar && !items.is_empty() {
            return super::calendars::import(&self.house, account, target.0, items).await;
        }
        let most = self.house.settings().limits.mail_size;
        let (new, large): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.data.len() <= most);
        let failed = large.into_iter().map(|item| Refusal { source: item.source, reason: "message is too large".into() }).collect();
        let imported = new.len() as u64;
        let prepared = self.house.store.compute(move || Ok(prepare(new))).await?;
        self.house.store.write(move |tx| store_all(tx, &account, target.0.as_ref(), target.1, &prepared)).await?;
        Ok(AdminReply::Imported { imported, failed })
    }

    async fn export(&self, account: AccountAddress, mailbox: Option<MailboxName>, replies: &mut dyn Replies) -> Outcome<()> {
        let boxes = self.house.store.read(move |tx| to_export(tx, &account, mailbox.as_ref())).await?;
        for (record, rows) in boxes {
            let kind = match record.class.as_str() {
                "IPF.Appointment" | "IPF.Task" => ItemKind::Calendar,
                "IPF.Contact" => ItemKind::Contacts,
                _ => ItemKind::Mail,
            };
            replies.reply(AdminReply::Mailbox { name: record.name, kind }).await?;
            for slice in rows.chunks(EXPORTED_AT_ONCE) {
                let slice = slice.to_vec();
                let items = self
                    .house
                    .store
                    .read(move |tx| slice.iter().map(|row| Ok((*row, blobs::whole(tx, row.blob)?))).collect::<Outcome<Vec<_>>>())
                    .await?;
                for (row, data) in items {
                    replies.reply(AdminReply::Item { received: row.internal, flags: row.flags, data }).await?;
                }
            }
        }
        Ok(())
    }
}

struct Imported {
    message: Prepared,
    flags: Flags,
    received: Option<Timestamp>,
}

fn prepare(items: Vec<ImportItem>) -> Vec<Imported> {
    items.into_iter().map(|item| Imported { message: Prepared::of(item.data), flags: item.flags, received: item.received }).collect()
}

/// The account's main mailbox for items of a kind.
fn main_mailbox(tx: &dyn Read, owner: &Caller, kind: ItemKind) -> Outcome<MailboxName> {
    let preference = match kind {
        ItemKind::Mail => return Ok(MailboxName::inbox()),
        ItemKind::Calendar => "CalendarBox",
        ItemKind::Contacts => "ContactsBox",
    };
    Preferences::read(tx, owner)?.text(preference).parse().map_err(|_| Fault::no_mailbox())
}

/// The class of a mailbox that is made for items of a kind.
fn class_of(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Mail => "",
        ItemKind::Calendar => "IPF.Appointment",
        ItemKind::Contacts => contacts::CLASS,
    }
}

fn store_all(tx: &WriteTx, account: &AccountAddress, name: Option<&MailboxName>, kind: ItemKind, items: &[Imported]) -> Outcome<()> {
    let (id, now) = (accounts::find(tx, account)?, Timestamp::now());
    let owner = Caller { account: id, address: account.clone() };
    crate::domain::messages::check_quota(tx, &owner, items.iter().map(|item| u64::from(item.message.size())).sum())?;
    let name = name.map_or_else(|| main_mailbox(tx, &owner, kind), |name| Ok(name.clone()))?;
    let mailbox = match mailboxes::find(tx, id, &name)? {
        Some(mailbox) => mailbox,
        None => mailboxes::create(tx, id, &name, class_of(kind), Default::default(), now)?,
    };
    let new = items.iter().map(|item| {
        let blob = item.message.store(tx)?;
        Ok(item.message.message(blob, item.flags, item.received.or(item.message.sent()).unwrap_or(now)))
    });
    let new = new.collect::<Outcome<Vec<_>>>()?;
    if new.is_empty() { Ok(()) } else { messages::append(tx, &mailbox, &new, &[]).map(drop) }
}

/// The mailboxes of an export, each with its messages by UID.
fn to_export(tx: &dyn Read, account: &AccountAddress, mailbox: Option<&MailboxName>) -> Outcome<Vec<(MailboxRecord, Vec<Row>)>> {
    let id = accounts::find(tx, account)?;
    let mut out = Vec::new();
    for (name, entry) in mailboxes::names(tx, id)? {
        if mailbox.is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let Some(record) = entry.mailbox.map(|id| mailboxes::get(tx, id)).transpose()?.flatten() else { continue };
        let mut rows = Vec::new();
        ledger::visit(tx, record.id, Uid(0), &mut |row| {
            rows.push(row);
            Ok(ControlFlow::Continue(()))
        })?;
        out.push((record, rows));
    }
    if out.is_empty() && mailbox.is_some() { Err(Fault::no_mailbox()) } else { Ok(out) }
}

impl Executor for Backend {
    fn execute<'a>(&'a self, request: AdminRequest, replies: &'a mut dyn Replies) -> LocalBoxFuture<'a, Outcome<()>> {
        Box::pin(self.run(request, replies))
    }
}
