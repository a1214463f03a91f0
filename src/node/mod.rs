//! A node: its parts made from the settings, handed to each other, started, and drained. Knows what
//! parts there are, not what they do.
//!
//! Everything that can be wrong is found before a port is bound or a record written: first
//! [`Materials`] are read, then the node starts.

mod admin;
mod catalogue_files;
mod certificates;
mod desks;
mod doors;
mod expiry;
mod files;
mod materials;
mod parts;
mod reload;
mod watch;

pub use doors::{Addresses, Listeners};
pub use materials::{Materials, Problem, catalogue};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

use certificates::DoorTls;
use expiry::Expiries;
use materials::DoorsTls;
use parts::NodeParts;

use crate::access::{Access, AccessError};
use crate::broker::{BrokerLimits, Resumed};
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::core::Core;
use crate::entropy::Entropy;
use crate::server::Doors;
use crate::server::admin::SocketError;
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::{EmbeddedStore, OpenError, Options};
use crate::store::{ReadError, Store};
use crate::telemetry::audit::AuditError;

/// What a node takes from the world outside: time and randomness.
#[derive(Clone, Debug)]
pub struct Seams {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store does not open.
    #[error("the store does not open")]
    Store(#[from] OpenError),
    /// The audit log does not open.
    #[error("the audit log does not open")]
    Audit(#[from] AuditError),
    /// The door's records cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// What an earlier run left cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A door does not open.
    #[error("the {door} does not open: {error}")]
    Door {
        /// Which.
        door: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// The admin socket does not open.
    #[error("the admin socket does not open")]
    Admin(#[from] SocketError),
}

/// A node that serves.
pub struct Node {
    parts: NodeParts,
    drain_time_max: Duration,
    doors: Arc<Doors>,
    addresses: Addresses,
    watchers: Vec<JoinHandle<()>>,
    reload: signal::Sender<()>,
    resumed: Resumed,
}

impl Node {
    /// Starts a node of these materials behind these listeners.
    pub async fn start(materials: Materials, listeners: Listeners, seams: Seams) -> Result<Self, StartError> {
        let (parts, tls) = NodeParts::of(materials, seams)?;
        let NodeParts { ground, access, broker, .. } = &parts;
        let resumed = broker.resume().await?;
        let drain_time_max = Duration::from_secs(ground.settings.limits.drain_seconds_max);
        let doors = Arc::new(Doors::new(ground.clock(), Arc::clone(&ground.metrics), drain_time_max));
        let doors_tls = doors_tls(&ground.settings, &tls);
        let expiries = Expiries::new(
            &doors_tls,
            ground.settings.callbacks.clone(),
            Arc::clone(access),
            (ground.clock(), ground.zone.clone()),
            Arc::clone(&ground.metrics),
        );
        let behind = doors::Behind { settings: &ground.settings, access, broker, store: &ground.store };
        let addresses = behind.open(&doors, listeners, tls)?;
        let catalogue = parts.catalogue_files();
        let reloader = parts.reloader(catalogue.clone(), doors_tls, &doors);
        reload::tell_of_overlaps(access);
        let admin = parts.admin(addresses.clone(), catalogue, (&expiries, &reloader));
        doors.open_admin(&ground.settings.doors.admin.socket, Arc::new(admin))?;
        let (reload, told) = signal::channel(());
        let watchers = vec![
            tokio::spawn(Arc::clone(broker).watch_reservations()),
            tokio::spawn(Arc::clone(broker).watch_trace()),
            tokio::spawn(watch::audit(Arc::clone(&ground.audit))),
            tokio::spawn(watch::files(reloader, told)),
            tokio::spawn(watch::rights(Arc::clone(access), Arc::clone(&doors), ground.clock())),
            tokio::spawn(watch::expiries(expiries, Arc::clone(access), ground.clock())),
        ];
        Ok(Self { parts, drain_time_max, doors, addresses, watchers, reload, resumed })
    }

    /// Where its doors are.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Reads the whitelist, the catalogue and the doors' certificates again, changed or not. What is open and still
    /// allowed stays open.
    pub fn reload(&self) {
        self.reload.send_replace(());
    }

    /// Who may come in, to be looked at and changed.
    pub fn access(&self) -> &Access {
        &self.parts.access
    }

    /// What an earlier run had left and this one took up.
    pub fn resumed(&self) -> Resumed {
        self.resumed
    }

    /// What it has committed, to be looked at.
    pub fn store(&self) -> &dyn Store {
        &*self.parts.ground.store
    }

    /// The core that decides in it now.
    pub fn core(&self) -> Arc<Core> {
        self.parts.core.at(self.parts.ground.seams.clock.now())
    }

    /// Lets what is under way finish, then closes everything. Returns how many connections had to
    /// be cut.
    pub async fn stop(self) -> usize {
        let drained = self.doors.shutdown().await;
        self.watchers.iter().for_each(JoinHandle::abort);
        let NodeParts { ground, broker, callbacks, .. } = self.parts;
        if tokio::time::timeout(self.drain_time_max, broker.settled()).await.is_err() {
            tracing::warn!(requests = broker.waiting(), "requests are left to the next start");
        }
        callbacks.stop().await;
        let (store, audit) = (ground.store, ground.audit);
        let closed = tokio::task::spawn_blocking(move || {
            store.close();
            audit.sync()
        })
        .await;
        match closed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the audit log could not be synced"),
            Err(error) => tracing::error!(%error, "the store could not be closed"),
        }
        drained.cut
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// The HTTPS doors, and where their certificates are.
fn doors_tls(settings: &Settings, tls: &DoorsTls) -> Vec<DoorTls> {
    let third_party = (tls.third_party.clone(), materials::third_party_files(settings));
    let handset = (tls.handset.clone(), materials::handset_files(settings));
    let doors = [("doors.third_party", third_party), ("doors.handset", handset)];
    doors.map(|(door, (tls, files))| DoorTls { door, tls, files }).into()
}

/// The audit log within the data folder.
pub const AUDIT_FILE: &str = "audit.log";
/// The store within the data folder.
const STORE_DIR: &str = "store";

/// Opens the store of a deployment; one process at a time.
pub fn open_store(settings: &Settings) -> Result<Arc<EmbeddedStore>, OpenError> {
    EmbeddedStore::open(store_options(settings), Arc::new(RealDisk))
}

/// Where the store of a deployment is and how large its parts may be.
pub fn store_options(settings: &Settings) -> Options {
    Options {
        dir: settings.node.data.join(STORE_DIR),
        segment_bytes_max: settings.store.segment_bytes_max,
        memory_bytes_max: settings.store.memory_bytes_max,
        write_set_bytes_max: settings.store.write_set_bytes_max,
        waiting_max: settings.store.waiting_max,
        clock: Arc::new(SystemClock),
        directory_kinds: DIRECTORY_KINDS,
    }
}

/// The records that the store keeps as its directory: who there is, and where callbacks go.
const DIRECTORY_KINDS: &[&str] =
    &["third_party", "client_key", "sp_id", "organization", "operator", "user-name", "url", "url-history"];

fn limits(settings: &Settings) -> BrokerLimits {
    BrokerLimits {
        request_expiry: Duration::from_secs(settings.requests.expiry_seconds),
        waiting_max: settings.requests.waiting_max,
        trace_days: settings.requests.trace_days,
        validation_window: Duration::from_millis(settings.callbacks.validation_milliseconds_max),
    }
}
