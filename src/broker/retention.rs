//! Forgets the legs of conversations that are older than the settings keep them (D6). What was asked
//! and what became of it stays: only the messages go.

use std::sync::Arc;
use std::time::Duration;

use super::Broker;
use super::trace;
use crate::store::{CommitError, ReadError, WriteSet};

/// How often old legs are looked for.
const EVERY: Duration = Duration::from_secs(3600);
/// Legs forgotten in one commit.
const PAGE: usize = 200;
/// A day.
const DAY: Duration = Duration::from_secs(86_400);

/// Why legs could not be forgotten.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForgetError {
    /// They cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Their end cannot be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Broker {
    /// Forgets old legs, now and every hour. Ends with the task that runs it.
    pub async fn watch_trace(self: Arc<Self>) {
        loop {
            match self.forget_legs().await {
                Ok(0) => {}
                Ok(legs) => tracing::info!(legs, "old legs of conversations were forgotten"),
                // The next hour tries again.
                Err(error) => tracing::error!(%error, "old legs of conversations could not be forgotten"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Forgets the legs of all conversations that began before the days to be kept. Returns how many.
    pub(super) async fn forget_legs(&self) -> Result<usize, ForgetError> {
        let kept = DAY.saturating_mul(self.parts.limits.trace_days);
        let oldest = self.parts.clock.now().minus(kept);
        let mut range = trace::legs_before(&self.parts.zone.date(oldest));
        let mut forgotten = 0;
        loop {
            let page = self.parts.store.range(&range, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(forgotten) };
            range = range.after(last);
            let mut write_set = WriteSet::new();
            forgotten += page.len();
            page.into_iter().for_each(|(key, _)| write_set.delete(key));
            self.commit(write_set).await?;
        }
    }
}
