//! The one way to change the store.

use serde::{Deserialize, Serialize};

use super::Key;

/// Changes that happen all together or not at all, and what they rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSet {
    /// What the decision rested on.
    pub expects: Vec<(Key, Expect)>,
    /// Counters to move. Several adjusts of one counter count together, within the narrowest of
    /// their bounds.
    pub adjusts: Vec<Adjust>,
    /// Records to write and delete, in order.
    pub changes: Vec<Change>,
}

/// What a record must be for the write set to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no record under the key.
    Absent,
    /// The record has this version.
    Version(u64),
}

/// A counter moved by a delta; afterwards it must lie between floor and ceiling, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjust {
    /// The counter.
    pub counter: Key,
    /// What is added.
    pub delta: i64,
    /// The least that it may be afterwards. A delta that is not negative is let through even below
    /// the floor: it only makes things better.
    pub floor: i64,
    /// The most that it may be afterwards. A delta that is not positive is let through even above it.
    pub ceiling: i64,
}

/// A change of one record. What it captures is the value that each named counter has after the
/// whole write set; for a log's key that is the log's newest number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Writes a record.
    Put {
        /// Where.
        key: Key,
        /// What.
        value: Vec<u8>,
        /// Counters to keep beside it.
        capture: Vec<Key>,
    },
    /// Deletes a record, if it is there.
    Delete {
        /// Where.
        key: Key,
    },
    /// Writes a record under the log's key followed by the log's next number, from 1 without gaps.
    Append {
        /// The log; also the counter that holds its newest number.
        log: Key,
        /// What.
        value: Vec<u8>,
        /// Counters to keep beside it.
        capture: Vec<Key>,
    },
}

impl WriteSet {
    /// An empty write set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The record under `key` must be absent. Said twice, it is looked up once.
    pub fn expect_absent(&mut self, key: Key) {
        let said = self.expects.iter().any(|(other, expect)| *expect == Expect::Absent && *other == key);
        if !said {
            self.expects.push((key, Expect::Absent));
        }
    }

    /// The record under `key` must still be the one of this version.
    pub fn expect_version(&mut self, key: Key, version: u64) {
        self.expects.push((key, Expect::Version(version)));
    }

    /// Moves a counter within bounds.
    pub fn adjust(&mut self, counter: Key, delta: i64, floor: i64, ceiling: i64) {
        self.adjusts.push(Adjust { counter, delta, floor, ceiling });
    }

    /// Writes a record.
    pub fn put(&mut self, key: Key, value: Vec<u8>) {
        self.put_capturing(key, value, Vec::new());
    }

    /// Writes a record beside which counters are kept as they are after the commit.
    pub fn put_capturing(&mut self, key: Key, value: Vec<u8>, capture: Vec<Key>) {
        self.changes.push(Change::Put { key, value, capture });
    }

    /// Deletes a record.
    pub fn delete(&mut self, key: Key) {
        self.changes.push(Change::Delete { key });
    }

    /// Adds a record to a log.
    pub fn append(&mut self, log: Key, value: Vec<u8>, capture: Vec<Key>) {
        self.changes.push(Change::Append { log, value, capture });
    }

    /// About how many bytes it takes to keep it: what limits on the size of a write set count.
    pub fn bytes(&self) -> usize {
        let key_bytes = |key: &Key| key.as_bytes().len().saturating_add(PART_BYTES);
        let expects = self.expects.iter().map(|(key, _)| key_bytes(key));
        let adjusts = self.adjusts.iter().map(|adjust| key_bytes(&adjust.counter));
        let changes = self.changes.iter().map(|change| match change {
            Change::Delete { key } => key_bytes(key),
            Change::Put { key, value, capture } | Change::Append { log: key, value, capture } => {
                let captured = capture.iter().map(key_bytes);
                captured.fold(key_bytes(key).saturating_add(value.len()), usize::saturating_add)
            }
        });
        expects.chain(adjusts).chain(changes).fold(0, usize::saturating_add)
    }

    /// The bytes of the longest key under which it keeps something.
    pub fn key_bytes_longest(&self) -> usize {
        let adjusted = self.adjusts.iter().map(|adjust| &adjust.counter);
        let changed = self.changes.iter().map(|change| match change {
            Change::Delete { key } | Change::Put { key, .. } | Change::Append { log: key, .. } => key,
        });
        adjusted.chain(changed).map(|key| key.as_bytes().len()).max().unwrap_or(0)
    }

    /// Takes over everything of another write set, after what is here.
    pub fn extend(&mut self, other: WriteSet) {
        self.expects.extend(other.expects);
        self.adjusts.extend(other.adjusts);
        self.changes.extend(other.changes);
    }
}

/// What a part of a write set takes beside its key and value: lengths, versions, a counter's value.
const PART_BYTES: usize = 16;
