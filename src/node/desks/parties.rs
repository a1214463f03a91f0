//! `lango party`: third parties, their keys and passwords.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{in_words, read, time};
use super::{CONFLICTS_MAX, or_none};
use crate::access::{AuthenticationMode, ChangeError, ClientKey, KeyFingerprint, Secret, ThirdParty, third_party};
use crate::callbacks::{authorities, urls};
use crate::clock::Timestamp;
use crate::core::{Shortcode, directory};
use crate::store::{CommitError, WriteSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addition {
    name: String,
    sp_id: String,
    #[serde(default)]
    change: Change,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changing {
    name: String,
    change: Change,
}

/// What is to be different; what is none or empty stays.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Change {
    enabled: Option<bool>,
    mode: Option<AuthenticationMode>,
    add_shortcodes: Vec<String>,
    remove_shortcodes: Vec<String>,
    add_service_ids: Vec<String>,
    remove_service_ids: Vec<String>,
    result_url: Option<String>,
    timeout_url: Option<String>,
    rate: Option<String>,
    raw_digest: Option<bool>,
    plain_requests: Option<bool>,
    plain_callbacks: Option<bool>,
    callback_authority: Option<String>,
    time_stamp_seconds: Option<String>,
    time_stamp_ahead_minutes: Option<i16>,
    time_stamp_once: Option<bool>,
    refuse_repeats: Option<bool>,
    strict: Option<bool>,
    tolerances_on: Option<Vec<String>>,
    tolerances_off: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
    fingerprint: KeyFingerprint,
    from: Option<Timestamp>,
    until: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldKey {
    name: String,
    fingerprint: KeyFingerprint,
}

/// Never to be printed or logged (S5).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    name: String,
    password: String,
}

/// Never to be printed or logged (S5).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewChangeKey {
    name: String,
    /// Key and start vector that were agreed elsewhere; none are made here.
    agreed: Option<(String, String)>,
}

impl NodeAdmin {
    pub(super) async fn party_command(&self, by: &str, verb: &str, arguments: Value) -> Option<Result<Value, String>> {
        Some(match verb {
            "list" => {
                Ok(json!({ "parties": self.access.third_parties().iter().map(|it| shown(it)).collect::<Vec<_>>() }))
            }
            "show" => read(arguments).and_then(|Named { name }| Ok(shown(&*self.party(&name)?))),
            "add" => self.add_party(by, arguments).await,
            "change" => self.change_party(by, arguments).await,
            "password" => self.party_password(by, arguments).await,
            "key-add" => self.add_key(by, arguments).await,
            "key-remove" => self.remove_key(by, arguments).await,
            "change-key" => self.set_change_key(by, arguments).await,
            "change-key-remove" => self.remove_change_key(by, arguments).await,
            "remove" => self.remove_party(by, arguments).await,
            _ => return None,
        })
    }

    fn party(&self, name: &str) -> Result<Arc<ThirdParty>, String> {
        self.access.third_party(name).ok_or_else(|| format!("there is no third party \"{name}\""))
    }

    async fn add_party(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Addition { name, sp_id, change } = read(arguments)?;
        if self.access.third_party(&name).is_some() {
            return Err(format!("the third party \"{name}\" exists already"));
        }
        let mut party = ThirdParty::new(&name, &sp_id);
        self.apply(&mut party, change)?;
        let write_set = third_party::save(&*self.store, &party).map_err(in_words)?;
        match self.access.commit(write_set).await {
            Ok(()) => {}
            Err(ChangeError::Commit(CommitError::Expectation(_))) => {
                return Err("the name, the spId or a key was just taken".to_owned());
            }
            Err(error) => return Err(in_words(error)),
        }
        self.record("party-added", by, &[("third_party", &name), ("sp_id", &sp_id)]);
        Ok(shown(&party))
    }

    async fn change_party(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Changing { name, change } = read(arguments)?;
        let (before, after) = self.edit(&name, |party| self.apply(party, change.clone())).await?;
        let fields = |value: Value| value.as_object().cloned().unwrap_or_default();
        let (one, other) = (fields(shown(&before)), fields(shown(&after)));
        for (what, after) in &other {
            let before = one.get(what).unwrap_or(&Value::Null);
            if before != after {
                let fields = [
                    ("third_party", &*name),
                    ("what", what),
                    ("before", &*before.to_string()),
                    ("after", &*after.to_string()),
                ];
                self.record("party-changed", by, &fields);
            }
        }
        Ok(shown(&after))
    }

    async fn party_password(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Password { name, password } = read(arguments)?;
        let password = Secret::new(password);
        if password.expose().is_empty() {
            return Err("a password of nothing is none".to_owned());
        }
        let (_, after) =
            self.edit(&name, |party| self.access.seal_password(party, &password).map_err(in_words)).await?;
        self.record("party-password-set", by, &[("third_party", &name)]);
        Ok(shown(&after))
    }

