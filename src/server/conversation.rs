//! The requests of one connection, and their answers. A request that has arrived whole is answered
//! to the end in a task of its own, whether or not the caller still waits: what it changes must not
//! depend on the caller's patience.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Response, StatusCode};

use crate::broker::{Answer, Peer, Request};

use super::body::{self, BodyRefusal};
use super::coding;
use super::connection::Ending;
use super::door::Inside;
use super::pace::Pace;
use super::signal::Listener;
use super::tls::Proof;
use super::wire::Linger;
use super::written::{AnswerBody, Unflushed, Written};

/// One connection's talk.
pub(super) struct Conversation {
    inside: Arc<Inside>,
    peer: Peer,
    /// What its certificate was; none on a door without TLS.
    proof: Option<Proof>,
    pace: Arc<Pace>,
    unflushed: Arc<Unflushed>,
    linger: Arc<Linger>,
    /// Why the connection ends, where we know better than hyper.
    ending: OnceLock<Ending>,
    /// Copied into every answering task, so that draining waits for it.
    signal: Listener,
}

/// Tells hyper to close the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends without an answer")]
pub(super) struct Unanswered;

impl Conversation {
    /// No request yet.
    pub(super) fn new(inside: Arc<Inside>, peer: Peer, proof: Option<Proof>, signal: Listener) -> Self {
        Self {
            inside,
            peer,
            proof,
            pace: Arc::default(),
            unflushed: Arc::default(),
            linger: Arc::default(),
            ending: OnceLock::new(),
            signal,
        }
    }

    /// Where this connection's hooks wait for a flush.
    pub(super) fn unflushed(&self) -> Arc<Unflushed> {
        Arc::clone(&self.unflushed)
    }

    /// Whether to read on before closing.
    pub(super) fn linger(&self) -> Arc<Linger> {
        Arc::clone(&self.linger)
    }

    /// Which request is under way, and what was waited for in vain.
    pub(super) fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.pace)
    }

    /// Why the connection ends, if it was decided on our side.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending.get().copied().or_else(|| self.pace.over())
    }

    /// Whether the peer may still be here.
    pub(super) fn allowed(&self) -> bool {
        self.inside.lets_in(&self.peer, self.proof.as_ref())
    }

    /// The peer may no longer be here.
    pub(super) fn withdraw(&self) {
        let _ = self.ending.set(Ending::Withdrawn);
    }

    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        let started = Instant::now();
        let count = self.pace.ask();
        if !self.allowed() {
            self.withdraw();
            return Err(Unanswered);
        }
        let limits = &self.inside.limits;
        let (mut head, body) = request.into_parts();
        let gzip = coding::gzip_wanted(&head.headers);
        let body = match body::framed(&head.headers) {
            Ok(()) => body::read(body, limits.body_bytes_max, limits.body_time_max).await,
            Err(refusal) => Err(refusal),
        };
        let body = body.and_then(|body| coding::unpacked(&mut head.headers, body, limits.body_bytes_max));
        let mut reply = match body {
            Ok(body) => self.ask(self.request(head, body)).await,
            Err(refusal) => self.refuse(refusal),
        };
        if gzip {
            reply.body = coding::packed(&mut reply.headers, reply.body);
        }
        reply.close |= count >= limits.requests_per_connection_max;
        self.inside.metrics.request(self.inside.name(), reply.status.as_u16(), started.elapsed());
        Ok(reply.into_response(&self.unflushed))
    }

    fn request(&self, head: hyper::http::request::Parts, body: Bytes) -> Request {
        Request {
            door: self.inside.door,
            peer: self.peer,
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body,
            received: self.inside.clock.now(),
        }
    }

    /// Has the service answer, in a task that outlives the connection if it must.
    async fn ask(&self, request: Request) -> Reply {
        let service = Arc::clone(&self.inside.service);
        let under_way = self.signal.clone();
        let task = tokio::spawn(async move {
            let reply = Reply::from(service.answer(request).await);
            drop(under_way);
            reply
        });
        match task.await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!(door = self.inside.name(), %error, "a request was left without an answer");
                Reply::text(StatusCode::INTERNAL_SERVER_ERROR, "The request could not be answered.\n")
            }
        }
    }

    fn refuse(&self, refusal: BodyRefusal) -> Reply {
        self.linger.ask();
        let (status, text) = refusal.answer();
        tracing::debug!(door = self.inside.name(), peer = %self.peer.address, ?refusal, "a body was refused");
        let mut reply = Reply::text(status, text);
        if refusal == BodyRefusal::UnknownCoding {
            // RFC 7694: so that the caller knows what would do.
            reply.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    }
}

/// An answer whose hook can no longer be lost.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    written: Written,
    close: bool,
}

impl Reply {
    /// A refusal of the door's own; the connection closes after it.
    fn text(status: StatusCode, text: &'static str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Self { status, headers, body: Bytes::from_static(text.as_bytes()), written: Written::new(None), close: true }
    }

    fn into_response(self, unflushed: &Arc<Unflushed>) -> Response<AnswerBody> {
        let mut headers = self.headers;
        // How the answer is framed is the door's business; hyper writes the length.
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONNECTION);
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let mut response = Response::new(AnswerBody::new(self.body, self.written, Arc::clone(unflushed)));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
            written: Written::new(answer.written),
            close: answer.close,
        }
    }
}
