//! The store over a disk that fails: writes and syncs that do not happen, or half; a full disk; loss of power.
//!
//! Whatever happens, what was acknowledged is there and whole, nothing half done is seen, and once the disk is well
//! again the store is, without a restart.

use super::engine::Read;
use super::redb_engine::RedbEngine;
use super::{Options, Store, accounts, blobs, ledger, mailboxes, messages};
use crate::model::fault::Outcome;
use crate::model::flags::Flags;
use crate::model::ids::{AccountId, MailboxId, Uid};
use crate::model::mail::Envelope;
use crate::model::names::{AccountAddress, MailboxName};
use crate::model::rights::Acl;
use crate::model::time::Timestamp;
use crate::store::accounts::AccountRecord;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// After so many writes, all are refused, the first of them after its first half.
    Writes(usize),
    /// After so many syncs, all are refused.
    Syncs(usize),
    /// The file cannot grow.
    Full,
    /// Reads are refused.
    Reads,
}

#[derive(Debug, Default)]
struct File {
    data: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct Platters {
    /// The database and the write-ahead log.
    files: [File; 2],
    failure: Option<Failure>,
    generation: u32,
}

/// The disk, with the two files of a store; cloning gives another handle.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Platters>>);

/// A file of the disk as one opening of it sees it: after a power cut it does nothing.
#[derive(Debug)]
struct Handle {
    disk: Disk,
    file: usize,
    generation: u32,
}

fn refused() -> io::Error {
    io::Error::other("the disk fails, as this test asks")
}

impl Disk {
    fn fail(&self, failure: Option<Failure>) {
        self.0.lock().unwrap().failure = failure;
    }

    /// Power is lost: of what was not synced, any part may be there, sector by sector.
    fn cut_power(&self, chance: &mut dyn FnMut() -> bool) {
        let mut platters = self.0.lock().unwrap();
        platters.files.iter_mut().for_each(|file| file.cut_power(chance));
        platters.generation += 1;
        platters.failure = None;
    }

    fn handle(&self, file: usize) -> Handle {
        let generation = self.0.lock().unwrap().generation;
        Handle { disk: self.clone(), file, generation }
    }

