//! Contacts: any bytes are cards or are told as unreadable; what was read is written, and read again as one card with
//! as many properties, in every version; so is what comes as XML, of which nothing may break out of its line.

use posthouse::format::vcard::stream::{Item, Items};
use posthouse::format::vcard::write::{Style, card as text_of};
use posthouse::format::vcard::{parse, version};
use posthouse::model::component::Component;
use posthouse::model::contact::Listing;
use posthouse::proto::ximss::form::contact::{component, element};
use posthouse::xml::read::{Limits, document};
use posthouse::xml::write::to_bytes;

/// The body of the target: a file of cards, or one as XML.
pub fn run(bytes: &[u8]) {
    let generous = Limits { attribute_bytes: usize::MAX, attributes: usize::MAX, ..Limits::default() };
    for item in Items::new(bytes, None, 4_096).into_iter().flatten().flatten() {
        let Item::Card(card) = item else { continue };
        let again = written_and_read(&card, Style::Own);
        assert_eq!(text_of(&again, Style::Own), text_of(&card, Style::Own));
        let shown = document(&to_bytes(&element(&card)), &generous).expect("what is made is XML");
        assert!(shown.name.starts_with("vCard"));
    }
    let Ok(root) = document(bytes, &Limits::default()) else { return };
    if let Ok(card) = component(&root) {
        for style in [Style::Own, Style::Third, Style::Old] {
            written_and_read(&card, style);
        }
        let _ = Listing::of(&card);
    }
}

/// One card comes back, with as many properties; a card of 4.0 may get a name as it becomes 3.0.
fn written_and_read(card: &Component, style: Style) -> Component {
    let text = text_of(card, style);
    let cards = parse(text.as_bytes(), None).unwrap_or_else(|fault| panic!("what is written is read: {fault}: {text:?}"));
    let [again] = <[Component; 1]>::try_from(cards).expect("one card");
    let count = |card: &Component| card.properties.iter().filter(|p| p.name != "VERSION").count();
    let more = usize::from(style != Style::Own && version::is_new(card) && card.get("N").is_none() && card.is("VCARD"));
    assert_eq!(count(&again), count(card) + more, "{text}");
    again
}
