//! Commits that wait for the committer: bounded in number and in bytes, and taken all at once.

use std::sync::{Condvar, Mutex};

use tokio::sync::oneshot;

use crate::store::locks::{lock, wait_while};
use crate::store::{CommitError, Committed, WriteSet};

/// A write set and who waits for what becomes of it.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What to commit.
    pub write_set: WriteSet,
    /// About how large it is.
    pub bytes: usize,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Committed, CommitError>>,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    waiting_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// An empty queue. One write set is taken whatever its size: how large it may be is checked
    /// elsewhere.
    pub(super) fn new(waiting_max: usize, bytes_max: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), waiting_max, bytes_max }
    }

    /// Lets a write set of so many bytes wait.
    pub(super) fn push(
        &self,
        write_set: WriteSet,
        bytes: usize,
    ) -> Result<oneshot::Receiver<Result<Committed, CommitError>>, CommitError> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(CommitError::Refusing("it is closed".into()));
        }
        let first = state.waiting.is_empty();
        let bytes_after = state.bytes.saturating_add(bytes);
        if !first && (state.waiting.len() >= self.waiting_max || bytes_after > self.bytes_max) {
            return Err(CommitError::Busy);
        }
        let (answer, receiver) = oneshot::channel();
        state.waiting.push(Waiting { write_set, bytes, answer });
        state.bytes = bytes_after;
        drop(state);
        if first {
            // Only an empty queue lets the committer sleep, and it is the only one who does.
            self.arrived.notify_one();
        }
        Ok(receiver)
    }

    /// All that waits, as soon as something does; nothing when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Waiting>> {
        let mut state = wait_while(&self.arrived, lock(&self.state), |state| state.waiting.is_empty() && !state.closed);
        state.bytes = 0;
        let waiting = std::mem::take(&mut state.waiting);
        (!waiting.is_empty()).then_some(waiting)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// Lets nothing in any more; what waits is still taken.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.arrived.notify_all();
    }
}
