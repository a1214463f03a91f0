//! `lango explain`: what would become of a third party's request, gate by gate. The running node is
//! asked, and nothing comes of it.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::ConfigArgument;
use super::desk::{Desk, list, print_json, text};
use super::party::of_certificate;

/// Arguments of `lango explain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The request's body as it was sent
    file: PathBuf,
    /// The address it came from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The client certificate (PEM) it came with
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The path it was sent to
    #[arg(long, default_value = "/mminterface/request")]
    path: String,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Runs `lango explain`. The exit code is 1 if a gate is closed.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let message = fs::read(&arguments.file).with_context(|| format!("{} cannot be read", arguments.file.display()))?;
    let key = arguments.certificate.as_deref().map(of_certificate).transpose()?.map(|(key, _)| key);
    let question = json!({
        "path": arguments.path,
        "message": STANDARD.encode(message),
        "address": arguments.from,
        "key": key,
    });
    let found = Desk::of(&arguments.config.config)?.ask("explain", question)?;
    let steps = list(&found, "steps");
    if arguments.json {
        print_json(&found)?;
    } else {
        print!("{}", told(steps));
    }
    Ok(if steps.iter().any(is_closed) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn told(steps: &[Value]) -> String {
    let line = |step: &Value| {
        let mark = match text(step, "stands").as_str() {
            "open" => "ok",
            "closed" => "CLOSED",
            _ => "-",
        };
        format!("{:13} {mark:7} {}\n", text(step, "gate"), text(step, "detail"))
    };
    let mut out: String = steps.iter().map(line).collect();
    out.push_str(&match steps.iter().find(|step| is_closed(step)) {
        None => "Nothing is in its way. Rates were not asked.\n".to_owned(),
        Some(step) => told_to_sender(step.get("told").unwrap_or(&Value::Null)),
    });
    out.push_str("Nothing was counted, and nothing has changed.\n");
    out
}

fn told_to_sender(told: &Value) -> String {
    let (code, said) = (text(told, "code"), text(told, "text"));
    match told.get("by_result").and_then(Value::as_bool) {
        Some(true) => format!("The sender is answered 0, and told by the result: {code} {said}\n"),
        Some(false) => format!("The sender is told: {code} {said}\n"),
        None => "The sender is told nothing.\n".to_owned(),
    }
}

fn is_closed(step: &Value) -> bool {
    step.get("stands").and_then(Value::as_str) == Some("closed")
}
