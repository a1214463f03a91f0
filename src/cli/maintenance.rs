//! `lango maintenance`: sends the core away and calls it back.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{Desk, text};

/// Arguments of `lango maintenance`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// From now on requests are kept, answered with 100000000 and decided later
    On {
        /// Why, for the audit log and for whoever looks at the status
        #[arg(long)]
        reason: String,
    },
    /// Decide what waits, and everything that comes
    Off,
}

/// Runs `lango maintenance`.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    match &arguments.action {
        Action::On { reason } => {
            desk.ask("maintenance.on", json!({ "reason": reason }))?;
            println!("the core is away: requests are kept until `lango maintenance off`, or until they expire");
        }
        Action::Off => {
            let done = desk.ask("maintenance.off", Value::Null)?;
            println!("the core is back: {} requests that waited are decided now", text(&done, "waiting"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
