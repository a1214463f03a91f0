//! Expanded names: a namespace and a local name.

use std::fmt;

use super::characters::{is_name, is_name_start};

/// A borrowed expanded name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialOrd, Ord)]
pub struct Name<'a> {
    /// The namespace; empty for none.
    pub namespace: &'a str,
    /// The name without its prefix.
    pub local: &'a str,
}

/// An expanded name that owns its parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QName {
    /// The namespace; empty for none.
    pub namespace: String,
    /// The name without its prefix.
    pub local: String,
}

impl QName {
    /// The name made of these parts.
    pub fn new(namespace: impl Into<String>, local: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), local: local.into() }
    }

    /// The same, borrowed.
    pub fn as_name(&self) -> Name<'_> {
        Name { namespace: &self.namespace, local: &self.local }
    }
}

/// Local names differ far more often than namespaces, and sooner.
impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.local == other.local && is_same(self.namespace, other.namespace)
    }
}

/// Whether two texts that are often empty are the same. To compare nothing costs a hundred times what
/// it costs to see that there is nothing: the empty text has no address that could be read from.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

impl Name<'_> {
    /// The same, owned.
    pub fn to_owned(&self) -> QName {
        QName::new(self.namespace, self.local)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            return f.write_str(self.local);
        }
        write!(f, "{{{}}}{}", self.namespace, self.local)
    }
}

impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_name().fmt(f)
    }
}

/// Whether `text` is a name without a colon.
pub(super) fn is_ncname(text: &str) -> bool {
    let Some(&first) = text.as_bytes().first() else { return false };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if text.bytes().all(|byte| is_plain(&byte)) {
        return first.is_ascii_alphabetic() || first == b'_';
    }
    let mut characters = text.chars();
    characters.next().is_some_and(is_name_start) && characters.all(is_name)
}

/// The prefix (empty for none) and the local name of a qualified name; none if it is not one.
pub(super) fn split_qname(text: &str) -> Option<(&str, &str)> {
    let Some(colon) = text.bytes().position(|byte| byte == b':') else {
        return is_ncname(text).then_some(("", text));
    };
    let (prefix, local) = (text.get(..colon)?, text.get(colon + 1..)?);
    (is_ncname(prefix) && is_ncname(local)).then_some((prefix, local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualified_name_has_at_most_one_prefix() {
        assert_eq!(split_qname("a"), Some(("", "a")));
        assert_eq!(split_qname("a:b"), Some(("a", "b")));
        assert_eq!(split_qname("Größe"), Some(("", "Größe")));
        for wrong in ["", ":", "a:", ":a", "a:b:c", "1a", "a:1", "-a", "a b", "a/", "::a"] {
            assert_eq!(split_qname(wrong), None, "{wrong}");
        }
    }
}
