//! Files of calendar items: each item, with its exceptions and the zones it uses, is stored by itself; what cannot be
//! read is kept as the text it is.

use super::{Gather, ImportItem, Unwanted};
use crate::app::admin::ItemKind;
use crate::app::import::walk::Found;
use crate::format::ical::{self, Items};
use crate::model::flags::Flags;
use std::fs::File;
use std::io::BufReader;

impl Gather {
    /// Gathers the items of a file.
    pub(super) fn calendar(&mut self, found: &Found) -> Result<(), Unwanted> {
        let source = found.path.display().to_string();
        let file = match File::open(&found.path) {
            Ok(file) => BufReader::with_capacity(256 << 10, file),
            Err(error) => return self.failed(source, &super::cause(&error)),
        };
        let items = match Items::open(file, self.bounds) {
            Ok(items) => items,
            Err(fault) => return self.failed(source, &fault.text),
        };
        if items.left() == 0 {
            return self.skipped(found.size);
        }
        // How much of the file an item is, is not known; the bar moves as the items come.
        let share = found.size / (items.left() as u64).max(1);
        let mut left = found.size;
        for (number, item) in (1..).zip(items) {
            let source = format!("{source}, item {number}");
            match item {
                Err(fault) => return self.failed(source, &fault.text),
                Ok(ical::Item::Unreadable { raw, size, why }) if size > raw.len() as u64 => self.failed(source, &why.text)?,
                Ok(ical::Item::Unreadable { raw, .. }) => self.calendar_item(source, raw)?,
                Ok(ical::Item::Read(calendar)) => self.calendar_item(source, ical::write(&calendar).into_bytes())?,
            }
            let read = share.min(left);
            (self.batch.read, left) = (self.batch.read + read, left - read);
        }
        self.batch.read += left;
        Ok(())
    }

    fn calendar_item(&mut self, source: String, data: Vec<u8>) -> Result<(), Unwanted> {
        self.item(ItemKind::Calendar, ImportItem { source, received: None, flags: Flags::SEEN, data })
    }
}
