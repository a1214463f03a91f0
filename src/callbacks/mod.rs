//! Calls to third parties' servers: every callback reaches its owner, once in effect, and everybody
//! can see how. A callback is written into the [outbox](enqueue) by the commit of what it reports
//! (D1), and from there on it is this module's: the schedule, the queues and breakers of endpoints,
//! where a call may go, acknowledgements, and the payer's validation, which waits in no queue.
//!
//! What it never knows: why a callback exists, and how its documents look ([`Wire`] is told).
//!
//! A delivery goes Due -> in flight -> Delivered, Retrying or Dead; in flight it is only in memory,
//! so a node that stops at any moment finds it due again and sends it with the same id (D2).

mod attempt;
mod breaker;
mod callback;
mod delivery;
mod dispatcher;
mod endpoint;
mod feed;
mod flight;
pub mod guard;
mod holds;
mod http;
mod kept;
mod lane;
pub mod listing;
mod names;
pub mod outbox;
mod outcome;
mod pace;
mod ping;
mod progress;
mod records;
mod schedule;
mod shares;
mod signers;
pub mod signing;
mod tls;
mod transport;
pub mod urls;
mod validation;
mod verdict;
mod width;
mod window;
mod wire;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use callback::{Callback, Entry, Kind};
pub use delivery::{ANSWER_CHARACTERS_MAX, ATTEMPTS_KEPT_MAX, Attempt, Delivery, DeliveryId, State};
pub use endpoint::Endpoint;
pub use feed::{FEED_PAGE_MAX, FeedItem, FeedPage};
pub use guard::{Hosts, Refused};
pub use holds::HOLD_MAX;
pub use http::HttpTransport;
pub use names::{Names, SystemNames};
pub use outbox::{Queued, ReplayError, enqueue};
pub use outcome::Outcome;
pub use ping::Step;
pub use schedule::RETRY_AFTER_MAX;
pub use tls::{ClientTls, PinError, TlsError, TlsVersion, authorities, client_tls};
pub use transport::{Answer, Call, Pool, SendError, Transport};
pub use validation::{Asked, Reply, Unreachable, Validation, ValidationOutcome};
pub use window::WINDOW_MAX;
pub use wire::{Acknowledgement, Document, Exchange, PaymentQueryResult, ValidationResult, Wire, shown};

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::access::Vault;
use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::entropy::Entropy;
use crate::store::{ReadError, Store};
use crate::telemetry::metrics::Metrics;

use attempt::{Counts, Courier};
use dispatcher::{Dispatcher, Questions};
use endpoint::{Endpoints, Limits};
use records::Records;
use schedule::Schedule;
use shares::Shares;
use signers::Signers;

/// Endpoints that are looked at for what waits without a queue, whenever somebody asks for the status.
const RESTING_SHOWN_MAX: usize = 1000;

/// This part of all connections is for validations, and as many are for queries: neither waits behind deliveries, nor
/// behind the other.
const PART_OF_QUESTIONS: usize = 8;

/// What callbacks are made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Where the outbox is.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// What the documents look like.
    pub wire: Arc<dyn Wire>,
    /// What opens the keys that sign.
    pub vault: Arc<Vault>,
    /// `[callbacks]`
    pub settings: &'a config::Callbacks,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub entropy: Arc<dyn Entropy>,
    /// The counters.
    pub metrics: Arc<Metrics>,
}

/// The callbacks of a node.
#[derive(Debug)]
pub struct Callbacks(Arc<Dispatcher>);

/// What waits for an endpoint, as it is at a moment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EndpointStatus {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Deliveries that wait, as far as they were looked at.
    pub waiting: usize,
    /// Whether more wait in the store.
    pub more: bool,
    /// Calls under way.
    pub in_flight: usize,
    /// Whether its breaker holds calls back.
    pub breaker_open: bool,
}

/// Attempts since the start, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Acknowledged.
    pub delivered: u64,
    /// Delivered, with an acknowledgement that could not be read.
    pub unread: u64,
    /// Failed, and to be tried again.
    pub retried: u64,
    /// Given up.
    pub dead: u64,
}

