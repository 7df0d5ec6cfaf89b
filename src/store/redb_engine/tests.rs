//! Who is told, who reads meanwhile, and a file that somebody still holds.

use super::*;
use redb::backends::InMemoryBackend;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Tells that a sync has begun, and lets it go on.
type Gate = (mpsc::Sender<()>, mpsc::Receiver<()>);

/// A file in memory whose next sync passes the gate, where there is one.
#[derive(Debug, Clone, Default)]
struct Gated(Arc<InMemoryBackend>, Arc<Mutex<Option<Gate>>>);

impl StorageBackend for Gated {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, length: u64) -> std::io::Result<()> {
        self.0.set_len(length)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        let gate = self.1.lock().unwrap().take();
        if let Some((begun, go_on)) = gate {
            begun.send(()).unwrap();
            go_on.recv().unwrap();
        }
        self.0.sync_data()
    }
    fn write(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, bytes)
    }
}

#[test]
fn readers_go_on_while_a_new_lap_begins() {
    let file = Gated::default();
    let its_file = file.clone();
    let source = move || Ok((Database::builder().create_with_backend(its_file.clone())?, Box::new(InMemoryBackend::new()) as _));
    let engine = RedbEngine::from(Box::new(source), 64 << 10).unwrap();
    engine.make_tables().unwrap();
    let committed = AtomicU32::new(0);
    let put = |n: u32| {
        let value = [n.to_be_bytes().as_slice(), &[0; 4096]].concat();
        engine.transact(&mut |tx| tx.put(tables::META, b"k", &value), &mut || committed.store(n, Ordering::Release)).unwrap();
    };
    // The first one goes to the database itself, and leaves room in its file: when that grows it is synced, too.
    engine.transact(&mut |tx| tx.put(tables::META, b"room", &[0; 1 << 20]), &mut || ()).unwrap();
    engine.transact(&mut |tx| tx.delete(tables::META, b"room").map(drop), &mut || ()).unwrap();
    put(1);
    let ((begun, has_begun), (let_go, go_on)) = (mpsc::channel(), mpsc::channel());
    *file.1.lock().unwrap() = Some((begun, go_on));
    std::thread::scope(|scope| {
        scope.spawn(|| (2..20).for_each(put));
        has_begun.recv().unwrap();
        let (seen, is_seen) = mpsc::channel();
        let engine = &engine;
        scope.spawn(move || {
            let value = engine.snapshot().unwrap().get(tables::META, b"k").unwrap().unwrap();
            seen.send(u32::from_be_bytes(*value.first_chunk().unwrap())).unwrap();
        });
        // Whoever waited for the disk would see nothing before it is let go.
        let seen = is_seen.recv_timeout(Duration::from_secs(20));
        let last = committed.load(Ordering::Acquire);
        let_go.send(()).unwrap();
        assert_eq!(seen, Ok(last));
        assert!((2..19).contains(&last), "a lap in the middle: {last}");
    });
}

#[test]
fn who_is_told_of_a_commit_finds_it() {
    let engine = RedbEngine::in_memory().unwrap();
    engine.make_tables().unwrap();
    // Some of them begin a lap of the log.
    for n in 0..100u32 {
        std::thread::scope(|scope| {
            let mut looking = None;
            let look = || engine.snapshot().unwrap().get(tables::META, b"k").unwrap();
            engine.transact(&mut |tx| tx.put(tables::META, b"k", &n.to_be_bytes()), &mut || looking = Some(scope.spawn(look))).unwrap();
            assert_eq!(looking.unwrap().join().unwrap(), Some(n.to_be_bytes().to_vec()));
        });
    }
    let mut told = false;
    assert!(engine.transact(&mut |_| Err(Fault::internal()), &mut || told = true).is_err());
    assert!(!told, "nobody is told of what is not");
}

#[test]
fn a_closed_store_opens_without_repair_even_while_someone_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.redb");
    let repaired = Arc::new(AtomicBool::new(false));
    let open = || {
        let repaired = repaired.clone();
        let log = folder.path().join("x.wal");
        let engine = RedbEngine::open(&path, &log, 1 << 20, move |_| repaired.store(true, Ordering::Relaxed)).unwrap();
        engine.make_tables().unwrap();
        engine
    };
    let first = open();
    first.transact(&mut |tx| tx.put(tables::META, b"k", b"v"), &mut || ()).unwrap();
    let snapshot = first.snapshot().unwrap();
    first.close();
    assert!(first.snapshot().is_err() && first.transact(&mut |_| Ok(()), &mut || ()).is_err());
    let second = open();
    assert_eq!(second.snapshot().unwrap().get(tables::META, b"k").unwrap(), Some(b"v".to_vec()));
    assert!(!repaired.load(Ordering::Relaxed));
    drop(snapshot);
}
