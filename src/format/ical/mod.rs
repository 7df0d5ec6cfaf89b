//! iCalendar: text to components and back, components to what a calendar needs of them.
//!
//! Content lines are read and written by code of our own (`lines`, `write`). The crates for iCalendar turn values into
//! types as they read and write those types back, which loses what they do not know or cannot type: odd escapes, values
//! of the wrong form, parameters in an order, lines that are no content lines, quoted-printable of vCalendar 1.0. Here a
//! value stays the text that it was until `series` looks at it, and what cannot be understood is carried along.
//!
//! Spec: RFC 5545, RFC 6868, RFC 7986; vCalendar 1.0 where it differs.

pub mod dates;
pub mod items;
pub mod lines;
pub mod parse;
pub mod recur;
pub mod series;
pub mod write;
pub mod zone;

pub use items::{Item, Items};
pub use parse::{parse, parse_within};
pub use series::{series, series_of};
pub use write::{line, write, write_into};

/// How much is read of one item or one document that is parsed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Its bytes.
    pub bytes: usize,
    /// Its components.
    pub components: usize,
}

impl Bounds {
    /// The bounds that the limits of the house set.
    pub fn of(limits: &crate::model::limits::Limits) -> Self {
        Self { bytes: limits.calendar_item, components: limits.calendar_components }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::of(&crate::model::limits::Limits::default())
    }
}

/// The deepest nesting of components.
pub const DEEPEST: usize = 32;

#[cfg(test)]
mod tests;
