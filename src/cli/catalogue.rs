//! `lango catalogue`: the files against what runs, and the files in force.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde_json::{Value, json};

use super::EXIT_USAGE;
use super::desk::{Desk, DeskArguments, list, print_json};
use crate::config;
use crate::node;

/// Arguments of `lango catalogue`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the files as a whole, later editions (folders from-YYYY-MM-DD) included; exit code 64:
    /// they have faults
    Check,
    /// Show in what the files differ from the running catalogue; exit code 1: they do
    Diff,
    /// Put the files in force, later editions from their days on; SIGHUP does the same
    Reload,
}

/// Runs `lango catalogue`.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let name = match arguments.command {
        Command::Check => return check(arguments),
        Command::Diff => "catalogue.diff",
        Command::Reload => "catalogue.reload",
    };
    let answer = Desk::of(&arguments.config.config)?.ask(name, Value::Null)?;
    let differs = !list(&answer, "changes").is_empty();
    if arguments.json {
        print_json(&answer)?;
    } else if differs {
        print!("{}", told(&answer));
    } else {
        println!("The files say what runs.");
    }
    Ok(if differs && name == "catalogue.diff" { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check(arguments: &Arguments) -> Result<ExitCode> {
    let settings = config::load(&arguments.config.config)?;
    let (faults, editions) = match node::catalogue(&settings.node.catalogue) {
        Ok(editions) => (Vec::new(), Some(editions)),
        Err(faults) => (faults, None),
    };
    let editions: Vec<_> = editions.iter().flat_map(|editions| editions.all()).collect();
    let shown = editions.iter().map(|edition| {
        let from = edition.from.map(|day| day.to_string());
        json!({ "from": from, "services": edition.catalogue.services().len() })
    });
    if arguments.json {
        print_json(&json!({ "faults": faults, "editions": shown.collect::<Vec<_>>() }))?;
    } else {
        faults.iter().for_each(|fault| println!("{fault}"));
        for edition in &editions {
            let since = edition.from.map_or_else(String::new, |day| format!("from {day} on: "));
            println!("{since}{} services, checked as a whole", edition.catalogue.services().len());
        }
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) })
}

fn told(answer: &Value) -> String {
    let mut told = String::new();
    for change in list(answer, "changes") {
        if let Some(day) = change.get("from").and_then(Value::as_str) {
            told += &format!("From {day} on:\n");
        }
        for difference in list(change, "differences").iter().filter_map(Value::as_str) {
            told += &format!("  {difference}\n");
        }
    }
    told
}
