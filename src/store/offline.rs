//! Instant messages that wait for a session of their account, bounded per account.
//!
//! Spec: XIMSS, "Instant Messaging"; XEP-0160.

use super::engine::{Direction, Read};
use super::keys::{self, Key};
use super::records;
use super::tables::OFFLINE_IMS;
use super::writer::WriteTx;
use crate::model::fault::Outcome;
use crate::model::ids::AccountId;
use crate::model::im::InstantMessage;
use std::ops::ControlFlow;

/// The most messages that wait for one account.
pub const MOST_MESSAGES: usize = 200;
/// The most bytes that they hold.
pub const MOST_BYTES: usize = 1 << 20;

/// Visits what waits for an account, oldest first: its number and its stored bytes.
fn visit(tx: &dyn Read, account: AccountId, each: &mut dyn FnMut(u64, &[u8]) -> Outcome<()>) -> Outcome<()> {
    let prefix = Key::of(account.0);
    tx.scan(OFFLINE_IMS, keys::within(&prefix, &prefix.end()), Direction::Forward, &mut |key, value| {
        each(keys::u64_at(key, 8), value)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Keeps a message. False where no more fits: nothing is changed then.
pub fn keep(tx: &WriteTx, account: AccountId, message: &InstantMessage) -> Outcome<bool> {
    let (mut count, mut bytes, mut last) = (0, 0, 0);
    visit(tx, account, &mut |number, value| {
        (count, bytes, last) = (count + 1, bytes + value.len(), number);
        Ok(())
    })?;
    let fits = count < MOST_MESSAGES && bytes + message.weight() <= MOST_BYTES;
    if fits {
        records::put(tx, OFFLINE_IMS, &Key::of(account.0).u64(last + 1), message)?;
    }
    Ok(fits)
}

/// True when something waits for an account.
pub fn any(tx: &dyn Read, account: AccountId) -> Outcome<bool> {
    let mut any = false;
    let prefix = Key::of(account.0);
    tx.scan(OFFLINE_IMS, keys::within(&prefix, &prefix.end()), Direction::Forward, &mut |_, _| {
        any = true;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(any)
}

/// Takes all that waits for an account, oldest first.
pub fn take(tx: &WriteTx, account: AccountId) -> Outcome<Vec<InstantMessage>> {
    let mut messages = Vec::new();
    visit(tx, account, &mut |_, value| {
        messages.push(records::decode(value)?);
        Ok(())
    })?;
    forget(tx, account)?;
    Ok(messages)
}

/// Drops all that waits for an account: it is gone.
pub fn forget(tx: &WriteTx, account: AccountId) -> Outcome<()> {
    let prefix = Key::of(account.0);
    tx.delete_range(OFFLINE_IMS, keys::within(&prefix, &prefix.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::im::ImContent;
    use crate::store::Store;

    fn message(body: &str) -> InstantMessage {
        let content = ImContent::Text { body: Some(body.to_owned()), subject: None, extra: Default::default() };
        let from = "bob@example.test".parse().unwrap();
        InstantMessage { from, from_name: None, from_client: None, kind: None, id: None, content, waited_since: None }
    }

    #[actix::test]
    async fn messages_wait_in_order_within_bounds() {
        let store = Store::in_memory();
        let (mine, other) = (AccountId(7), AccountId(8));
        let kept = store.write(move |tx| {
            let kept = (0..=MOST_MESSAGES).map(|n| keep(tx, mine, &message(&n.to_string()))).collect::<Outcome<Vec<_>>>()?;
            keep(tx, other, &message("other"))?;
            Ok(kept)
        });
        let kept = kept.await.unwrap();
        assert_eq!(kept.iter().filter(|kept| **kept).count(), MOST_MESSAGES);
        let taken = store.write(move |tx| take(tx, mine)).await.unwrap();
        assert_eq!((taken.len(), &taken[0], &taken[199]), (MOST_MESSAGES, &message("0"), &message("199")));
        assert!(!store.read(move |tx| any(tx, mine)).await.unwrap() && store.read(move |tx| any(tx, other)).await.unwrap());
        let big = "x".repeat(MOST_BYTES);
        assert!(!store.write(move |tx| keep(tx, mine, &message(&big))).await.unwrap());
    }
}
