//! The way out, as a seam: one POST to one URL, an answer or a reason. It decides nothing about
//! deliveries; whoever calls it says how long it may take.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::outcome::Outcome;
use super::tls::TlsVersion;

/// Calls third parties' servers.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Posts once, to an address that was checked, and follows nothing. It ends with the call's deadline
    /// at the latest: nobody else looks at the time.
    fn post(&self, call: Call) -> BoxFuture<'_, Result<Answer, SendError>>;
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whose list of hosts applies.
    pub third_party: String,
    /// Where to.
    pub url: String,
    /// Whose connections it uses.
    pub pool: Pool,
    /// Headers beside Host and Content-Length.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long it may take in all, from the name's look-up to the answer's last byte.
    pub deadline: Duration,
}

/// Validations never wait behind deliveries, nor behind queries, so they have connections of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// For what the outbox sends.
    Deliveries,
    /// For what a payer waits for.
    Validations,
    /// For what a payer asks before there is a payment.
    Queries,
}

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, as sent.
    pub headers: HeaderMap,
    /// The Retry-After header, as sent.
    pub retry_after: Option<String>,
    /// The body, at most `callbacks.answer_bytes_max` of it.
    pub body: Bytes,
    /// Whether there was more of it.
    pub cut: bool,
    /// The address that answered.
    pub address: Option<SocketAddr>,
    /// Which version of TLS its newest connection agreed on; none in the clear.
    pub tls: Option<TlsVersion>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SendError {
    /// How the attempt counts.
    pub outcome: Outcome,
    /// For people.
    pub detail: String,
}

impl SendError {
    /// An error of this kind.
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into() }
    }
}

/// The headers that every call has, as real receivers expect them.
pub(super) fn soap_headers(soap_action: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS_MAX);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    if let Some(action) = soap_action {
        insert(&mut headers, SOAP_ACTION, format!("\"{action}\""));
    }
    headers
}

/// Adds a header whose value is ours; one that could not be sent is left out.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// Headers that a call of ours has, at most, with Host and what the client adds.
const HEADERS_MAX: usize = 12;
