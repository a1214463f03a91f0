//! `lango style`: in which form an organization or a third party gets results, validations and
//! confirmations.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{Desk, print_json, table, text};

/// Arguments of `lango style`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the style of an organization or third party
    Show(Show),
    /// Choose: result=standard|lower-case|draft, c2b=live|document, or single settings of c2b
    Set(Set),
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    config: ConfigArgument,
    /// The organization's shortcode, or party/NAME
    owner: String,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Set {
    #[command(flatten)]
    config: ConfigArgument,
    /// The organization's shortcode, or party/NAME
    owner: String,
    /// What is to be different; `lango style show` lists the names
    #[arg(required = true, value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

/// Runs `lango style`.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Show(show) => {
            let shown = Desk::of(&show.config.config)?.ask("style.show", json!({ "owner": show.owner }))?;
            if show.json { print_json(&shown)? } else { print!("{}", settings(&shown)) }
        }
        Command::Set(set) => {
            let wanted = set.settings.iter().map(|setting| pair(setting)).collect::<Result<Vec<_>>>()?;
            let arguments = json!({ "owner": set.owner, "settings": wanted });
            print!("{}", settings(&Desk::of(&set.config.config)?.ask("style.set", arguments)?));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn pair(setting: &str) -> Result<(&str, &str)> {
    setting.split_once('=').with_context(|| format!("\"{setting}\" is no NAME=VALUE"))
}

fn settings(shown: &Value) -> String {
    let all = shown.get("settings").and_then(Value::as_object).into_iter().flatten();
    let rows: Vec<_> = all
        .map(|(name, value)| [text(shown, "owner"), name.clone(), value.as_str().unwrap_or_default().to_owned()])
        .collect();
    table(["OWNER", "SETTING", "VALUE"], &rows)
}
