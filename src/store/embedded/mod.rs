//! The store on the node's own disk. The truth is the journal; everything else follows from it:
//!
//! ```text
//! commit -> queue -> committer -> journal (write, sync) -> memtable -> checkpointer -> index
//!                                                             ^ reads look here, then here ^
//! ```
//!
//! What is acknowledged is in the journal and synced. What is visible is acknowledged or about to
//! be. The memtable holds what came after the index's stamp; opening replays it from the journal.
//!
//! Locks: a range read holds `scans` and under it, for moments, the memtable's lock. Nobody holds another pair.
//! Nobody writes a file while holding any that commits or reads need: whoever changes the index has a lock of its own
//! for that.

mod archive;
mod backup;
mod checkpoint;
mod committer;
mod counters;
pub mod disk;
mod entry;
mod frame;
mod frames;
mod index;
mod journal;
mod kept;
mod memtable;
mod open;
mod ordered;
mod pending;
mod place;
mod queue;
mod rebuild;
mod replay;
mod segment;
mod stalls;
mod stamp;
#[cfg(test)]
pub(in crate::store) mod tests;
mod turns;
mod verify;
mod view;
mod walk;

pub use archive::{ArchiveError, Archived, archive, released};
pub use backup::{BackedUp, CopyError, back_up, copy};
pub use open::OpenError;
pub use rebuild::rebuild;
pub use segment::Flaw;
pub use stalls::Stalls;
pub use verify::{Standing, TornTail, Verified, compare, verify, verify_with};
pub use walk::Until;

use std::future::ready;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::disk::{Disk, Lock};
use self::index::{Index, IndexError};
use self::memtable::{Commit, Memtable};
use self::queue::Queue;
use self::stalls::Longest;
use self::turns::Turns;
use super::locks::lock;
use super::{CommitError, Health, Key, KeyRange, Pending, Read, ReadError, Record, Store, WriteSet};
use crate::clock::Clock;

/// Where the store is and how large its parts may be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that holds everything.
    pub dir: PathBuf,
    /// A journal segment that has reached this is followed by a new one.
    pub segment_bytes_max: u64,
    /// About how much of what was committed may be in memory only.
    pub memory_bytes_max: u64,
    /// The largest write set.
    pub write_set_bytes_max: usize,
    /// How many commits may wait.
    pub waiting_max: usize,
    /// What the records' times are read from.
    pub clock: Arc<dyn Clock>,
    /// The kinds of records (the first parts of their keys) that make up the directory: few, read
    /// often, written seldom. It only says where checkpoints keep them, so it may differ from one
    /// opening to the next as long as the index is made anew in between.
    pub directory_kinds: &'static [&'static str],
}

/// How far something is that reads the whole journal, in segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Segments done.
    pub done: u64,
    /// Segments in all.
    pub total: u64,
}

/// The store on the node's own disk.
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    write_set_bytes_max: usize,
    threads: Mutex<Option<Threads>>,
}

#[derive(Debug)]
struct Threads {
    committer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
    /// Given up last, when nothing writes any more.
    lock: Box<dyn Lock>,
}

impl EmbeddedStore {
    /// Opens the store, or makes it when the directory is empty: replays what is not in the index,
    /// cuts a torn end off the journal, and makes the index anew when it is damaged or missing.
    pub fn open(options: Options, disk: Arc<dyn Disk>) -> Result<Arc<Self>, OpenError> {
        Self::open_with(options, disk, &mut |_| {})
    }

