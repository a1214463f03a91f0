//! A door: what stands in front of a service, and what one caller may cost it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::access::KeyFingerprint;
use crate::broker::{self, Peer, Service};
use crate::clock::Clock;
use crate::config;
use crate::telemetry::metrics::Metrics;

use super::lines::LineBudget;
use super::slots::{SlotLimits, Slots};
use super::tls::{Proof, Tls};

/// Who may come in by a door. Asked at accept, after the handshake, for every request, and whenever
/// [`super::Doors::recheck`] is called; so an answer is only about now, and must come quickly.
pub trait Gate: Send + Sync {
    /// Whether a connection from this address (IPv4-mapped IPv6 made IPv4) gets as far as the
    /// handshake.
    fn admits(&self, address: IpAddr) -> bool;

    /// Whether this key belongs to somebody who may come in now.
    fn key_known(&self, key: &KeyFingerprint) -> bool;

    /// Hears of a connection from this address that was refused, and why: for the record.
    fn refused(&self, door: &'static str, address: IpAddr, reason: &'static str);
}

/// A door, before its listener is known.
pub struct DoorConfig {
    /// Which one; tells it apart in requests, logs and metrics.
    pub door: broker::Door,
    /// None: plain HTTP, and nobody has a key.
    pub tls: Option<Tls>,
    /// Who may come in.
    pub gate: Arc<dyn Gate>,
    /// What stands behind.
    pub service: Arc<dyn Service>,
    /// Who brings connections of others and says whose by the PROXY protocol: balancers. They must say
    /// it, and nobody else may.
    pub balancers: Vec<IpNet>,
    /// What one caller may cost.
    pub limits: DoorLimits,
}

impl fmt::Debug for DoorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoorConfig").field("door", &self.door).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What callers may cost one door: `[limits]` of the settings.
#[derive(Clone, Debug)]
pub struct DoorLimits {
    /// Connections.
    pub connections_max: usize,
    /// Connections of one address.
    pub connections_per_address_max: usize,
    /// Connections that have not yet shown who they are: whose handshake is under way.
    pub half_open_max: usize,
    /// Such connections of one address.
    pub half_open_per_address_max: usize,
    /// From accept to the end of the handshake; also how long a balancer may take to say whom it brings.
    pub handshake_time_max: Duration,
    /// Bytes of a request's start line and headers.
    pub header_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// From a request's first byte (of the first request: from the handshake) until its headers are
    /// complete.
    pub header_time_max: Duration,
    /// From an answer to the first byte of the next request.
    pub idle_time_max: Duration,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// Until a request's body is complete; also how long a peer may take to accept its answer.
    pub body_time_max: Duration,
    /// Requests on one connection.
    pub requests_per_connection_max: u64,
    /// Life of a connection.
    pub connection_age_max: Duration,
}

impl From<&config::Limits> for DoorLimits {
    fn from(limits: &config::Limits) -> Self {
        Self {
            connections_max: limits.connections_max,
            connections_per_address_max: limits.connections_per_address_max,
            half_open_max: limits.half_open_max,
            half_open_per_address_max: limits.half_open_per_address_max,
            handshake_time_max: Duration::from_secs(limits.handshake_seconds_max),
            header_bytes_max: limits.header_bytes_max,
            headers_max: limits.headers_max,
            header_time_max: Duration::from_secs(limits.header_seconds_max),
            idle_time_max: Duration::from_secs(limits.idle_seconds_max),
            body_bytes_max: limits.body_bytes_max,
            body_time_max: Duration::from_secs(limits.body_seconds_max),
            requests_per_connection_max: limits.requests_per_connection_max,
            connection_age_max: Duration::from_secs(limits.connection_age_seconds_max),
        }
    }
}

/// A door that is open.
#[derive(Clone, Copy, Debug)]
pub struct OpenDoor {
    pub(super) address: SocketAddr,
}

impl OpenDoor {
    /// Where it listens; the real port if it was opened on port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What all connections of a door share.
pub(super) struct Inside {
    pub(super) door: broker::Door,
    pub(super) tls: Option<Tls>,
    pub(super) gate: Arc<dyn Gate>,
    pub(super) service: Arc<dyn Service>,
    pub(super) balancers: Vec<IpNet>,
    pub(super) limits: DoorLimits,
    pub(super) slots: Arc<Slots>,
    pub(super) refusal_lines: LineBudget,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
}

impl Inside {
    pub(super) fn new(config: DoorConfig, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let limits = config.limits;
        Self {
            door: config.door,
            tls: config.tls,
            gate: config.gate,
            service: config.service,
            balancers: config.balancers,
            slots: Slots::new(SlotLimits {
                total_max: limits.connections_max,
                per_address_max: limits.connections_per_address_max,
                half_open_max: limits.half_open_max,
                half_open_per_address_max: limits.half_open_per_address_max,
            }),
            refusal_lines: LineBudget::default(),
            limits,
            clock,
            metrics,
        }
    }

    /// The door's name in logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self.door {
            broker::Door::ThirdParty => "third_party",
            broker::Door::Plain => "plain",
            broker::Door::Handset => "handset",
        }
    }

    /// Whether a connection from this address (IPv4-mapped IPv6 made IPv4) is brought by a balancer.
    pub(super) fn is_balancer(&self, address: IpAddr) -> bool {
        self.balancers.iter().any(|network| network.contains(&address))
    }

    /// Whether this peer may be here now. On a door with TLS nobody is without a key, and none whose
    /// certificate is no longer good.
    pub(super) fn lets_in(&self, peer: &Peer, proof: Option<&Proof>) -> bool {
        let certified = match (&self.tls, &peer.key, proof) {
            (None, None, None) => true,
            (Some(tls), Some(key), Some(proof)) => self.gate.key_known(key) && tls.holds(proof),
            _ => false,
        };
        certified && self.gate.admits(peer.address.ip())
    }
}
