//! `lango serve`: the node, until it is told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use super::EXIT_USAGE;
use crate::clock::SystemClock;
use crate::config;
use crate::entropy::SystemEntropy;
use crate::node::{Listeners, Materials, Node, Seams};
use crate::telemetry::logs;

/// Runs `lango serve`.
pub(super) fn run(config: &Path) -> Result<ExitCode> {
    let settings = match config::load(config) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("lango: {error}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    logs::start(&settings.log)?;
    let materials = match Materials::read(settings) {
        Ok(materials) => materials,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("lango: {problem}"));
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let listeners = Listeners::bind(&materials.settings)?;
    super::runtime()?.block_on(serve(materials, listeners))
}

async fn serve(materials: Materials, listeners: Listeners) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?;
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be waited for")?;
    let seams = Seams { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let node = Node::start(materials, listeners, seams).await?;
    let (doors, resumed) = (node.addresses(), node.resumed());
    tracing::info!(
        third_party = %doors.third_party,
        handset = %doors.handset,
        metrics = %doors.metrics,
        requests = resumed.requests,
        payments = resumed.payments,
        "serving"
    );
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => node.reload(),
        }
    }
    tracing::info!("draining");
    let cut = node.stop().await;
    tracing::info!(cut, "stopped");
    Ok(ExitCode::SUCCESS)
}
