//! What does not fit the schema, and where.

use std::fmt;

use thiserror::Error;

use crate::soap::{Position, XmlReason};

/// The first thing that did not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Violation {
    /// The elements from the root's child down, with slashes; the root's name if it is the root.
    pub path: String,
    /// Where.
    pub position: Position,
    /// What kind of thing.
    pub kind: ViolationKind,
    /// What the schema wants.
    pub expected: Box<str>,
    /// What was there; values are not repeated here, since they may be secrets.
    pub found: Box<str>,
}

/// What kind of thing did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViolationKind {
    /// The document is not well formed or breaks a cap.
    Malformed(XmlReason),
    /// An element is missing.
    Missing {
        /// Its local name.
        element: String,
    },
    /// An element may not stand where it stands.
    Unexpected {
        /// Its local name.
        element: String,
    },
    /// An element's value does not fit its type.
    Value {
        /// Its local name.
        element: String,
    },
    /// An attribute is missing, not allowed, or does not fit its type.
    Attribute {
        /// The element's local name.
        element: String,
        /// The attribute's local name.
        attribute: String,
    },
    /// Text where only elements may stand.
    StrayText {
        /// The local name of the element around it.
        element: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}, ", self.path)?;
        }
        write!(f, "{}: ", self.position)?;
        match &self.kind {
            ViolationKind::Malformed(reason) => write!(f, "{reason}"),
            ViolationKind::Missing { element } => write!(f, "`{element}` is missing"),
            ViolationKind::Unexpected { element } => {
                write!(f, "`{element}` may not stand here, expected {}", self.expected)
            }
            ViolationKind::Value { .. } => write!(f, "{} where {} is expected", self.found, self.expected),
            ViolationKind::Attribute { attribute, .. } => {
                write!(f, "attribute `{attribute}`: {} where {} is expected", self.found, self.expected)
            }
            ViolationKind::StrayText { .. } => f.write_str("text where only elements may stand"),
        }
    }
}
