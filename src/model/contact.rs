//! Contacts: what lists and searches need to know of a card or a group, and what a stored one must have.
//!
//! Spec: XIMSS, "Contacts Operations"; companion 8.1.

use super::component::{Component, Property};
use super::mail::{MailAddress, Phone};

/// What lists and searches need to know of a card or a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The name it is filed under.
    pub file_as: String,
    /// Its e-mail addresses, each with a name.
    pub addresses: Vec<MailAddress>,
    /// Its telephone numbers.
    pub phones: Vec<Phone>,
    /// It has a certificate or another public key.
    pub has_certificate: bool,
    /// It is a group.
    pub is_group: bool,
}

/// Kinds of telephone numbers that a list tells, the ones that tell most first.
const PHONE_KINDS: &[&str] = &["CELL", "FAX", "PAGER", "VIDEO", "AGENT", "MSG", "WORK", "HOME", "VOICE"];

/// The most addresses, and the most numbers, that are listed of one contact.
const MOST: usize = 1_000;

/// A text without what is left over around it; None for nothing.
fn some(text: String) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Listing {
    /// Of a card or a group.
    pub fn of(card: &Component) -> Self {
        let file_as = file_as(card).unwrap_or_default();
        let name = Some(file_as.clone()).filter(|name| !name.is_empty());
        let mut listing =
            Self { has_certificate: card.all("KEY").any(|key| !key.value.is_empty()), is_group: card.is("VGROUP"), ..Self::default() };
        if listing.is_group {
            for member in card.all("MEMBER") {
                let value = member.text();
                match value.contains('@') {
                    true => listing.address(&value, member.parameter("CN").map(str::to_owned)),
                    false => listing.phone(&value, None),
                }
            }
        } else {
            card.all("EMAIL").for_each(|email| listing.address(&email.text(), name.clone()));
            card.all("TEL").for_each(|tel| listing.phone(&tel.text(), phone_kind(tel)));
        }
        Self { file_as, ..listing }
    }

    fn address(&mut self, text: &str, name: Option<String>) {
        let address = text.trim();
        let address =
            address.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).and_then(|_| address.get(7..)).unwrap_or(address);
        let good = !address.is_empty()
            && address.len() <= 998
            && !address.chars().any(|c| c.is_control() || c.is_whitespace() || "<>,;()[]\\\"".contains(c));
        if good && self.addresses.len() < MOST {
            self.addresses.push(MailAddress { name, address: address.to_owned() });
        }
    }

    fn phone(&mut self, text: &str, kind: Option<String>) {
        let number = text.trim();
        let number = number.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:")).and_then(|_| number.get(4..)).unwrap_or(number);
        // What parts numbers of a list, or a number from what is said of it, cannot stand in one.
        let number = number.split([';', ',']).next().unwrap_or_default();
        let number = if number.starts_with('+') { number.replace("(0)", " ") } else { number.to_owned() };
        let number: String = number.chars().map(|c| if "()\"".contains(c) || c.is_control() { ' ' } else { c }).collect();
        let number = number.split_whitespace().collect::<Vec<_>>().join(" ");
        if !number.is_empty() && number.len() <= 256 && self.phones.len() < MOST {
            self.phones.push(Phone { kind, number });
        }
    }
}

fn phone_kind(tel: &Property) -> Option<String> {
    let types = || tel.parameters.iter().filter(|p| p.name == "TYPE").flat_map(|p| &p.values);
    let known = |kind: &&&str| types().any(|value| value.eq_ignore_ascii_case(kind));
    PHONE_KINDS.iter().find(known).map(|kind| (*kind).to_owned())
}

/// The name a contact is filed under: as it says, else its name.
fn file_as(card: &Component) -> Option<String> {
    let said = ["X-FILE-AS", "FN"].iter().find_map(|name| card.text(name).and_then(some));
    said.or_else(|| name(card))
}

/// A name made of what a card says: its `NAME`, the parts of its name, its organisation, an address.
fn name(card: &Component) -> Option<String> {
    let parts = || {
        let name = card.get("N")?;
        let fields: Vec<String> = name.fields().iter().map(|field| Property::new("", *field).list().join(" ")).collect();
        let part = |at: usize| fields.get(at).map(|part| part.trim()).filter(|part| !part.is_empty());
        // Prefix, given name, middle name, family name, suffix.
        some([3, 1, 2, 0, 4].into_iter().filter_map(part).collect::<Vec<_>>().join(" "))
    };
    let organisation = || {
        let org = card.get("ORG")?;
        some(org.fields().first().map(|name| Property::new("", *name).text()).unwrap_or_default())
    };
    let first = |name: &str| card.text(name).and_then(some);
    first("NAME").or_else(parts).or_else(organisation).or_else(|| first("EMAIL")).or_else(|| first("TEL")).or_else(|| first("MEMBER"))
}

/// Gives a card what a stored one must have and it lacks: `UID` and `FN`.
pub fn complete(card: &mut Component, uid: &str) {
    let lacks = |card: &Component, name: &str| card.text(name).and_then(some).is_none();
    if lacks(card, "FN") && (lacks(card, "NAME") || !card.is("VGROUP")) {
        let name = name(card).unwrap_or_default();
        card.set(Property::of_text("FN", &name));
    }
    if lacks(card, "UID") {
        card.set(Property::of_text("UID", uid));
    }
}

/// A telephone number to be compared: its digits, and whether they begin with those of a country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telephone {
    digits: String,
    international: bool,
}

