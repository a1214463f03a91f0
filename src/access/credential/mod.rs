//! Operators' credentials: how a SecurityCredential is opened and checked, how failures are counted
//! and lock, how a password is set. Whose credential is to be checked is for others to find out.
//!
//! S6: bad base64, bad padding, a wrong password, an unknown user and a locked one look the same to
//! the caller, in text and in time.

mod cache;
mod keys;
mod password;
mod record;
mod source;
mod verdict;
mod verifier;

pub use keys::{CredentialKeyError, CredentialKeys, security_credential};
pub use password::{
    HashCost, HashError, PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN, PasswordHash, PasswordRule, check_password,
};
pub use record::{Credential, expiry, key, read};
pub use verdict::{CredentialRefusal, CredentialVerdict};
pub(super) use verifier::Verifier;

use crate::clock::Timestamp;
use crate::config;
use crate::entropy::Entropy;
use crate::store::{Read, ReadError, WriteSet, encode};

/// The rules of credentials.
#[derive(Clone, Copy, Debug)]
pub struct CredentialSettings {
    /// Failures in a row that lock an operator.
    pub failures_max: u32,
    /// Failures of one third party, whoever's they are, that stop it for a while.
    pub source_failures_max: u32,
    /// Seconds for which they are counted together.
    pub source_failures_seconds: u64,
    /// Days after which a password must be set anew.
    pub password_days_max: u32,
    /// Verified credentials remembered.
    pub cache_entries_max: usize,
    /// What a new password's hash costs.
    pub cost: HashCost,
}

impl From<&config::Credentials> for CredentialSettings {
    fn from(settings: &config::Credentials) -> Self {
        Self {
            failures_max: settings.failures_max,
            source_failures_max: settings.source_failures_max,
            source_failures_seconds: settings.source_failures_seconds,
            password_days_max: settings.password_days_max,
            cache_entries_max: settings.cache_entries_max,
            cost: HashCost::default(),
        }
    }
}

/// Why a password was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetPasswordError {
    /// It breaks a rule.
    #[error(transparent)]
    Rule(#[from] PasswordRule),
    /// It could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The write set that gives a new operator a credential without a password (Pending Active).
pub fn create(operator: u64) -> WriteSet {
    let mut write_set = WriteSet::new();
    write_set.expect_absent(key(operator));
    write_set.put(key(operator), encode(&Credential::Pending));
    write_set
}

/// The write set that sets the operator's password, and activates a credential that has none yet.
/// Hashes for some milliseconds: not for an async thread.
pub fn set_password(
    facts: &dyn Read,
    operator: u64,
    password: &str,
    cost: HashCost,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<WriteSet, SetPasswordError> {
    check_password(password)?;
    let hash = PasswordHash::new(password.as_bytes(), cost, entropy)?;
    let mut write_set = WriteSet::new();
    let before = match read(facts, operator)? {
        Some((credential, version)) => {
            write_set.expect_version(key(operator), version);
            credential
        }
        None => {
            write_set.expect_absent(key(operator));
            Credential::Pending
        }
    };
    write_set.put(key(operator), encode(&before.with_password(hash, now)));
    Ok(write_set)
}

/// The write set that unlocks the operator; empty if there is no such credential.
pub fn unlock(facts: &dyn Read, operator: u64) -> Result<WriteSet, ReadError> {
    let mut write_set = WriteSet::new();
    if let Some((credential, version)) = read(facts, operator)? {
        write_set.expect_version(key(operator), version);
        write_set.put(key(operator), encode(&credential.cleared()));
    }
    Ok(write_set)
}

#[cfg(test)]
mod tests;
