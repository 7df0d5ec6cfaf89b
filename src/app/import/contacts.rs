//! Files of vCards: each card or group becomes an item of an address book. What cannot be read is told and counted.

use super::{Gather, ImportItem, Unwanted, cause};
use crate::app::admin::ItemKind;
use crate::app::import::walk::Found;
use crate::domain::contacts::{self, Author};
use crate::format::vcard::MOST_CARD;
use crate::format::vcard::stream::{Item, Items};
use crate::model::flags::Flags;
use crate::model::mail::MailAddress;
use crate::model::names::AccountAddress;
use crate::model::time::{Timestamp, Zone};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

/// A file that says how much of it has been read.
struct Counted {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// Who has written the items that an import makes: the account itself.
fn author(account: &AccountAddress) -> Author {
    let address = MailAddress { name: None, address: account.to_string() };
    Author { address, domain: account.domain.clone(), shift: Zone::host().shift_at(Timestamp::now()) }
}

impl Gather {
    /// Gathers the cards of a file.
    pub(super) fn contacts(&mut self, found: &Found) -> Result<(), Unwanted> {
        let source = found.path.display().to_string();
        let (read, mut told) = (Rc::<Cell<u64>>::default(), 0);
        let file = File::open(&found.path).map(|file| BufReader::with_capacity(256 << 10, Counted { file, read: read.clone() }));
        let items = match file.and_then(|file| Items::new(file, None, MOST_CARD)) {
            Ok(items) => items,
            Err(error) => return self.failed(source, &cause(&error)),
        };
        let author = author(&self.account);
        for (number, item) in (1..).zip(items) {
            match item {
                Err(error) => return self.failed(source, &cause(&error)),
                Ok(Item::Unreadable(lost)) => self.failed(format!("{source}, line {}", lost.line), lost.reason)?,
                Ok(Item::Card(card)) => {
                    let source = format!("{source}, card {number}");
                    match contacts::item(card, &author, Timestamp::now()) {
                        Ok(data) => self.item(ItemKind::Contacts, ImportItem { source, received: None, flags: Flags::SEEN, data })?,
                        Err(fault) => self.failed(source, &fault.text)?,
                    }
                }
            }
            self.batch.read += read.get() - told;
            told = read.get();
        }
        self.batch.read += read.get() - told;
        Ok(())
    }
}
