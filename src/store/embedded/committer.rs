//! The one thread that commits. It takes all write sets that wait, checks each against the state
//! plus the batch so far, appends the good ones to the journal with one write and one sync, makes
//! them visible, and then answers everyone.
//!
//! Invariants: nothing is visible or acknowledged before it is durable; no answer, not even a
//! refusal, rests on something that does not become durable.

use std::sync::Arc;

use super::Shared;
use super::entry;
use super::index::IndexError;
use super::journal::{AppendError, Journal};
use super::memtable::Commit;
use super::queue::Waiting;
use super::recent::Recent;
use super::segment::{FRAME_BYTES_MAX, Position, marker, push_frame};
use crate::clock::Timestamp;
use crate::store::key::KeyMap;
use crate::store::state::{Facts, Rejection, Resolved, resolve};
use crate::store::{CommitError, Committed, Key, WriteSet};

/// Commits until the queue is closed and empty.
pub(super) fn run(shared: &Arc<Shared>, journal: Journal) {
    // However the thread ends, nobody may wait for it afterwards.
    let _end = End(shared);
    let (counters, frames, payload) = (Recent::default(), Vec::new(), Vec::new());
    let mut committer = Committer { shared, journal, counters, frames, payload };
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
    /// The counters that moved last, as they are now. Nobody else moves any.
    counters: Recent,
    frames: Vec<u8>,
    payload: Vec<u8>,
}

type Answer = Result<Committed, CommitError>;

/// Buffers that grew beyond this for a large batch are given back after it.
const BUFFER_BYTES_KEPT: usize = 8 << 20;

impl Committer<'_> {
    fn commit(&mut self, waiting: Vec<Waiting>) {
        let room = self.shared.make_room();
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
        let mut batch = Batch::new(self.shared, &self.counters, self.journal.position(), time);
        self.frames.clear();
        for write_set in write_sets {
            match batch.take(write_set, &mut self.frames, &mut self.payload, self.journal.identity()) {
                Ok(()) => {}
                // The index answers nothing after it met a full disk, until the checkpointer has
                // opened it again.
                Err(IndexError::Full | IndexError::Closed) => return vec![Err(CommitError::Full); count],
                Err(error) => {
                    let reason = format!("the index could not be read: {error}");
                    self.shared.refuse(&reason);
                    return vec![Err(CommitError::Refusing(reason)); count];
                }
            }
        }
        let Batch { pending: Pending { counters, .. }, position, commits, answers, .. } = batch;
        let written = if self.frames.is_empty() { Ok(()) } else { self.journal.append(&self.frames, position) };
        self.frames.shrink_to(BUFFER_BYTES_KEPT);
        self.payload.shrink_to(BUFFER_BYTES_KEPT);
        match written {
            Ok(()) => {
                self.shared.publish(commits);
                self.counters.extend(counters);
                answers
            }
            Err(AppendError::Full) => vec![Err(CommitError::Full); count],
            Err(AppendError::Failed(reason)) => {
                self.shared.refuse(&reason);
                vec![Err(CommitError::Refusing(reason)); count]
            }
        }
    }
}

/// The write sets accepted so far, which those after them must see.
struct Batch<'a> {
    pending: Pending<'a>,
    position: Position,
    time: Timestamp,
    commits: Vec<Commit>,
    answers: Vec<Answer>,
}

impl<'a> Batch<'a> {
    fn new(shared: &'a Shared, recent: &'a Recent, position: Position, time: Timestamp) -> Self {
        let pending = Pending { shared, recent, versions: KeyMap::default(), counters: KeyMap::default() };
        Self { pending, position, time, commits: Vec::new(), answers: Vec::new() }
    }

    /// Checks one more write set and adds its frame if it may commit. An error means that the state
    /// cannot be read, and nothing of the batch may be written.
    fn take(
        &mut self,
        write_set: WriteSet,
        frames: &mut Vec<u8>,
        payload: &mut Vec<u8>,
        identity: [u8; 16],
    ) -> Result<(), IndexError> {
        let sequence = self.position.sequence.saturating_add(1);
        let resolved = match resolve(&self.pending, write_set, sequence) {
            Ok(resolved) => resolved,
            Err(Rejection::Refused(error)) => {
                self.answers.push(Err(error));
                return Ok(());
            }
            Err(Rejection::Unreadable(error)) => return Err(error),
        };
        payload.clear();
        let records = resolved.writes.iter().map(|write| (&write.key, write.record.as_ref()));
        entry::encode(payload, records, &resolved.counters, self.time);
        let Ok(place) = u32::try_from(self.commits.len()) else {
            self.answers.push(Err(CommitError::Busy));
            return Ok(());
        };
        let Some(position) = push_frame(frames, marker(&identity), &self.position, place, payload) else {
            self.answers.push(Err(CommitError::TooLarge { bytes: payload.len(), max: FRAME_BYTES_MAX }));
            return Ok(());
        };
        self.position = position;
        self.pending.take_in(&resolved);
        let Resolved { writes, counters, committed } = resolved;
        self.commits.push(Commit { writes, counters, position: self.position });
        self.answers.push(Ok(committed));
        Ok(())
    }
}

/// The state plus the batch so far.
struct Pending<'a> {
    shared: &'a Shared,
    recent: &'a Recent,
    versions: KeyMap<Option<u64>>,
    counters: KeyMap<i64>,
}

impl Pending<'_> {
    fn take_in(&mut self, resolved: &Resolved) {
        for write in &resolved.writes {
            self.versions.insert(write.key.clone(), write.record.as_ref().map(|record| record.version));
        }
        for (counter, value) in &resolved.counters {
            self.counters.insert(counter.clone(), *value);
        }
    }
}

impl Facts for Pending<'_> {
    type Error = IndexError;

    fn version(&self, key: &Key) -> Result<Option<u64>, IndexError> {
        match self.versions.get(key) {
            Some(&version) => Ok(version),
            None => self.shared.version(key),
        }
    }

    fn counter(&self, key: &Key) -> Result<i64, IndexError> {
        match self.counters.get(key) {
            Some(&value) => Ok(value),
            None => self.recent.value(key).map_or_else(|| self.shared.counter(key), Ok),
        }
    }
}
