//! What operators' commands get to know from a running node.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::Addresses;
use super::desks::{Desks, time};
use crate::access::Access;
use crate::broker::{Away, Broker};
use crate::callbacks::Callbacks;
use crate::clock::{Clock, Timestamp};
use crate::server::admin::{Admin, Caller};
use crate::store::embedded::EmbeddedStore;
use crate::store::{ReadError, Store};

/// The node behind its admin socket.
pub(super) struct NodeAdmin {
    pub store: Arc<EmbeddedStore>,
    pub callbacks: Arc<Callbacks>,
    pub broker: Arc<Broker>,
    pub access: Arc<Access>,
    pub addresses: Addresses,
    pub clock: Arc<dyn Clock>,
    pub started: Timestamp,
    pub desks: Desks,
}

impl Admin for NodeAdmin {
    fn command<'a>(&'a self, caller: Caller, name: &'a str, arguments: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            match name {
                "status" => self.status().map_err(|error| error.to_string()),
                "store_release_journal" => self.release_journal().await,
                _ => self.desk_command(caller, name, arguments).await.unwrap_or_else(|| Err(unknown(name))),
            }
        })
    }
}

impl NodeAdmin {
    async fn release_journal(&self) -> Result<Value, String> {
        let store = self.store.clone();
        let released = tokio::task::spawn_blocking(move || store.release_journal()).await;
        let released = released.map_err(|error| error.to_string())?;
        released.map(Value::from).map_err(|error| error.to_string())
    }

    fn status(&self) -> Result<Value, ReadError> {
        let totals = self.callbacks.totals();
        let endpoints: Vec<Value> = self
            .callbacks
            .status()?
            .iter()
            .map(|status| {
                json!({
                    "endpoint": status.endpoint.to_string(),
                    "waiting": status.waiting,
                    "more": status.more,
                    "in_flight": status.in_flight,
                    "breaker_open": status.breaker_open,
                })
            })
            .collect();
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "up_seconds": self.clock.now().since(self.started).as_secs(),
            "doors": self.addresses,
            "store": self.store.health(),
            "third_parties": self.access.third_parties().len(),
            "whitelisted_networks": self.access.whitelist().networks().count(),
            "file_faults": self.desks.reloader.faults(),
            "expiring": self.expiring(),
            "requests_waiting": self.broker.waiting(),
            "away": self.broker.away().as_ref().map(away),
            "callbacks": {
                "delivered": totals.delivered,
                "retried": totals.retried,
                "dead": totals.dead,
                "endpoints": endpoints,
            },
        }))
    }
}

/// Since when the core is away, and why.
pub(super) fn away(away: &Away) -> Value {
    json!({ "since": time(away.since), "reason": away.reason })
}

fn unknown(name: &str) -> String {
    format!("this node does not know the command \"{name}\"; is it older than your lango?")
}
