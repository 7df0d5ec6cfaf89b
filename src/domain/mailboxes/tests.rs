//! Who may make, rename, remove and list what, over a store in memory.

use super::*;
use crate::model::names::AccountAddress;
use crate::model::names::ListPattern;
use crate::store::Store;
use crate::store::accounts::AccountRecord;

fn account(tx: &WriteTx, address: &str) -> Outcome<Caller> {
    let address: AccountAddress = address.parse()?;
    if accounts::domain(tx, &address.domain)?.is_none() {
        accounts::create_domain(tx, &address.domain, Timestamp(0))?;
    }
    let record = AccountRecord {
        address: address.clone(),
        created: Timestamp(0),
        admin: false,
        settings: Default::default(),
        acl: Acl::default(),
        recovery: None,
    };
    let account = accounts::create(tx, &record)?;
    mailboxes::create(tx, account, &MailboxName::inbox(), "", Acl::default(), Timestamp(1))?;
    Ok(Caller { account, address })
}

/// Runs a scene with Alice and Bob in one transaction.
fn scene(play: impl Fn(&WriteTx, &Caller, &Caller) -> Outcome<()> + Send + 'static) {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        store.write(move |tx| play(tx, &account(tx, "alice@example.test")?, &account(tx, "bob@example.test")?)).await.unwrap();
    });
}

fn path(text: &str) -> MailboxPath {
    text.parse().unwrap()
}

fn make(tx: &WriteTx, who: &Caller, name: &str) -> Outcome<()> {
    create(tx, who, &path(name), "", Timestamp(2))
}

fn grant(tx: &WriteTx, who: &Caller, name: &str, to: &str, rights: &str) {
    acl::update(tx, who, &path(name), &[crate::model::rights::AclStep::Set(to.parse().unwrap(), rights.parse().unwrap())]).unwrap();
}

fn listed(tx: &WriteTx, who: &Caller, pattern: &str) -> Vec<String> {
    let pattern: ListPattern = pattern.parse().unwrap();
    let asked = listing::Asked { pattern, class: None, pure_folders: None };
    let mark = |l: listing::Listed| format!("{}{}", l.name, if l.mailbox.is_none() { "/" } else { "" });
    listing::list(tx, who, &asked).unwrap().into_iter().map(mark).collect()
}

#[test]
fn outer_folders_come_with_the_first_mailbox_inside() {
    scene(|tx, alice, _| {
        make(tx, alice, "A/B/C")?;
        assert_eq!(listed(tx, alice, "*"), ["A/", "A/B/", "A/B/C", "INBOX"]);
        make(tx, alice, "A")?;
        assert_eq!(listed(tx, alice, "%"), ["A", "INBOX"]);
        assert_eq!(make(tx, alice, "A").unwrap_err().number, 511);
        rename(tx, alice, &path("A"), &path("Z"), true, Timestamp(3))?;
        assert_eq!(listed(tx, alice, "*"), ["INBOX", "Z", "Z/B/", "Z/B/C"]);
        rename(tx, alice, &path("Z"), &path("Y"), false, Timestamp(3))?;
        assert_eq!(listed(tx, alice, "*"), ["INBOX", "Y", "Z/", "Z/B/", "Z/B/C"]);
        assert!(remove(tx, alice, &path("Z"), false).is_err());
        remove(tx, alice, &path("Z"), true)?;
        assert_eq!(listed(tx, alice, "*"), ["INBOX", "Y"]);
        Ok(())
    });
}

#[test]
fn inbox_stays() {
    scene(|tx, alice, _| {
        assert!(remove(tx, alice, &path("inbox"), true).is_err());
        let old = mailboxes::find(tx, alice.account, &MailboxName::inbox())?.unwrap();
        rename(tx, alice, &path("INBOX"), &path("Old"), false, Timestamp(3))?;
        assert_eq!(mailboxes::find(tx, alice.account, &path("Old").name)?.unwrap().id, old.id);
        assert_ne!(mailboxes::find(tx, alice.account, &MailboxName::inbox())?.unwrap().id, old.id);
        assert!(rename(tx, alice, &path("Old"), &path("Old/x"), true, Timestamp(3)).is_err());
        Ok(())
    });
}

#[test]
fn others_need_rights() {
    scene(|tx, alice, bob| {
        make(tx, alice, "Shared")?;
        let theirs = "~alice/Shared";
        assert_eq!(access::reach(tx, bob, &path(theirs), Rights::READ).unwrap_err(), Fault::no_mailbox());
        assert!(make(tx, bob, "~alice/Mine").is_err());
        grant(tx, alice, "Shared", "bob", "lr");
        assert_eq!(listed(tx, bob, "~alice@example.test/*"), ["~alice@example.test/Shared"]);
        assert!(access::reach(tx, bob, &path(theirs), Rights::READ).is_ok());
        assert_eq!(access::reach(tx, bob, &path(theirs), Rights::INSERT).unwrap_err(), Fault::denied());
        assert_eq!(make(tx, bob, "~alice/Shared/In").unwrap_err(), Fault::denied());
        assert_eq!(remove(tx, bob, &path(theirs), false).unwrap_err(), Fault::denied());
        assert!(acl::list(tx, bob, &path(theirs)).is_err());
        grant(tx, alice, "Shared", "bob", "lrc");
        make(tx, bob, "~alice/Shared/In")?;
        assert_eq!(acl::rights(tx, bob, &path("~alice/Shared/In"))?.to_string(), "lrc");
        assert_eq!(remove(tx, bob, &path("~alice/Shared/In"), false).unwrap_err(), Fault::denied());
        grant(tx, alice, "Shared/In", "bob", "lrd");
        remove(tx, bob, &path("~alice/Shared/In"), false)
    });
}

#[test]
fn an_alias_leads_elsewhere_with_the_rights_there() {
    scene(|tx, alice, bob| {
        make(tx, alice, "Shared")?;
        grant(tx, alice, "Shared", "bob", "lr");
        set_aliases(tx, bob, &[(path("Hers").name, Some(path("~alice/Shared")))])?;
        assert_eq!(listed(tx, bob, "*"), ["INBOX", "Hers"]);
        assert_eq!(access::reach(tx, bob, &path("Hers"), Rights::INSERT).unwrap_err(), Fault::denied());
        rename(tx, bob, &path("Hers"), &path("Theirs"), false, Timestamp(3))?;
        assert!(access::reach(tx, bob, &path("Theirs"), Rights::READ).is_ok());
        remove(tx, bob, &path("Theirs"), false)?;
        assert!(mailboxes::find(tx, alice.account, &path("Shared").name)?.is_some());
        Ok(())
    });
}
