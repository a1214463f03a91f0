//! What goes wrong while validating, and how it becomes a violation with a place.

use super::{Violation, ViolationKind};
use crate::soap::reader::{Reader, XmlError};

/// A violation before it is known where it stands.
#[derive(Debug)]
pub(in crate::soap) struct Problem {
    kind: ViolationKind,
    expected: Box<str>,
    found: Box<str>,
    at: At,
}

/// Whose path a problem has.
#[derive(Debug)]
pub(super) enum At {
    /// The innermost open element's.
    Here,
    /// That of a child of the innermost open element, which is not there.
    Child,
    /// That of a sibling before the innermost open element, which is not there.
    Sibling,
}

impl Problem {
    pub(in crate::soap) fn here(kind: ViolationKind, expected: &str, found: &str) -> Self {
        Self { kind, expected: expected.into(), found: found.into(), at: At::Here }
    }

    /// A child of the innermost open element is missing.
    pub(in crate::soap) fn missing_child(element: &str) -> Self {
        Self::missing(element, At::Child)
    }

    pub(super) fn missing(element: &str, at: At) -> Self {
        let kind = ViolationKind::Missing { element: element.to_owned() };
        Self { kind, expected: element.into(), found: "nothing".into(), at }
    }

    pub(super) fn unexpected(element: &str, expected: String) -> Self {
        let kind = ViolationKind::Unexpected { element: element.to_owned() };
        Self { kind, expected: expected.into(), found: element.into(), at: At::Here }
    }

    /// The same, with other words for what was found.
    pub(super) fn found(self, found: &str) -> Self {
        Self { found: found.into(), ..self }
    }

    /// The violation, at the reader's last event.
    pub(in crate::soap) fn at(self, reader: &Reader<'_>) -> Violation {
        let mut path = reader.path();
        if let ViolationKind::Missing { element } = &self.kind {
            match self.at {
                At::Here => {}
                At::Child if reader.depth() > 1 => path = format!("{path}/{element}"),
                At::Child => path.clone_from(element),
                At::Sibling => {
                    path = match path.rsplit_once('/') {
                        Some((parent, _)) => format!("{parent}/{element}"),
                        None => element.clone(),
                    };
                }
            }
        }
        Violation { path, position: reader.position(), kind: self.kind, expected: self.expected, found: self.found }
    }
}

/// The violation of a document that cannot be read on.
pub(in crate::soap) fn malformed(reader: Option<&Reader<'_>>, error: XmlError) -> Violation {
    Violation {
        path: reader.map(Reader::path).unwrap_or_default(),
        position: error.position,
        expected: "well-formed XML within the limits".into(),
        found: error.reason.to_string().into(),
        kind: ViolationKind::Malformed(error.reason),
    }
}
