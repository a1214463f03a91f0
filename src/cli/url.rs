//! `lango url`: where an organization's validations and confirmations go, and whether they can.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{Desk, list, print_json, table, text};
use crate::callbacks::urls::DefaultAction;

/// Arguments of `lango url`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what is registered for an organization
    Show(OfShortcode),
    /// Register URLs for one organization or several, as RegisterURL does
    Set(Set),
    /// Take an organization's URLs away; what is undelivered waits for others
    Remove(OfShortcode),
    /// Show all registrations that an organization had, oldest first
    History(OfShortcode),
    /// Send an empty message to an organization's URLs and print each step
    Ping(OfShortcode),
    /// The keys with which callbacks to a third party are signed
    Key(super::url_key::Arguments),
}

#[derive(Debug, Args)]
struct OfShortcode {
    #[command(flatten)]
    config: ConfigArgument,
    /// The organization
    shortcode: String,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Set {
    #[command(flatten)]
    config: ConfigArgument,
    /// The organizations; all of them get the URLs, or none
    #[arg(required = true)]
    shortcodes: Vec<String>,
    /// Who is told of payments that completed
    #[arg(long, value_name = "URL")]
    confirmation: String,
    /// Who is asked before a payment completes
    #[arg(long, value_name = "URL")]
    validation: Option<String>,
    /// Who is asked what a customer would have to pay, before there is a payment
    #[arg(long, value_name = "URL")]
    query: Option<String>,
    /// What happens to a payment when the validation is not answered
    #[arg(long, value_enum, default_value_t = Default::Cancelled)]
    default: Default,
    /// The third party whose servers they are, where several act for the organization
    #[arg(long, value_name = "NAME")]
    third_party: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Default {
    Completed,
    Cancelled,
}

/// Runs `lango url`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Show(arguments) => ask(&arguments, "url.show"),
        Command::Set(arguments) => set(&arguments),
        Command::Remove(arguments) => ask(&arguments, "url.remove"),
        Command::History(arguments) => ask(&arguments, "url.history"),
        Command::Ping(arguments) => ping(&arguments),
        Command::Key(arguments) => super::url_key::run(arguments),
    }
}

/// Asks about one organization, and shows its registration or registrations.
fn ask(arguments: &OfShortcode, command: &str) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let shown = desk.ask(command, json!({ "shortcode": arguments.shortcode }))?;
    if arguments.json {
        print_json(&shown)?;
    } else if shown.get("registrations").is_some() {
        print!("{}", registrations(&desk, list(&shown, "registrations")));
    } else {
        print!("{}", registrations(&desk, &[shown]));
    }
    Ok(ExitCode::SUCCESS)
}

fn set(arguments: &Set) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let default_action = match arguments.default {
        Default::Completed => DefaultAction::Completed,
        Default::Cancelled => DefaultAction::Cancelled,
    };
    let wanted = json!({
        "shortcodes": arguments.shortcodes,
        "third_party": arguments.third_party,
        "validation": arguments.validation,
        "confirmation": arguments.confirmation,
        "query": arguments.query,
        "default_action": default_action,
    });
    let set = desk.ask("url.set", wanted)?;
    print!("{}", registrations(&desk, list(&set, "registrations")));
    Ok(ExitCode::SUCCESS)
}

fn registrations(desk: &Desk, all: &[Value]) -> String {
    let rows: Vec<_> = all
        .iter()
        .map(|one| {
            let time = |key: &str| one.get(key).map_or_else(String::new, |at| desk.time(at));
            let of = |key: &str| text(one, key);
            let (since, removed) = (time("registered_at"), time("removed_at"));
            let (party, default) = (of("third_party"), of("default_action"));
            [of("shortcode"), since, removed, party, default, of("validation"), of("confirmation"), of("query")]
        })
        .collect();
    table(["SHORTCODE", "SINCE", "REMOVED", "THIRD PARTY", "DEFAULT", "VALIDATION", "CONFIRMATION", "QUERY"], &rows)
}

fn ping(arguments: &OfShortcode) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let registered = desk.ask("url.show", json!({ "shortcode": arguments.shortcode }))?;
    let urls = ["validation", "confirmation", "query"].map(|kind| registered.get(kind).and_then(Value::as_str));
    let mut walks = Vec::new();
    for url in urls.into_iter().flatten() {
        walks.push(desk.ask("url.ping", json!({ "third_party": text(&registered, "third_party"), "url": url }))?);
    }
    if arguments.json {
        print_json(&json!(walks))?;
    } else {
        walks.iter().for_each(|walk| print!("{}", story(walk)));
    }
    Ok(if walks.iter().all(arrived) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn arrived(walk: &Value) -> bool {
    list(walk, "steps").iter().all(|step| step.get("well").and_then(Value::as_bool) == Some(true))
}

fn story(walk: &Value) -> String {
    let steps = list(walk, "steps").iter().map(|step| {
        let mark = if step.get("well").and_then(Value::as_bool) == Some(true) { "ok" } else { "FAILED" };
        format!("  {:8} {mark:6} {} ({} ms)\n", text(step, "step"), text(step, "detail"), text(step, "milliseconds"))
    });
    format!("{}\n{}", text(walk, "url"), steps.collect::<String>())
}
