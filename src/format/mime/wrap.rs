//! `format=flowed` in both directions (RFC 3676).

/// Joins soft-wrapped lines into paragraphs. Quoted lines keep their quotes; a signature line is never joined.
pub(super) fn unflowed(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let (content, newline) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        let depth = content.bytes().take_while(|b| *b == b'>').count();
        let body = content.get(depth..).unwrap_or_default();
        let body = body.strip_prefix(' ').unwrap_or(body);
        let signature = body == "-- ";
        if open != Some(depth) || signature {
            if open.is_some() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n('>', depth));
            if depth > 0 && !body.is_empty() {
                out.push(' ');
            }
        }
        if body.ends_with(' ') && !signature && !newline.is_empty() {
            out.push_str(if delete_space { body.strip_suffix(' ').unwrap_or(body) } else { body });
            open = Some(depth);
        } else {
            out.push_str(body);
            out.push_str(newline);
            open = None;
        }
    }
    out
}

/// Columns that a soft-wrapped line may go past the width asked for. The specification's own example has a line of 75
/// columns at the default width of 72; with four, no line is longer than the 78 that RFC 3676 4.2 allows.
const TOLERANCE: usize = 4;

/// Wraps paragraphs at about `width` columns with soft breaks, and stuffs lines that would be misread.
pub(super) fn flowed(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive('\n') {
        let (content, newline) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        let depth = content.bytes().take_while(|b| *b == b'>').count();
        let (quote, body) = content.split_at(depth);
        let body = if depth > 0 { body.strip_prefix(' ').unwrap_or(body) } else { body };
        if body == "-- " {
            begin(&mut out, quote, "");
            out.push_str(body);
            out.push_str(newline);
            continue;
        }
        // A line that ends in a blank would flow into the next one.
        let body = body.trim_end_matches(' ');
        let mut rest = body;
        loop {
            let end = break_at(rest, (width + TOLERANCE).saturating_sub(depth).max(10));
            let (now, later) = rest.split_at(end);
            begin(&mut out, quote, now);
            out.push_str(now);
            if later.is_empty() {
                out.push_str(newline);
                break;
            }
            out.push('\n');
            rest = later;
        }
    }
    out
}

fn begin(out: &mut String, quote: &str, line: &str) {
    out.push_str(quote);
    let needs_stuffing = quote.is_empty() && (line.starts_with([' ', '>']) || line.starts_with("From "));
    if needs_stuffing || !quote.is_empty() && !line.is_empty() {
        out.push(' ');
    }
}

/// Where to break a line: behind the last blank within the width, or else the first one after it.
fn break_at(line: &str, width: usize) -> usize {
    let mut last = None;
    for (column, (at, c)) in line.char_indices().enumerate() {
        if column >= width
            && let Some(last) = last
        {
            return last;
        }
        if c == ' ' {
            let behind = at + 1;
            // Blanks stay together, so that the next line does not begin with one.
            if !line.get(behind..).is_some_and(|rest| rest.starts_with(' ') || rest.is_empty()) {
                if column >= width {
                    return behind;
                }
                last = Some(behind);
            }
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_specification_s_example() {
        let text = "This is a very long long long long long long long long long long superlong long long long long long long line, \
                    followed with a shorter line:\nThis is a shorter line.";
        let wrapped = flowed(text, 72);
        let lines: Vec<&str> = wrapped.split('\n').collect();
        assert_eq!(lines[0], "This is a very long long long long long long long long long long superlong ");
        assert_eq!(lines.last(), Some(&"This is a shorter line."));
        assert_eq!(unflowed(&wrapped, false), text);
    }

    #[test]
    fn what_would_be_misread_is_stuffed() {
        assert_eq!(flowed("From here\n indented\n>quoted\n-- \nsig", 72), " From here\n  indented\n> quoted\n-- \nsig");
        assert_eq!(unflowed("> a \n> b\n>> c\nd", false), "> a b\n>> c\nd");
        assert_eq!(unflowed("ab \nc", true), "abc");
    }

    proptest! {
        #[test]
        fn text_comes_back(words in proptest::collection::vec("[a-zF][a-z]{0,12}", 0..80), lines in 1usize..4) {
            let paragraph = words.join(" ");
            let text = vec![paragraph; lines].join("\n");
            let wrapped = flowed(&text, 40);
            prop_assert!(wrapped.split('\n').all(|l| l.len() <= 60));
            prop_assert_eq!(unflowed(&wrapped, false), text);
        }

        #[test]
        fn anything_can_be_unwrapped(text in "[ >a\n-]{0,60}") {
            let _ = unflowed(&flowed(&text, 12), false);
            let _ = unflowed(&text, true);
        }
    }
}
