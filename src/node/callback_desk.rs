//! What operators ask about callbacks and registered URLs, answered by the running node.

use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::admin::NodeAdmin;
use crate::broker::Story;
use crate::callbacks::listing::{self, Stage, Wanted};
use crate::callbacks::urls::{self, DefaultAction, Registration};
use crate::callbacks::{Attempt, Delivery, DeliveryId, Hosts, HttpTransport, State, outbox};
use crate::clock::Timestamp;
use crate::core::{Shortcode, directory};
use crate::store::Store;
use crate::telemetry::audit::Audit;

/// Registrations of a history that one answer has.
const HISTORY_MAX: usize = 1000;

/// What the desk works with beside the node's store and callbacks.
#[derive(Debug)]
pub(super) struct CallbackDesk {
    pub hosts: Arc<dyn Hosts>,
    pub special_networks: Vec<IpNet>,
    pub transport: Arc<HttpTransport>,
    pub audit: Arc<Audit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfId {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfShortcode {
    shortcode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUrls {
    shortcode: String,
    third_party: Option<String>,
    validation: Option<String>,
    confirmation: String,
    default_action: DefaultAction,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ping {
    third_party: String,
    url: String,
}

impl NodeAdmin {
    /// Carries out a command about callbacks or URLs; none if it is about something else.
    pub(super) async fn callback_command(&self, name: &str, arguments: Value) -> Option<Result<Value, String>> {
        Some(match name {
            "callback.list" => self.list(arguments).await,
            "callback.show" => self.show(arguments),
            "callback.replay" => self.replay(arguments).await,
            "url.show" => self.registered(arguments),
            "url.history" => self.history(arguments),
            "url.set" => self.set_urls(arguments).await,
            "url.ping" => self.ping(arguments).await,
            "trace" => self.trace(arguments),
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

    async fn replay(&self, arguments: Value) -> Result<Value, String> {
        let id = DeliveryId::from_text(read::<OfId>(arguments)?.id);
        self.callbacks.replay(&id).await.map_err(in_words)?;
        self.desk.audit.record("callback-replayed", &[("id", id.as_str())]);
        Ok(json!({ "replayed": id.as_str() }))
    }

    fn registered(&self, arguments: Value) -> Result<Value, String> {
        let OfShortcode { shortcode } = read(arguments)?;
        let registration = urls::registration(&*self.store, &shortcode).map_err(in_words)?;
        registration.as_ref().map(registered).ok_or_else(|| format!("no URLs are registered for {shortcode}"))
    }

    fn history(&self, arguments: Value) -> Result<Value, String> {
        let OfShortcode { shortcode } = read(arguments)?;
        let all = urls::history(&*self.store, &shortcode, HISTORY_MAX).map_err(in_words)?;
        Ok(json!({ "registrations": all.iter().map(registered).collect::<Vec<_>>() }))
    }

    async fn set_urls(&self, arguments: Value) -> Result<Value, String> {
        let wanted: SetUrls = read(arguments)?;
        let shortcode = Shortcode::parse(&wanted.shortcode).map_err(in_words)?;
        if directory::organization(&*self.store, &shortcode).map_err(in_words)?.is_none() {
            return Err(format!("there is no organization {shortcode}"));
        }
        let registration = Registration {
            third_party: self.acts_for(&shortcode, wanted.third_party)?,
            shortcode: wanted.shortcode,
            validation_url: wanted.validation,
            confirmation_url: wanted.confirmation,
            default_action: wanted.default_action,
            registered_at: self.clock.now(),
        };
        let write_set = urls::register(&*self.desk.hosts, &self.desk.special_networks, &registration);
        self.store.commit(write_set.map_err(in_words)?).await.map_err(in_words)?;
        let (party, confirmation) = (&registration.third_party, &registration.confirmation_url);
        let fields = [("shortcode", registration.shortcode.as_str()), ("third_party", party), ("url", confirmation)];
        self.desk.audit.record("urls-set", &fields);
        Ok(registered(&registration))
    }

    /// The third party whose list of hosts applies: the one that was named, or the only one that
    /// acts for the shortcode.
    fn acts_for(&self, shortcode: &Shortcode, named: Option<String>) -> Result<String, String> {
        let parties = self.access.third_parties();
        let mut acting = parties.iter().filter(|party| party.shortcodes.iter().any(|own| own == shortcode.as_str()));
        let found = match &named {
            Some(name) => acting.find(|party| party.name == *name),
            None => match (acting.next(), acting.next()) {
                (Some(_), Some(_)) => return Err(format!("several third parties act for {shortcode}; name one")),
                (only, _) => only,
            },
        };
        let who = named.as_deref().unwrap_or("no third party");
        found.map(|party| party.name.clone()).ok_or_else(|| match named {
            Some(_) => format!("{who} does not act for {shortcode}"),
            None => format!("{who} acts for {shortcode}"),
        })
    }

    fn trace(&self, arguments: Value) -> Result<Value, String> {
        let OfId { id } = read(arguments)?;
        let stories = self.broker.stories(id.trim()).map_err(in_words)?;
        if stories.is_empty() {
            return Err(format!(
                "nothing is known of \"{id}\": no conversation of ours or a third party's, no receipt"
            ));
        }
        Ok(json!({ "stories": stories.iter().map(told).collect::<Vec<_>>() }))
    }

    async fn ping(&self, arguments: Value) -> Result<Value, String> {
        let Ping { third_party, url } = read(arguments)?;
        let steps = self.desk.transport.ping(&third_party, &url).await;
        Ok(json!({ "url": url, "third_party": third_party, "steps": steps }))
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
        "status": attempt.status,
        "outcome": attempt.outcome.name(),
        "detail": attempt.detail,
    })
}

fn registered(registration: &Registration) -> Value {
    json!({
        "shortcode": registration.shortcode,
        "third_party": registration.third_party,
        "validation": registration.validation_url,
        "confirmation": registration.confirmation_url,
        "default_action": registration.default_action,
        "registered_at": time(registration.registered_at),
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

/// A moment for programs: RFC 3339.
pub(super) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// What a command of ours was given.
pub(super) fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| format!("the command's arguments cannot be read: {error}"))
}

fn in_words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
