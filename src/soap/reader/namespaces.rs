//! Which prefix means which namespace, while elements open and close.

use std::borrow::Cow;

use super::XmlReason;

pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

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

    /// The declarations after `mark`.
    pub(super) fn since(&self, mark: usize) -> &[(&'a str, Cow<'a, str>)] {
        self.bindings.get(mark..).unwrap_or_default()
    }

    /// Declares a prefix (empty for the default namespace) on the element that began at `mark`.
    pub(super) fn declare(&mut self, mark: usize, prefix: &'a str, uri: Cow<'a, str>) -> Result<(), XmlReason> {
        if self.since(mark).iter().any(|(other, _)| *other == prefix) {
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

    /// The namespace of a prefix; of the empty prefix, the default namespace or none.
    pub(super) fn resolve(&self, prefix: &str) -> Option<&str> {
        if let Some((_, uri)) = self.bindings.iter().rev().find(|(bound, _)| *bound == prefix) {
            return Some(uri);
        }
        match prefix {
            "" => Some(""),
            "xml" => Some(XML),
            _ => None,
        }
    }
}
