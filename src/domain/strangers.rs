//! Strangers: who may not learn by asking whether there is an account.
//!
//! Whoever is entitled to know hears what the specification has for each case: 404 where there is no account, 480 where
//! nobody is there, 403 where somebody does not want to be reached. Entitled are those of the account's own domain, whose
//! directory names its accounts anyway; those whom the account lets see its presence (`from` or `both` in its roster); and
//! those who have any right on it. All others are strangers, and hear one and the same of an account that does not exist
//! and of one that does not let itself be reached, by whatever way they ask. Nothing is kept of what they say either, as
//! nothing would be kept for an account that does not exist. A device that rings, and a message that is shown to
//! somebody, reach a person: that is no secret, or nobody could be called.
//!
//! Mail is apart: whoever writes to nobody is told so in a report, as everywhere.
//! Spec: XIMSS, "Signaling", "Instant Messaging"; RFC 6121 8.5.1, 8.5.2.2 and 13.11 (the same error for both).

use super::access::Caller;
use super::roster::own_address;
use crate::model::fault::Outcome;
use crate::model::names::AccountAddress;
use crate::model::rights::AccountRights;
use crate::model::signal::SignalFailure;
use crate::store::{Read, Store, accounts, roster};

/// How somebody stands to an account that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May know whether there is one, and how it does.
    Entitled,
    /// May not.
    Stranger,
}

/// What a stranger hears in every case in which nobody is reached.
pub fn nobody() -> SignalFailure {
    SignalFailure::new(404, "nobody can be reached at this address")
}

/// How somebody stands to the account of an address, which need not exist.
pub fn standing(tx: &dyn Read, asker: &AccountAddress, of: &AccountAddress) -> Outcome<Standing> {
    if asker.domain == of.domain {
        return Ok(Standing::Entitled);
    }
    let Some(account) = accounts::find(tx, of)? else { return Ok(Standing::Stranger) };
    let by_right = accounts::get(tx, account)?.acl.effective(asker, of) != AccountRights::NONE;
    let is_watcher = || Ok(roster::item(tx, account, &own_address(asker))?.is_some_and(|item| item.subscription.from));
    Ok(if by_right || is_watcher()? { Standing::Entitled } else { Standing::Stranger })
}

/// True where the caller is a stranger to an account that was found.
pub fn is_stranger(tx: &dyn Read, caller: &Caller, of: &AccountAddress) -> Outcome<bool> {
    Ok(standing(tx, &caller.address, of)? == Standing::Stranger)
}

/// How those stand to an account who all hear the same: with one stranger among them they are. Without anybody they are,
/// too.
pub fn all_standing(tx: &dyn Read, askers: &[AccountAddress], of: &AccountAddress) -> Outcome<Standing> {
    let mut entitled = !askers.is_empty();
    for asker in askers {
        entitled &= standing(tx, asker, of)? == Standing::Entitled;
    }
    Ok(if entitled { Standing::Entitled } else { Standing::Stranger })
}

/// The same, for whoever is not asking the store. After a fault, which it has logged, all are strangers.
pub async fn standing_of_all(store: &Store, askers: Vec<AccountAddress>, of: &AccountAddress) -> Standing {
    if !askers.is_empty() && askers.iter().all(|asker| asker.domain == of.domain) {
        return Standing::Entitled;
    }
    let of = of.clone();
    store.read(move |tx| all_standing(tx, &askers, &of)).await.unwrap_or(Standing::Stranger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::{Setting, set, subscription::Verb};
    use crate::domain::testing::{house, new_account};
    use crate::model::rights::AclStep;

    fn address(text: &str) -> AccountAddress {
        text.parse().unwrap()
    }

    #[actix::test]
    async fn who_is_entitled_to_know() {
        let store = house().store.clone();
        let alice = new_account(&store, "alice@example.test").await;
        let (bob, friend) = (new_account(&store, "bob@other.test").await, new_account(&store, "carol@other.test").await);
        let (carol, dave) = (friend.address.clone(), address("dave@other.test"));
        let helper = dave.clone();
        let change = move |tx: &crate::store::WriteTx| {
            let says = |who: &Caller, whom: &Caller, verb| {
                set(tx, who, &Setting { peer: own_address(&whom.address), verb, name: None, groups: None })
            };
            says(&friend, &alice, Verb::Subscribe)?;
            says(&alice, &friend, Verb::Subscribed)?;
            // To have asked is not to have been let.
            says(&bob, &alice, Verb::Subscribe)?;
            let mut record = accounts::get(tx, alice.account)?;
            record.acl.update(&[AclStep::Set(helper.to_string().parse()?, AccountRights::MEETINGS)])?;
            accounts::put(tx, alice.account, &record)
        };
        store.write(change).await.unwrap();
        let stands = |asker: &str, of: &str| {
            let (store, asker, of) = (store.clone(), address(asker), address(of));
            async move { store.read(move |tx| standing(tx, &asker, &of)).await.unwrap() }
        };
        assert_eq!(stands("eve@example.test", "alice@example.test").await, Standing::Entitled);
        assert_eq!(stands("eve@example.test", "nobody@example.test").await, Standing::Entitled);
        assert_eq!(stands("bob@other.test", "alice@example.test").await, Standing::Stranger);
        assert_eq!(stands("bob@other.test", "nobody@example.test").await, Standing::Stranger);
        assert_eq!(stands("dave@other.test", "alice@example.test").await, Standing::Entitled);
        assert_eq!(stands("carol@other.test", "alice@example.test").await, Standing::Entitled);
        assert_eq!(stands("alice@example.test", "carol@other.test").await, Standing::Stranger, "she does not see him");
        let of = address("alice@example.test");
        assert_eq!(standing_of_all(&store, vec![dave.clone(), carol], &of).await, Standing::Entitled);
        assert_eq!(standing_of_all(&store, vec![dave, address("bob@other.test")], &of).await, Standing::Stranger);
        assert_eq!(standing_of_all(&store, vec![], &of).await, Standing::Stranger);
    }
}
