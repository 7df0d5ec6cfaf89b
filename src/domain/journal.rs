//! `Journal`: lines that belong into files of accounts: what was written to whom, who called when. Written behind what
//! they tell of, together, so that a conversation costs no commit for each word; a crash may take the last seconds.
//!
//! - `private/IM/PEER.log`: a line for each instant message, unless the preference `IMHistory` says NO.
//! - `private/logs/calls-YYYY-MM.log`: a line for each call, unless the account's setting `CallLogs` says NO.
//! - `private/logs/apps-YYYY-MM.log`: what applications note, and why they have failed.
//!
//! A line begins with the time (RFC 3339); its fields stand between tabs, line ends in a text are written `\n`.
//! Spec: XIMSS, "File Storage Operations" (the special directories); "Instant Messaging", "Signaling".

use super::access::Caller;
use super::files;
use super::house::House;
use super::preferences::Preferences;
use crate::model::files::{FileName, WriteAt};
use crate::model::limits::Limits;
use crate::model::names::AccountAddress;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::store::{WriteTx, accounts};
use futures_util::stream::{self, StreamExt};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Lines are collected for so long.
const TOGETHER: Duration = Duration::from_secs(2);
/// Files that are written at a time.
const AT_A_TIME: usize = 64;
/// Bytes of the time that a line begins with.
const STAMP: usize = 20;
/// The most bytes that wait to be written; past it lines are dropped.
const MOST_BYTES: usize = 8 << 20;

/// What a line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An instant message.
    Message,
    /// A call.
    Call,
    /// What an application notes.
    Application,
}

type Waiting = BTreeMap<(AccountAddress, Kind, String), String>;

#[derive(Default)]
struct Lines {
    waiting: Waiting,
    /// Bytes of all that waits.
    bytes: usize,
    /// Lines for which there was no room.
    dropped: u64,
}

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    filled: Notify,
}

/// The journal. Cloning gives another handle.
#[derive(Clone, Default)]
pub struct Journal(Arc<Shared>);

impl Journal {
    /// One line more for a file of an account; the account may be anybody's.
    pub fn note(&self, account: &AccountAddress, kind: Kind, file: String, at: Timestamp, fields: &[&str]) {
        // Every message makes two of these: one allocation each.
        let length = STAMP + fields.iter().map(|field| field.len() + 1).sum::<usize>() + 1;
        let mut line = String::with_capacity(length);
        at.append_iso8601(&mut line);
        for field in fields {
            line.push('\t');
            append_field(&mut line, field);
        }
        line.push('\n');
        {
            // A panic while the lock was held cannot leave a line half written.
            let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.bytes + line.len() > MOST_BYTES {
                lines.dropped += 1;
                return;
            }
            lines.bytes += line.len();
            lines.waiting.entry((account.clone(), kind, file)).or_default().push_str(&line);
        }
        self.0.filled.notify_one();
    }

    fn take(&self) -> Waiting {
        let lines = std::mem::take(&mut *self.0.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.dropped > 0 {
            tracing::warn!(lines = lines.dropped, "more was to be written into the logs of accounts than there is room for");
        }
        lines.waiting
    }
}

/// Appends a text so that it neither ends its field nor its line.
fn append_field(line: &mut String, text: &str) {
    if !text.bytes().any(|b| matches!(b, b'\\' | b'\r' | b'\t' | b'\n')) {
        return line.push_str(text);
    }
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' | '\t' => line.push(' '),
            c => line.push(c),
        }
    }
}

/// A peer's name as a file name.
pub fn file_of(peer: &str) -> Cow<'_, str> {
    let stays = |c: char| c.is_alphanumeric() || "@.-_+".contains(c);
    if peer.chars().all(stays) {
        return Cow::Borrowed(peer);
    }
    Cow::Owned(peer.chars().map(|c| if stays(c) { c } else { '_' }).collect())
}

/// The file of what happens in a month.
pub fn file_of_month(of: &str, at: Timestamp) -> String {
    format!("private/logs/{of}-{}.log", at.iso8601().get(..7).unwrap_or_default())
}

/// Writes for as long as the server runs. Spawned once by the app floor.
pub async fn run(house: Arc<House>) {
    loop {
        house.journal.0.filled.notified().await;
        tokio::time::sleep(TOGETHER).await;
        write_all(&house).await;
    }
}

/// Writes what waits.
pub async fn write_all(house: &House) {
    let limits = house.settings().limits.clone();
    let waiting = stream::iter(house.journal.take());
    // Many at a time, so that they share a commit; each by itself, so that one without room does not take the others along.
    let written = waiting.for_each_concurrent(AT_A_TIME, |((account, kind, file), lines)| {
        let limits = limits.clone();
        async move {
            // An account without room keeps what it has; the store has logged what else went wrong.
            let _ = house.store.write(move |tx| write(tx, &account, kind, &file, &lines, &limits)).await;
        }
    });
    written.await;
}

fn write(tx: &WriteTx, address: &AccountAddress, kind: Kind, file: &str, lines: &str, limits: &Limits) -> crate::model::fault::Outcome<()> {
    let Some(account) = accounts::find(tx, address)? else { return Ok(()) };
    let wanted = match kind {
        Kind::Message => Preferences::read(tx, &Caller { account, address: address.clone() })?.get("IMHistory").is_some_and(Value::is_yes),
        Kind::Application => true,
        Kind::Call => accounts::get(tx, account)?.setting("CallLogs").is_some_and(|setting| setting.eq_ignore_ascii_case("YES")),
    };
    if !wanted {
        return Ok(());
    }
    let name: FileName = file.parse()?;
    files::write(tx, account, &name, lines.as_bytes(), WriteAt::End, limits, Timestamp::now()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{house, new_account};

    #[actix::test]
    async fn lines_come_into_their_files_in_order() {
        let house = house();
        let alice = new_account(&house.store, "alice@example.test").await;
        let file = || format!("private/IM/{}.log", file_of("bob@ex/ample"));
        for text in ["one", "two\nlines\tand a tab\r\\"] {
            house.journal.note(&alice.address, Kind::Message, file(), Timestamp(0), &["<", text]);
        }
        house.journal.note(&"nobody@example.test".parse().unwrap(), Kind::Message, file(), Timestamp(0), &["x"]);
        write_all(&house).await;
        house.journal.note(&alice.address, Kind::Message, file(), Timestamp(60), &[">", "three"]);
        write_all(&house).await;
        let name = "private/IM/bob@ex_ample.log".parse().unwrap();
        let written = house.store.read(move |tx| files::read(tx, alice.account, &name)).await.unwrap().unwrap();
        let expected =
            "1970-01-01T00:00:00Z\t<\tone\n1970-01-01T00:00:00Z\t<\ttwo\\nlines and a tab \\\\\n1970-01-01T00:01:00Z\t>\tthree\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
