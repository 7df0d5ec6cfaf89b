//! The words of a mail as text and as HTML. What others have written is data: in HTML every character that means something
//! there is escaped, so that nothing of it can be markup.

use super::words::Words;
use crate::format::html::escaped;

/// As text.
pub fn text(words: &Words) -> String {
    let mut out = String::new();
    let mut paragraph = |text: &str| {
        out.push_str(text.trim_end());
        out.push_str("\n\n");
    };
    words.comment.iter().for_each(|comment| paragraph(comment));
    paragraph(&words.opening);
    paragraph(&words.summary);
    let mut facts = String::new();
    for (label, lines) in &words.facts {
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 { format!("{label}:") } else { String::new() };
            facts.push_str(&format!("{label:<7}{line}\n"));
        }
    }
    paragraph(&facts);
    words.description.iter().for_each(|description| paragraph(description));
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

/// As HTML.
pub fn html(words: &Words) -> String {
    let mut out = String::from("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n");
    let mut paragraph = |text: &str| out.push_str(&format!("<p>{}</p>\n", lines(text)));
    words.comment.iter().for_each(|comment| paragraph(comment));
    paragraph(&words.opening);
    out.push_str(&format!("<h2>{}</h2>\n<table>\n", escaped(&words.summary)));
    for (label, facts) in &words.facts {
        let facts: Vec<String> = facts.iter().map(|fact| escaped(fact)).collect();
        out.push_str(&format!("<tr><th align=\"left\" valign=\"top\">{label}</th><td>{}</td></tr>\n", facts.join("<br>\n")));
    }
    out.push_str("</table>\n");
    if let Some(description) = &words.description {
        out.push_str(&format!("<p>{}</p>\n", lines(description)));
    }
    out.push_str("</body></html>\n");
    out
}

fn lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("<br>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hostile(text: &str) -> Words {
        Words {
            opening: text.into(),
            comment: Some(text.into()),
            summary: text.into(),
            facts: vec![("When", vec![text.into(), text.into()]), ("Where", vec![text.into()])],
            description: Some(text.into()),
        }
    }

    #[test]
    fn the_text_has_a_column_of_labels() {
        let words = Words { comment: None, description: None, facts: vec![("When", vec!["now".into(), "then".into()])], ..hostile("x") };
        assert_eq!(text(&words), "x\n\nx\n\nWhen:  now\n       then\n");
    }

    proptest! {
        /// Whatever others have written, the markup is that of an empty page.
        #[test]
        fn nobody_writes_markup(evil in r#"[<>"'&a/=\n\x00 ]{0,40}"#) {
            let tags = |html: &str| html.chars().filter(|c| *c == '<').count() - html.matches("<br>").count();
            prop_assert_eq!(tags(&html(&hostile(&evil))), tags(&html(&hostile("x"))) );
        }
    }
}
