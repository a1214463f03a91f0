//! `lango org`: organizations as operators of the provider see and change them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{in_words, read, time};
use super::{NONE, Page, optional_status, or_none};
use crate::core::Shortcode;
use crate::core::directory::{self, NewOrganization, Organization, OrganizationChange};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    shortcode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addition {
    shortcode: String,
    name: String,
    products: Vec<String>,
    parent: Option<String>,
    validation: bool,
    tariff: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    shortcode: String,
    name: Option<String>,
    state: Option<String>,
    add_products: Vec<String>,
    remove_products: Vec<String>,
    parent: Option<String>,
    validation: Option<bool>,
    tariff: Option<String>,
}

impl NodeAdmin {
    pub(super) async fn organization_command(
        &self,
        by: &str,
        verb: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        Some(match verb {
            "list" => self.organizations(arguments),
            "show" => self.organization_shown(arguments),
            "add" => self.add_organization(by, arguments).await,
            "change" => self.change_organization(by, arguments).await,
            _ => return None,
        })
    }

    fn organizations(&self, arguments: Value) -> Result<Value, String> {
        let page: Page = read(arguments)?;
        let after = page.after.as_deref().map(Shortcode::parse).transpose().map_err(in_words)?;
        let all = directory::organizations(&*self.store, after.as_ref(), page.limit()).map_err(in_words)?;
        Ok(json!({ "organizations": all.iter().map(shown).collect::<Vec<_>>() }))
    }

    fn organization_shown(&self, arguments: Value) -> Result<Value, String> {
        let Named { shortcode } = read(arguments)?;
        let shortcode = Shortcode::parse(&shortcode).map_err(in_words)?;
        let found = directory::organization(&*self.store, &shortcode).map_err(in_words)?;
        found.as_ref().map(shown).ok_or_else(|| format!("there is no organization {shortcode}"))
    }

    async fn add_organization(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let wanted: Addition = read(arguments)?;
        let new = NewOrganization {
            shortcode: Shortcode::parse(&wanted.shortcode).map_err(in_words)?,
            name: wanted.name,
            products: wanted.products,
            parent: wanted.parent.as_deref().map(Shortcode::parse).transpose().map_err(in_words)?,
            validation: wanted.validation,
            tariff: wanted.tariff,
        };
        let (shortcode, name, products) = (new.shortcode.clone(), new.name.clone(), new.products.join(", "));
        self.commit_decided(|| {
            directory::create_organization(&self.core(), &*self.store, new.clone(), self.clock.now())
                .map(|write_set| ((), write_set))
        })
        .await?;
        let fields = [("organization", shortcode.as_str()), ("name", &name), ("products", &products)];
        self.record("organization-added", by, &fields);
        self.organization_shown(json!({ "shortcode": shortcode }))
    }

    async fn change_organization(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let wanted: Change = read(arguments)?;
        let shortcode = Shortcode::parse(&wanted.shortcode).map_err(in_words)?;
        let parent = match or_none(wanted.parent) {
            Some(Some(parent)) => Some(Some(Shortcode::parse(&parent).map_err(in_words)?)),
            Some(None) => Some(None),
            None => None,
        };
        let change = OrganizationChange {
            name: wanted.name,
            status: optional_status(wanted.state.as_deref())?,
            add_products: wanted.add_products,
            remove_products: wanted.remove_products,
            parent,
            validation: wanted.validation,
            tariff: or_none(wanted.tariff),
        };
        let (before, after) = self
            .commit_decided(|| {
                let (core, now) = (self.core(), self.clock.now());
                let changed = directory::change_organization(&core, &*self.store, &shortcode, change.clone(), now)?;
                Ok::<_, directory::AdminError>(((changed.before, changed.after), changed.write_set))
            })
            .await?;
        for (what, before, after) in differences(&before, &after) {
            let fields = [("organization", shortcode.as_str()), ("what", what), ("before", &before), ("after", &after)];
            self.record("organization-changed", by, &fields);
        }
        Ok(shown(&after))
    }
}

/// What is another, before and after, for the audit log.
fn differences(before: &Organization, after: &Organization) -> Vec<(&'static str, String, String)> {
    let fields = |one: &Organization| {
        [
            ("name", one.name.clone()),
            ("state", one.status.name().to_owned()),
            ("products", one.products.join(", ")),
            ("parent", one.parent.as_ref().map_or(NONE.to_owned(), ToString::to_string)),
            ("validation", one.validation.to_string()),
            ("tariff", one.tariff.clone().unwrap_or_else(|| NONE.to_owned())),
        ]
    };
    let pairs = fields(before).into_iter().zip(fields(after));
    pairs.filter(|(one, other)| one != other).map(|((what, one), (_, other))| (what, one, other)).collect()
}

fn shown(organization: &Organization) -> Value {
    json!({
        "shortcode": organization.shortcode,
        "name": organization.name,
        "state": organization.status.name(),
        "products": organization.products,
        "parent": organization.parent,
        "validation": organization.validation,
        "tariff": organization.tariff,
        "created": time(organization.created),
    })
}
