//! What a node does from time to time: look whether the whitelist was edited, sync the audit log.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::access::Access;
use crate::callbacks::HttpTransport;
use crate::server::Doors;
use crate::telemetry::audit::Audit;
use crate::telemetry::metrics::Metrics;

const EVERY: Duration = Duration::from_secs(1);

/// Puts a saved whitelist in force, at most a second after it was saved. One with a fault changes
/// nothing.
pub(super) async fn whitelist(
    path: PathBuf,
    access: Arc<Access>,
    transport: Arc<HttpTransport>,
    metrics: Arc<Metrics>,
    doors: Arc<Doors>,
) {
    let mut seen = stamp(&path);
    loop {
        tokio::time::sleep(EVERY).await;
        let now = stamp(&path);
        if now == seen {
            continue;
        }
        seen = now;
        match reload(&path, &access) {
            Ok(networks) => {
                metrics.whitelist_replaced(networks);
                transport.forget();
                doors.recheck();
                tracing::info!(path = %path.display(), networks, "whitelist replaced");
            }
            Err(error) => {
                metrics.whitelist_refused();
                tracing::error!(path = %path.display(), error, "the whitelist has a fault; the one before stays in force");
            }
        }
    }
}

fn reload(path: &Path, access: &Access) -> Result<usize, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    access.reload_whitelist(&text).map_err(|error| error.to_string())?;
    Ok(access.whitelist().networks().count())
}

/// What tells a saved file from the one before: editors replace files as well as rewrite them.
fn stamp(path: &Path) -> Option<(SystemTime, u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino(), metadata.len()))
}

/// Brings the audit log's newest lines to the disk.
pub(super) async fn audit(audit: Arc<Audit>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let audit = Arc::clone(&audit);
        match tokio::task::spawn_blocking(move || audit.sync()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the audit log could not be synced"),
            Err(error) => tracing::error!(%error, "the audit log's sync failed"),
        }
    }
}
