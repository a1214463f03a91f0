//! What checkpoints have moved out of memory. It is never the only copy of anything; whatever is
//! wrong with it, the journal makes it anew.
//!
//! It has two parts, and a record's kind, the first part of its key, says in which it is. The
//! directory is small, read often and written seldom, and is in sled. The history is everything that
//! grows with each payment, and the counters; it is in a log-structured merge tree, since sled takes
//! several times the processor for it (`docs/store.md` has the figures).
//!
//! Order of a checkpoint: the directory first, if it changed, and then the history, whose stamp says
//! which state of the directory it goes with. Each is taken in whole or not at all, so what a crash
//! in between leaves is the directory ahead of the history, which a replay from the history's stamp
//! brings to the same.

mod compactor;
mod directory;
mod guard;
mod history;
mod sieve;
mod tables;

use std::fmt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use self::directory::Directory;
use self::history::History;
use super::disk::Disk;
use super::journal::journal_dir;
use super::kept::{Kept, Values};
use super::memtable::Generation;
use super::segment::Position;
use super::stamp::Stamp;
use crate::store::locks::{lock, read, write};
use crate::store::{Key, KeyRange, ReadError, Record};

/// Records and counters as of a stamped position in the journal, or later ones of what a checkpoint
/// under way has moved already.
pub(super) struct Index {
    /// Nothing once it is closed, and while a full disk lets it not be opened again.
    parts: RwLock<Option<Parts>>,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    /// What the keys of the directory begin with.
    directory_prefixes: Vec<Key>,
    /// The sequence number of the stamp.
    checkpoint: AtomicU64,
    /// What is kept in the journal only.
    values: Values,
    /// Held by whoever changes the history, so that nobody takes over what another one has just replaced.
    changing: Mutex<()>,
}

struct Parts {
    directory: Directory,
    history: History,
}

/// Why the index did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IndexError {
    /// Its files are not what its engines can read.
    #[error("{0}")]
    Damaged(String),
    /// Its files could not be read or written, which says nothing about what is in them.
    #[error("{0}")]
    Unavailable(String),
    /// A file of the journal is not there, in which it kept a value: if it was moved away meanwhile, the value is
    /// elsewhere by now.
    #[error("{0}")]
    Moved(String),
    /// There is no room on the disk, or for one more open file.
    #[error("the disk is full, or no more files may be open")]
    Full,
    /// Its files are not open: the store was closed, or the disk is too full to open them again.
    #[error("its files are not open")]
    Closed,
}

/// Where the index is in a store's directory.
pub(super) fn index_dir(dir: &Path) -> PathBuf {
    dir.join("index")
}

impl Index {
    /// Opens or makes the index of the store in this directory. Records of `directory_kinds` are its directory.
    pub(super) fn open(disk: Arc<dyn Disk>, store: &Path, directory_kinds: &[&str]) -> Result<Self, IndexError> {
        let dir = index_dir(store);
        let directory_prefixes = directory_kinds.iter().map(|kind| Key::of(kind)).collect();
        let parts = RwLock::new(Some(Parts::open(&disk, &dir)?));
        let values = Values::new(disk.clone(), journal_dir(store));
        let (checkpoint, changing) = (AtomicU64::new(0), Mutex::new(()));
        let index = Self { parts, dir, disk, directory_prefixes, checkpoint, values, changing };
        if let Some(stamp) = index.stamp()? {
            index.checkpoint.store(stamp.position.sequence, Ordering::Release);
        }
        Ok(index)
    }

