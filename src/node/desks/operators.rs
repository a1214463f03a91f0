//! `lango operator`: operators, their states and their passwords.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::roles::{WantedGrant, grants};
use super::words::{in_words, read, time};
use super::{PROVIDER, Page, status};
use crate::access::Secret;
use crate::access::credential::{self, Credential};
use crate::clock::Timestamp;
use crate::core::directory::{self, AdminError, NewOperator, Operator, Status};
use crate::core::roles::Grant;
use crate::core::{Care, Catalogue, OperatorId, Shortcode};
use crate::store::WriteSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    operator: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// The organization, or `provider`.
    of: String,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addition {
    of: String,
    user_name: String,
    roles: Vec<WantedGrant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    operator: String,
    state: String,
}

/// Never to be printed or logged (S5).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    operator: String,
    password: String,
    acting: Option<Acting>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlocking {
    operator: String,
    acting: Option<Acting>,
}

/// The operator in whose name something is done, where it is not the provider's; the credential is
/// encrypted, as third parties send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acting {
    operator: String,
    credential: String,
}

impl NodeAdmin {
    pub(super) async fn operator_command(
        &self,
        by: &str,
        verb: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        Some(match verb {
            "list" => self.operators(arguments),
            "show" => read(arguments).and_then(|Named { operator }| self.shown(&self.operator(&operator)?)),
            "add" => self.add_operator(by, arguments).await,
            "change" => self.change_operator(by, arguments).await,
            "password" => self.set_password(by, arguments).await,
            "unlock" => self.unlock(by, arguments).await,
            _ => return None,
        })
    }

    fn operators(&self, arguments: Value) -> Result<Value, String> {
        let Listed { of, after, limit } = read(arguments)?;
        let (home, page) = (home(&of)?, Page { after, limit });
        let all = directory::operators(&*self.store, home.as_ref(), page.after.as_deref(), page.limit());
        let all: Result<Vec<_>, _> = all.map_err(in_words)?.iter().map(|operator| self.shown(operator)).collect();
        Ok(json!({ "operators": all? }))
    }

    async fn add_operator(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let wanted: Addition = read(arguments)?;
        let now = self.clock.now();
        let new = NewOperator {
            shortcode: home(&wanted.of)?,
            user_name: wanted.user_name,
            roles: grants(wanted.roles, now),
            status: Status::PendingActive,
        };
        let (id, warnings) = self
            .commit_decided(|| {
                let (core, draw) = (self.core(), self.draw());
                let (id, granted) = directory::create_operator(&core, &*self.store, new.clone(), now, draw)?;
                let mut write_set = granted.write_set;
                write_set.extend(credential::create(id.value()));
                Ok::<_, AdminError>(((id, granted.warnings), write_set))
            })
            .await?;
        let operator = known(self, id)?;
        let roles = operator.roles.iter().map(|grant| grant.role.as_str()).collect::<Vec<_>>().join(", ");
        let who = full_name(&operator);
        self.record("operator-added", by, &[("operator", &id.to_string()), ("name", &who), ("roles", &roles)]);
        self.warn(by, id, &warnings);
        let mut shown = self.shown(&operator)?;
        if let Value::Object(fields) = &mut shown {
            fields.insert("warnings".into(), json!(warnings));
        }
        Ok(shown)
    }

    /// What is allowed but not recommended is on the audit log, too.
    pub(super) fn warn(&self, by: &str, operator: OperatorId, warnings: &[String]) {
        for warning in warnings {
            self.record("operator-warning", by, &[("operator", &operator.to_string()), ("warning", warning)]);
        }
    }

    async fn change_operator(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Change { operator, state } = read(arguments)?;
        let (id, status) = (self.operator(&operator)?.id, status(&state)?);
        let (before, after) = self
            .commit_decided(|| {
                let changed = directory::set_status(&*self.store, id, status)?;
                Ok::<_, AdminError>(((changed.before, changed.after), changed.write_set))
            })
            .await?;
        let fields = [("operator", &*id.to_string()), ("before", before.status.name()), ("after", after.status.name())];
        self.record("operator-state-set", by, &fields);
        self.shown(&after)
    }

    /// Sets a password, which activates an operator that waited for its first one (domain.md 7).
    async fn set_password(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Password { operator, password, acting } = read(arguments)?;
        let (operator, password) = (self.operator(&operator)?, Secret::new(password));
        let (allowed, acting) = self.allowed(by, acting, Care::SetPassword, &operator).await?;
        let access = Arc::clone(&self.access);
        let id = operator.id;
        // Hashing takes long on purpose.
        let hashed = tokio::task::spawn_blocking(move || access.set_password(id.value(), password.expose()));
        let mut write_set = hashed.await.map_err(in_words)?.map_err(in_words)?;
        if operator.status == Status::PendingActive {
            write_set.extend(directory::set_status(&*self.store, id, Status::Active).map_err(in_words)?.write_set);
        }
        write_set.extend(allowed);
        self.commit_once(write_set).await?;
        self.record_care("operator-password-set", by, &acting, &operator);
        self.shown(&known(self, id)?)
    }

