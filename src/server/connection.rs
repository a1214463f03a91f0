//! One connection, from accept to its end: the handshake, the check of the key, the requests.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::access::KeyFingerprint;
use crate::broker::Peer;

use super::conversation::Conversation;
use super::door::{DoorLimits, Inside};
use super::signal::{Listener, Phase};
use super::slots::Slot;
use super::tls::{Proof, Tls};
use super::wire::Wire;

/// hyper does not take a smaller read buffer; the cap on headers is separate.
const READ_BUFFER_BYTES_MIN: usize = 8192;

/// How a connection ended, or why it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its address is in nobody's network.
    AddressRefused,
    /// The door has no connection left.
    DoorFull,
    /// The address has no connection left.
    AddressFull,
    /// The handshake took too long.
    HandshakeSlow,
    /// The peer has no client certificate.
    CertificateMissing,
    /// Its certificate is of no CA of ours, expired, revoked or malformed.
    CertificateRefused,
    /// The handshake failed otherwise.
    HandshakeFailed,
    /// The certificate's key is nobody's.
    KeyUnknown,
    /// The key or the address was allowed when the connection began, and is no longer.
    Withdrawn,
    /// A request's headers were not complete in time, or there was no further request.
    HeadersSlow,
    /// What came is not HTTP, or more headers than allowed.
    Malformed,
    /// The peer did not take its answer.
    AnswerNotTaken,
    /// The connection broke.
    Broken,
    /// The node went down before it was through.
    Cut,
    /// All answers were given.
    Served,
}

impl Ending {
    /// Its name in logs and metrics.
    fn name(self) -> &'static str {
        match self {
            Self::AddressRefused => "address_refused",
            Self::DoorFull => "door_full",
            Self::AddressFull => "address_full",
            Self::HandshakeSlow => "handshake_slow",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateRefused => "certificate_refused",
            Self::HandshakeFailed => "handshake_failed",
            Self::KeyUnknown => "key_unknown",
            Self::Withdrawn => "withdrawn",
            Self::HeadersSlow => "headers_slow",
            Self::Malformed => "malformed",
            Self::AnswerNotTaken => "answer_not_taken",
            Self::Broken => "broken",
            Self::Cut => "cut",
            Self::Served => "served",
        }
    }

    /// Whether somebody was kept out who wanted in: operators look for these lines.
    fn is_refusal(self) -> bool {
        match self {
            Self::AddressRefused
            | Self::DoorFull
            | Self::AddressFull
            | Self::HandshakeSlow
            | Self::CertificateMissing
            | Self::CertificateRefused
            | Self::KeyUnknown
            | Self::Withdrawn => true,
            Self::HandshakeFailed
            | Self::HeadersSlow
            | Self::Malformed
            | Self::AnswerNotTaken
            | Self::Broken
            | Self::Cut
            | Self::Served => false,
        }
    }

    /// Counts and logs it.
    pub(super) fn report(self, inside: &Inside, peer: SocketAddr) {
        inside.metrics.connection_ended(inside.name(), self.name());
        if !self.is_refusal() {
            tracing::debug!(door = inside.name(), %peer, outcome = self.name(), "a connection ended");
        } else if let Some(left_out) = inside.refusal_lines.take(Instant::now()) {
            tracing::warn!(door = inside.name(), %peer, reason = self.name(), left_out, "a connection was refused");
        }
    }
}

/// Runs one connection; `slot` is its right to be there, `signal` keeps the doors from ending before.
pub(super) async fn run(inside: Arc<Inside>, stream: TcpStream, peer: SocketAddr, slot: Slot, mut signal: Listener) {
    inside.metrics.connection_opened(inside.name());
    // Answers are whole when they are written; waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let ending = match inside.tls.clone() {
        None => serve(&inside, stream, (Peer { address: peer, key: None }, None), &mut signal).await,
        Some(tls) => match shake_hands(&inside, &tls, stream, &mut signal).await {
            Ok((stream, key, proof)) => {
                let peer = Peer { address: peer, key: Some(key) };
                serve(&inside, stream, (peer, Some(proof)), &mut signal).await
            }
            Err(ending) => ending,
        },
    };
    ending.report(&inside, peer);
    inside.metrics.connection_closed(inside.name());
    drop(slot);
}

