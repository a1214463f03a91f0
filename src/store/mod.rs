//! Everything that must survive: typed records under ordered keys, and bounded counters, changed
//! only by atomic [`WriteSet`]s. What the records mean is for the modules above to know.
//!
//! Money and limits are counters changed by deltas with bounds, never read-modify-write, so a busy
//! paybill does not make payments collide. What must be known only when a write set commits (the
//! balance after it, the next number of a log) is [captured](Change) into the records it writes.

#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod embedded;
mod key;
mod locks;
pub mod memory;
mod state;
mod stored;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod write_set;

pub use key::{Key, KeyRange, Part};
pub use stored::{Fields, Stored, Vacant, decode, decode_as, encode, encode_as};
pub use write_set::{Adjust, Change, Expect, WriteSet};

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

/// A record as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The sequence number of the commit that wrote it; a decision that rested on this record
    /// expects this version.
    pub version: u64,
    /// What was put. The store does not look inside.
    pub value: Bytes,
    /// The counters that its [`Change`] asked to capture, as they were right after the commit, in
    /// the order asked for.
    pub captured: Vec<i64>,
}

/// What a decision reads. Everything that has been committed is seen, nothing that has not.
pub trait Read: Send + Sync {
    /// The record under `key`, if there is one.
    fn record(&self, key: &Key) -> Result<Option<Record>, ReadError>;

    /// Shows the record under `key`, or that there is none, to `look`: for who needs no copy of it.
    fn look(&self, key: &Key, look: &mut dyn FnMut(Option<&Record>)) -> Result<(), ReadError> {
        look(self.record(key)?.as_ref());
        Ok(())
    }

    /// Tells which records and counters are about to be read, where that is known before the first of them
    /// is: a store whose state is larger than the processor's caches can have them on their way all at once
    /// instead of one after the other. It changes nothing in what is read.
    fn foresee(&self, _records: &[Key], _counters: &[Key]) {}

    /// The counter's value; a counter that was never adjusted is 0. The counter of a log is the
    /// number of its newest entry.
    fn counter(&self, key: &Key) -> Result<i64, ReadError>;

    /// At most `limit` records of `range` in ascending order of their keys. To page on, start the
    /// next range after the last key returned.
    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError>;
}

/// The store: what was committed can be read, and write sets can be committed.
pub trait Store: Read + fmt::Debug {
    /// Commits the whole write set or nothing. The answer comes when it is durable.
    fn commit(&self, write_set: WriteSet) -> Pending;

    /// How it is, for `lango status` and metrics.
    fn health(&self) -> Health;
}

/// A commit under way.
pub type Pending = Pin<Box<dyn Future<Output = Result<Committed, CommitError>> + Send>>;

/// What a durable write set got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its place in the order of all commits; the version of the records that it wrote.
    pub sequence: u64,
    /// For each change of the write set, in order, what it captured (empty where it captured nothing).
    pub captured: Vec<Vec<i64>>,
    /// The keys that the appends got, in order.
    pub appended: Vec<Key>,
}

/// Why a write set was not committed. Nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A record was not what the decision rested on: read again and decide again.
    #[error("record {0:?} changed since it was read")]
    Expectation(Key),
    /// A counter would have left its bounds.
    #[error("counter {counter:?} is {value} and may not move by {delta}")]
    Bound {
        /// The counter.
        counter: Key,
        /// Its value without this write set.
        value: i64,
        /// What the write set would have added in all.
        delta: i64,
    },
    /// Too many commits wait already.
    #[error("the queue of commits is full")]
    Busy,
    /// The write set is larger than the store takes.
    #[error("the write set has {bytes} bytes, and at most {max} are allowed")]
    TooLarge {
        /// Its encoded size.
        bytes: usize,
        /// The largest size.
        max: usize,
    },
    /// No room on the disk, or for one more open file; tried again with the next commit.
    #[error("the disk is full, or no more files may be open")]
    Full,
    /// A write or sync failed before; only a restart leaves this state.
    #[error("the store refuses since: {0}")]
    Refusing(String),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store could not read: {0}")]
pub struct ReadError(pub String);

/// How a store is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// Why it refuses to commit, if it does.
    pub refusing: Option<String>,
    /// The sequence number of the newest commit.
    pub sequence: u64,
    /// The sequence number up to which the journal has been moved into the index.
    pub checkpoint: u64,
    /// Bytes that wait in memory for the next checkpoint.
    pub memory_bytes: u64,
    /// Commits that wait.
    pub waiting: u64,
}
