//! File Storage: what may be stored where, and what becomes of it. Plain functions over a transaction.
//!
//! Directories are made on the way where a file is written or moved to. What an account may hold is bounded by its
//! settings `MaxWebFiles` (files and directories), `MaxWebSize` and `MaxFileSize`, one file also by the limit `file_size`.
//! Large files leave bytes behind that `sweeper::sweep` clears away: call it after removing or replacing.
//! Spec: XIMSS, "File Storage Operations".

mod access;
mod directories;

pub use access::{Need, directory, reach};
pub use directories::{count, create_directory, directories, list, remove_directory, rename_directory};

use crate::model::fault::{Fault, Outcome};
use crate::model::files::{AttributeStep, FileAttribute, FileInfo, FileName, Slice, WriteAt};
use crate::model::ids::AccountId;
use crate::model::limits::Limits;
use crate::model::time::Timestamp;
use crate::store::accounts::{self, size};
use crate::store::files::{self, ContentId, FileId, FileKind, FileRecord, FileUsage, TOP};
use crate::store::{Read, WriteTx};

/// The most bytes of a file that are read at once.
pub const SLICE: u64 = 3 << 20;
/// The most attributes of a file.
pub const MOST_ATTRIBUTES: usize = 100;
/// The most bytes that all attributes of a file hold.
pub const MOST_ATTRIBUTE_BYTES: usize = 64 << 10;

fn no_file() -> Fault {
    Fault::not_found("file does not exist")
}

fn file_exists() -> Fault {
    Fault::exists("file already exists")
}

/// Where a name is: the directory's number and, if it is there, what the name leads to.
struct Place {
    directory: FileId,
    record: Option<FileRecord>,
}

/// Follows a name; None where a directory on the way is not there.
fn place(tx: &dyn Read, account: AccountId, name: &FileName) -> Outcome<Option<Place>> {
    let directory = match name.parent() {
        None => TOP,
        Some(parent) => match directory_id(tx, account, &parent)? {
            Some(id) => id,
            None => return Ok(None),
        },
    };
    Ok(Some(Place { directory, record: files::entry(tx, account, directory, name.last())? }))
}

