//! What checkpoints have moved out of memory, in sled: the only file that knows sled. The index is
//! never the only copy of anything; whatever is wrong with it, the journal makes it anew.
//!
//! What sled 0.34 does not do itself is done here: its flush is followed by a real sync of its
//! files, its panics on damaged bytes become errors, and its cache and unsynced data are bounded.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use super::disk::{Disk, is_full};
use super::entry;
use super::memtable::Generation;
use super::segment::Position;
use crate::store::locks::{lock, read, write};
use crate::store::{Key, KeyRange, ReadError, Record};

/// Records and counters as of a stamped position in the journal, or later ones of what a checkpoint
/// under way has moved already.
pub(super) struct Index {
    /// Nothing once it is closed, and while a full disk lets it not be opened again.
    trees: RwLock<Option<Trees>>,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    /// The sequence number of the stamp.
    checkpoint: AtomicU64,
    /// Files of sled's for large values, each written once, that are durable.
    synced_blobs: Mutex<BTreeSet<String>>,
}

struct Trees {
    db: sled::Db,
    records: sled::Tree,
    counters: sled::Tree,
    meta: sled::Tree,
}

/// Up to where the journal is in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The journal it belongs to.
    pub identity: [u8; 16],
    /// The newest commit that it holds, with all before it.
    pub position: Position,
}

/// Why the index did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IndexError {
    /// Its files are not what sled can read.
    #[error("{0}")]
    Damaged(String),
    /// Its files could not be read or written, which says nothing about what is in them.
    #[error("{0}")]
    Unavailable(String),
    /// There is no room on the disk.
    #[error("the disk is full")]
    Full,
    /// Its files are not open: the store was closed, or the disk is too full to open them again.
    #[error("its files are not open")]
    Closed,
}

/// Memory for pages that were read.
const CACHE_BYTES: u64 = 64 << 20;
/// Bytes written before they are flushed: sled keeps in memory what was not.
const FLUSH_BYTES: usize = 4 << 20;
/// What sled says when its file is locked; it has no error of its own for that.
const SLED_IS_LOCKED: &str = "could not acquire lock";
/// How long sled's threads may take to end.
const SLED_UNLOCK_TIME_MAX: Duration = Duration::from_secs(10);
const SLED_UNLOCK_POLL: Duration = Duration::from_millis(5);
const STAMP: &[u8] = b"checkpoint";

impl Index {
    /// Opens or makes the index.
    pub(super) fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, IndexError> {
        let trees = RwLock::new(Some(Trees::open(dir)?));
        let (checkpoint, synced_blobs) = (AtomicU64::new(0), Mutex::default());
        let index = Self { trees, dir: dir.to_owned(), disk, checkpoint, synced_blobs };
        if let Some(stamp) = index.stamp()? {
            index.checkpoint.store(stamp.position.sequence, Ordering::Release);
        }
        Ok(index)
    }

