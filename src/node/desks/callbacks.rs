//! What operators ask about callbacks and conversations, answered by the running node.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{in_words, read, time};
use crate::broker::Story;
use crate::callbacks::listing::{self, Stage, Wanted};
use crate::callbacks::{Attempt, Delivery, DeliveryId, State, TlsVersion, outbox};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfId {
    id: String,
}

impl NodeAdmin {
    pub(super) async fn callback_command(
        &self,
        by: &str,
        verb: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        Some(match verb {
            "list" => self.list(arguments).await,
            "show" => self.show(arguments),
            "replay" => self.replay(by, arguments).await,
            _ => return None,
        })
    }

    async fn list(&self, arguments: Value) -> Result<Value, String> {
        let wanted: Wanted = read(arguments)?;
        let store = Arc::clone(&self.store);
        // A search reads the disk; the threads that answer third parties do not wait for it.
        let page = tokio::task::spawn_blocking(move || listing::page(&*store, &wanted)).await.map_err(in_words)?;
        let page = page.map_err(in_words)?;
        Ok(json!({ "callbacks": page.deliveries.iter().map(row).collect::<Vec<_>>(), "next": page.next }))
    }

    fn show(&self, arguments: Value) -> Result<Value, String> {
        let id = DeliveryId::from_text(read::<OfId>(arguments)?.id);
        let loaded = outbox::load(&*self.store, &id).map_err(in_words)?;
        let delivery = loaded.ok_or_else(|| format!("there is no callback {id}"))?.delivery;
        let mut shown = row(&delivery);
        if let Value::Object(fields) = &mut shown {
            fields.insert("attempts".into(), delivery.attempts.iter().map(attempt).collect());
        }
        Ok(shown)
    }

    async fn replay(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let id = DeliveryId::from_text(read::<OfId>(arguments)?.id);
        self.callbacks.replay(&id).await.map_err(in_words)?;
        self.record("callback-replayed", by, &[("id", id.as_str())]);
        Ok(json!({ "replayed": id.as_str() }))
    }

    pub(super) fn trace(&self, arguments: Value) -> Result<Value, String> {
        let OfId { id } = read(arguments)?;
        let stories = self.broker.stories(id.trim()).map_err(in_words)?;
        if stories.is_empty() {
            return Err(format!(
                "nothing is known of \"{id}\": no conversation of ours or a third party's, no receipt"
            ));
        }
        Ok(json!({ "stories": stories.iter().map(told).collect::<Vec<_>>() }))
    }
}

fn row(delivery: &Delivery) -> Value {
    let at = match delivery.state {
        State::Due { at } | State::Retrying { at } | State::Delivered { at, .. } | State::Dead { at } => at,
    };
    let last = delivery.attempts.last();
    json!({
        "id": delivery.id.as_str(),
        "owner": delivery.owner,
        "number": delivery.number,
        "kind": delivery.kind.name(),
        "third_party": delivery.third_party,
        "url": delivery.url,
        "state": Stage::of(&delivery.state).name(),
        "created": time(delivery.created),
        "at": time(at),
        "attempts_made": delivery.attempts_made,
        "last_outcome": last.map(|last| last.outcome.name()),
        "last_detail": last.map(|last| last.detail.as_str()),
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "started": time(attempt.started),
        "milliseconds": attempt.milliseconds,
        "address": attempt.address,
        "tls": attempt.tls.map(TlsVersion::name),
        "status": attempt.status,
        "outcome": attempt.outcome.name(),
        "detail": attempt.detail,
        "answer": attempt.answer,
    })
}

/// A story with its times for programs.
fn told(story: &Story) -> Value {
    let legs = story.legs.iter();
    let legs: Vec<Value> =
        legs.map(|leg| json!({ "at": time(leg.at), "what": leg.what, "message": leg.message })).collect();
    json!({
        "conversation": story.conversation,
        "command": story.command,
        "third_party": story.third_party,
        "originator_conversation": story.originator_conversation,
        "receipt": story.receipt,
        "code": story.code,
        "state": story.state,
        "legs": legs,
    })
}
