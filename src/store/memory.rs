//! A store without a disk, for tests and benches: it means what every store means and forgets it
//! all when it is dropped. It is not a cache and not a mode to serve in.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::ready;
use std::hint::black_box;
use std::sync::RwLock;

use hashbrown::HashTable;

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
    records: Table<Record>,
    order: BTreeSet<Key>,
    unordered: Vec<Key>,
    counters: Table<i64>,
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

    fn foresee(&self, records: &[Key], counters: &[Key]) {
        let state = read(&self.state);
        // A short record lies in one or two lines of the cache.
        let ends = |record: &Record| match (record.value.first(), record.value.last()) {
            (Some(first), Some(last)) => i64::from(first ^ last),
            _ => 0,
        };
        black_box(state.records.touch(records, ends) ^ state.counters.touch(counters, |counter| *counter));
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
                    if self.records.insert(&write.key, record).is_none() {
                        self.unordered.push(write.key);
                    }
                }
                None => {
                    self.records.remove(&write.key);
                    self.order.remove(&write.key);
                }
            }
        }
        for (counter, value) in resolved.counters {
            self.counters.insert(&counter, value);
        }
        resolved.committed
    }

    fn range(&mut self, range: &KeyRange, limit: usize) -> Vec<(Key, Record)> {
        let records = &self.records;
        // What was deleted before it took its place needs none.
        self.order.extend(self.unordered.drain(..).filter(|key| records.get(key).is_some()));
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

/// Values by their keys. A key is hashed apart from being looked up, which a map of the standard library
/// does in one.
#[derive(Debug)]
struct Table<V>(HashTable<Slot<V>>);

/// A key, which fills a line of the cache, and its value in the next one.
#[derive(Debug)]
#[repr(align(64))]
struct Slot<V>(Key, V);

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl<V> Table<V> {
    fn get(&self, key: &Key) -> Option<&V> {
        self.0.find(scattered(key), |Slot(other, _)| other == key).map(|Slot(_, value)| value)
    }

    /// Sets the value of a key, and gives the one that it had.
    fn insert(&mut self, key: &Key, value: V) -> Option<V> {
        let hash = scattered(key);
        match self.0.find_mut(hash, |Slot(other, _)| other == key) {
            Some(Slot(_, place)) => Some(std::mem::replace(place, value)),
            None => {
                self.0.insert_unique(hash, Slot(key.clone(), value), |Slot(other, _)| scattered(other));
                None
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Ok(entry) = self.0.find_entry(scattered(key), |Slot(other, _)| other == key) {
            entry.remove();
        }
    }

    /// Looks at what seems to be there under all these keys. They are hashed before, so that nothing else is
    /// done between the look-ups: none waits for the memory of another, and the processor has all of them
    /// under way at once.
    fn touch(&self, keys: &[Key], look: impl Fn(&V) -> i64) -> i64 {
        const TOGETHER: usize = 8;
        let mut seen = 0;
        for keys in keys.chunks(TOGETHER) {
            let mut hashes = [(0, 0); TOGETHER];
            for (place, key) in hashes.iter_mut().zip(keys) {
                *place = (scattered(key), key.as_bytes().len());
            }
            for (hash, length) in hashes.iter().take(keys.len()) {
                let found = self.0.find(*hash, |Slot(other, _)| other.as_bytes().len() == *length);
                seen ^= found.map_or(0, |Slot(_, value)| look(value));
            }
        }
        seen
    }
}

/// Scatters keys, quickly and for ever in the same way. It is no match for keys that somebody chose
/// to make it slow: nobody chooses keys of tests and benches.
fn scattered(key: &Key) -> u64 {
    // Odd numbers without a pattern in their bits: the fractions of the golden ratio and of pi.
    const FACTORS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0x243F_6A88_85A3_08D3];
    let bytes = key.as_bytes();
    // Both halves of a product, so that each bit of it depends on bits of both words.
    let mix = |hash: u64, block: &[u8; 16]| {
        let [one, other] = [u128::from_le_bytes(*block) as u64, (u128::from_le_bytes(*block) >> 64) as u64];
        let product = u128::from(one ^ hash ^ FACTORS[0]).wrapping_mul(u128::from(other ^ FACTORS[1]));
        (product as u64) ^ (product >> 64) as u64
    };
    let hash = bytes.as_chunks::<16>().0.iter().fold(0, mix);
    // The last bytes once more with those that are left over, which alone would have to be picked up singly.
    match bytes.last_chunk::<16>() {
        Some(last) => mix(hash, last),
        None => {
            let mut block = [0; 16];
            block.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
            mix(hash, &block)
        }
    }
}
