//! The two threads that commit, in turns. Whoever has the turn takes a batch of what waits, checks each
//! write set against the state plus all that was checked before, and passes the turn on when the journal
//! takes its batch: so one batch is checked while the one before is written and synced. Then the batch is made
//! visible, after those before it, and everyone is answered.
//!
//! Invariants: nothing is visible or acknowledged before it is durable; no answer, not even a refusal, rests
//! on something that does not become durable and visible before it. A batch that was checked on top of one
//! that failed is not written and fails as well; the next is checked on top of what is durable.
//!
//! Locks, in the order in which a batch goes through them: the turn and what was checked, the journal, the
//! publishing. Each is taken before the one before it is given up, so batches do not overtake each other.

use std::sync::{Arc, Mutex, MutexGuard};

use super::Shared;
use super::entry;
use super::frame::{FRAME_BYTES_MAX, push_frame};
use super::index::IndexError;
use super::journal::{AppendError, Journal};
use super::memtable::Commit;
use super::place::Place;
use super::queue::{Turn, Waiting};
use super::recent::Recent;
use super::segment::{Position, marker};
use crate::clock::Timestamp;
use crate::store::state::{Facts, Rejection, Resolved, resolve};
use crate::store::{CommitError, Committed, Key, WriteSet};

/// The committers are two, as what was checked is remembered for the batch under way and the one before: when
/// one of them takes a batch, all but the last of those before it are visible.
pub(super) const COMMITTERS: usize = 2;

/// What the committers share.
#[derive(Debug)]
pub(super) struct Commits {
    shared: Arc<Shared>,
    identity: [u8; 16],
    /// For whoever has the turn.
    checked: Mutex<Checked>,
    journal: Mutex<Journal>,
    /// Held by who makes a batch visible.
    publishing: Mutex<()>,
}

impl Commits {
    /// Goes on where the journal ends.
    pub(super) fn new(shared: Arc<Shared>, journal: Journal) -> Self {
        let position = journal.position();
        let (identity, checked) = (journal.identity(), Mutex::new(Checked::after(position)));
        Self { shared, identity, checked, journal: Mutex::new(journal), publishing: Mutex::default() }
    }

    /// One of the committers: commits until the queue is closed and empty.
    pub(super) fn run(self: Arc<Self>) {
        let mut end = End { commits: Some(self) };
        let mut frames = Vec::new();
        while let Some(commits) = &end.commits
            && let Some((turn, waiting)) = commits.shared.queue.take()
        {
            commits.commit(turn, waiting, &mut frames);
            commits.shared.queue.done();
            frames.shrink_to(BUFFER_BYTES_KEPT);
        }
        // Who is the last gives back what the journal does not need.
        if let Some(commits) = end.commits.take().and_then(Arc::into_inner)
            && commits.shared.refusing().is_none()
            && let Ok(journal) = commits.journal.into_inner()
        {
            journal.finish();
        }
    }

    fn commit(&self, turn: Turn<'_>, waiting: Vec<Waiting>, frames: &mut Vec<u8>) {
        let bytes = waiting.iter().map(|one| one.bytes as u64).fold(0, u64::saturating_add);
        let (write_sets, answers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|one| (one.write_set, one.answer)).unzip();
        let room = self.shared.make_room(bytes);
        let outcome = if room && self.shared.refusing.get().is_none() {
            self.commit_batch(turn, write_sets, frames)
        } else {
            drop(turn);
            Err(Failure::Full)
        };
        let count = answers.len();
        let outcome = outcome.unwrap_or_else(|failure| vec![Err(self.error_of(failure)); count]);
        for (answer, result) in answers.into_iter().zip(outcome) {
            // Who no longer waits gave up on the answer, not on the commit.
            let _ = answer.send(result);
        }
    }

    /// Commits a batch of whoever has the turn, and passes the turn on.
    fn commit_batch(
        &self,
        turn: Turn<'_>,
        write_sets: Vec<WriteSet>,
        frames: &mut Vec<u8>,
    ) -> Result<Vec<Answer>, Failure> {
        let mut checked = self.enter(&self.checked)?;
        if let Ok(journal) = self.journal.try_lock()
            && journal.position() != checked.position
        {
            // Nothing is being written, so what was checked last has failed.
            self.begin_anew(&mut checked, &journal)?;
        }
        checked.begin_batch();
        let before = checked.position;
        let batch = self.check(&mut checked, write_sets, frames);

        let mut journal = self.enter(&self.journal)?;
        let batch = if journal.position() == before { batch } else { Err(Failure::Full) };
        let Batch { position, mut commits, answers, .. } = match batch {
            Ok(batch) => batch,
            Err(failure) => {
                self.begin_anew(&mut checked, &journal)?;
                return Err(self.noted(failure));
            }
        };
        drop(checked);
        drop(turn);
        if !frames.is_empty() {
            let begin = journal.append(frames, position).map_err(|error| self.noted(error.into()))?;
            for commit in &mut commits {
                commit.place = commit.place.map(|place| place.from(begin));
            }
        }
        let publishing = self.enter(&self.publishing)?;
        drop(journal);
        self.shared.publish(commits);
        drop(publishing);
        Ok(answers)
    }

