//! The commits of the batch under way, which those after them in the batch must see. For the
//! committer alone.
//!
//! A payment writes many records and looks for few, so a write leaves no more than its key's hash and
//! its place; whether the record found there is the one looked for is seen when it is.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use super::memtable::Commit;
use crate::store::Key;

/// The commits of a batch, in order.
#[derive(Debug, Default)]
pub(super) struct Pending {
    commits: Vec<Commit>,
    writes: Places,
    counters: Places,
    /// Seeded at random, so nobody who chooses parts of keys can choose where they collide.
    hasher: foldhash::fast::RandomState,
}

/// By the hash of a key, where the last one is that has this hash: in which commit, and which of its writes or
/// counters.
type Places = HashMap<u64, (usize, usize), BuildHasherDefault<Hashed>>;

impl Pending {
    /// How many commits there are.
    pub(super) fn len(&self) -> usize {
        self.commits.len()
    }

    /// Adds a commit.
    pub(super) fn push(&mut self, commit: Commit) {
        let nth = self.commits.len();
        for (place, write) in commit.writes.iter().enumerate() {
            self.writes.insert(self.hasher.hash_one(&write.key), (nth, place));
        }
        for (place, (counter, _)) in commit.counters.iter().enumerate() {
            self.counters.insert(self.hasher.hash_one(counter), (nth, place));
        }
        self.commits.push(commit);
    }

    /// The version that the batch leaves of a record, or that it leaves none; nothing when it does not
    /// write the record.
    pub(super) fn version(&self, key: &Key) -> Option<Option<u64>> {
        let (nth, place) = *self.writes.get(&self.hasher.hash_one(key))?;
        let write = self.commits.get(nth).and_then(|commit| commit.writes.get(place));
        // For when two keys have one hash.
        let search = || self.commits.iter().flat_map(|commit| &commit.writes).rfind(|write| write.key == *key);
        let write = write.filter(|write| write.key == *key).or_else(search)?;
        Some(write.record.as_ref().map(|record| record.version))
    }

    /// The counter as the batch leaves it; nothing when it does not move it.
    pub(super) fn counter(&self, key: &Key) -> Option<i64> {
        let (nth, place) = *self.counters.get(&self.hasher.hash_one(key))?;
        let counter = self.commits.get(nth).and_then(|commit| commit.counters.get(place));
        // As above.
        let search = || self.commits.iter().flat_map(|commit| &commit.counters).rfind(|(other, _)| other == key);
        counter.filter(|(other, _)| other == key).or_else(search).map(|(_, value)| *value)
    }

    /// Takes the commits out, each with its place in a journal in which the batch begins here, and begins the
    /// next batch.
    pub(super) fn take(&mut self, begin: (u64, u64)) -> impl Iterator<Item = Commit> {
        self.forget_places();
        self.commits
            .drain(..)
            .map(move |commit| Commit { place: commit.place.map(|place| place.from(begin)), ..commit })
    }

    /// Forgets the batch: it was not committed.
    pub(super) fn clear(&mut self) {
        self.forget_places();
        self.commits.clear();
    }

    fn forget_places(&mut self) {
        for places in [&mut self.writes, &mut self.counters] {
            places.clear();
            places.shrink_to(PLACES_KEPT);
        }
    }
}

/// A table that grew beyond this for a large batch is given back after it.
const PLACES_KEPT: usize = 1 << 16;

/// What is looked for is a hash already.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::segment::Position;
    use super::*;
    use crate::store::Record;
    use crate::store::state::Write;

    fn commit(version: u64, keys: &[(&Key, bool)]) -> Commit {
        let counters = keys.iter().map(|(key, _)| ((*key).clone(), version as i64)).collect();
        let write = |(key, there): &(&Key, bool)| {
            let record = there.then(|| Record { version, value: Bytes::new(), captured: Vec::new() });
            Write { key: (*key).clone(), record, fresh: false }
        };
        Commit { writes: keys.iter().map(write).collect(), counters, position: Position::start(&[0; 16]), place: None }
    }

    #[test]
    fn the_last_write_of_a_key_counts_also_where_two_keys_have_one_hash() {
        let (a, b, c) = (Key::of("a"), Key::of("b"), Key::of("c"));
        let mut pending = Pending::default();
        pending.push(commit(1, &[(&a, true), (&b, true), (&a, false)]));
        pending.push(commit(2, &[(&b, true)]));
        let versions = |pending: &Pending| [&a, &b, &c].map(|key| pending.version(key));
        let counters = |pending: &Pending| [&a, &b, &c].map(|key| pending.counter(key));
        assert_eq!(versions(&pending), [Some(None), Some(Some(2)), None]);
        assert_eq!(counters(&pending), [Some(1), Some(2), None]);
        // As if all had the hash of `b`.
        for key in [&a, &c] {
            let (hash, of_b) = (pending.hasher.hash_one(key), pending.hasher.hash_one(&b));
            for places in [&mut pending.writes, &mut pending.counters] {
                places.insert(hash, places[&of_b]);
            }
        }
        assert_eq!(versions(&pending), [Some(None), Some(Some(2)), None]);
        assert_eq!(counters(&pending), [Some(1), Some(2), None]);
        assert_eq!(pending.take((0, 0)).count(), 2);
        assert_eq!((pending.len(), pending.version(&b), pending.counter(&b)), (0, None, None));
        pending.push(commit(3, &[(&c, true)]));
        pending.clear();
        assert_eq!((pending.len(), pending.version(&c), pending.counter(&c)), (0, None, None));
    }
}
