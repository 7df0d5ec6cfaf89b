//! `Problem`: what is wrong and what to do about it, in one line for the person at the terminal.
//!
//! Every command that fails prints exactly one, as `posthouse: what is wrong: what to do`.

use crate::model::fault::Fault;
use crate::store::StoreError;
use std::fmt;
use std::io;
use std::path::Path;

/// The exit status of a command that failed.
pub const FAILED: u8 = 1;
/// The exit status of a command line that makes no sense.
pub const WRONG_USAGE: u8 = 2;

/// Why a command cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    what: String,
    status: u8,
}

/// What a command returns.
pub type Done<T = ()> = Result<T, Problem>;

impl Problem {
    /// What is wrong, and what to do about it.
    pub fn new(what: impl fmt::Display, to_do: impl fmt::Display) -> Self {
        Self { what: one_line(&format!("{what}: {to_do}")), status: FAILED }
    }

    /// What is wrong, where the text says already what to do or nothing can be done.
    pub fn plain(what: impl fmt::Display) -> Self {
        Self { what: one_line(&what.to_string()), status: FAILED }
    }

    /// A command line that makes no sense.
    pub fn usage(what: impl fmt::Display, to_do: impl fmt::Display) -> Self {
        Self { status: WRONG_USAGE, ..Self::new(what, to_do) }
    }

    /// A file that cannot be read, written or made.
    pub fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let to_do = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "check its owner and mode, or run as another user",
            io::ErrorKind::StorageFull => "make room on the disk",
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => "check the path",
            _ => "check the file system",
        };
        Self::new(format_args!("cannot {doing} {}: {}", path.display(), cause(error)), to_do)
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        self.status
    }
}

/// The text of an error of the system, without its number.
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        if fault.text.contains(": ") {
            // It says already what would be right.
            return Self::plain(fault.text);
        }
        let to_do = match fault.number {
            501 => "nothing was changed",
            510 => "check the name",
            511 => "choose another name, or change what is there",
            512 => "raise the limit or make room",
            _ if fault == Fault::internal() => "the lines above and the server's log say why",
            _ => "check what was asked for",
        };
        Self::new(&fault.text, to_do)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed(..) => Self::new(error, "check the disk and the owner of the files, or restore a backup"),
            // These texts end with what to do.
            StoreError::InUse(..) | StoreError::Newer(..) => Self::plain(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let problem = Problem::new("line one\n  line two\r\n", "act");
        assert_eq!(problem.to_string(), "line one; line two; : act");
        assert!(!Problem::plain("a\nb").to_string().contains('\n'));
        assert_eq!((Problem::plain("x").status(), Problem::usage("x", "y").status()), (1, 2));
    }

    #[test]
    fn system_errors_lose_their_number() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(cause(&error), "No such file or directory");
    }
}
