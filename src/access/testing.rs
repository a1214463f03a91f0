//! What the tests of this module share: a store in memory, keys, and a door with two third parties.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;

use super::authority::{Issued, issue_credential_key};
use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::entropy::SeededEntropy;
use crate::store::{Change, Committed, Expect, Health, Key, KeyRange, Pending, Read, Record};

/// When the tests happen: 2027-01-15T08:00:00Z.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The current credential key; made once, since RSA keys take their time.
pub static CREDENTIAL: LazyLock<Issued> =
    LazyLock::new(|| issue_credential_key("credential", NOW, &SeededEntropy::new(1)).unwrap());
/// The previous one.
pub static OLD_CREDENTIAL: LazyLock<Issued> =
    LazyLock::new(|| issue_credential_key("old credential", NOW, &SeededEntropy::new(2)).unwrap());

pub const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1 };

pub const WHITELIST: &str = r#"
[third_party.duka.networks]
tunnel = { network = "10.66.49.0/24", kind = "vpn" }
office = { network = "203.0.113.0/24", kind = "internet" }

[third_party.soko.networks]
tunnel = { network = "10.66.50.0/24", kind = "vpn" }
"#;

/// Records in memory. Enough of a store for credentials and third parties; no counters, no logs.
#[derive(Debug, Default)]
pub struct Shelf {
    records: Mutex<BTreeMap<Key, Record>>,
    commits: AtomicUsize,
    refusing: AtomicBool,
}

impl Shelf {
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    pub fn refuse(&self) {
        self.refusing.store(true, Ordering::SeqCst);
    }

    pub fn apply(&self, write_set: WriteSet) -> Result<Committed, CommitError> {
        if self.refusing.load(Ordering::SeqCst) {
            return Err(CommitError::Full);
        }
        let mut records = self.records.lock().unwrap();
        for (key, expect) in &write_set.expects {
            let holds = match (records.get(key), expect) {
                (None, Expect::Absent) => true,
                (Some(record), Expect::Version(version)) => record.version == *version,
                _ => false,
            };
            if !holds {
                return Err(CommitError::Expectation(key.clone()));
            }
        }
        let sequence = self.commits.fetch_add(1, Ordering::SeqCst) as u64 + 1;
        for change in write_set.changes {
            match change {
                Change::Put { key, value, .. } => {
                    let record = Record { version: sequence, value: Bytes::from(value), captured: Vec::new() };
                    records.insert(key, record);
                }
                Change::Delete { key } => {
                    records.remove(&key);
                }
                Change::Append { .. } => panic!("nothing here keeps logs"),
            }
        }
        Ok(Committed { sequence, captured: Vec::new(), appended: Vec::new() })
    }
}

impl Read for Shelf {
    fn record(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        Ok(self.records.lock().unwrap().get(key).cloned())
    }

    fn counter(&self, _: &Key) -> Result<i64, ReadError> {
        Ok(0)
    }

    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError> {
        let records = self.records.lock().unwrap();
        let found = records.range(range.from.clone()..range.to.clone()).take(limit);
        Ok(found.map(|(key, record)| (key.clone(), record.clone())).collect())
    }
}

impl Store for Shelf {
    fn commit(&self, write_set: WriteSet) -> Pending {
        let done = self.apply(write_set);
        Box::pin(async move { done })
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

/// A door, with what it stands on.
pub struct House {
    pub store: Arc<Shelf>,
    pub clock: Arc<ManualClock>,
    pub access: Access,
}

pub const DUKA_KEY: KeyFingerprint = KeyFingerprint([1; 32]);
pub const DUKA_NEXT_KEY: KeyFingerprint = KeyFingerprint([2; 32]);
pub const SOKO_KEY: KeyFingerprint = KeyFingerprint([3; 32]);
pub const DUKA_PASSWORD: &str = "S3cret#pw";

/// The rules of credentials that most tests go by.
pub const CREDENTIALS: CredentialSettings = CredentialSettings {
    failures_max: 3,
    source_failures_max: 1_000,
    source_failures_seconds: 900,
    password_days_max: 90,
    cache_entries_max: 100,
    cost: CHEAP,
};

/// As many refusals as a test likes.
pub fn patient() -> crate::config::Rates {
    crate::config::Rates { refusals_at_once_max: u32::MAX, ..crate::config::Rates::default() }
}

impl Access {
    /// Checks a credential that `duka` sent.
    pub async fn check_credential(&self, operator: Option<u64>, text: &str) -> CredentialVerdict {
        self.verifier.verify("duka", operator, text).await
    }
}

/// A door with `duka` (spId 107031) and `soko` (spId 107032).
pub async fn house() -> House {
    house_with(CREDENTIALS).await
}

pub async fn house_with(credentials: CredentialSettings) -> House {
    let (store, clock) = (Arc::new(Shelf::default()), Arc::new(ManualClock::at(NOW)));
    house_of(store, clock, credentials, patient()).await
}

/// A door with these rules and rates.
pub async fn house_of(
    store: Arc<Shelf>,
    clock: Arc<ManualClock>,
    credentials: CredentialSettings,
    rates: crate::config::Rates,
) -> House {
    let access = open(store.clone(), clock.clone(), credentials, rates, Audit::off(clock.clone()));
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let mut duka = ThirdParty::new("duka", "107031");
    duka.service_ids = vec!["107031000".into()];
    duka.keys = vec![
        ClientKey { fingerprint: DUKA_KEY, not_before: NOW.minus(day), not_after: NOW.plus(day) },
        ClientKey { fingerprint: DUKA_NEXT_KEY, not_before: NOW.plus(day), not_after: NOW.plus(day * 3) },
    ];
    access.seal_password(&mut duka, &Secret::new(DUKA_PASSWORD)).unwrap();
    access.save_third_party(&duka).await.unwrap();
    let mut soko = ThirdParty::new("soko", "107032");
    soko.keys = vec![ClientKey { fingerprint: SOKO_KEY, not_before: NOW, not_after: NOW.plus(day) }];
    access.save_third_party(&soko).await.unwrap();
    House { store, clock, access }
}

/// A door on a store that is there already.
pub fn open(
    store: Arc<Shelf>,
    clock: Arc<ManualClock>,
    credentials: CredentialSettings,
    rates: crate::config::Rates,
    audit: Audit,
) -> Access {
    let parts = Parts {
        store,
        vault: Arc::new(Vault::from_hex(&"a5".repeat(32)).unwrap()),
        whitelist: Whitelist::parse(WHITELIST).unwrap(),
        credential_keys: CredentialKeys::from_pems(&[&CREDENTIAL.key_pem, &OLD_CREDENTIAL.key_pem]).unwrap(),
        credentials,
        rates,
        previous_password_seconds: 3600,
        clock,
        entropy: Arc::new(SeededEntropy::new(3)),
        audit: Arc::new(audit),
    };
    Access::new(parts).unwrap()
}
