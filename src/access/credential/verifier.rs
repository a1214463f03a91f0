//! Checks SecurityCredentials, off the async threads, and counts the failures durably.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::cache::{Tag, VerifiedCache};
use super::keys::{OpenFault, Opened};
use super::record::{Credential, expiry, key, read};
use super::{CredentialKeys, CredentialSettings, HashError, PasswordHash};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::store::{CommitError, Key, Store, WriteSet, encode};
use crate::telemetry::audit::Audit;

/// Hashes at a time: each takes a processor and memory of its own, and everybody else needs some.
const HASHES_MAX: usize = 2;
/// Attempts to write an outcome while others change the same record.
const SETTLE_ATTEMPTS_MAX: usize = 8;

/// What became of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialVerdict {
    /// It is the operator's.
    Verified,
    /// It is not, or may not be used.
    Refused(CredentialRefusal),
}

/// The private reason of a refusal. To the caller they are all the same (S6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialRefusal {
    /// There is no such operator, or it has no credential.
    OperatorUnknown,
    /// No password was set yet.
    Pending,
    /// Locked after too many failures.
    Locked,
    /// It is no base64 of an encrypted password's length.
    Base64,
    /// No key found a password in it.
    Padding,
    /// The password is wrong.
    Password,
    /// The password is right, but too old.
    Expired,
    /// The store or the hash failed, so that nothing is known.
    Unavailable,
}

impl CredentialRefusal {
    /// The reason, as logs, metrics and the audit name it.
    pub fn reason(self) -> &'static str {
        match self {
            CredentialRefusal::OperatorUnknown => "operator-unknown",
            CredentialRefusal::Pending => "credential-pending",
            CredentialRefusal::Locked => "credential-locked",
            CredentialRefusal::Base64 => "credential-base64",
            CredentialRefusal::Padding => "credential-padding",
            CredentialRefusal::Password => "password-wrong",
            CredentialRefusal::Expired => "password-expired",
            CredentialRefusal::Unavailable => "credential-unavailable",
        }
    }
}

impl fmt::Display for CredentialRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// What checks credentials.
pub(in crate::access) struct Verifier {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub audit: Arc<Audit>,
    pub settings: CredentialSettings,
    keys: Arc<CredentialKeys>,
    cache: VerifiedCache,
    hashes: Arc<Semaphore>,
    /// What is hashed against where there is nothing to hash against.
    nobody: PasswordHash,
}

/// What opening and hashing found, and against which hash; none: against nobody's.
struct Judged {
    fault: Option<OpenFault>,
    matches: bool,
    against: Option<PasswordHash>,
}

impl Verifier {
    pub fn new(
        store: Arc<dyn Store>,
        keys: CredentialKeys,
        settings: CredentialSettings,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        audit: Arc<Audit>,
    ) -> Result<Self, HashError> {
        Ok(Self {
            store,
            clock,
            audit,
            settings,
            keys: Arc::new(keys),
            cache: VerifiedCache::new(settings.cache_entries_max, entropy),
            hashes: Arc::new(Semaphore::new(HASHES_MAX)),
            nobody: PasswordHash::new(b"nobody", settings.cost, entropy)?,
        })
    }

    /// Checks the credential of this operator; none is an operator that does not exist.
    pub async fn verify(self: &Arc<Self>, operator: Option<u64>, security_credential: &str) -> CredentialVerdict {
        let security_credential = security_credential.trim();
        if let Some(operator) = operator
            && self.was_verified(operator, security_credential)
        {
            return CredentialVerdict::Verified;
        }
        // In a task of its own: who goes away in the middle must not escape the counting.
        let (this, text) = (self.clone(), security_credential.to_owned());
        let verdict = tokio::spawn(async move { this.verify_anew(operator, text).await }).await;
        let verdict = verdict.unwrap_or(CredentialVerdict::Refused(CredentialRefusal::Unavailable));
        if let CredentialVerdict::Refused(refusal) = verdict {
            let operator = operator.map_or_else(|| "unknown".to_owned(), |operator| operator.to_string());
            self.audit.record("credential-refused", &[("operator", &operator), ("reason", refusal.reason())]);
        }
        verdict
    }

    fn was_verified(&self, operator: u64, security_credential: &str) -> bool {
        let Ok(Some((Credential::Active { set_at, .. }, version))) = read(&*self.store, operator) else { return false };
        let in_time = self.clock.now() < expiry(set_at, self.settings.password_days_max);
        in_time && self.cache.contains(&self.cache.tag(operator, version, security_credential))
    }

    async fn verify_anew(self: Arc<Self>, operator: Option<u64>, security_credential: String) -> CredentialVerdict {
        // Kept until the outcome is counted, so that not more attempts than this can run ahead of
        // the count.
        let Ok(_permit) = self.hashes.clone().acquire_owned().await else {
            return CredentialVerdict::Refused(CredentialRefusal::Unavailable);
        };
        // Clients come back all at once, each with the same credential: while this one waited for its
        // turn, another may have been found to be right.
        if let Some(operator) = operator
            && self.was_verified(operator, &security_credential)
        {
            return CredentialVerdict::Verified;
        }
        let outcome = match self.judge(operator, security_credential.clone()).await {
            Some(judged) => self.settle(operator, judged, &security_credential).await,
            None => Err(CredentialRefusal::Unavailable),
        };
        match outcome {
            Ok(tag) => {
                self.cache.insert(tag);
                CredentialVerdict::Verified
            }
            Err(refusal) => CredentialVerdict::Refused(refusal),
        }
    }

