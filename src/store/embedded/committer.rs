//! The one thread that commits. It takes all write sets that wait, checks each against the state
//! plus the batch so far, appends the good ones to the journal with one write and one sync, makes
//! them visible, and then answers everyone.
//!
//! Invariants: nothing is visible or acknowledged before it is durable; no answer, not even a
//! refusal, rests on something that does not become durable.

use std::sync::Arc;

use super::Shared;
use super::entry;
use super::frame::{FRAME_BYTES_MAX, push_frame};
use super::index::IndexError;
use super::journal::{AppendError, Journal};
use super::memtable::Commit;
use super::pending::Pending;
use super::place::Place;
use super::queue::Waiting;
use super::segment::{Position, marker};
use crate::clock::Timestamp;
use crate::store::state::{Facts, Rejection, Resolved, resolve};
use crate::store::{CommitError, Committed, Key, WriteSet};

/// Commits until the queue is closed and empty.
pub(super) fn run(shared: &Arc<Shared>, journal: Journal) {
    // However the thread ends, nobody may wait for it afterwards.
    let _end = End(shared);
    let mut committer = Committer { shared, journal, pending: Pending::default(), frames: Vec::new() };
    while let Some(waiting) = shared.queue.take() {
        committer.commit(waiting);
    }
    if shared.refusing().is_none() {
        committer.journal.finish();
    }
}

struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.refuse("the committer stopped");
        }
        self.0.queue.close();
        drop(self.0.queue.take());
    }
}

struct Committer<'a> {
    shared: &'a Arc<Shared>,
    journal: Journal,
    /// What the batch under way writes and moves.
    pending: Pending,
    frames: Vec<u8>,
}

type Answer = Result<Committed, CommitError>;

/// Buffers that grew beyond this for a large batch are given back after it.
const BUFFER_BYTES_KEPT: usize = 8 << 20;

impl Committer<'_> {
    fn commit(&mut self, waiting: Vec<Waiting>) {
        let bytes = waiting.iter().map(|one| one.bytes as u64).fold(0, u64::saturating_add);
        let room = self.shared.make_room(bytes);
        let (write_sets, answers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|one| (one.write_set, one.answer)).unzip();
        let outcome = match self.shared.refusing() {
            Some(reason) => vec![Err(CommitError::Refusing(reason)); answers.len()],
            None if !room => vec![Err(CommitError::Full); answers.len()],
            None => self.commit_batch(write_sets),
        };
        for (answer, result) in answers.into_iter().zip(outcome) {
            // Who no longer waits gave up on the answer, not on the commit.
            let _ = answer.send(result);
        }
    }

    fn commit_batch(&mut self, write_sets: Vec<WriteSet>) -> Vec<Answer> {
        let count = write_sets.len();
        let time = self.shared.clock.now();
        self.frames.clear();
        let state = State { shared: self.shared, pending: &mut self.pending };
        let (position, answers) = (self.journal.position(), Vec::with_capacity(count));
        let mut batch = Batch { state, position, time, answers };
        let mut unreadable = None;
        for write_set in write_sets {
            if let Err(error) = batch.take(write_set, &mut self.frames, self.journal.identity()) {
                unreadable = Some(error);
                break;
            }
        }
        let Batch { position, answers, .. } = batch;
        let written = match unreadable {
            Some(error) => Err(Failure::of(&error)),
            None if self.frames.is_empty() => Ok((0, 0)),
            None => self.journal.append(&self.frames, position).map_err(Failure::from),
        };
        self.frames.shrink_to(BUFFER_BYTES_KEPT);
        match written {
            Ok(begin) => {
                self.shared.publish(self.pending.take(begin));
                answers
            }
            Err(failure) => {
                self.pending.clear();
                let error = match failure {
                    Failure::Full => CommitError::Full,
                    Failure::Lasting(reason) => {
                        self.shared.refuse(&reason);
                        CommitError::Refusing(reason)
                    }
                };
                vec![Err(error); count]
            }
        }
    }
}

/// Why nothing of a batch was committed.
enum Failure {
    /// There is no room; the next batch may find some.
    Full,
    /// Only opening the store again helps.
    Lasting(String),
}

impl Failure {
    /// The state cannot be read, so nothing of the batch may be written.
    fn of(error: &IndexError) -> Self {
        match error {
            // The index answers nothing after it met a full disk, until the checkpointer has opened it
            // again.
            IndexError::Full | IndexError::Closed => Self::Full,
            error => Self::Lasting(format!("the index could not be read: {error}")),
        }
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full => Self::Full,
            AppendError::Failed(reason) => Self::Lasting(reason),
        }
    }
}

/// The write sets accepted so far.
struct Batch<'a> {
    state: State<'a>,
    position: Position,
    time: Timestamp,
    answers: Vec<Answer>,
}

impl Batch<'_> {
    /// Checks one more write set and adds its frame if it may commit. An error means that the state
    /// cannot be read, and nothing of the batch may be written.
    fn take(&mut self, write_set: WriteSet, frames: &mut Vec<u8>, identity: [u8; 16]) -> Result<(), IndexError> {
        let sequence = self.position.sequence.saturating_add(1);
        let resolved = match resolve(&self.state, write_set, sequence) {
            Ok(resolved) => resolved,
            Err(Rejection::Refused(error)) => {
                self.answers.push(Err(error));
                return Ok(());
            }
            Err(Rejection::Unreadable(error)) => return Err(error),
        };
        let Ok(place) = u32::try_from(self.state.pending.len()) else {
            self.answers.push(Err(CommitError::Busy));
            return Ok(());
        };
        let records = resolved.writes.iter().map(|write| (&write.key, write.record.as_ref()));
        let begin = frames.len();
        let put_payload = |out: &mut Vec<u8>| entry::encode(out, records, &resolved.counters, self.time);
        match push_frame(frames, marker(&identity), &self.position, place, put_payload) {
            Ok(position) => self.position = position,
            Err(bytes) => {
                self.answers.push(Err(CommitError::TooLarge { bytes, max: FRAME_BYTES_MAX }));
                return Ok(());
            }
        }
        let place = Place::of(frames.get(begin..).unwrap_or_default(), 0, begin as u64);
        let Resolved { writes, counters, committed } = resolved;
        self.state.pending.push(Commit { writes, counters, position: self.position, place });
        self.answers.push(Ok(committed));
        Ok(())
    }
}

/// The state plus the batch so far.
struct State<'a> {
    shared: &'a Shared,
    pending: &'a mut Pending,
}

impl Facts for State<'_> {
    type Error = IndexError;

    fn version(&self, key: &Key) -> Result<Option<u64>, IndexError> {
        match self.pending.version(key) {
            Some(version) => Ok(version),
            None => self.shared.version(key),
        }
    }

    fn counter(&self, key: &Key) -> Result<i64, IndexError> {
        self.pending.counter(key).map_or_else(|| self.shared.counter(key), Ok)
    }
}