    /// Opens the store and tells how far the replay of the journal is.
    pub fn open_with(
        options: Options,
        disk: Arc<dyn Disk>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Arc<Self>, OpenError> {
        let opened = open::open(&options, disk, progress)?;
        let left = opened.replayed.frozen.is_some();
        let queue_bytes_max = usize::try_from(options.memory_bytes_max).unwrap_or(usize::MAX);
        let shared = Arc::new(Shared {
            identity: opened.journal.identity(),
            memtable: Memtable::new(opened.replayed),
            index: opened.index,
            queue: Queue::new(options.waiting_max, queue_bytes_max),
            checkpoints: Turns::default(),
            scans: RwLock::new(()),
            generation_bytes_max: options.memory_bytes_max / 2,
            memory_bytes_max: options.memory_bytes_max,
            index_full: AtomicBool::new(false),
            refusing: OnceLock::new(),
            longest: Longest::default(),
            clock: options.clock.clone(),
        });
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
            thread.map_err(|error| OpenError::Io { path: options.dir.clone(), error: error.to_string() })
        };
        let (of_checkpointer, of_committer, journal) = (shared.clone(), shared.clone(), opened.journal);
        let checkpointer = spawn("checkpointer", Box::new(move || checkpoint::run(&of_checkpointer)))?;
        let committer = spawn("committer", Box::new(move || committer::run(&of_committer, journal)));
        let committer = committer.inspect_err(|_| shared.checkpoints.close())?;
        if left {
            shared.checkpoints.ask();
        }
        let threads = Mutex::new(Some(Threads { committer, checkpointer, lock: opened.lock }));
        Ok(Arc::new(Self { shared, write_set_bytes_max: options.write_set_bytes_max, threads }))
    }

    /// Moves everything committed so far into the index and waits for it. A failure shows in
    /// [`Store::health`].
    pub fn checkpoint(&self) {
        self.shared.checkpoint_all();
    }

    /// Makes a checkpoint, and then the index hold by itself whatever it keeps in the journal only. Up to the
    /// record that this gives, the journal's files may be moved away, once a backup has them. It reads all of
    /// the index and those files, beside everything else that goes on.
    pub fn release_journal(&self) -> Result<u64, ReadError> {
        self.checkpoint();
        let released = self.shared.index.release_journal();
        if matches!(released, Err(IndexError::Full)) {
            // As after a checkpoint that found no room.
            let _ = self.shared.index.reopen();
        }
        Ok(released?)
    }

    /// How long commits were held up by checkpoints.
    pub fn stalls(&self) -> Stalls {
        self.shared.longest.read()
    }

