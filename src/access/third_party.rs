//! What is on record about a third party, and how it is found: by name, by spId, by the key of its
//! client certificate.
//!
//! An spId and a key belong to one third party each. The store holds an index record for every one
//! of them, so that two changes at once cannot give one to two; the door looks them up in a
//! snapshot in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::new_password::{ChangeKeyError, check_change_key};
use super::time_stamps::TimeStampRule;
use super::vault::{Sealed, Secret, Vault, VaultError};
use super::{KeyFingerprint, Refusal};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::mminterface::tolerances::RAW_DIGEST;
use crate::store::{Key, Read, ReadError, Stored, WriteSet, decode, encode};

/// Records read at a time when the snapshot is loaded.
const PAGE: usize = 1000;
/// The kinds of records.
const THIRD_PARTY: &str = "third_party";
const SP_ID: &str = "sp_id";
const CLIENT_KEY: &str = "client_key";
const FORMER: &str = "former_third_party";

/// How a third party's header must prove who it is. In each mode the certificate and the source
/// address must be its own, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthenticationMode {
    /// By its spPassword.
    #[serde(rename = "SPID&Password")]
    SpIdPassword,
    /// By its spPassword and its address.
    #[serde(rename = "SPID&IP&Password")]
    SpIdIpPassword,
    /// By its address; an spPassword is not looked at.
    #[serde(rename = "SPID&IP")]
    SpIdIp,
}

impl AuthenticationMode {
    /// Whether an spPassword is needed.
    pub fn needs_password(self) -> bool {
        self != AuthenticationMode::SpIdIp
    }
}

/// A public key that a third party's client certificates may have, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKey {
    /// Its fingerprint.
    pub fingerprint: KeyFingerprint,
    /// The first moment at which it counts.
    pub not_before: Timestamp,
    /// The last moment at which it counts.
    pub not_after: Timestamp,
}

impl ClientKey {
    /// Whether it counts at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// The first moment at which it no longer counts.
    pub fn end(&self) -> Timestamp {
        self.not_after.plus(Duration::from_micros(1))
    }
}

/// A password that was replaced, and is valid beside the new one for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousPassword {
    /// The password, sealed.
    pub sealed: Sealed,
    /// The last moment at which it counts.
    pub until: Timestamp,
}

/// The key and start vector with which a third party encrypts a new password, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeKey {
    key: Sealed,
    vector: Sealed,
}

/// Why a third party got no key for new passwords.
#[derive(Debug, thiserror::Error)]
pub enum SealChangeKeyError {
    /// It has not the length of one.
    #[error(transparent)]
    Key(#[from] ChangeKeyError),
    /// It could not be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Which tolerances a third party's documents get, where it is not the default table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToleranceSwitches {
    /// None at all, but for those in `on`.
    pub strict: bool,
    /// Names switched on.
    pub on: Vec<String>,
    /// Names switched off.
    pub off: Vec<String>,
}

impl ToleranceSwitches {
    /// Whether the tolerance of this name is on, if `default` is what it is without switches.
    pub fn allow(&self, name: &str, default: bool) -> bool {
        let listed = |names: &[String]| names.iter().any(|listed| listed == name);
        !listed(&self.off) && (listed(&self.on) || (default && !self.strict))
    }
}

/// A third party, as on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThirdParty {
    /// Its name in the whitelist, in commands and in logs.
    pub name: String,
    /// The spId of its requests' headers.
    pub sp_id: String,
    /// The serviceIds that it may name; naming none is always allowed.
    #[serde(default)]
    pub service_ids: Vec<String>,
    /// How it authenticates.
    pub mode: AuthenticationMode,
    /// Its password, sealed; without one no mode that needs it lets it in.
    #[serde(default)]
    pub password: Option<Sealed>,
    /// The password before this one, while it is valid, too.
    #[serde(default)]
    pub previous_password: Option<PreviousPassword>,
    /// With what it encrypts a new password; none: it cannot change its password by itself.
    #[serde(default)]
    pub change_key: Option<ChangeKey>,
    /// What its timeStamps must be.
    #[serde(default)]
    pub time_stamps: TimeStampRule,
    /// Whether the tolerance [`RAW_DIGEST`] is on where its switches do not say otherwise.
    #[serde(default)]
    pub raw_digest: bool,
    /// The keys of its client certificates; several while one replaces another.
    #[serde(default)]
    pub keys: Vec<ClientKey>,
    /// The shortcodes that it may act for.
    #[serde(default)]
    pub shortcodes: Vec<String>,
    /// Whether it is served at all.
    pub enabled: bool,
    /// Where results go if the request does not say.
    #[serde(default)]
    pub result_url: Option<String>,
    /// Where timeouts are notified if the request does not say.
    #[serde(default)]
    pub queue_timeout_url: Option<String>,
    /// Whether it may come by the plain door, where no certificate proves who it is.
    #[serde(default)]
    pub plain_requests: bool,
    /// Whether its callbacks may go over plain HTTP.
    #[serde(default)]
    pub plain_callbacks: bool,
    /// The authorities, PEM, that alone vouch for its servers; none: those of the settings do.
    #[serde(default)]
    pub callback_authority: Option<String>,
    /// Which tolerances its documents get.
    #[serde(default)]
    pub tolerances: ToleranceSwitches,
    /// Requests that it may make in a second; none: as many as it likes.
    #[serde(default)]
    pub requests_per_second_max: Option<u32>,
    /// Whether a used OriginatorConversationID is 15 whatever comes under it, as the real broker has it
    /// (protocol.md 8). Otherwise the same request once more gets its first answer once more.
    #[serde(default)]
    pub refuses_repeats: bool,
}

