//! What callbacks must be told about documents: how a body is made and what an answer means. How a
//! body is made the broker tells; reading answers is the same for everybody, so it stands here, and
//! can be replaced where a receiver speaks otherwise.

use std::borrow::Cow;
use std::fmt;

use hyper::HeaderMap;

use crate::clock::Timestamp;
use crate::store::WriteSet;

pub use crate::mminterface::{Acknowledgement, PaymentQueryResult, ValidationResult};
use crate::mminterface::{CallbackKind, read_acknowledgement, read_payment_query_result, read_validation_result};

use super::callback::Kind;
use super::delivery::DeliveryId;
use super::transport::Answer;

/// A callback as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The HTTP body.
    pub body: Vec<u8>,
    /// What it is about, for [`Wire::trace`] alone.
    pub about: String,
}

impl From<Vec<u8>> for Document {
    fn from(body: Vec<u8>) -> Self {
        Self { body, about: String::new() }
    }
}

/// One attempt as it went over the wire.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// What kind of callback.
    pub kind: Kind,
    /// Its delivery.
    pub delivery: &'a DeliveryId,
    /// What it is about.
    pub about: &'a str,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// Where it went.
    pub url: &'a str,
    /// The headers beside Host and Content-Length.
    pub headers: &'a HeaderMap,
    /// The body that was sent.
    pub body: &'a [u8],
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What came back, or why nothing did.
    pub answer: Result<&'a Answer, &'a str>,
}

/// The documents of callbacks.
pub trait Wire: Send + Sync + fmt::Debug {
    /// A callback from what was enqueued and the counters captured by its commit. An error is the end of the
    /// delivery: nothing can be sent.
    fn render(&self, kind: Kind, payload: &[u8], captured: &[i64]) -> Result<Document, String>;

    /// Writes down what went over the wire, into the commit that ends the attempt.
    fn trace(&self, _write_set: &mut WriteSet, _exchange: &Exchange<'_>) {}

    /// What a third party's answer to a callback says. It is never asked about an empty body.
    fn acknowledgement(&self, _third_party: &str, kind: Kind, body: &[u8]) -> Acknowledgement {
        read_acknowledgement(kind.into(), body)
    }

    /// The beginning of an answer's body as it may be written down and shown: secrets masked.
    fn excerpt(&self, body: &[u8]) -> String {
        shown(body).into_owned()
    }

    /// What a third party's answer to a validation says, if it can be read.
    fn validation_result(&self, _third_party: &str, body: &[u8]) -> Option<ValidationResult> {
        read_validation_result(body)
    }

    /// What a third party's answer to a payment query says, if it can be read.
    fn payment_query_result(&self, _third_party: &str, body: &[u8]) -> Option<PaymentQueryResult> {
        read_payment_query_result(body)
    }

    /// The SOAPAction header of a callback, for kinds that have one.
    fn soap_action(&self, _kind: Kind) -> Option<&'static str> {
        None
    }
}

/// The text of a message as people are shown it. Nearly all are good UTF-8, and to see that is several
/// times as fast as to look for what must be replaced.
pub fn shown(message: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(message).map_or_else(|_| String::from_utf8_lossy(message), Cow::Borrowed)
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
