//! Accounts as they are made, changed and removed.

use super::*;
use crate::domain::{access, sweeper};
use crate::model::credential::{DeviceSecret, Verifier};
use crate::model::flags::Flags;
use crate::model::ids::Uid;
use crate::model::rights::Acl;
use crate::store::{departed, ledger};
use std::future::Future;
use std::ops::ControlFlow;

/// Runs a scene over a store with the main domain `example.test`.
fn scene<F: Future<Output = ()>>(play: impl FnOnce(Store, Workers) -> F) {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        ensure_main_domain(&store, &"example.test".parse().unwrap()).await.unwrap();
        play(store, Workers::start("keys", 1, 8).unwrap()).await;
    });
}

fn address(text: &str) -> AccountAddress {
    text.parse().unwrap()
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

async fn make(store: &Store, keys: &Workers, name: &str) -> Outcome<AccountId> {
    create_with_password(store, keys, NewAccount::named(address(name)), secret("secret"), false).await
}

fn set(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_new_account_has_its_mailboxes_and_a_letter() {
    scene(|store, keys| async move {
        let new = NewAccount { real_name: Some("Alice Ä.".into()), admin: true, ..NewAccount::named(address("alice@example.test")) };
        let id = create_with_password(&store, &keys, new, secret("secret"), true).await.unwrap();
        let look = move |tx: &dyn Read| {
            let record = accounts::get(tx, id)?;
            assert_eq!((record.admin, record.real_name()), (true, Some("Alice Ä.")));
            let mut all = Vec::new();
            for (name, entry) in mailboxes::names(tx, id)? {
                all.push((name.to_string(), mailboxes::get(tx, entry.mailbox.unwrap())?.unwrap().class));
            }
            let mut expected: Vec<_> = MAILBOXES.iter().map(|(name, class)| ((*name).to_owned(), (*class).to_owned())).collect();
            expected.sort();
            assert_eq!(all, expected);
            let inbox = mailboxes::find(tx, id, &MailboxName::inbox())?.unwrap();
            let mut rows = Vec::new();
            ledger::visit(tx, inbox.id, Uid(0), &mut |row| {
                rows.push(row.flags);
                Ok(ControlFlow::Continue(()))
            })?;
            assert_eq!(rows, [Flags::RECENT]);
            assert_eq!(accounts::credential(tx, id)?.unwrap().verifiers.len(), 5);
            Ok(())
        };
        store.read(look).await.unwrap();
    });
}

#[test]
fn an_account_needs_a_domain_a_free_name_and_a_password() {
    scene(|store, keys| async move {
        assert!(make(&store, &keys, "alice@example.test").await.is_ok());
        assert_eq!(make(&store, &keys, "Alice@Example.test").await.unwrap_err().number, 511);
        assert_eq!(make(&store, &keys, "alice@elsewhere.test").await.unwrap_err().number, 510);
        for bad in ["", "a\0b", "a\nb", &"x".repeat(1025)] {
            let made = create_with_password(&store, &keys, NewAccount::named(address("bob@example.test")), secret(bad), false).await;
            assert_eq!(made.unwrap_err().number, 500);
        }
        let named = NewAccount { real_name: Some("a\nb".into()), ..NewAccount::named(address("bob@example.test")) };
        assert!(create_with_password(&store, &keys, named, secret("x"), false).await.is_err());
        assert!(store.read(|tx| accounts::find(tx, &address("bob@example.test"))).await.unwrap().is_none());
    });
}

#[test]
fn another_password_ends_sessions_and_keeps_the_secrets_of_devices() {
    scene(|store, keys| async move {
        let id = make(&store, &keys, "alice@example.test").await.unwrap();
        let device = DeviceSecret { label: "phone".into(), created: Timestamp(1), verifier: Verifier::Argon2id(String::new()) };
        let add = move |tx: &WriteTx| {
            let record = accounts::credential(tx, id)?.unwrap();
            accounts::put_credential(tx, id, &CredentialRecord { devices: vec![device.clone()], ..record })
        };
        store.write(add).await.unwrap();
        let before = store.read(move |tx| accounts::state(tx, id)).await.unwrap();
        let inbox = store.feed().listen(id, || ());
        set_password(&store, &keys, &address("alice@example.test"), secret("other"), false).await.unwrap();
        let (after, record) = store.read(move |tx| Ok((accounts::state(tx, id)?, accounts::credential(tx, id)?.unwrap()))).await.unwrap();
        assert!(after.sessions_from > before.modseq);
        assert!(verifiers::is_password(record.argon2id(), "other") && !verifiers::is_password(record.argon2id(), "secret"));
        assert_eq!(record.devices.len(), 1);
        assert!(inbox.drain().changes.iter().any(|change| change.what == What::Account && change.modseq == after.sessions_from));
        assert_eq!(set_password(&store, &keys, &address("bob@example.test"), secret("x"), false).await.unwrap_err().number, 510);
    });
}

#[test]
fn settings_are_set_all_or_none() {
    scene(|store, keys| async move {
        let id = make(&store, &keys, "alice@example.test").await.unwrap();
        let change =
            |changes: Vec<(String, String)>| store.write(move |tx| set_settings(tx, id, &changes).and_then(|()| accounts::get(tx, id)));
        let record = change(vec![set("pwdallowed", "no"), set("MaxAccountSize", "10m")]).await.unwrap();
        assert_eq!((record.setting("PWDAllowed").as_deref(), record.quota()), (Some("NO"), Some(10 << 20)));
        assert!(change(vec![set("PWDAllowed", "yes"), set("PWDAlowed", "yes")]).await.unwrap_err().text.contains("PWDAllowed"));
        let record = change(vec![set("MaxAccountSize", "")]).await.unwrap();
        assert_eq!((record.setting("PWDAllowed").as_deref(), record.quota()), (Some("NO"), None));
    });
}

#[test]
fn a_removed_account_is_gone_with_all_it_had() {
    scene(|store, keys| async move {
        let id = make(&store, &keys, "alice@example.test").await.unwrap();
        let inbox = store.feed().listen(id, || ());
        store.write(move |tx| remove(tx, id)).await.unwrap();
        assert!(inbox.drain().changes.iter().any(|change| change.what == What::Account));
        sweeper::sweep(&store).await.unwrap();
        let left = store.read(move |tx| Ok((accounts::find(tx, &address("alice@example.test"))?, mailboxes::names(tx, id)?.len())));
        assert_eq!(left.await.unwrap(), (None, 0));
        assert_eq!(store.write(move |tx| remove(tx, id)).await.unwrap_err(), Fault::no_account());
        assert_ne!(make(&store, &keys, "alice@example.test").await.unwrap(), id, "numbers are not reused");
    });
}

/// The rights of the holder of `name` on Alice's mailboxes `Shared0` to `Shared<n>`.
async fn rights_of(store: &Store, name: &str, alice: AccountId, count: usize) -> Vec<String> {
    let user = address(name);
    let look = move |tx: &dyn Read| {
        let user = Caller { account: accounts::find(tx, &user)?.unwrap_or(AccountId(0)), address: user.clone() };
        let owner = Caller { account: alice, address: address("alice@example.test") };
        let of = |n| Ok(mailboxes::find(tx, alice, &format!("Shared{n}").parse()?)?.unwrap());
        (0..count).map(|n| Ok(access::rights(&user, &owner, &of(n)?).to_string())).collect()
    };
    store.read(look).await.unwrap()
}

#[test]
fn rights_of_a_removed_account_do_not_come_to_the_next_of_its_name() {
    const COUNT: usize = 25;
    scene(|store, keys| async move {
        let alice = make(&store, &keys, "alice@example.test").await.unwrap();
        let bob = make(&store, &keys, "bob@example.test").await.unwrap();
        let share = move |tx: &WriteTx| {
            for n in 0..COUNT {
                let acl =
                    Acl(vec![("anyone".parse()?, "l".parse()?), ("bob".parse()?, "lrwa".parse()?), ("carol".parse()?, "lr".parse()?)]);
                mailboxes::create(tx, alice, &format!("Shared{n}").parse()?, "", acl, Timestamp(1))?;
            }
            let record = accounts::get(tx, alice)?;
            accounts::put(tx, alice, &AccountRecord { acl: Acl(vec![("bob@example.test".parse()?, "l".parse()?)]), ..record })
        };
        store.write(share).await.unwrap();
        assert_eq!(rights_of(&store, "bob@example.test", alice, COUNT).await, ["lrwa"; COUNT]);
        store.write(move |tx| remove(tx, bob)).await.unwrap();
        let refused = make(&store, &keys, "bob@example.test").await.unwrap_err();
        assert_eq!(refused, Fault::state("an account of this name is still being removed"));

        // In steps, with a copy of a list made in the middle of it, as a new mailbox inside a shared one has it.
        assert!(store.write(|tx| departed::sweep(tx, 15)).await.unwrap());
        let copy = move |tx: &WriteTx| {
            let outer = mailboxes::find(tx, alice, &"Shared24".parse()?)?.unwrap();
            assert_eq!(outer.acl.0.len(), 3, "its turn has not come");
            mailboxes::create(tx, alice, &format!("Shared{COUNT}").parse()?, "", outer.acl, Timestamp(1)).map(drop)
        };
        store.write(copy).await.unwrap();
        assert!(make(&store, &keys, "bob@example.test").await.is_err());
        let mut steps = 0;
        while store.write(|tx| departed::sweep(tx, 15)).await.unwrap() {
            steps += 1;
        }
        assert_eq!(steps, 2, "35 mailboxes and 1 account are three steps");

        make(&store, &keys, "bob@example.test").await.unwrap();
        assert_eq!(rights_of(&store, "bob@example.test", alice, COUNT + 1).await, ["l"; COUNT + 1]);
        assert_eq!(rights_of(&store, "carol@example.test", alice, COUNT + 1).await, ["lr"; COUNT + 1]);
        assert!(store.read(move |tx| accounts::get(tx, alice)).await.unwrap().acl.0.is_empty());
    });
}

#[test]
fn domains_go_when_they_are_empty_but_for_the_main_one() {
    scene(|store, keys| async move {
        let [main, other] = ["example.test", "other.test"].map(|name| name.parse::<DomainName>().unwrap());
        ensure_main_domain(&store, &main).await.unwrap();
        ensure_main_domain(&store, &other).await.unwrap();
        let id = make(&store, &keys, "alice@other.test").await.unwrap();
        let go = |domain: &DomainName| {
            let (domain, main) = (domain.clone(), main.clone());
            store.write(move |tx| remove_domain(tx, &domain, &main))
        };
        assert_eq!(go(&main).await.unwrap_err().number, 501);
        assert_eq!(go(&other).await.unwrap_err().number, 501);
        store.write(move |tx| remove(tx, id)).await.unwrap();
        assert!(go(&other).await.is_ok());
        assert_eq!(go(&other).await.unwrap_err().number, 510);
    });
}

#[test]
fn a_server_without_an_administrator_gets_one() {
    scene(|store, keys| async move {
        let domain: DomainName = "example.test".parse().unwrap();
        make(&store, &keys, "alice@example.test").await.unwrap();
        assert!(!store.read(has_admin).await.unwrap());
        let FirstAdmin::Made(made, password) = ensure_admin(&store, &keys, &domain, false).await.unwrap() else { panic!("none is there") };
        assert_eq!((made.to_string().as_str(), password.len()), ("postmaster@example.test", 23));
        assert!(store.read(has_admin).await.unwrap());
        assert_eq!(ensure_admin(&store, &keys, &domain, false).await.unwrap(), FirstAdmin::There);
    });
    scene(|store, keys| async move {
        let id = make(&store, &keys, "postmaster@example.test").await.unwrap();
        let promoted = ensure_admin(&store, &keys, &"example.test".parse().unwrap(), false).await.unwrap();
        assert_eq!(promoted, FirstAdmin::Promoted(address("postmaster@example.test")));
        assert!(store.read(move |tx| accounts::get(tx, id)).await.unwrap().admin);
    });
}
