//! What operators of the provider ask and do, carried out by the running node: one file for each kind
//! of thing. Each change is decided below, committed, and
//! then put on the audit log with who gave the command.

mod approvals;
mod callbacks;
mod catalogue;
mod doors;
mod explain;
mod ledger;
mod maintenance;
mod operators;
mod organizations;
mod parties;
mod roles;
mod styles;
mod subscribers;
mod urls;
mod words;

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use self::words::in_words;
pub(super) use self::words::time;
use super::admin::NodeAdmin;
use super::catalogue_files::CatalogueFiles;
use super::expiry::Expiries;
use super::reload::Reloader;
use crate::access::Vault;
use crate::callbacks::{Hosts, HttpTransport};
use crate::core::directory::{self, Operator, Status};
use crate::core::{Core, Cores, Draw, Msisdn, OperatorId, Shortcode};
use crate::entropy::Entropy;
use crate::server::admin::Caller;
use crate::store::{CommitError, Store, WriteSet};
use crate::telemetry::audit::Audit;

/// Conflicts with others in a row before a command is given up.
const CONFLICTS_MAX: u32 = 16;
/// Things of one page of a list.
const PAGE_MAX: usize = 1000;

/// What the desks work with beside the node's store and door.
pub(super) struct Desks {
    pub audit: Arc<Audit>,
    pub cores: Arc<Cores>,
    pub catalogue: CatalogueFiles,
    pub entropy: Arc<dyn Entropy>,
    pub expiries: Arc<Expiries>,
    pub hosts: Arc<dyn Hosts>,
    pub reloader: Arc<Reloader>,
    pub special_networks: Vec<IpNet>,
    pub transport: Arc<HttpTransport>,
    pub vault: Arc<Vault>,
}

/// One page of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

impl Page {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)
    }
}

impl NodeAdmin {
    /// Carries out a command; none if there is no such command.
    pub(super) async fn desk_command(
        &self,
        caller: Caller,
        name: &str,
        arguments: Value,
    ) -> Option<Result<Value, String>> {
        let by = caller.to_string();
        let (subject, verb) = name.split_once('.').unwrap_or((name, ""));
        match (subject, verb) {
            ("approval", _) => self.approval_command(&by, verb, arguments).await,
            ("callback", _) => self.callback_command(&by, verb, arguments).await,
            ("catalogue", _) => self.catalogue_command(&by, verb).await,
            ("org", _) => self.organization_command(&by, verb, arguments).await,
            ("operator", _) => self.operator_command(&by, verb, arguments).await,
            ("role", _) => self.role_command(&by, verb, arguments).await,
            ("subscriber", _) => self.subscriber_command(&by, verb, arguments).await,
            ("explain", "") => Some(self.explain(&by, arguments).await),
            ("ledger", _) => self.ledger_command(&by, verb, arguments).await,
            ("maintenance", _) => self.maintenance_command(&by, verb, arguments).await,
            ("record", "") => Some(self.record_of_command(&by, arguments)),
            ("reload", "") => Some(Ok(self.reload(&by).await)),
            ("style", _) => self.style_command(&by, verb, arguments).await,
            ("trace", "") => Some(self.trace(arguments)),
            ("url", _) => self.url_command(&by, verb, arguments).await,
            ("party", _) => self.party_command(&by, verb, arguments).await,
            _ => None,
        }
    }

    /// Decides and commits, again if somebody else changed the same in between.
    async fn commit_decided<T, E: fmt::Display>(
        &self,
        decide: impl Fn() -> Result<(T, WriteSet), E> + Send,
    ) -> Result<T, String> {
        for _ in 0..CONFLICTS_MAX {
            let (decided, write_set) = decide().map_err(in_words)?;
            match self.store.commit(write_set).await {
                Ok(_) => return Ok(decided),
                Err(CommitError::Expectation(_)) => {}
                Err(error) => return Err(in_words(error)),
            }
        }
        Err("somebody else changes the same thing again and again; try once more".to_owned())
    }

    /// Puts a change on the audit log.
    fn record(&self, event: &str, by: &str, fields: &[(&str, &str)]) {
        self.desks.audit.record(event, &[&[("by", by)], fields].concat());
    }

    /// The core that decides now.
    fn core(&self) -> Arc<Core> {
        self.desks.cores.at(self.clock.now())
    }

    fn draw(&self) -> Draw {
        Draw(self.desks.entropy.u64())
    }

    fn msisdn(&self, text: &str) -> Result<Msisdn, String> {
        Msisdn::parse(text, self.core().catalogue().numbering()).map_err(in_words)
    }

    /// The operator that somebody means: an id of 18 digits, `SHORTCODE/NAME`, or `provider/NAME`.
    fn operator(&self, text: &str) -> Result<Operator, String> {
        let store = &*self.store;
        let found = match text.trim().split_once('/') {
            Some((PROVIDER, name)) => directory::operator_named(store, None, name),
            Some((home, name)) => {
                let home = Shortcode::parse(home).map_err(in_words)?;
                directory::operator_named(store, Some(&home), name)
            }
            None => {
                let id = OperatorId::parse(text).map_err(|error| {
                    format!("{error}; name an operator by its id, SHORTCODE/NAME or {PROVIDER}/NAME")
                })?;
                directory::operator(store, id)
            }
        };
        found.map_err(in_words)?.ok_or_else(|| format!("there is no operator {text}"))
    }
}

/// How the provider itself is named where an organization could be.
const PROVIDER: &str = "provider";

/// A state as people write it.
fn status(text: &str) -> Result<Status, String> {
    Status::named(text).ok_or_else(|| {
        let names: Vec<_> = Status::ALL.iter().map(|status| status.name()).collect();
        format!("\"{text}\" is no state; there are {}", names.join(", "))
    })
}

fn optional_status(text: Option<&str>) -> Result<Option<Status>, String> {
    text.map(status).transpose()
}

/// What an operator of the provider types to take something away again.
const NONE: &str = "none";

/// `none` takes a value away, anything else sets it.
fn or_none(text: Option<String>) -> Option<Option<String>> {
    text.map(|text| (text != NONE).then_some(text))
}
