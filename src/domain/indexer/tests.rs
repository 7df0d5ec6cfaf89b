//! With the index and without it, a filter finds the same messages.

use super::*;
use crate::domain::delivery::Prepared;
use crate::domain::folder::fields::Sorting;
use crate::domain::folder::filter::{Filter, Selection};
use crate::domain::folder::view::{self, Entry, Look};
use crate::model::flags::Flags;
use crate::model::names::{AccountAddress, MailboxName};
use crate::model::rights::{Acl, Rights};
use crate::model::time::Timestamp;
use crate::store::accounts::{self, AccountRecord};
use crate::store::mailboxes::MailboxRecord;
use crate::store::{WriteTx, messages};

const EXTRA: usize = 50;

fn filled(tx: &WriteTx) -> Outcome<MailboxRecord> {
    let address: AccountAddress = "alice@example.test".parse()?;
    accounts::create_domain(tx, &address.domain, Timestamp(0))?;
    let (settings, acl) = (Default::default(), Acl::default());
    let account = AccountRecord { address, created: Timestamp(0), admin: false, settings, acl, recovery: None };
    let account = accounts::create(tx, &account)?;
    let mailbox = mailboxes::create(tx, account, &MailboxName::inbox(), "", Acl::default(), Timestamp(1))?;
    for number in 0..MESSAGES + EXTRA {
        let (subject, word) = (number % 7, number % 100);
        let raw = format!("From: \"Person {number}\" <p{number}@example.org>\r\nSubject: about {subject}\r\n\r\nword{word} and more\r\n");
        let prepared = Prepared::of(raw.into_bytes());
        messages::append(tx, &mailbox, &[prepared.message(prepared.store(tx)?, Flags::NONE, Timestamp(5))], &[])?;
    }
    Ok(mailbox)
}

/// For each filter: how many messages had to be looked at, and those that were found.
async fn found(store: &Store, mailbox: &MailboxRecord, filters: &[Filter]) -> Vec<(usize, Vec<Entry>)> {
    let (cache, mailbox, filters) = (store.orders(), mailbox.clone(), filters.to_vec());
    let question = move |tx: &dyn Read| {
        let one = |filter| {
            let selection = Selection { filter: Some(filter), ..Selection::default() };
            let look = Look { sorting: Sorting { field: "UID".parse()?, descending: false }, selection };
            let content = view::content(tx, &cache, &mailbox, Rights::ALL, &look)?;
            Ok((content.entries.len(), view::filtered(tx, mailbox.id, &content.entries, &look)?))
        };
        filters.into_iter().map(one).collect::<Outcome<Vec<_>>>()
    };
    store.read(question).await.unwrap()
}

#[test]
fn the_index_changes_nothing_but_time() {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        let mailbox = store.write(filled).await.unwrap();
        let asked = [
            ("From", "person 10"),
            ("E-From", "p104"),
            ("Subject", "ABOUT 3"),
            ("body", "word7"),
            ("body", "xyzzy"),
            ("X-None", "abc"),
            ("From", "on"),
            ("Date", "2019"),
        ];
        let mut filters: Vec<Filter> = asked.iter().map(|(field, text)| Filter::read(text, Some(field)).unwrap()).collect();
        filters.push(Filter::read("word42", None).unwrap());
        let before = found(&store, &mailbox, &filters).await;
        while store.write(|tx| search::renew(tx, 9)).await.unwrap() {}
        index(&store, mailbox.id).await.unwrap();
        let after = found(&store, &mailbox, &filters).await;
        let kept = |all: &[(usize, Vec<Entry>)]| all.iter().map(|(_, kept)| kept.clone()).collect::<Vec<_>>();
        assert_eq!(kept(&before), kept(&after));
        assert!(before.iter().all(|(looked_at, _)| *looked_at == MESSAGES + EXTRA));
        let looked_at: Vec<usize> = after.iter().map(|(looked_at, _)| *looked_at).collect();
        assert!(looked_at[3] < 200 && looked_at[4] == EXTRA && looked_at[6] == MESSAGES + EXTRA, "{looked_at:?}");
    });
}
