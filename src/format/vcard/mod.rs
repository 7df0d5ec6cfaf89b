//! vCards and groups of contacts: text to components and back, without losing a property, a parameter or a group.
//!
//! A component holds what a card says in the syntax of vCard 3.0, or of 4.0 where the card is one: cards of 2.1 are
//! turned into 3.0 as they are read (quoted-printable and charsets are undone, bare types become `TYPE`, a card inside
//! a card becomes the text of its property). A line that is no content line is kept as the text of [`UNREADABLE_LINE`].
//!
//! The lines are taken apart here and not by a typed reader: those give values of their own making, and what a card
//! says must be given back as it was said. A test holds what is read here against such a reader.
//! Spec: vCard 2.1; RFC 2425, 2426 (3.0); RFC 6350 (4.0). A group is `VGROUP`, with a `MEMBER` for each contact.

mod charset;
mod line;
mod read;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod version;
pub mod write;

use crate::model::component::Component;
use crate::model::fault::{Fault, Outcome};
use stream::{Item, Items};

/// The name of a property that holds a line which is none.
pub const UNREADABLE_LINE: &str = "X-LINE";

/// The most bytes of a card: a card with a large picture has room.
pub const MOST_CARD: usize = 16 << 20;

/// All cards and groups of a text; refused where one of them cannot be read. `charset`: of bytes that are not UTF-8.
pub fn parse(bytes: &[u8], charset: Option<&str>) -> Outcome<Vec<Component>> {
    let failed = |what: &str| Fault::bad(format!("vCard is incorrect: {what}"));
    let items = Items::new(bytes, charset, MOST_CARD).map_err(|_| failed("it cannot be read"))?;
    let one = |item| match item {
        Ok(Item::Card(card)) => Ok(card),
        Ok(Item::Unreadable(lost)) => Err(failed(&format!("line {}: {}", lost.line, lost.reason))),
        Err(_) => Err(failed("it cannot be read")),
    };
    items.map(one).collect()
}
