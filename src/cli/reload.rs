//! `lango reload`: has the running node read its files again, and says what became of each.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::ConfigArgument;
use super::desk::{Desk, list, text};

/// Arguments of `lango reload`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

/// Runs `lango reload`; exit code 1: a file has a fault, and what was before stays in force.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let outcome = Desk::of(&arguments.config.config)?.ask("reload", Value::Null)?;
    let mut code = ExitCode::SUCCESS;
    for taken in list(&outcome, "taken") {
        let what = text(taken, "what");
        match taken.get("fault").and_then(Value::as_str) {
            None => println!("{what}: in force as they are on the disk"),
            Some(fault) => {
                println!("{what}: {fault}; what was before stays in force");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
