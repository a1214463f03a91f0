//! A store without a disk, for tests and benches: it means what every store means and forgets it
//! all when it is dropped. It is not a cache and not a mode to serve in.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::future::ready;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::RwLock;

use super::locks::{read, write};
use super::state::{Facts, Rejection, Resolved, resolve};
use super::{CommitError, Committed, Health, Key, KeyRange, Pending, Read, ReadError, Record, Store, WriteSet};

/// The store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

/// Records are found by their keys far more often than they are read in order, so the order is kept
/// beside them, and new keys take their places in it when a range is next read.
#[derive(Debug, Default)]
struct State {
    records: HashMap<Key, Record, BuildHasherDefault<KeyHasher>>,
    order: BTreeSet<Key>,
    unordered: Vec<Key>,
    counters: HashMap<Key, i64, BuildHasherDefault<KeyHasher>>,
    sequence: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Read for MemoryStore {
    fn record(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        Ok(read(&self.state).records.get(key).cloned())
    }

    fn look(&self, key: &Key, look: &mut dyn FnMut(Option<&Record>)) -> Result<(), ReadError> {
        look(read(&self.state).records.get(key));
        Ok(())
    }

    fn counter(&self, key: &Key) -> Result<i64, ReadError> {
        Ok(read(&self.state).counters.get(key).copied().unwrap_or(0))
    }

    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError> {
        if range.from >= range.to {
            return Ok(Vec::new());
        }
        Ok(write(&self.state).range(range, limit))
    }
}

impl Store for MemoryStore {
    fn commit(&self, write_set: WriteSet) -> Pending {
        let committed = write(&self.state).commit(write_set);
        Box::pin(ready(committed))
    }

    fn health(&self) -> Health {
        let sequence = read(&self.state).sequence;
        Health { sequence, checkpoint: sequence, ..Health::default() }
    }
}

impl State {
    fn commit(&mut self, write_set: WriteSet) -> Result<Committed, CommitError> {
        let sequence = self.sequence.saturating_add(1);
        let resolved = resolve(self, write_set, sequence).map_err(|rejection| match rejection {
            Rejection::Refused(error) => error,
            Rejection::Unreadable(never) => match never {},
        })?;
        self.sequence = sequence;
        Ok(self.apply(resolved))
    }

    fn apply(&mut self, resolved: Resolved) -> Committed {
        for write in resolved.writes {
            match write.record {
                Some(record) => {
                    if self.records.insert(write.key.clone(), record).is_none() {
                        self.unordered.push(write.key);
                    }
                }
                None => {
                    self.records.remove(&write.key);
                    self.order.remove(&write.key);
                }
            }
        }
        self.counters.extend(resolved.counters);
        resolved.committed
    }

    fn range(&mut self, range: &KeyRange, limit: usize) -> Vec<(Key, Record)> {
        let records = &self.records;
        // What was deleted before it took its place needs none.
        self.order.extend(self.unordered.drain(..).filter(|key| records.contains_key(key)));
        let keys = self.order.range(&range.from..&range.to);
        keys.filter_map(|key| Some((key.clone(), records.get(key)?.clone()))).take(limit).collect()
    }
}

impl Facts for State {
    type Error = Infallible;

    fn version(&self, key: &Key) -> Result<Option<u64>, Infallible> {
        Ok(self.records.get(key).map(|record| record.version))
    }

    fn counter(&self, key: &Key) -> Result<i64, Infallible> {
        Ok(self.counters.get(key).copied().unwrap_or(0))
    }
}

/// Scatters keys, quickly and for ever in the same way. It is no match for keys that somebody chose
/// to make it slow: nobody chooses keys of tests and benches.
#[derive(Default)]
struct KeyHasher(u64);

impl KeyHasher {
    /// An odd number without a pattern in its bits: the golden ratio's.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(Self::FACTOR);
    }
}

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.mix(u64::from_le_bytes(last));
    }

    fn finish(&self) -> u64 {
        // The table looks at the lowest bits, and multiplying moves differences upwards only.
        (self.0 ^ (self.0 >> 32)).wrapping_mul(Self::FACTOR).rotate_left(32)
    }
}
