//! `lango audit verify`: whether the audit log is as it was written.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::ConfigArgument;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Settings};
use crate::node::AUDIT_FILE;
use crate::telemetry::audit::{self, Audit, AuditError, Head};

/// Arguments of `lango audit`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read the whole log, full files included, and check that no line was changed, removed or added
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Verify {
    #[command(flatten)]
    config: ConfigArgument,
    /// One file on its own instead of the deployment's log, such as a copy that was kept
    #[arg(long)]
    file: Option<PathBuf>,
    /// A line's number and chain as an earlier run told them: that line must still be there
    #[arg(long, value_name = "NUMBER:CHAIN", value_parser = parse_head)]
    since: Option<Head>,
}

/// Runs `lango audit`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Action::Verify(Verify { config, file, since }) = arguments.action;
    let (file, verified) = match file {
        Some(file) => {
            let verified = audit::verify_file(&file, since.as_ref());
            (file, verified)
        }
        None => {
            let file = path(&config::load(&config.config)?);
            let verified = audit::verify_since(&file, since.as_ref());
            (file, verified)
        }
    };
    match verified {
        Ok(head) => {
            println!("{}: {} lines, none changed", file.display(), head.number);
            println!(
                "Keep this elsewhere, to see later that none is missing at the end: {}:{}",
                head.number, head.chain
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ (AuditError::Broken { .. } | AuditError::Missing { .. } | AuditError::FileMissing { .. })) => {
            println!("{error}");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

/// The audit log, for a command that changes something while no node runs; none if a node runs, which
/// then records the change itself when it takes it up.
pub(super) fn unless_a_node_has_it(settings: &Settings) -> Result<Option<Audit>> {
    let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(SystemClock);
    match Audit::open(&path(settings), clock) {
        Ok(audit) => Ok(Some(audit)),
        Err(AuditError::Busy { .. }) => Ok(None),
        Err(error) => Err(error).context("nothing is changed without the audit log"),
    }
}

/// Where a deployment's audit log is.
pub(super) fn path(settings: &Settings) -> PathBuf {
    settings.node.data.join(AUDIT_FILE)
}

fn parse_head(text: &str) -> Result<Head, String> {
    let form = "write it as the earlier run did: the number, a colon, 64 hexadecimal digits";
    let (number, chain) = text.split_once(':').ok_or(form)?;
    let number = number.parse().map_err(|_| form)?;
    if chain.len() != 64 || !chain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(form.to_owned());
    }
    Ok(Head { number, chain: chain.to_ascii_lowercase() })
}
