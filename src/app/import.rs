//! `posthouse import`: reads messages from files and has them stored, many to a commit.
//!
//! A thread reads and gathers batches while the one before is stored; a batch has a bounded number of messages and
//! bytes, so that memory stays bounded however much is imported. The bytes of messages are stored exactly as they are
//! found; cards become items of an address book, events and tasks items of a calendar.

mod calendars;
mod contacts;
pub mod maildir;
pub mod mbox;
mod progress;
pub mod walk;

use super::admin::client::Agent;
use super::admin::{AdminReply, AdminRequest, ImportItem, ItemKind, Refusal};
use super::cli::Import;
use super::commands::say;
use super::config::Config;
use super::problem::{Done, Problem, cause};
use crate::format::ical::Bounds;
use crate::model::flags::Flags;
use crate::model::names::AccountAddress;
use crate::model::time::Timestamp;
use mbox::MboxReader;
use progress::Progress;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::sync::mpsc;
use walk::{Found, Kind, Walk};

/// Messages of one commit.
const BATCH_MESSAGES: usize = 500;
/// Bytes of one commit, if its last message does not go beyond.
const BATCH_BYTES: usize = 8 << 20;

/// What is stored together, and what was passed over meanwhile.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batch {
    /// What the items are; all of one kind, which decides where they go.
    kind: ItemKind,
    items: Vec<ImportItem>,
    failed: Vec<Refusal>,
    skipped: u64,
    /// Bytes of files that are done with.
    read: u64,
    bytes: usize,
}

/// Runs the command.
pub async fn run(what: &Import, config: &Config, agent: &mut Agent) -> Done {
    for path in &what.paths {
        fs::metadata(path).map_err(|e| Problem::file("read", path, &e))?;
    }
    let (mut size, mut first) = (0, None);
    for found in Walk::of(&what.paths).flatten() {
        size += found.size;
        first = first.or(found.kind.of_items());
    }
    // An empty batch: the account must be there and the mailbox is made, whatever is found.
    store(what, first.unwrap_or_default(), Vec::new(), agent).await?;
    let mut progress = Progress::of(size);
    let (batches, mut next) = mpsc::channel(1);
    let (paths, most, account) = (what.paths.clone(), config.limits.mail_size, what.account.clone());
    let bounds = Bounds::of(&config.limits);
    let reader = std::thread::Builder::new()
        .name("import".into())
        .spawn(move || Gather { batches, batch: Batch::default(), most, bounds, account }.all(&paths));
    let reader = reader.map_err(|e| Problem::new(e, "allow the process more threads"))?;
    let (mut imported, mut skipped, mut failed, mut problem) = (0, 0, 0, None);
    while let Some(batch) = next.recv().await {
        skipped += batch.skipped;
        let stored = match batch.items.is_empty() {
            true => Ok((0, Vec::new())),
            false => store(what, batch.kind, batch.items, agent).await,
        };
        let (stored, refused) = match stored {
            Ok(stored) => stored,
            Err(e) => {
                problem = Some(e);
                break;
            }
        };
        for Refusal { source, reason } in batch.failed.iter().chain(&refused) {
            progress.failure(source, reason);
            failed += 1;
        }
        imported += stored;
        progress.advance(stored, batch.read);
    }
    // A reader that has more to give finds nobody there and ends.
    drop(next);
    if reader.join().is_err() {
        problem = problem.or_else(|| Some(Problem::new("reading the files failed", "look at the lines above")));
    }
    progress.finish();
    say(&format!("imported {imported}, skipped {skipped}, failed {failed}\n"))?;
    match problem {
        Some(problem) => Err(problem),
        None if failed > 0 => Err(Problem::new(format_args!("{failed} messages were not imported"), "look at the lines above")),
        None => Ok(()),
    }
}

