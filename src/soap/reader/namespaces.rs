//! Which prefix means which namespace, while elements open and close.

use std::borrow::Cow;

use super::XmlReason;
use crate::soap::kept;
use crate::soap::names::is_same;

pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// What a prefix stands for at its place: looked up once, when its element begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// No namespace.
    Nothing,
    /// The namespace of `xml:`.
    Xml,
    /// The namespace of this declaration, which is in force as long as the element is open.
    Declared(usize),
}

/// The declarations in force, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Namespaces<'a> {
    bindings: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Namespaces<'a> {
    /// How many declarations are in force: to go back to with [`Namespaces::forget`].
    pub(super) fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets what was declared after `mark`.
    pub(super) fn forget(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }

    /// No declarations, in the same memory.
    pub(super) fn emptied(self) -> Namespaces<'static> {
        Namespaces { bindings: kept::emptied(self.bindings) }
    }

    /// The declarations after `mark`.
    pub(super) fn since(&self, mark: usize) -> &[(&'a str, Cow<'a, str>)] {
        self.bindings.get(mark..).unwrap_or_default()
    }

    /// Declares a prefix (empty for the default namespace) on the element that began at `mark`.
    pub(super) fn declare(&mut self, mark: usize, prefix: &'a str, uri: Cow<'a, str>) -> Result<(), XmlReason> {
        if self.since(mark).iter().any(|(other, _)| is_same(other, prefix)) {
            let attribute = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            return Err(XmlReason::DuplicateAttribute(attribute));
        }
        let allowed = match prefix {
            "xmlns" => false,
            "xml" => uri == XML,
            _ => uri != XML && uri != XMLNS && (prefix.is_empty() || !uri.is_empty()),
        };
        if !allowed {
            return Err(XmlReason::NamespaceDeclaration(prefix.to_owned()));
        }
        self.bindings.push((prefix, uri));
        Ok(())
    }

    /// What a prefix stands for; the empty prefix, for the default namespace or none.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Bound> {
        if let Some(at) = self.bindings.iter().rposition(|(bound, _)| is_same(bound, prefix)) {
            return Some(Bound::Declared(at));
        }
        match prefix {
            "" => Some(Bound::Nothing),
            "xml" => Some(Bound::Xml),
            _ => None,
        }
    }

    /// The namespace itself; empty for none.
    pub(super) fn uri(&self, bound: Bound) -> &str {
        match bound {
            Bound::Nothing => "",
            Bound::Xml => XML,
            Bound::Declared(at) => self.bindings.get(at).map_or("", |(_, uri)| uri),
        }
    }
}
