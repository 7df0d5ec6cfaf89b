//! `Element`: one XML element with its attributes and children; also the builder for what we send.

/// What stands inside an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Character data, with entities resolved.
    Text(String),
}

/// An element: name, attributes in order, children in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// The name, with a prefix where there was one.
    pub name: String,
    /// Attributes in the order of the source; no name occurs twice.
    pub attributes: Vec<(String, String)>,
    /// Children in order.
    pub children: Vec<Node>,
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Builder: adds an attribute.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.set(name, value);
        self
    }

    /// Builder: adds an attribute if there is a value.
    pub fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Builder: adds a child element.
    pub fn child(mut self, child: Element) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// Builder: adds children.
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Builder: adds text; empty text adds nothing.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.children.push(Node::Text(text));
        }
        self
    }

    /// Sets an attribute, replacing one of the same name.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        match self.attributes.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.to_string(),
            None => self.attributes.push((name.to_owned(), value.to_string())),
        }
    }

    /// The value of an attribute: the exact name first, then without regard to case, as real clients spell some of them.
    pub fn get(&self, name: &str) -> Option<&str> {
        let exact = self.attributes.iter().find(|(n, _)| n == name);
        exact.or_else(|| self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))).map(|(_, v)| v.as_str())
    }

    /// The child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|n| match n {
            Node::Element(e) => Some(e),
            Node::Text(_) => None,
        })
    }

    /// The child elements of this name, compared without case.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements().filter(move |e| e.name.eq_ignore_ascii_case(name))
    }

    /// The first child element of this name.
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a Element> {
        self.named(name).next()
    }

    /// All character data directly inside, joined.
    pub fn body(&self) -> String {
        let mut out = String::new();
        for node in &self.children {
            if let Node::Text(text) = node {
                out.push_str(text);
            }
        }
        out
    }
}