    /// Waits for the batch before to leave a stage. Where a committer died in it, nothing goes on.
    fn enter<'a, T>(&self, stage: &'a Mutex<T>) -> Result<MutexGuard<'a, T>, Failure> {
        stage.lock().map_err(|_| self.noted(Failure::Lasting(STOPPED.into())))
    }

    fn check(
        &self,
        checked: &mut Checked,
        write_sets: Vec<WriteSet>,
        frames: &mut Vec<u8>,
    ) -> Result<Batch<'_>, Failure> {
        frames.clear();
        let count = write_sets.len();
        let mut batch = Batch {
            shared: &self.shared,
            position: checked.position,
            time: self.shared.clock.now(),
            marker: marker(&self.identity),
            commits: Vec::with_capacity(count),
            answers: Vec::with_capacity(count),
        };
        for write_set in write_sets {
            batch.take(write_set, checked, frames).map_err(|error| Failure::of(&error))?;
        }
        checked.position = batch.position;
        Ok(batch)
    }

    /// Goes on from what is durable, when nothing that was checked is under way any more: the journal is free, and
    /// what it took before is visible.
    fn begin_anew(&self, checked: &mut Checked, journal: &Journal) -> Result<(), Failure> {
        let _visible = self.enter(&self.publishing)?;
        *checked = Checked::after(journal.position());
        Ok(())
    }

    /// The failure; when it lasts, the store refuses from now on.
    fn noted(&self, failure: Failure) -> Failure {
        if let Failure::Lasting(reason) = &failure {
            self.shared.refuse(reason);
        }
        failure
    }

    fn error_of(&self, failure: Failure) -> CommitError {
        match (failure, self.shared.refusing()) {
            (Failure::Lasting(reason), _) | (Failure::Full, Some(reason)) => CommitError::Refusing(reason),
            (Failure::Full, None) => CommitError::Full,
        }
    }
}

const STOPPED: &str = "a committer stopped";

/// However a committer ends, nobody may wait for it afterwards.
struct End {
    commits: Option<Arc<Commits>>,
}

impl Drop for End {
    fn drop(&mut self) {
        // It is taken out at the end of one that did not panic.
        if let Some(commits) = &self.commits {
            commits.shared.refuse(STOPPED);
            commits.shared.queue.abandon();
        }
    }
}

type Answer = Result<Committed, CommitError>;

/// Buffers that grew beyond this for a large batch are given back after it.
const BUFFER_BYTES_KEPT: usize = 8 << 20;

/// Counters that moved lately, and as many that moved before those: about 50 MiB in all. A counter
/// that is not here costs a committer a read of the index, which is several times what the rest of
/// the check takes.
const COUNTERS_OF_A_TURN: usize = 200_000;

/// What was checked, whether or not it is durable yet.
#[derive(Debug)]
struct Checked {
    /// The end of it.
    position: Position,
    /// Versions of what the batch under way and the one before write; none of what they delete.
    versions: Recent<Option<u64>>,
    /// The counters that moved last. Only committers move any.
    counters: Recent<i64>,
}

impl Checked {
    fn after(position: Position) -> Self {
        Self { position, versions: Recent::default(), counters: Recent::default() }
    }

    /// All batches but the last one are visible: what they did may be forgotten.
    fn begin_batch(&mut self) {
        self.versions.turn_at(0);
        self.counters.turn_at(COUNTERS_OF_A_TURN);
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

/// The write sets of a batch that were accepted so far, and the answers.
struct Batch<'a> {
    shared: &'a Shared,
    position: Position,
    time: Timestamp,
    marker: [u8; 4],
    commits: Vec<Commit>,
    answers: Vec<Answer>,
}

impl Batch<'_> {
    /// Checks one more write set and adds its frame if it may commit. An error means that the state
    /// cannot be read, and nothing of the batch may be written.
    fn take(&mut self, write_set: WriteSet, checked: &mut Checked, frames: &mut Vec<u8>) -> Result<(), IndexError> {
        let sequence = self.position.sequence.saturating_add(1);
        let resolved = match resolve(&State { shared: self.shared, checked }, write_set, sequence) {
            Ok(resolved) => resolved,
            Err(Rejection::Refused(error)) => {
                self.answers.push(Err(error));
                return Ok(());
            }
            Err(Rejection::Unreadable(error)) => return Err(error),
        };
        let Ok(place) = u32::try_from(self.commits.len()) else {
            self.answers.push(Err(CommitError::Busy));
            return Ok(());
        };
        let records = resolved.writes.iter().map(|write| (&write.key, write.record.as_ref()));
        let begin = frames.len();
        let put_payload = |out: &mut Vec<u8>| entry::encode(out, records, &resolved.counters, self.time);
        match push_frame(frames, self.marker, &self.position, place, put_payload) {
            Ok(position) => self.position = position,
            Err(bytes) => {
                self.answers.push(Err(CommitError::TooLarge { bytes, max: FRAME_BYTES_MAX }));
                return Ok(());
            }
        }
        let place = Place::of(frames.get(begin..).unwrap_or_default(), 0, begin);
        let Resolved { writes, counters, committed } = resolved;
        for write in &writes {
            checked.versions.set(&write.key, write.record.as_ref().map(|record| record.version));
        }
        for (counter, value) in &counters {
            checked.counters.set(counter, *value);
        }
        self.commits.push(Commit { writes, counters, position: self.position, place });
        self.answers.push(Ok(committed));
        Ok(())
    }
}

/// The state plus what was checked.
struct State<'a> {
    shared: &'a Shared,
    checked: &'a Checked,
}

impl Facts for State<'_> {
    type Error = IndexError;

    fn version(&self, key: &Key) -> Result<Option<u64>, IndexError> {
        self.checked.versions.value(key).map_or_else(|| self.shared.version(key), Ok)
    }

    fn counter(&self, key: &Key) -> Result<i64, IndexError> {
        self.checked.counters.value(key).map_or_else(|| self.shared.counter(key), Ok)
    }
}