impl Callbacks {
    /// Takes up what is pending in the store and goes on from there. Must be called in the runtime
    /// that is to do the work.
    pub fn start(parts: Parts<'_>) -> Result<Arc<Self>, ReadError> {
        let settings = parts.settings;
        let of_questions = settings.connections_max / PART_OF_QUESTIONS;
        let courier = Courier {
            store: parts.store,
            transport: parts.transport,
            wire: parts.wire,
            clock: parts.clock,
            entropy: parts.entropy,
            schedule: Schedule::new(
                &settings.schedule_seconds,
                settings.jitter_percent,
                Duration::from_secs(settings.age_seconds_max),
            ),
            signers: Signers::new(parts.vault),
            records: Records::default(),
            answer_deadline: Duration::from_secs(settings.connect_seconds_max + settings.answer_seconds_max),
            shares: Shares::new(settings.connections_max - 2 * of_questions),
            counts: Counts::default(),
            metrics: parts.metrics,
        };
        let endpoints = Endpoints::new(settings.breaker_failures, Duration::from_secs(settings.breaker_seconds));
        let questions = Questions { validations: Shares::new(of_questions), queries: Shares::new(of_questions) };
        let dispatcher = Dispatcher::new(courier, endpoints, Limits::of(settings), questions);
        dispatcher.take_up_pending()?;
        Ok(Arc::new(Self(dispatcher)))
    }

    /// What bodies are made and answers read with.
    pub fn wire(&self) -> &dyn Wire {
        &*self.0.courier.wire
    }

    /// Holds a delivery back until [`Callbacks::release`], or for [`HOLD_MAX`] (D3). Call it before
    /// the commit that enqueues it. False if it is held already, and somebody else's to release.
    pub fn hold(&self, id: &DeliveryId) -> bool {
        self.0.holds.hold(id)
    }

    /// Ends a hold: the answer that the delivery must not overtake was written.
    pub fn release(&self, id: &DeliveryId) {
        self.0.release(id);
    }

    /// Tells that the commit with this [`Queued`] is durable.
    pub fn wake(&self, queued: Queued) {
        self.0.offer(queued);
    }

    /// Asks a third party about a payment.
    pub async fn validate(&self, question: &Validation) -> Asked {
        validation::asked(&self.0, question).await
    }

    /// Asks a third party what would have to be paid.
    pub async fn query(&self, question: &Validation) -> Asked<PaymentQueryResult> {
        validation::asked(&self.0, question).await
    }

    /// Sends a delivered or dead callback once more, with the same id.
    pub async fn replay(&self, id: &DeliveryId) -> Result<(), ReplayError> {
        let courier = &self.0.courier;
        let (write_set, queued) = outbox::replay(&*courier.store, id, courier.clock.now())?;
        courier.store.commit(write_set).await?;
        self.wake(queued);
        Ok(())
    }

    /// A page of an owner's callbacks from number `from` on; at most `limit` and [`FEED_PAGE_MAX`].
    pub fn feed(&self, owner: &str, from: u64, limit: usize) -> Result<FeedPage, ReadError> {
        let courier = &self.0.courier;
        feed::page(&*courier.store, &*courier.wire, owner, from, limit)
    }

    /// The queues as they are, by endpoint, and what waits in the store alone as nothing of it is due soon.
    pub fn status(&self) -> Result<Vec<EndpointStatus>, ReadError> {
        let (now, store) = (Instant::now(), &*self.0.courier.store);
        let mut all = self.0.each_lane(|lane| {
            let load = lane.load();
            EndpointStatus {
                endpoint: lane.endpoint.clone(),
                waiting: load.waiting,
                more: load.more,
                in_flight: load.in_flight,
                breaker_open: lane.health.breaker.is_open(now),
            }
        });
        let queues: HashSet<Endpoint> = all.iter().map(|queue| queue.endpoint.clone()).collect();
        for endpoint in outbox::endpoints(store, Timestamp::from_micros(i64::MAX)).take(RESTING_SHOWN_MAX) {
            let endpoint = endpoint?;
            if !queues.contains(&endpoint) {
                let waiting = outbox::pending(store, &endpoint, None, WINDOW_MAX)?.len();
                let breaker_open = self.0.endpoints.health(&endpoint).breaker.is_open(now);
                all.push(EndpointStatus { endpoint, waiting, more: waiting == WINDOW_MAX, in_flight: 0, breaker_open });
            }
        }
        all.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        Ok(all)
    }

    /// What came of the attempts since the start.
    pub fn totals(&self) -> Totals {
        let counts = &self.0.courier.counts;
        Totals {
            delivered: counts.delivered.load(Ordering::Relaxed),
            unread: counts.unread.load(Ordering::Relaxed),
            retried: counts.retried.load(Ordering::Relaxed),
            dead: counts.dead.load(Ordering::Relaxed),
        }
    }

    /// Begins no more attempts, and waits for those under way. What is pending stays in the store.
    pub async fn stop(&self) {
        self.0.stop().await;
    }
}
