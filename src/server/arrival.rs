//! How a connection arrives: through a balancer that says whom it brings, or by itself; then the TLS
//! handshake and the check of the key that it proved. All of it is half-open time, under one limit.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::broker::Peer;

use super::connection::Ending;
use super::door::Inside;
use super::proxy::{self, Header, NoHeader};
use super::signal::Listener;
use super::slots::Slot;
use super::tls::{Proof, Tls};

/// Bytes looked at to see whether somebody sends a PROXY header who may not.
const GLANCE_BYTES: usize = 16;

/// A connection that may ask.
pub(super) enum Arrived {
    /// By a door without TLS.
    Plain(TcpStream, Peer),
    /// By a door with TLS; the handshake is done and its key is known.
    Tls(Box<TlsStream<TcpStream>>, Peer, Proof),
}

/// Who a connection is from, as far as is known: in the end of it, too.
pub(super) struct Whose<'a> {
    pub(super) slot: &'a mut Slot,
    /// The balancer's until the balancer has said whose it is.
    pub(super) address: &'a mut SocketAddr,
}

/// Brings a connection in, or says why not.
pub(super) async fn arrive(
    inside: &Inside,
    stream: TcpStream,
    whose: Whose<'_>,
    signal: &mut Listener,
) -> Result<Arrived, Ending> {
    tokio::select! {
        biased;
        () = signal.draining() => Err(Ending::Cut),
        arrived = tokio::time::timeout(inside.limits.handshake_time_max, bring(inside, stream, whose)) => {
            arrived.unwrap_or(Err(Ending::HandshakeSlow))
        }
    }
}

async fn bring(inside: &Inside, mut stream: TcpStream, whose: Whose<'_>) -> Result<Arrived, Ending> {
    let Whose { slot, address } = whose;
    if inside.is_balancer(address.ip()) {
        if let Some(client) = read_header(&mut stream).await? {
            *address = client;
        }
        // Only now it is known whom the gate and the limits are about.
        if !inside.gate.admits(address.ip()) {
            return Err(Ending::AddressRefused);
        }
        slot.belong_to(address.ip()).map_err(Ending::from)?;
    } else if inside.tls.is_some() && is_unlisted_balancer(&stream).await? {
        // TLS would refuse it, too, but nobody would see why. A door without TLS refuses it as no HTTP.
        return Err(Ending::BalancerUnlisted);
    }
    let arrived = match &inside.tls {
        None => Arrived::Plain(stream, Peer { address: *address, key: None }),
        Some(tls) => shake_hands(inside, tls, stream, *address).await?,
    };
    slot.settle();
    Ok(arrived)
}

/// Reads the balancer's header and nothing beyond; gives the client that it names, if it names one.
async fn read_header(stream: &mut TcpStream) -> Result<Option<SocketAddr>, Ending> {
    let mut seen = Vec::with_capacity(proxy::V1_BYTES_MAX);
    let mut waiting = [0; proxy::V2_BYTES_MAX];
    loop {
        // What was looked at is read right after, so a look never returns the same bytes twice.
        let there = stream.peek(&mut waiting).await.map_err(|_| Ending::Broken)?;
        if there == 0 {
            return Err(Ending::BalancerWithoutHeader);
        }
        let before = seen.len();
        seen.extend_from_slice(waiting.get(..there).unwrap_or_default());
        let (whole, client) = match proxy::read(&seen) {
            Ok(Header::Begun) => (seen.len(), None),
            Ok(Header::Whole { bytes, client }) => (bytes, Some(client)),
            Err(NoHeader::Missing) => return Err(Ending::BalancerWithoutHeader),
            Err(NoHeader::Malformed | NoHeader::TooLong) => return Err(Ending::BalancerHeaderMalformed),
        };
        seen.truncate(whole);
        let own = seen.get_mut(before..).unwrap_or_default();
        stream.read_exact(own).await.map_err(|_| Ending::Broken)?;
        if let Some(client) = client {
            return Ok(client);
        }
    }
}

/// Whether the first bytes are a PROXY header; as no balancer is listed that could send them, it is
/// one that the settings do not know.
async fn is_unlisted_balancer(stream: &TcpStream) -> Result<bool, Ending> {
    let mut glance = [0; GLANCE_BYTES];
    let there = stream.peek(&mut glance).await.map_err(|_| Ending::Broken)?;
    Ok(proxy::is_one(glance.get(..there).unwrap_or_default()))
}

async fn shake_hands(inside: &Inside, tls: &Tls, stream: TcpStream, address: SocketAddr) -> Result<Arrived, Ending> {
    let started = Instant::now();
    let (config, generation) = tls.config();
    let stream = TlsAcceptor::from(config).accept(stream).await.map_err(|error| handshake_ending(&error))?;
    inside.metrics.handshake(inside.name(), started.elapsed());
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let key = tls.key(chain).ok_or(Ending::KeyUnknown)?;
    let proof = tls.proof(chain, generation);
    if inside.gate.key_known(&key) {
        Ok(Arrived::Tls(Box::new(stream), Peer { address, key: Some(key) }, proof))
    } else {
        Err(Ending::KeyUnknown)
    }
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
