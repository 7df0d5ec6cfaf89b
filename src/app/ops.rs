//! `posthouse ops`: the table of operations, from the same table that dispatches, so that it cannot be wrong.

use crate::proto::ximss::request::{Op, Phase};
use crate::proto::ximss::table;
use std::fmt::Write as _;

fn phase(op: &Op) -> &'static str {
    match op.phase {
        Phase::BeforeLogin => "before login",
        Phase::Session => "in a session",
        Phase::Always => "always",
    }
}

/// One line for each operation: name, phase, attributes (those in brackets may be left out).
pub fn list() -> String {
    let mut out = String::new();
    let mut family = "";
    for (of, op) in table::all() {
        if of != family {
            family = of;
            let _ = writeln!(out, "{}XIMSS: {family}", if out.is_empty() { "" } else { "\n" });
        }
        let arg = |arg: &crate::xml::Arg| if arg.required { format!(" {}", arg.name) } else { format!(" [{}]", arg.name) };
        let args: String = op.args.iter().map(arg).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {:<24} {:<13}{args}", op.name, phase(op));
    }
    out
}

/// The reference.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Operations\n\nWritten by `posthouse ops --markdown` from the table that the server dispatches by. An operation is an XML element; its\n\
         attributes are listed with what they hold. What an operation has in its body is described in the XIMSS specification.\n",
    );
    let mut family = "";
    for (of, op) in table::all() {
        if of != family {
            family = of;
            let _ = writeln!(out, "\n## XIMSS: {family}");
        }
        let _ = writeln!(out, "\n### `{}`\n\n{} Available {}.", op.name, op.doc, phase(op));
        if !op.args.is_empty() {
            out.push_str("\n| attribute | holds | needed | says |\n|---|---|---|---|\n");
        }
        for arg in op.args {
            let needed = if arg.required { "yes" } else { "" };
            let _ = writeln!(out, "| `{}` | {} | {needed} | {} |", arg.name, arg.kind, arg.doc.replace('|', "\\|"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_attribute_is_listed() {
        let (list, markdown) = (list(), markdown());
        for (family, op) in table::all() {
            assert!(list.contains(family) && list.lines().any(|line| line.trim_start().starts_with(op.name)), "{}", op.name);
            assert!(markdown.contains(&format!("### `{}`", op.name)) && markdown.contains(op.doc), "{}", op.name);
            op.args.iter().for_each(|arg| assert!(markdown.contains(&format!("| `{}` |", arg.name))));
        }
    }
}
