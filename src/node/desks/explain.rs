//! What operators ask about a third party's request: how each gate stands to it.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{in_words, read};
use crate::access::KeyFingerprint;
use crate::broker::{Inquiry, Stands, Step};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    path: String,
    /// The request's body, base64.
    message: String,
    address: Option<IpAddr>,
    key: Option<KeyFingerprint>,
}

impl NodeAdmin {
    /// Asks every gate. It is on the audit log, since it says whether a password is right.
    pub(super) async fn explain(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Question { path, message, address, key } = read(arguments)?;
        let message = STANDARD.decode(message).map_err(in_words)?;
        self.record("request-explained", by, &[("path", &path)]);
        let steps = self.broker.explain(&Inquiry { path, message, address, key }).await;
        Ok(json!({ "steps": steps.iter().map(told).collect::<Vec<_>>() }))
    }
}

fn told(step: &Step) -> Value {
    let stands = match step.stands {
        Stands::Open => "open",
        Stands::Closed => "closed",
        Stands::NotAsked => "not-asked",
    };
    let told = step.told.as_ref();
    let told = told.map(|told| json!({ "code": told.code, "text": told.text, "by_result": told.by_result }));
    json!({ "gate": step.gate, "stands": stands, "detail": step.detail, "told": told })
}
