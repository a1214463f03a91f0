//! `lango subscriber`: subscribers, their names and states.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{in_words, read, time};
use super::{Page, optional_status};
use crate::core::directory::{self, AdminError, PersonName, Subscriber, SubscriberChange};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    msisdn: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addition {
    msisdn: String,
    first: String,
    middle: String,
    last: String,
    registered: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    msisdn: String,
    first: Option<String>,
    middle: Option<String>,
    last: Option<String>,
    registered: Option<bool>,
    state: Option<String>,
}

impl NodeAdmin {
    pub(super) async fn subscriber_command(
        &self,
        by: &str,
        verb: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        Some(match verb {
            "list" => self.subscribers(arguments),
            "show" => self.subscriber_shown(arguments),
            "add" => self.add_subscriber(by, arguments).await,
            "change" => self.change_subscriber(by, arguments).await,
            _ => return None,
        })
    }

    fn subscribers(&self, arguments: Value) -> Result<Value, String> {
        let page: Page = read(arguments)?;
        let after = page.after.as_deref().map(|after| self.msisdn(after)).transpose()?;
        let all = directory::subscribers(&*self.store, after.as_ref(), page.limit()).map_err(in_words)?;
        Ok(json!({ "subscribers": all.iter().map(shown).collect::<Vec<_>>() }))
    }

    fn subscriber_shown(&self, arguments: Value) -> Result<Value, String> {
        let Named { msisdn } = read(arguments)?;
        let msisdn = self.msisdn(&msisdn)?;
        let found = directory::subscriber(&*self.store, &msisdn).map_err(in_words)?;
        found.as_ref().map(shown).ok_or_else(|| format!("there is no subscriber {msisdn}"))
    }

    async fn add_subscriber(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Addition { msisdn, first, middle, last, registered } = read(arguments)?;
        let msisdn = self.msisdn(&msisdn)?;
        let name = PersonName { first, middle, last };
        self.commit_decided(|| {
            let now = self.clock.now();
            directory::create_subscriber(&*self.store, msisdn.clone(), name.clone(), registered, now)
                .map(|write_set| ((), write_set))
        })
        .await?;
        let fields = [("subscriber", msisdn.as_str()), ("registered", if registered { "true" } else { "false" })];
        self.record("subscriber-added", by, &fields);
        self.subscriber_shown(json!({ "msisdn": msisdn }))
    }

    async fn change_subscriber(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let wanted: Change = read(arguments)?;
        let msisdn = self.msisdn(&wanted.msisdn)?;
        let change = SubscriberChange {
            first: wanted.first,
            middle: wanted.middle,
            last: wanted.last,
            registered: wanted.registered,
            status: optional_status(wanted.state.as_deref())?,
        };
        let (before, after) = self
            .commit_decided(|| {
                let changed = directory::change_subscriber(&*self.store, &msisdn, change.clone())?;
                Ok::<_, AdminError>(((changed.before, changed.after), changed.write_set))
            })
            .await?;
        // Who a person is does not belong on the audit log; that it was changed does.
        let named = if before.name == after.name { "unchanged" } else { "changed" };
        let registered = after.registered.to_string();
        let fields = [
            ("subscriber", msisdn.as_str()),
            ("before", before.status.name()),
            ("after", after.status.name()),
            ("registered", &registered),
            ("name", named),
        ];
        self.record("subscriber-changed", by, &fields);
        Ok(shown(&after))
    }
}

fn shown(subscriber: &Subscriber) -> Value {
    let PersonName { first, middle, last } = &subscriber.name;
    json!({
        "msisdn": subscriber.msisdn,
        "first": first,
        "middle": middle,
        "last": last,
        "registered": subscriber.registered,
        "state": subscriber.status.name(),
        "created": time(subscriber.created),
    })
}
