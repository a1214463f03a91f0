//! Checks SecurityCredentials, off the async threads, and counts the failures durably.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::{Tag, VerifiedCache};
use super::keys::{OpenFault, Opened};
use super::password::HashMemory;
use super::record::{Credential, expiry, key, read};
use super::source::{SourceFailures, read_source, source_key};
use super::{CredentialKeys, CredentialRefusal, CredentialSettings, CredentialVerdict, HashError, PasswordHash};
use crate::access::shares::{NoShare, Shares};
use crate::access::turns::Turns;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::store::{CommitError, Key, Store, WriteSet, encode};
use crate::telemetry::audit::Audit;

/// Hashes at a time: each takes a processor and memory of its own, and everybody else needs some.
const HASHES_MAX: usize = 2;
/// Credentials that may wait for their hash, each third party's share of them as in [`Shares`]. At
/// two at a time and 20 ms each, the last of them waits for ten seconds.
const WAITING_MAX: usize = 1024;
/// Attempts to write an outcome while others change the same record.
const SETTLE_ATTEMPTS_MAX: usize = 8;

/// In whose turn hashes are computed that operators of the provider ask for; no third party is called so.
const EXAMINER: &str = "";

/// What checks credentials.
pub(in crate::access) struct Verifier {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub audit: Arc<Audit>,
    pub settings: CredentialSettings,
    pub keys: Arc<CredentialKeys>,
    cache: VerifiedCache,
    /// Who waits for a hash.
    places: Arc<Shares>,
    /// Who may hash.
    turns: Arc<Turns>,
    /// What hashes are computed in: as many as may work at a time, and no more, however many come (D6).
    memories: Arc<Mutex<Vec<HashMemory>>>,
    /// Hashes computed so far: every refusal costs one (S6).
    pub hashes: Arc<AtomicU64>,
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
            places: Shares::new(WAITING_MAX),
            turns: Turns::new(HASHES_MAX),
            memories: Arc::default(),
            hashes: Arc::default(),
            nobody: PasswordHash::new(b"nobody", settings.cost, entropy)?,
        })
    }

    /// Checks the credential of this operator, which `source` sent; none is an operator that does
    /// not exist.
    pub async fn verify(
        self: &Arc<Self>,
        third_party: &str,
        operator: Option<u64>,
        security_credential: &str,
    ) -> CredentialVerdict {
        let security_credential = security_credential.trim();
        if let Some(operator) = operator
            && self.was_verified(operator, security_credential)
        {
            return CredentialVerdict::Verified;
        }
        let verdict = match self.places.take(third_party) {
            Ok(place) => {
                // In a task of its own: who goes away in the middle must not escape the counting.
                let (this, text, source) = (self.clone(), security_credential.to_owned(), third_party.to_owned());
                let task = tokio::spawn(async move {
                    let verdict = this.verify_anew(&source, operator, text).await;
                    drop(place);
                    verdict
                });
                task.await.unwrap_or(CredentialVerdict::Refused(CredentialRefusal::Unavailable))
            }
            Err(NoShare::PartyHasItsShare) => CredentialVerdict::Refused(CredentialRefusal::Crowded),
            Err(NoShare::AllTaken) => CredentialVerdict::Refused(CredentialRefusal::Unavailable),
        };
        let operator = operator.map_or_else(|| "unknown".to_owned(), |operator| operator.to_string());
        let who = [("third_party", third_party), ("operator", &*operator)];
        match verdict {
            // What was remembered is no other sign-in than the one before it.
            CredentialVerdict::Verified => self.audit.record_often("credential-verified", &who, &[]),
            CredentialVerdict::Refused(refusal) => {
                let [third_party, operator] = who;
                self.audit.record_often(
                    "credential-refused",
                    &[third_party, operator, ("reason", refusal.reason())],
                    &[],
                );
            }
        }
        verdict
    }

    /// What would become of the credential, if `verify` were asked. Nothing is counted, and nothing
    /// remembered.
    pub async fn examine(&self, operator: Option<u64>, security_credential: &str) -> CredentialVerdict {
        const UNAVAILABLE: CredentialVerdict = CredentialVerdict::Refused(CredentialRefusal::Unavailable);
        let Some(_turn) = self.turns.take(EXAMINER).await else { return UNAVAILABLE };
        let Some(judged) = self.judge(operator, security_credential.trim().to_owned()).await else {
            return UNAVAILABLE;
        };
        let Some(operator) = operator else { return CredentialVerdict::Refused(CredentialRefusal::OperatorUnknown) };
        match read(&*self.store, operator) {
            Ok(Some((credential, _))) => match self.decide(&judged, credential) {
                Decision::Written(Ok(()), _) | Decision::Unchanged(Ok(())) => CredentialVerdict::Verified,
                Decision::Written(Err(refusal), _) | Decision::Unchanged(Err(refusal)) => {
                    CredentialVerdict::Refused(refusal)
                }
            },
            Ok(None) => CredentialVerdict::Refused(CredentialRefusal::OperatorUnknown),
            Err(_) => UNAVAILABLE,
        }
    }

    /// Whether a credential of this party's waits for its hash.
    #[cfg(test)]
    pub fn waits(&self, third_party: &str) -> bool {
        self.turns.waits(third_party)
    }

    /// How many memories for hashes there are at rest.
    #[cfg(test)]
    pub(super) fn memories(&self) -> usize {
        lock(&self.memories).len()
    }

    fn was_verified(&self, operator: u64, security_credential: &str) -> bool {
        let Ok(Some((Credential::Active { set_at, .. }, version))) = read(&*self.store, operator) else { return false };
        let in_time = self.clock.now() < expiry(set_at, self.settings.password_days_max);
        in_time && self.cache.contains(&self.cache.tag(operator, version, security_credential))
    }

    async fn verify_anew(
        self: Arc<Self>,
        third_party: &str,
        operator: Option<u64>,
        security_credential: String,
    ) -> CredentialVerdict {
        // Kept until the outcome is counted, so that not more attempts than this can run ahead of
        // the count.
        let Some(_turn) = self.turns.take(third_party).await else {
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
            Some(judged) => self.settle(third_party, operator, judged, &security_credential).await,
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
        let (keys, nobody, hashes) = (self.keys.clone(), self.nobody.clone(), self.hashes.clone());
        let memories = self.memories.clone();
        let work = tokio::task::spawn_blocking(move || {
            let Opened { password, fault } = keys.open(&security_credential);
            hashes.fetch_add(1, Ordering::Relaxed);
            // Those who hash hold a turn, so there are never more of them than turns.
            let mut memory = lock(&memories).pop().unwrap_or_default();
            let matches = against.as_ref().unwrap_or(&nobody).is_of(&password, &mut memory);
            lock(&memories).push(memory);
            let matches = matches.ok()?;
            Some(Judged { fault, matches: matches && against.is_some(), against })
        });
        work.await.ok().flatten()
    }

    /// Decides on the records as they are now, and writes what follows. Every refusal writes once, so
    /// that they take the same time.
    async fn settle(
        &self,
        third_party: &str,
        operator: Option<u64>,
        judged: Judged,
        security_credential: &str,
    ) -> Result<Tag, CredentialRefusal> {
        for _ in 0..SETTLE_ATTEMPTS_MAX {
            let source = read_source(&*self.store, third_party).map_err(|_| CredentialRefusal::Unavailable)?;
            if source.is_some_and(|(failures, _)| failures.stopped(&self.settings, self.clock.now())) {
                return Err(self.decoy(CredentialRefusal::SourceStopped).await);
            }
            let Some(operator) = operator else { return Err(self.decoy(CredentialRefusal::OperatorUnknown).await) };
            let present = read(&*self.store, operator).map_err(|_| CredentialRefusal::Unavailable)?;
            let Some((credential, version)) = present else {
                return Err(self.decoy(CredentialRefusal::OperatorUnknown).await);
            };
            let (outcome, after) = match self.decide(&judged, credential) {
                Decision::Written(outcome, after) => (outcome, after),
                Decision::Unchanged(Ok(())) => return Ok(self.cache.tag(operator, version, security_credential)),
                Decision::Unchanged(Err(refusal)) => return Err(self.decoy(refusal).await),
            };
            let mut write_set = WriteSet::new();
            write_set.expect_version(key(operator), version);
            write_set.put(key(operator), encode(&after));
            if outcome.is_err() {
                self.count_for_source(&mut write_set, third_party, source);
            }
            match self.store.commit(write_set).await {
                Ok(committed) => {
                    if matches!(after, Credential::Locked { .. }) {
                        let fields = [("operator", &*operator.to_string()), ("third_party", third_party)];
                        self.audit.record("credential-locked", &fields);
                    }
                    return outcome.map(|()| self.cache.tag(operator, committed.sequence, security_credential));
                }
                Err(CommitError::Expectation(_)) => {}
                // A wrong password stays wrong; a right one must not count before its failures are gone.
                Err(_) => return Err(outcome.err().unwrap_or(CredentialRefusal::Unavailable)),
            }
        }
        Err(CredentialRefusal::Unavailable)
    }

    /// A failure counts for whoever sent it, too.
    fn count_for_source(&self, write_set: &mut WriteSet, third_party: &str, before: Option<(SourceFailures, u64)>) {
        let key = source_key(third_party);
        match before {
            Some((_, version)) => write_set.expect_version(key.clone(), version),
            None => write_set.expect_absent(key.clone()),
        }
        let before = before.map(|(failures, _)| failures);
        write_set.put(key, encode(&SourceFailures::and_one_more(before, &self.settings, self.clock.now())));
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

    /// Writes something of a credential's size that means nothing, for refusals that have nothing to
    /// count: an attempt that skipped the write would be told by its time.
    async fn decoy(&self, refusal: CredentialRefusal) -> CredentialRefusal {
        let nobody = Credential::Active { hash: self.nobody.clone(), set_at: self.clock.now(), failures: 0 };
        let mut write_set = WriteSet::new();
        write_set.put(Key::of("credential_decoy"), encode(&nobody));
        write_set.put(
            Key::of("credential_decoy").text("source"),
            encode(&SourceFailures::and_one_more(None, &self.settings, self.clock.now())),
        );
        // The refusal holds whether or not the decoy was written.
        let _ = self.store.commit(write_set).await;
        refusal
    }
}

fn lock(memories: &Mutex<Vec<HashMemory>>) -> MutexGuard<'_, Vec<HashMemory>> {
    memories.lock().unwrap_or_else(PoisonError::into_inner)
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
