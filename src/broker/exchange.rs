//! What the doors hand to the broker, and what they get back.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::{HeaderMap, Method, StatusCode, Uri};

use crate::access::KeyFingerprint;
use crate::clock::Timestamp;

/// The door that a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// Third parties, with client certificates.
    ThirdParty,
    /// Third parties' first tests, plain HTTP.
    Plain,
    /// The handset side.
    Handset,
}

/// Who is at the other end of the connection, as far as the connection itself proves it.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The address, IPv4-mapped IPv6 made IPv4.
    pub address: SocketAddr,
    /// The SHA-256 of the public key of the verified client certificate, on the handset door of its
    /// subject; none on the plain door.
    pub key: Option<KeyFingerprint>,
}

/// One HTTP request, whole.
#[derive(Debug)]
pub struct Request {
    /// By which door.
    pub door: Door,
    /// From whom.
    pub peer: Peer,
    /// GET, POST, ...
    pub method: Method,
    /// Path and query as sent.
    pub uri: Uri,
    /// The headers as sent.
    pub headers: HeaderMap,
    /// The body, at most `limits.body_bytes_max`.
    pub body: Bytes,
    /// When its last byte had arrived.
    pub received: Timestamp,
}

/// The answer to a request.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers beside Content-Length, Date and Connection, which the server adds.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Called once: when the last byte of the answer was handed to the operating system, or when
    /// the connection ended before that. What must not overtake the answer waits for it (D3).
    pub written: Option<Box<dyn FnOnce() + Send>>,
    /// Whether the connection is closed after this answer.
    pub close: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// What stands behind a door.
pub trait Service: Send + Sync {
    /// Answers one request. Never fails: whatever is wrong becomes an answer. The server lets it run
    /// to its end even if the caller goes away, so that nothing is left half done.
    fn answer(&self, request: Request) -> BoxFuture<'_, Answer>;
}
