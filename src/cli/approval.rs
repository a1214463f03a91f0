//! `lango approval`: what waits for the provider's approval, and its operators' word on it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{Desk, DeskArguments, list, print_json, table, text};
use super::secret::{PasswordArgument, credential};

/// Arguments of `lango approval`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what waits for approval
    List {
        /// Go on after this conversation
        #[arg(long, value_name = "CONVERSATION")]
        after: Option<String>,
    },
    /// Approve: it is executed now, and its result sent
    Approve(Checker),
    /// Refuse: it is not executed, and its result says so
    Refuse {
        #[command(flatten)]
        checker: Checker,
        /// Why; for the log, not for the third party
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Checker {
    /// The conversation (AG_...)
    conversation: String,
    /// The operator of the provider who decides, and whose password is asked for: provider/NAME
    #[arg(long = "as", value_name = "OPERATOR")]
    operator: String,
    #[command(flatten)]
    password: PasswordArgument,
    /// The certificate of the credential key; beside the first key of the settings if left out
    #[arg(long, value_name = "FILE")]
    credential_certificate: Option<PathBuf>,
}

/// Runs `lango approval`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let config = &arguments.config.config;
    let desk = Desk::of(config)?;
    let (name, wanted) = match arguments.command {
        Command::List { after } => ("approval.list", json!({ "after": after })),
        Command::Approve(checker) => ("approval.approve", word(config, &checker, None)?),
        Command::Refuse { checker, reason } => ("approval.refuse", word(config, &checker, Some(&reason))?),
    };
    let answer = desk.ask(name, wanted)?;
    if arguments.json {
        print_json(&answer)?;
    } else if name == "approval.list" {
        print!("{}", listed(&desk, &answer));
    } else {
        println!("{} {}\nreceipt {}", text(&answer, "code"), text(&answer, "description"), text(&answer, "receipt"));
    }
    Ok(ExitCode::SUCCESS)
}

fn word(config: &Path, checker: &Checker, reason: Option<&str>) -> Result<Value> {
    let password = checker.password.read()?;
    let credential = credential(config, checker.credential_certificate.as_deref(), &password)?;
    Ok(json!({
        "conversation": checker.conversation,
        "operator": checker.operator,
        "credential": credential,
        "reason": reason,
    }))
}

fn listed(desk: &Desk, answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "approvals")
        .iter()
        .map(|one| {
            let at = |key: &str| one.get(key).map_or_else(String::new, |at| desk.time(at));
            let of = |key: &str| text(one, key);
            [of("conversation"), of("command"), of("third_party"), of("original"), of("amount"), at("expires")]
        })
        .collect();
    table(["CONVERSATION", "COMMAND", "THIRD PARTY", "GIVES BACK", "AMOUNT", "UNTIL"], &rows)
}