    /// The log is small, so that it is full every now and then.
    fn store(&self) -> Store {
        let disk = self.clone();
        let source = move || Ok((redb::Database::builder().create_with_backend(disk.handle(0))?, Box::new(disk.handle(1)) as _));
        let engine = RedbEngine::from(Box::new(source), 128 << 10);
        Store::over(engine.unwrap(), Path::new("a failing disk"), &Options::default()).unwrap()
    }
}

impl File {
    fn cut_power(&mut self, chance: &mut dyn FnMut() -> bool) {
        let (mut data, unsynced) = (self.durable.clone(), std::mem::take(&mut self.unsynced));
        let length = self.data.len();
        data.resize(length, 0);
        for (at, bytes) in unsynced {
            for (number, sector) in bytes.chunks(512).enumerate() {
                let at = at + number * 512;
                if chance() && at + sector.len() <= data.len() {
                    data[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        (self.durable, self.data) = (data.clone(), data);
    }
}

impl Handle {
    fn with<T>(&self, f: impl FnOnce(&mut File, &mut Option<Failure>) -> io::Result<T>) -> io::Result<T> {
        let mut platters = self.disk.0.lock().unwrap();
        let Platters { files, failure, generation } = &mut *platters;
        if *generation != self.generation { Err(refused()) } else { f(&mut files[self.file], failure) }
    }
}

impl redb::StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.with(|file, _| Ok(file.data.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|file, failure| {
            let bytes = file.data.get(offset as usize..offset as usize + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            if *failure == Some(Failure::Reads) {
                return Err(refused());
            }
            out.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.with(|file, failure| {
            if *failure == Some(Failure::Full) && length > file.data.len() as u64 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            file.data.resize(length as usize, 0);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|file, failure| {
            if let Some(Failure::Syncs(left)) = *failure {
                *failure = Some(Failure::Syncs(left.saturating_sub(1)));
                if left == 0 {
                    return Err(refused());
                }
            }
            let unsynced = std::mem::take(&mut file.unsynced);
            let length = file.data.len();
            file.durable.resize(length, 0);
            for (at, bytes) in unsynced.iter().filter(|(at, bytes)| at + bytes.len() <= length) {
                file.durable[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|file, failure| {
            let mut bytes = bytes;
            let mut answer = Ok(());
            if let Some(Failure::Writes(left)) = *failure {
                *failure = Some(Failure::Writes(left.saturating_sub(1)));
                if left == 0 {
                    (bytes, answer) = (&bytes[..bytes.len() / 2], Err(refused()));
                }
            }
            let at = offset as usize;
            file.data.get_mut(at..at + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(bytes);
            file.unsynced.push((at, bytes.to_vec()));
            answer
        })
    }
}

/// What a test knows of the mailbox.
#[derive(Default)]
struct Known {
    acknowledged: BTreeMap<Uid, Vec<u8>>,
    attempted: BTreeSet<Vec<u8>>,
    number: u32,
}

async fn mailbox(store: &Store) -> MailboxId {
    let make = |tx: &super::WriteTx| {
        let address: AccountAddress = "alice@example.test".parse()?;
        accounts::create_domain(tx, &address.domain, Timestamp(0))?;
        let (settings, acl) = (Default::default(), Acl::default());
        let record = AccountRecord { address, created: Timestamp(0), admin: false, settings, acl, recovery: None };
        let account = accounts::create(tx, &record)?;
        Ok(mailboxes::create(tx, account, &MailboxName::inbox(), "", Acl::default(), Timestamp(1))?.id)
    };
    store.write(make).await.unwrap()
}

/// Several appends at once, each with content of its own.
async fn append(store: &Store, mailbox: MailboxId, known: &mut Known, count: u32) {
    let jobs = (0..count).map(|_| {
        known.number += 1;
        let raw = format!("{:08}", known.number).repeat(1 + known.number as usize % 2_000).into_bytes();
        known.attempted.insert(raw.clone());
        let its_own = raw.clone();
        let job = store.write(move |tx| {
            let record = mailboxes::get(tx, mailbox)?.ok_or_else(crate::model::fault::Fault::no_mailbox)?;
            let (blob, size, flags) = (blobs::put(tx, &raw, 0)?, raw.len() as u32, Flags::NONE);
            let (envelope, attributes) = (Envelope::default(), Default::default());
            let new = messages::NewMessage { blob, size, flags, internal: Timestamp(5), envelope, original: None, attributes };
            Ok(messages::append(tx, &record, &[new], &[])?[0])
        });
        async move { (job.await, its_own) }
    });
    for (done, raw) in futures_util::future::join_all(jobs.collect::<Vec<_>>()).await {
        if let Ok(uid) = done {
            known.acknowledged.insert(uid, raw);
        }
    }
}

fn found(tx: &dyn Read, mailbox: MailboxId) -> Outcome<(BTreeMap<Uid, Vec<u8>>, mailboxes::MailboxState, u64)> {
    let (mut rows, mut all) = (Vec::new(), BTreeMap::new());
    ledger::visit(tx, mailbox, Uid(0), &mut |row| {
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    })?;
    for row in rows {
        assert!(messages::envelope(tx, mailbox, row.uid)?.is_some());
        all.insert(row.uid, blobs::whole(tx, row.blob)?);
    }
    Ok((all, mailboxes::state(tx, mailbox)?, accounts::state(tx, AccountId(1))?.used))
}

/// Everything acknowledged is there and whole, nothing is there that nobody sent, and the counters agree.
async fn check(store: &Store, mailbox: MailboxId, known: &mut Known) {
    let (all, state, used) = store.read(move |tx| found(tx, mailbox)).await.expect("the store answers when the disk is well");
    for (uid, raw) in &known.acknowledged {
        assert_eq!(all.get(uid), Some(raw), "message {uid} was acknowledged");
    }
    assert!(all.values().all(|raw| known.attempted.contains(raw)));
    let bytes: u64 = all.values().map(|raw| raw.len() as u64).sum();
    assert_eq!((state.messages as usize, state.size, used), (all.len(), bytes, bytes));
    known.acknowledged = all;
}

#[derive(Debug, Clone)]
enum Step {
    Append(u32),
    Fail(Failure),
    CutPower(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let failure = prop_oneof![
        (0usize..40).prop_map(Failure::Writes),
        (0usize..4).prop_map(Failure::Syncs),
        Just(Failure::Full),
        Just(Failure::Reads),
    ];
    prop_oneof![3 => (1u32..12).prop_map(Step::Append), 2 => failure.prop_map(Step::Fail), 1 => any::<u64>().prop_map(Step::CutPower)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_failing_disk_loses_nothing_that_was_acknowledged(steps in proptest::collection::vec(step(), 1..14)) {
        actix::System::new().block_on(async {
            let (disk, mut known) = (Disk::default(), Known::default());
            let mut store = disk.store();
            let mailbox = mailbox(&store).await;
            append(&store, mailbox, &mut known, 3).await;
            for step in steps {
                match step {
                    Step::Append(count) => append(&store, mailbox, &mut known, count).await,
                    Step::Fail(failure) => {
                        disk.fail(Some(failure));
                        append(&store, mailbox, &mut known, 6).await;
                        disk.fail(None);
                        check(&store, mailbox, &mut known).await;
                    }
                    Step::CutPower(seed) => {
                        let mut seed = seed | 1;
                        disk.cut_power(&mut || {
                            seed ^= seed << 13;
                            seed ^= seed >> 7;
                            seed ^= seed << 17;
                            seed & 1 == 0
                        });
                        store = disk.store();
                        check(&store, mailbox, &mut known).await;
                    }
                }
            }
            append(&store, mailbox, &mut known, 2).await;
            check(&store, mailbox, &mut known).await;
        });
    }
}

/// A job that panics ends alone, before or after its first write; those beside it are done.
#[test]
fn a_job_that_panics_harms_nobody() {
    actix::System::new().block_on(async {
        let store = Store::in_memory();
        let (mailbox, mut known) = (mailbox(&store).await, Known::default());
        let panics = store.write(|tx| -> Outcome<()> {
            blobs::put(tx, b"lost", 0)?;
            panic!("as this test asks")
        });
        let reads = store.read(|_| -> Outcome<()> { panic!("as this test asks") });
        let ((), panicked, read) = futures_util::future::join3(append(&store, mailbox, &mut known, 9), panics, reads).await;
        assert!(panicked.is_err() && read.is_err());
        assert_eq!(known.acknowledged.len(), 9);
        check(&store, mailbox, &mut known).await;
        assert!(store.write(|tx| blobs::put(tx, b"kept", 0)).await.is_ok());
    });
}
