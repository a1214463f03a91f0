//! What commands need that ask the running node: its socket, the zone for times, tables.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::ConfigArgument;
use crate::clock::{Clock, SystemClock, Timestamp, Zone};
use crate::config;
use crate::server::admin;

/// Arguments of a command that is a subject, and asks the running node to do something with it.
#[derive(Debug, Args)]
pub(super) struct DeskArguments<C: Subcommand> {
    #[command(flatten)]
    pub config: ConfigArgument,
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: C,
}

/// The way to a deployment's running node.
pub(super) struct Desk {
    socket: PathBuf,
    zone: Zone,
    runtime: Runtime,
}

impl Desk {
    /// The node of this settings file.
    pub(super) fn of(config: &Path) -> Result<Self> {
        let settings = config::load(config)?;
        let zone = Zone::named(&settings.node.zone)?;
        Ok(Self { socket: settings.doors.admin.socket, zone, runtime: super::runtime()? })
    }

    /// Has the node carry out a command.
    pub(super) fn ask(&self, name: &str, arguments: Value) -> Result<Value> {
        Ok(self.runtime.block_on(admin::ask(&self.socket, name, arguments))?)
    }

    /// A moment as somebody types it: `2026-12-01` (the day's beginning in the node's zone), or with a
    /// time, `2026-12-01T08:00:00Z`.
    pub(super) fn moment(&self, text: &str) -> Result<Timestamp> {
        let exact = text.parse::<jiff::Timestamp>().ok();
        let exact = exact.map(|moment| Timestamp::from_micros(moment.as_microsecond()));
        exact
            .or_else(|| self.zone.first_moment(text))
            .with_context(|| format!("\"{text}\" is no time; write 2026-12-01 or 2026-12-01T08:00:00Z"))
    }

    /// A moment of the node's answers, in the zone where its days roll.
    pub(super) fn time(&self, value: &Value) -> String {
        let moment = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        moment.map_or("-".into(), |moment| self.zone.readable(Timestamp::from_micros(moment.as_microsecond())))
    }
}

/// A field of an answer as people read it.
pub(super) fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// The list under `key`; empty if there is none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of the list under `key`, as people read them.
pub(super) fn joined(value: &Value, key: &str) -> String {
    let texts: Vec<_> = list(value, key).iter().filter_map(Value::as_str).collect();
    if texts.is_empty() { "-".into() } else { texts.join(", ") }
}

/// Whether something is so, as people read it.
pub(super) fn yes_or_no(value: &Value, key: &str) -> String {
    let so = value.get(key).and_then(Value::as_bool).unwrap_or_default();
    if so { "yes" } else { "no" }.into()
}

/// What is known of one thing, a line each.
pub(super) fn sheet(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    lines.iter().map(|(label, value)| format!("{label:width$}  {value}\n")).collect()
}

/// Rows under a heading, each column as wide as its longest cell.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let lines = rows.iter().map(|row| line(std::array::from_fn(|at| row[at].as_str())));
    line(heading) + &lines.collect::<String>()
}

/// A moment as somebody types it: `90m`, `36h`, `7d` ago, or a time such as `2026-11-23T10:00:00Z`.
pub(super) fn since(text: &str) -> Result<Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_micros(moment.as_microsecond()));
    }
    match seconds(text) {
        Some(seconds) => Ok(SystemClock.now().minus(Duration::from_secs(seconds))),
        None => bail!("\"{text}\" is no time; write 90m, 36h, 7d or 2026-11-23T10:00:00Z"),
    }
}

/// A span of time as somebody types it, such as `90m`, `36h` or `7d`, in seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (at, unit) = text.char_indices().last()?;
    let count: u64 = text.get(..at)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds)
}

/// Prints an answer for programs.
pub(super) fn print_json(value: &Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value).context("the answer cannot be printed")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_absolute_or_so_long_ago() {
        assert_eq!(since("1970-01-01T00:00:09Z").unwrap(), Timestamp::from_seconds(9));
        let before = SystemClock.now();
        let ago = since("60m").unwrap();
        let hour = Duration::from_secs(3600);
        assert!(before.minus(hour) <= ago && ago <= SystemClock.now().minus(hour), "{ago:?}");
        for text in ["", "h", "5", "5w", "-5h", "yesterday", "99999999999999999999d", "5é"] {
            assert!(since(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let shown = table(["a", "bb"], &[["xyz".into(), "1".into()], ["é".into(), "22".into()]]);
        assert_eq!(shown, "a    bb\nxyz  1\né    22\n");
    }
}
