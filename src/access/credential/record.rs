//! What is on record about an operator's credential, and how it changes. Pure: no clock, no store.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::password::PasswordHash;
use crate::clock::Timestamp;
use crate::store::{Key, Read, ReadError, Stored, decode};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a credential stands in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credential {
    /// Pending Active: no password was set yet.
    Pending,
    /// In use.
    Active {
        /// The password's hash.
        hash: PasswordHash,
        /// When it was set.
        set_at: Timestamp,
        /// Refused attempts since the last good one.
        failures: u32,
    },
    /// Locked after too many failures, until somebody with the right to do so unlocks it.
    Locked {
        /// The password's hash.
        hash: PasswordHash,
        /// When it was set.
        set_at: Timestamp,
    },
}

impl Stored for Credential {
    const NAME: &'static str = "credential";
}

impl Credential {
    /// The password's hash, if one was set.
    pub(super) fn hash(&self) -> Option<&PasswordHash> {
        match self {
            Credential::Pending => None,
            Credential::Active { hash, .. } | Credential::Locked { hash, .. } => Some(hash),
        }
    }

    /// The credential with a new password. A locked one stays locked: setting passwords and unlocking
    /// are the rights of different people.
    pub(super) fn with_password(self, hash: PasswordHash, now: Timestamp) -> Self {
        match self {
            Credential::Pending | Credential::Active { .. } => Credential::Active { hash, set_at: now, failures: 0 },
            Credential::Locked { .. } => Credential::Locked { hash, set_at: now },
        }
    }

    /// The credential after one more failure; none if a failure changes nothing.
    pub(super) fn failed(self, failures_max: u32) -> Option<Self> {
        match self {
            Credential::Active { hash, set_at, failures } => {
                let failures = failures.saturating_add(1);
                Some(if failures >= failures_max {
                    Credential::Locked { hash, set_at }
                } else {
                    Credential::Active { hash, set_at, failures }
                })
            }
            Credential::Pending | Credential::Locked { .. } => None,
        }
    }

    /// The credential without its failures, unlocked.
    pub(super) fn cleared(self) -> Self {
        match self {
            Credential::Pending => Credential::Pending,
            Credential::Active { hash, set_at, .. } | Credential::Locked { hash, set_at } => {
                Credential::Active { hash, set_at, failures: 0 }
            }
        }
    }
}

/// When a password set at `set_at` expires.
pub fn expiry(set_at: Timestamp, days_max: u32) -> Timestamp {
    set_at.plus(DAY.saturating_mul(days_max))
}

/// Where the credential of the operator with this id is.
pub fn key(operator: u64) -> Key {
    Key::of("credential").number(operator)
}

/// The operator's credential and its version, if there is one.
pub fn read(facts: &dyn Read, operator: u64) -> Result<Option<(Credential, u64)>, ReadError> {
    let Some(record) = facts.record(&key(operator))? else { return Ok(None) };
    Ok(Some((decode(&record)?, record.version)))
}
