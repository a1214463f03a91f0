//! Where `lango cert` records what it does: on the audit log of the deployment whose settings it was
//! given, itself or through the running node; on a machine that has only the CA, on a log of the CA's
//! own, of the same form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::cli::audit;
use crate::clock::SystemClock;
use crate::config;
use crate::server::admin;
use crate::telemetry::audit::Audit;

/// An audit log that takes records.
pub(super) enum Register {
    /// Nobody else writes it.
    Open { audit: Audit, path: PathBuf },
    /// A node writes it, and takes what it is asked to.
    Node { socket: PathBuf },
}

impl Register {
    /// Finds the log and sees that it takes records, before anything is done.
    pub(super) fn find(config: &Path, own: PathBuf) -> Result<Self> {
        if !config.exists() {
            let audit = Audit::open(&own, Arc::new(SystemClock)).context("nothing is done without the audit log")?;
            return Ok(Self::Open { audit, path: own });
        }
        let settings = config::load(config)?;
        if let Some(audit) = audit::unless_a_node_has_it(&settings)? {
            return Ok(Self::Open { audit, path: audit::path(&settings) });
        }
        let socket = settings.doors.admin.socket;
        ask(&socket, "status", Value::Null).context("nothing is done without the audit log, which a node has")?;
        Ok(Self::Node { socket })
    }

    /// Records one thing that was done.
    pub(super) fn record(&self, event: &str, fields: &[(&str, &str)]) -> Result<()> {
        match self {
            Self::Open { audit, .. } => {
                audit.record(event, fields);
                audit.sync().context("the audit log could not be synced")
            }
            Self::Node { socket } => {
                let fields: Map<String, Value> =
                    fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
                ask(socket, "record", json!({ "event": event, "fields": fields })).map(|_| ())
            }
        }
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Open { path, .. } => path.display().to_string(),
            Self::Node { .. } => "the running node's audit log".into(),
        }
    }
}

fn ask(socket: &Path, name: &str, arguments: Value) -> Result<Value> {
    Ok(crate::cli::runtime()?.block_on(admin::ask(socket, name, arguments))?)
}