    /// Lets an operator go on that wrong passwords, or somebody, had locked.
    async fn unlock(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Unlocking { operator, acting } = read(arguments)?;
        let operator = self.operator(&operator)?;
        let (allowed, acting) = self.allowed(by, acting, Care::Unlock, &operator).await?;
        let id = operator.id;
        let mut write_set = credential::unlock(&*self.store, id.value()).map_err(in_words)?;
        if operator.status == Status::Locked {
            write_set.extend(directory::set_status(&*self.store, id, Status::Active).map_err(in_words)?.write_set);
        }
        write_set.extend(allowed);
        self.commit_once(write_set).await?;
        self.record_care("operator-unlocked", by, &acting, &operator);
        self.shown(&known(self, id)?)
    }

    /// Who acts, and what it rests on that it may: an operator by its password, roles and organization; or
    /// the provider's user of this machine, who may do everything.
    async fn allowed(
        &self,
        by: &str,
        acting: Option<Acting>,
        care: Care,
        other: &Operator,
    ) -> Result<(WriteSet, String), String> {
        let Some(Acting { operator, credential }) = acting else { return Ok((WriteSet::new(), PROVIDER.to_owned())) };
        let id = self.verified(by, &operator, &credential).await?;
        let allowed = self.core().may_care(&*self.store, care, id, other, self.clock.now());
        match allowed {
            Ok(rests_on) => Ok((rests_on, id.to_string())),
            Err(error) => {
                let fields =
                    [("acting", &*id.to_string()), ("operator", &other.id.to_string()), ("reason", &error.to_string())];
                self.record("operator-care-refused", by, &fields);
                Err(in_words(error))
            }
        }
    }

    fn record_care(&self, event: &str, by: &str, acting: &str, operator: &Operator) {
        let fields = [("operator", &*operator.id.to_string()), ("name", &full_name(operator)), ("acting", acting)];
        self.record(event, by, &fields);
    }

    async fn commit_once(&self, write_set: WriteSet) -> Result<(), String> {
        use crate::store::Store as _;
        self.store.commit(write_set).await.map(drop).map_err(in_words)
    }

    /// The operator with its roles and the state of its password.
    fn shown(&self, operator: &Operator) -> Result<Value, String> {
        let now = self.clock.now();
        let credential = credential::read(&*self.store, operator.id.value()).map_err(in_words)?;
        let days = self.access.password_days_max();
        let core = self.core();
        let roles = operator.roles.iter().map(|grant| role(core.catalogue(), grant, now));
        Ok(json!({
            "id": operator.id.to_string(),
            "name": full_name(operator),
            "state": operator.status.name(),
            "roles": roles.collect::<Vec<_>>(),
            "password": password(credential.map(|(credential, _)| credential).as_ref(), days, now),
            "created": time(operator.created),
        }))
    }
}

fn known(admin: &NodeAdmin, id: OperatorId) -> Result<Operator, String> {
    let found = directory::operator(&*admin.store, id).map_err(in_words)?;
    found.ok_or_else(|| format!("operator {id} is gone"))
}

fn home(of: &str) -> Result<Option<Shortcode>, String> {
    if of == PROVIDER { Ok(None) } else { Shortcode::parse(of).map(Some).map_err(in_words) }
}

/// `SHORTCODE/NAME`, as commands take it.
fn full_name(operator: &Operator) -> String {
    let home = operator.shortcode.as_ref().map_or(PROVIDER, Shortcode::as_str);
    format!("{home}/{}", operator.user_name)
}

fn role(catalogue: &Catalogue, grant: &Grant, now: Timestamp) -> Value {
    let counts = match grant.expires {
        Some(expires) if expires <= now => "over",
        _ if now < grant.effective => "later",
        _ => "now",
    };
    json!({
        "role": grant.role,
        "channel": catalogue.role(&grant.role).map(|role| role.channel.to_string()),
        "effective": time(grant.effective),
        "expires": grant.expires.map(time),
        "counts": counts,
    })
}

/// How a password stands; nothing of what it is.
fn password(credential: Option<&Credential>, days: u32, now: Timestamp) -> Value {
    let (state, set_at, failures) = match credential {
        None | Some(Credential::Pending) => ("not set", None, 0),
        Some(Credential::Locked { set_at, .. }) => ("locked", Some(*set_at), 0),
        Some(Credential::Active { set_at, .. }) if credential::expiry(*set_at, days) <= now => {
            ("expired", Some(*set_at), 0)
        }
        Some(Credential::Active { set_at, failures, .. }) => ("good", Some(*set_at), *failures),
    };
    json!({
        "state": state,
        "set": set_at.map(time),
        "expires": set_at.map(|set_at| time(credential::expiry(set_at, days))),
        "failures": failures,
    })
}