    /// Commits what waits, makes a checkpoint, ends the threads and gives the directory up; reads and
    /// commits are refused from then on. Closing twice is closing once.
    pub fn close(&self) {
        let mut guard = lock(&self.threads);
        let Some(Threads { committer, checkpointer, lock }) = guard.take() else { return };
        self.shared.queue.close();
        let committer = committer.join();
        if self.shared.refusing().is_none() {
            self.shared.checkpoint_all();
        }
        self.shared.checkpoints.close();
        if committer.and(checkpointer.join()).is_err() {
            tracing::error!("a thread of the store panicked; the next opening replays the journal");
        }
        self.shared.index.close();
        drop(lock);
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Store for EmbeddedStore {
    /// The write set waits in the queue from this call on, whether or not the answer is awaited.
    fn commit(&self, write_set: WriteSet) -> Pending {
        match self.enqueue(write_set) {
            Err(error) => Box::pin(ready(Err(error))),
            Ok(answer) => Box::pin(async {
                let stopped = || CommitError::Refusing("it stopped".into());
                answer.await.unwrap_or_else(|_| Err(stopped()))
            }),
        }
    }

    fn health(&self) -> Health {
        let (sequence, memory_bytes) =
            self.shared.memtable.look(|layers| (layers.active.position().sequence, layers.bytes()));
        Health {
            refusing: self.shared.refusing(),
            sequence,
            checkpoint: self.shared.index.checkpoint(),
            memory_bytes,
            waiting: self.shared.queue.len() as u64,
        }
    }
}

/// Commits are paced when this part of their generation is full and the one before is not in the index.
const PACED_FROM: u64 = 4;
/// So long after each MiB, which is about as long as a MiB takes at full speed.
const PAUSE_MICROS_OF_A_MIB: u64 = 6_000;
/// Never longer, whatever the batch: commits are not held up by a checkpoint for more than 10 ms.
const PAUSE_MAX: Duration = Duration::from_millis(5);

/// Bytes of a key. The index takes no more than 65,535, the number after an entry's log included.
const KEY_BYTES_MAX: usize = 32 * 1024;

type Answer = tokio::sync::oneshot::Receiver<Result<super::Committed, CommitError>>;

impl EmbeddedStore {
    fn enqueue(&self, write_set: WriteSet) -> Result<Answer, CommitError> {
        if let Some(reason) = self.shared.refusing() {
            return Err(CommitError::Refusing(reason));
        }
        let (bytes, max) = (write_set.bytes(), self.write_set_bytes_max);
        if bytes > max {
            return Err(CommitError::TooLarge { bytes, max });
        }
        // In the journal it would be there for good, and no checkpoint could take it into the index.
        let key_bytes = write_set.key_bytes_longest();
        if key_bytes > KEY_BYTES_MAX {
            return Err(CommitError::TooLarge { bytes: key_bytes, max: KEY_BYTES_MAX });
        }
        self.shared.queue.push(write_set, bytes)
    }
}

impl Read for EmbeddedStore {
    fn record(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        Ok(again_where_moved(|| self.shared.record(key))?)
    }

    fn counter(&self, key: &Key) -> Result<i64, ReadError> {
        Ok(self.shared.counter(key)?)
    }

    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError> {
        Ok(again_where_moved(|| self.shared.range(range, limit))?)
    }
}

/// Reads once more when a value's file was moved away between the look at its place and the look into the file.
fn again_where_moved<T>(look: impl Fn() -> Result<T, IndexError>) -> Result<T, IndexError> {
    match look() {
        Err(IndexError::Moved(_)) => look(),
        looked => looked,
    }
}

/// What the threads and the readers share.
#[derive(Debug)]
struct Shared {
    identity: [u8; 16],
    memtable: Memtable,
    index: Index,
    queue: Queue,
    checkpoints: Turns,
    /// Held by range reads while they read the index; a checkpoint lets those that began before it
    /// froze a generation end before it changes the index under them.
    scans: RwLock<()>,
    /// A generation that has reached this is frozen.
    generation_bytes_max: u64,
    /// When both have reached this together, commits wait.
    memory_bytes_max: u64,
    /// The last checkpoint found no room on the disk. Commits go on while memory lasts.
    index_full: AtomicBool,
    /// Why nothing is committed any more. Set once: only opening again leaves this state.
    refusing: OnceLock<String>,
    longest: Longest,
    clock: Arc<dyn Clock>,
}

impl Shared {
    fn refusing(&self) -> Option<String> {
        self.refusing.get().cloned()
    }

    fn refuse(&self, reason: &str) {
        if self.refusing.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the store refuses to commit until it is opened again");
        }
    }

    /// Makes durable commits visible. A generation that is full is frozen at once, if none is, and a
    /// checkpoint asked for.
    fn publish(&self, commits: impl Iterator<Item = Commit>) {
        self.memtable.publish(commits);
        if self.memtable.look(|layers| layers.active.bytes()) >= self.generation_bytes_max {
            self.memtable.freeze(&self.longest);
            self.checkpoints.ask();
        }
    }

    /// Waits until the memtable may grow by another batch of so many bytes; false when the disk has no
    /// room for the checkpoint that this takes.
    fn make_room(&self, bytes: u64) -> bool {
        self.pace(bytes);
        let full = || self.memtable.look(|layers| layers.frozen.is_some() && layers.bytes() >= self.memory_bytes_max);
        while full() && self.refusing.get().is_none() {
            self.longest.room(|| {
                self.checkpoints.ask();
                self.checkpoints.wait_idle();
            });
            if self.is_index_full() {
                return false;
            }
        }
        true
    }

    /// Lets a checkpoint that commits are about to overtake catch up a little with each batch: many
    /// moments that nobody notices, in the place of one wait for its end when memory is full.
    fn pace(&self, bytes: u64) {
        let overtaking = self
            .memtable
            .look(|layers| layers.frozen.is_some() && layers.active.bytes() >= self.generation_bytes_max / PACED_FROM);
        if overtaking && !self.is_index_full() {
            self.longest.pause(|| self.checkpoints.wait_idle_for(pause_of(bytes)));
        }
    }
}

/// For how long a batch of so many bytes is held up.
fn pause_of(bytes: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(PAUSE_MICROS_OF_A_MIB) >> 20).min(PAUSE_MAX)
}
