//! A schema or WSDL file as a tree, with the namespaces in force at each element. For files that an
//! operator gives at start only; what comes over the wire is never made into a tree.

use std::rc::Rc;

use super::{SchemaError, SchemaReason};
use crate::soap::names::{QName, split_qname};
use crate::soap::{Event, Limits, Position, Reader, XmlError};

/// Caps that no sensible schema reaches.
const LIMITS: Limits = Limits {
    depth_max: 64,
    elements_max: 200_000,
    attributes_per_element_max: 64,
    namespaces_per_element_max: 64,
    name_bytes_max: 512,
    text_bytes_max: 1024 * 1024,
};

/// An element of the file.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: QName,
    pub(super) attributes: Vec<(QName, String)>,
    pub(super) children: Vec<Node>,
    /// Whether it holds text other than white space.
    pub(super) has_text: bool,
    pub(super) position: Position,
    pub(super) file: Rc<str>,
    scope: Rc<Scope>,
}

#[derive(Debug, Default)]
struct Scope {
    declared: Vec<(String, String)>,
    outer: Option<Rc<Scope>>,
}

impl Node {
    /// The value of an attribute without namespace.
    pub(super) fn attribute(&self, local: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(name, _)| name.namespace.is_empty() && name.local == local)
            .map(|(_, value)| value.as_str())
    }

    /// The expanded name that a value of this element stands for; the default namespace counts.
    pub(super) fn expand(&self, value: &str) -> Result<QName, SchemaError> {
        let value = value.trim_matches([' ', '\t', '\r', '\n']);
        let (prefix, local) =
            split_qname(value).ok_or_else(|| self.invalid(format!("`{value}` is not a qualified name")))?;
        let mut scope = Some(&self.scope);
        while let Some(inner) = scope {
            if let Some((_, uri)) = inner.declared.iter().find(|(declared, _)| declared == prefix) {
                return Ok(QName::new(uri, local));
            }
            scope = inner.outer.as_ref();
        }
        match prefix {
            "" => Ok(QName::new("", local)),
            "xml" => Ok(QName::new("http://www.w3.org/XML/1998/namespace", local)),
            _ => Err(self.invalid(format!("the prefix `{prefix}` is not declared"))),
        }
    }

    /// What people call this element: its `name`, `ref` or its own local name.
    pub(super) fn label(&self) -> &str {
        self.attribute("name").or_else(|| self.attribute("ref")).unwrap_or(&self.name.local)
    }

    /// An error at this element.
    pub(super) fn error(&self, reason: SchemaReason) -> SchemaError {
        SchemaError { file: self.file.to_string(), position: self.position, name: self.label().to_owned(), reason }
    }

    /// An error: something here is not allowed.
    pub(super) fn invalid(&self, what: impl Into<String>) -> SchemaError {
        self.error(SchemaReason::Invalid(what.into()))
    }

    /// An error: something here is not implemented.
    pub(super) fn unsupported(&self, what: impl Into<String>) -> SchemaError {
        self.error(SchemaReason::Unsupported(what.into()))
    }
}

/// Parses a file.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, SchemaError> {
    parse_within(file, text, Scope::default())
}

/// Parses a schema without namespace as if it were of the namespace `target`: names without prefix
/// mean that one, where the file declares no default.
pub(super) fn parse_into(file: &str, text: &str, target: &str) -> Result<Node, SchemaError> {
    let outer = Scope { declared: vec![(String::new(), target.to_owned())], outer: None };
    let mut root = parse_within(file, text, outer)?;
    root.attributes.push((QName::new("", "targetNamespace"), target.to_owned()));
    Ok(root)
}

fn parse_within(file: &str, text: &str, outer: Scope) -> Result<Node, SchemaError> {
    let refuse = |error: XmlError| SchemaError {
        file: file.to_owned(),
        position: error.position,
        name: file.to_owned(),
        reason: SchemaReason::Malformed(error.reason),
    };
    let shared: Rc<str> = Rc::from(file);
    let mut reader = Reader::new(text.as_bytes(), &LIMITS).map_err(refuse)?;
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    let mut scope = Rc::new(outer);
    let mut position = Position::START;
    let mut counted = 0;
    loop {
        // Positions of all elements are wanted here, so they are counted on from the last one.
        match reader.next().map_err(refuse)? {
            Event::Start(start) => {
                let declared: Vec<_> =
                    start.declarations().map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned())).collect();
                if !declared.is_empty() {
                    scope = Rc::new(Scope { declared, outer: Some(Rc::clone(&scope)) });
                }
                open.push(Node {
                    name: start.name.to_owned(),
                    attributes: start.attributes().map(|each| (each.name.to_owned(), each.value.to_owned())).collect(),
                    children: Vec::new(),
                    has_text: false,
                    position,
                    file: Rc::clone(&shared),
                    scope: Rc::clone(&scope),
                });
                let offset = reader.event_offset();
                position = position.after(text.get(counted..offset).unwrap_or(""));
                counted = offset;
                if let Some(node) = open.last_mut() {
                    node.position = position;
                }
            }
            Event::Text(run) => {
                let blank = crate::soap::characters::is_blank(run);
                if let Some(node) = open.last_mut() {
                    node.has_text |= !blank;
                }
            }
            Event::End(_) => {
                let Some(node) = open.pop() else { continue };
                match open.last_mut() {
                    Some(parent) => {
                        scope = Rc::clone(&parent.scope);
                        parent.children.push(node);
                    }
                    None => root = Some(node),
                }
            }
            Event::Eof => break,
        }
    }
    root.ok_or_else(|| refuse(XmlError { position, reason: crate::soap::XmlReason::NoRoot }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_a_tree_with_positions_and_scopes() {
        let text = "<a xmlns='urn:d' xmlns:p='urn:p'>\n  <p:b name='x' xmlns:p='urn:q'/>\n  <c>text</c>\n</a>";
        let root = parse("f", text).unwrap();
        assert_eq!(root.name, QName::new("urn:d", "a"));
        let [b, c] = root.children.as_slice() else { panic!("two children") };
        assert_eq!((b.label(), b.position), ("x", Position { line: 2, column: 3 }));
        assert_eq!(b.expand("p:y").unwrap(), QName::new("urn:q", "y"));
        assert_eq!(c.expand(" p:y\n").unwrap(), QName::new("urn:p", "y"));
        assert_eq!(c.expand("y").unwrap(), QName::new("urn:d", "y"));
        assert!(c.has_text && !root.has_text);
        assert!(c.expand("r:y").is_err() && c.expand("a b").is_err());
    }
}
