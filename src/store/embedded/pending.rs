//! The commits of the batch under way, which those after them in the batch must see. For the
//! committer alone.
//!
//! A payment writes many records and looks for few, so a write leaves no more than its key's hash and
//! its place; whether the record found there is the one looked for is seen when it is.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use super::memtable::Commit;
use crate::store::Key;
use crate::store::state::Write;

/// The commits of a batch, in order.
#[derive(Debug, Default)]
pub(super) struct PendingWrites {
    commits: Vec<Commit>,
    /// By the hash of a key, where the last write is whose key has this hash: which commit, and which
    /// of its writes.
    places: HashMap<u64, (usize, usize), BuildHasherDefault<Hashed>>,
    /// Seeded at random, so nobody who chooses parts of keys can choose where they collide.
    hasher: foldhash::fast::RandomState,
}

impl PendingWrites {
    /// How many commits there are.
    pub(super) fn len(&self) -> usize {
        self.commits.len()
    }

    /// Adds a commit.
    pub(super) fn push(&mut self, commit: Commit) {
        let nth = self.commits.len();
        for (place, write) in commit.writes.iter().enumerate() {
            self.places.insert(self.hasher.hash_one(&write.key), (nth, place));
        }
        self.commits.push(commit);
    }

    /// The version that the batch leaves of a record, or that it leaves none; nothing when it does not
    /// write the record.
    pub(super) fn version(&self, key: &Key) -> Option<Option<u64>> {
        let (nth, place) = *self.places.get(&self.hasher.hash_one(key))?;
        let write = self.commits.get(nth).and_then(|commit| commit.writes.get(place));
        let write = write.filter(|write| write.key == *key).or_else(|| self.search(key))?;
        Some(write.record.as_ref().map(|record| record.version))
    }

    /// For when two keys have one hash.
    fn search(&self, key: &Key) -> Option<&Write> {
        self.commits.iter().flat_map(|commit| &commit.writes).rfind(|write| write.key == *key)
    }

    /// Takes the commits out and begins the next batch.
    pub(super) fn take(&mut self) -> Vec<Commit> {
        self.places.clear();
        self.places.shrink_to(PLACES_KEPT);
        std::mem::take(&mut self.commits)
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

    fn commit(version: u64, keys: &[(&Key, bool)]) -> Commit {
        let write = |(key, there): &(&Key, bool)| {
            let record = there.then(|| Record { version, value: Bytes::new(), captured: Vec::new() });
            Write { key: (*key).clone(), record, fresh: false }
        };
        Commit {
            writes: keys.iter().map(write).collect(),
            counters: Vec::new(),
            position: Position::start(&[0; 16]),
            place: None,
        }
    }

    #[test]
    fn the_last_write_of_a_key_counts_also_where_two_keys_have_one_hash() {
        let (a, b, c) = (Key::of("a"), Key::of("b"), Key::of("c"));
        let mut pending = PendingWrites::default();
        pending.push(commit(1, &[(&a, true), (&b, true), (&a, false)]));
        pending.push(commit(2, &[(&b, true)]));
        assert_eq!((pending.version(&a), pending.version(&b), pending.version(&c)), (Some(None), Some(Some(2)), None));
        // As if all had the hash of `b`.
        let place = pending.places[&pending.hasher.hash_one(&b)];
        for key in [&a, &c] {
            pending.places.insert(pending.hasher.hash_one(key), place);
        }
        assert_eq!((pending.version(&a), pending.version(&b), pending.version(&c)), (Some(None), Some(Some(2)), None));
        assert_eq!(pending.take().len(), 2);
        assert_eq!((pending.len(), pending.version(&b)), (0, None));
    }
}