    /// Opens and hashes, the same work whatever is found.
    async fn judge(&self, operator: Option<u64>, security_credential: String) -> Option<Judged> {
        let credential = match operator {
            Some(operator) => read(&*self.store, operator).ok()?.map(|(credential, _)| credential),
            None => None,
        };
        let against = credential.and_then(|credential| credential.hash().cloned());
        let (keys, nobody) = (self.keys.clone(), self.nobody.clone());
        let work = tokio::task::spawn_blocking(move || {
            let Opened { password, fault } = keys.open(&security_credential);
            let matches = against.as_ref().unwrap_or(&nobody).is_of(&password).ok()?;
            Some(Judged { fault, matches: matches && against.is_some(), against })
        });
        work.await.ok().flatten()
    }

    /// Decides on the record as it is now, and writes what follows. Every refusal writes once, so
    /// that they take the same time.
    async fn settle(
        &self,
        operator: Option<u64>,
        judged: Judged,
        security_credential: &str,
    ) -> Result<Tag, CredentialRefusal> {
        let Some(operator) = operator else { return Err(self.decoy(CredentialRefusal::OperatorUnknown).await) };
        for _ in 0..SETTLE_ATTEMPTS_MAX {
            let present = read(&*self.store, operator).map_err(|_| CredentialRefusal::Unavailable)?;
            let Some((credential, version)) = present else {
                return Err(self.decoy(CredentialRefusal::OperatorUnknown).await);
            };
            let (outcome, after) = match self.decide(&judged, credential) {
                Decision::Written(outcome, after) => (outcome, after),
                Decision::Unchanged(Ok(())) => return Ok(self.cache.tag(operator, version, security_credential)),
                Decision::Unchanged(Err(refusal)) => return Err(self.decoy(refusal).await),
            };
            match self.write(operator, version, &after).await {
                Ok(version) => {
                    if matches!(after, Credential::Locked { .. }) {
                        self.audit.record("credential-locked", &[("operator", &operator.to_string())]);
                    }
                    return outcome.map(|()| self.cache.tag(operator, version, security_credential));
                }
                Err(CommitError::Expectation(_)) => {}
                // A wrong password stays wrong; a right one must not count before its failures are gone.
                Err(_) => return Err(outcome.err().unwrap_or(CredentialRefusal::Unavailable)),
            }
        }
        Err(CredentialRefusal::Unavailable)
    }

    fn decide(&self, judged: &Judged, credential: Credential) -> Decision {
        let (set_at, failures) = match &credential {
            Credential::Pending => return Decision::Unchanged(Err(CredentialRefusal::Pending)),
            Credential::Locked { .. } => return Decision::Unchanged(Err(CredentialRefusal::Locked)),
            Credential::Active { set_at, failures, .. } => (*set_at, *failures),
        };
        // What matched a hash that was replaced meanwhile is an old password.
        let matches = judged.matches && judged.against.as_ref() == credential.hash();
        let refusal = match judged.fault {
            Some(OpenFault::Base64) => Some(CredentialRefusal::Base64),
            Some(OpenFault::Padding) => Some(CredentialRefusal::Padding),
            None if !matches => Some(CredentialRefusal::Password),
            None => None,
        };
        match refusal {
            // All three count: if only those with good padding did, the lock would tell which they are.
            Some(refusal) => match credential.failed(self.settings.failures_max) {
                Some(after) => Decision::Written(Err(refusal), after),
                None => Decision::Unchanged(Err(refusal)),
            },
            None if self.clock.now() >= expiry(set_at, self.settings.password_days_max) => {
                Decision::Unchanged(Err(CredentialRefusal::Expired))
            }
            None if failures > 0 => Decision::Written(Ok(()), credential.cleared()),
            None => Decision::Unchanged(Ok(())),
        }
    }

    async fn write(&self, operator: u64, version: u64, after: &Credential) -> Result<u64, CommitError> {
        let mut write_set = WriteSet::new();
        write_set.expect_version(key(operator), version);
        write_set.put(key(operator), encode(after));
        self.store.commit(write_set).await.map(|committed| committed.sequence)
    }

    /// Writes something of a credential's size that means nothing, for refusals that have nothing to
    /// count: an attempt that skipped the write would be told by its time.
    async fn decoy(&self, refusal: CredentialRefusal) -> CredentialRefusal {
        let nobody = Credential::Active { hash: self.nobody.clone(), set_at: self.clock.now(), failures: 0 };
        let mut write_set = WriteSet::new();
        write_set.put(Key::of("credential_decoy"), encode(&nobody));
        // The refusal holds whether or not the decoy was written.
        let _ = self.store.commit(write_set).await;
        refusal
    }
}

/// What follows from an attempt.
enum Decision {
    /// Nothing on record changes.
    Unchanged(Result<(), CredentialRefusal>),
    /// The record becomes this one.
    Written(Result<(), CredentialRefusal>, Credential),
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("settings", &self.settings).finish_non_exhaustive()
    }
}
