//! `lango operator`: the operators of organizations and of the provider.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::desk::{Desk, DeskArguments, list, print_json, sheet, table, text};
use super::role::{GrantDates, granted, warn};
use super::secret::{ActingArguments, PasswordArgument};

/// Arguments of `lango operator`.
pub(super) type Arguments = DeskArguments<Command>;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the operators of an organization, or of the provider
    List {
        /// The organization, or "provider"
        of: String,
    },
    /// Show an operator, its roles and the state of its password
    Show(Which),
    /// Add an operator, pending active until its password is set
    Add(Addition),
    /// Put an operator into another state
    Change {
        #[command(flatten)]
        which: Which,
        /// pending-active, active, suspended, locked, or closed (for good)
        #[arg(long)]
        state: String,
    },
    /// Set an operator's password, which activates one that waited for its first
    Password {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        password: PasswordArgument,
        #[command(flatten)]
        acting: ActingArguments,
    },
    /// Let an operator go on that was locked, by wrong passwords or by somebody
    Unlock {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        acting: ActingArguments,
    },
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The operator: its id, SHORTCODE/NAME or provider/NAME
    operator: String,
}

#[derive(Debug, Args)]
pub(super) struct Addition {
    /// The organization, or "provider"
    of: String,
    /// The user name: at most 15 letters, digits, dots, dashes or underscores
    user_name: String,
    /// A role of the catalogue (lango role list); may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    #[command(flatten)]
    dates: GrantDates,
}

/// Runs `lango operator`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let config = &arguments.config.config;
    let desk = Desk::of(config)?;
    let (name, wanted) = match arguments.command {
        Command::List { of } => ("operator.list", json!({ "of": of })),
        Command::Show(Which { operator }) => ("operator.show", json!({ "operator": operator })),
        Command::Add(it) => {
            let roles = it.roles.iter().map(|role| granted(&desk, role, &it.dates)).collect::<Result<Vec<_>>>()?;
            ("operator.add", json!({ "of": it.of, "user_name": it.user_name, "roles": roles }))
        }
        Command::Change { which, state } => ("operator.change", json!({ "operator": which.operator, "state": state })),
        Command::Password { which, password, acting } => {
            let (acting, password) = (acting.read(config)?, password.read()?);
            let wanted = json!({ "operator": which.operator, "password": password.expose(), "acting": acting });
            ("operator.password", wanted)
        }
        Command::Unlock { which, acting } => {
            ("operator.unlock", json!({ "operator": which.operator, "acting": acting.read(config)? }))
        }
    };
    let answer = desk.ask(name, wanted)?;
    warn(&answer);
    if arguments.json {
        print_json(&answer)?;
    } else if name == "operator.list" {
        print!("{}", listed(&answer));
    } else {
        print!("{}", shown(&desk, &answer));
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(answer: &Value) -> String {
    let rows: Vec<_> = list(answer, "operators")
        .iter()
        .map(|one| {
            let password = one.get("password").map_or_else(String::new, |password| text(password, "state"));
            let now = |role: &&Value| role.get("counts").and_then(Value::as_str) == Some("now");
            let roles: Vec<_> = list(one, "roles").iter().filter(now).map(|role| text(role, "role")).collect();
            [text(one, "id"), text(one, "name"), text(one, "state"), password, roles.join(", ")]
        })
        .collect();
    table(["ID", "NAME", "STATE", "PASSWORD", "ROLES NOW"], &rows)
}

fn shown(desk: &Desk, one: &Value) -> String {
    let of = |key: &str| one.pointer(key).map_or_else(|| "-".to_owned(), |at| desk.time(at));
    let password = one.get("password").cloned().unwrap_or_default();
    let head = sheet(&[
        ("id", text(one, "id")),
        ("name", text(one, "name")),
        ("state", text(one, "state")),
        ("password", text(&password, "state")),
        ("  set", of("/password/set")),
        ("  expires", of("/password/expires")),
        ("  failures", text(&password, "failures")),
        ("since", of("/created")),
    ]);
    let rows: Vec<_> = list(one, "roles")
        .iter()
        .map(|role| {
            let at = |key: &str| role.get(key).map_or_else(|| "-".to_owned(), |at| desk.time(at));
            [text(role, "role"), text(role, "channel"), at("effective"), at("expires"), text(role, "counts")]
        })
        .collect();
    head + &table(["ROLE", "CHANNEL", "EFFECTIVE", "EXPIRES", "COUNTS"], &rows)
}
