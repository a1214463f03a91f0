//! One connection, from accept to its end: its arrival, its requests, and how it ended.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::broker::Peer;

use super::arrival::{Arrived, Whose, arrive};
use super::conversation::Conversation;
use super::door::{DoorLimits, Inside};
use super::pace::{Patience, Times};
use super::signal::{Listener, Phase};
use super::slots::{Full, Slot};
use super::tls::Proof;
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
    /// The door has no half-open connection left.
    HalfOpenFull,
    /// The address has no half-open connection left.
    AddressHalfOpenFull,
    /// A listed balancer did not say whom it brings.
    BalancerWithoutHeader,
    /// A listed balancer said it in a way that makes no sense.
    BalancerHeaderMalformed,
    /// Somebody who is no listed balancer speaks like one.
    BalancerUnlisted,
    /// The balancer's header and the handshake took too long.
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
    /// A request's headers were not complete in time.
    HeadersSlow,
    /// There was no further request for a long time.
    Idle,
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
            Self::HalfOpenFull => "half_open_full",
            Self::AddressHalfOpenFull => "address_half_open_full",
            Self::BalancerWithoutHeader => "balancer_without_header",
            Self::BalancerHeaderMalformed => "balancer_header_malformed",
            Self::BalancerUnlisted => "balancer_unlisted",
            Self::HandshakeSlow => "handshake_slow",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateRefused => "certificate_refused",
            Self::HandshakeFailed => "handshake_failed",
            Self::KeyUnknown => "key_unknown",
            Self::Withdrawn => "withdrawn",
            Self::HeadersSlow => "headers_slow",
            Self::Idle => "idle",
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
            | Self::HalfOpenFull
            | Self::AddressHalfOpenFull
            | Self::BalancerWithoutHeader
            | Self::BalancerHeaderMalformed
            | Self::BalancerUnlisted
            | Self::HandshakeSlow
            | Self::CertificateMissing
            | Self::CertificateRefused
            | Self::KeyUnknown
            | Self::Withdrawn => true,
            Self::HandshakeFailed
            | Self::HeadersSlow
            | Self::Idle
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
            return;
        }
        inside.gate.refused(inside.name(), peer.ip(), self.name());
        if let Some(left_out) = inside.refusal_lines.take(Instant::now()) {
            tracing::warn!(door = inside.name(), %peer, reason = self.name(), left_out, "a connection was refused");
        }
    }
}

impl From<Full> for Ending {
    fn from(full: Full) -> Self {
        match full {
            Full::Door => Self::DoorFull,
            Full::Address => Self::AddressFull,
            Full::HalfOpen => Self::HalfOpenFull,
            Full::HalfOpenOfAddress => Self::AddressHalfOpenFull,
        }
    }
}

/// Runs one connection; `slot` is its right to be there, `signal` keeps the doors from ending before.
pub(super) async fn run(
    inside: Arc<Inside>,
    stream: TcpStream,
    mut address: SocketAddr,
    mut slot: Slot,
    mut signal: Listener,
) {
    inside.metrics.connection_opened(inside.name());
    // Answers are whole when they are written; waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let whose = Whose { slot: &mut slot, address: &mut address };
    let ending = match arrive(&inside, stream, whose, &mut signal).await {
        Ok(Arrived::Plain(stream, peer)) => serve(&inside, stream, (peer, None), &mut signal).await,
        Ok(Arrived::Tls(stream, peer, proof)) => serve(&inside, stream, (peer, Some(proof)), &mut signal).await,
        Err(ending) => ending,
    };
    ending.report(&inside, address);
    inside.metrics.connection_closed(inside.name());
    drop(slot);
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
    let times = Times { header_max: limits.header_time_max, idle_max: limits.idle_time_max };
    let patience = Patience::new(conversation.pace(), times);
    let hooks = (conversation.unflushed(), conversation.linger());
    let wire = Wire::new(stream, hooks, patience, limits.body_time_max);
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
        // The wire keeps the time for headers, apart from that between requests.
        .header_read_timeout(None)
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Ending; 21] = [
        Ending::AddressRefused,
        Ending::DoorFull,
        Ending::AddressFull,
        Ending::HalfOpenFull,
        Ending::AddressHalfOpenFull,
        Ending::BalancerWithoutHeader,
        Ending::BalancerHeaderMalformed,
        Ending::BalancerUnlisted,
        Ending::HandshakeSlow,
        Ending::CertificateMissing,
        Ending::CertificateRefused,
        Ending::HandshakeFailed,
        Ending::KeyUnknown,
        Ending::Withdrawn,
        Ending::HeadersSlow,
        Ending::Idle,
        Ending::Malformed,
        Ending::AnswerNotTaken,
        Ending::Broken,
        Ending::Cut,
        Ending::Served,
    ];

    /// tests/it/gates_connection.rs has a row, or the name of a test, for each reason of that page.
    #[test]
    fn every_reason_to_refuse_a_connection_is_in_the_manual() {
        let manual = include_str!("../../docs/doors.md");
        for ending in ALL.iter().filter(|ending| ending.is_refusal()) {
            assert!(manual.contains(&format!("`{}`", ending.name())), "{}", ending.name());
        }
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|ending| ending.name()).collect();
        assert_eq!(names.len(), ALL.len(), "two endings have one name");
    }
}
