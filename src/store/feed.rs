//! The feed: commit first, then publish, in commit order.
//!
//! Each listener has an inbox that the writer's thread fills and the listener empties when it gets to it. It is woken
//! once when the inbox stops being empty, so at most one wake-up is ever under way, and the inbox is bounded: past
//! the bound it forgets and says so, and the listener looks at the store afresh.

use crate::model::change::{Change, What};
use crate::model::ids::{AccountId, MailboxId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use tokio::sync::Notify;

/// The most changes an inbox keeps before it gives up on details.
const MOST: usize = 512;

/// Tells a listener that its inbox has something. Must not block.
type Wake = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Waiting {
    changes: Vec<Arc<Change>>,
    overflowed: bool,
}

struct Listener {
    account: AccountId,
    waiting: Mutex<Waiting>,
    wake: Wake,
}

/// What a listener finds in its inbox.
#[derive(Debug, Default)]
pub struct Drained {
    /// Changes in commit order.
    pub changes: Vec<Arc<Change>>,
    /// True when there were more than the inbox could keep; then `changes` is empty.
    pub overflowed: bool,
}

/// A listener's end: dropping it ends the subscription.
pub struct Inbox {
    listener: Arc<Listener>,
    feed: Weak<Listeners>,
}

type Listeners = RwLock<HashMap<AccountId, Vec<Arc<Listener>>>>;

/// Who listens to which account.
#[derive(Clone, Default)]
pub struct Feed {
    listeners: Arc<Listeners>,
    grown: Arc<Grown>,
}

/// The mailboxes that got messages, for whoever follows all of them at leisure.
#[derive(Default)]
pub struct Grown {
    mailboxes: Mutex<HashSet<MailboxId>>,
    some: Notify,
}

impl Grown {
    /// Waits until a mailbox got messages; gives all that did since the last call, each once.
    pub async fn take(&self) -> HashSet<MailboxId> {
        loop {
            let some = self.some.notified();
            let taken = std::mem::take(&mut *self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            some.await;
        }
    }

    fn note(&self, mailbox: MailboxId) {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).insert(mailbox);
        self.some.notify_one();
    }
}

impl Feed {
    /// From now on, changes of this account go into the returned inbox; `wake` is called when it stops being empty.
    pub fn listen(&self, account: AccountId, wake: impl Fn() + Send + Sync + 'static) -> Inbox {
        let listener = Arc::new(Listener { account, waiting: Mutex::default(), wake: Box::new(wake) });
        // A panic while the lock was held cannot leave the map half changed, so poison is passed over here and below.
        let mut all = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
        let those = all.entry(account).or_insert_with(|| Vec::with_capacity(1));
        those.push(listener.clone());
        Inbox { listener, feed: Arc::downgrade(&self.listeners) }
    }

    /// The mailboxes that got messages.
    pub fn grown(&self) -> Arc<Grown> {
        self.grown.clone()
    }

    /// Tells those who listen to the accounts of one commit's changes: fills the inboxes first, then wakes each listener
    /// once, so that one commit is one piece of news.
    pub(super) fn publish(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let all = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        let mut to_wake: Vec<&Arc<Listener>> = Vec::new();
        for change in changes.into_iter().map(Arc::new) {
            if let What::Messages { mailbox, added, .. } = &change.what
                && !added.is_empty()
            {
                self.grown.note(*mailbox);
            }
            for listener in all.get(&change.account).into_iter().flatten() {
                if listener.put(&change) && !to_wake.iter().any(|other| Arc::ptr_eq(other, listener)) {
                    to_wake.push(listener);
                }
            }
        }
        to_wake.iter().for_each(|listener| (listener.wake)());
    }

    /// Tells all listeners that there were changes without saying which.
    pub(super) fn lose_track(&self) {
        let all = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in all.values().flatten() {
            if listener.lose_track() {
                (listener.wake)();
            }
        }
    }
}

impl Listener {
    /// Puts a change into the inbox. True if that was empty.
    fn put(&self, change: &Arc<Change>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = waiting.changes.is_empty() && !waiting.overflowed;
        if waiting.changes.len() >= MOST {
            *waiting = Waiting { changes: Vec::new(), overflowed: true };
        } else if !waiting.overflowed {
            waiting.changes.push(change.clone());
        }
        was_empty
    }

    /// Puts into the inbox that its owner must look afresh. True if it was empty.
    fn lose_track(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = waiting.changes.is_empty() && !waiting.overflowed;
        *waiting = Waiting { changes: Vec::new(), overflowed: true };
        was_empty
    }
}

impl Inbox {
    /// Empties the inbox.
    pub fn drain(&self) -> Drained {
        let mut waiting = self.listener.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Waiting { changes, overflowed } = std::mem::take(&mut *waiting);
        Drained { changes, overflowed }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let Some(listeners) = self.feed.upgrade() else { return };
        let mut all = listeners.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(those) = all.get_mut(&self.listener.account) {
            those.retain(|l| !Arc::ptr_eq(l, &self.listener));
            if those.is_empty() {
                all.remove(&self.listener.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::ModSeq;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn change(account: u64, n: u64) -> Change {
        Change { account: AccountId(account), modseq: ModSeq(n), what: What::Preferences }
    }

    #[test]
    fn one_wake_until_drained_and_no_growth_past_the_bound() {
        let (feed, woken) = (Feed::default(), Arc::new(AtomicUsize::new(0)));
        let count = woken.clone();
        let inbox = feed.listen(AccountId(1), move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        feed.publish(vec![change(2, 1)]);
        assert!(inbox.drain().changes.is_empty());
        feed.publish(vec![change(1, 2)]);
        feed.publish(vec![change(2, 2), change(1, 3)]);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(inbox.drain().changes.iter().map(|c| c.modseq.0).collect::<Vec<_>>(), [2, 3]);
        for n in 0..=MOST as u64 {
            feed.publish(vec![change(1, n)]);
        }
        assert_eq!(woken.load(Ordering::Relaxed), 2);
        let drained = inbox.drain();
        assert!(drained.overflowed && drained.changes.is_empty());
        feed.publish((0..=MOST as u64).map(|n| change(1, n)).collect());
        assert_eq!((woken.load(Ordering::Relaxed), inbox.drain().overflowed), (3, true));
        drop(inbox);
        assert!(feed.listeners.read().unwrap().is_empty());
    }
}