impl Stored for ThirdParty {
    const NAME: &'static str = "third party";
}

impl ThirdParty {
    /// Whether base64 of the raw digest is accepted as spPassword, beside that of its digits.
    pub fn takes_raw_digest(&self) -> bool {
        self.tolerances.allow(RAW_DIGEST, self.raw_digest)
    }

    /// A third party that is enabled and authenticates by address and password, but has neither key
    /// nor password yet.
    pub fn new(name: &str, sp_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            sp_id: sp_id.to_owned(),
            service_ids: Vec::new(),
            mode: AuthenticationMode::SpIdIpPassword,
            password: None,
            previous_password: None,
            change_key: None,
            time_stamps: TimeStampRule::default(),
            raw_digest: false,
            keys: Vec::new(),
            shortcodes: Vec::new(),
            enabled: true,
            result_url: None,
            queue_timeout_url: None,
            plain_requests: false,
            plain_callbacks: false,
            callback_authority: None,
            tolerances: ToleranceSwitches::default(),
            requests_per_second_max: None,
            refuses_repeats: false,
        }
    }

    /// Sets its password, the only one from now on: whoever sets it may do so because those before
    /// are known to others.
    pub fn seal_password(&mut self, password: &Secret, vault: &Vault, entropy: &dyn Entropy) -> Result<(), VaultError> {
        self.password = Some(vault.seal(&self.password_place(), password, entropy)?);
        self.previous_password = None;
        Ok(())
    }

    /// It has not been switched off.
    pub(super) fn must_be_enabled(&self) -> Result<(), Refusal> {
        if self.enabled { Ok(()) } else { Err(Refusal::Disabled) }
    }

    /// The serviceId that a header names, if it names one, is one of its own.
    pub(super) fn must_have_service(&self, named: Option<&str>) -> Result<(), Refusal> {
        let foreign = |id: &&str| !id.is_empty() && !self.service_ids.iter().any(|own| own == id);
        if named.filter(foreign).is_some() { Err(Refusal::ServiceUnknown) } else { Ok(()) }
    }

    /// Its password in clear; none if it has none.
    pub(super) fn open_password(&self, vault: &Vault) -> Result<Option<Secret>, VaultError> {
        self.password.as_ref().map(|sealed| vault.open(&self.password_place(), sealed)).transpose()
    }

    /// The password before that one in clear, if it is still valid.
    pub(super) fn open_previous_password(&self, vault: &Vault, now: Timestamp) -> Result<Option<Secret>, VaultError> {
        let previous = self.previous_password.as_ref().filter(|previous| now <= previous.until);
        previous.map(|previous| vault.open(&self.password_place(), &previous.sealed)).transpose()
    }

    /// Sets the key (16, 24 or 32 bytes) and the start vector (16 bytes) for new passwords.
    pub fn seal_change_key(
        &mut self,
        key: &Secret,
        vector: &Secret,
        vault: &Vault,
        entropy: &dyn Entropy,
    ) -> Result<(), SealChangeKeyError> {
        check_change_key(key, vector)?;
        let [key_place, vector_place] = self.change_key_places();
        let key = vault.seal(&key_place, key, entropy)?;
        self.change_key = Some(ChangeKey { key, vector: vault.seal(&vector_place, vector, entropy)? });
        Ok(())
    }

    /// The key and start vector for new passwords in clear, if it has them.
    pub(super) fn open_change_key(&self, vault: &Vault) -> Result<Option<(Secret, Secret)>, VaultError> {
        let Some(ChangeKey { key, vector }) = &self.change_key else { return Ok(None) };
        let [key_place, vector_place] = self.change_key_places();
        Ok(Some((vault.open(&key_place, key)?, vault.open(&vector_place, vector)?)))
    }

    fn change_key_places(&self) -> [String; 2] {
        ["change-key", "change-vector"].map(|what| [THIRD_PARTY, "/", &self.name, "/", what].concat())
    }

    fn password_place(&self) -> String {
        [THIRD_PARTY, "/", &self.name, "/password"].concat()
    }

    /// The index records that name it.
    fn index_keys(&self) -> BTreeSet<Key> {
        let keys = self.keys.iter().map(|key| Key::of(CLIENT_KEY).text(&key.fingerprint.to_string()));
        keys.chain([Key::of(SP_ID).text(&self.sp_id)]).collect()
    }
}

