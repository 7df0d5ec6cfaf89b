//! Data objects as text: settings files, `type="object"` files, commands. One object in, one object out.
//!
//! Strings (`abc`, `"a b"`), datablocks (`[aGk=]`), numbers (`#5`), time-stamps (`#T20-10-2002_07:45:30`), network
//! addresses (`#I[10.0.44.55]:25`), arrays (`(a,b)`), dictionaries (`{a=b;}`), XML (`<a/>`) and null (`#NULL#`).
//! Reading is lenient about unquoted strings and strict about everything else; nesting is bounded.

mod read;
mod write;

pub use read::{parse, parse_first};
pub use write::{to_line, to_lines};

/// How a text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One line, as in a command: nothing but spaces between tokens.
    Line,
    /// Many lines, as in a file: white space and comments between tokens, and strings may be split.
    Lines,
}

/// Objects inside each other, at most.
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests;
