//! What a node does from time to time: look whether files were changed, whether somebody lost the right
//! to be here, whether something ends soon; sync the audit log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::expiry::Expiries;
use super::reload::Reloader;
use crate::access::Access;
use crate::clock::{Clock, Timestamp};
use crate::server::Doors;
use crate::telemetry::audit::Audit;

/// Often enough that what was revoked is gone within a second.
const FILES_EVERY: Duration = Duration::from_millis(250);
/// How long a file must stay as it is to be taken for whole.
const SETTLED_AFTER: Duration = Duration::from_millis(100);
/// Often enough for a right that ends at a moment.
const RIGHTS_EVERY: Duration = Duration::from_millis(500);
const EXPIRIES_EVERY: Duration = Duration::from_secs(60);
const AUDIT_EVERY: Duration = Duration::from_secs(1);
/// Who asks for a reload without a command.
const SIGNAL: &str = "SIGHUP";

/// Takes changed files up, or all of them when `reload` says so.
pub(super) async fn files(reloader: Arc<Reloader>, mut reload: watch::Receiver<()>) {
    loop {
        let pause = if reloader.is_something_coming() { SETTLED_AFTER } else { FILES_EVERY };
        tokio::select! {
            () = tokio::time::sleep(pause) => reloader.take_changed().await,
            changed = reload.changed() => match changed {
                Ok(()) => reloader.take_all(SIGNAL.into()).await,
                Err(_) => return,
            },
        };
    }
}

/// Has open connections ask whether they may still be here: whenever a third party or the whitelist is
/// another, and when a key or a network falls out of force.
pub(super) async fn rights(access: Arc<Access>, doors: Arc<Doors>, clock: Arc<dyn Clock>) {
    let mut news = access.news();
    let mut next_end = access.next_end(clock.now());
    loop {
        let is_due = tokio::select! {
            changed = news.changed() => match changed {
                Ok(()) => true,
                Err(_) => return,
            },
            () = tokio::time::sleep(RIGHTS_EVERY) => next_end.is_some_and(|end| end <= clock.now()),
        };
        if is_due {
            next_end = access.next_end(clock.now());
            doors.recheck();
        }
    }
}

/// Warns of what ends soon. Looks each minute of the node's clock, and when a third party changes.
pub(super) async fn expiries(expiries: Arc<Expiries>, access: Arc<Access>, clock: Arc<dyn Clock>) {
    let mut news = access.news();
    let mut last: Option<Timestamp> = None;
    loop {
        let now = clock.now();
        // A clock that was set back is looked at anew, too.
        if last.is_none_or(|last| now < last || now.since(last) >= EXPIRIES_EVERY) {
            expiries.look();
            last = Some(now);
        }
        tokio::select! {
            changed = news.changed() => match changed {
                Ok(()) => last = None,
                Err(_) => return,
            },
            () = tokio::time::sleep(RIGHTS_EVERY) => {}
        }
    }
}

/// Brings the audit log's newest lines to the disk.
pub(super) async fn audit(audit: Arc<Audit>) {
    loop {
        tokio::time::sleep(AUDIT_EVERY).await;
        let audit = Arc::clone(&audit);
        match tokio::task::spawn_blocking(move || audit.sync()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the audit log could not be synced"),
            Err(error) => tracing::error!(%error, "the audit log's sync failed"),
        }
    }
}
