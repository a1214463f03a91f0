//! Deciding and committing until the two agree: a decision rests on what was read, and the store
//! says when that has changed.

use std::time::Duration;

use super::Broker;
use crate::core::SettleError;
use crate::store::{CommitError, Committed, ReadError, WriteSet};

/// Conflicts and bounds in a row before giving up. Nearly each means that somebody else got something done.
pub(super) const CONFLICTS_MAX: u32 = 64;
/// Pauses while the store's queue or disk is full; about ten seconds in all.
const FULL_MAX: u32 = 100;
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// Why a decision could not be made durable.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undecided {
    /// What it rests on cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The reservation cannot be ended.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// It cannot be committed.
    #[error(transparent)]
    Commit(CommitError),
    /// It was in conflict with others again and again.
    #[error("in conflict {CONFLICTS_MAX} times in a row")]
    Conflicts,
}

impl Undecided {
    /// Whether only a restart can help.
    pub(super) fn is_for_good(&self) -> bool {
        matches!(self, Self::Commit(CommitError::Refusing(_)))
    }
}

/// What to do after a failed commit.
pub(super) enum Next {
    /// Read and decide again.
    Again,
    /// A bound failed: let the core say what that means.
    Bound(CommitError),
}

/// How often a decision was tried.
#[derive(Default)]
pub(super) struct Tries {
    conflicts: u32,
    full: u32,
}

impl Tries {
    /// What to do about the error; pauses where the store asks for it.
    pub(super) async fn after(&mut self, error: CommitError) -> Result<Next, Undecided> {
        match error {
            // Where the core has no code for a bound it decides again, and must not do so for ever.
            CommitError::Expectation(_) | CommitError::Bound { .. } if self.conflicts == CONFLICTS_MAX => {
                Err(Undecided::Conflicts)
            }
            CommitError::Expectation(_) => {
                self.conflicts += 1;
                Ok(Next::Again)
            }
            CommitError::Bound { .. } => {
                self.conflicts += 1;
                Ok(Next::Bound(error))
            }
            CommitError::Busy | CommitError::Full if self.full < FULL_MAX => {
                self.full += 1;
                tokio::time::sleep(FULL_PAUSE).await;
                Ok(Next::Again)
            }
            CommitError::Busy | CommitError::Full | CommitError::TooLarge { .. } | CommitError::Refusing(_) => {
                Err(Undecided::Commit(error))
            }
        }
    }
}

impl Broker {
    /// Commits, and counts how that went.
    pub(super) async fn commit(&self, write_set: WriteSet) -> Result<Committed, CommitError> {
        let begun = std::time::Instant::now();
        let committed = self.parts.store.commit(write_set).await;
        let outcome = match &committed {
            Ok(_) => "committed",
            Err(CommitError::Expectation(_)) => "conflict",
            Err(CommitError::Bound { .. }) => "bound",
            Err(CommitError::Busy) => "busy",
            Err(CommitError::TooLarge { .. }) => "too-large",
            Err(CommitError::Full) => "disk-full",
            Err(CommitError::Refusing(_)) => "refusing",
        };
        self.parts.metrics.commit(outcome, begun.elapsed());
        committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Key;

    fn bound() -> CommitError {
        CommitError::Bound { counter: Key::of("available"), value: 0, delta: -1 }
    }

    /// A decision that meets a bound for which the core has no code is made anew, and may meet it again.
    #[tokio::test]
    async fn d6_neither_conflicts_nor_bounds_are_met_for_ever() {
        for error in [bound(), CommitError::Expectation(Key::of("transaction"))] {
            let mut tries = Tries::default();
            for _ in 0..CONFLICTS_MAX {
                assert!(tries.after(error.clone()).await.is_ok(), "{error}");
            }
            assert!(matches!(tries.after(error.clone()).await, Err(Undecided::Conflicts)), "{error}");
        }
    }
}
