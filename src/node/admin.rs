//! What operators' commands get to know from a running node.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Addresses;
use super::callback_desk::{CallbackDesk, read, time};
use super::desks::Desks;
use super::door_desk::DoorDesk;
use crate::access::Access;
use crate::broker::{Away, Broker};
use crate::callbacks::Callbacks;
use crate::clock::{Clock, Timestamp};
use crate::server::admin::{Admin, Caller};
use crate::store::Store;
use crate::store::embedded::EmbeddedStore;

/// The node behind its admin socket.
pub(super) struct NodeAdmin {
    pub store: Arc<EmbeddedStore>,
    pub callbacks: Arc<Callbacks>,
    pub broker: Arc<Broker>,
    pub access: Arc<Access>,
    pub addresses: Addresses,
    pub door_desk: DoorDesk,
    pub clock: Arc<dyn Clock>,
    pub started: Timestamp,
    pub desk: CallbackDesk,
    pub desks: Desks,
}

impl Admin for NodeAdmin {
    fn command<'a>(&'a self, caller: Caller, name: &'a str, arguments: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            match name {
                "status" => return Ok(self.status()),
                "maintenance.on" => return self.maintenance_on(arguments).await,
                "maintenance.off" => return self.maintenance_off().await,
                "style.show" => return self.style_shown(arguments),
                "style.set" => return self.style_set(arguments).await,
                _ => {}
            }
            if let Some(outcome) = self.door_desk.command(caller, name, &arguments).await {
                return outcome;
            }
            if let Some(outcome) = self.callback_command(name, arguments.clone()).await {
                return outcome;
            }
            self.desk_command(caller, name, arguments).await.unwrap_or_else(|| Err(unknown(name)))
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
            "file_faults": self.door_desk.faults(),
            "expiring": self.door_desk.expiring(),
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
