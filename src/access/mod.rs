//! Who may come in: whitelist, certificate identity, third parties, operators' credentials, rates.
//! Everything is refused unless a rule lets it in. Never knows money.
//!
//! The order of the gates: the address at accept ([`Access::admits`]), the certificate's key on every
//! request ([`Access::key_known`]), the header and the rates ([`Access::admit`], which gives a
//! [`Permit`]), the rate of a shortcode ([`Access::start`]), the operator's credential
//! ([`Access::verify_credential`]). Each refusal has one private reason and one public code.
//!
//! What third parties share (places, turns at hashing) is shared out among them, so that none of
//! them can crowd out the others.

pub mod authority;
pub mod credential;
pub mod third_party;
pub mod whitelist;

mod authenticate;
mod change_password;
mod examine;
mod hex;
mod identity;
mod networks;
mod new_password;
mod rates;
mod refusal;
mod shares;
mod sp_password;
mod throttle;
mod time_stamps;
mod turns;
mod validity;
mod vault;

pub use authenticate::{Claim, Permit};
pub use change_password::ChangePasswordError;
pub use credential::{
    CredentialKeys, CredentialRefusal, CredentialSettings, CredentialVerdict, HashCost, PasswordRule, SetPasswordError,
    security_credential,
};
pub use examine::GateVerdict;
pub use identity::{IdentityError, KeyFingerprint, fingerprint, gateway, valid_until};
pub use new_password::{ChangeKeyError, new_password};
pub use refusal::Refusal;
pub use shares::{NoShare, Share, Shares};
pub use sp_password::sp_password;
pub use third_party::{
    AuthenticationMode, ChangeKey, ClientKey, PreviousPassword, SealChangeKeyError, ThirdParty, ThirdPartyError,
    ToleranceSwitches,
};
pub use time_stamps::TimeStampRule;
pub use validity::{
    RevocationListPlace, Validity, certificate_subject, certificate_validity, may_sign, revocation_list_place,
    revocation_list_validity,
};
pub use vault::{Sealed, Secret, Vault, VaultError};
pub use whitelist::{CallbackHost, HostRule, NamedNetwork, NetworkKind, Whitelist, WhitelistError};

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::entropy::Entropy;
use crate::store::{CommitError, ReadError, Store, WriteSet};
use crate::telemetry::audit::Audit;
use credential::{HashError, Verifier};
use third_party::Directory;
use throttle::Throttle;

/// What [`Access`] is made of.
pub struct Parts {
    /// Where third parties and credentials are.
    pub store: Arc<dyn Store>,
    /// What opens third parties' passwords.
    pub vault: Arc<Vault>,
    /// From where they may come.
    pub whitelist: Whitelist,
    /// What opens SecurityCredentials.
    pub credential_keys: CredentialKeys,
    /// The rules of credentials.
    pub credentials: CredentialSettings,
    /// How often, and how much at a time.
    pub rates: config::Rates,
    /// Seconds for which a third party's replaced password is valid beside the new one.
    pub previous_password_seconds: u64,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where refusals and changes are recorded.
    pub audit: Arc<Audit>,
}

/// The door: every question of who may come in.
#[derive(Debug)]
pub struct Access {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    whitelist: ArcSwap<Whitelist>,
    directory: ArcSwap<Directory>,
    refreshing: Mutex<()>,
    /// Told whenever somebody may have got or lost the right to come in.
    news: watch::Sender<()>,
    /// One who is nobody, for the same work on unknown spIds.
    nobody: ThirdParty,
    verifier: Arc<Verifier>,
    throttle: Throttle,
    /// TimeStamps that count once.
    used: time_stamps::Used,
    previous_password_seconds: u64,
    started: Timestamp,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    audit: Arc<Audit>,
}

