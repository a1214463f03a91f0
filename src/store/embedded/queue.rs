//! Commits that wait for the committers: bounded in number and in bytes, and taken in batches, by one
//! committer after the other.

use std::collections::VecDeque;
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
    /// There may be something for a committer to take.
    ready: Condvar,
    waiting_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// One has the turn.
    taken: bool,
    /// Committers that took a batch and are not done with it.
    busy: usize,
    closed: bool,
}

impl State {
    fn is_ready(&self) -> bool {
        let worth_it = self.busy == 0 || self.bytes >= AHEAD_BYTES;
        !self.waiting.is_empty() && !self.taken && worth_it
    }

    /// There will never be anything to take.
    fn is_over(&self) -> bool {
        self.closed && self.waiting.is_empty()
    }
}

/// So much is taken at once where more waits: enough that a sync is shared by many, and little enough that
/// the disk has something to do while the next is checked.
const BATCH_BYTES: usize = 256 << 10;

/// Less than this is not checked ahead while another batch is under way, but left to who is done with that, with
/// what comes until then: batches would be many and small, and each costs a sync.
const AHEAD_BYTES: usize = if cfg!(test) { 16 } else { 64 << 10 };

impl Queue {
    /// An empty queue. One write set is taken whatever its size: how large it may be is checked
    /// elsewhere.
    pub(super) fn new(waiting_max: usize, bytes_max: usize) -> Self {
        Self { state: Mutex::default(), ready: Condvar::new(), waiting_max, bytes_max }
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
        let (first, was_ready) = (state.waiting.is_empty(), state.is_ready());
        let bytes_after = state.bytes.saturating_add(bytes);
        if !first && (state.waiting.len() >= self.waiting_max || bytes_after > self.bytes_max) {
            return Err(CommitError::Busy);
        }
        let (answer, receiver) = oneshot::channel();
        state.waiting.push_back(Waiting { write_set, bytes, answer });
        state.bytes = bytes_after;
        let wakes = !was_ready && state.is_ready();
        drop(state);
        if wakes {
            // Who makes it ready otherwise takes it, or wakes who does.
            self.ready.notify_one();
        }
        Ok(receiver)
    }

    /// A batch of what waits, as soon as something does and nobody has the turn, which comes with it. Nothing
    /// when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<(Turn<'_>, Vec<Waiting>)> {
        let sleeps = |state: &mut State| !state.is_ready() && !state.is_over();
        let mut state = wait_while(&self.ready, lock(&self.state), sleeps);
        let (mut batch, mut bytes) = (Vec::new(), 0_usize);
        while bytes < BATCH_BYTES
            && let Some(one) = state.waiting.pop_front()
        {
            bytes = bytes.saturating_add(one.bytes);
            batch.push(one);
        }
        if batch.is_empty() {
            return None;
        }
        state.bytes = state.bytes.saturating_sub(bytes);
        state.taken = true;
        state.busy = state.busy.saturating_add(1);
        Some((Turn(self), batch))
    }

    /// A batch has been answered; who says so takes the next, if something waits.
    pub(super) fn done(&self) {
        let mut state = lock(&self.state);
        state.busy = state.busy.saturating_sub(1);
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// Lets nothing in any more; what waits is still taken.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.ready.notify_all();
    }

    /// Lets nothing in any more, and drops what waits.
    pub(super) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.ready.notify_all();
        drop(waiting);
    }
}

/// The turn to commit: as long as one has it, nobody takes anything.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Queue);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.taken = false;
        let wakes = state.is_ready() || state.is_over();
        drop(state);
        if wakes {
            self.0.ready.notify_one();
        }
    }
}
