//! What iCalendar and vCard are made of: components of properties with parameters. Nothing is lost here: a property
//! that no one knows keeps its name, its parameters and its value as they were written.
//!
//! Spec: RFC 5545 3.1 to 3.3, RFC 6350 3.3 and 3.4.

/// A parameter: `TZID=Europe/Paris`, `TYPE=home,work`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in upper case.
    pub name: String,
    /// Its values, without the quotes of the text form.
    pub values: Vec<String>,
}

/// A property: one content line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Property {
    /// The group of vCard (`item1.TEL`).
    pub group: Option<String>,
    /// Its name in upper case.
    pub name: String,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Its value as it stands in the text form: unfolded, with the backslashes that protect `,` `;` and line ends.
    pub value: String,
}

/// A component: `VCALENDAR`, `VEVENT`, `VCARD`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component {
    /// Its name in upper case.
    pub name: String,
    /// Its properties, in order.
    pub properties: Vec<Property>,
    /// The components inside, in order.
    pub components: Vec<Component>,
}

impl Property {
    /// A property whose value stands as it is: a date, a rule, an address.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { group: None, name: name.to_ascii_uppercase(), parameters: Vec::new(), value: value.into() }
    }

    /// A property with a text, which is protected as the text form wants it.
    pub fn of_text(name: &str, text: &str) -> Self {
        Self::new(name, protected(text))
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set_parameter(name, value);
        self
    }

    /// The first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|p| p.name.eq_ignore_ascii_case(name));
        found.and_then(|p| p.values.first()).map(String::as_str)
    }

    /// Sets a parameter to one value.
    pub fn set_parameter(&mut self, name: &str, value: impl Into<String>) {
        self.parameters.retain(|p| !p.name.eq_ignore_ascii_case(name));
        self.parameters.push(Parameter { name: name.to_ascii_uppercase(), values: vec![value.into()] });
    }

    /// The value as a text: without the backslashes.
    pub fn text(&self) -> String {
        bare(&self.value)
    }

    /// The value as a list of texts, parted at commas.
    pub fn list(&self) -> Vec<String> {
        parted(&self.value, ',').map(bare).collect()
    }

    /// The value as structured fields, parted at semicolons; each may be a list and is still protected.
    pub fn fields(&self) -> Vec<&str> {
        parted(&self.value, ';').collect()
    }
}

impl Component {
    /// An empty component.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_ascii_uppercase(), ..Self::default() }
    }

    /// True when this is its name.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The first property of a name.
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// Every property of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |p| p.name.eq_ignore_ascii_case(name))
    }

    /// The first property of a name, as a text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(Property::text)
    }

    /// Puts a property in the place of all of its name; at the end when there was none.
    pub fn set(&mut self, property: Property) {
        let at = self.properties.iter().position(|p| p.name.eq_ignore_ascii_case(&property.name));
        self.remove(&property.name);
        self.properties.insert(at.unwrap_or(self.properties.len()), property);
    }

    /// Takes every property of a name away.
    pub fn remove(&mut self, name: &str) {
        self.properties.retain(|p| !p.name.eq_ignore_ascii_case(name));
    }

    /// The components of a name that stand directly inside.
    pub fn inside<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Component> {
        self.components.iter().filter(move |c| c.is(name))
    }
}

/// A text as a value: RFC 5545 3.3.11.
pub fn protected(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ',' | ';' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => {}
            _ => out.push(c),
        }
    }
    out
}

/// A value as a text: what [`protected`] has done is undone; a backslash before anything else stays.
pub fn bare(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n' | 'N') => out.push('\n'),
            Some(other @ ('\\' | ',' | ';' | ':' | '"')) => out.push(other),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// The parts of a value between separators that no backslash protects.
fn parted(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    value.split(move |c| {
        let parts = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        parts
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_parted_where_nothing_protects_the_separator() {
        let property = Property::new("categories", r"work\, home,a\\,b\;c");
        assert_eq!(property.list(), ["work, home", r"a\", "b;c"]);
        assert_eq!(Property::new("n", r"a;b\;c,d;").fields(), ["a", r"b\;c,d", ""]);
    }

    #[test]
    fn a_property_takes_the_place_of_all_of_its_name() {
        let mut event = Component::new("vevent");
        for name in ["a", "b", "A"] {
            event.properties.push(Property::new(name, name));
        }
        event.set(Property::new("a", "2").with("x", "y"));
        assert_eq!(event.properties.iter().map(|p| p.value.as_str()).collect::<Vec<_>>(), ["2", "b"]);
        assert_eq!(event.get("a").and_then(|p| p.parameter("X")), Some("y"));
    }

    proptest! {
        #[test]
        fn a_text_comes_back(text in "[^\r]{0,40}") {
            prop_assert_eq!(Property::of_text("x", &text).text(), text);
        }
    }
}
