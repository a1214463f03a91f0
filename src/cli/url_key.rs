//! `lango url key`: the keys with which callbacks to a third party are signed.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{self, Desk, list, print_json, table, text};

/// Arguments of `lango url key`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a third party's keys: numbers, times and public keys, never the secret
    Show(OfThirdParty),
    /// Make keys and print the secret, once; those before go on signing for a while
    Rotate(Rotate),
    /// End the older keys at once
    Retire(OfThirdParty),
    /// Take all keys away: callbacks are no longer signed
    Remove(OfThirdParty),
}

#[derive(Debug, Args)]
struct OfThirdParty {
    #[command(flatten)]
    config: ConfigArgument,
    /// The third party
    third_party: String,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    of: OfThirdParty,
    /// How long the keys before go on signing: 90m, 36h, 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    overlap: u64,
}

/// Runs `lango url key`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Show(of) => ask(&of, "url.key.show", json!({ "third_party": of.third_party }), keys),
        Command::Rotate(Rotate { of, overlap }) => {
            let wanted = json!({ "third_party": of.third_party, "overlap_seconds": overlap });
            ask(&of, "url.key.rotate", wanted, made)
        }
        Command::Retire(of) => ask(&of, "url.key.retire", json!({ "third_party": of.third_party }), |_, answer| {
            format!("the newest key of {} signs alone\n", text(answer, "third_party"))
        }),
        Command::Remove(of) => ask(&of, "url.key.remove", json!({ "third_party": of.third_party }), |_, answer| {
            format!("callbacks to {} are no longer signed\n", text(answer, "third_party"))
        }),
    }
}

fn ask(of: &OfThirdParty, command: &str, wanted: Value, shown: fn(&Desk, &Value) -> String) -> Result<ExitCode> {
    let desk = Desk::of(&of.config.config)?;
    let answer = desk.ask(command, wanted)?;
    if of.json {
        print_json(&answer)?;
    } else {
        print!("{}", shown(&desk, &answer));
    }
    Ok(ExitCode::SUCCESS)
}

fn keys(desk: &Desk, answer: &Value) -> String {
    let row = |key: &Value| {
        let time = |name: &str| key.get(name).map_or_else(String::new, |at| desk.time(at));
        let signs = if key.get("in_force").and_then(Value::as_bool) == Some(true) { "yes" } else { "no" };
        [text(key, "number"), time("created"), time("until"), signs.to_owned(), text(key, "public")]
    };
    let rows: Vec<_> = list(answer, "keys").iter().map(row).collect();
    table(["KEY", "MADE", "UNTIL", "SIGNS", "PUBLIC KEY (v1a)"], &rows)
}

fn made(desk: &Desk, answer: &Value) -> String {
    let of = |key: &str| text(answer, key);
    let mut told = format!(
        "key {} of {}\nsecret (v1)      {}\npublic key (v1a) {}\n",
        of("number"),
        of("third_party"),
        of("secret"),
        of("public")
    );
    if let Some(until) = answer.get("older_until").filter(|until| !until.is_null()) {
        told += &format!("the key before signs, too, until {}\n", desk.time(until));
    }
    told + "The secret is not shown again.\n"
}

fn duration(text: &str) -> Result<u64, String> {
    desk::seconds(text).ok_or_else(|| format!("\"{text}\" is no time; write 90m, 36h or 7d"))
}
