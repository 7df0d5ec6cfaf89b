//! Components to iCalendar text: CRLF, lines folded at 75 octets between characters.
//!
//! Whatever a name or a value holds, it stays inside its line: line ends in values are written as `\n`, other controls
//! are left out. Spec: RFC 5545 3.1, RFC 6868.

use crate::format::content_line::fold;
use crate::model::component::{Component, Parameter, Property};

/// The text of a component.
pub fn write(component: &Component) -> String {
    let mut out = String::with_capacity(1024);
    write_into(&mut out, component);
    out
}

/// Appends the text of a component.
pub fn write_into(out: &mut String, component: &Component) {
    fold(out, &format!("BEGIN:{}", name(&component.name)));
    for property in &component.properties {
        fold(out, &line(property));
    }
    for inner in &component.components {
        write_into(out, inner);
    }
    fold(out, &format!("END:{}", name(&component.name)));
}

/// The content line of a property, not folded and without its end.
pub fn line(property: &Property) -> String {
    let mut out = String::with_capacity(property.name.len() + property.value.len() + 16);
    if let Some(group) = &property.group {
        out.push_str(&name(group));
        out.push('.');
    }
    if !property.name.is_empty() {
        out.push_str(&name(&property.name));
        for p in &property.parameters {
            parameter(&mut out, p);
        }
        out.push(':');
    }
    for c in property.value.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A name keeps only what a name may have.
fn name(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')).collect()
}

fn parameter(out: &mut String, parameter: &Parameter) {
    out.push(';');
    out.extend(parameter.name.chars().filter(|c| !c.is_control() && !matches!(c, '=' | ';' | ':' | '"' | ',')));
    if parameter.values.is_empty() {
        return;
    }
    for (at, value) in parameter.values.iter().enumerate() {
        out.push(if at == 0 { '=' } else { ',' });
        let quoted = value.contains([',', ';', ':']) || parameter.name == "TZID" && value.contains('(');
        if quoted {
            out.push('"');
        }
        for c in value.chars() {
            match c {
                '\n' => out.push_str("^n"),
                '"' => out.push_str("^'"),
                '^' => out.push_str("^^"),
                '\t' => out.push(c),
                c if c.is_control() => {}
                c => out.push(c),
            }
        }
        if quoted {
            out.push('"');
        }
    }
}