    /// The stamp up to which both parts hold everything, if there is one.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, IndexError> {
        self.with(|parts| {
            let directory = parts.directory.stamp()?;
            let Some(history) = parts.history.stamp()? else { return Ok(None) };
            if directory.is_some_and(|directory| directory.identity != history.identity) {
                return Err(IndexError::Damaged("its parts are of different journals".into()));
            }
            let known = directory.map_or(0, |directory| directory.position.sequence);
            Ok((known >= history.beside).then_some(history))
        })
    }

    /// The newest commit that any part knows of, with its place in the chain.
    pub(super) fn newest(&self) -> Result<Option<Position>, IndexError> {
        self.with(|parts| {
            let stamps = [parts.directory.stamp()?, parts.history.stamp()?];
            Ok(stamps.into_iter().flatten().map(|stamp| stamp.position).max_by_key(|position| position.sequence))
        })
    }

    /// The sequence number up to which everything is in the index.
    pub(super) fn checkpoint(&self) -> u64 {
        self.checkpoint.load(Ordering::Acquire)
    }

    /// The record under `key`.
    pub(super) fn record(&self, key: &Key) -> Result<Option<Record>, IndexError> {
        self.look_up(key, decode_record)?.map(|kept| self.whole(key, kept)).transpose()
    }

    /// The version of the record under `key`.
    pub(super) fn version(&self, key: &Key) -> Result<Option<u64>, IndexError> {
        self.look_up(key, |bytes| Kept::version_in(bytes).ok_or_else(|| unreadable("a record")))
    }

    /// The counter, if it was ever moved.
    pub(super) fn counter(&self, key: &Key) -> Result<Option<i64>, IndexError> {
        self.with(|parts| parts.history.counter(key))
    }

    /// All of a record of which this is kept.
    pub(super) fn whole(&self, key: &Key, kept: Kept) -> Result<Record, IndexError> {
        self.values.whole(key, kept)
    }

    /// At most `limit` records of a range, in order, as they are kept.
    pub(super) fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Kept)>, IndexError> {
        let within = |prefix: &Key| {
            let inside = |key: &Key| key.as_bytes().starts_with(prefix.as_bytes());
            inside(&range.from) && inside(&range.to)
        };
        let overlaps = |prefix: &Key| {
            let kind = prefix.subtree();
            range.from < kind.to && kind.from < range.to
        };
        let found = self.with(|parts| {
            if self.directory_prefixes.iter().any(within) {
                return parts.directory.range(range, limit);
            }
            let mut found = parts.history.range(range, limit)?;
            if self.directory_prefixes.iter().any(overlaps) {
                found.extend(parts.directory.range(range, limit)?);
                found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                found.truncate(limit);
            }
            Ok(found)
        })?;
        found.into_iter().map(|(key, bytes)| Ok((key, decode_record(&bytes)?))).collect()
    }

    /// Takes in a generation and stamps its position. When it fails midway the old stamp stays, and
    /// doing it again, now or after a replay from that stamp, comes to the same.
    pub(super) fn absorb(&self, identity: [u8; 16], generation: &Generation) -> Result<(), IndexError> {
        let position = generation.position();
        let changing = lock(&self.changing);
        self.with(|parts| {
            let mut of_history: Vec<Write<'_>> = generation.records();
            // Most often there are none, and to look at all for them takes a while.
            let any = self.directory_prefixes.iter().any(|prefix| generation.may_hold(&prefix.subtree()));
            let of_directory = if any { ..of_history.len() } else { ..0 };
            let of_directory = of_history.extract_if(of_directory, |(key, _)| self.in_directory(key));
            // sled keeps all of its records whole.
            let whole = |(key, kept): (_, Option<&Kept>)| {
                Ok((key, kept.map(|kept| self.whole(key, kept.clone())).transpose()?.map(Kept::Whole)))
            };
            let of_directory = of_directory.map(whole).collect::<Result<Vec<_>, IndexError>>()?;
            let of_directory = of_directory.iter().map(|(key, kept)| (*key, kept.as_ref()));
            parts.directory.absorb(identity, position, of_directory)?;
            let directory = parts.directory.stamp()?.map_or(0, |stamp| stamp.position.sequence);
            let stamp = Stamp { identity, position, beside: directory };
            parts.history.absorb(&stamp, &generation.counters(), &of_history)
        })?;
        drop(changing);
        self.checkpoint.store(position.sequence, Ordering::Release);
        Ok(())
    }

    /// Takes over what the history keeps in the journal only, up to the checkpoint, and gives up to which
    /// record that is. Checkpoints go on in between.
    pub(super) fn release_journal(&self) -> Result<u64, IndexError> {
        let released = self.checkpoint();
        let mut from = Some(Vec::new());
        while let Some(begin) = from {
            let _changing = lock(&self.changing);
            from = self.with(|parts| parts.history.take_over(&begin, released, &self.values))?;
        }
        Ok(released)
    }

    /// Opens the files again: after an error of a full disk sled answers nothing else, and the
    /// history has half a table to forget.
    pub(super) fn reopen(&self) -> Result<(), IndexError> {
        let mut parts = write(&self.parts);
        // The old ones first, since they hold sled's lock.
        *parts = None;
        *parts = Some(Parts::open(&self.disk, &self.dir)?);
        Ok(())
    }

    /// Whether its files are open.
    pub(super) fn is_open(&self) -> bool {
        read(&self.parts).is_some()
    }

    /// Gives the files up; whoever reads from now on is told so.
    pub(super) fn close(&self) {
        *write(&self.parts) = None;
    }

    fn in_directory(&self, key: &Key) -> bool {
        self.directory_prefixes.iter().any(|prefix| key.as_bytes().starts_with(prefix.as_bytes()))
    }

    fn look_up<T>(
        &self,
        key: &Key,
        decode: impl FnOnce(&[u8]) -> Result<T, IndexError>,
    ) -> Result<Option<T>, IndexError> {
        self.with(|parts| {
            if self.in_directory(key) {
                parts.directory.look_up(key)?.map(|bytes| decode(&bytes)).transpose()
            } else {
                parts.history.look_up(key)?.map(|bytes| decode(&bytes)).transpose()
            }
        })
    }

    fn with<T>(&self, run: impl FnOnce(&Parts) -> Result<T, IndexError>) -> Result<T, IndexError> {
        match &*read(&self.parts) {
            Some(parts) => run(parts),
            None => Err(IndexError::Closed),
        }
    }
}

impl Parts {
    /// Both at once, since somebody waits for it.
    fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Self, IndexError> {
        thread::scope(|scope| {
            let opener = thread::Builder::new().name("index".into());
            let directory = opener.spawn_scoped(scope, || Directory::open(disk.clone(), &dir.join("directory")))?;
            let history = History::open(&dir.join("history"));
            let directory = directory.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            Ok(Self { directory, history: history? })
        })
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("dir", &self.dir).field("checkpoint", &self.checkpoint()).finish_non_exhaustive()
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        Self(format!("index: {error}"))
    }
}

/// Where in both parts the stamp is: no key of the store begins so.
const STAMP: &[u8] = &[0x00];

fn decode_stamp(bytes: &[u8]) -> Result<Stamp, IndexError> {
    Stamp::decode(bytes).ok_or_else(|| unreadable("the stamp"))
}

fn decode_record(bytes: &[u8]) -> Result<Kept, IndexError> {
    Kept::decode(bytes).ok_or_else(|| unreadable("a record"))
}

fn unreadable(what: &str) -> IndexError {
    IndexError::Damaged(format!("{what} cannot be read"))
}

/// A record or tombstone of a generation.
type Write<'a> = (&'a Key, Option<&'a Kept>);
