//! Finds what can be imported: files and folders in name order, each file with what it seems to be.
//!
//! Of a folder only its names are held, so that a tree of any size takes the memory of its largest folder. Links to
//! folders are followed where the user named them, not inside: they could lead in circles.

use crate::app::admin::ItemKind;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Many messages in one file.
    Mbox,
    /// One message.
    Message,
    /// One message of a Maildir, whose name says more.
    Maildir,
    /// Events or tasks.
    Calendar,
    /// Persons.
    Contacts,
    /// Anything else.
    Other,
}

impl Kind {
    /// What the items of such a file are; None where it has none.
    pub fn of_items(self) -> Option<ItemKind> {
        match self {
            Self::Mbox | Self::Message | Self::Maildir => Some(ItemKind::Mail),
            Self::Contacts => Some(ItemKind::Contacts),
            Self::Calendar => Some(ItemKind::Calendar),
            Self::Other => None,
        }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// What it seems to be.
    pub kind: Kind,
    /// Its bytes, as far as they can be told before reading.
    pub size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The user named it.
    Named,
    /// It was found in a folder.
    Inside,
    /// It was found in a Maildir's `cur` or `new`.
    Maildir,
}

/// The files below some paths, in order. An error bears the path it concerns.
pub struct Walk {
    /// What is still to be looked at, the next one last.
    waiting: Vec<(PathBuf, Place)>,
}

impl Walk {
    /// Of these paths, in this order.
    pub fn of(paths: &[PathBuf]) -> Self {
        Self { waiting: paths.iter().rev().map(|path| (path.clone(), Place::Named)).collect() }
    }

    fn look(&mut self, path: PathBuf, place: Place) -> Result<Option<Found>, (PathBuf, io::Error)> {
        let look = if place == Place::Named { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let followed = look.and_then(|m| if m.is_symlink() { fs::metadata(&path) } else { Ok(m.clone()) }.map(|to| (m, to)));
        match followed {
            Err(error) => Err((path, error)),
            Ok((itself, to)) if to.is_dir() => {
                if !itself.is_symlink() {
                    self.enter(&path, place).map_err(|error| (path, error))?;
                }
                Ok(None)
            }
            Ok((_, to)) if to.is_file() => match kind(&path, place) {
                Ok(kind) => Ok(Some(Found { path, kind, size: to.len() })),
                Err(error) => Err((path, error)),
            },
            // A pipe that the user named is read; one that lies about is not.
            Ok(_) if place == Place::Named => Ok(Some(Found { path, kind: Kind::Mbox, size: 0 })),
            Ok(_) => Ok(Some(Found { path, kind: Kind::Other, size: 0 })),
        }
    }

    fn enter(&mut self, folder: &Path, place: Place) -> io::Result<()> {
        let mut names = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        let holds_messages = is_message_folder(folder.file_name()) && folder.parent().is_some_and(is_maildir);
        let inside = if holds_messages || place == Place::Maildir { Place::Maildir } else { Place::Inside };
        if is_maildir(folder) {
            names.retain(|name| name != "tmp");
        }
        self.waiting.extend(names.into_iter().rev().map(|name| (folder.join(name), inside)));
        Ok(())
    }
}

fn is_message_folder(name: Option<&OsStr>) -> bool {
    name.is_some_and(|name| name == "cur" || name == "new")
}

fn is_maildir(folder: &Path) -> bool {
    folder.join("cur").is_dir() && folder.join("new").is_dir()
}

fn kind(path: &Path, place: Place) -> io::Result<Kind> {
    let name = path.file_name().unwrap_or_default();
    if place == Place::Maildir {
        return Ok(if name.as_encoded_bytes().starts_with(b".") { Kind::Other } else { Kind::Maildir });
    }
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    Ok(match extension.to_str() {
        Some("eml") => Kind::Message,
        Some("ics" | "ical" | "ifb") => Kind::Calendar,
        Some("vcf" | "vcard") => Kind::Contacts,
        Some("mbox" | "mbx") => Kind::Mbox,
        _ => {
            let mut start = Vec::new();
            File::open(path)?.take(1024).read_to_end(&mut start)?;
            match () {
                () if start.starts_with(b"From ") => Kind::Mbox,
                // A file that the user named is worth a closer look.
                () if place == Place::Named && begins_with_a_header(&start) => Kind::Message,
                () => Kind::Other,
            }
        }
    })
}

/// True where the first line is a header field (RFC 5322 2.2).
fn begins_with_a_header(start: &[u8]) -> bool {
    let name = start.iter().position(|b| *b == b':').and_then(|colon| start.get(..colon));
    name.is_some_and(|name| !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic()))
}

impl Iterator for Walk {
    type Item = Result<Found, (PathBuf, io::Error)>;
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (path, place) = self.waiting.pop()?;
            if let Some(found) = self.look(path, place).transpose() {
                return Some(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("b/2.eml", "From here\n");
        put("b/10.EML", "");
        put("b/COPYING", "Licence: none\n");
        put("a.mbox", "");
        put("archive", "From a Thu Jan  1 00:00:00 1970\n");
        put("c.ics", "");
        put("d.vcf", "");
        put("m/cur/2.x:2,S", "A: 1\n");
        put("m/cur/.hidden", "");
        put("m/new/1.x", "A: 1\n");
        put("m/tmp/3.x", "A: 1\n");
        put("m/.Sent/cur/4.x", "A: 1\n");
        put("m/.Sent/new/.keep", "");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
        folder
    }

    fn walked(folder: &Path, paths: &[&str]) -> Vec<(String, Kind)> {
        let paths: Vec<_> = paths.iter().map(|path| folder.join(path)).collect();
        let show = |found: Found| (found.path.strip_prefix(folder).unwrap().display().to_string(), found.kind);
        Walk::of(&paths).map(|found| show(found.unwrap())).collect()
    }

    #[test]
    fn a_tree_is_walked_in_name_order() {
        let folder = tree();
        let expected = [
            ("a.mbox", Kind::Mbox),
            ("archive", Kind::Mbox),
            ("b/10.EML", Kind::Message),
            ("b/2.eml", Kind::Message),
            ("b/COPYING", Kind::Other),
            ("c.ics", Kind::Calendar),
            ("d.vcf", Kind::Contacts),
            ("m/.Sent/cur/4.x", Kind::Maildir),
            ("m/.Sent/new/.keep", Kind::Other),
            ("m/cur/.hidden", Kind::Other),
            ("m/cur/2.x:2,S", Kind::Maildir),
            ("m/new/1.x", Kind::Maildir),
        ];
        let walked = walked(folder.path(), &[""]);
        assert_eq!(walked.iter().map(|(p, k)| (p.as_str(), *k)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_the_user_names_is_looked_at_more_closely() {
        let folder = tree();
        assert_eq!(
            walked(folder.path(), &["b/COPYING", "m/new"]),
            [("b/COPYING".into(), Kind::Message), ("m/new/1.x".into(), Kind::Maildir)]
        );
        let (path, error) = Walk::of(&[folder.path().join("nowhere")]).next().unwrap().unwrap_err();
        assert!(path.ends_with("nowhere") && error.kind() == io::ErrorKind::NotFound);
    }
}
