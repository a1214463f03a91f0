//! Reading what third parties' servers answer. They are other people's programs, so this asks for
//! little: elements by their local names, whatever their namespaces, prefixes, order and
//! surroundings. It is for answers to us only; requests are read strictly.
//!
//! Invariants: no bytes make it panic; it resolves no entity but XML's own five and character
//! references; it stops at [`ELEMENTS_MAX`] elements and [`TEXT_BYTES_MAX`] bytes of text.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// Elements that are read; what follows is ignored.
const ELEMENTS_MAX: usize = 10_000;
/// Bytes of text that are read in all; what follows is ignored.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// The elements of a document, in the order of their start tags.
#[derive(Debug, Default)]
pub(super) struct Elements(Vec<Element>);

/// One element.
#[derive(Debug)]
pub(super) struct Element {
    /// The name without its prefix.
    pub name: String,
    /// Its own text, white space around it taken away.
    pub text: String,
    /// The number of the element around it.
    pub parent: Option<usize>,
}

impl Elements {
    /// Reads as much as can be read.
    pub(super) fn read(text: &str) -> Self {
        let mut reader = Reader::from_str(text.trim_start_matches(is_padding));
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        let mut reading = Reading::default();
        loop {
            match reader.read_event() {
                Ok(Event::Eof) | Err(_) => break,
                Ok(event) if reading.take(&event) => {}
                Ok(_) => break,
            }
        }
        reading.elements.0.iter_mut().for_each(|element| trim(&mut element.text));
        reading.elements
    }

    /// The text of the first element with one of these names.
    pub(super) fn text_of(&self, names: &[&str]) -> Option<&str> {
        self.0.iter().find(|element| names.contains(&element.name.as_str())).map(|element| element.text.as_str())
    }

    /// The same, if there is any text.
    pub(super) fn some_text_of(&self, names: &[&str]) -> Option<&str> {
        self.text_of(names).filter(|text| !text.is_empty())
    }

    /// The `Key` and `Value` of every item of the list with this name.
    pub(super) fn pairs_of(&self, list: &str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for element in &self.0 {
            match element.name.as_str() {
                "Key" if self.is_within(element, list) => pairs.push((element.text.clone(), String::new())),
                "Value" if self.is_within(element, list) => {
                    if let Some((_, value)) = pairs.last_mut() {
                        value.clone_from(&element.text);
                    }
                }
                _ => {}
            }
        }
        pairs
    }

    fn is_within(&self, element: &Element, list: &str) -> bool {
        let grandparent = self.parent(element).and_then(|item| self.parent(item));
        grandparent.is_some_and(|grandparent| grandparent.name == list)
    }

    fn parent(&self, element: &Element) -> Option<&Element> {
        element.parent.and_then(|number| self.0.get(number))
    }
}

/// A document under way.
#[derive(Default)]
struct Reading {
    elements: Elements,
    open: Vec<usize>,
    text_bytes: usize,
}

impl Reading {
    /// Takes one event; false when enough was read.
    fn take(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Start(start) => {
                let number = self.element(start.local_name().as_ref());
                self.open.push(number);
            }
            Event::Empty(start) => {
                self.element(start.local_name().as_ref());
            }
            Event::End(_) => {
                self.open.pop();
            }
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => self.text(&resolve(reference)),
            _ => {}
        }
        self.elements.0.len() < ELEMENTS_MAX && self.text_bytes < TEXT_BYTES_MAX
    }

    fn element(&mut self, name: &str) -> usize {
        let parent = self.open.last().copied();
        self.elements.0.push(Element { name: name.to_owned(), text: String::new(), parent });
        self.elements.0.len() - 1
    }

    fn text(&mut self, text: &str) {
        self.text_bytes += text.len();
        if let Some(element) = self.open.last().and_then(|&number| self.elements.0.get_mut(number)) {
            element.text.push_str(text);
        }
    }
}

/// What a reference stands for; as it was written, if XML does not know it.
fn resolve<'a>(reference: &'a BytesRef<'_>) -> Cow<'a, str> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Cow::Owned(character.to_string());
    }
    let name: &str = reference;
    Cow::Borrowed(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return Cow::Owned(format!("&{name};")),
    })
}

fn trim(text: &mut String) {
    let trimmed = text.trim_matches(is_padding);
    if trimmed.len() < text.len() {
        *text = trimmed.to_owned();
    }
}

/// White space as programs write it: Unicode's, and the byte order mark.
pub(super) fn is_padding(character: char) -> bool {
    character.is_whitespace() || character == '\u{FEFF}'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_found_by_their_local_names() {
        let elements =
            Elements::read("\u{FEFF} <?xml version='1.0'?><a:x xmlns:a='u'><b> 1 &amp; &#50; </b><c/></a:x>");
        assert_eq!(elements.text_of(&["b"]), Some("1 & 2"));
        assert_eq!(elements.text_of(&["c"]), Some(""));
        assert_eq!(elements.some_text_of(&["c"]), None);
        assert_eq!(elements.text_of(&["d"]), None);
    }

    #[test]
    fn what_stands_before_a_flaw_is_read() {
        let elements = Elements::read("<a><b>1</b><c>2</b></a></a><d x='<e>3");
        assert_eq!(elements.text_of(&["b"]), Some("1"));
        assert_eq!(elements.text_of(&["c"]), Some("2"));
    }

    #[test]
    fn no_entity_is_resolved_but_xmls_own() {
        let elements = Elements::read("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>");
        assert_eq!(elements.text_of(&["a"]), Some("&e;"));
    }

    #[test]
    fn reading_stops_at_the_limit_of_elements() {
        let many = "<a>".repeat(ELEMENTS_MAX + 10);
        assert_eq!(Elements::read(&many).0.len(), ELEMENTS_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            Elements::read(&text);
        }

        #[test]
        fn any_markup_is_read_without_a_panic(parts in proptest::collection::vec(
            proptest::sample::select(vec!["<", ">", "</", "/>", "a", ":", "&", ";", "#", "x", "<![CDATA[", "]]>", "<!--", "<!DOCTYPE", "[", "'", "=", " ", "\u{0}"]),
            0..60,
        )) {
            Elements::read(&parts.concat());
        }
    }
}
