//! The doors: listeners, TLS, HTTP/1.1, limits, draining, the metrics door and the admin socket.
//! Hands whole requests to a [`broker::Service`](crate::broker::Service) and writes its answers.
//! Never knows what a payment is.
//!
//! Invariants: who may not come in costs no handshake; a caller costs what the limits allow and no
//! more; an answer's hook runs when the answer is written (D3); what was accepted whole is answered
//! before the node goes down.

pub mod admin;

mod accept;
mod arrival;
mod attendants;
mod body;
mod coding;
mod connection;
mod conversation;
mod door;
mod lines;
mod metrics_door;
mod pace;
mod proxy;
mod signal;
mod slots;
mod socket;
mod tls;
mod wire;
mod written;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;

pub use door::{DoorConfig, DoorLimits, Gate, OpenDoor};
pub use metrics_door::Readiness;
pub use tls::{
    Ending as TlsEnding, EndingKind as TlsEndingKind, Fingerprint, IdentityFiles, ServerIdentity, Tls, TlsError,
    TlsFiles, TlsMaterial,
};

use admin::{Admin, SocketError};
use door::Inside;
use metrics_door::Shown;
use signal::{Phase, Signal};

/// After the cut, how long tasks have to notice.
const CUT_TIME_MAX: Duration = Duration::from_secs(1);

/// All open doors of a node. Dropping it cuts every connection; [`Doors::shutdown`] lets them finish.
pub struct Doors {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    signal: Arc<Signal>,
    /// For the metrics door and the admin socket, which outlive the others' draining.
    attendants: Signal,
    drain_time_max: Duration,
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections and answers that were not through when the time was over.
    pub cut: usize,
}

impl Doors {
    /// No door yet. Must be called within a tokio runtime, as everything here.
    pub fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>, drain_time_max: Duration) -> Self {
        Self { clock, metrics, signal: Arc::new(Signal::new()), attendants: Signal::new(), drain_time_max }
    }

    /// Opens a door on a listener that is bound already.
    pub fn open(&self, listener: std::net::TcpListener, config: DoorConfig) -> io::Result<OpenDoor> {
        let listener = tokio_listener(listener)?;
        let address = listener.local_addr()?;
        if let Some(tls) = &config.tls {
            tls.keep_time_by(&self.clock);
        }
        let inside = Inside::new(config, Arc::clone(&self.clock), Arc::clone(&self.metrics));
        tracing::info!(door = inside.name(), %address, tls = inside.tls.is_some(), "a door is open");
        tokio::spawn(accept::run(Arc::new(inside), listener, self.signal.listener()));
        Ok(OpenDoor { address })
    }

    /// Opens the metrics door on a listener that is bound already.
    pub fn open_metrics(&self, listener: std::net::TcpListener, readiness: Readiness) -> io::Result<OpenDoor> {
        let listener = tokio_listener(listener)?;
        let address = listener.local_addr()?;
        let shown = Shown { metrics: Arc::clone(&self.metrics), readiness, doors: Arc::clone(&self.signal) };
        tokio::spawn(metrics_door::run(Arc::new(shown), listener, self.attendants.listener()));
        Ok(OpenDoor { address })
    }

    /// Opens the admin socket at `path`.
    pub fn open_admin(&self, path: &Path, admin: Arc<dyn Admin>) -> Result<(), SocketError> {
        let (socket, listener) = admin::bind(path)?;
        tokio::spawn(admin::run(admin, socket, listener, self.attendants.listener()));
        Ok(())
    }

    /// Has every open connection ask its gate again, and closes those that may no longer be here:
    /// after a change of whitelist, third parties or certificates.
    pub fn recheck(&self) {
        self.signal.recheck();
    }

    /// Stops accepting, lets requests under way finish, and after `drain_time_max` cuts what is left.
    /// The metrics door and the admin socket stay until then.
    pub async fn shutdown(&self) -> Drained {
        self.signal.enter(Phase::Draining);
        let left = self.signal.gone(self.drain_time_max).await;
        self.signal.enter(Phase::Cut);
        self.signal.gone(CUT_TIME_MAX).await;
        self.attendants.enter(Phase::Draining);
        self.attendants.gone(CUT_TIME_MAX).await;
        Drained { cut: left }
    }
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors").field("signal", &self.signal).finish_non_exhaustive()
    }
}

fn tokio_listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
