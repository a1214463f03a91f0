//! What callbacks must be told about documents: how a body is made and what an answer means. How a
//! body is made the broker tells; reading answers is the same for everybody, so it stands here, and
//! can be replaced where a receiver speaks otherwise.

use std::fmt;

pub use crate::mminterface::{Acknowledgement, ValidationResult};
use crate::mminterface::{CallbackKind, read_acknowledgement, read_validation_result};

use super::delivery::Kind;

/// The documents of callbacks.
pub trait Wire: Send + Sync + fmt::Debug {
    /// The HTTP body of a callback, from what was enqueued and the counters captured by its commit.
    /// An error is the end of the delivery: nothing can be sent.
    fn render(&self, kind: Kind, payload: &[u8], captured: &[i64]) -> Result<Vec<u8>, String>;

    /// What a receiver's answer to a callback says. It is never asked about an empty body.
    fn acknowledgement(&self, kind: Kind, body: &[u8]) -> Acknowledgement {
        read_acknowledgement(kind.into(), body)
    }

    /// What a receiver's answer to a validation says, if it can be read.
    fn validation_result(&self, body: &[u8]) -> Option<ValidationResult> {
        read_validation_result(body)
    }

    /// The SOAPAction header of a callback, for kinds that have one.
    fn soap_action(&self, _kind: Kind) -> Option<&'static str> {
        None
    }
}

impl From<Kind> for CallbackKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Result => Self::Result,
            Kind::Timeout => Self::Timeout,
            Kind::Confirmation => Self::Confirmation,
        }
    }
}
