//! The way of one request: admit, accept, dispatch by command ID, answer; customers' payments; the
//! trace of legs. Knows no sockets and no storage engine.
//!
//! Keeps L6 (one OriginatorConversationID, at most one transaction), D1 (the callback is in the
//! commit that it reports) and D4 (a notified timeout was never executed).

mod accepted;
mod approval;
mod call;
mod describe;
mod destination;
mod dispatch;
mod exchange;
mod explain;
mod feed;
mod fingerprint;
mod handset;
mod hosts;
mod maintenance;
mod mask;
mod password_change;
mod payment;
mod payment_query;
mod query;
mod refusal;
mod register_url;
mod repeat;
mod request;
mod reservations;
mod retention;
mod retry;
mod style;
#[cfg(test)]
mod tests;
mod third_party;
mod trace;
mod validation;
mod waiting;
mod wire;

pub use approval::NotDecided;
pub use exchange::{Answer, Door, Peer, Request, Service};
pub use explain::{Inquiry, Stands, Step};
pub use handset::HandsetService;
pub use hosts::WhitelistedHosts;
pub use maintenance::{Away, SwitchError};
pub use query::{Story, Told};
pub use third_party::ThirdPartyService;
pub use wire::SoapWire;

pub(crate) use refusal::Refusal;
use reservations::Abandoned;
use waiting::Waiting;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{Mutex, watch};

use crate::access::{Access, Shares, Vault};
use crate::callbacks::{Callbacks, Hosts};
use crate::clock::{Clock, Zone};
use crate::core::{Core, Cores, Draw};
use crate::entropy::Entropy;
use crate::mminterface::Interfaces;
use crate::store::{ReadError, Store};
use crate::telemetry::metrics::Metrics;

/// How often overdue reservations are looked for.
const RESERVATIONS_EVERY: Duration = Duration::from_secs(1);

/// What a broker is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Who may come in.
    pub access: Arc<Access>,
    /// Where secrets are sealed.
    pub vault: Arc<Vault>,
    /// Who decides about money, now and by later editions of the catalogue.
    pub core: Arc<Cores>,
    /// The compiled interfaces.
    pub interfaces: Arc<Interfaces>,
    /// Who delivers results and asks for validations.
    pub callbacks: Arc<Callbacks>,
    /// Where callbacks may go.
    pub hosts: Arc<dyn Hosts>,
    /// Loopback and the like, to which callbacks may go all the same.
    pub special_networks: Vec<IpNet>,
    /// Proxies that are believed about the address that a client used, for links in descriptions.
    pub link_proxies: Vec<IpNet>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Where days roll.
    pub zone: Zone,
    /// Where changePassword is served.
    pub change_password_path: String,
    /// How long things may take, and how many may wait.
    pub limits: BrokerLimits,
}

/// How long things may take, and how many may wait.
#[derive(Clone, Copy, Debug)]
pub struct BrokerLimits {
    /// How long an accepted request may wait for the core.
    pub request_expiry: Duration,
    /// Requests that may wait for the core.
    pub waiting_max: usize,
    /// The payer's whole window for the validation of a payment.
    pub validation_window: Duration,
    /// Days that the legs of a conversation are kept.
    pub trace_days: u32,
}

/// The broker.
#[derive(Debug)]
pub struct Broker {
    parts: Parts,
    waiting: Arc<Waiting>,
    /// Who has how many of the places among the waiting.
    shares: Arc<Shares>,
    /// Whether the core is away.
    away: watch::Sender<Option<Away>>,
    /// Held while the maintenance switch is set.
    switching: Mutex<()>,
    /// Reservations of an earlier run, whose payers may still wait.
    abandoned: std::sync::Mutex<Vec<Abandoned>>,
}

impl Broker {
    /// A broker of these parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        let shares = Shares::new(parts.limits.waiting_max);
        Arc::new(Self {
            parts,
            waiting: Arc::new(Waiting::default()),
            shares,
            away: watch::Sender::new(None),
            switching: Mutex::new(()),
            abandoned: std::sync::Mutex::default(),
        })
    }

    /// Takes up what an earlier run left: the maintenance switch stands as it did, requests that wait
    /// for the core are dispatched, payments whose payers wait no more are given back, now or as soon as
    /// that is so. Call it once, before the doors open.
    pub async fn resume(self: &Arc<Self>) -> Result<Resumed, ReadError> {
        self.resume_maintenance()?;
        self.take_over_reservations()?;
        Ok(Resumed { requests: self.resume_requests()?, payments: self.give_back_overdue().await? })
    }

    /// Gives back reservations whose time has run out, and ends waiting for approvals that did not
    /// come, from now on. Ends with the task that runs it.
    pub async fn watch_reservations(self: Arc<Self>) {
        loop {
            tokio::time::sleep(RESERVATIONS_EVERY).await;
            match self.give_back_overdue().await {
                Ok(0) => {}
                Ok(payments) => tracing::warn!(payments, "reservations that nobody settled were given back"),
                Err(error) => tracing::error!(%error, "overdue reservations could not be looked up"),
            }
            if let Err(error) = self.expire_approvals().await {
                tracing::error!(%error, "overdue approvals could not be looked up");
            }
        }
    }

    /// Requests that wait for the core now.
    pub fn waiting(&self) -> usize {
        self.waiting.count()
    }

    /// Waits until every accepted request is decided, unless the core is away. Closing the store
    /// before that would lose nothing, but leave them to the next start.
    pub async fn settled(&self) {
        if !self.is_away() {
            self.waiting.settled().await;
        }
    }

    /// The core that decides now.
    fn core(&self) -> Arc<Core> {
        self.parts.core.at(self.parts.clock.now())
    }

    fn draw(&self) -> Draw {
        Draw(self.parts.entropy.u64())
    }
}

/// What [`Broker::resume`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Requests that waited for the core.
    pub requests: usize,
    /// Payments that were reserved, not settled in time, and given back.
    pub payments: usize,
}
