//! An open folder as its client knows it, and what the server owes it: each change of the mailbox must be told, by a
//! notice and then by what `folderSync` reports, before so and so many rounds have passed.
//!
//! A change that another one has made void before the folder was synchronised need not be told: a message that came
//! and went.

use posthouse::xml::Element;
use std::collections::{BTreeMap, BTreeSet};

/// What has happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Updated,
    Removed,
}

/// A folder.
pub struct View {
    /// Its name at the client.
    pub name: String,
    /// The mailbox, by its owner and name.
    pub mailbox: String,
    /// It shows only messages with this in their subject.
    pub filter: &'static str,
    /// The messages it is known to show, by UID.
    pub known: BTreeSet<u32>,
    /// What it has not been told yet, and since which round.
    owed: BTreeMap<u32, (Change, u64)>,
    /// Messages that were sent to it, whose UIDs nobody knows yet: what their subjects contain.
    letters: Vec<(String, u64)>,
    /// A notice has come; the folder has not been synchronised since.
    pub told: bool,
}

impl View {
    /// A folder that was just opened, and shows these messages.
    pub fn opened(name: &str, mailbox: &str, filter: &'static str, known: BTreeSet<u32>) -> Self {
        let (name, mailbox) = (name.to_owned(), mailbox.to_owned());
        Self { name, mailbox, filter, known, owed: BTreeMap::new(), letters: Vec::new(), told: false }
    }

    /// True where it owes nothing.
    pub fn is_settled(&self) -> bool {
        self.owed.is_empty() && self.letters.is_empty() && !self.told
    }

    fn shows(&self, subject: &str) -> bool {
        subject.contains(self.filter)
    }

    /// A message has come into the mailbox.
    pub fn added(&mut self, uid: u32, subject: &str, round: u64) {
        if self.shows(subject) {
            self.owed.insert(uid, (Change::Added, round));
        }
    }

    /// A message is on its way into the mailbox.
    pub fn posted(&mut self, subject: &str, round: u64) {
        if self.shows(subject) {
            self.letters.push((subject.to_owned(), round));
        }
    }

    /// A message of the mailbox has other flags or attributes.
    pub fn updated(&mut self, uid: u32, round: u64) {
        if self.known.contains(&uid) {
            self.owed.entry(uid).or_insert((Change::Updated, round));
        }
    }

    /// A message has left the mailbox.
    pub fn removed(&mut self, uid: u32, subject: &str, round: u64) {
        if self.known.contains(&uid) {
            self.owed.insert(uid, (Change::Removed, round));
        } else if self.owed.remove(&uid).is_none() {
            self.forget_letter(subject);
        }
    }

    /// All messages have left the mailbox, also those that nobody has seen.
    pub fn emptied(&mut self) {
        self.letters.clear();
    }

    fn forget_letter(&mut self, subject: &str) -> bool {
        let at = self.letters.iter().position(|(sent, _)| subject.contains(sent.as_str()));
        at.map(|at| self.letters.swap_remove(at)).is_some()
    }

    /// Takes in what `folderSync` has brought. Gives the messages that were added, and how many changes this accounts for.
    pub fn synchronised(&mut self, reports: &[Element]) -> (Vec<(u32, String)>, usize) {
        let (mut added, mut told) = (Vec::new(), 0);
        self.told = false;
        for report in reports {
            let Some(uid) = report.get("UID").and_then(|uid| uid.parse::<u32>().ok()) else { continue };
            let owed = self.owed.get(&uid).map(|(change, _)| *change);
            let met = match report.get("mode") {
                Some("added") => {
                    let subject = report.first("Subject").map(Element::body).unwrap_or_default();
                    self.known.insert(uid);
                    added.push((uid, subject.clone()));
                    owed == Some(Change::Added) || self.forget_letter(&subject)
                }
                Some("removed") => {
                    self.known.remove(&uid);
                    owed == Some(Change::Removed)
                }
                Some("updated") => owed == Some(Change::Updated),
                _ => false,
            };
            if met {
                self.owed.remove(&uid);
                told += 1;
            }
        }
        (added, told)
    }

    /// What should have been told before this round; it is forgotten.
    pub fn overdue(&mut self, round: u64) -> Vec<String> {
        let late = |since: u64| since < round;
        let mut all: Vec<String> =
            self.owed.iter().filter(|(_, (_, since))| late(*since)).map(|(uid, (change, _))| format!("{change:?} {uid}")).collect();
        all.extend(self.letters.iter().filter(|(_, since)| late(*since)).map(|(subject, _)| format!("letter {subject}")));
        self.owed.retain(|_, (_, since)| !late(*since));
        self.letters.retain(|(_, since)| !late(*since));
        all
    }
}
