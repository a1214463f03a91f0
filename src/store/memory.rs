//! A store without a disk, for tests and benches: it means what every store means and forgets it
//! all when it is dropped. It is not a cache and not a mode to serve in.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::future::ready;
use std::sync::RwLock;

use super::locks::{read, write};
use super::state::{Facts, Rejection, Resolved, resolve};
use super::{CommitError, Committed, Health, Key, KeyRange, Pending, Read, ReadError, Record, Store, WriteSet};

/// The store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<Key, Record>,
    counters: HashMap<Key, i64>,
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

    fn counter(&self, key: &Key) -> Result<i64, ReadError> {
        Ok(read(&self.state).counters.get(key).copied().unwrap_or(0))
    }

    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError> {
        if range.from >= range.to {
            return Ok(Vec::new());
        }
        let state = read(&self.state);
        let found = state.records.range(&range.from..&range.to).take(limit);
        Ok(found.map(|(key, record)| (key.clone(), record.clone())).collect())
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
                Some(record) => self.records.insert(write.key, record),
                None => self.records.remove(&write.key),
            };
        }
        self.counters.extend(resolved.counters);
        resolved.committed
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
