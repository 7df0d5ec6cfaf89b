//! `Watch`: what a live session hears of its own account: alerts, mailboxes and preferences that were modified, and its
//! own end.
//!
//! It listens before it looks, so that nothing falls between login and the first look. What the feed brings is used as
//! it is; the store is asked only at the first look, when the feed has lost count (then every mailbox of the account
//! counts as modified), and when the account itself changed. Beside the inbox a watch holds three numbers.
//! Spec: XIMSS, "Service Operations" (alert, bye, mailboxModified), "Preferences" (prefsModified).

use super::settings;
use super::tell::Line;
use crate::model::change::{Change, What};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{AccountId, ModSeq};
use crate::model::names::MailboxName;
use crate::model::roster::RosterNews;
use crate::store::accounts::{self, Alert};
use crate::store::feed::{Feed, Inbox};
use crate::store::{Read, Store, mailboxes, roster};
use actix::Message;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Wakes the session: its watch has news. At most one is under way.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct AccountChanged;

/// A session's ear on its account; dropping it ends the listening.
pub struct Watch {
    account: AccountId,
    /// The service whose session this is, as `AccessModes` names it.
    service: &'static str,
    inbox: Inbox,
    /// Sessions that began before a change which ends them are ended by it.
    since: Cell<ModSeq>,
    /// Alerts up to this change have been told.
    told: Cell<ModSeq>,
    /// The store is to be asked next time.
    look: Cell<Look>,
}

/// What the store is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    /// Nothing.
    No,
    /// Whether the session may go on, and for alerts that have been waiting.
    Account,
    /// That, and for all mailboxes: it is not known which of them changed.
    All,
}

/// What is new since the last time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The session must end: the account is gone, or whoever holds this session may no longer have it.
    pub ended: bool,
    /// Alerts in the order of their posting. Each is told once; confirm them when they are sent.
    pub alerts: Vec<Alert>,
    /// The mailboxes that were modified.
    pub mailboxes: BTreeSet<MailboxName>,
    /// The account's preferences were modified, or may have been.
    pub preferences: bool,
    /// What is new in the roster.
    pub roster: Vec<RosterNews>,
}

impl Watch {
    /// Listens from now on, for a session of this service that was admitted at the change number `since`. `wake` is told
    /// at once: there may be alerts waiting.
    pub fn begin(feed: &Feed, account: AccountId, service: &'static str, since: ModSeq, wake: Line<AccountChanged>) -> Self {
        wake.tell(AccountChanged);
        let inbox = feed.listen(account, move || wake.tell(AccountChanged));
        Self { account, service, inbox, since: Cell::new(since), told: Cell::default(), look: Cell::new(Look::Account) }
    }

    /// The session stays although the account's sessions up to this change are ended: it is the one that ended them.
    pub fn stay(&self, change: ModSeq) {
        self.since.set(self.since.get().max(change));
    }

    /// What is new; modified mailboxes are collected only where the session wants to hear of them. After a fault the
    /// store is asked again next time.
    pub async fn news(&self, store: &Store, with_mailboxes: bool) -> Outcome<News> {
        let drained = self.inbox.drain();
        let lost = if drained.overflowed { Look::All } else { Look::No };
        let changed = if drained.changes.iter().any(|c| c.what == What::Account) { Look::Account } else { Look::No };
        let look = self.look.replace(Look::No).max(lost).max(changed);
        let (alerts, mut mailboxes) = self.heard_in(&drained.changes);
        let preferences = drained.overflowed || drained.changes.iter().any(|c| c.what == What::Preferences);
        let heard = |change: &Arc<Change>| match &change.what {
            What::Roster(news) => Some(news.clone()),
            _ => None,
        };
        let roster = drained.changes.iter().filter_map(heard).collect();
        let mut news = News { alerts, preferences, roster, ..News::default() };
        if look > Look::No {
            let (account, service, told, all) = (self.account, self.service, self.told.get(), look == Look::All);
            let since = self.since.get();
            let asked = store.read(move |tx| {
                let ended = has_ended(tx, account, service, since)?;
                if ended { Ok(News { ended, ..News::default() }) } else { waiting(tx, account, told, all) }
            });
            let asked = asked.await;
            let found = asked.inspect_err(|_| self.look.set(look))?;
            mailboxes.extend(found.mailboxes);
            news.roster.extend(found.roster);
            news = News { ended: found.ended, alerts: both(news.alerts, found.alerts), ..news };
        }
        if with_mailboxes {
            news.mailboxes = mailboxes;
        }
        self.told.set(news.alerts.last().map_or(self.told.get(), |alert| alert.modseq));
        Ok(news)
    }

