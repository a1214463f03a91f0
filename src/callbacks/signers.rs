//! Who signs the callbacks: the keys of third parties, opened once and kept until their record changes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::signing::{KEYS_MAX, KeyRing, RingKey, SECRET_PREFIX, SigningError, place, ring_key};
use crate::access::Vault;
use crate::clock::Timestamp;
use crate::store::{Read, decode};

/// Who signs: the vault, and the keys that it has opened.
#[derive(Debug)]
pub(super) struct Signers {
    vault: Arc<Vault>,
    /// By third party, as of the version of its record.
    opened: Mutex<HashMap<String, (u64, Arc<OpenRing>)>>,
}

/// What a message is signed with, newest first.
struct OpenRing(Vec<OpenKey>);

struct OpenKey {
    until: Option<Timestamp>,
    secret: hmac::Key,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for OpenRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenRing(..)")
    }
}

impl Signers {
    pub(super) fn new(vault: Arc<Vault>) -> Self {
        Self { vault, opened: Mutex::default() }
    }

    /// The `webhook-signature` of a message: all signatures of all keys in force, with spaces in
    /// between; none if the third party has no keys. `now` is what `webhook-timestamp` says.
    pub(super) fn sign(
        &self,
        facts: &dyn Read,
        third_party: &str,
        id: &str,
        now: Timestamp,
        body: &[u8],
    ) -> Result<Option<String>, SigningError> {
        let Some(ring) = self.ring(facts, third_party)? else { return Ok(None) };
        Ok(Some(ring.sign(id, now, body)))
    }

    fn ring(&self, facts: &dyn Read, third_party: &str) -> Result<Option<Arc<OpenRing>>, SigningError> {
        let Some(record) = facts.record(&ring_key(third_party))? else { return Ok(None) };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, ring)) = opened.get(third_party)
            && *version == record.version
        {
            return Ok(Some(Arc::clone(ring)));
        }
        let keys = decode::<KeyRing>(&record)?.keys;
        let keys = keys.iter().map(|key| self.open(third_party, key)).collect::<Result<_, _>>()?;
        let ring = Arc::new(OpenRing(keys));
        opened.insert(third_party.to_owned(), (record.version, Arc::clone(&ring)));
        Ok(Some(ring))
    }

    fn open(&self, third_party: &str, key: &RingKey) -> Result<OpenKey, SigningError> {
        let damaged = || SigningError::Damaged(key.number);
        let secret = self.vault.open(&place(third_party, key.number, "secret"), &key.secret)?;
        let seed = self.vault.open(&place(third_party, key.number, "seed"), &key.seed)?;
        let decoded = |text: &str| STANDARD.decode(text).map(Zeroizing::new).map_err(|_| damaged());
        let secret = decoded(secret.expose().strip_prefix(SECRET_PREFIX).ok_or_else(damaged)?)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&decoded(seed.expose())?).map_err(|_| damaged())?;
        Ok(OpenKey { until: key.until, secret: hmac::Key::new(hmac::HMAC_SHA256, &secret), pair })
    }
}

