//! Directories of files: what is in them, making, renaming and removing them.
//!
//! Spec: XIMSS, "File Storage Operations" (fileList, fileDirInfo, fileDirList, fileDirCreate, fileDirRename, fileDirRemove).

use super::{Room, directory_id, file_exists, info_of, make, missing, move_entry, place};
use crate::model::fault::{Fault, Outcome};
use crate::model::files::{FileCount, FileInfo, FileName};
use crate::model::ids::AccountId;
use crate::model::limits::Limits;
use crate::model::time::Timestamp;
use crate::store::files::{self, FileId, FileKind, FileRecord, FileUsage, TOP};
use crate::store::{Read, WriteTx};

/// Entries that are looked at in one go.
const STEP: usize = 256;

fn no_directory() -> Fault {
    Fault::not_found("directory does not exist")
}

fn number(tx: &dyn Read, account: AccountId, directory: Option<&FileName>) -> Outcome<FileId> {
    directory.map_or(Ok(TOP), |name| directory_id(tx, account, name)?.ok_or_else(no_directory))
}

/// Up to `most` files and directories of a directory (None: the top one) in order of their names, those after `after`
/// (empty for the first).
pub fn list(tx: &dyn Read, account: AccountId, directory: Option<&FileName>, after: &str, most: usize) -> Outcome<Vec<(String, FileInfo)>> {
    let id = number(tx, account, directory)?;
    let found = files::entries(tx, account, id, after, most)?;
    Ok(found.into_iter().map(|(name, record)| (name, info_of(&record))).collect())
}

/// Calls for each entry of a directory, in order of their names.
fn each(tx: &dyn Read, account: AccountId, directory: FileId, visit: &mut dyn FnMut(String, &FileRecord) -> Outcome<()>) -> Outcome<()> {
    let mut after = String::new();
    loop {
        let some = files::entries(tx, account, directory, &after, STEP)?;
        let full = some.len() == STEP;
        for (name, record) in some {
            after.clone_from(&name);
            visit(name, &record)?;
        }
        if !full {
            return Ok(());
        }
    }
}

/// All directories of an account, each after the one it is in.
pub fn directories(tx: &dyn Read, account: AccountId) -> Outcome<Vec<FileName>> {
    let mut found = Vec::new();
    let mut waiting = vec![(TOP, None)];
    while let Some((id, outer)) = waiting.pop() {
        let mut inside = Vec::new();
        each(tx, account, id, &mut |name, record| {
            if record.kind == FileKind::Directory {
                inside.push((record.id, Some(FileName::within(outer.as_ref(), &name)?)));
            }
            Ok(())
        })?;
        waiting.extend(inside.into_iter().rev());
        found.extend(outer);
    }
    Ok(found)
}

/// How much is in a directory and all directories inside; the top one counts all of the account.
pub fn count(tx: &dyn Read, account: AccountId, directory: Option<&FileName>) -> Outcome<FileCount> {
    let Some(directory) = directory else {
        let FileUsage { files, bytes, .. } = files::usage(tx, account)?;
        return Ok(FileCount { files, bytes });
    };
    let mut total = FileCount::default();
    let mut waiting = vec![number(tx, account, Some(directory))?];
    while let Some(id) = waiting.pop() {
        each(tx, account, id, &mut |_, record| {
            total.files += 1;
            match record.kind {
                FileKind::Directory => waiting.push(record.id),
                FileKind::File { size, .. } => total.bytes += size,
            }
            Ok(())
        })?;
    }
    Ok(total)
}

/// Makes a directory, and those it is in where they are not there. Refused where the name is taken.
pub fn create_directory(tx: &WriteTx, account: AccountId, name: &FileName, limits: &Limits, now: Timestamp) -> Outcome<()> {
    name.check(limits)?;
    let (outer, levels) = missing(tx, account, Some(name))?;
    if levels.is_empty() {
        return Err(Fault::exists("directory already exists"));
    }
    let mut room = Room::of(tx, account, limits)?;
    room.add_files(levels.len() as u64)?;
    make(tx, account, &mut room, outer, &levels, now)?;
    files::put_usage(tx, account, &room.usage)
}

/// Gives a directory another name; all in it goes with it. Refused where it is not there, where the new name is taken or
/// lies inside the directory, and where a name in it would become too deep.
pub fn rename_directory(tx: &WriteTx, account: AccountId, from: &FileName, to: &FileName, limits: &Limits, now: Timestamp) -> Outcome<()> {
    let source = place(tx, account, from)?.ok_or_else(no_directory)?;
    let record = source.record.filter(|record| record.kind == FileKind::Directory).ok_or_else(no_directory)?;
    if from == to {
        return Err(file_exists());
    }
    if to.is_at_or_inside(from) {
        return Err(Fault::bad("a directory cannot be moved into itself"));
    }
    if to.levels().count() + depth(tx, account, record.id)? > limits.path_depth {
        return Err(Fault::bad("file name has too many levels"));
    }
    move_entry(tx, account, (source.directory, from.last()), record, to, limits, now)
}

/// Levels inside a directory.
fn depth(tx: &dyn Read, account: AccountId, directory: FileId) -> Outcome<usize> {
    let mut deepest = 0;
    let mut waiting = vec![(directory, 0)];
    while let Some((id, level)) = waiting.pop() {
        deepest = deepest.max(level);
        each(tx, account, id, &mut |_, record| {
            deepest = deepest.max(level + 1);
            if record.kind == FileKind::Directory {
                waiting.push((record.id, level + 1));
            }
            Ok(())
        })?;
    }
    Ok(deepest)
}

/// Removes a directory. Refused where it is not there and where something is in it.
pub fn remove_directory(tx: &WriteTx, account: AccountId, name: &FileName) -> Outcome<()> {
    let place = place(tx, account, name)?.ok_or_else(no_directory)?;
    let record = place.record.filter(|record| record.kind == FileKind::Directory).ok_or_else(no_directory)?;
    if !files::entries(tx, account, record.id, "", 1)?.is_empty() {
        return Err(Fault::state("directory is not empty"));
    }
    files::delete_entry(tx, account, place.directory, name.last())?;
    files::put_attributes(tx, account, record.id, &[])?;
    let usage = files::usage(tx, account)?;
    files::put_usage(tx, account, &FileUsage { files: usage.files.saturating_sub(1), ..usage })
}
