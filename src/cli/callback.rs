//! `lango callback`: what is on its way to third parties, what arrived, what did not, and once more.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{self, Desk, list, print_json, table, text};
use crate::callbacks::listing::{PAGE_MAX, Stage, Wanted};
use crate::clock::Timestamp;

/// Arguments of `lango callback`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List callbacks, in the order of their numbers (pending ones in the order in which they are due)
    List(List),
    /// Show one callback with every attempt that is kept
    Show(Show),
    /// Send delivered or dead callbacks once more, with the same ids
    Replay(Replay),
}

#[derive(Debug, Args)]
struct Wishes {
    /// Only those of this organization (party/NAME: a third party's own)
    #[arg(long)]
    shortcode: Option<String>,
    /// Only those committed since then: 90m, 36h, 7d, or 2026-11-23T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Only those committed before then
    #[arg(long, value_name = "TIME", value_parser = since)]
    until: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    wishes: Wishes,
    /// Only those that stand so
    #[arg(long)]
    state: Option<Stand>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Go on after the page that ended with this mark
    #[arg(long, value_name = "MARK")]
    after: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stand {
    Pending,
    Delivered,
    Dead,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    config: ConfigArgument,
    /// The callback's id (msg_...)
    id: String,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Replay {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    wishes: Wishes,
    /// The callbacks' ids (msg_...)
    #[arg(required_unless_present_any = ["dead", "shortcode"], conflicts_with_all = ["dead", "shortcode", "since", "until"])]
    ids: Vec<String>,
    /// Only dead letters; without it, delivered ones are sent again, too
    #[arg(long)]
    dead: bool,
}

/// Runs `lango callback`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::List(arguments) => run_list(arguments),
        Command::Show(arguments) => show(&arguments),
        Command::Replay(arguments) => replay(arguments),
    }
}

fn run_list(arguments: List) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let stage = arguments.state.map(Stand::stage);
    let wanted = Wanted { after: arguments.after, ..arguments.wishes.wanted(stage) };
    let (found, next) = search(&desk, wanted, arguments.limit)?;
    if arguments.json {
        print_json(&json!({ "callbacks": found, "next": next }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = found.iter().map(|row| cells(&desk, row)).collect();
    print!("{}", table(["ID", "OWNER", "NUMBER", "KIND", "STATE", "AT", "TRIES", "LAST", "URL"], &rows));
    if let Some(next) = next {
        println!("\nThere may be more: --after {next}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for page after page until there are `limit`, or no more.
fn search(desk: &Desk, mut wanted: Wanted, limit: usize) -> Result<(Vec<Value>, Option<String>)> {
    let mut found = Vec::new();
    while found.len() < limit {
        wanted.limit = Some((limit - found.len()).min(PAGE_MAX));
        let page = desk.ask("callback.list", serde_json::to_value(&wanted)?)?;
        found.extend_from_slice(list(&page, "callbacks"));
        wanted.after = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if wanted.after.is_none() {
            break;
        }
    }
    Ok((found, wanted.after))
}

fn cells(desk: &Desk, row: &Value) -> [String; 9] {
    let of = |key: &str| text(row, key);
    let at = row.get("at").map_or_else(String::new, |at| desk.time(at));
    let last = of("last_outcome");
    [of("id"), of("owner"), of("number"), of("kind"), of("state"), at, of("attempts_made"), last, of("url")]
}

fn show(arguments: &Show) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let shown = desk.ask("callback.show", json!({ "id": arguments.id }))?;
    if arguments.json {
        print_json(&shown)?;
    } else {
        print!("{}", portrait(&desk, &shown));
    }
    Ok(ExitCode::SUCCESS)
}

fn portrait(desk: &Desk, shown: &Value) -> String {
    let of = |key: &str| text(shown, key);
    let time = |key: &str| shown.get(key).map_or_else(String::new, |at| desk.time(at));
    let state = match of("state").as_str() {
        "pending" => format!("pending, to be tried at {}", time("at")),
        state => format!("{state} at {}", time("at")),
    };
    let head = [
        format!("callback  {}", of("id")),
        format!("kind      {}, number {} of {}", of("kind"), of("number"), of("owner")),
        format!("to        {} ({})", of("url"), of("third_party")),
        format!("committed {}", time("created")),
        format!("state     {state}, after {} attempts", of("attempts_made")),
    ];
    let rows: Vec<_> = list(shown, "attempts").iter().map(|attempt| attempt_cells(desk, attempt)).collect();
    let attempts = table(["TRY", "BEGAN", "MS", "ADDRESS", "TLS", "HTTP", "OUTCOME", "DETAIL"], &rows);
    head.join("\n") + "\n" + if rows.is_empty() { "" } else { &attempts } + &answers(shown)
}

/// What the server said to each attempt, as far as it is kept.
fn answers(shown: &Value) -> String {
    let said = |attempt: &Value| {
        let lines = attempt.get("answer")?.as_str()?.lines().map(|line| format!("    | {line}\n"));
        Some(format!("answer to {}\n{}", text(attempt, "number"), lines.collect::<String>()))
    };
    list(shown, "attempts").iter().filter_map(said).collect()
}

fn attempt_cells(desk: &Desk, attempt: &Value) -> [String; 8] {
    let of = |key: &str| text(attempt, key);
    let began = attempt.get("started").map_or_else(String::new, |at| desk.time(at));
    let tls = of("tls").trim_start_matches("TLS ").to_owned();
    [of("number"), began, of("milliseconds"), of("address"), tls, of("status"), of("outcome"), of("detail")]
}

/// Each callback for itself: one that cannot be replayed does not keep the others back.
fn replay(arguments: Replay) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let searched = arguments.ids.is_empty();
    let ids = if searched { ended(&desk, arguments.wishes, arguments.dead)? } else { arguments.ids };
    let mut failed = 0_usize;
    for id in &ids {
        match desk.ask("callback.replay", json!({ "id": id })) {
            Ok(_) => println!("{id} is on its way again"),
            Err(error) => {
                failed += 1;
                eprintln!("lango: {error:#}");
            }
        }
    }
    if searched {
        println!("{} of {} callbacks are on their way again", ids.len() - failed, ids.len());
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The ids of what is wanted and is not on its way anyhow.
fn ended(desk: &Desk, wishes: Wishes, only_dead: bool) -> Result<Vec<String>> {
    let stages = if only_dead { &[Stage::Dead][..] } else { &[Stage::Dead, Stage::Delivered] };
    let mut ids = Vec::new();
    for stage in stages {
        let (found, _) = search(desk, wishes.wanted(Some(*stage)), usize::MAX)?;
        ids.extend(found.iter().map(|row| text(row, "id")));
    }
    Ok(ids)
}

impl Wishes {
    fn wanted(&self, stage: Option<Stage>) -> Wanted {
        Wanted { stage, owner: self.shortcode.clone(), since: self.since, until: self.until, ..Wanted::default() }
    }
}

impl Stand {
    fn stage(self) -> Stage {
        match self {
            Self::Pending => Stage::Pending,
            Self::Delivered => Stage::Delivered,
            Self::Dead => Stage::Dead,
        }
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    desk::since(text).map_err(|error| error.to_string())
}