/// Digits that two numbers must have in common at their ends when one of them leaves the country, or more, away.
const COMMON: usize = 7;

impl Telephone {
    /// A text as a number: digits with what is usual between them. None where it is something else.
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = ["tel:", "sip:", "sips:"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
        let text = text.split(';').next().unwrap_or_default();
        let usual = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-./()\u{a0}\u{2011}\u{2013}".contains(c);
        if !text.chars().all(usual) {
            return None;
        }
        let plus = text.trim_start_matches([' ', '(']).starts_with('+');
        let all: String = if plus { text.replace("(0)", "") } else { text.to_owned() }.chars().filter(char::is_ascii_digit).collect();
        let (digits, international) = match all.strip_prefix("00") {
            Some(rest) if !plus => (rest.to_owned(), true),
            // The zero that stands for leaving one's town is no part of the number seen from elsewhere.
            _ if !plus => (all.strip_prefix('0').unwrap_or(&all).to_owned(), false),
            _ => (all, true),
        };
        (!digits.is_empty()).then_some(Self { digits, international })
    }

    /// True for the same number, however it is written; one of them may leave its country away.
    pub fn is(&self, other: &Self) -> bool {
        if self.digits == other.digits {
            return true;
        }
        let (long, short) = if self.digits.len() >= other.digits.len() { (self, other) } else { (other, self) };
        !short.international && short.digits.len() >= COMMON && long.digits.ends_with(&short.digits)
    }

    /// Digits that every number which is the same one ends with.
    pub fn ending(&self) -> &str {
        let most = if self.digits.len() >= COMMON { COMMON } else { self.digits.len() };
        self.digits.get(self.digits.len() - most..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(lines: &[(&str, &str)]) -> Component {
        let mut card = Component::new("VCARD");
        card.properties.extend(lines.iter().map(|(name, value)| Property::new(name, *value)));
        card
    }

    #[test]
    fn a_contact_is_filed_under_the_best_name_it_has() {
        let name = |lines: &[(&str, &str)]| {
            let mut card = card(lines);
            complete(&mut card, "u");
            assert_eq!(card.text("UID").unwrap(), "u");
            Listing::of(&card).file_as
        };
        assert_eq!(name(&[("FN", "Jo"), ("X-FILE-AS", "Jensen\\, Jo")]), "Jensen, Jo");
        assert_eq!(name(&[("NAME", "Jo"), ("N", "Jensen;Bjorn")]), "Jo");
        assert_eq!(name(&[("N", "Jensen;Bjorn,B.;A;Mr.;II"), ("ORG", "Acme")]), "Mr. Bjorn B. A Jensen II");
        assert_eq!(name(&[("FN", " "), ("N", ";;;;"), ("ORG", "Acme\\; Co;Unit")]), "Acme; Co");
        assert_eq!(name(&[("EMAIL", "a@b.c")]), "a@b.c");
        assert_eq!(name(&[]), "");
    }

    #[test]
    fn what_is_listed_can_stand_in_a_header() {
        let mut all = card(&[("FN", "Jo"), ("EMAIL", "a@b.c"), ("EMAIL", "not <one>"), ("KEY", "AA")]);
        all.properties.push(Property::new("TEL", "+1 (313) 747-4454;ext=1").with("TYPE", "work"));
        all.properties.push(Property::new("TEL", "tel:+44-20").with("TYPE", "x"));
        let listing = Listing::of(&all);
        assert_eq!(listing.addresses, [MailAddress { name: Some("Jo".into()), address: "a@b.c".into() }]);
        let phone = |kind: Option<&str>, number: &str| Phone { kind: kind.map(str::to_owned), number: number.to_owned() };
        assert_eq!(listing.phones, [phone(Some("WORK"), "+1 313 747-4454"), phone(None, "+44-20")]);
        assert!(listing.has_certificate && !listing.is_group);
        let mut group = Component::new("VGROUP");
        group.properties =
            vec![Property::new("NAME", "All"), Property::new("MEMBER", "a@b.c").with("CN", "A"), Property::new("MEMBER", "+1 2")];
        complete(&mut group, "u");
        let listing = Listing::of(&group);
        assert_eq!(
            (listing.file_as.as_str(), listing.addresses[0].name.as_deref(), listing.phones[0].number.as_str()),
            ("All", Some("A"), "+1 2")
        );
        assert!(group.get("FN").is_none());
    }

    #[test]
    fn numbers_are_compared_by_their_digits() {
        let same = |a: &str, b: &str| {
            let (a, b) = (Telephone::of(a).unwrap(), Telephone::of(b).unwrap());
            assert_eq!(a.is(&b), b.is(&a));
            assert!(!a.is(&b) || a.digits.ends_with(b.ending()) || b.digits.ends_with(a.ending()));
            a.is(&b)
        };
        assert!(
            same("+1 313 747-4454", "001 (313) 747.4454") && same("313 747 4454", "+13137474454") && same("0171 1234567", "+491711234567")
        );
        assert!(same("+49 (0)171 1234567", "0171/1234567") && same("110", "110") && same("tel:+1313", "+1 313"));
        assert!(!same("110", "+49110") && !same("+1 313 747 4454", "+2 313 747 4454") && !same("747 4454", "747 4455"));
        for other in ["a@b.c", "", "+", "bob", "12x"] {
            assert_eq!(Telephone::of(other), None, "{other}");
        }
    }
}
