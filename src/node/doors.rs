//! The listeners of a node, and what stands behind each.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use ipnet::IpNet;

use super::StartError;
use super::materials::DoorsTls;
use crate::access::{Access, KeyFingerprint};
use crate::broker::{Broker, Door, HandsetService, Service, ThirdPartyService};
use crate::config::Settings;
use crate::server::{DoorConfig, DoorLimits, Doors, Gate, Readiness, Tls};
use crate::store::Store;
use crate::store::embedded::EmbeddedStore;

/// The sockets that a node listens on, bound by who starts it: a test binds port 0.
#[derive(Debug)]
pub struct Listeners {
    /// Third parties, HTTPS.
    pub third_party: TcpListener,
    /// The handset side, HTTPS.
    pub handset: TcpListener,
    /// Third parties' first tests, plain HTTP, where that is switched on.
    pub plain: Option<TcpListener>,
    /// Health and metrics.
    pub metrics: TcpListener,
}

impl Listeners {
    /// Binds what the settings say.
    pub fn bind(settings: &Settings) -> Result<Self, StartError> {
        let doors = &settings.doors;
        Ok(Self {
            third_party: bind("third parties' door", doors.third_party.listen)?,
            handset: bind("handset door", doors.handset.listen)?,
            plain: doors.plain.enabled.then(|| bind("plain door", doors.plain.listen)).transpose()?,
            metrics: bind("metrics door", doors.metrics.listen)?,
        })
    }
}

fn bind(door: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| {
        let error = std::io::Error::new(error.kind(), format!("{address}: {error}"));
        StartError::Door { door, error }
    })
}

/// Where a node's doors are.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Addresses {
    /// Third parties, HTTPS.
    pub third_party: SocketAddr,
    /// The handset side, HTTPS.
    pub handset: SocketAddr,
    /// Third parties' first tests, plain HTTP.
    pub plain: Option<SocketAddr>,
    /// Health and metrics.
    pub metrics: SocketAddr,
}

/// What the doors open to.
pub(super) struct Behind<'a> {
    pub settings: &'a Settings,
    pub access: &'a Arc<Access>,
    pub broker: &'a Arc<Broker>,
    pub store: &'a Arc<EmbeddedStore>,
}

impl Behind<'_> {
    /// Opens all doors.
    pub fn open(&self, doors: &Doors, listeners: Listeners, tls: DoorsTls) -> Result<Addresses, StartError> {
        let third_party: Arc<dyn Service> = Arc::new(ThirdPartyService(Arc::clone(self.broker)));
        let handset: Arc<dyn Service> = Arc::new(HandsetService(Arc::clone(self.broker)));
        let whitelist: Arc<dyn Gate> = Arc::new(ThirdPartyGate(Arc::clone(self.access)));
        let networks = self.settings.doors.handset.networks.clone();
        let networks: Arc<dyn Gate> = Arc::new(HandsetGate { networks, access: Arc::clone(self.access) });
        let plain = Arc::clone(&third_party);
        Ok(Addresses {
            third_party: self.door(
                doors,
                listeners.third_party,
                (Door::ThirdParty, Some(tls.third_party), Arc::clone(&whitelist), third_party),
            )?,
            handset: self.door(doors, listeners.handset, (Door::Handset, Some(tls.handset), networks, handset))?,
            plain: match listeners.plain {
                Some(listener) => Some(self.door(doors, listener, (Door::Plain, None, whitelist, plain))?),
                None => None,
            },
            metrics: doors.open_metrics(listeners.metrics, self.readiness()).map_err(failed("metrics door"))?.address(),
        })
    }

    fn door(
        &self,
        doors: &Doors,
        listener: TcpListener,
        (door, tls, gate, service): (Door, Option<Tls>, Arc<dyn Gate>, Arc<dyn Service>),
    ) -> Result<SocketAddr, StartError> {
        let limits = DoorLimits::from(&self.settings.limits);
        let settings = &self.settings.doors;
        let balancers = match door {
            Door::ThirdParty => &settings.third_party.balancers,
            Door::Handset => &settings.handset.balancers,
            Door::Plain => &settings.plain.balancers,
        };
        let config = DoorConfig { door, tls, gate, service, balancers: balancers.clone(), limits };
        let opened = doors.open(listener, config);
        Ok(opened.map_err(failed(door_name(door)))?.address())
    }

    fn readiness(&self) -> Readiness {
        let store = Arc::clone(self.store);
        Arc::new(move || match store.health().refusing {
            Some(reason) => Err(format!("the store refuses: {reason}")),
            None => Ok(()),
        })
    }
}

fn door_name(door: Door) -> &'static str {
    match door {
        Door::ThirdParty => "third parties' door",
        Door::Plain => "plain door",
        Door::Handset => "handset door",
    }
}

fn failed(door: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |error| StartError::Door { door, error }
}

/// Third parties: by the whitelist, and by the keys on record.
#[derive(Debug)]
struct ThirdPartyGate(Arc<Access>);

impl Gate for ThirdPartyGate {
    fn admits(&self, address: IpAddr) -> bool {
        self.0.admits(address)
    }

    fn key_known(&self, key: &KeyFingerprint) -> bool {
        self.0.key_known(key)
    }

    fn refused(&self, door: &'static str, address: IpAddr, reason: &'static str) {
        self.0.record_refused_connection(door, address, reason);
    }
}

/// The handset side: by its networks; whoever its own CA signed is a gateway.
#[derive(Debug)]
struct HandsetGate {
    networks: Vec<IpNet>,
    /// Keeps the record of refusals.
    access: Arc<Access>,
}

impl Gate for HandsetGate {
    fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    fn key_known(&self, _: &KeyFingerprint) -> bool {
        true
    }

    fn refused(&self, door: &'static str, address: IpAddr, reason: &'static str) {
        self.access.record_refused_connection(door, address, reason);
    }
}
