//! `lango subscriber`: the subscribers of a running node.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{Desk, DeskArguments, list, print_json, sheet, table, text, yes_or_no};

/// Arguments of `lango subscriber`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List subscribers in the order of their numbers
    List {
        /// Go on after this number
        #[arg(long, value_name = "MSISDN")]
        after: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
    },
    /// Show one subscriber
    Show {
        /// The phone number
        msisdn: String,
    },
    /// Add a subscriber, with an account
    Add(Addition),
    /// Change a subscriber; what is not named stays
    Change(Change),
}

#[derive(Debug, Args)]
pub(super) struct Addition {
    /// The phone number
    msisdn: String,
    /// First name
    #[arg(long, default_value = "")]
    first: String,
    /// Middle name
    #[arg(long, default_value = "")]
    middle: String,
    /// Last name
    #[arg(long, default_value = "")]
    last: String,
    /// The identity is not known: some services do not pay to it
    #[arg(long)]
    unregistered: bool,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// The phone number
    msisdn: String,
    /// Another first name
    #[arg(long)]
    first: Option<String>,
    /// Another middle name
    #[arg(long)]
    middle: Option<String>,
    /// Another last name
    #[arg(long)]
    last: Option<String>,
    /// Whether the identity is known
    #[arg(long, value_name = "true|false")]
    registered: Option<bool>,
    /// Another state: pending-active, active, suspended, locked, or closed (for good, and only when
    /// the account is empty)
    #[arg(long)]
    state: Option<String>,
}

/// Runs `lango subscriber`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let (name, wanted) = match arguments.command {
        Command::List { after, limit } => ("subscriber.list", json!({ "after": after, "limit": limit })),
        Command::Show { msisdn } => ("subscriber.show", json!({ "msisdn": msisdn })),
        Command::Add(it) => {
            let Addition { msisdn, first, middle, last, unregistered } = it;
            let registered = !unregistered;
            let wanted = json!({
                "msisdn": msisdn, "first": first, "middle": middle, "last": last, "registered": registered,
            });
            ("subscriber.add", wanted)
        }
        Command::Change(it) => {
            let Change { msisdn, first, middle, last, registered, state } = it;
            let wanted = json!({
                "msisdn": msisdn, "first": first, "middle": middle, "last": last, "registered": registered,
                "state": state,
            });
            ("subscriber.change", wanted)
        }
    };
    let answer = desk.ask(name, wanted)?;
    if arguments.json {
        print_json(&answer)?;
    } else if name == "subscriber.list" {
        print!("{}", listed(&answer));
    } else {
        print!("{}", shown(&desk, &answer));
    }
    Ok(ExitCode::SUCCESS)
}

fn names(one: &Value) -> String {
    let parts = ["first", "middle", "last"].map(|part| one.get(part).and_then(Value::as_str).unwrap_or_default());
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn listed(answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "subscribers")
        .iter()
        .map(|one| [text(one, "msisdn"), names(one), yes_or_no(one, "registered"), text(one, "state")])
        .collect();
    table(["NUMBER", "NAME", "REGISTERED", "STATE"], &rows)
}

fn shown(desk: &Desk, one: &Value) -> String {
    sheet(&[
        ("number", text(one, "msisdn")),
        ("name", names(one)),
        ("registered", yes_or_no(one, "registered")),
        ("state", text(one, "state")),
        ("since", one.get("created").map_or_else(String::new, |at| desk.time(at))),
    ])
}
