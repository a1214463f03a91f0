//! What operators' commands ask about the doors: reading files again, what is wrong with them, what ends
//! soon; and what commands did with certificates beside the node, for its audit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::callback_desk::time;
use super::expiry::{Expiries, Expiring, days_left};
use super::reload::Reloader;
use crate::clock::Clock;
use crate::server::admin::Caller;
use crate::telemetry::audit::Audit;

/// How the events begin that a command may have recorded.
const CERTIFICATE_EVENTS: &str = "certificate-";

/// The parts that are asked.
pub(super) struct DoorDesk {
    pub reloader: Arc<Reloader>,
    pub expiries: Arc<Expiries>,
    pub audit: Arc<Audit>,
    pub clock: Arc<dyn Clock>,
}

/// What a command did.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    event: String,
    fields: BTreeMap<String, String>,
}

impl DoorDesk {
    /// Carries out a command of the doors; none if it is another's.
    pub(super) async fn command(&self, caller: Caller, name: &str, arguments: &Value) -> Option<Result<Value, String>> {
        match name {
            "reload" => Some(Ok(json!({ "taken": self.reloader.take_all(caller.to_string()).await }))),
            "record" => Some(self.record(arguments)),
            _ => None,
        }
    }

    /// What is wrong with files, by file.
    pub(super) fn faults(&self) -> BTreeMap<String, String> {
        self.reloader.faults()
    }

    /// What has to be renewed soon, the nearest end first.
    pub(super) fn expiring(&self) -> Vec<Value> {
        let now = self.clock.now();
        let told = |one: Expiring| {
            json!({
                "kind": one.kind,
                "name": one.name,
                "until": time(one.until),
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
        self.audit.record(&event, &fields);
        Ok(Value::Null)
    }
}
