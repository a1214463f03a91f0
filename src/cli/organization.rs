//! `lango org`: the organizations of a running node.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{Desk, DeskArguments, joined, list, print_json, sheet, table, text, yes_or_no};

/// Arguments of `lango org`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List organizations in the order of their shortcodes
    List {
        /// Go on after this shortcode
        #[arg(long, value_name = "SHORTCODE")]
        after: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
    },
    /// Show one organization
    Show {
        /// Which
        shortcode: String,
    },
    /// Add an organization with the accounts of its products
    Add(Addition),
    /// Change an organization; what is not named stays
    Change(Change),
}

#[derive(Debug, Args)]
pub(super) struct Addition {
    /// What it is to be known by: 5 to 10 digits
    shortcode: String,
    /// Its public name
    #[arg(long)]
    name: String,
    /// A product of the catalogue, e.g. "Paybill Head Office" or "Bulk"; may be given several times
    #[arg(long = "product", value_name = "PRODUCT")]
    products: Vec<String>,
    /// The organization above it
    #[arg(long, value_name = "SHORTCODE")]
    parent: Option<String>,
    /// Customers' payments to it are validated by its own system first
    #[arg(long)]
    validation: bool,
    /// A tariff in place of the usual one
    #[arg(long)]
    tariff: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// Which
    shortcode: String,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Another state: pending-active, active, suspended, locked, or closed (for good, and only when
    /// its accounts are empty)
    #[arg(long)]
    state: Option<String>,
    /// A product more; opens the accounts that it needs
    #[arg(long, value_name = "PRODUCT")]
    add_product: Vec<String>,
    /// A product less; accounts stay
    #[arg(long, value_name = "PRODUCT")]
    remove_product: Vec<String>,
    /// The organization above it, or none
    #[arg(long, value_name = "SHORTCODE|none")]
    parent: Option<String>,
    /// Whether customers' payments to it are validated by its own system first
    #[arg(long, value_name = "true|false")]
    validation: Option<bool>,
    /// A tariff in place of the usual one, or none
    #[arg(long, value_name = "TARIFF|none")]
    tariff: Option<String>,
}

/// Runs `lango org`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let (name, wanted) = match arguments.command {
        Command::List { after, limit } => ("org.list", json!({ "after": after, "limit": limit })),
        Command::Show { shortcode } => ("org.show", json!({ "shortcode": shortcode })),
        Command::Add(it) => ("org.add", addition(&it)),
        Command::Change(it) => ("org.change", change(&it)),
    };
    let answer = desk.ask(name, wanted)?;
    if arguments.json {
        print_json(&answer)?;
    } else if name == "org.list" {
        print!("{}", listed(&answer));
    } else {
        print!("{}", shown(&desk, &answer));
    }
    Ok(ExitCode::SUCCESS)
}

fn addition(it: &Addition) -> Value {
    json!({
        "shortcode": it.shortcode, "name": it.name, "products": it.products, "parent": it.parent,
        "validation": it.validation, "tariff": it.tariff,
    })
}

fn change(it: &Change) -> Value {
    json!({
        "shortcode": it.shortcode, "name": it.name, "state": it.state, "add_products": it.add_product,
        "remove_products": it.remove_product, "parent": it.parent, "validation": it.validation,
        "tariff": it.tariff,
    })
}

fn listed(answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "organizations")
        .iter()
        .map(|one| {
            [
                text(one, "shortcode"),
                text(one, "name"),
                text(one, "state"),
                text(one, "parent"),
                joined(one, "products"),
            ]
        })
        .collect();
    table(["SHORTCODE", "NAME", "STATE", "PARENT", "PRODUCTS"], &rows)
}

fn shown(desk: &Desk, one: &Value) -> String {
    sheet(&[
        ("shortcode", text(one, "shortcode")),
        ("name", text(one, "name")),
        ("state", text(one, "state")),
        ("products", joined(one, "products")),
        ("parent", text(one, "parent")),
        ("validation", yes_or_no(one, "validation")),
        ("tariff", text(one, "tariff")),
        ("since", one.get("created").map_or_else(String::new, |at| desk.time(at))),
    ])
}