    /// The stamp of the last whole checkpoint, if there was one.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, IndexError> {
        let Some(bytes) = self.with(|trees| trees.meta.get(STAMP))? else { return Ok(None) };
        let stamp = Stamp::decode(&bytes).ok_or_else(|| IndexError::Damaged("the stamp cannot be read".into()))?;
        Ok(Some(stamp))
    }

    /// The sequence number up to which everything is in the index.
    pub(super) fn checkpoint(&self) -> u64 {
        self.checkpoint.load(Ordering::Acquire)
    }

    /// The record under `key`.
    pub(super) fn record(&self, key: &Key) -> Result<Option<Record>, IndexError> {
        match self.with(|trees| trees.records.get(key.as_bytes()))? {
            Some(bytes) => Ok(Some(decode_record(&bytes)?)),
            None => Ok(None),
        }
    }

    /// The version of the record under `key`.
    pub(super) fn version(&self, key: &Key) -> Result<Option<u64>, IndexError> {
        match self.with(|trees| trees.records.get(key.as_bytes()))? {
            Some(bytes) => Ok(Some(split_version(&bytes)?.0)),
            None => Ok(None),
        }
    }

    /// The counter, if it was ever moved.
    pub(super) fn counter(&self, key: &Key) -> Result<Option<i64>, IndexError> {
        match self.with(|trees| trees.counters.get(key.as_bytes()))? {
            Some(bytes) => {
                let digits = <[u8; 8]>::try_from(&*bytes).map_err(|_| unreadable("a counter"))?;
                Ok(Some(i64::from_le_bytes(digits)))
            }
            None => Ok(None),
        }
    }

    /// At most `limit` records of a range, in order.
    pub(super) fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, IndexError> {
        let found = self.with(|trees| {
            let pairs = trees.records.range(range.from.as_bytes()..range.to.as_bytes());
            pairs.take(limit).collect::<Result<Vec<_>, _>>()
        })?;
        found.into_iter().map(|(key, bytes)| Ok((Key::from_bytes(&*key), decode_record(&bytes)?))).collect()
    }

    /// Takes in a generation and stamps its position. When it fails midway the old stamp stays, and
    /// doing it again, now or after a replay from that stamp, comes to the same.
    pub(super) fn absorb(&self, identity: [u8; 16], generation: &Generation) -> Result<(), IndexError> {
        self.with(|trees| trees.take_in(generation))?;
        self.sync()?;
        let stamp = Stamp { identity, position: generation.position() };
        self.with(|trees| trees.meta.insert(STAMP, stamp.encode()))?;
        self.sync()?;
        self.checkpoint.store(stamp.position.sequence, Ordering::Release);
        Ok(())
    }

    /// Opens the files again: after an error of a full disk sled answers nothing else.
    pub(super) fn reopen(&self) -> Result<(), IndexError> {
        let mut trees = write(&self.trees);
        // The old ones first, since they hold sled's lock.
        *trees = None;
        *trees = Some(Trees::open(&self.dir)?);
        Ok(())
    }

    /// Whether its files are open.
    pub(super) fn is_open(&self) -> bool {
        read(&self.trees).is_some()
    }

    /// Gives the files up; whoever reads from now on is told so.
    pub(super) fn close(&self) {
        *write(&self.trees) = None;
    }

    fn with<T>(&self, run: impl FnOnce(&Trees) -> sled::Result<T>) -> Result<T, IndexError> {
        match &*read(&self.trees) {
            Some(trees) => guarded(|| run(trees)),
            None => Err(IndexError::Closed),
        }
    }

    /// Makes everything written durable: sled's flush hands it to the kernel and no further.
    fn sync(&self) -> Result<(), IndexError> {
        self.with(|trees| trees.db.flush())?;
        self.sync_blobs().and_then(|()| self.disk.sync_file(&self.dir.join("db"))).map_err(io_error)?;
        self.disk.sync_dir(&self.dir).map_err(io_error)
    }

    fn sync_blobs(&self) -> std::io::Result<()> {
        let dir = self.dir.join("blobs");
        let names: BTreeSet<String> = self.disk.list(&dir)?.into_iter().collect();
        let mut synced = lock(&self.synced_blobs);
        for name in names.difference(&synced) {
            match self.disk.sync_file(&dir.join(name)) {
                // sled removes the file of a value that was overwritten.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
        if names != *synced {
            self.disk.sync_dir(&dir)?;
            *synced = names;
        }
        Ok(())
    }
}

impl Trees {
    /// Threads of sled's may keep its own lock for a moment after it was dropped. Other processes
    /// are kept out by the store's lock, so whoever has sled's is about to give it up.
    fn open(dir: &Path) -> Result<Self, IndexError> {
        let begin = Instant::now();
        loop {
            match Self::try_open(dir) {
                Err(IndexError::Unavailable(reason))
                    if reason.contains(SLED_IS_LOCKED) && begin.elapsed() < SLED_UNLOCK_TIME_MAX =>
                {
                    thread::sleep(SLED_UNLOCK_POLL);
                }
                opened => return opened,
            }
        }
    }

    fn try_open(dir: &Path) -> Result<Self, IndexError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        guarded(|| {
            let db = config.open()?;
            let (records, counters) = (db.open_tree("records")?, db.open_tree("counters")?);
            Ok(Self { meta: db.open_tree("meta")?, records, counters, db })
        })
    }

    /// Writes one by one and not in sled's own batches: those shut out all readers while they are
    /// applied, and go in no order.
    fn take_in(&self, generation: &Generation) -> sled::Result<()> {
        let mut unflushed: usize = 0;
        let mut written = |bytes: usize| {
            unflushed = unflushed.saturating_add(bytes);
            if unflushed < FLUSH_BYTES {
                return Ok(());
            }
            unflushed = 0;
            self.db.flush().map(drop)
        };
        let mut value = Vec::new();
        for (key, record) in generation.records() {
            value.clear();
            match record {
                Some(record) => {
                    encode_record(&mut value, record);
                    self.records.insert(key.as_bytes(), value.as_slice())?;
                }
                None => drop(self.records.remove(key.as_bytes())?),
            }
            written(key.as_bytes().len().saturating_add(value.len()))?;
        }
        for (key, value) in generation.counters() {
            self.counters.insert(key.as_bytes(), &value.to_le_bytes())?;
            written(key.as_bytes().len().saturating_add(8))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("dir", &self.dir).field("checkpoint", &self.checkpoint()).finish_non_exhaustive()
    }
}

impl Stamp {
    fn encode(&self) -> Vec<u8> {
        let sequence = self.position.sequence.to_le_bytes();
        let mut bytes = [&self.identity[..], &sequence, &self.position.hash].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (rest, checksum) = bytes.split_last_chunk::<4>()?;
        let (identity, rest) = rest.split_first_chunk::<16>()?;
        let (sequence, hash) = rest.split_first_chunk::<8>()?;
        let position = Position { sequence: u64::from_le_bytes(*sequence), hash: <[u8; 32]>::try_from(hash).ok()? };
        let stamp = Self { identity: *identity, position };
        (*checksum == crc32fast::hash(bytes.split_last_chunk::<4>()?.0).to_le_bytes()).then_some(stamp)
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        Self(format!("index: {error}"))
    }
}

fn encode_record(out: &mut Vec<u8>, record: &Record) {
    out.extend_from_slice(&record.version.to_le_bytes());
    entry::put_content(out, record);
}

fn decode_record(bytes: &[u8]) -> Result<Record, IndexError> {
    let (version, content) = split_version(bytes)?;
    entry::content(content, version).ok_or_else(|| unreadable("a record"))
}

fn split_version(bytes: &[u8]) -> Result<(u64, &[u8]), IndexError> {
    let (version, content) = bytes.split_first_chunk::<8>().ok_or_else(|| unreadable("a record"))?;
    Ok((u64::from_le_bytes(*version), content))
}

fn unreadable(what: &str) -> IndexError {
    IndexError::Damaged(format!("{what} cannot be read"))
}

/// Runs what sled does; a panic of it says that it met bytes it cannot read.
fn guarded<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(io_error(error)),
        Ok(Err(error)) => Err(IndexError::Damaged(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(IndexError::Damaged(format!("sled panicked: {text}")))
        }
    }
}

fn io_error(error: std::io::Error) -> IndexError {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error.kind() {
        _ if is_full(&error) => IndexError::Full,
        UnexpectedEof | InvalidData => IndexError::Damaged(error.to_string()),
        _ => IndexError::Unavailable(error.to_string()),
    }
}
