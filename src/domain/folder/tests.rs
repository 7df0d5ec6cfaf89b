//! A client that applies the reports it is sent has, after each synchronisation, the list that a client who opens the
//! folder afresh is given. Whatever happens to the mailbox meanwhile, and however the synchronisation is cut by a limit.

use super::fields::Sorting;
use super::filter::{Filter, Selection};
use super::view::{self, Entry, Look, Pending, Report, ReportKind};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::Uid;
use crate::model::mail::Envelope;
use crate::model::names::{AccountAddress, MailboxName};
use crate::model::rights::{Acl, Rights};
use crate::model::time::Timestamp;
use crate::model::viewer::ViewerField;
use crate::store::accounts::{self, AccountRecord};
use crate::store::mailboxes::{self, MailboxRecord};
use crate::store::messages::{self, NewMessage};
use crate::store::{Store, WriteTx, blobs};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Append(u32, bool),
    Remove(usize),
    Mark(usize, bool),
    Delete(usize),
    Synchronise(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u32..20, any::<bool>()).prop_map(|(size, seen)| Step::Append(size, seen)),
        1 => (0usize..40).prop_map(Step::Remove),
        1 => (0usize..40, any::<bool>()).prop_map(|(at, seen)| Step::Mark(at, seen)),
        1 => (0usize..40).prop_map(Step::Delete),
        2 => (1usize..6).prop_map(Step::Synchronise),
    ]
}

fn look(descending: bool, hide_deleted: bool, filter: Option<Filter>) -> Look {
    Look { sorting: Sorting { field: ViewerField::Size, descending }, selection: Selection { filter, hide_deleted, uid_min: None } }
}

fn mailbox(tx: &WriteTx) -> crate::model::fault::Outcome<MailboxRecord> {
    let address: AccountAddress = "alice@example.test".parse()?;
    accounts::create_domain(tx, &address.domain, Timestamp(0))?;
    let record =
        AccountRecord { address, created: Timestamp(0), admin: false, settings: Default::default(), acl: Acl::default(), recovery: None };
    let account = accounts::create(tx, &record)?;
    mailboxes::create(tx, account, &MailboxName::inbox(), "", Acl::default(), Timestamp(1))
}

fn append(tx: &WriteTx, mailbox: &MailboxRecord, size: u32, seen: bool) -> crate::model::fault::Outcome<Uid> {
    let flags = if seen { Flags::SEEN } else { Flags::NONE };
    let blob = blobs::put(tx, &vec![b'x'; size as usize], 0)?;
    let (envelope, attributes) = (Envelope::default(), Default::default());
    let new = NewMessage { blob, size, flags, internal: Timestamp(5), envelope, original: None, attributes };
    Ok(messages::append(tx, mailbox, &[new], &[])?[0])
}

/// The client: a list that only reports change.
fn apply(list: &mut Vec<Uid>, reports: &[Report]) {
    for report in reports {
        match report.kind {
            ReportKind::Removed => assert_eq!(list.remove(report.index), report.uid),
            ReportKind::Added => list.insert(report.index, report.uid),
            ReportKind::Updated => assert_eq!(list[report.index], report.uid),
        }
        if report.kind != ReportKind::Updated {
            assert_eq!(report.messages, list.len());
        }
    }
}

struct Client {
    list: Vec<Uid>,
    entries: Vec<Entry>,
    pending: Pending,
}

