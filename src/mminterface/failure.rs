//! Why something could not be read, in two voices: a code and its exact words for the caller
//! (protocol.md 2.1, 2.2), and a private reason with path, line and rule for the operator.

use crate::soap::{EnvelopeError, EnvelopePart, Fault, FaultCode, Violation, ViolationKind};

/// Why an inner document was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {description} ({reason})")]
pub struct DocumentFailure {
    /// The public code.
    pub code: &'static str,
    /// The code's words.
    pub description: String,
    /// For the operator: path, line and rule.
    pub reason: String,
}

impl DocumentFailure {
    /// 23
    pub(super) fn structure(reason: impl Into<String>) -> Self {
        let description = "The request message structure is invalid.".to_owned();
        Self { code: "23", description, reason: reason.into() }
    }

    /// 1002
    pub(super) fn command(reason: impl Into<String>) -> Self {
        Self { code: "1002", description: "The CommandID is invalid.".to_owned(), reason: reason.into() }
    }

    /// 1005
    pub(super) fn element(name: &str, reason: impl Into<String>) -> Self {
        Self { code: "1005", description: format!("The element {name} is invalid."), reason: reason.into() }
    }

    /// 24
    pub(super) fn parameter_missing(name: &str) -> Self {
        let description = format!("The mandatory parameter {name} is missing.");
        Self { code: "24", description, reason: format!("Transaction/Parameters has no {name}") }
    }

    /// 25
    pub(super) fn parameter_format(name: &str, reason: impl Into<String>) -> Self {
        Self { code: "25", description: format!("The format of parameter {name} is invalid."), reason: reason.into() }
    }

    /// 100000014, the broker's own: for what lies outside Parameters and only the broker needs.
    pub(super) fn missing(name: &str, reason: impl Into<String>) -> Self {
        Self { code: "100000014", description: format!("Missing mandatory parameter:{name}"), reason: reason.into() }
    }

    /// What a violation of the document's schema is to the caller.
    pub(super) fn from_violation(violation: &Violation) -> Self {
        let reason = violation.to_string();
        match &violation.kind {
            ViolationKind::Malformed(_) | ViolationKind::Missing { .. } | ViolationKind::StrayText { .. } => {
                Self::structure(reason)
            }
            ViolationKind::Value { element } if element == "CommandID" => Self::command(reason),
            // A root that we do not know is another message altogether.
            ViolationKind::Unexpected { element } if violation.path == *element => Self::structure(reason),
            ViolationKind::Unexpected { element }
            | ViolationKind::Value { element }
            | ViolationKind::Attribute { element, .. } => Self::element(element, reason),
        }
    }
}

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadFailure {
    /// It is no proper envelope; the fault's reason names element, line and rule.
    Fault(Fault),
    /// It is one, and is answered with `ResponseMsg`.
    Refused {
        /// The public code.
        code: &'static str,
        /// The code's words.
        description: String,
        /// For the operator: path, line and rule.
        reason: String,
    },
}

impl ReadFailure {
    /// What a flaw of the envelope is to the caller: a header that names no caller properly has
    /// codes of its own, anything else is a fault.
    pub(super) fn from_envelope(error: &EnvelopeError) -> Self {
        let reason = error.violation.to_string();
        match (error.part, &error.violation.kind) {
            // A demand on SOAP itself is answered by SOAP itself.
            _ if error.code != FaultCode::Client => Self::Fault(error.fault()),
            (EnvelopePart::Header, ViolationKind::Missing { element }) => Self::Refused {
                code: "100000014",
                description: format!("Missing mandatory parameter:{element}"),
                reason,
            },
            (
                EnvelopePart::Header,
                ViolationKind::Value { element }
                | ViolationKind::Unexpected { element }
                | ViolationKind::Attribute { element, .. },
            ) => Self::Refused { code: "100000005", description: format!("Invalid input value:{element}"), reason },
            _ => Self::Fault(error.fault()),
        }
    }
}

impl From<DocumentFailure> for ReadFailure {
    fn from(failure: DocumentFailure) -> Self {
        Self::Refused { code: failure.code, description: failure.description, reason: failure.reason }
    }
}
