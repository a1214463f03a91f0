//! `lango trace`: the story of one conversation, as it went over the wire.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{Desk, list, print_json, text};

/// Arguments of `lango trace`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// A ConversationID, an OriginatorConversationID or a receipt
    id: String,
    /// Print the messages whole, secrets masked
    #[arg(long)]
    wire: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Runs `lango trace`.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let found = desk.ask("trace", json!({ "id": arguments.id }))?;
    if arguments.json {
        print_json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    for story in list(&found, "stories") {
        print!("{}", told(&desk, story, arguments.wire));
    }
    Ok(ExitCode::SUCCESS)
}

fn told(desk: &Desk, story: &Value, wire: bool) -> String {
    let of = |key: &str| text(story, key);
    let mut out = format!(
        "{} {}\n  from     {}, as {}\n  receipt  {}\n  outcome  {} {}\n",
        of("command"),
        of("conversation"),
        of("third_party"),
        of("originator_conversation"),
        of("receipt"),
        of("code"),
        of("state")
    );
    for leg in list(story, "legs") {
        let message = text(leg, "message");
        let at = leg.get("at").map_or_else(String::new, |at| desk.time(at));
        let first = message.lines().next().unwrap_or_default();
        out.push_str(&format!("{at}  {:40} {first}\n", meaning(&text(leg, "what"))));
        if wire && first != message {
            message.lines().for_each(|line| out.push_str(&format!("    | {line}\n")));
        }
    }
    out
}

fn meaning(what: &str) -> &str {
    match what {
        "request" => "third party -> lango: the request",
        "diverted" => "where its news goes",
        "answer" => "lango -> third party: the answer",
        "result" => "lango -> third party: the result",
        "timeout" => "lango -> third party: it expired",
        "confirmation" => "lango -> third party: confirmation",
        "submission" => "handset side -> lango: the payment",
        "validation" => "lango -> third party: validation",
        "query" => "handset side -> lango: what is owed",
        "payment-query" => "lango -> third party: payment query",
        "bill" => "third party -> lango: what is owed",
        "verdict" => "third party -> lango: its verdict",
        "acknowledgement" => "third party -> lango: acknowledgement",
        "no-answer" => "nothing came back",
        other => other,
    }
}