/// Why there is no [`Access`].
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The cost of a password's hash makes no sense.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The vault does not seal.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Why a third party was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It may not be what it was to be.
    #[error(transparent)]
    ThirdParty(#[from] ThirdPartyError),
    /// The store did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Access {
    /// The door, with the third parties that are in the store.
    pub fn new(parts: Parts) -> Result<Self, AccessError> {
        let Parts { store, vault, whitelist, credential_keys, credentials, rates, .. } = parts;
        let Parts { previous_password_seconds, clock, entropy, audit, .. } = parts;
        let directory = Directory::load(&*store)?;
        let nobody = authenticate::nobody(&vault, &*entropy)?;
        let verifier =
            Verifier::new(store.clone(), credential_keys, credentials, clock.clone(), &*entropy, audit.clone())?;
        Ok(Self {
            store,
            vault,
            whitelist: ArcSwap::from_pointee(whitelist),
            directory: ArcSwap::from_pointee(directory),
            refreshing: Mutex::default(),
            news: watch::Sender::new(()),
            nobody,
            verifier: Arc::new(verifier),
            throttle: Throttle::new(rates),
            used: time_stamps::Used::default(),
            previous_password_seconds,
            started: clock.now(),
            clock,
            entropy,
            audit,
        })
    }

    /// Whether a connection from this address gets as far as the handshake.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.whitelist.load().admits(address, self.clock.now())
    }

    /// Whether a certificate's key is some third party's at this time. To be asked again for every
    /// request of a kept connection.
    pub fn key_known(&self, fingerprint: &KeyFingerprint) -> bool {
        let now = self.clock.now();
        self.directory
            .load()
            .with_key(fingerprint)
            .is_some_and(|party| party.keys.iter().any(|key| key.fingerprint == *fingerprint && key.in_force(now)))
    }

    /// Hears whenever the whitelist or a third party is another than before: time for open connections
    /// to ask again.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The first moment after `after` at which a key or a network that is on record falls out of
    /// force; none if none does.
    pub fn next_end(&self, after: Timestamp) -> Option<Timestamp> {
        let directory = self.directory.load();
        let keys = directory.all().flat_map(|party| &party.keys).map(ClientKey::end);
        keys.filter(|end| *end > after).chain(self.whitelist.load().next_end(after)).min()
    }

    /// Counts one request that a shortcode starts. Only a third party that acts for the shortcode can
    /// take from its rate: to all others it is a number like any other, which the core refuses.
    pub fn start(&self, permit: &Permit, shortcode: &str) -> Result<(), Refusal> {
        let own = permit.third_party().shortcodes.iter().any(|own| own == shortcode);
        if own { self.throttle.start(shortcode, self.clock.now()) } else { Ok(()) }
    }

    /// Checks the SecurityCredential of an operator for whoever sent it: a third party by its name, or
    /// a user of the commands as the audit log names it. No operator is one that does not exist.
    /// Failures are counted before this returns, for the operator and for the source.
    pub async fn verify_credential(
        &self,
        source: &str,
        operator: Option<u64>,
        security_credential: &str,
    ) -> CredentialVerdict {
        self.verifier.verify(source, operator, security_credential).await
    }

    /// The write set that sets an operator's password. Hashes for some milliseconds: not for an async
    /// thread.
    pub fn set_password(&self, operator: u64, password: &str) -> Result<WriteSet, SetPasswordError> {
        let cost = self.verifier.settings.cost;
        credential::set_password(&*self.store, operator, password, cost, self.clock.now(), &*self.entropy)
    }

    /// Days after which a password must be set anew.
    pub fn password_days_max(&self) -> u32 {
        self.verifier.settings.password_days_max
    }

    /// The whitelist in force.
    pub fn whitelist(&self) -> Arc<Whitelist> {
        self.whitelist.load_full()
    }

    /// Replaces the whitelist by what this text says, or leaves it as it is if the text has a fault.
    /// Every line that is another comes on the audit log, whoever edited the file.
    pub fn reload_whitelist(&self, text: &str) -> Result<(), WhitelistError> {
        match Whitelist::parse(text) {
            Ok(whitelist) => {
                let networks = whitelist.networks().count().to_string();
                let changes = self.whitelist.load().changes_to(&whitelist);
                self.whitelist.store(Arc::new(whitelist));
                self.news.send_replace(());
                whitelist::changes::record(&changes, &self.audit);
                self.audit.record("whitelist-reloaded", &[("networks", &networks)]);
                Ok(())
            }
            Err(error) => {
                self.audit.record("whitelist-refused", &[("error", &error.to_string())]);
                Err(error)
            }
        }
    }

    /// The third party to which a certificate's key belongs, whether or not it is in force.
    pub fn third_party_with_key(&self, fingerprint: &KeyFingerprint) -> Option<Arc<ThirdParty>> {
        self.directory.load().with_key(fingerprint).cloned()
    }

    /// Puts a request that was refused at the third parties' door on the audit log. The same again
    /// within a minute is counted, not written.
    pub fn record_refusal(&self, address: IpAddr, who: &str, code: &str, reason: &str) {
        let address = address.to_canonical().to_string();
        let same = [("address", address.as_str()), ("who", who), ("code", code)];
        self.audit.record_often("refused", &same, &[("reason", reason)]);
    }

    /// Puts a connection that was refused before its first request on the audit log. The same reason
    /// within a minute is counted, with the address that came first: strangers may have any number of
    /// addresses, and must not make each a line.
    pub fn record_refused_connection(&self, door: &str, address: IpAddr, reason: &str) {
        let address = address.to_canonical().to_string();
        self.audit.record_often("connection-refused", &[("door", door), ("reason", reason)], &[("address", &address)]);
    }

    /// The third party with this name.
    pub fn third_party(&self, name: &str) -> Option<Arc<ThirdParty>> {
        self.directory.load().named(name).cloned()
    }

    /// All third parties, by name.
    pub fn third_parties(&self) -> Vec<Arc<ThirdParty>> {
        self.directory.load().all().cloned().collect()
    }

    /// Creates or replaces a third party; the door knows it when this returns.
    pub async fn save_third_party(&self, party: &ThirdParty) -> Result<(), ChangeError> {
        self.commit(third_party::save(&*self.store, party)?).await?;
        self.audit.record("third-party-saved", &[("third_party", &party.name), ("sp_id", &party.sp_id)]);
        Ok(())
    }

    /// Removes a third party; the door no longer knows it when this returns.
    pub async fn remove_third_party(&self, name: &str) -> Result<(), ChangeError> {
        self.commit(third_party::remove(&*self.store, name).map_err(ThirdPartyError::Read)?).await?;
        self.audit.record("third-party-removed", &[("third_party", name)]);
        Ok(())
    }

    /// Commits a change of third parties' records that was decided elsewhere; the door knows it when this
    /// returns.
    pub async fn commit(&self, write_set: WriteSet) -> Result<(), ChangeError> {
        self.store.commit(write_set).await?;
        Ok(self.refresh().map_err(ThirdPartyError::Read)?)
    }

    /// Sets a third party's password in a record that is to be saved.
    pub fn seal_password(&self, party: &mut ThirdParty, password: &Secret) -> Result<(), VaultError> {
        party.seal_password(password, &self.vault, &*self.entropy)
    }

    /// Reads the third parties anew, after somebody else changed the store.
    pub fn refresh(&self) -> Result<(), ReadError> {
        // One load at a time, so that a slow one does not put an older state over a newer one.
        let _one_at_a_time = self.refreshing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.directory.store(Arc::new(Directory::load(&*self.store)?));
        let directory = self.directory.load();
        self.throttle.retain(|party| directory.named(party).is_some());
        self.used.retain(|party| directory.named(party).is_some());
        self.news.send_replace(());
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
