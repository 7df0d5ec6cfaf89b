//! Holds the list of all operations of the specification against the table that dispatches and against the conversations.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod support;

use posthouse::proto::ximss::table;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::conversation::operations;
use support::matching::{Bindings, difference};
use support::ximss::parse;

/// How many operations the specification has; `readStrings` stands there twice.
const ALL: usize = 152;

struct Listed {
    name: String,
    done: bool,
}

fn list() -> Vec<Listed> {
    let text = include_str!("conformance/ximss-ops.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed = lines.map(|line| {
        let (name, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no state: {line}"));
        let rest = rest.trim();
        let reason = rest.strip_prefix("not yet: ").is_some_and(|reason| !reason.is_empty());
        assert!(rest == "done" || reason, "neither done nor a reason why not: {line}");
        Listed { name: name.to_owned(), done: rest == "done" }
    });
    listed.collect()
}

#[test]
fn the_list_names_every_operation_once() {
    let list = list();
    let names: BTreeSet<&str> = list.iter().map(|listed| listed.name.as_str()).collect();
    assert_eq!((list.len(), names.len()), (ALL, ALL));
}

#[test]
fn what_is_done_is_in_the_table_and_the_other_way_round() {
    let done: BTreeSet<String> = list().into_iter().filter(|listed| listed.done).map(|listed| listed.name).collect();
    let table: BTreeSet<String> = table::all().map(|(_, op)| op.name.to_owned()).collect();
    assert_eq!(done.difference(&table).collect::<Vec<_>>(), Vec::<&String>::new(), "said to be done, not in the table");
    assert_eq!(table.difference(&done).collect::<Vec<_>>(), Vec::<&String>::new(), "in the table, not said to be done");
}

#[test]
fn every_operation_that_is_done_occurs_in_a_conversation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    let mut spoken = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "conv") {
            spoken.extend(operations(&fs::read_to_string(path).unwrap()));
        }
    }
    let silent: Vec<String> = list().into_iter().filter(|l| l.done && !spoken.contains(&l.name)).map(|l| l.name).collect();
    assert!(silent.is_empty(), "no conversation asks for {silent:?}");
}

/// The comparison that every conversation stands on finds what differs.
#[test]
fn expected_and_actual_messages_are_told_apart() {
    let differs = |expected: &str, actual: &str| {
        let (expected, actual) = (parse(expected.as_bytes()), parse(actual.as_bytes()));
        difference(&expected, &actual, &mut Bindings::new()).is_some()
    };
    for (expected, actual) in [
        (r#"<a x="1" y="2"><b/> <c>t</c></a>"#, r#"<a y="2" x="1"><b></b><c>t</c></a>"#),
        (r#"<a x="*"/>"#, r#"<a x="anything"/>"#),
        (r#"<a x="1" _="*"/>"#, r#"<a x="1" y="2"/>"#),
        (r#"<a><b/><_/></a>"#, r#"<a><b/><c/><d/></a>"#),
        (r#"<a x="${v}">pre ${v}*</a>"#, r#"<a x="7">pre 7 post</a>"#),
    ] {
        assert!(!differs(expected, actual), "{expected} is {actual}");
    }
    for (expected, actual) in [
        ("<a/>", "<b/>"),
        ("<a/>", r#"<a x="1"/>"#),
        (r#"<a x="1"/>"#, "<a/>"),
        (r#"<a x="1"/>"#, r#"<a x="2"/>"#),
        (r#"<a x="1*"/>"#, r#"<a x="21"/>"#),
        ("<a>text</a>", "<a>text </a>"),
        ("<a>text</a>", "<a/>"),
        ("<a/>", "<a>text</a>"),
        ("<a><b/></a>", "<a><b/><c/></a>"),
        ("<a><b/><c/></a>", "<a><c/><b/></a>"),
        ("<a><b/><c/></a>", "<a><b/></a>"),
        ("<a>*x</a>", "<a><b/></a>"),
        (r#"<a x="${v}" y="${v}"/>"#, r#"<a x="1" y="2"/>"#),
    ] {
        assert!(differs(expected, actual), "{expected} is not {actual}");
    }
}
