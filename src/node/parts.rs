//! What a node is made of behind its doors, each part made of those before it.

use std::sync::Arc;

use super::admin::NodeAdmin;
use super::catalogue_files::CatalogueFiles;
use super::certificates::{Certificates, DoorTls};
use super::desks::Desks;
use super::expiry::Expiries;
use super::materials::DoorsTls;
use super::reload::{Reloader, Watched};
use super::{AUDIT_FILE, Addresses, Materials, Seams, StartError, limits, open_store};
use crate::access::{self, Access, CredentialKeys, Vault, Whitelist};
use crate::broker::{self, Broker, SoapWire, WhitelistedHosts};
use crate::callbacks::{self, Callbacks, Hosts, HttpTransport, SystemNames, Transport};
use crate::clock::{Clock, Zone};
use crate::config::Settings;
use crate::core::{CoreSettings, Cores};
use crate::entropy::Entropy;
use crate::mminterface::Interfaces;
use crate::server::Doors;
use crate::store::embedded::EmbeddedStore;
use crate::store::{ReadError, Store};
use crate::telemetry::audit::Audit;
use crate::telemetry::metrics::Metrics;

/// What all parts stand on.
pub(super) struct Ground {
    pub settings: Settings,
    pub zone: Zone,
    pub seams: Seams,
    pub vault: Arc<Vault>,
    pub metrics: Arc<Metrics>,
    pub store: Arc<EmbeddedStore>,
    pub audit: Arc<Audit>,
}

/// All parts, before a door is open.
pub(super) struct NodeParts {
    pub ground: Ground,
    pub access: Arc<Access>,
    pub hosts: Arc<dyn Hosts>,
    pub transport: Arc<HttpTransport>,
    pub callbacks: Arc<Callbacks>,
    pub core: Arc<Cores>,
    pub broker: Arc<Broker>,
}

impl NodeParts {
    /// Makes them of these materials; what the doors prove themselves with is left over.
    pub(super) fn of(materials: Materials, seams: Seams) -> Result<(Self, DoorsTls), StartError> {
        let Materials { settings, zone, interfaces, catalogue, whitelist, vault, credential_keys, client_tls, tls } =
            materials;
        let store = open_store(&settings)?;
        let audit = Arc::new(Audit::open(&settings.node.data.join(AUDIT_FILE), Arc::clone(&seams.clock))?);
        let metrics = Arc::new(Metrics::new());
        metrics.whitelist_replaced(whitelist.networks().count());
        let ground = Ground { settings, zone, seams, vault, metrics, store, audit };
        let interfaces = Arc::new(interfaces);
        let access = ground.access(whitelist, credential_keys)?;
        let hosts: Arc<dyn Hosts> = Arc::new(WhitelistedHosts(Arc::clone(&access)));
        let settings = &ground.settings.callbacks;
        let transport = HttpTransport::new(client_tls, settings, Arc::clone(&hosts), Arc::new(SystemNames));
        let transport = Arc::new(transport);
        let callbacks = ground.callbacks(&access, &interfaces, Arc::clone(&transport) as Arc<dyn Transport>)?;
        let core = Arc::new(Cores::new(catalogue, ground.core_settings()));
        let broker = Broker::new(broker::Parts {
            store: ground.store(),
            access: Arc::clone(&access),
            vault: Arc::clone(&ground.vault),
            core: Arc::clone(&core),
            interfaces,
            callbacks: Arc::clone(&callbacks),
            hosts: Arc::clone(&hosts),
            special_networks: ground.settings.callbacks.special_networks.clone(),
            link_proxies: ground.settings.doors.link_proxies.clone(),
            clock: ground.clock(),
            entropy: ground.entropy(),
            metrics: Arc::clone(&ground.metrics),
            zone: ground.zone.clone(),
            change_password_path: ground.settings.third_parties.change_password_path.clone(),
            limits: limits(&ground.settings),
        });
        Ok((Self { ground, access, hosts, transport, callbacks, core, broker }, tls))
    }

