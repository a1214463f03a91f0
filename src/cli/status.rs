//! `lango status`: how the running node is.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::ConfigArgument;
use super::desk::{Desk, print_json};

/// Arguments of `lango status`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Runs `lango status`.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let desk = Desk::of(&arguments.config.config)?;
    let status = desk.ask("status", Value::Null)?;
    if arguments.json {
        print_json(&status)?
    } else {
        print!("{}", table(&desk, &status))
    }
    Ok(ExitCode::SUCCESS)
}

fn table(desk: &Desk, status: &Value) -> String {
    let show = |pointer: &str| match status.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let refusing = match status.pointer("/store/refusing") {
        Some(Value::String(reason)) => format!("REFUSING: {reason}"),
        _ => "taking commits".to_owned(),
    };
    let away = match status.get("away").filter(|away| !away.is_null()) {
        Some(away) => format!(", which is AWAY since {}: {}", desk.time(&away["since"]), show("/away/reason")),
        None => String::new(),
    };
    let mut lines = vec![
        format!("lango      {}, up {} s", show("/version"), show("/up_seconds")),
        format!("doors      third parties {}, handset {}", show("/doors/third_party"), show("/doors/handset")),
        format!("           plain {}, metrics {}", show("/doors/plain"), show("/doors/metrics")),
        format!("whitelist  {} networks, {} third parties", show("/whitelisted_networks"), show("/third_parties")),
        format!(
            "store      {refusing}; {} commits, {} in the index",
            show("/store/sequence"),
            show("/store/checkpoint")
        ),
        format!("requests   {} waiting for the core{away}", show("/requests_waiting")),
        format!(
            "callbacks  {} delivered, {} to be tried again, {} dead since the start",
            show("/callbacks/delivered"),
            show("/callbacks/retried"),
            show("/callbacks/dead")
        ),
    ];
    for (file, fault) in status.pointer("/file_faults").and_then(Value::as_object).into_iter().flatten() {
        let fault = fault.as_str().unwrap_or_default();
        lines.push(format!("FAULT      {file}: {fault}; what was before stays in force"));
    }
    for one in status.pointer("/expiring").and_then(Value::as_array).into_iter().flatten() {
        let of = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default().replace('_', " ");
        let name = one.get("name").and_then(Value::as_str).unwrap_or_default();
        lines.push(match one.get("days_left").and_then(Value::as_i64).unwrap_or_default() {
            ..0 => format!("EXPIRED    {} {name}", of("kind")),
            0 => format!("expiring   {} {name}: within a day", of("kind")),
            days => format!("expiring   {} {name}: in {days} days", of("kind")),
        });
    }
    let endpoints = status.pointer("/callbacks/endpoints").and_then(Value::as_array);
    lines.extend(endpoints.into_iter().flatten().map(of_endpoint));
    lines.join("\n") + "\n"
}

/// What waits for an endpoint.
fn of_endpoint(endpoint: &Value) -> String {
    let of = |key: &str| endpoint.get(key).map(|value| value.to_string()).unwrap_or_default();
    let is = |key: &str| endpoint.get(key).and_then(Value::as_bool).unwrap_or_default();
    let name = endpoint.get("endpoint").and_then(Value::as_str).unwrap_or_default();
    let breaker = if is("breaker_open") { ", left alone for a while" } else { "" };
    // No more are looked at than a queue has in memory.
    let more = if is("more") { " or more" } else { "" };
    format!("           {name}: {}{more} waiting, {} in flight{breaker}", of("waiting"), of("in_flight"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoint_s_line_says_whether_more_wait_than_were_counted() {
        let endpoint = |more: bool| {
            let name = "https://duka.example:443";
            json!({ "endpoint": name, "waiting": 512, "more": more, "in_flight": 8, "breaker_open": !more })
        };
        let line = of_endpoint(&endpoint(true));
        assert_eq!(line, "           https://duka.example:443: 512 or more waiting, 8 in flight");
        let line = of_endpoint(&endpoint(false));
        assert_eq!(line, "           https://duka.example:443: 512 waiting, 8 in flight, left alone for a while");
    }
}
