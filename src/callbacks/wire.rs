//! What callbacks must be told about documents: how a body is made and what an answer means. The
//! broker tells it; this module knows neither SOAP nor why a callback exists.

use std::fmt;

use super::delivery::Kind;

/// The documents of callbacks.
pub trait Wire: Send + Sync + fmt::Debug {
    /// The HTTP body of a callback, from what was enqueued and the counters captured by its commit.
    /// An error is the end of the delivery: nothing can be sent.
    fn render(&self, kind: Kind, payload: &[u8], captured: &[i64]) -> Result<Vec<u8>, String>;

    /// What a receiver's answer to a callback says. It is never asked about an empty body.
    fn acknowledgement(&self, kind: Kind, body: &[u8]) -> Acknowledgement;

    /// What a receiver's answer to a validation says, if it can be read.
    fn validation_result(&self, body: &[u8]) -> Option<ValidationResult>;

    /// The SOAPAction header of a callback, for kinds that have one.
    fn soap_action(&self, _kind: Kind) -> Option<&'static str> {
        None
    }
}

/// What a receiver says about a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It has it.
    Positive,
    /// It answered with a code that is not zero, or with a fault.
    Negative {
        /// The code.
        code: String,
        /// Its text.
        description: String,
    },
    /// The answer is none that we can read.
    Unreadable,
}

/// What a receiver says about a payment that waits for its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationResult {
    /// Zero accepts, anything else cancels.
    pub result_code: String,
    /// Its text.
    pub result_desc: Option<String>,
    /// The receiver's own id, echoed in the confirmation.
    pub third_party_trans_id: Option<String>,
}
