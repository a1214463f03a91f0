//! What every store must do, run on each engine: the same functions with another way to make one.

mod conformance;
mod model;
mod ranges;
mod threads;

use std::future::Future;
use std::sync::Arc;

use super::{CommitError, Committed, Key, Store, WriteSet};

/// Waits for a commit outside of any runtime.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(super) fn commit(store: &dyn Store, write_set: WriteSet) -> Result<Committed, CommitError> {
    wait(store.commit(write_set))
}

/// A write set that puts one record.
pub(super) fn put(key: Key, value: &[u8]) -> WriteSet {
    let mut write_set = WriteSet::new();
    write_set.put(key, value.to_vec());
    write_set
}

/// An engine under test.
pub(super) trait Engine {
    /// The store as it is now.
    fn store(&self) -> Arc<dyn Store>;

    /// Does what may happen between two commits and must change nothing that can be read.
    fn disturb(&mut self, how: Disturbance);
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Disturbance {
    /// Everything in memory moves to the index.
    Checkpoint,
    /// The store is closed and opened.
    Reopen,
    /// The process dies and the store is opened.
    Crash,
    /// The index is lost and made anew from the journal.
    LoseIndex,
}
