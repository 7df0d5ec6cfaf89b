//! The table of operations: what is not here does not exist. It serves dispatch, the reference (`posthouse ops`) and the tests.

use super::ops;
use super::request::{Op, Phase};
use crate::model::fault::{Fault, Outcome};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The families, in the order of the specification.
pub const FAMILIES: &[(&str, &[Op])] = &[
    ("Pre-Login and Login Operations", ops::prelogin::OPS),
    ("Service Operations", ops::service::OPS),
    ("Mailbox Management", ops::mailboxes::OPS),
    ("Mailbox Operations: folders", ops::folders::OPS),
    ("Mailbox Operations: messages", ops::sets::OPS),
    ("Message Operations: reading and composing", ops::messages::OPS),
    ("Message Operations: sending", ops::sending::OPS),
    ("Account Management", ops::accounts::OPS),
    ("Contacts Operations", ops::contacts::OPS),
    ("Calendar Operations", ops::calendars::OPS),
    ("Calendar Operations: scheduling", ops::scheduling::OPS),
    ("Signaling: binding", ops::signaling::OPS),
    ("Signaling: calls", ops::calls::OPS),
    ("Signaling: updates", ops::call_updates::OPS),
    ("Instant Messaging", ops::im::OPS),
    ("Roster and Presence", ops::roster::OPS),
    ("XMPP-style requests", ops::im::REQUESTS),
    ("Preferences", ops::preferences::OPS),
    ("Real-Time Application Management", ops::tasks::OPS),
];

/// Every operation with the name of its family.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Op)> {
    FAMILIES.iter().flat_map(|(family, ops)| ops.iter().map(move |op| (*family, op)))
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static Op>> = LazyLock::new(|| all().map(|(_, op)| (op.name, op)).collect());

/// The operation of a name: the exact name first, then without regard to case.
pub fn find(name: &str, logged_in: bool) -> Outcome<&'static Op> {
    let exact = BY_NAME.get(name).copied();
    let op = exact.or_else(|| all().map(|(_, op)| op).find(|op| op.name.eq_ignore_ascii_case(name))).ok_or_else(Fault::unknown_command)?;
    match (op.phase, logged_in) {
        (Phase::Session, false) => Err(Fault::state("not logged in")),
        (Phase::BeforeLogin, true) => Err(Fault::state("already logged in")),
        _ => Ok(op),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;
    use crate::xml::read::{Limits, document};

    #[test]
    fn names_are_unique() {
        assert_eq!(BY_NAME.len(), all().count());
    }

    fn sample(op: &Op, without: Option<&str>) -> Element {
        let mut element = document(format!("<x>{}</x>", op.sample_body).as_bytes(), &Limits::default()).unwrap();
        element.name = op.name.into();
        op.args.iter().filter(|a| a.required && Some(a.name) != without).for_each(|a| element.set(a.name, a.sample));
        element
    }

    #[test]
    fn every_operation_reads_its_samples_and_names_what_it_lacks() {
        for (_, op) in all() {
            let read = (op.read)(&sample(op, None));
            assert!(read.is_ok(), "{}: {read:?}", op.name);
            for arg in op.args.iter().filter(|a| a.required) {
                let fault = (op.read)(&sample(op, Some(arg.name))).unwrap_err();
                assert!(fault.text.contains(arg.name), "{} without {}: {fault}", op.name, arg.name);
            }
            for arg in op.args.iter().filter(|a| !a.required) {
                let mut element = sample(op, None);
                element.set(arg.name, arg.sample);
                let read = (op.read)(&element);
                assert!(read.is_ok(), "{} with {}: {read:?}", op.name, arg.name);
            }
        }
    }
}
