//! The maintenance switch. While the core is away, requests are accepted with 100000000 and kept;
//! when it is back they are decided, and what has expired meanwhile was cancelled and its sender
//! notified in one commit (D4, protocol.md 2.1 and 3.3).
//!
//! The switch is kept in the store: a node that is restarted in the middle of the work on it does not
//! begin to move money by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Broker;
use crate::clock::Timestamp;
use crate::store::{CommitError, Key, ReadError, Stored, WriteSet, decode, encode};

/// That the core is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    /// Since when.
    pub since: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

impl Stored for Away {
    const NAME: &'static str = "the maintenance switch";
}

/// Why the switch could not be set.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// It stands like that already.
    #[error("the core is {0} already")]
    Already(&'static str),
    /// It cannot be kept.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Broker {
    /// Since when the core is away, and why; none if it is there.
    pub fn away(&self) -> Option<Away> {
        self.away.borrow().clone()
    }

    /// Sends the core away: from now on nothing is decided. What is being decided is finished.
    pub async fn send_away(&self, reason: &str) -> Result<Away, SwitchError> {
        let _one_at_a_time = self.switching.lock().await;
        if self.is_away() {
            return Err(SwitchError::Already("away"));
        }
        let away = Away { since: self.parts.clock.now(), reason: reason.to_owned() };
        let mut write_set = WriteSet::new();
        write_set.put(switch_key(), encode(&away));
        self.commit(write_set).await?;
        self.away.send_replace(Some(away.clone()));
        tracing::warn!(reason, "the core is away: requests are kept and not decided");
        Ok(away)
    }

    /// Calls the core back: what waits is decided.
    pub async fn call_back(&self) -> Result<(), SwitchError> {
        let _one_at_a_time = self.switching.lock().await;
        if !self.is_away() {
            return Err(SwitchError::Already("there"));
        }
        let mut write_set = WriteSet::new();
        write_set.delete(switch_key());
        self.commit(write_set).await?;
        self.away.send_replace(None);
        tracing::warn!(requests = self.waiting(), "the core is back: requests are decided");
        Ok(())
    }

    /// Sets the switch as the store has it.
    pub(super) fn resume_maintenance(&self) -> Result<(), ReadError> {
        let away = self.parts.store.record(&switch_key())?.as_ref().map(decode::<Away>).transpose()?;
        self.away.send_replace(away);
        Ok(())
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.borrow().is_some()
    }

    /// Waits until the core is there, or this long.
    pub(super) async fn core_back(&self, at_most: Duration) {
        let mut away = self.away.subscribe();
        // The sender lives as long as the broker; there is nobody to wait for without it.
        let _ = tokio::time::timeout(at_most, away.wait_for(Option::is_none)).await;
    }
}

fn switch_key() -> Key {
    Key::of("maintenance")
}