    fn heard_in(&self, changes: &[Arc<Change>]) -> (Vec<Alert>, BTreeSet<MailboxName>) {
        let (mut alerts, mut mailboxes) = (Vec::new(), BTreeSet::new());
        for change in changes {
            match &change.what {
                What::Alert { at, text } if change.modseq > self.told.get() => {
                    alerts.push(Alert { modseq: change.modseq, at: *at, text: text.clone() });
                }
                What::Messages { name, .. } | What::MailboxChanged { name, .. } | What::MailboxRemoved { name, .. } => {
                    mailboxes.insert(name.clone());
                }
                What::Alert { .. } | What::Roster(_) | What::Preferences | What::Account => {}
            }
        }
        (alerts, mailboxes)
    }
}

/// The alerts of both in order, each once.
fn both(some: Vec<Alert>, others: Vec<Alert>) -> Vec<Alert> {
    let by_change: BTreeMap<ModSeq, Alert> = some.into_iter().chain(others).map(|alert| (alert.modseq, alert)).collect();
    by_change.into_values().collect()
}

/// True where whoever was admitted at `since` would not be admitted any more.
fn has_ended(tx: &dyn Read, account: AccountId, service: &str, since: ModSeq) -> Outcome<bool> {
    match accounts::get(tx, account) {
        Err(fault) if fault == Fault::no_account() => Ok(true),
        Err(fault) => Err(fault),
        Ok(record) => Ok(!settings::may_use(&record, service) || accounts::state(tx, account)?.sessions_from > since),
    }
}

