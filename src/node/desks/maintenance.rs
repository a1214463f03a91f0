//! `lango maintenance`: the core is sent away, and called back.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::{NodeAdmin, away};
use super::words::{in_words, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendAway {
    reason: String,
}

impl NodeAdmin {
    pub(super) async fn maintenance_command(
        &self,
        by: &str,
        verb: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        Some(match verb {
            "on" => self.maintenance_on(by, arguments).await,
            "off" => self.maintenance_off(by).await,
            _ => return None,
        })
    }

    async fn maintenance_on(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let SendAway { reason } = read(arguments)?;
        let sent = self.broker.send_away(&reason).await.map_err(in_words)?;
        self.record("core-sent-away", by, &[("reason", reason.as_str())]);
        Ok(away(&sent))
    }

    async fn maintenance_off(&self, by: &str) -> Result<Value, String> {
        let waiting = self.broker.waiting();
        self.broker.call_back().await.map_err(in_words)?;
        self.record("core-called-back", by, &[("waiting", waiting.to_string().as_str())]);
        Ok(json!({ "waiting": waiting }))
    }
}
