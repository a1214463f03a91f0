//! `lango role`: what roles there are, and who gets which for how long. What a role allows is written
//! in the catalogue's roles.toml.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{Desk, DeskArguments, joined, list, print_json, sheet, table, text};

/// Arguments of `lango role`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the roles of the running catalogue; to add or change one, edit its roles.toml
    List,
    /// Show what a role allows, and which roles it excludes
    Show {
        /// Its name
        role: String,
    },
    /// Give an operator a role
    Grant {
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        dates: GrantDates,
    },
    /// End every grant of a role to an operator that counts now or was to count later
    Revoke(Whom),
}

#[derive(Debug, Args)]
pub(super) struct Whom {
    /// The operator: its id, SHORTCODE/NAME or provider/NAME
    operator: String,
    /// The role's name
    role: String,
}

/// How long a grant counts.
#[derive(Debug, Args)]
pub(super) struct GrantDates {
    /// From when on the role counts: 2026-12-01, or with a time; now if left out
    #[arg(long, value_name = "TIME")]
    effective: Option<String>,
    /// From when on it no longer counts; never if left out
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

/// A grant as the node takes it.
pub(super) fn granted(desk: &Desk, role: &str, dates: &GrantDates) -> Result<Value> {
    let moment = |text: &Option<String>| text.as_deref().map(|text| desk.moment(text)).transpose();
    Ok(json!({ "role": role, "effective": moment(&dates.effective)?, "expires": moment(&dates.expires)? }))
}

/// Tells what is allowed, but not recommended.
pub(super) fn warn(answer: &Value) {
    for warning in list(answer, "warnings").iter().filter_map(Value::as_str) {
        eprintln!("lango: warning: {warning}");
    }
}

/// Runs `lango role`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let (name, wanted) = match &arguments.command {
        Command::List => ("role.list", Value::Null),
        Command::Show { role } => ("role.show", json!({ "role": role })),
        Command::Grant { whom, dates } => {
            ("role.grant", json!({ "operator": whom.operator, "grant": granted(&desk, &whom.role, dates)? }))
        }
        Command::Revoke(whom) => ("role.revoke", json!({ "operator": whom.operator, "role": whom.role })),
    };
    let answer = desk.ask(name, wanted)?;
    warn(&answer);
    if arguments.json {
        print_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    match &arguments.command {
        Command::List => print!("{}", listed(&answer)),
        Command::Show { .. } => print!("{}", shown(&answer)),
        Command::Grant { .. } => println!("operator {} has \"{}\"", text(&answer, "operator"), text(&answer, "role")),
        Command::Revoke(_) => {
            println!("operator {} no longer has \"{}\"", text(&answer, "operator"), text(&answer, "role"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "roles")
        .iter()
        .map(|one| [text(one, "role"), text(one, "channel"), joined(one, "permissions")])
        .collect();
    table(["ROLE", "CHANNEL", "PERMISSIONS"], &rows)
}

fn shown(one: &Value) -> String {
    let mut lines = vec![
        ("role", text(one, "role")),
        ("also called", joined(one, "also_called")),
        ("channel", text(one, "channel")),
        ("permissions", joined(one, "permissions")),
    ];
    for other in list(one, "excludes") {
        lines.push(("excludes", format!("{} ({})", text(other, "role"), text(other, "reason"))));
    }
    sheet(&lines)
}
