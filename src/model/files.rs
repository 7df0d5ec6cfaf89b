//! Names of files in an account's File Storage, and what is known of a file without its bytes.
//!
//! A name is UTF-8, its levels joined with `/`, compared byte by byte. What a name looks like is checked here; how long
//! and how deep one may be is checked where a file is made (`Limits::file_name`, `Limits::path_depth`).
//! Spec: XIMSS, "File Storage Operations".

use super::fault::{Fault, Outcome};
use super::limits::Limits;
use super::names::AccountRef;
use super::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// Past this many bytes nothing is a name, whatever the limits say.
const LONGEST: usize = 64 << 10;

/// The name of a file or a directory in its account: one level or more. Names whose first level begins with `$` stand
/// for what is no file, and `~` begins the name of an account: neither is a name here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

impl FileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Its levels, outermost first.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
    /// The last level.
    pub fn last(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, last)| last)
    }
    /// The directory it is in; None for the account's top directory.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(outer, _)| Self(outer.to_owned()))
    }
    /// A name inside this directory, or inside the top directory.
    pub fn within(directory: Option<&Self>, last: &str) -> Outcome<Self> {
        match directory {
            Some(directory) => format!("{directory}/{last}").parse(),
            None => last.parse(),
        }
    }
    /// True for this directory itself and for all that lies in it.
    pub fn is_at_or_inside(&self, directory: &Self) -> bool {
        self.0.strip_prefix(directory.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
    /// True for what only the owner and administrators reach: `private` and all in it.
    pub fn is_private(&self) -> bool {
        self.levels().next() == Some("private")
    }
    /// Refuses a name that is too long or too deep to be made.
    pub fn check(&self, limits: &Limits) -> Outcome<()> {
        if self.levels().any(|level| level.len() > limits.file_name) {
            return Err(Fault::bad("file name is too long"));
        }
        if self.levels().count() > limits.path_depth {
            return Err(Fault::bad("file name has too many levels"));
        }
        Ok(())
    }
}

impl FromStr for FileName {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let level = |l: &str| !matches!(l, "" | "." | "..") && !l.chars().any(char::is_control);
        if text.len() > LONGEST || text.starts_with(['~', '$']) || !text.split('/').all(level) {
            return Err(Fault::bad("file name is incorrect"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file as a client names it: its own (`a/b.txt`) or another account's (`~bob@example.test/a/b.txt`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath {
    /// The owner where one was named.
    pub owner: Option<AccountRef>,
    /// The file in the owner's account.
    pub name: FileName,
}

impl FromStr for FilePath {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let DirectoryPath { owner, name } = text.parse()?;
        match name {
            Some(name) if !text.ends_with('/') => Ok(Self { owner, name }),
            _ => Err(Fault::bad("file name is incorrect")),
        }
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => write!(f, "~{owner}/{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// A directory as a client names it: nothing for the top one, `~bob/` for the top one of another account. A `/` at the
/// end of a name is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryPath {
    /// The owner where one was named.
    pub owner: Option<AccountRef>,
    /// The directory in the owner's account; None for the top one.
    pub name: Option<FileName>,
}

impl FromStr for DirectoryPath {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let (owner, rest) = match text.strip_prefix('~') {
            None => (None, text),
            Some(rest) => {
                let (owner, rest) = rest.split_once('/').unwrap_or((rest, ""));
                (Some(owner.parse()?), rest)
            }
        };
        let name = match rest.strip_suffix('/').unwrap_or(rest) {
            "" if rest.is_empty() => None,
            rest => Some(rest.parse()?),
        };
        Ok(Self { owner, name })
    }
}

/// What is known of a file or a directory without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Bytes; None for a directory.
    pub size: Option<u64>,
    /// When it was made.
    pub created: Timestamp,
    /// When its bytes were last written; of a directory, when it was made.
    pub modified: Timestamp,
    /// When its attributes were last written, if ever.
    pub attributes_modified: Option<Timestamp>,
}

impl FileInfo {
    /// True for a directory.
    pub fn is_directory(&self) -> bool {
        self.size.is_none()
    }
}

/// Where bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteAt {
    /// In the place of all that is there; the file is made if it is not there.
    Replace,
    /// Into a file that must not be there yet.
    New,
    /// After the last byte; the file is made if it is not there.
    End,
    /// Over what is there from this byte on; the file must be there and at least so long.
    Position(u64),
}

/// A slice of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where in the file they begin.
    pub position: u64,
    /// What is known of the file.
    pub info: FileInfo,
}

/// An attribute: an XML element, of which several may have the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAttribute {
    /// The element's name.
    pub name: String,
    /// The element's source text, without the `mode` attribute.
    pub source: String,
}

/// One step of a change of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeStep {
    /// All of its name go, then it is added.
    Set(FileAttribute),
    /// It is added.
    Add(FileAttribute),
    /// All of this name go.
    Remove(String),
}

/// How much of something there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileCount {
    /// Files and directories.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "a/b.txt", "private/IM/bob@example.test.log", "b/~c/$d", ".hidden", "a b/\u{e4}"] {
            assert_eq!(good.parse::<FileName>().unwrap().as_str(), good);
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "$x", "$UPLOAD$/1", "~a/b", "a\0", "a\r\nb"] {
            assert!(bad.parse::<FileName>().is_err(), "{bad:?}");
        }
        let name: FileName = "private/a/b".parse().unwrap();
        assert!(name.is_private() && name.last() == "b" && name.parent().unwrap().as_str() == "private/a");
        assert!(name.is_at_or_inside(&"private/a".parse().unwrap()) && !name.is_at_or_inside(&"priv".parse().unwrap()));
        assert!(!"privateer".parse::<FileName>().unwrap().is_private());
    }

    #[test]
    fn names_hold_to_the_limits() {
        let limits = Limits::default();
        let long = |bytes: usize| "x".repeat(bytes).parse::<FileName>().unwrap();
        let deep = |levels: usize| vec!["d"; levels].join("/").parse::<FileName>().unwrap();
        assert!(long(255).check(&limits).is_ok() && long(256).check(&limits).is_err());
        assert!(deep(32).check(&limits).is_ok() && deep(33).check(&limits).is_err());
    }

    #[test]
    fn paths_name_an_owner() {
        let path: FilePath = "~bob@example.test/a/b".parse().unwrap();
        assert_eq!((path.owner.clone().unwrap().to_string().as_str(), path.name.as_str()), ("bob@example.test", "a/b"));
        assert_eq!(path.to_string(), "~bob@example.test/a/b");
        for bad in ["", "~bob", "~bob/", "a/", "~/a", "~bob//a", "~bob/$x", "~bob/~carl/x"] {
            assert!(bad.parse::<FilePath>().is_err(), "{bad:?}");
        }
        let directory = |text: &str| text.parse::<DirectoryPath>().map(|d| (d.owner.is_some(), d.name.map(|n| n.to_string())));
        assert_eq!(directory("").unwrap(), (false, None));
        assert_eq!(directory("~bob").unwrap(), (true, None));
        assert_eq!(directory("~bob/").unwrap(), (true, None));
        assert_eq!(directory("private/").unwrap(), (false, Some("private".into())));
        assert!(directory("/").is_err() && directory("a//").is_err());
    }
}
