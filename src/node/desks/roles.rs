//! `lango role`: the catalogue's roles, and who is given which. What a role allows is data of the
//! catalogue; here it is only looked at.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{read, time};
use crate::clock::Timestamp;
use crate::core::directory::{self, AdminError};
use crate::core::roles::{Grant, Role};

/// A role that somebody is to have.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedGrant {
    pub role: String,
    /// From when on; now if it is left out.
    pub effective: Option<Timestamp>,
    /// Until when; without end if it is left out.
    pub expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Giving {
    operator: String,
    grant: WantedGrant,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Taking {
    operator: String,
    role: String,
}

impl NodeAdmin {
    pub(super) async fn role_command(&self, by: &str, verb: &str, arguments: Value) -> Option<Result<Value, String>> {
        Some(match verb {
            "list" => Ok(self.roles()),
            "show" => self.role_shown(arguments),
            "grant" => self.grant(by, arguments).await,
            "revoke" => self.revoke(by, arguments).await,
            _ => return None,
        })
    }

    fn roles(&self) -> Value {
        let core = self.core();
        let roles = core.catalogue().roles();
        json!({ "roles": roles.into_iter().map(|role| self.role(role)).collect::<Vec<_>>() })
    }

    fn role_shown(&self, arguments: Value) -> Result<Value, String> {
        let Named { role } = read(arguments)?;
        let core = self.core();
        let found = core.catalogue().role(&role);
        found.map(|role| self.role(role)).ok_or_else(|| format!("the catalogue has no role \"{role}\""))
    }

    fn role(&self, role: &Role) -> Value {
        let core = self.core();
        let catalogue = core.catalogue();
        let excludes = catalogue.roles().into_iter().filter_map(|other| {
            let exclusion = catalogue.exclusion(&role.name, &other.name)?;
            Some(json!({ "role": other.name, "reason": exclusion.reason }))
        });
        json!({
            "role": role.name,
            "also_called": role.also_called,
            "channel": role.channel.to_string(),
            "permissions": role.permissions,
            "excludes": excludes.collect::<Vec<_>>(),
        })
    }

    async fn grant(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Giving { operator, grant } = read(arguments)?;
        let (id, now) = (self.operator(&operator)?.id, self.clock.now());
        let wanted = grants(vec![grant.clone()], now);
        let warnings = self
            .commit_decided(|| {
                let granted = directory::grant_roles(&self.core(), &*self.store, id, wanted.clone(), now)?;
                Ok::<_, AdminError>((granted.warnings, granted.write_set))
            })
            .await?;
        let [effective, expires] = [grant.effective, grant.expires].map(|at| at.map(time).unwrap_or_default());
        let who = id.to_string();
        let fields =
            [("operator", who.as_str()), ("role", &grant.role), ("effective", &effective), ("expires", &expires)];
        self.record("role-granted", by, &fields);
        self.warn(by, id, &warnings);
        Ok(json!({ "operator": who, "role": grant.role, "warnings": warnings }))
    }

    async fn revoke(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Taking { operator, role } = read(arguments)?;
        let (id, now) = (self.operator(&operator)?.id, self.clock.now());
        self.commit_decided(|| directory::revoke_role(&*self.store, id, &role, now).map(|write_set| ((), write_set)))
            .await?;
        self.record("role-revoked", by, &[("operator", &id.to_string()), ("role", &role)]);
        Ok(json!({ "operator": id.to_string(), "role": role }))
    }
}

/// The grants as the core takes them.
pub(super) fn grants(wanted: Vec<WantedGrant>, now: Timestamp) -> Vec<Grant> {
    let grant = |WantedGrant { role, effective, expires }| Grant { role, effective: effective.unwrap_or(now), expires };
    wanted.into_iter().map(grant).collect()
}
