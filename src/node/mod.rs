//! A node: its parts made from the settings, handed to each other, started, and drained. Knows what
//! parts there are, not what they do.
//!
//! Everything that can be wrong is found before a port is bound or a record written: first
//! [`Materials`] are read, then the node starts.

mod admin;
mod catalogue_files;
mod desks;
mod doors;
mod expiry;
mod materials;
mod reload;
mod watch;

use catalogue_files::CatalogueFiles;
pub use doors::{Addresses, Listeners};
pub use materials::{Materials, Problem, catalogue};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

use expiry::Expiries;
use reload::{DoorTls, Reloader, Watched};

use crate::access::{self, Access, AccessError};
use crate::broker::{Broker, BrokerLimits, Parts, Resumed, SoapWire, WhitelistedHosts};
use crate::callbacks::{self, Callbacks, Hosts, HttpTransport, SystemNames};
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::core::{Core, CoreSettings, Cores};
use crate::entropy::Entropy;
use crate::server::Doors;
use crate::server::admin::SocketError;
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::{EmbeddedStore, OpenError, Options};
use crate::store::{ReadError, Store};
use crate::telemetry::audit::{Audit, AuditError};
use crate::telemetry::metrics::Metrics;

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
    #[error("the store does not open: {0}")]
    Store(#[from] OpenError),
    /// The audit log does not open.
    #[error("the audit log does not open: {0}")]
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
    #[error("the admin socket does not open: {0}")]
    Admin(#[from] SocketError),
}

/// A node that serves.
pub struct Node {
    store: Arc<EmbeddedStore>,
    core: Arc<Cores>,
    clock: Arc<dyn Clock>,
    broker: Arc<Broker>,
    callbacks: Arc<Callbacks>,
    audit: Arc<Audit>,
    drain_time_max: Duration,
    doors: Arc<Doors>,
    addresses: Addresses,
    watchers: Vec<JoinHandle<()>>,
    reload: signal::Sender<()>,
    access: Arc<Access>,
    resumed: Resumed,
}

impl Node {
    /// Starts a node of these materials behind these listeners.
    pub async fn start(materials: Materials, listeners: Listeners, seams: Seams) -> Result<Self, StartError> {
        let Materials {
            settings, zone, interfaces, catalogue, whitelist, vault, credential_keys, client_tls, tls, ..
        } = materials;
        let interfaces = Arc::new(interfaces);
        let metrics = Arc::new(Metrics::new());
        let store = open_store(&settings)?;
        let audit = Arc::new(Audit::open(&settings.node.data.join(AUDIT_FILE), Arc::clone(&seams.clock))?);
        metrics.whitelist_replaced(whitelist.networks().count());
        let access = Arc::new(Access::new(access::Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            vault: Arc::clone(&vault),
            whitelist,
            credential_keys,
            credentials: (&settings.credentials).into(),
            rates: settings.rates,
            previous_password_seconds: settings.third_parties.previous_password_seconds,
            clock: Arc::clone(&seams.clock),
            entropy: Arc::clone(&seams.entropy),
            audit: Arc::clone(&audit),
        })?);
        let hosts: Arc<dyn Hosts> = Arc::new(WhitelistedHosts(Arc::clone(&access)));
        let transport =
            Arc::new(HttpTransport::new(client_tls, &settings.callbacks, Arc::clone(&hosts), Arc::new(SystemNames)));
        let callbacks = Callbacks::start(callbacks::Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            transport: Arc::clone(&transport) as Arc<dyn callbacks::Transport>,
            wire: Arc::new(SoapWire {
                vault: Arc::clone(&vault),
                store: Arc::clone(&store) as Arc<dyn Store>,
                access: Arc::clone(&access),
                interfaces: Arc::clone(&interfaces),
                metrics: Arc::clone(&metrics),
            }),
            vault: Arc::clone(&vault),
            settings: &settings.callbacks,
            clock: Arc::clone(&seams.clock),
            entropy: Arc::clone(&seams.entropy),
            metrics: Arc::clone(&metrics),
        })?;
        let core = Arc::new(Cores::new(
            catalogue,
            CoreSettings { zone: zone.clone(), digit: settings.node.digit, currency: settings.node.currency.clone() },
        ));
        let broker = Broker::new(Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            access: Arc::clone(&access),
            vault: Arc::clone(&vault),
            core: Arc::clone(&core),
            interfaces,
            callbacks: Arc::clone(&callbacks),
            hosts: Arc::clone(&hosts),
            special_networks: settings.callbacks.special_networks.clone(),
            link_proxies: settings.doors.link_proxies.clone(),
            clock: Arc::clone(&seams.clock),
            entropy: Arc::clone(&seams.entropy),
            metrics: Arc::clone(&metrics),
            zone: zone.clone(),
            limits: limits(&settings),
            change_password_path: settings.third_parties.change_password_path.clone(),
        });
        let resumed = broker.resume().await?;
        let parts = doors::Behind { settings: &settings, access: &access, broker: &broker, store: &store };
        let drain_time_max = Duration::from_secs(settings.limits.drain_seconds_max);
        let doors = Arc::new(Doors::new(Arc::clone(&seams.clock), Arc::clone(&metrics), drain_time_max));
        let doors_tls = vec![
            DoorTls {
                door: "third_party",
                tls: tls.third_party.clone(),
                files: materials::third_party_files(&settings),
            },
            DoorTls { door: "handset", tls: tls.handset.clone(), files: materials::handset_files(&settings) },
        ];
        let expiries = Expiries::new(
            &doors_tls,
            settings.callbacks.clone(),
            Arc::clone(&access),
            (Arc::clone(&seams.clock), zone.clone()),
            Arc::clone(&metrics),
        );
        let addresses = parts.open(&doors, listeners, tls)?;
        let catalogue_files = CatalogueFiles {
            folder: settings.node.catalogue.clone(),
            cores: Arc::clone(&core),
            audit: Arc::clone(&audit),
        };
        let reloader = Reloader::new(Watched {
            whitelist: settings.node.whitelist.clone(),
            catalogue: catalogue_files.clone(),
            doors_tls,
            access: Arc::clone(&access),
            transport: Arc::clone(&transport),
            metrics,
            audit: Arc::clone(&audit),
            doors: Arc::clone(&doors),
            zone,
        });
        reload::tell_of_overlaps(&access);
        let status = admin::NodeAdmin {
            store: Arc::clone(&store),
            callbacks: Arc::clone(&callbacks),
            broker: Arc::clone(&broker),
            access: Arc::clone(&access),
            addresses: addresses.clone(),
            clock: Arc::clone(&seams.clock),
            started: seams.clock.now(),
            desks: desks::Desks {
                audit: Arc::clone(&audit),
                cores: Arc::clone(&core),
                catalogue: catalogue_files,
                entropy: seams.entropy,
                expiries: Arc::clone(&expiries),
                hosts,
                reloader: Arc::clone(&reloader),
                special_networks: settings.callbacks.special_networks.clone(),
                transport: Arc::clone(&transport),
                vault,
            },
        };
        doors.open_admin(&settings.doors.admin.socket, Arc::new(status))?;
        let (reload, told) = signal::channel(());
        let clock = || Arc::clone(&seams.clock);
        let watchers = vec![
            tokio::spawn(Arc::clone(&broker).watch_reservations()),
            tokio::spawn(Arc::clone(&broker).watch_trace()),
            tokio::spawn(watch::audit(Arc::clone(&audit))),
            tokio::spawn(watch::files(reloader, told)),
            tokio::spawn(watch::rights(Arc::clone(&access), Arc::clone(&doors), clock())),
            tokio::spawn(watch::expiries(expiries, Arc::clone(&access), clock())),
        ];
        Ok(Self {
            store,
            core,
            clock: seams.clock,
            broker,
            callbacks,
            audit,
            drain_time_max,
            doors,
            addresses,
            watchers,
            reload,
            access,
            resumed,
        })
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
        &self.access
    }

    /// What an earlier run had left and this one took up.
    pub fn resumed(&self) -> Resumed {
        self.resumed
    }

    /// What it has committed, to be looked at.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The core that decides in it now.
    pub fn core(&self) -> Arc<Core> {
        self.core.at(self.clock.now())
    }

    /// Lets what is under way finish, then closes everything. Returns how many connections had to
    /// be cut.
    pub async fn stop(self) -> usize {
        let drained = self.doors.shutdown().await;
        self.watchers.iter().for_each(JoinHandle::abort);
        if tokio::time::timeout(self.drain_time_max, self.broker.settled()).await.is_err() {
            tracing::warn!(requests = self.broker.waiting(), "requests are left to the next start");
        }
        self.callbacks.stop().await;
        let (store, audit) = (self.store, self.audit);
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