async fn play(steps: Vec<Step>, look: Look) {
    let store = Store::in_memory();
    let record = store.write(mailbox).await.unwrap();
    let mut all: Vec<Uid> = Vec::new();
    let mut client = Client { list: Vec::new(), entries: Vec::new(), pending: Pending::default() };
    let mut steps = steps;
    steps.extend([Step::Synchronise(usize::MAX)]);
    for step in steps {
        let its = record.clone();
        match step {
            Step::Append(size, seen) => {
                let uid = store.write(move |tx| append(tx, &its, size, seen)).await.unwrap();
                all.push(uid);
                client.pending.added.insert(uid);
            }
            Step::Remove(at) if at < all.len() => {
                let uid = all.remove(at);
                store.write(move |tx| messages::remove(tx, &its, &[uid])).await.unwrap();
                client.pending.updated.remove(&uid);
                if !client.pending.added.remove(&uid) {
                    client.pending.removed.insert(uid);
                }
            }
            Step::Mark(at, seen) if at < all.len() => {
                let (uid, seen) =
                    (all[at], if seen { FlagChange::set(Flags::SEEN) } else { FlagChange { set: Flags::NONE, clear: Flags::SEEN } });
                store.write(move |tx| messages::set_flags(tx, &its, &[uid], seen)).await.unwrap();
                client.pending.updated.insert(uid);
            }
            Step::Delete(at) if at < all.len() => {
                let uid = all[at];
                store.write(move |tx| messages::set_flags(tx, &its, &[uid], FlagChange::set(Flags::DELETED))).await.unwrap();
                if look.selection.hide_deleted && !client.pending.added.contains(&uid) {
                    client.pending.removed.insert(uid);
                } else {
                    client.pending.updated.insert(uid);
                }
            }
            Step::Synchronise(limit) => {
                let (look, entries, pending) = (look.clone(), client.entries.clone(), client.pending.clone());
                let done = store.read(move |tx| view::synchronise(tx, &its, Rights::ALL, &look, &entries, pending, limit)).await.unwrap();
                assert!(done.reports.len() <= limit);
                apply(&mut client.list, &done.reports);
                (client.entries, client.pending) = (done.entries, done.left);
                assert_eq!(client.list, client.entries.iter().map(|e| e.uid).collect::<Vec<_>>());
                if let Some(last) = done.reports.last() {
                    assert_eq!(last.unseen, view::unseen(&client.entries));
                }
            }
            _ => {}
        }
    }
    assert!(client.pending.is_empty());
    let cache = store.orders();
    let fresh = store.read(move |tx| view::content(tx, &cache, &record, Rights::ALL, &look)).await.unwrap();
    assert_eq!(client.entries, fresh.entries);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn reports_lead_to_what_a_fresh_client_sees(steps in proptest::collection::vec(step(), 0..60), descending: bool, hide_deleted: bool) {
        actix::System::new().block_on(play(steps, look(descending, hide_deleted, None)));
    }
}

#[test]
fn a_filter_by_flags_keeps_what_it_had_until_reopened() {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        let record = store.write(mailbox).await.unwrap();
        let filter = Filter::read("Unseen", Some("FLAGS")).unwrap();
        let look = look(false, false, Some(filter));
        let its = record.clone();
        let (first, second) = store.write(move |tx| Ok((append(tx, &its, 1, false)?, append(tx, &its, 2, true)?))).await.unwrap();
        let (cache, its, its_look) = (store.orders(), record.clone(), look.clone());
        let content = store.read(move |tx| view::content(tx, &cache, &its, Rights::ALL, &its_look)).await.unwrap();
        assert_eq!(content.entries.iter().map(|e| e.uid).collect::<Vec<_>>(), [first]);
        let its = record.clone();
        store.write(move |tx| messages::set_flags(tx, &its, &[first], FlagChange::set(Flags::SEEN))).await.unwrap();
        let pending = Pending { updated: [first, second].into(), ..Pending::default() };
        let (its, its_look) = (record.clone(), look.clone());
        let done = store.read(move |tx| view::synchronise(tx, &its, Rights::ALL, &its_look, &content.entries, pending, 9)).await.unwrap();
        assert_eq!(done.reports.iter().map(|r| (r.kind, r.uid, r.unseen)).collect::<Vec<_>>(), [(ReportKind::Updated, first, 0)]);
        let cache = store.orders();
        let fresh = store.read(move |tx| view::content(tx, &cache, &record, Rights::ALL, &look)).await.unwrap();
        assert!(fresh.entries.is_empty());
    });
}