/// The TLS handshake, under its limits, and the check of the key that it proved.
async fn shake_hands(
    inside: &Inside,
    tls: &Tls,
    stream: TcpStream,
    signal: &mut Listener,
) -> Result<(TlsStream<TcpStream>, KeyFingerprint, Proof), Ending> {
    let handshake = async {
        // The semaphore is never closed, so there is always a turn in the end.
        let _turn = inside.handshakes.acquire().await.map_err(|_| Ending::Cut)?;
        let started = Instant::now();
        let (config, generation) = tls.config();
        let stream = TlsAcceptor::from(config).accept(stream).await.map_err(|error| handshake_ending(&error))?;
        inside.metrics.handshake(inside.name(), started.elapsed());
        Ok((stream, generation))
    };
    let (stream, generation) = tokio::select! {
        biased;
        () = signal.draining() => return Err(Ending::Cut),
        shaken = tokio::time::timeout(inside.limits.handshake_time_max, handshake) => {
            shaken.map_err(|_| Ending::HandshakeSlow)??
        }
    };
    let chain = stream.get_ref().1.peer_certificates();
    let key = tls.key(chain).ok_or(Ending::KeyUnknown)?;
    let proof = tls.proof(chain, generation);
    if inside.gate.key_known(&key) { Ok((stream, key, proof)) } else { Err(Ending::KeyUnknown) }
}

fn handshake_ending(error: &io::Error) -> Ending {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::NoCertificatesPresented) => Ending::CertificateMissing,
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::InvalidCertRevocationList(_)) => {
            Ending::CertificateRefused
        }
        _ => Ending::HandshakeFailed,
    }
}

/// The requests of a connection, until one side has enough.
async fn serve<S>(
    inside: &Arc<Inside>,
    stream: S,
    (peer, proof): (Peer, Option<Proof>),
    signal: &mut Listener,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let conversation = Arc::new(Conversation::new(Arc::clone(inside), peer, proof, signal.clone()));
    let limits = &inside.limits;
    let wire = Wire::new(stream, conversation.unflushed(), conversation.linger(), limits.body_time_max);
    let speaker = Arc::clone(&conversation);
    let service = hyper::service::service_fn(move |request| Arc::clone(&speaker).answer(request));
    let mut connection = pin!(http(limits).serve_connection(TokioIo::new(wire), service));
    let mut age = pin!(tokio::time::sleep(limits.connection_age_max));
    let mut aged = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return conversation.ending().unwrap_or_else(|| http_ending(ended)),
            phase = signal.news() => match phase {
                Phase::Cut => return Ending::Cut,
                Phase::Draining => connection.as_mut().graceful_shutdown(),
                Phase::Open if conversation.allowed() => {}
                Phase::Open => {
                    conversation.withdraw();
                    connection.as_mut().graceful_shutdown();
                }
            },
            () = &mut age, if !aged => {
                aged = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn http(limits: &DoorLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time_max)
        .max_headers(limits.headers_max)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max.max(READ_BUFFER_BYTES_MIN))
        // Callers of raw sockets close their sending side when they have sent; they want the answer.
        .half_close(true);
    http
}

fn http_ending(ended: hyper::Result<()>) -> Ending {
    match ended {
        Ok(()) => Ending::Served,
        Err(error) if error.is_timeout() => Ending::HeadersSlow,
        Err(error) if error.is_parse() => Ending::Malformed,
        Err(error) if is_not_taken(&error) => Ending::AnswerNotTaken,
        Err(_) => Ending::Broken,
    }
}

fn is_not_taken(error: &hyper::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}