/// Has messages stored; gives how many were, and the others.
async fn store(what: &Import, kind: ItemKind, items: Vec<ImportItem>, agent: &mut Agent) -> Done<(u64, Vec<Refusal>)> {
    let mut result = (0, Vec::new());
    let request = AdminRequest::Import { account: what.account.clone(), mailbox: what.mailbox.clone(), kind, items };
    let mut take = |reply| {
        if let AdminReply::Imported { imported, failed } = reply {
            result = (imported, failed);
        }
        Ok(())
    };
    agent.ask(request, &mut take).await?;
    Ok(result)
}

/// Nobody wants further batches.
struct Unwanted;

/// Reads files into batches.
struct Gather {
    batches: mpsc::Sender<Batch>,
    batch: Batch,
    most: usize,
    bounds: Bounds,
    account: AccountAddress,
}

impl Gather {
    fn all(mut self, paths: &[PathBuf]) {
        for found in Walk::of(paths) {
            let went_on = match found {
                Ok(found) => self.file(&found),
                Err((path, error)) => self.failed(path.display().to_string(), &cause(&error)),
            };
            if went_on.is_err() {
                return;
            }
        }
        // Whoever is gone does not want the last one either.
        let _ = self.send();
    }

    fn file(&mut self, found: &Found) -> Result<(), Unwanted> {
        let name = found.path.file_name().unwrap_or_default().to_string_lossy();
        match found.kind {
            Kind::Message => self.message(found, None, Flags::NONE),
            Kind::Maildir => {
                let received = maildir::received(&name, Timestamp::now()).or_else(|| modified(&found.path));
                self.message(found, received, maildir::flags(&name))
            }
            Kind::Mbox => self.mbox(found),
            Kind::Contacts => self.contacts(found),
            Kind::Calendar => self.calendar(found),
            Kind::Other => self.skipped(found.size),
        }
    }

    fn message(&mut self, found: &Found, received: Option<Timestamp>, flags: Flags) -> Result<(), Unwanted> {
        let source = found.path.display().to_string();
        self.batch.read += found.size;
        if found.size > self.most as u64 {
            return self.failed(source, TOO_LARGE);
        }
        match fs::read(&found.path) {
            Ok(data) => self.item(ItemKind::Mail, ImportItem { source, received, flags, data }),
            Err(error) => self.failed(source, &cause(&error)),
        }
    }

    fn mbox(&mut self, found: &Found) -> Result<(), Unwanted> {
        let source = found.path.display().to_string();
        let file = match File::open(&found.path) {
            Ok(file) => BufReader::with_capacity(256 << 10, file),
            Err(error) => return self.failed(source, &cause(&error)),
        };
        for (number, message) in (1..).zip(MboxReader::new(file, self.most)) {
            let source = format!("{source}, message {number}");
            let message = match message {
                Ok(message) => message,
                Err(error) => return self.failed(source, &cause(&error)),
            };
            self.batch.read += message.took;
            match message.data {
                Some(data) => {
                    self.item(ItemKind::Mail, ImportItem { source, received: message.received, flags: mbox::flags(&data), data })?
                }
                None => self.failed(source, TOO_LARGE)?,
            }
        }
        Ok(())
    }

    fn item(&mut self, kind: ItemKind, item: ImportItem) -> Result<(), Unwanted> {
        if kind != self.batch.kind && !self.batch.items.is_empty() {
            self.send()?;
        }
        self.batch.kind = kind;
        self.batch.bytes += item.data.len();
        self.batch.items.push(item);
        self.send_if_full()
    }

    fn failed(&mut self, source: String, reason: &str) -> Result<(), Unwanted> {
        self.batch.failed.push(Refusal { source, reason: reason.to_owned() });
        self.send_if_full()
    }

    fn skipped(&mut self, size: u64) -> Result<(), Unwanted> {
        self.batch.skipped += 1;
        self.batch.read += size;
        Ok(())
    }

