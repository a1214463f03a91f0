//! `lango receive`: callbacks as a third party's server would receive them, printed as they come.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use hyper::StatusCode;
use tokio::net::TcpListener;

use super::ConfigArgument;
use super::deployment::{ReadDemonstration, read_demonstration};
use super::receiver::{Call, Receiver, Script};
use super::soap_client::Identity;
use crate::mminterface::{ValidationResult, write_acknowledgement, write_confirmation_result, write_validation_result};

/// The account that the demonstration's shop does not know.
pub(super) const UNKNOWN_ACCOUNT: &str = "UNKNOWN";

/// Arguments of `lango receive`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Stop after so many callbacks
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Runs `lango receive`.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let demonstration = read_demonstration(&arguments.config.config)?;
    super::runtime()?.block_on(receive(&demonstration, arguments.count))
}

async fn receive(demonstration: &ReadDemonstration, count: Option<u64>) -> Result<ExitCode> {
    let file = &demonstration.file.receiver;
    let listener =
        TcpListener::bind(("127.0.0.1", file.port)).await.with_context(|| format!("port {} is taken", file.port))?;
    let identity = Identity { certificate: demonstration.read(&file.cert)?, key: demonstration.read(&file.key)? };
    let mut receiver = Receiver::start(listener, &identity, &demonstration.read(&file.client_ca)?, script())?;
    println!("receiving at {}; refuses payments to the account {UNKNOWN_ACCOUNT}", file.url);
    let mut received = 0;
    while count.is_none_or(|count| received < count) {
        let Some(call) = receiver.next(Duration::from_secs(3600)).await else { continue };
        received += 1;
        println!("\n{}\n{}", call.path, call.body);
    }
    Ok(ExitCode::SUCCESS)
}

/// How the demonstration's shop answers: it takes everything but payments to accounts that it does
/// not know.
pub(super) fn script() -> Arc<Script> {
    Arc::new(|call: &Call| {
        let body = match call.path.as_str() {
            "/validation" if call.body.contains(&format!("<BillRefNumber>{UNKNOWN_ACCOUNT}<")) => {
                validation("C2B00012", "Invalid Account number", None)
            }
            "/validation" => validation("0", "Service processing successful", Some("duka-1")),
            "/confirmation" => write_confirmation_result(text_between(&call.body, "<TransID>", "</TransID>")),
            _ => write_acknowledgement("00000000", "success"),
        };
        (StatusCode::OK, body)
    })
}

fn validation(code: &str, description: &str, third_party_trans_id: Option<&str>) -> String {
    write_validation_result(&ValidationResult {
        result_code: code.into(),
        result_desc: Some(description.into()),
        third_party_trans_id: third_party_trans_id.map(str::to_owned),
    })
}

/// What stands between two marks, as a legacy program would cut it out; empty if it is not there.
fn text_between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.map_or("", |(between, _)| between)
}
