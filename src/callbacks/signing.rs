//! Signatures of callbacks, beside the untouched SOAP body, as the Standard Webhooks specification
//! defines them: over `<webhook-id>.<webhook-timestamp>.<body>`, `v1` by HMAC-SHA256 with a secret
//! that both sides know, `v1a` by Ed25519 with a key that only we have. Who gets them and looks at
//! neither loses nothing.
//!
//! Each third party has keys of its own, from the day on which an operator makes them. A rotation
//! lets the older key sign beside the newer one for a while, so that the receiver may change over at
//! any moment of it. Secrets lie in the store sealed (S5); a new one is shown once, to whoever made it.

use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::access::{Sealed, Secret, Vault, VaultError};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::store::{Key, Read, ReadError, Stored, WriteSet, decode, encode};

/// Keys of one third party that sign at a time: the one in use, and the one before it.
pub const KEYS_MAX: usize = 2;

/// How a shared secret and a public key begin, as the specification has it.
pub(super) const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";

/// The keys of one third party, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRing {
    /// At most [`KEYS_MAX`] of them sign at any moment.
    pub keys: Vec<RingKey>,
}

impl Stored for KeyRing {
    const NAME: &'static str = "signing keys";
}

/// A pair of keys: one for each kind of signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingKey {
    /// From 1; each rotation's is one more.
    pub number: u32,
    /// When it was made.
    pub created: Timestamp,
    /// The last moment at which it signs, once another has taken its place.
    pub until: Option<Timestamp>,
    /// The public key of `v1a`: `whpk_` and the base64 of its 32 bytes.
    pub public: String,
    /// The secret of `v1`, as [`NewKey::secret`].
    pub(super) secret: Sealed,
    /// The seed of the private key of `v1a`, base64.
    pub(super) seed: Sealed,
}

impl RingKey {
    /// Whether it signs at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now <= until)
    }
}

/// A key that was just made.
#[derive(Debug)]
pub struct NewKey {
    /// Its number.
    pub number: u32,
    /// The secret of `v1` for the receiver: `whsec_` and the base64 of its 32 bytes.
    pub secret: Secret,
    /// The public key of `v1a` for the receiver.
    pub public: String,
    /// Until when the key before it signs, too.
    pub older_until: Option<Timestamp>,
}

/// Why there is no signature, or no new key.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The store did not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A secret does not seal or open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was sealed is no key.
    #[error("the signing key {0} is damaged")]
    Damaged(u32),
    /// Two keys sign already.
    #[error("two keys sign already, the older one until it is retired or its time is over")]
    UnderWay,
    /// There is nothing to retire.
    #[error("the third party has no older key")]
    NoOlder,
}

/// The keys of a third party, and the version of their record; none if none were made.
pub fn ring(facts: &dyn Read, third_party: &str) -> Result<Option<(KeyRing, u64)>, ReadError> {
    let Some(record) = facts.record(&ring_key(third_party))? else { return Ok(None) };
    Ok(Some((decode(&record)?, record.version)))
}

/// Makes the first key of a third party, or one that takes the place of the present one, which goes
/// on signing for `overlap`.
pub fn rotate(
    facts: &dyn Read,
    vault: &Vault,
    entropy: &dyn Entropy,
    third_party: &str,
    now: Timestamp,
    overlap: Duration,
) -> Result<(WriteSet, NewKey), SigningError> {
    let (mut write_set, before) = expected(facts, third_party)?;
    let newest = before.keys.iter().map(|key| key.number).max().unwrap_or(0);
    let mut older: Vec<RingKey> = before.keys.into_iter().filter(|key| key.in_force(now)).collect();
    if older.len() >= KEYS_MAX {
        return Err(SigningError::UnderWay);
    }
    let until = now.plus(overlap);
    older.iter_mut().for_each(|key| key.until = Some(until));
    let (key, secret) = draw(vault, entropy, third_party, newest.saturating_add(1), now)?;
    let older_until = older.first().map(|_| until);
    let new = NewKey { number: key.number, secret, public: key.public.clone(), older_until };
    let keys = std::iter::once(key).chain(older).collect();
    write_set.put(ring_key(third_party), encode(&KeyRing { keys }));
    Ok((write_set, new))
}

/// Ends the older key at once: the receiver has changed over.
pub fn retire(facts: &dyn Read, third_party: &str) -> Result<WriteSet, SigningError> {
    let (mut write_set, mut ring) = expected(facts, third_party)?;
    if ring.keys.len() < 2 {
        return Err(SigningError::NoOlder);
    }
    ring.keys.truncate(1);
    write_set.put(ring_key(third_party), encode(&ring));
    Ok(write_set)
}

/// Takes all keys away: what is sent from now on has no signature.
pub fn remove(facts: &dyn Read, third_party: &str) -> Result<WriteSet, SigningError> {
    let (mut write_set, _) = expected(facts, third_party)?;
    write_set.delete(ring_key(third_party));
    Ok(write_set)
}

/// The present ring, and a write set that expects it.
fn expected(facts: &dyn Read, third_party: &str) -> Result<(WriteSet, KeyRing), ReadError> {
    let mut write_set = WriteSet::new();
    let ring = match ring(facts, third_party)? {
        Some((ring, version)) => {
            write_set.expect_version(ring_key(third_party), version);
            ring
        }
        None => {
            write_set.expect_absent(ring_key(third_party));
            KeyRing::default()
        }
    };
    Ok((write_set, ring))
}

fn draw(
    vault: &Vault,
    entropy: &dyn Entropy,
    third_party: &str,
    number: u32,
    now: Timestamp,
) -> Result<(RingKey, Secret), SigningError> {
    let random = || {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes);
        bytes
    };
    let secret = Secret::new([SECRET_PREFIX, &STANDARD.encode(*random())].concat());
    let seed = random();
    let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| SigningError::Damaged(number))?;
    let key = RingKey {
        number,
        created: now,
        until: None,
        public: [PUBLIC_PREFIX, &STANDARD.encode(pair.public_key())].concat(),
        secret: vault.seal(&place(third_party, number, "secret"), &secret, entropy)?,
        seed: vault.seal(&place(third_party, number, "seed"), &Secret::new(STANDARD.encode(*seed)), entropy)?,
    };
    Ok((key, secret))
}

pub(super) fn ring_key(third_party: &str) -> Key {
    Key::of("webhook-keys").text(third_party)
}

/// Where a secret belongs, so that it opens nowhere else.
pub(super) fn place(third_party: &str, number: u32, what: &str) -> String {
    format!("webhook-keys/{third_party}/{number}/{what}")
}
