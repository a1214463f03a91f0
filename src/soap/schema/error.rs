//! Why a schema or a WSDL is not used.

use std::fmt;

use thiserror::Error;

use crate::soap::{Position, XmlReason};

/// A flaw of a schema or WSDL file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct SchemaError {
    /// The file.
    pub file: String,
    /// Where in it.
    pub position: Position,
    /// The component, by its name or by its element.
    pub name: String,
    /// What is wrong.
    pub reason: SchemaReason,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: `{}`: {}", self.file, self.position, self.name, self.reason)
    }
}

/// What is wrong with a schema or WSDL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemaReason {
    /// A file is not there.
    #[error("the file `{0}` is not there")]
    MissingFile(String),
    /// It is not XML that we read.
    #[error("{0}")]
    Malformed(XmlReason),
    /// It is right, but not implemented here.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// It is not allowed at its place.
    #[error("{0}")]
    Invalid(String),
    /// A reference to something that is nowhere.
    #[error("{0} is not declared")]
    Undeclared(String),
    /// Two components of one name.
    #[error("it is declared twice")]
    Twice,
    /// A content model in which an element could be of two particles.
    #[error("`{0}` could be of two particles")]
    Ambiguous(String),
}