    fn send_if_full(&mut self) -> Result<(), Unwanted> {
        let Batch { items, failed, bytes, .. } = &self.batch;
        if items.len() + failed.len() >= BATCH_MESSAGES || *bytes >= BATCH_BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Unwanted> {
        self.batches.blocking_send(std::mem::take(&mut self.batch)).map_err(|_| Unwanted)
    }
}

const TOO_LARGE: &str = "message is too large (limits.mail_size)";

fn modified(path: &Path) -> Option<Timestamp> {
    let at = fs::metadata(path).and_then(|m| m.modified()).ok()?;
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(paths: &[PathBuf], most: usize) -> Vec<Batch> {
        let (sender, mut receiver) = mpsc::channel(1);
        let paths = paths.to_vec();
        let reader = std::thread::spawn(move || {
            Gather {
                batches: sender,
                batch: Batch::default(),
                most,
                bounds: Bounds::of(&Default::default()),
                account: "a@b.test".parse().unwrap(),
            }
            .all(&paths)
        });
        let all = std::iter::from_fn(|| receiver.blocking_recv()).collect();
        reader.join().unwrap();
        all
    }

    #[test]
    fn everything_found_is_gathered_or_counted() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        put("1.eml", b"From x\r\nA: 1\r\n\r\n\xff\0");
        put("2.eml", &[b'x'; 101]);
        put("3.mbox", b"From a Thu Jan  1 00:00:10 1970\nStatus: R\n\nx\n\nFrom a Thu Jan  1 00:00:20 1970\ny\n");
        put("4.ics", b"BEGIN:VCALENDAR");
        put("COPYING", b"text");
        let [batch] = <[Batch; 1]>::try_from(batches(&[folder.path().to_owned()], 100)).unwrap();
        let items: Vec<_> = batch.items.iter().map(|i| (i.data.as_slice(), i.received, i.flags)).collect();
        let expected = [
            (b"From x\r\nA: 1\r\n\r\n\xff\0".as_slice(), None, Flags::NONE),
            (b"Status: R\n\nx\n", Some(Timestamp(10)), Flags::SEEN),
            (b"y\n", Some(Timestamp(20)), Flags::NONE),
        ];
        assert_eq!(items, expected);
        assert_eq!((batch.skipped, batch.failed.len()), (2, 1));
        assert!(batch.failed[0].source.ends_with("2.eml") && batch.items[2].source.ends_with("3.mbox, message 2"));
    }

    #[test]
    fn cards_are_gathered_apart_from_mail() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("1.eml", "A: 1\r\n\r\n");
        put("2.vcf", "BEGIN:VCARD\r\nFN:a\r\nEND:VCARD\r\nrubbish\r\nBEGIN:VCARD\r\nFN:b\r\nEND:VCARD\r\n");
        let [mail, cards] = <[Batch; 2]>::try_from(batches(&[folder.path().to_owned()], 1000)).unwrap();
        assert_eq!((mail.kind, mail.items.len(), cards.kind, cards.items.len()), (ItemKind::Mail, 1, ItemKind::Contacts, 2));
        assert!(cards.failed[0].source.ends_with("2.vcf, line 4") && cards.items[1].source.ends_with("2.vcf, card 3"));
        assert!(
            String::from_utf8_lossy(&cards.items[0].data).contains("From: <a@b.test>\r\nSubject: a\r\n")
                && cards.items[0].flags == Flags::SEEN
        );
    }

    #[test]
    fn batches_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = Vec::new();
        for _ in 0..1201 {
            mbox::write(&mut file, b"A: 1\n\n", Timestamp(1)).unwrap();
        }
        fs::write(&path, &file).unwrap();
        let all = batches(std::slice::from_ref(&path), 100);
        assert_eq!(all.iter().map(|batch| batch.items.len()).collect::<Vec<_>>(), [500, 500, 201]);
        assert_eq!(all.iter().map(|batch| batch.read).sum::<u64>(), file.len() as u64);
        fs::write(&path, [b"From a\n".to_vec(), vec![b'x'; BATCH_BYTES], b"\n\n".to_vec(), file].concat()).unwrap();
        assert_eq!(batches(&[path], usize::MAX / 2)[0].items.len(), 1);
    }
}
