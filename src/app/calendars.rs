//! Calendar items that are imported: each takes the place of what the calendar held under its UID. Where no mailbox is
//! named, events go to the account's main calendar and tasks to its main box of tasks.

use super::admin::{AdminReply, ImportItem};
use crate::domain::access::Caller;
use crate::domain::accounts;
use crate::domain::calendar::index;
use crate::domain::house::House;
use crate::domain::preferences::Preferences;
use crate::domain::scheduling::import::{self, Found};
use crate::domain::scheduling::office::Office;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{AccountId, MailboxId};
use crate::model::mail::MailAddress;
use crate::model::names::{AccountAddress, MailboxName};
use crate::model::time::Timestamp;
use crate::store::{WriteTx, mailboxes};

/// Stores items.
pub(super) async fn import(
    house: &House,
    account: AccountAddress,
    mailbox: Option<MailboxName>,
    items: Vec<ImportItem>,
) -> Outcome<AdminReply> {
    let (settings, imported) = (house.settings(), items.len() as u64);
    let (limits, domain) = (settings.limits.clone(), settings.domain.clone());
    let read = move || Ok(items.into_iter().flat_map(|item| import::found_in(item.data, &limits, &domain)).collect::<Vec<_>>());
    let found = house.store.compute(read).await?;
    let address = account.clone();
    let office = house.store.read(move |tx| {
        let caller = Caller { account: accounts::find(tx, &address)?, address: address.clone() };
        let preferences = Preferences::read(tx, &caller)?;
        Ok((caller, preferences))
    });
    let (caller, preferences) = office.await?;
    let from = MailAddress { name: None, address: account.to_string() };
    let office = Office { caller, from, preferences, domain: settings.domain.clone(), limits: settings.limits.clone() };
    let (tasks, events): (Vec<Found>, Vec<Found>) = found.into_iter().partition(is_task);
    for (found, preference, class) in [(events, "CalendarBox", "IPF.Appointment"), (tasks, "TasksBox", "IPF.Task")] {
        if found.is_empty() {
            continue;
        }
        let name = match &mailbox {
            Some(name) => name.clone(),
            None => office.preferences.text(preference).parse().map_err(|_| Fault::no_mailbox())?,
        };
        let (owner, wanted) = (office.caller.account, name.clone());
        let place = match house.store.read(move |tx| mailboxes::find(tx, owner, &wanted)).await? {
            Some(record) => record.id,
            None => house.store.write(move |tx| made(tx, owner, &name, class)).await?,
        };
        index::bring_up_to_date(house, place).await?;
        let office = office.clone();
        house.store.write(move |tx| import::store(tx, &office, place, &found)).await?;
    }
    Ok(AdminReply::Imported { imported, failed: Vec::new() })
}

fn is_task(found: &Found) -> bool {
    match found {
        Found::Item(item, _) => item.entries.first().is_some_and(|entry| entry.is("VTODO")),
        Found::Unreadable(..) => false,
    }
}

/// The mailbox of a name, made where it is not there.
fn made(tx: &WriteTx, owner: AccountId, name: &MailboxName, class: &str) -> Outcome<MailboxId> {
    let found = mailboxes::find(tx, owner, name)?;
    let record = match found {
        Some(record) => record,
        None => mailboxes::create(tx, owner, name, class, Default::default(), Timestamp::now())?,
    };
    Ok(record.id)
}