    async fn add_key(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let NewKey { name, fingerprint, from, until } = read(arguments)?;
        let key = ClientKey { fingerprint, not_before: from.unwrap_or(self.clock.now()), not_after: until };
        let (_, after) = self
            .edit(&name, |party| {
                party.keys.retain(|other| other.fingerprint != fingerprint);
                party.keys.push(key.clone());
                Ok(())
            })
            .await?;
        let fields = [("third_party", &*name), ("key", &*fingerprint.to_string()), ("until", &*time(until))];
        self.record("party-key-added", by, &fields);
        Ok(shown(&after))
    }

    async fn remove_key(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let OldKey { name, fingerprint } = read(arguments)?;
        let (_, after) = self
            .edit(&name, |party| {
                let held = party.keys.len();
                party.keys.retain(|other| other.fingerprint != fingerprint);
                if party.keys.len() < held { Ok(()) } else { Err(format!("{name} has no such key")) }
            })
            .await?;
        self.record("party-key-removed", by, &[("third_party", &name), ("key", &fingerprint.to_string())]);
        Ok(shown(&after))
    }

    /// Gives a third party the key with which it sends new passwords (protocol.md 1.6). One that was
    /// made here is in this answer and nowhere else in clear.
    async fn set_change_key(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let NewChangeKey { name, agreed } = read(arguments)?;
        let made = agreed.is_none();
        let (key, vector) = agreed.unwrap_or_else(|| (self.drawn::<24>(), self.drawn::<12>()));
        let (sealed_key, sealed_vector) = (Secret::new(key.as_str()), Secret::new(vector.as_str()));
        let seal = |party: &mut ThirdParty| {
            let (vault, entropy) = (&self.desks.vault, &*self.desks.entropy);
            party.seal_change_key(&sealed_key, &sealed_vector, vault, entropy).map_err(in_words)
        };
        self.edit(&name, seal).await?;
        self.record("party-change-key-set", by, &[("third_party", &name)]);
        Ok(if made { json!({ "name": name, "key": key, "vector": vector }) } else { json!({ "name": name }) })
    }

    async fn remove_change_key(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Named { name } = read(arguments)?;
        let (_, after) = self
            .edit(&name, |party| {
                party.change_key = None;
                Ok(())
            })
            .await?;
        self.record("party-change-key-removed", by, &[("third_party", &name)]);
        Ok(shown(&after))
    }

    /// Random bytes as text: four characters for three bytes.
    fn drawn<const BYTES: usize>(&self) -> String {
        let mut bytes = [0; BYTES];
        self.desks.entropy.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    async fn remove_party(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Named { name } = read(arguments)?;
        self.until_committed(&name, |party, write_set| {
            write_set.extend(third_party::remove(&*self.store, &name).map_err(in_words)?);
            self.expect_told_nothing(&name, &party.shortcodes, write_set)
        })
        .await?;
        self.record("party-removed", by, &[("third_party", &name)]);
        Ok(json!({ "removed": name }))
    }

    /// Whose URLs are registered for an organization is asked about its payments and told of them, so
    /// it cannot cease to act for it before (S1). Taking the URLs away with it would let payments pass
    /// that the organization wanted to be asked about: that is for somebody to decide.
    fn expect_told_nothing<'a>(
        &self,
        party: &str,
        shortcodes: impl IntoIterator<Item = &'a String>,
        write_set: &mut WriteSet,
    ) -> Result<(), String> {
        for shortcode in shortcodes {
            let registration = urls::expect_registration(&*self.store, shortcode, write_set).map_err(in_words)?;
            if registration.is_some_and(|registration| registration.third_party == party) {
                return Err(format!(
                    "the payments of {shortcode} go to URLs of {party}; first register others \
                     (lango url set) or take them away (lango url remove {shortcode})"
                ));
            }
        }
        Ok(())
    }

    /// Changes a third party's record, and has the door know it. Before and after.
    async fn edit(
        &self,
        name: &str,
        change: impl Fn(&mut ThirdParty) -> Result<(), String> + Send + Sync,
    ) -> Result<(ThirdParty, ThirdParty), String> {
        self.until_committed(name, |before, write_set| {
            let mut after = before.clone();
            change(&mut after)?;
            write_set.extend(third_party::save(&*self.store, &after).map_err(in_words)?);
            let lost = before.shortcodes.iter().filter(|shortcode| !after.shortcodes.contains(shortcode));
            self.expect_told_nothing(name, lost, write_set)?;
            Ok((before, after))
        })
        .await
    }

