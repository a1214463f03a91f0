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
    records: Table<Key, Record>,
    order: BTreeSet<Key>,
    unordered: Vec<Key>,
    counters: Counters,
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
        Ok(read(&self.state).counters.value(key))
    }

    fn foresee(&self, records: &[Key], counters: &[Key]) {
        let state = read(&self.state);
        // A short record lies in one or two lines of the cache.
        let ends = |record: &Record| match (record.value.first(), record.value.last()) {
            (Some(first), Some(last)) => i64::from(first ^ last),
            _ => 0,
        };
        black_box(state.records.touch(records, ends) ^ state.counters.short.touch(counters, |counter| *counter));
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
                    if self.records.insert(&write.key, record, Key::clone).is_none() {
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
            self.counters.set(&counter, value);
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
        Ok(self.counters.value(key))
    }
}

/// The counters. Those with usual keys fill one line of the cache each.
#[derive(Debug, Default)]
struct Counters {
    short: Table<ShortKey, i64>,
    long: Table<Key, i64>,
}

impl Counters {
    fn value(&self, key: &Key) -> i64 {
        let found = if key.as_bytes().len() <= ShortKey::BYTES { self.short.get(key) } else { self.long.get(key) };
        found.copied().unwrap_or(0)
    }

    fn set(&mut self, key: &Key, value: i64) {
        match ShortKey::of(key) {
            Some(short) => self.short.insert(key, value, |_| short),
            None => self.long.insert(key, value, Key::clone),
        };
    }
}

/// The bytes of a key, if they are so few that a counter's value has its place in the same line.
#[derive(Debug)]
struct ShortKey {
    bytes: [u8; Self::BYTES],
    length: u8,
}

impl ShortKey {
    const BYTES: usize = 55;

    fn of(key: &Key) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        bytes.get_mut(..key.as_bytes().len())?.copy_from_slice(key.as_bytes());
        Some(Self { bytes, length: u8::try_from(key.as_bytes().len()).ok()? })
    }
}

impl AsRef<[u8]> for ShortKey {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Values by their keys. A key is hashed apart from being looked up, which a map of the standard library
/// does in one.
#[derive(Debug)]
struct Table<K, V>(HashTable<Slot<K, V>>);

/// A key and its value, in as few lines of the cache as hold them: a whole key fills one.
#[derive(Debug)]
#[repr(align(64))]
struct Slot<K, V>(K, V);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl<K: AsRef<[u8]>, V> Table<K, V> {
    fn get(&self, key: &Key) -> Option<&V> {
        let bytes = key.as_bytes();
        self.0.find(scattered(bytes), |Slot(other, _)| other.as_ref() == bytes).map(|Slot(_, value)| value)
    }

    /// Sets the value of a key, and gives the one that it had; a new one is kept as `kept` makes it.
    fn insert(&mut self, key: &Key, value: V, kept: impl FnOnce(&Key) -> K) -> Option<V> {
        let bytes = key.as_bytes();
        let hash = scattered(bytes);
        match self.0.find_mut(hash, |Slot(other, _)| other.as_ref() == bytes) {
            Some(Slot(_, place)) => Some(std::mem::replace(place, value)),
            None => {
                self.0.insert_unique(hash, Slot(kept(key), value), |Slot(other, _)| scattered(other.as_ref()));
                None
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        let bytes = key.as_bytes();
        if let Ok(entry) = self.0.find_entry(scattered(bytes), |Slot(other, _)| other.as_ref() == bytes) {
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
                *place = (scattered(key.as_bytes()), key.as_bytes().len());
            }
            for (hash, length) in hashes.iter().take(keys.len()) {
                let found = self.0.find(*hash, |Slot(other, _)| other.as_ref().len() == *length);
                seen ^= found.map_or(0, |Slot(_, value)| look(value));
            }
        }
        seen
    }
}

/// Scatters keys, quickly and for ever in the same way. It is no match for keys that somebody chose
/// to make it slow: nobody chooses keys of tests and benches.
fn scattered(bytes: &[u8]) -> u64 {
    // Odd numbers without a pattern in their bits: the fractions of the golden ratio and of pi.
    const FACTORS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0x243F_6A88_85A3_08D3];
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_counter_is_the_same_whether_its_key_is_short_or_long() {
        let store = MemoryStore::new();
        let keys: Vec<Key> = (0..ShortKey::BYTES + 5).map(|length| Key::of(&"x".repeat(length))).collect();
        for round in 1..=2 {
            for (key, delta) in keys.iter().zip(1..) {
                let mut write_set = WriteSet::new();
                write_set.adjust(key.clone(), delta, 0, i64::MAX);
                store.commit(write_set).now_or_never().unwrap().unwrap();
                assert_eq!(store.counter(key), Ok(delta * round), "{key:?}");
            }
        }
        store.foresee(&keys, &keys);
        assert!(keys.iter().zip(1..).all(|(key, delta)| store.counter(key) == Ok(delta * 2)));
    }
}
