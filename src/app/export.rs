//! `posthouse export`: writes an account's messages as one mbox file, an address book as one file of vCards, a calendar as
//! one of iCalendar.
//!
//! The file appears under its name when it is complete; it can be read by its owner only.

use super::admin::client::Agent;
use super::admin::{AdminReply, AdminRequest, ItemKind};
use super::cli::Export;
use super::import::mbox;
use super::problem::{Done, Problem};
use crate::domain::calendar::export::Document;
use crate::domain::contacts;
use crate::format::mime::structure::Limits;
use crate::format::vcard::write::Style;
use crate::model::time::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Runs the command.
pub async fn run(what: &Export, agent: &mut Agent) -> Done {
    let mut out = Out::open(&what.out)?;
    let (mut kind, mut written, mut left_out) = (ItemKind::Mail, 0u64, 0u64);
    let mut document = Document::default();
    let request = AdminRequest::Export { account: what.account.clone(), mailbox: what.mailbox.clone() };
    let mut take = |reply| {
        match reply {
            AdminReply::Mailbox { kind: of, .. } => kind = of,
            AdminReply::Item { received, data, .. } => {
                let kind = (kind == ItemKind::Mail || what.mailbox.is_some()).then_some(kind);
                match write_item(&mut out.writer, &mut document, kind, &data, received)
                    .map_err(|e| Problem::file("write", &what.out, &e))?
                {
                    0 => left_out += 1,
                    items => written += items,
                }
            }
            _ => {}
        }
        Ok(())
    };
    let done = agent.ask(request, &mut take).await;
    if let Err(problem) = done {
        out.give_up();
        return Err(problem);
    }
    if kind == ItemKind::Calendar && what.mailbox.is_some() {
        let mut end = String::new();
        document.finish(&mut end);
        out.writer.write_all(end.as_bytes()).map_err(|e| Problem::file("write", &what.out, &e))?;
    }
    out.finish(&what.out)?;
    if left_out > 0 {
        eprintln!("posthouse: {left_out} items of calendars and address books are left out: name one to export it by itself");
    }
    eprintln!("exported {written}");
    Ok(())
}

/// Writes what a message of a mailbox holds; None for items that are not wanted. Gives how many items were written.
fn write_item(out: &mut impl Write, document: &mut Document, kind: Option<ItemKind>, data: &[u8], received: Timestamp) -> io::Result<u64> {
    match kind {
        Some(ItemKind::Mail) => mbox::write(out, data, received).map(|()| 1),
        Some(ItemKind::Contacts) => {
            let (cards, count) = contacts::exported(data, Style::Third, &Limits::default());
            out.write_all(cards.as_bytes()).map(|()| count)
        }
        Some(ItemKind::Calendar) => {
            let mut items = String::new();
            let count = document.message(&mut items, data, &Default::default());
            out.write_all(items.as_bytes()).map(|()| count)
        }
        None => Ok(0),
    }
}

/// Where the messages go.
struct Out {
    writer: BufWriter<Box<dyn Write>>,
    /// The file while it is not complete, and a handle to have it on disk.
    unfinished: Option<(PathBuf, File)>,
}

impl Out {
    fn open(path: &Path) -> Done<Self> {
        let problem = |e: io::Error| Problem::file("write", path, &e);
        if path == Path::new("-") {
            return Ok(Self::to(Box::new(io::stdout()), None));
        }
        // A pipe or a device is written to as it is.
        if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
            let file = OpenOptions::new().write(true).open(path).map_err(problem)?;
            return Ok(Self::to(Box::new(file), None));
        }
        let mut name = path.file_name().ok_or_else(|| Problem::new("no file is named", "give a file to write"))?.to_owned();
        name.push(".part");
        let unfinished = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished).map_err(problem)?;
        let handle = file.try_clone().map_err(problem)?;
        Ok(Self::to(Box::new(file), Some((unfinished, handle))))
    }

    fn to(writer: Box<dyn Write>, unfinished: Option<(PathBuf, File)>) -> Self {
        Self { writer: BufWriter::with_capacity(256 << 10, writer), unfinished }
    }

    fn finish(mut self, path: &Path) -> Done {
        let unfinished = self.unfinished.take();
        let finished = self.writer.flush().and_then(|()| match &unfinished {
            Some((unfinished, handle)) => handle.sync_all().and_then(|()| fs::rename(unfinished, path)),
            None => Ok(()),
        });
        finished.map_err(|e| Problem::file("write", path, &e))
    }

    fn give_up(self) {
        if let Some((unfinished, _)) = &self.unfinished {
            // What stays behind has a name that says what it is.
            let _ = fs::remove_file(unfinished);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mbox");
        fs::write(&path, "old").unwrap();
        let mut out = Out::open(&path).unwrap();
        mbox::write(&mut out.writer, b"A: 1\n\nx\n", Timestamp(0)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        out.finish(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nA: 1\n\nx\n\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        Out::open(&path).unwrap().give_up();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(Out::open(&folder.path().join("no/where")).is_err());
    }
}
