//! In which form receivers get their messages: what operators ask the running node, and choose.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::admin::NodeAdmin;
use super::words::read;
use crate::core::{Shortcode, directory};
use crate::mminterface::ReceiverStyle;

/// What owners that are third parties begin with, as in the log of callbacks.
const PARTY: &str = "party/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfOwner {
    owner: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choose {
    owner: String,
    settings: Vec<(String, String)>,
}

impl NodeAdmin {
    pub(super) async fn style_command(&self, by: &str, verb: &str, arguments: Value) -> Option<Result<Value, String>> {
        Some(match verb {
            "show" => self.style_shown(arguments),
            "set" => self.style_set(by, arguments).await,
            _ => return None,
        })
    }

    /// The style of an organization or third party; the default where none was chosen.
    fn style_shown(&self, arguments: Value) -> Result<Value, String> {
        let OfOwner { owner } = read(arguments)?;
        self.known_owner(&owner)?;
        let chosen = self.broker.receiver_style(&owner).map_err(|error| error.to_string())?;
        Ok(shown(&owner, &chosen.unwrap_or_default(), chosen.is_some()))
    }

    /// Changes settings of a style; the others stay.
    async fn style_set(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Choose { owner, settings } = read(arguments)?;
        self.known_owner(&owner)?;
        let chosen = self.broker.receiver_style(&owner).map_err(|error| error.to_string())?;
        let mut style = chosen.unwrap_or_default();
        for (name, value) in &settings {
            style.set(name, value).map_err(|error| error.to_string())?;
        }
        self.broker.choose_receiver_style(&owner, style).await.map_err(|error| error.to_string())?;
        let all: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.record("receiver-style-set", by, &[("owner", owner.as_str()), ("settings", &all.join(" "))]);
        Ok(shown(&owner, &style, true))
    }

    fn known_owner(&self, owner: &str) -> Result<(), String> {
        if let Some(party) = owner.strip_prefix(PARTY) {
            let known = self.access.third_parties().iter().any(|known| known.name == party);
            return if known { Ok(()) } else { Err(format!("there is no third party {party}")) };
        }
        let shortcode = Shortcode::parse(owner).map_err(|error| error.to_string())?;
        match directory::organization(&*self.store, &shortcode).map_err(|error| error.to_string())? {
            Some(_) => Ok(()),
            None => Err(format!("there is no organization {shortcode}")),
        }
    }
}

fn shown(owner: &str, style: &ReceiverStyle, chosen: bool) -> Value {
    let settings: Map<String, Value> =
        style.settings().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({ "owner": owner, "chosen": chosen, "settings": settings })
}
