//! What operators ask and change about third parties' URLs and the keys that sign what is sent there.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::CONFLICTS_MAX;
use super::words::{in_words, read, time};
use crate::callbacks::signing;
use crate::callbacks::urls::{self, DefaultAction, Registration};
use crate::core::{Shortcode, directory};
use crate::store::{CommitError, Store, WriteSet};

/// Registrations of a history that one answer has.
const HISTORY_MAX: usize = 1000;

/// Shortcodes that can be given URLs at once.
const SHORTCODES_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfShortcode {
    shortcode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUrls {
    shortcodes: Vec<String>,
    third_party: Option<String>,
    validation: Option<String>,
    #[serde(default)]
    query: Option<String>,
    confirmation: String,
    default_action: DefaultAction,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ping {
    third_party: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfThirdParty {
    third_party: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    third_party: String,
    overlap_seconds: u64,
}

impl NodeAdmin {
    pub(super) async fn url_command(&self, by: &str, verb: &str, arguments: Value) -> Option<Result<Value, String>> {
        Some(match verb {
            "show" => self.registered(arguments),
            "history" => self.history(arguments),
            "set" => self.set_urls(by, arguments).await,
            "remove" => self.remove_urls(by, arguments).await,
            "ping" => self.ping(arguments).await,
            "key.show" => self.keys(arguments),
            "key.rotate" => self.rotate_keys(by, arguments).await,
            "key.retire" => self.retire_keys(by, arguments).await,
            "key.remove" => self.remove_keys(by, arguments).await,
            _ => return None,
        })
    }

    fn registered(&self, arguments: Value) -> Result<Value, String> {
        let OfShortcode { shortcode } = read(arguments)?;
        Ok(registered(&self.registration(&shortcode)?))
    }

    fn registration(&self, shortcode: &str) -> Result<Registration, String> {
        match urls::registration(&*self.store, shortcode).map_err(in_words)? {
            Some(registration) => Ok(registration),
            None => {
                self.organization(shortcode)?;
                Err(format!("no URLs are registered for {shortcode}"))
            }
        }
    }

    /// The shortcode of an organization that there is.
    fn organization(&self, shortcode: &str) -> Result<Shortcode, String> {
        let shortcode = Shortcode::parse(shortcode).map_err(in_words)?;
        match directory::organization(&*self.store, &shortcode).map_err(in_words)? {
            Some(_) => Ok(shortcode),
            None => Err(format!("there is no organization {shortcode}")),
        }
    }

    fn history(&self, arguments: Value) -> Result<Value, String> {
        let OfShortcode { shortcode } = read(arguments)?;
        let all = urls::history(&*self.store, &shortcode, HISTORY_MAX).map_err(in_words)?;
        if all.is_empty() {
            self.organization(&shortcode)?;
        }
        Ok(json!({ "registrations": all.iter().map(registered).collect::<Vec<_>>() }))
    }

    /// All of the shortcodes get the URLs, or none.
    async fn set_urls(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let wanted: SetUrls = read(arguments)?;
        if wanted.shortcodes.len() > SHORTCODES_MAX {
            return Err(format!("at most {SHORTCODES_MAX} shortcodes at once"));
        }
        let set = self.commit_urls(&wanted).await?;
        for registration in &set {
            let (party, confirmation) = (&registration.third_party, &registration.confirmation_url);
            let shortcode = registration.shortcode.as_str();
            let fields = [("shortcode", shortcode), ("third_party", party), ("url", confirmation)];
            self.record("urls-set", by, &fields);
        }
        Ok(json!({ "registrations": set.iter().map(registered).collect::<Vec<_>>() }))
    }

    async fn commit_urls(&self, wanted: &SetUrls) -> Result<Vec<Registration>, String> {
        for _ in 0..CONFLICTS_MAX {
            let mut write_set = WriteSet::new();
            let mut set = Vec::new();
            for shortcode in &wanted.shortcodes {
                let registration = self.wanted_registration(shortcode, wanted)?;
                let (hosts, special_networks) = (&*self.desks.hosts, &self.desks.special_networks);
                let one = urls::register(&*self.store, hosts, special_networks, &registration);
                write_set.extend(one.map_err(in_words)?);
                set.push(registration);
            }
            match self.store.commit(write_set).await {
                Ok(_) => return Ok(set),
                Err(CommitError::Expectation(_)) => {}
                Err(error) => return Err(in_words(error)),
            }
        }
        Err("somebody else changes the third party again and again; try once more".to_owned())
    }

    fn wanted_registration(&self, shortcode: &str, wanted: &SetUrls) -> Result<Registration, String> {
        let shortcode = self.organization(shortcode)?;
        Ok(Registration {
            third_party: self.acts_for(&shortcode, wanted.third_party.as_deref())?,
            shortcode: shortcode.as_str().to_owned(),
            validation_url: wanted.validation.clone(),
            confirmation_url: wanted.confirmation.clone(),
            query_url: wanted.query.clone(),
            default_action: wanted.default_action,
            registered_at: self.clock.now(),
            removed_at: None,
        })
    }

    /// The third party whose list of hosts applies: the one that was named, or the only one that
    /// acts for the shortcode.
    fn acts_for(&self, shortcode: &Shortcode, named: Option<&str>) -> Result<String, String> {
        let parties = self.access.third_parties();
        let mut acting = parties.iter().filter(|party| party.shortcodes.iter().any(|own| own == shortcode.as_str()));
        let found = match named {
            Some(name) => acting.find(|party| party.name == *name),
            None => match (acting.next(), acting.next()) {
                (Some(_), Some(_)) => return Err(format!("several third parties act for {shortcode}; name one")),
                (only, _) => only,
            },
        };
        found.map(|party| party.name.clone()).ok_or_else(|| match named {
            Some(name) => format!("{name} does not act for {shortcode}"),
            None => format!("no third party acts for {shortcode}"),
        })
    }

    async fn remove_urls(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let OfShortcode { shortcode } = read(arguments)?;
        let before = self.registration(&shortcode)?;
        let shown = registered(&before);
        self.store.commit(urls::remove(before, self.clock.now())).await.map_err(in_words)?;
        self.record("urls-removed", by, &[("shortcode", &shortcode)]);
        Ok(shown)
    }

    async fn ping(&self, arguments: Value) -> Result<Value, String> {
        let Ping { third_party, url } = read(arguments)?;
        let steps = self.desks.transport.ping(&third_party, &url, self.callbacks.wire()).await;
        Ok(json!({ "url": url, "third_party": third_party, "steps": steps }))
    }

    fn keys(&self, arguments: Value) -> Result<Value, String> {
        let OfThirdParty { third_party } = read(arguments)?;
        let ring = signing::ring(&*self.store, &third_party).map_err(in_words)?;
        let now = self.clock.now();
        let keys = ring.into_iter().flat_map(|(ring, _)| ring.keys).map(|key| {
            json!({
                "number": key.number,
                "created": time(key.created),
                "until": key.until.map(time),
                "in_force": key.in_force(now),
                "public": key.public,
            })
        });
        Ok(json!({ "third_party": third_party, "keys": keys.collect::<Vec<_>>() }))
    }

    /// Makes keys. The secret is in this answer and nowhere else in clear.
    async fn rotate_keys(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Rotate { third_party, overlap_seconds } = read(arguments)?;
        if self.access.third_party(&third_party).is_none() {
            return Err(format!("there is no third party {third_party}"));
        }
        let (vault, entropy, now) = (&self.desks.vault, &*self.desks.entropy, self.clock.now());
        let overlap = Duration::from_secs(overlap_seconds);
        let made = signing::rotate(&*self.store, vault, entropy, &third_party, now, overlap);
        let (write_set, new) = made.map_err(in_words)?;
        self.commit_keys(by, write_set, "signing-key-made", &third_party).await?;
        Ok(json!({
            "third_party": third_party,
            "number": new.number,
            "secret": new.secret.expose(),
            "public": new.public,
            "older_until": new.older_until.map(time),
        }))
    }

    async fn retire_keys(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let OfThirdParty { third_party } = read(arguments)?;
        let write_set = signing::retire(&*self.store, &third_party).map_err(in_words)?;
        self.commit_keys(by, write_set, "signing-key-retired", &third_party).await
    }

    async fn remove_keys(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let OfThirdParty { third_party } = read(arguments)?;
        let write_set = signing::remove(&*self.store, &third_party).map_err(in_words)?;
        self.commit_keys(by, write_set, "signing-keys-removed", &third_party).await
    }

    async fn commit_keys(
        &self,
        by: &str,
        write_set: WriteSet,
        event: &str,
        third_party: &str,
    ) -> Result<Value, String> {
        self.store.commit(write_set).await.map_err(in_words)?;
        self.record(event, by, &[("third_party", third_party)]);
        Ok(json!({ "third_party": third_party }))
    }
}

fn registered(registration: &Registration) -> Value {
    json!({
        "shortcode": registration.shortcode,
        "third_party": registration.third_party,
        "validation": registration.validation_url,
        "confirmation": registration.confirmation_url,
        "query": registration.query_url,
        "default_action": registration.default_action,
        "registered_at": time(registration.registered_at),
        "removed_at": registration.removed_at.map(time),
    })
}
