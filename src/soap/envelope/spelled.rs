//! Elements written as the text that they would be in a CDATA section: for senders who put a document
//! as elements where its text belongs.
//!
//! Each element declares its namespace where that differs from the one around it, so the text stands
//! on its own without the envelope's prefixes. Line ends stay where they are; columns may move.

use std::fmt::Write;

use crate::soap::XmlReason;
use crate::soap::escape::{escape_attribute, escape_text};
use crate::soap::names::Name;
use crate::soap::reader::Start;

/// The elements that are open, and how much was written.
#[derive(Debug)]
pub(super) struct Spelled {
    /// The namespaces of the open elements.
    open: Vec<String>,
    /// What the last event was written as.
    markup: String,
    bytes: usize,
    bytes_max: usize,
}

impl Spelled {
    /// Nothing yet, of at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { open: Vec::new(), markup: String::new(), bytes: 0, bytes_max }
    }

    /// Whether an element is open.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The start tag of an element; an error if all of it gets too long, as for what follows.
    pub fn start(&mut self, start: &Start<'_>) -> Result<&str, XmlReason> {
        let Name { namespace, local } = start.name;
        self.markup.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.markup, "<{local}");
        if self.open.last().map_or("", String::as_str) != namespace {
            let _ = write!(self.markup, " xmlns=\"{}\"", escape_attribute(namespace));
        }
        for (index, attribute) in start.attributes().enumerate() {
            let (name, value) = (attribute.name, escape_attribute(attribute.value));
            let _ = match name.namespace {
                "" => write!(self.markup, " {}=\"{value}\"", name.local),
                "http://www.w3.org/XML/1998/namespace" => write!(self.markup, " xml:{}=\"{value}\"", name.local),
                namespace => {
                    let namespace = escape_attribute(namespace);
                    write!(self.markup, " xmlns:a{index}=\"{namespace}\" a{index}:{}=\"{value}\"", name.local)
                }
            };
        }
        self.markup.push('>');
        self.open.push(namespace.to_owned());
        self.counted()
    }

    /// Text inside an element.
    pub fn text(&mut self, run: &str) -> Result<&str, XmlReason> {
        self.markup.clear();
        self.markup.push_str(&escape_text(run));
        self.counted()
    }

    /// The end tag of the innermost element.
    pub fn end(&mut self, name: Name<'_>) -> Result<&str, XmlReason> {
        self.open.pop();
        self.markup.clear();
        let _ = write!(self.markup, "</{}>", name.local);
        self.counted()
    }

    fn counted(&mut self) -> Result<&str, XmlReason> {
        self.bytes = self.bytes.saturating_add(self.markup.len());
        if self.bytes > self.bytes_max {
            return Err(XmlReason::TooMuch { what: "bytes of text in an element", max: self.bytes_max });
        }
        Ok(&self.markup)
    }
}