    /// Decides about a third party until nobody else was faster, and has the door know it.
    async fn until_committed<T>(
        &self,
        name: &str,
        decide: impl Fn(ThirdParty, &mut WriteSet) -> Result<T, String> + Send,
    ) -> Result<T, String> {
        for _ in 0..CONFLICTS_MAX {
            let present = third_party::read(&*self.store, name).map_err(in_words)?;
            let (before, version) = present.ok_or_else(|| format!("there is no third party \"{name}\""))?;
            let mut write_set = WriteSet::new();
            // What is decided about is what was read here, not what it may have become since.
            write_set.expect_version(third_party::key(name), version);
            let decided = decide(before, &mut write_set)?;
            match self.access.commit(write_set).await {
                Ok(()) => return Ok(decided),
                Err(ChangeError::Commit(CommitError::Expectation(_))) => {}
                Err(error) => return Err(in_words(error)),
            }
        }
        Err(format!("somebody else changes {name} again and again; try once more"))
    }

    fn apply(&self, party: &mut ThirdParty, change: Change) -> Result<(), String> {
        for shortcode in &change.add_shortcodes {
            let shortcode = Shortcode::parse(shortcode).map_err(in_words)?;
            if directory::organization(&*self.store, &shortcode).map_err(in_words)?.is_none() {
                return Err(format!("there is no organization {shortcode}; add it first (lango org add)"));
            }
        }
        party.enabled = change.enabled.unwrap_or(party.enabled);
        party.mode = change.mode.unwrap_or(party.mode);
        edit_list(&mut party.shortcodes, change.add_shortcodes, &change.remove_shortcodes)?;
        edit_list(&mut party.service_ids, change.add_service_ids, &change.remove_service_ids)?;
        party.result_url = or_none(change.result_url).unwrap_or(party.result_url.take());
        party.queue_timeout_url = or_none(change.timeout_url).unwrap_or(party.queue_timeout_url.take());
        if let Some(rate) = or_none(change.rate) {
            let number = rate.map(|rate| rate.parse().map_err(|_| format!("\"{rate}\" is no number of requests")));
            party.requests_per_second_max = number.transpose()?;
        }
        party.raw_digest = change.raw_digest.unwrap_or(party.raw_digest);
        party.plain_requests = change.plain_requests.unwrap_or(party.plain_requests);
        party.plain_callbacks = change.plain_callbacks.unwrap_or(party.plain_callbacks);
        if let Some(authority) = or_none(change.callback_authority) {
            authority.as_deref().map(authorities).transpose().map_err(in_words)?;
            party.callback_authority = authority;
        }
        let rule = &mut party.time_stamps;
        if let Some(seconds) = or_none(change.time_stamp_seconds) {
            let number = seconds.map(|text| text.parse().map_err(|_| format!("\"{text}\" is no number of seconds")));
            rule.window_seconds = number.transpose()?;
        }
        rule.ahead_of_utc_minutes = change.time_stamp_ahead_minutes.unwrap_or(rule.ahead_of_utc_minutes);
        rule.once = change.time_stamp_once.unwrap_or(rule.once);
        party.refuses_repeats = change.refuse_repeats.unwrap_or(party.refuses_repeats);
        let tolerances = &mut party.tolerances;
        tolerances.strict = change.strict.unwrap_or(tolerances.strict);
        if let Some(on) = change.tolerances_on {
            tolerances.on = on;
        }
        if let Some(off) = change.tolerances_off {
            tolerances.off = off;
        }
        Ok(())
    }
}

fn edit_list(list: &mut Vec<String>, add: Vec<String>, remove: &[String]) -> Result<(), String> {
    if let Some(stranger) = remove.iter().find(|item| !list.contains(item)) {
        return Err(format!("\"{stranger}\" is not there, so it cannot be removed"));
    }
    list.retain(|item| !remove.contains(item));
    for item in add {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    Ok(())
}

/// A third party without its password.
fn shown(party: &ThirdParty) -> Value {
    let key = |key: &ClientKey| json!({ "fingerprint": key.fingerprint, "from": time(key.not_before), "until": time(key.not_after) });
    json!({
        "name": party.name,
        "sp_id": party.sp_id,
        "enabled": party.enabled,
        "mode": party.mode,
        "password": if party.password.is_some() { "set" } else { "not set" },
        "changes_password": party.change_key.is_some(),
        "service_ids": party.service_ids,
        "shortcodes": party.shortcodes,
        "keys": party.keys.iter().map(key).collect::<Vec<_>>(),
        "result_url": party.result_url,
        "timeout_url": party.queue_timeout_url,
        "rate": party.requests_per_second_max,
        "raw_digest": party.raw_digest,
        "plain_requests": party.plain_requests,
        "plain_callbacks": party.plain_callbacks,
        "callback_authority": party.callback_authority,
        "time_stamp_seconds": party.time_stamps.window_seconds,
        "time_stamp_ahead_minutes": party.time_stamps.ahead_of_utc_minutes,
        "time_stamp_once": party.time_stamps.once,
        "refuses_repeats": party.refuses_repeats,
        "strict": party.tolerances.strict,
        "tolerances_on": party.tolerances.on,
        "tolerances_off": party.tolerances.off,
    })
}