/// The number of a directory.
fn directory_id(tx: &dyn Read, account: AccountId, name: &FileName) -> Outcome<Option<FileId>> {
    let mut at = TOP;
    for level in name.levels() {
        match files::entry(tx, account, at, level)? {
            Some(FileRecord { id, kind: FileKind::Directory, .. }) => at = id,
            _ => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn record(tx: &dyn Read, account: AccountId, name: &FileName) -> Outcome<Option<FileRecord>> {
    Ok(place(tx, account, name)?.and_then(|place| place.record))
}

fn info_of(record: &FileRecord) -> FileInfo {
    let FileRecord { kind, created, modified, attributes_modified, .. } = *record;
    let size = match kind {
        FileKind::Directory => None,
        FileKind::File { size, .. } => Some(size),
    };
    FileInfo { size, created, modified, attributes_modified }
}

/// What is known of a file or a directory; None where it is not there.
pub fn find(tx: &dyn Read, account: AccountId, name: &FileName) -> Outcome<Option<FileInfo>> {
    Ok(record(tx, account, name)?.as_ref().map(info_of))
}

/// What is known of a file or a directory; refused where it is not there.
pub fn info(tx: &dyn Read, account: AccountId, name: &FileName) -> Outcome<FileInfo> {
    find(tx, account, name)?.ok_or_else(no_file)
}

/// All bytes of a file; None where it is not there. Refused for a file of more than `SLICE` bytes.
pub fn read(tx: &dyn Read, account: AccountId, name: &FileName) -> Outcome<Option<Vec<u8>>> {
    match record(tx, account, name)? {
        Some(FileRecord { kind: FileKind::File { content, size }, .. }) if size <= SLICE => {
            files::read(tx, account, content, size, 0..size).map(Some)
        }
        Some(FileRecord { kind: FileKind::File { .. }, .. }) => Err(Fault::bad("file is too large")),
        _ => Ok(None),
    }
}

/// Up to `most` bytes of a file from a position on, never more than `SLICE`. Refused where it is not there and past its end.
pub fn read_slice(tx: &dyn Read, account: AccountId, name: &FileName, position: u64, most: u64) -> Outcome<Slice> {
    let record = record(tx, account, name)?.ok_or_else(no_file)?;
    let FileKind::File { content, size } = record.kind else { return Err(no_file()) };
    if position > size {
        return Err(Fault::bad("reading beyond the EOF mark"));
    }
    let bytes = files::read(tx, account, content, size, position..position.saturating_add(most.min(SLICE)))?;
    Ok(Slice { bytes, position, info: info_of(&record) })
}

/// What an account holds, and may hold.
struct Room {
    usage: FileUsage,
    most_files: Option<u64>,
    most_bytes: Option<u64>,
    largest: u64,
}

impl Room {
    fn of(tx: &dyn Read, account: AccountId, limits: &Limits) -> Outcome<Self> {
        let record = accounts::find_record(tx, account)?;
        // The files of a domain have the bounds that accounts have by default.
        let setting = |name: &str| record.as_ref().map_or_else(|| accounts::default_setting(name), |record| record.setting(name));
        let setting = |name: &str| setting(name).and_then(|text| size(&text));
        Ok(Self {
            usage: files::usage(tx, account)?,
            most_files: setting("MaxWebFiles"),
            most_bytes: setting("MaxWebSize"),
            largest: setting("MaxFileSize").unwrap_or(u64::MAX).min(limits.file_size),
        })
    }

    /// So many more files and directories.
    fn add_files(&mut self, more: u64) -> Outcome<()> {
        self.usage.files += more;
        if more > 0 && self.most_files.is_some_and(|most| self.usage.files > most) {
            return Err(Fault::quota("too many files"));
        }
        Ok(())
    }

    /// A file has this size in the place of that one.
    fn resize(&mut self, before: u64, after: u64) -> Outcome<()> {
        if after > before && after > self.largest {
            return Err(Fault::quota("file is too large"));
        }
        self.usage.bytes = self.usage.bytes.saturating_sub(before).saturating_add(after);
        if after > before && self.most_bytes.is_some_and(|most| self.usage.bytes > most) {
            return Err(Fault::quota("account storage is over quota"));
        }
        Ok(())
    }

    /// A number that nothing of the account has had.
    fn number(&mut self) -> u64 {
        self.usage.last += 1;
        self.usage.last
    }
}

/// Levels of directories that have to be made before something can be called so: the directory that is there, and the
/// levels missing in it. Refused where a file is in the way.
fn missing<'a>(tx: &dyn Read, account: AccountId, name: Option<&'a FileName>) -> Outcome<(FileId, Vec<&'a str>)> {
    let mut at = TOP;
    let mut levels = name.into_iter().flat_map(FileName::levels);
    while let Some(level) = levels.next() {
        match files::entry(tx, account, at, level)? {
            Some(FileRecord { id, kind: FileKind::Directory, .. }) => at = id,
            Some(_) => return Err(file_exists()),
            None => return Ok((at, std::iter::once(level).chain(levels).collect())),
        }
    }
    Ok((at, Vec::new()))
}

/// Makes directories inside each other and gives the number of the innermost. There must be room for them.
fn make(tx: &WriteTx, account: AccountId, room: &mut Room, at: FileId, levels: &[&str], now: Timestamp) -> Outcome<FileId> {
    levels.iter().try_fold(at, |at, level| {
        let id = FileId(room.number());
        let record = FileRecord { id, kind: FileKind::Directory, created: now, modified: now, attributes_modified: None };
        files::put_entry(tx, account, at, level, &record)?;
        Ok(id)
    })
}

/// Writes bytes into a file and says what is known of it then.
pub fn write(
    tx: &WriteTx,
    account: AccountId,
    name: &FileName,
    bytes: &[u8],
    at: WriteAt,
    limits: &Limits,
    now: Timestamp,
) -> Outcome<FileInfo> {
    name.check(limits)?;
    let parent = name.parent();
    let (outer, levels) = missing(tx, account, parent.as_ref())?;
    let there = if levels.is_empty() { files::entry(tx, account, outer, name.last())? } else { None };
    let old = match there.map(|record| (record, record.kind)) {
        None => None,
        Some((record, FileKind::File { content, size })) => Some((record, content, size)),
        Some((_, FileKind::Directory)) => return Err(file_exists()),
    };
    let before = old.map_or(0, |(_, _, size)| size);
    let position = match (at, old) {
        (WriteAt::New, Some(_)) => return Err(file_exists()),
        (WriteAt::Position(_), None) => return Err(no_file()),
        (WriteAt::Position(position), Some(_)) if position > before => return Err(Fault::bad("writing beyond the EOF mark")),
        (WriteAt::Position(position), Some(_)) => position,
        (WriteAt::End, _) => before,
        (WriteAt::Replace | WriteAt::New, _) => 0,
    };
    let end = position.saturating_add(bytes.len() as u64);
    let replaces = matches!(at, WriteAt::Replace | WriteAt::New);
    let after = if replaces { end } else { end.max(before) };
    let mut room = Room::of(tx, account, limits)?;
    room.add_files(levels.len() as u64 + u64::from(old.is_none()))?;
    room.resize(before, after)?;
    let directory = make(tx, account, &mut room, outer, &levels, now)?;
    let content = match old {
        Some((_, content, _)) if !replaces => content,
        _ => ContentId(room.number()),
    };
    if let Some((_, content, size)) = old.filter(|_| replaces) {
        files::release(tx, account, content, size)?;
    }
    files::write(tx, account, content, position, bytes)?;
    let kind = FileKind::File { content, size: after };
    let record = match old {
        Some((record, ..)) => FileRecord { kind, modified: now, ..record },
        None => FileRecord { id: FileId(room.number()), kind, created: now, modified: now, attributes_modified: None },
    };
    files::put_entry(tx, account, directory, name.last(), &record)?;
    files::put_usage(tx, account, &room.usage)?;
    Ok(info_of(&record))
}

/// Removes a file with its attributes. Refused where it is not there.
pub fn remove(tx: &WriteTx, account: AccountId, name: &FileName) -> Outcome<()> {
    let place = place(tx, account, name)?.ok_or_else(no_file)?;
    let record = place.record.ok_or_else(no_file)?;
    let FileKind::File { content, size } = record.kind else { return Err(no_file()) };
    files::delete_entry(tx, account, place.directory, name.last())?;
    files::put_attributes(tx, account, record.id, &[])?;
    files::release(tx, account, content, size)?;
    let usage = files::usage(tx, account)?;
    let (files, bytes) = (usage.files.saturating_sub(1), usage.bytes.saturating_sub(size));
    files::put_usage(tx, account, &FileUsage { files, bytes, ..usage })
}

/// Gives a file another name. Refused where it is not there and where the new name is taken.
pub fn rename(tx: &WriteTx, account: AccountId, from: &FileName, to: &FileName, limits: &Limits, now: Timestamp) -> Outcome<()> {
    let source = place(tx, account, from)?.ok_or_else(no_file)?;
    let record = source.record.filter(|record| !matches!(record.kind, FileKind::Directory)).ok_or_else(no_file)?;
    move_entry(tx, account, (source.directory, from.last()), record, to, limits, now)
}

/// Moves an entry to a name that is free.
fn move_entry(
    tx: &WriteTx,
    account: AccountId,
    from: (FileId, &str),
    record: FileRecord,
    to: &FileName,
    limits: &Limits,
    now: Timestamp,
) -> Outcome<()> {
    to.check(limits)?;
    let parent = to.parent();
    let (outer, levels) = missing(tx, account, parent.as_ref())?;
    if levels.is_empty() && files::entry(tx, account, outer, to.last())?.is_some() {
        return Err(file_exists());
    }
    let mut room = Room::of(tx, account, limits)?;
    room.add_files(levels.len() as u64)?;
    let directory = make(tx, account, &mut room, outer, &levels, now)?;
    files::delete_entry(tx, account, from.0, from.1)?;
    files::put_entry(tx, account, directory, to.last(), &record)?;
    files::put_usage(tx, account, &room.usage)
}

/// Copies a file, also into another account, with its attributes; what the new name led to is replaced.
pub fn copy(tx: &WriteTx, from: (AccountId, &FileName), to: (AccountId, &FileName), limits: &Limits, now: Timestamp) -> Outcome<FileInfo> {
    let source = record(tx, from.0, from.1)?.ok_or_else(no_file)?;
    let FileKind::File { content, size } = source.kind else { return Err(no_file()) };
    if from == to {
        return Ok(info_of(&source));
    }
    // What a file may hold at most bounds what is held in memory here.
    let bytes = files::read(tx, from.0, content, size, 0..size)?;
    write(tx, to.0, to.1, &bytes, WriteAt::Replace, limits, now)?;
    let mut target = place(tx, to.0, to.1)?.ok_or_else(no_file)?;
    let mut record = target.record.take().ok_or_else(no_file)?;
    files::put_attributes(tx, to.0, record.id, &files::attributes(tx, from.0, source.id)?)?;
    record.attributes_modified = source.attributes_modified;
    files::put_entry(tx, to.0, target.directory, to.1.last(), &record)?;
    Ok(info_of(&record))
}

/// The attributes of a file or a directory: those of these names, or all where none is named.
pub fn attributes(tx: &dyn Read, account: AccountId, name: &FileName, named: &[String]) -> Outcome<Vec<FileAttribute>> {
    let record = record(tx, account, name)?.ok_or_else(no_file)?;
    let all = files::attributes(tx, account, record.id)?.into_iter().map(|(name, source)| FileAttribute { name, source });
    Ok(all.filter(|one| named.is_empty() || named.contains(&one.name)).collect())
}

/// Changes the attributes of a file or a directory, step by step.
pub fn change_attributes(tx: &WriteTx, account: AccountId, name: &FileName, steps: &[AttributeStep], now: Timestamp) -> Outcome<()> {
    let place = place(tx, account, name)?.ok_or_else(no_file)?;
    let record = place.record.ok_or_else(no_file)?;
    let mut all = files::attributes(tx, account, record.id)?;
    for step in steps {
        if let AttributeStep::Set(FileAttribute { name, .. }) | AttributeStep::Remove(name) = step {
            all.retain(|(there, _)| there != name);
        }
        if let AttributeStep::Set(FileAttribute { name, source }) | AttributeStep::Add(FileAttribute { name, source }) = step {
            all.push((name.clone(), source.clone()));
        }
    }
    if all.len() > MOST_ATTRIBUTES || all.iter().map(|(name, source)| name.len() + source.len()).sum::<usize>() > MOST_ATTRIBUTE_BYTES {
        return Err(Fault::quota("too many file attributes"));
    }
    files::put_attributes(tx, account, record.id, &all)?;
    let record = FileRecord { attributes_modified: Some(now), ..record };
    files::put_entry(tx, account, place.directory, name.last(), &record)
}

#[cfg(test)]
mod tests;