    pub(super) fn catalogue_files(&self) -> CatalogueFiles {
        CatalogueFiles {
            folder: self.ground.settings.node.catalogue.clone(),
            cores: Arc::clone(&self.core),
            audit: Arc::clone(&self.ground.audit),
        }
    }

    /// What takes up files that change while the node runs.
    pub(super) fn reloader(
        &self,
        catalogue: CatalogueFiles,
        doors_tls: Vec<DoorTls>,
        doors: &Arc<Doors>,
    ) -> Arc<Reloader> {
        let of_doors = doors_tls.into_iter().map(|door| Certificates::Door(door, Arc::clone(doors)));
        let of_callbacks = Certificates::Callbacks(self.ground.settings.callbacks.clone(), Arc::clone(&self.transport));
        Reloader::new(Watched {
            whitelist: self.ground.settings.node.whitelist.clone(),
            catalogue,
            certificates: of_doors.chain([of_callbacks]).collect(),
            access: Arc::clone(&self.access),
            transport: Arc::clone(&self.transport),
            metrics: Arc::clone(&self.ground.metrics),
            audit: Arc::clone(&self.ground.audit),
            zone: self.ground.zone.clone(),
        })
    }

    /// What carries out operators' commands.
    pub(super) fn admin(
        &self,
        addresses: Addresses,
        catalogue: CatalogueFiles,
        (expiries, reloader): (&Arc<Expiries>, &Arc<Reloader>),
    ) -> NodeAdmin {
        let desks = Desks {
            audit: Arc::clone(&self.ground.audit),
            cores: Arc::clone(&self.core),
            catalogue,
            entropy: self.ground.entropy(),
            expiries: Arc::clone(expiries),
            hosts: Arc::clone(&self.hosts),
            reloader: Arc::clone(reloader),
            special_networks: self.ground.settings.callbacks.special_networks.clone(),
            transport: Arc::clone(&self.transport),
            vault: Arc::clone(&self.ground.vault),
        };
        NodeAdmin {
            store: Arc::clone(&self.ground.store),
            callbacks: Arc::clone(&self.callbacks),
            broker: Arc::clone(&self.broker),
            access: Arc::clone(&self.access),
            addresses,
            clock: self.ground.clock(),
            started: self.ground.seams.clock.now(),
            desks,
        }
    }
}

impl Ground {
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.seams.clock)
    }

    pub(super) fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.seams.entropy)
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn access(&self, whitelist: Whitelist, credential_keys: CredentialKeys) -> Result<Arc<Access>, StartError> {
        Ok(Arc::new(Access::new(access::Parts {
            store: self.store(),
            vault: Arc::clone(&self.vault),
            whitelist,
            credential_keys,
            credentials: (&self.settings.credentials).into(),
            rates: self.settings.rates,
            previous_password_seconds: self.settings.third_parties.previous_password_seconds,
            clock: self.clock(),
            entropy: self.entropy(),
            audit: Arc::clone(&self.audit),
        })?))
    }

    fn callbacks(
        &self,
        access: &Arc<Access>,
        interfaces: &Arc<Interfaces>,
        transport: Arc<dyn Transport>,
    ) -> Result<Arc<Callbacks>, ReadError> {
        let wire = SoapWire {
            vault: Arc::clone(&self.vault),
            store: self.store(),
            access: Arc::clone(access),
            interfaces: Arc::clone(interfaces),
            metrics: Arc::clone(&self.metrics),
        };
        Callbacks::start(callbacks::Parts {
            store: self.store(),
            transport,
            wire: Arc::new(wire),
            vault: Arc::clone(&self.vault),
            settings: &self.settings.callbacks,
            clock: self.clock(),
            entropy: self.entropy(),
            metrics: Arc::clone(&self.metrics),
        })
    }

    fn core_settings(&self) -> CoreSettings {
        let node = &self.settings.node;
        CoreSettings { zone: self.zone.clone(), digit: node.digit, currency: node.currency.clone() }
    }
}
