//! What operators' commands get to know from a running node.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Addresses;
use super::callback_desk::CallbackDesk;
use super::expiry::{Expiries, Expiring, days_left};
use super::reload::Reloader;
use crate::access::Access;
use crate::broker::Broker;
use crate::callbacks::Callbacks;
use crate::clock::{Clock, Timestamp};
use crate::server::admin::Admin;
use crate::store::Store;
use crate::store::embedded::EmbeddedStore;

/// The node behind its admin socket.
pub(super) struct NodeAdmin {
    pub store: Arc<EmbeddedStore>,
    pub callbacks: Arc<Callbacks>,
    pub broker: Arc<Broker>,
    pub access: Arc<Access>,
    pub addresses: Addresses,
    pub reloader: Arc<Reloader>,
    pub expiries: Arc<Expiries>,
    pub clock: Arc<dyn Clock>,
    pub started: Timestamp,
    pub desk: CallbackDesk,
}

impl Admin for NodeAdmin {
    fn command<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            match name {
                "status" => Ok(self.status()),
                "reload" => Ok(json!({ "taken": self.reloader.look(true).await })),
                "record" => self.record(&arguments),
                _ => match self.callback_command(name, arguments).await {
                    Some(outcome) => outcome,
                    None => Err(unknown(name)),
                },
            }
        })
    }
}

impl NodeAdmin {
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
            "file_faults": self.reloader.faults(),
            "expiring": self.expiring(),
            "requests_waiting": self.broker.waiting(),
            "callbacks": {
                "delivered": totals.delivered,
                "retried": totals.retried,
                "dead": totals.dead,
                "endpoints": endpoints,
            },
        })
    }
}

impl NodeAdmin {
    /// What has to be renewed soon, the nearest end first.
    fn expiring(&self) -> Vec<Value> {
        let now = self.clock.now();
        let told = |one: Expiring| {
            json!({
                "kind": one.kind,
                "name": one.name,
                "until": one.until.seconds(),
                "days_left": days_left(one.until, now),
            })
        };
        self.expiries.soon().into_iter().map(told).collect()
    }

    /// Puts on the audit log what a command did beside the node: with certificates, whose CA the node
    /// does not have.
    fn record(&self, arguments: &Value) -> Result<Value, String> {
        let Recorded { event, fields } =
            Recorded::deserialize(arguments).map_err(|error| format!("this is nothing to record: {error}"))?;
        if !event.starts_with(CERTIFICATE_EVENTS) {
            return Err(format!(
                "\"{event}\" is nothing that a command records; only what it did with certificates is"
            ));
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.desk.audit.record(&event, &fields);
        Ok(Value::Null)
    }
}

/// How the events begin that a command may have recorded.
const CERTIFICATE_EVENTS: &str = "certificate-";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    event: String,
    fields: BTreeMap<String, String>,
}

fn unknown(name: &str) -> String {
    format!("this node does not know the command \"{name}\"; is it older than your lango?")
}