/// What the store has for a session: alerts nobody has confirmed and, where all may have changed, every mailbox.
fn waiting(tx: &dyn Read, account: AccountId, told: ModSeq, all: bool) -> Outcome<News> {
    let names = if all { mailboxes::names(tx, account)? } else { Vec::new() };
    let mailboxes = names.into_iter().filter(|(_, entry)| entry.mailbox.is_some()).map(|(name, _)| name).collect();
    let contacts = if all { roster::items(tx, account)? } else { Vec::new() };
    let roster = contacts.into_iter().filter(|item| item.listed).map(RosterNews::Item).collect();
    Ok(News { alerts: accounts::alerts(tx, account, told)?, mailboxes, roster, ..News::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{house, new_account};
    use crate::model::rights::Acl;
    use crate::model::time::Timestamp;
    use actix::{Actor, Context, Handler};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts how often it is woken.
    struct Sleeper(Arc<AtomicUsize>);

    impl Actor for Sleeper {
        type Context = Context<Self>;
    }

    impl Handler<AccountChanged> for Sleeper {
        type Result = ();
        fn handle(&mut self, _: AccountChanged, _: &mut Self::Context) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn watch(store: &Store, account: AccountId) -> Watch {
        let since = store.read(move |tx| Ok(accounts::state(tx, account)?.modseq)).await.unwrap();
        Watch::begin(store.feed(), account, "XIMSS", since, Line::to(&Sleeper(Arc::default()).start()))
    }

    async fn alert(store: &Store, account: AccountId, text: &'static str) {
        store.write(move |tx| accounts::post_alert(tx, account, Timestamp(5), text)).await.unwrap();
    }

    fn texts(news: &News) -> Vec<&str> {
        news.alerts.iter().map(|a| a.text.as_str()).collect()
    }

    #[test]
    fn each_alert_is_told_once_to_each_session_even_if_another_confirms_it() {
        actix::System::new().block_on(async {
            let store = house().store.clone();
            let alice = new_account(&store, "alice@example.test").await.account;
            alert(&store, alice, "waiting").await;
            let first = watch(&store, alice).await;
            alert(&store, alice, "between").await;
            let news = first.news(&store, false).await.unwrap();
            assert_eq!(texts(&news), ["waiting", "between"]);
            let second = watch(&store, alice).await;
            assert_eq!(texts(&second.news(&store, false).await.unwrap()), ["waiting", "between"]);
            alert(&store, alice, "later").await;
            let later = first.news(&store, false).await.unwrap();
            assert_eq!(texts(&later), ["later"]);
            let till = later.alerts[0].modseq;
            store.write(move |tx| accounts::confirm_alerts(tx, alice, till)).await.unwrap();
            assert_eq!(texts(&second.news(&store, false).await.unwrap()), ["later"]);
            assert_eq!(first.news(&store, false).await.unwrap(), News::default());
            assert!(watch(&store, alice).await.news(&store, false).await.unwrap().alerts.is_empty());
        });
    }

    #[test]
    fn modified_mailboxes_are_named_once_and_all_of_them_when_the_feed_lost_count() {
        actix::System::new().block_on(async {
            let store = house().store.clone();
            let alice = new_account(&store, "alice@example.test").await.account;
            let inbox = MailboxName::inbox();
            let notes: MailboxName = "Notes".parse().unwrap();
            let watch = watch(&store, alice).await;
            watch.news(&store, true).await.unwrap();
            let named = notes.clone();
            store.write(move |tx| mailboxes::create(tx, alice, &named, "", Acl::default(), Timestamp(2)).map(drop)).await.unwrap();
            let set = |times: u32| {
                let inbox = inbox.clone();
                store.write(move |tx| {
                    let record = mailboxes::find(tx, alice, &inbox)?.unwrap();
                    (0..times).try_for_each(|_| mailboxes::put(tx, &record))
                })
            };
            set(3).await.unwrap();
            let news = watch.news(&store, true).await.unwrap();
            assert_eq!(news.mailboxes, BTreeSet::from([inbox.clone(), notes.clone()]));
            set(2).await.unwrap();
            assert!(watch.news(&store, false).await.unwrap().mailboxes.is_empty());
            set(600).await.unwrap();
            assert_eq!(watch.news(&store, true).await.unwrap().mailboxes, BTreeSet::from([inbox, notes]));
        });
    }

    #[test]
    fn another_password_ends_all_sessions_but_the_one_that_set_it() {
        actix::System::new().block_on(async {
            let store = house().store.clone();
            let alice = new_account(&store, "alice@example.test").await.account;
            let (mine, other) = (watch(&store, alice).await, watch(&store, alice).await);
            assert!(!mine.news(&store, false).await.unwrap().ended && !other.news(&store, false).await.unwrap().ended);
            let change = store.write(move |tx| accounts::end_sessions(tx, alice)).await.unwrap();
            mine.stay(change);
            assert!(!mine.news(&store, false).await.unwrap().ended);
            assert!(other.news(&store, false).await.unwrap().ended);
            let late = Watch::begin(store.feed(), alice, "XIMSS", ModSeq(change.0 - 1), Line::to(&Sleeper(Arc::default()).start()));
            assert!(late.news(&store, false).await.unwrap().ended, "admitted by a password that no longer holds");
            let modes = |modes: &str| vec![("AccessModes".to_owned(), modes.to_owned())];
            let without = modes("Mail,IMAP");
            store.write(move |tx| crate::domain::accounts::set_settings(tx, alice, &without)).await.unwrap();
            assert!(mine.news(&store, false).await.unwrap().ended);
            let with = modes("Mail,XIMSS");
            store.write(move |tx| crate::domain::accounts::set_settings(tx, alice, &with)).await.unwrap();
            assert!(!mine.news(&store, false).await.unwrap().ended);
            store.write(move |tx| accounts::remove(tx, alice)).await.unwrap();
            assert!(mine.news(&store, false).await.unwrap().ended);
        });
    }

    #[test]
    fn a_session_is_woken_at_once_and_then_once_until_it_has_looked() {
        actix::System::new().block_on(async {
            let store = house().store.clone();
            let alice = new_account(&store, "alice@example.test").await.account;
            let woken = Arc::new(AtomicUsize::new(0));
            let sleeper = Sleeper(woken.clone()).start();
            let watch = Watch::begin(store.feed(), alice, "XIMSS", ModSeq(0), Line::to(&sleeper));
            alert(&store, alice, "a").await;
            alert(&store, alice, "b").await;
            // Answered behind the wake-ups that are under way.
            sleeper.send(AccountChanged).await.unwrap();
            assert_eq!(woken.swap(0, Ordering::Relaxed), 3, "the beginning, the first alert, and the one sent here");
            watch.news(&store, false).await.unwrap();
            alert(&store, alice, "c").await;
            sleeper.send(AccountChanged).await.unwrap();
            assert_eq!(woken.load(Ordering::Relaxed), 2);
        });
    }
}
