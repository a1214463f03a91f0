//! What operators' commands ask about the doors: reading files again, what is wrong with them, what ends
//! soon; and what commands did with certificates beside the node, for its audit log.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::super::expiry::{Expiring, days_left};
use super::words::{read, time};

/// How the events begin that a command may have recorded.
const CERTIFICATE_EVENTS: &str = "certificate-";

/// What a command did.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    event: String,
    fields: BTreeMap<String, String>,
}

impl NodeAdmin {
    /// Reads every file again; says what became of each.
    pub(super) async fn reload(&self, by: &str) -> Value {
        json!({ "taken": self.desks.reloader.take_all(by.to_owned()).await })
    }

    /// What has to be renewed soon, the nearest end first.
    pub(in crate::node) fn expiring(&self) -> Vec<Value> {
        let now = self.clock.now();
        let told = |one: Expiring| {
            json!({
                "kind": one.kind,
                "name": one.name,
                "until": time(one.until),
                "days_left": days_left(one.until, now),
            })
        };
        self.desks.expiries.soon().into_iter().map(told).collect()
    }

    /// Puts on the audit log what a command did beside the node: with certificates, whose CA the node
    /// does not have.
    pub(super) fn record_of_command(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Recorded { event, fields } = read(arguments)?;
        if !event.starts_with(CERTIFICATE_EVENTS) {
            return Err(format!(
                "\"{event}\" is nothing that a command records; only what it did with certificates is"
            ));
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.record(&event, by, &fields);
        Ok(Value::Null)
    }
}
