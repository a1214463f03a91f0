//! What operators' commands get to know from a running node.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Addresses;
use super::callback_desk::{CallbackDesk, read, time};
use crate::access::Access;
use crate::broker::{Away, Broker};
use crate::callbacks::Callbacks;
use crate::clock::{Clock, Timestamp};
use crate::server::admin::Admin;
use crate::store::Store;
use crate::store::embedded::EmbeddedStore;

/// The node behind its admin socket.
#[derive(Debug)]
pub(super) struct NodeAdmin {
    pub store: Arc<EmbeddedStore>,
    pub callbacks: Arc<Callbacks>,
    pub broker: Arc<Broker>,
    pub access: Arc<Access>,
    pub addresses: Addresses,
    pub clock: Arc<dyn Clock>,
    pub started: Timestamp,
    pub desk: CallbackDesk,
}

impl Admin for NodeAdmin {
    fn command<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            match name {
                "status" => Ok(self.status()),
                "maintenance.on" => self.maintenance_on(arguments).await,
                "maintenance.off" => self.maintenance_off().await,
                _ => match self.callback_command(name, arguments).await {
                    Some(outcome) => outcome,
                    None => Err(unknown(name)),
                },
            }
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendAway {
    reason: String,
}

impl NodeAdmin {
    async fn maintenance_on(&self, arguments: Value) -> Result<Value, String> {
        let SendAway { reason } = read(arguments)?;
        let away = self.broker.send_away(&reason).await.map_err(|error| error.to_string())?;
        self.desk.audit.record("core-sent-away", &[("reason", reason.as_str())]);
        Ok(self::away(&away))
    }

    async fn maintenance_off(&self) -> Result<Value, String> {
        let waiting = self.broker.waiting();
        self.broker.call_back().await.map_err(|error| error.to_string())?;
        self.desk.audit.record("core-called-back", &[("waiting", waiting.to_string().as_str())]);
        Ok(json!({ "waiting": waiting }))
    }

    fn status(&self) -> Value {
        let totals = self.callbacks.totals();
        let endpoints: Vec<Value> = self
            .callbacks
            .status()
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
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "up_seconds": self.clock.now().since(self.started).as_secs(),
            "doors": self.addresses,
            "store": self.store.health(),
            "third_parties": self.access.third_parties().len(),
            "whitelisted_networks": self.access.whitelist().networks().count(),
            "requests_waiting": self.broker.waiting(),
            "away": self.broker.away().as_ref().map(away),
            "callbacks": {
                "delivered": totals.delivered,
                "retried": totals.retried,
                "dead": totals.dead,
                "endpoints": endpoints,
            },
        })
    }
}

fn away(away: &Away) -> Value {
    json!({ "since": time(away.since), "reason": away.reason })
}

fn unknown(name: &str) -> String {
    format!("this node does not know the command \"{name}\"; is it older than your lango?")
}
