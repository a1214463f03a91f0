//! Reading the active generation, the frozen one and the index as one.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::sync::Arc;

use super::Shared;
use super::index::IndexError;
use super::kept::Kept;
use super::memtable::Generation;
use crate::store::locks::read;
use crate::store::{Key, KeyRange, Record};

impl Shared {
    pub(super) fn record(&self, key: &Key) -> Result<Option<Record>, IndexError> {
        match self.memtable.look(|layers| layers.record(key).map(|found| found.cloned())) {
            Some(Some(kept)) => self.index.whole(key, kept).map(Some),
            Some(None) => Ok(None),
            None => self.index.record(key),
        }
    }

    pub(super) fn version(&self, key: &Key) -> Result<Option<u64>, IndexError> {
        match self.memtable.look(|layers| layers.record(key).map(|found| found.map(Kept::version))) {
            Some(found) => Ok(found),
            None => self.index.version(key),
        }
    }

    pub(super) fn counter(&self, key: &Key) -> Result<i64, IndexError> {
        match self.memtable.look(|layers| layers.counter(key)) {
            Some(value) => Ok(value),
            None => Ok(self.index.counter(key)?.unwrap_or(0)),
        }
    }

    /// The records of a range as they are at one moment. The index is read in chunks without any
    /// lock that commits need; then all layers are merged at once. When tombstones hide so much of
    /// the chunk that it does not suffice, it is read on and merged again.
    pub(super) fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, IndexError> {
        if range.from >= range.to || limit == 0 {
            return Ok(Vec::new());
        }
        self.memtable.order(range);
        // While this is held, the index changes only in what the generation that is frozen now
        // hides: the next checkpoint waits before it writes.
        let _scan = read(&self.scans);
        let frozen_before = self.memtable.look(|layers| layers.frozen.clone());
        let mut indexed = Vec::new();
        let mut chunk = limit.min(CHUNK_RECORDS);
        loop {
            let rest = match indexed.last() {
                Some((last, _)) => range.after(last),
                None => range.clone(),
            };
            let more = self.index.range(&rest, chunk)?;
            let complete = more.len() < chunk;
            indexed.extend(more);
            // Beyond the last key read, it is not known what the index holds.
            let known = match indexed.last() {
                Some((last, _)) if !complete => KeyRange { from: range.from.clone(), to: last.successor() },
                _ => range.clone(),
            };
            let found = self.merge(&known, limit, frozen_before.as_ref(), &indexed);
            if complete || found.len() >= limit {
                let whole = |(key, kept)| self.index.whole(&key, kept).map(|record| (key, record));
                return found.into_iter().map(whole).collect();
            }
            chunk = chunk.saturating_mul(2);
        }
    }

    fn merge(
        &self,
        range: &KeyRange,
        limit: usize,
        frozen_before: Option<&Arc<Generation>>,
        indexed: &[(Key, Kept)],
    ) -> Vec<(Key, Kept)> {
        self.memtable.look(|layers| {
            // The checkpoint that was under way when the read began may have ended since, and the
            // chunk be from before it ended, so its generation is a layer all the same. Another may
            // have been frozen since, which lies above it.
            let mut merged: Vec<Layer<'_>> = vec![Layer::of(layers.active.range(range))];
            if let Some(frozen) = &layers.frozen
                && !frozen_before.is_some_and(|before| Arc::ptr_eq(before, frozen))
            {
                merged.push(Layer::of(frozen.range(range)));
            }
            if let Some(frozen) = frozen_before {
                merged.push(Layer::of(frozen.range(range)));
            }
            merged.push(Layer::of(indexed.iter().map(|(key, record)| (key, Some(record)))));
            let live = std::iter::from_fn(|| next_of(&mut merged)).filter_map(|(key, record)| Some((key, record?)));
            live.take(limit).map(|(key, record)| (key.clone(), record.clone())).collect()
        })
    }
}

/// Records read from the index at first, at most.
const CHUNK_RECORDS: usize = 1024;

type Entry<'a> = (&'a Key, Option<&'a Kept>);

struct Layer<'a>(Peekable<Box<dyn Iterator<Item = Entry<'a>> + 'a>>);

impl<'a> Layer<'a> {
    fn of(entries: impl Iterator<Item = Entry<'a>> + 'a) -> Self {
        let entries: Box<dyn Iterator<Item = Entry<'a>> + 'a> = Box::new(entries);
        Self(entries.peekable())
    }
}

/// The entry with the least key, from the uppermost layer that has it; the others let it go.
fn next_of<'a>(layers: &mut [Layer<'a>]) -> Option<Entry<'a>> {
    let mut least: Option<Entry<'a>> = None;
    for layer in &mut *layers {
        if let Some(&entry) = layer.0.peek()
            && least.is_none_or(|(key, _)| entry.0.cmp(key) == Ordering::Less)
        {
            least = Some(entry);
        }
    }
    let (key, record) = least?;
    for layer in layers {
        layer.0.next_if(|(other, _)| *other == key);
    }
    Some((key, record))
}
