//! Objects to text: what is written is read back as the same object.

use super::Layout;
use super::read::xml_length;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::{IpAddr, SocketAddr};

/// The first and the last second that a date with a year of four digits can name.
const DATES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// An object on one line. Only the source of XML may hold line breaks of its own.
pub fn to_line(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, Layout::Line, 0);
    out
}

/// An object as a file has it: an entry of a dictionary per line, indented by one space per level.
pub fn to_lines(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, Layout::Lines, 0);
    out.push('\n');
    out
}

fn write(out: &mut String, value: &Value, layout: Layout, depth: usize) {
    match value {
        Value::Null => out.push_str("#NULL#"),
        Value::String(text) => string(out, text),
        Value::Number(number) => out.push_str(&format!("#{number}")),
        Value::Time(at) => out.push_str(&time_stamp(*at)),
        Value::NetAddress(text) => match address(text) {
            Some(address) => out.push_str(&format!("#I{address}")),
            // What is no address is still a text.
            None => string(out, text),
        },
        Value::Data(bytes) => out.push_str(&format!("[{}]", STANDARD.encode(bytes))),
        Value::Array(values) => {
            out.push('(');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, value, layout, depth + 1);
            }
            out.push(')');
        }
        Value::Dictionary(entries) => {
            out.push('{');
            for (key, value) in entries {
                line_break(out, layout, depth + 1);
                string(out, key);
                out.push_str(if layout == Layout::Lines { " = " } else { "=" });
                write(out, value, layout, depth + 1);
                out.push(';');
            }
            if !entries.is_empty() {
                line_break(out, layout, depth);
            }
            out.push('}');
        }
        Value::Xml(source) if xml_length(source) == Some(source.len()) => out.push_str(source),
        Value::Xml(source) => string(out, source),
    }
}

fn line_break(out: &mut String, layout: Layout, depth: usize) {
    if layout == Layout::Lines {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth));
    }
}

fn string(out: &mut String, text: &str) {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\{:03}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u'{:x}'", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The bracketed form of an address in any common form.
fn address(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(format!("[{ip}]"));
    }
    if let Ok(SocketAddr::V6(address)) = text.parse::<SocketAddr>() {
        return Some(format!("[{}]:{}", address.ip(), address.port()));
    }
    let (ip, port) = text.rsplit_once(':')?;
    let ip = ip.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?;
    Some(format!("[{ip}]:{}", port.parse::<u16>().ok()?))
}

fn time_stamp(at: Timestamp) -> String {
    if !DATES.contains(&at.0) {
        return if at.0 < 0 { "#TPAST".into() } else { "#TFUTURE".into() };
    }
    let text = at.gmt_bare();
    let part = |from: usize, till: usize| text.get(from..till).unwrap_or_default();
    format!("#T{}-{}-{}_{}:{}:{}", part(6, 8), part(4, 6), part(0, 4), part(9, 11), part(11, 13), part(13, 15))
}
