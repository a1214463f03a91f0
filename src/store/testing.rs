//! A store with bad days, for the tests of those above it.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::memory::MemoryStore;
use super::{CommitError, Health, Key, KeyRange, Pending, Read, ReadError, Record, Store, WriteSet};

/// A store, in memory unless told otherwise, whose next commits fail as told.
#[derive(Debug)]
pub(crate) struct FailingStore {
    inner: Arc<dyn Store>,
    failures: Mutex<VecDeque<CommitError>>,
    pause: Mutex<Duration>,
    rival: Mutex<Option<WriteSet>>,
    unreadable: AtomicUsize,
    asked_max: AtomicUsize,
}

impl FailingStore {
    /// The store inside, with bad days to come.
    pub(crate) fn over(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, ..Self::default() })
    }

    /// The next commits fail with these, one after the other.
    pub(crate) fn will_fail(&self, errors: impl IntoIterator<Item = CommitError>) {
        self.failures.lock().unwrap().extend(errors);
    }

    /// The next so many ranges cannot be read.
    pub(crate) fn will_not_read(&self, ranges: usize) {
        self.unreadable.store(ranges, Ordering::SeqCst);
    }

    /// Somebody else's commit comes right before the next one, when that has been decided already.
    pub(crate) fn is_overtaken_by(&self, rival: WriteSet) {
        *self.rival.lock().unwrap() = Some(rival);
    }

    /// The most records that a range was asked for.
    pub(crate) fn asked_max(&self) -> usize {
        self.asked_max.load(Ordering::SeqCst)
    }

    /// From now on a commit is durable after so long only.
    pub(crate) fn takes_its_time(&self, pause: Duration) {
        *self.pause.lock().unwrap() = pause;
    }

    /// From now on all is well.
    pub(crate) fn recovers(&self) {
        self.failures.lock().unwrap().clear();
    }
}

impl Default for FailingStore {
    fn default() -> Self {
        let (failures, pause, rival, unreadable, asked_max) = Default::default();
        Self { inner: Arc::new(MemoryStore::new()), failures, pause, rival, unreadable, asked_max }
    }
}

impl Read for FailingStore {
    fn record(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        self.inner.record(key)
    }

    fn counter(&self, key: &Key) -> Result<i64, ReadError> {
        self.inner.counter(key)
    }

    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError> {
        self.asked_max.fetch_max(limit, Ordering::SeqCst);
        match self.unreadable.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |ranges| ranges.checked_sub(1)) {
            Ok(_) => Err(ReadError("the disk does not answer".into())),
            Err(_) => self.inner.range(range, limit),
        }
    }
}

impl Store for FailingStore {
    fn commit(&self, write_set: WriteSet) -> Pending {
        match self.failures.lock().unwrap().pop_front() {
            Some(error) => Box::pin(ready(Err(error))),
            None => {
                let rival = self.rival.lock().unwrap().take().map(|rival| self.inner.commit(rival));
                let (pause, committed) = (*self.pause.lock().unwrap(), self.inner.commit(write_set));
                Box::pin(async move {
                    if let Some(rival) = rival {
                        rival.await.unwrap();
                    }
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    committed.await
                })
            }
        }
    }

    fn health(&self) -> Health {
        self.inner.health()
    }
}

/// The fields of a record as they are kept, in the form of JSON; identifiers, which are bytes, as texts.
pub(crate) fn fields(record: &[u8]) -> Value {
    rmp_serde::from_slice::<Shown>(&record[1..]).unwrap().0
}

struct Shown(Value);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Show).map(Self)
    }
}

struct Show;

impl<'de> Visitor<'de> for Show {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a field")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Value, E> {
        Ok(is.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(String::from_utf8_lossy(bytes).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Shown(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = serde_json::Map::new();
        while let Some((key, Shown(value))) = map.next_entry()? {
            values.insert(key, value);
        }
        Ok(values.into())
    }
}
