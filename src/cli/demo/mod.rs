//! `lango demo`: a whole deployment in a temporary folder, a node on real sockets, a third party
//! with a server for callbacks, and a story that checks itself.

mod refusals;
pub mod stage;
mod story;
pub mod teller;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use crate::clock::SystemClock;
use crate::config::{Log, LogFormat};
use crate::entropy::{Entropy, SystemEntropy};
use crate::node::Seams;
use crate::telemetry::logs;
use stage::Stage;
use teller::Teller;

/// Arguments of `lango demo`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print every message as it goes over the wire
    #[arg(long)]
    wire: bool,
    /// Keep the deployment's folder, to look into it
    #[arg(long)]
    keep: bool,
}

/// Runs `lango demo`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    // What is expected to be refused is refused; only what goes wrong inside is worth a line.
    logs::start(&Log { level: "error".into(), format: LogFormat::Text })?;
    let begun = Instant::now();
    let folder = Folder::make(arguments.keep)?;
    let mut teller = Teller::new(arguments.wire);
    super::runtime()?.block_on(play(&folder.path, &mut teller))?;
    if arguments.keep {
        println!("\nThe deployment is kept in {}", folder.path.display());
    }
    Ok(teller.end(begun.elapsed()))
}

async fn play(dir: &Path, teller: &mut Teller) -> Result<()> {
    let seams = Seams { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let mut stage = Stage::set(dir, seams).await?;
    teller.introduce(&stage);
    let played = async {
        story::play(&mut stage, teller).await?;
        refusals::play(&mut stage, teller).await
    }
    .await;
    stage.check_books(teller)?;
    stage.strike().await;
    played
}

/// A temporary folder; gone when this is dropped, unless it is kept.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn make(keep: bool) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("lango-demo-{:08x}", SystemEntropy.u64() as u32));
        std::fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path, keep })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is left to the machine's own cleaning of its temporary folder.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
