//! `lango ledger`: balances, statements, the check of all books; money that was paid in at the bank.

use std::process::ExitCode;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{Desk, DeskArguments, list, print_json, table, text};
use crate::core::AccountKind;

/// Arguments of `lango ledger`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the balances of an organization, a subscriber or the provider
    Balance {
        /// A shortcode, a phone number, or "provider"
        holder: String,
        /// Add up an organization and all below it
        #[arg(long)]
        with_children: bool,
    },
    /// Show what moved an account, oldest first
    Statement {
        #[command(flatten)]
        account: AccountArguments,
        /// Go on after the line with this number
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: u64,
        /// At most so many lines
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
    },
    /// Add up every statement and the whole ledger; exit code 1: something is wrong
    Verify,
    /// Bring money that was paid in at the bank from the trust account into an account
    Fund {
        #[command(flatten)]
        account: AccountArguments,
        /// How much, e.g. 100 or 99.50
        #[arg(allow_negative_numbers = true)]
        amount: String,
    },
    /// Freeze an account: it neither pays nor is paid
    Freeze(AccountArguments),
    /// Let a frozen account go on
    Release(AccountArguments),
}

#[derive(Debug, Args)]
pub(super) struct AccountArguments {
    /// A shortcode, a phone number, or "provider"
    holder: String,
    /// Which account; a subscriber has "working", the provider has trust, charges-income and suspense
    #[arg(value_parser = PossibleValuesParser::new(AccountKind::ALL.map(AccountKind::name)))]
    account: String,
}

/// Runs `lango ledger`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let (name, wanted) = match &arguments.command {
        Command::Balance { holder, with_children } => {
            (if *with_children { "ledger.roll-up" } else { "ledger.balance" }, json!({ "holder": holder }))
        }
        Command::Statement { account, after, limit } => {
            let AccountArguments { holder, account } = account;
            ("ledger.statement", json!({ "holder": holder, "account": account, "after": after, "limit": limit }))
        }
        Command::Verify => ("ledger.verify", Value::Null),
        Command::Fund { account: AccountArguments { holder, account }, amount } => {
            ("ledger.fund", json!({ "holder": holder, "account": account, "amount": amount }))
        }
        Command::Freeze(it) => ("ledger.freeze", freezing(it, true)),
        Command::Release(it) => ("ledger.freeze", freezing(it, false)),
    };
    let answer = desk.ask(name, wanted)?;
    let code = match &arguments.command {
        Command::Verify if !is_right(&answer) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    };
    if arguments.json {
        print_json(&answer)?;
        return Ok(code);
    }
    match &arguments.command {
        Command::Balance { .. } => print!("{}", balances(&answer)),
        Command::Statement { .. } => print!("{}", statement(&desk, &answer)),
        Command::Verify => print!("{}", verified(&answer)),
        Command::Fund { .. } => println!("{} paid in\nreceipt {}", text(&answer, "amount"), text(&answer, "receipt")),
        Command::Freeze(it) => println!("the {} account of {} is frozen", it.account, it.holder),
        Command::Release(it) => println!("the {} account of {} goes on", it.account, it.holder),
    }
    Ok(code)
}

fn freezing(it: &AccountArguments, frozen: bool) -> Value {
    json!({ "holder": it.holder, "account": it.account, "frozen": frozen })
}

fn balances(answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "accounts")
        .iter()
        .map(|one| {
            let frozen = one.get("frozen").and_then(Value::as_bool) == Some(true);
            let state = if frozen { "FROZEN".to_owned() } else { String::new() };
            let of = |key: &str| text(one, key);
            [of("account"), of("name"), of("current"), of("available"), of("reserved"), state]
        })
        .collect();
    table(["ACCOUNT", "NAME", "CURRENT", "AVAILABLE", "RESERVED", ""], &rows)
}

fn statement(desk: &Desk, answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "lines")
        .iter()
        .map(|line| {
            let at = line.get("at").map_or_else(String::new, |at| desk.time(at));
            let of = |key: &str| text(line, key);
            let what = format!("{} ({})", of("details"), of("purpose").to_lowercase());
            [of("number"), at, of("receipt"), what, of("available"), of("reserved"), of("available_after")]
        })
        .collect();
    table(["NUMBER", "TIME", "RECEIPT", "WHAT", "AVAILABLE", "RESERVED", "AVAILABLE AFTER"], &rows)
}

fn is_right(answer: &Value) -> bool {
    let sums_to_zero = answer.get("sum").and_then(Value::as_str).is_none_or(|sum| sum == "0");
    sums_to_zero && list(answer, "faults").is_empty()
}

fn verified(answer: &Value) -> String {
    let mut told: String =
        list(answer, "faults").iter().filter_map(Value::as_str).map(|fault| format!("WRONG: {fault}\n")).collect();
    told += &format!("{} accounts with {} lines were added up\n", text(answer, "accounts"), text(answer, "lines"));
    told += &match answer.get("sum").and_then(Value::as_str) {
        Some("0") => "the whole ledger sums to zero\n".to_owned(),
        Some(sum) => format!("WRONG: the whole ledger sums to {sum} minor units\n"),
        None => "the whole ledger could not be summed while so many payments come in; try again\n".to_owned(),
    };
    told
}