/// An index record: which third party something belongs to.
#[derive(Serialize, Deserialize)]
struct Owner {
    name: String,
}

impl Stored for Owner {
    const NAME: &'static str = "owner of an spId or key";
}

/// Why a third party is not saved.
#[derive(Debug, thiserror::Error)]
pub enum ThirdPartyError {
    /// A field cannot be what it is.
    #[error("{0}")]
    Invalid(&'static str),
    /// Its spId or one of its keys belongs to another.
    #[error("{what:?} belongs to the third party \"{owner}\" already")]
    Taken {
        /// The spId or key.
        what: Key,
        /// Whose it is.
        owner: String,
    },
    /// Another one had its name, under which its callbacks, ids and keys are kept.
    #[error("there was a third party \"{0}\", whose callbacks and ids are kept under that name; choose another")]
    Former(String),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Where the record of the third party with this name is.
pub fn key(name: &str) -> Key {
    Key::of(THIRD_PARTY).text(name)
}

/// The third party with this name, and the version of its record.
pub fn read(facts: &dyn Read, name: &str) -> Result<Option<(ThirdParty, u64)>, ReadError> {
    let Some(record) = facts.record(&key(name))? else { return Ok(None) };
    Ok(Some((decode(&record)?, record.version)))
}

/// The write set that creates or replaces a third party, and gives it its spId and keys.
pub fn save(facts: &dyn Read, party: &ThirdParty) -> Result<WriteSet, ThirdPartyError> {
    check(party)?;
    let mut write_set = WriteSet::new();
    let before = expect_present_state(facts, &party.name, &mut write_set)?;
    if before.is_none() {
        let former = former_key(&party.name);
        if facts.record(&former)?.is_some() {
            return Err(ThirdPartyError::Former(party.name.clone()));
        }
        write_set.expect_absent(former);
    }
    let (owned, wanted) = (before.map(|before| before.index_keys()).unwrap_or_default(), party.index_keys());
    for index in wanted.difference(&owned) {
        if let Some(record) = facts.record(index)? {
            return Err(ThirdPartyError::Taken { what: index.clone(), owner: decode::<Owner>(&record)?.name });
        }
        write_set.expect_absent(index.clone());
        write_set.put(index.clone(), encode(&Owner { name: party.name.clone() }));
    }
    owned.difference(&wanted).for_each(|index| write_set.delete(index.clone()));
    write_set.put(key(&party.name), encode(party));
    Ok(write_set)
}

/// The write set that removes a third party for good; empty if there is none of this name.
pub fn remove(facts: &dyn Read, name: &str) -> Result<WriteSet, ReadError> {
    let mut write_set = WriteSet::new();
    if let Some(before) = expect_present_state(facts, name, &mut write_set)? {
        before.index_keys().into_iter().for_each(|index| write_set.delete(index));
        write_set.delete(key(name));
        write_set.put(former_key(name), encode(&Owner { name: name.to_owned() }));
    }
    Ok(write_set)
}

/// Where it is on record that a name was somebody's: who gets the name would get the log of callbacks,
/// the used ids and the signing keys (S1).
fn former_key(name: &str) -> Key {
    Key::of(FORMER).text(name)
}

fn expect_present_state(
    facts: &dyn Read,
    name: &str,
    write_set: &mut WriteSet,
) -> Result<Option<ThirdParty>, ReadError> {
    match read(facts, name)? {
        Some((party, version)) => {
            write_set.expect_version(key(name), version);
            Ok(Some(party))
        }
        None => {
            write_set.expect_absent(key(name));
            Ok(None)
        }
    }
}

fn check(party: &ThirdParty) -> Result<(), ThirdPartyError> {
    let rules = [
        (is_plain(&party.name), "a third party's name has letters, digits, \"-\" and \"_\", at most 64 in all"),
        (is_plain(&party.sp_id), "an spId has letters, digits, \"-\" and \"_\", at most 64 in all"),
        (
            party.time_stamps.is_sound(),
            "timeStamps that count once need a window, and a zone at most 14 hours from UTC",
        ),
        (party.requests_per_second_max != Some(0), "a third party with a rate of 0 is to be disabled instead"),
        (
            party.keys.iter().all(|key| key.not_before <= key.not_after),
            "a key's validity must not end before it begins",
        ),
    ];
    match rules.into_iter().find(|(kept, _)| !kept) {
        Some((_, rule)) => Err(ThirdPartyError::Invalid(rule)),
        None => Ok(()),
    }
}

/// Whether this can be a third party's name or spId: nothing that needs quoting anywhere.
pub(super) fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// All third parties as they were at one moment, for the door.
#[derive(Debug, Default)]
pub(super) struct Directory {
    by_name: BTreeMap<String, Arc<ThirdParty>>,
    by_sp_id: HashMap<String, Arc<ThirdParty>>,
    by_key: HashMap<KeyFingerprint, Arc<ThirdParty>>,
}

impl Directory {
    /// The directory that is in the store.
    pub fn load(facts: &dyn Read) -> Result<Self, ReadError> {
        let mut directory = Self::default();
        let mut rest = Key::of(THIRD_PARTY).subtree();
        loop {
            let page = facts.range(&rest, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(directory) };
            rest = rest.after(last);
            for (_, record) in &page {
                directory.add(decode(record)?);
            }
        }
    }

    fn add(&mut self, party: ThirdParty) {
        let party = Arc::new(party);
        for key in &party.keys {
            self.by_key.insert(key.fingerprint, party.clone());
        }
        self.by_sp_id.insert(party.sp_id.clone(), party.clone());
        self.by_name.insert(party.name.clone(), party);
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ThirdParty>> {
        self.by_name.values()
    }

    /// The one with this name.
    pub fn named(&self, name: &str) -> Option<&Arc<ThirdParty>> {
        self.by_name.get(name)
    }

    /// The one with this spId.
    pub fn with_sp_id(&self, sp_id: &str) -> Option<&Arc<ThirdParty>> {
        self.by_sp_id.get(sp_id)
    }

    /// The one whose certificate may have this key at some time.
    pub fn with_key(&self, fingerprint: &KeyFingerprint) -> Option<&Arc<ThirdParty>> {
        self.by_key.get(fingerprint)
    }
}
