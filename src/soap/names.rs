//! Expanded names: a namespace and a local name.

use std::fmt;

use super::characters::{in_name, is_name, is_name_start};

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
    matches!(split_qname(text), Some(("", _)))
}

/// The prefix (empty for none) and the local name of a qualified name; none if it is not one.
pub(super) fn split_qname(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let (fours, rest) = bytes.as_chunks::<4>();
    let holds = fours.iter().fold(0, |holds, [one, two, three, four]| {
        holds | in_name::of(*one) | in_name::of(*two) | in_name::of(*three) | in_name::of(*four)
    });
    let holds = rest.iter().fold(holds, |holds, &byte| holds | in_name::of(byte));
    if holds & (in_name::BEYOND | in_name::NEVER) != 0 {
        return split_beyond_ascii(text);
    }
    let begins = |part: &str| part.bytes().next().is_some_and(|first| in_name::of(first) == in_name::START);
    if holds & in_name::COLON == 0 {
        return begins(text).then_some(("", text));
    }
    let colon = bytes.iter().position(|&byte| byte == b':')?;
    let (prefix, local) = (text.get(..colon)?, text.get(colon + 1..)?);
    (begins(prefix) && begins(local) && !local.contains(':')).then_some((prefix, local))
}

/// The same of names with characters beyond ASCII.
fn split_beyond_ascii(text: &str) -> Option<(&str, &str)> {
    let is_part = |part: &str| {
        let mut characters = part.chars();
        characters.next().is_some_and(is_name_start) && characters.all(is_name)
    };
    match text.split_once(':') {
        None => is_part(text).then_some(("", text)),
        Some((prefix, local)) => (is_part(prefix) && is_part(local)).then_some((prefix, local)),
    }
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

    #[test]
    fn beyond_ascii_the_same_rules_hold() {
        assert_eq!(split_qname("é:ü1"), Some(("é", "ü1")));
        for wrong in ["é:", ":é", "é:b:c", "é:1", "\u{B7}é", "é b", "é/", "×"] {
            assert_eq!(split_qname(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_table_of_bytes_knows_what_the_rules_say() {
        for byte in 0..128_u8 {
            let character = char::from(byte);
            let expected = match (is_name_start(character), is_name(character)) {
                (true, _) => in_name::START,
                (false, true) => in_name::LATER,
                (false, false) if character == ':' => in_name::COLON,
                (false, false) => in_name::NEVER,
            };
            assert_eq!(in_name::of(byte), expected, "{byte}");
        }
        assert!((128..=255).all(|byte| in_name::of(byte) == in_name::BEYOND));
    }
}