impl OpenRing {
    fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let message = [id.as_bytes(), b".", now.seconds().to_string().as_bytes(), b".", body].concat();
        let mut out = String::with_capacity(KEYS_MAX * 160);
        for key in self.0.iter().filter(|key| key.until.is_none_or(|until| now <= until)) {
            for (version, signature) in
                [("v1,", hmac::sign(&key.secret, &message).as_ref()), ("v1a,", key.pair.sign(&message).as_ref())]
            {
                out.push_str(if out.is_empty() { "" } else { " " });
                out.push_str(version);
                STANDARD.encode_string(signature, &mut out);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::super::signing::{NewKey, retire, rotate};
    use super::*;
    use crate::access::VaultError;
    use crate::entropy::SeededEntropy;
    use crate::store::Store;
    use crate::store::memory::MemoryStore;

    const DAY: Duration = Duration::from_secs(86_400);

    fn vault() -> Arc<Vault> {
        Arc::new(Vault::from_hex(&"a5".repeat(32)).unwrap())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    struct House {
        store: MemoryStore,
        entropy: SeededEntropy,
        signers: Signers,
    }

    impl House {
        fn built() -> Self {
            Self { store: MemoryStore::new(), entropy: SeededEntropy::new(5), signers: Signers::new(vault()) }
        }

        async fn rotated(&self, now: Timestamp) -> NewKey {
            let (write_set, new) = rotate(&self.store, &vault(), &self.entropy, "duka", now, DAY).unwrap();
            self.store.commit(write_set).await.unwrap();
            new
        }

        fn signatures(&self, now: Timestamp) -> Vec<String> {
            let signed = self.signers.sign(&self.store, "duka", "msg_1", now, b"<x/>").unwrap();
            signed.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        }
    }

    /// As a receiver verifies: with what it was given when the key was made.
    fn verifies(signature: &str, key: &NewKey, now: Timestamp) -> bool {
        let message = format!("msg_1.{}.<x/>", now.seconds());
        let (version, signature) = signature.split_once(',').unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        match version {
            "v1" => {
                let secret = STANDARD.decode(key.secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes(), &signature).is_ok()
            }
            "v1a" => {
                let public = STANDARD.decode(key.public.strip_prefix("whpk_").unwrap()).unwrap();
                UnparsedPublicKey::new(&ED25519, public).verify(message.as_bytes(), &signature).is_ok()
            }
            other => panic!("{other}"),
        }
    }

    /// Computed with other tools; `docs/callbacks.md` shows how:
    /// `printf '%s' "$message" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$key -binary | base64`
    /// and `openssl pkeyutl -sign -rawin -inkey seed.pem -in message | base64`.
    #[test]
    fn signatures_are_those_that_other_tools_compute() {
        let secret: Vec<u8> = (0..32).collect();
        let ring = OpenRing(vec![OpenKey {
            until: None,
            secret: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            pair: Ed25519KeyPair::from_seed_unchecked(&secret).unwrap(),
        }]);
        let body = "<soapenv:Envelope>été</soapenv:Envelope>".as_bytes();
        let signed = ring.sign("msg_0123456789abcdefghjkmnpqrs", at(1_795_478_400), body);
        assert_eq!(
            signed,
            "v1,KyT+azVh0xZZnpvr9J0kgkAAQZtYTAUdzMjoHKTZM7Q= v1a,yTnSC3dIZX4k9hri306hxZgLw71zlyOd+PV16jBRlzMLVHzHFgdK8t4M5i7yCzXmnAEfT85pKE9Id0HIQ9G7Cw=="
        );
    }

    #[tokio::test]
    async fn both_signatures_verify_with_what_the_receiver_was_given_and_with_nothing_else() {
        let house = House::built();
        assert_eq!(house.signatures(at(100)), Vec::<String>::new(), "no keys, no signature");
        let key = house.rotated(at(100)).await;
        let signatures = house.signatures(at(100));
        assert_eq!(signatures.len(), 2);
        for signature in &signatures {
            assert!(verifies(signature, &key, at(100)), "{signature}");
            assert!(!verifies(signature, &key, at(101)), "the time is part of what is signed");
        }
        let signed = house.signers.sign(&house.store, "soko", "msg_1", at(100), b"<x/>").unwrap();
        assert_eq!(signed, None, "another third party's keys");
    }

    #[tokio::test]
    async fn during_a_rotation_both_keys_sign_and_after_it_the_newer_one() {
        let house = House::built();
        let first = house.rotated(at(0)).await;
        let second = house.rotated(at(1000)).await;
        assert_eq!((first.number, second.number, second.older_until), (1, 2, Some(at(1000).plus(DAY))));
        let too_soon = rotate(&house.store, &vault(), &house.entropy, "duka", at(2000), DAY);
        assert!(matches!(too_soon, Err(SigningError::UnderWay)), "a third key would end the first one early");
        let during = house.signatures(at(2000));
        let by = [&second, &second, &first, &first];
        assert_eq!(during.len(), 4);
        assert!(during.iter().zip(by).all(|(signature, key)| verifies(signature, key, at(2000))), "{during:?}");
        let after = house.signatures(at(1001).plus(DAY));
        assert_eq!(after.len(), 2);
        assert!(after.iter().all(|signature| verifies(signature, &second, at(1001).plus(DAY))));
        let third = house.rotated(at(1001).plus(DAY)).await;
        assert_eq!(third.number, 3);

        house.store.commit(retire(&house.store, "duka").unwrap()).await.unwrap();
        let now = at(1002).plus(DAY);
        assert!(house.signatures(now).iter().all(|signature| verifies(signature, &third, now)));
        assert!(matches!(retire(&house.store, "duka"), Err(SigningError::NoOlder)));
    }

    #[tokio::test]
    async fn s5_no_secret_is_readable_in_the_record_or_in_debug_output() {
        let house = House::built();
        let key = house.rotated(at(0)).await;
        house.signatures(at(0));
        let record = house.store.record(&ring_key("duka")).unwrap().unwrap();
        let ring: KeyRing = decode(&record).unwrap();
        let shown = format!("{ring:?} {key:?} {:?}", house.signers);
        let secret = key.secret.expose().strip_prefix("whsec_").unwrap();
        assert!(!shown.contains(secret));
        let raw = STANDARD.decode(secret).unwrap();
        for hidden in [secret.as_bytes(), &raw] {
            assert!(!record.value.windows(hidden.len()).any(|part| part == hidden));
        }
        let other_vault = Signers::new(Arc::new(Vault::from_hex(&"b6".repeat(32)).unwrap()));
        assert!(matches!(
            other_vault.sign(&house.store, "duka", "msg_1", at(0), b""),
            Err(SigningError::Vault(VaultError::Closed))
        ));
    }
}
