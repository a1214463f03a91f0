//! Opening: the lock, the index, and the replay of what the index does not hold. Nothing is changed
//! before everything has been checked, and nothing that was acknowledged is ever cut off.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, Lock, make_dir};
use super::entry;
use super::index::{Index, IndexError, index_dir};
use super::journal::{End, Journal, is_compressed, journal_dir, read_segment, segments};
use super::memtable::{Commit, Generation, Layers};
use super::place::Place;
use super::segment::{Flaw, Frames, HEADER_BYTES, Header, Position};
use super::stamp::Stamp;
use super::{Options, Progress};
use crate::store::state::Write;

/// Why the store does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path} is locked: another process has this store open; stop it first")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// Something in the journal that had been written and synced has changed since.
    #[error(
        "{file} is damaged at offset {offset}: {flaw}. Records after it are whole, so this is no write that was cut \
         short. Keep the file, and put one from a backup in its place"
    )]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        flaw: Flaw,
    },
    /// A segment of the journal is not there.
    #[error("{dir} lacks the records from {first} on: put the missing journal files back, or restore a backup")]
    Missing {
        /// The journal's directory.
        dir: PathBuf,
        /// The first sequence number that is missing.
        first: u64,
    },
    /// The index knows commits that the journal does not have.
    #[error(
        "{dir} ends at record {journal}, and the index knows records up to {index}: journal files are damaged or \
         missing, or from an older copy. Put the newer ones back; only if you mean to lose those records, move \
         {index_dir} away"
    )]
    Behind {
        /// The journal's directory.
        dir: PathBuf,
        /// The newest commit in the journal.
        journal: u64,
        /// The newest commit in the index.
        index: u64,
        /// The index's directory.
        index_dir: PathBuf,
    },
    /// Journal and index, or two segments, are not of one store.
    #[error("{file} belongs to another store or another history than the rest of the directory")]
    Foreign {
        /// The segment that does not fit.
        file: PathBuf,
    },
    /// The index can neither be opened nor be made anew.
    #[error("{dir}: the index cannot be opened: {error}")]
    Index {
        /// The index's directory.
        dir: PathBuf,
        /// Why.
        error: String,
    },
}

/// A store ready to go on.
#[derive(Debug)]
pub(super) struct Opened {
    /// The writing end of the journal.
    pub journal: Journal,
    /// What checkpoints moved out of memory.
    pub index: Index,
    /// What came after. A generation that was full before the journal ended is frozen: it is not moved into the
    /// index by the opening, which somebody waits for, but by the first checkpoint.
    pub replayed: Layers,
    /// Kept as long as the store is open.
    pub lock: Box<dyn Lock>,
}

/// Opens or makes the store, and tells how far the replay is.
pub(super) fn open(
    options: &Options,
    disk: Arc<dyn Disk>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Opened, OpenError> {
    let journal_dir = journal_dir(&options.dir);
    make_dir(&*disk, &journal_dir).map_err(at(&journal_dir))?;
    let lock_path = options.dir.join("lock");
    let lock = disk.lock(&lock_path).map_err(at(&lock_path))?;
    let lock = lock.ok_or(OpenError::Locked { path: lock_path })?;
    let (index, stamp) = open_index(&disk, options)?;
    // What is in it may be nowhere else here once files of the journal were moved away, so its name must last.
    for dir in [&index_dir(&options.dir), &options.dir] {
        disk.sync_dir(dir).map_err(at(dir))?;
    }

    let mut found = segments(&*disk, &journal_dir).map_err(at(&journal_dir))?;
    let torn = take_torn(&*disk, &mut found)?;
    let known = index.newest().map_err(|error| index_error(options, &error))?;
    let replay = Replay { disk: &*disk, options, index: &index, stamp, known, journal_dir: &journal_dir };
    let replayed = replay.run(&found, progress)?;
    if let Some((first, path)) = torn {
        let expected = replayed.as_ref().map_or(1, |(end, _)| end.position.sequence.saturating_add(1));
        if first != expected {
            return Err(OpenError::Missing { dir: journal_dir, first: expected });
        }
        disk.remove(&path).map_err(at(&path))?;
    }
    let max = options.segment_bytes_max;
    let (journal, replayed) = match replayed {
        Some((end, replayed)) => (Journal::resume(disk, &journal_dir, max, end), Some(replayed)),
        None => (Journal::begin(disk, &journal_dir, max), None),
    };
    let journal = journal.map_err(at(&journal_dir))?;
    let replayed = replayed.unwrap_or_else(|| Layers::after(journal.position()));
    Ok(Opened { journal, index, replayed, lock })
}

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> OpenError + '_ {
    |error| OpenError::Io { path: path.to_owned(), error: error.to_string() }
}

/// Opens the index; one that is damaged, or of a format of before, is moved aside and begun anew.
fn open_index(disk: &Arc<dyn Disk>, options: &Options) -> Result<(Index, Option<Stamp>), OpenError> {
    let path = index_dir(&options.dir);
    let open = || {
        let index = Index::open(disk.clone(), &options.dir, options.directory_kinds)?;
        let stamp = index.stamp()?;
        Ok((index, stamp))
    };
    if disk.list(&path).is_ok_and(|names| names.iter().any(|name| name == FORMAT_1_INDEX_FILE)) {
        move_aside(&**disk, &options.dir, "index.format-1", "it is of the format before")?;
    }
    match open() {
        Err(IndexError::Damaged(reason)) => {
            move_aside(&**disk, &options.dir, "index.damaged", &reason)?;
            open().map_err(|error| index_error(options, &error))
        }
        opened => opened.map_err(|error| index_error(options, &error)),
    }
}

/// In format 1 all of the index was in sled, whose file was here.
const FORMAT_1_INDEX_FILE: &str = "db";

fn move_aside(disk: &dyn Disk, dir: &Path, name: &str, reason: &str) -> Result<(), OpenError> {
    let (path, names) = (index_dir(dir), disk.list(dir).map_err(at(dir))?);
    let aside = (1_u32..).map(|number| format!("{name}.{number}")).find(|name| !names.contains(name));
    let aside = dir.join(aside.unwrap_or_default());
    tracing::warn!(
        reason,
        aside = %aside.display(),
        "the index is made anew from the journal; the old one may be deleted when the store has opened"
    );
    disk.rename(&path, &aside).map_err(at(&path))?;
    disk.sync_dir(dir).map_err(at(dir))
}

fn index_error(options: &Options, error: &IndexError) -> OpenError {
    OpenError::Index { dir: index_dir(&options.dir), error: error.to_string() }
}

/// Takes the newest segment off the list when it was only being begun: no frame is written before
/// the header is durable, so a file no longer than a header, and not one, holds nothing.
fn take_torn(disk: &dyn Disk, found: &mut Vec<(u64, PathBuf)>) -> Result<Option<(u64, PathBuf)>, OpenError> {
    let Some((_, path)) = found.last() else { return Ok(None) };
    if is_compressed(path) {
        let error = "it is the newest and compressed, so nothing can be added to it: decompress it".to_owned();
        return Err(OpenError::Io { path: path.clone(), error });
    }
    let bytes = disk.read(path).map_err(at(path))?;
    let torn = bytes.len() <= HEADER_BYTES && matches!(Header::decode(&bytes), Err(Flaw::Cut | Flaw::Header));
    Ok(if torn { found.pop() } else { None })
}

struct Replay<'a> {
    disk: &'a dyn Disk,
    options: &'a Options,
    index: &'a Index,
    stamp: Option<Stamp>,
    /// The newest commit that any part of the index knows of.
    known: u64,
    journal_dir: &'a Path,
}

impl Replay<'_> {
    /// Reads the segments from the index's stamp on. Gives the end of the journal and what is not in
    /// the index, or nothing when there is no journal yet.
    fn run(
        &self,
        found: &[(u64, PathBuf)],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<(End, Layers)>, OpenError> {
        let stamped = self.stamp.map_or(0, |stamp| stamp.position.sequence);
        let behind = |journal: u64| OpenError::Behind {
            dir: self.journal_dir.to_owned(),
            journal,
            index: self.known,
            index_dir: index_dir(&self.options.dir),
        };
        let needed = stamped.saturating_add(1);
        let start = found.partition_point(|(first, _)| *first <= needed).checked_sub(1);
        let needed_segments = match start {
            Some(start) => found.get(start..).unwrap_or_default(),
            None if found.is_empty() && self.known > 0 => return Err(behind(0)),
            None if found.is_empty() => return Ok(None),
            None => return Err(OpenError::Missing { dir: self.journal_dir.to_owned(), first: needed }),
        };
        let mut state: Option<(End, Layers)> = None;
        for (nth, (first, path)) in needed_segments.iter().enumerate() {
            let done = nth.saturating_add(1);
            state = Some(self.segment(*first, path, done == needed_segments.len(), state)?);
            progress(Progress { done: done as u64, total: needed_segments.len() as u64 });
        }
        match state {
            Some((end, _)) if end.position.sequence < self.known => Err(behind(end.position.sequence)),
            state => Ok(state),
        }
    }

    fn segment(
        &self,
        first: u64,
        path: &Path,
        last: bool,
        before: Option<(End, Layers)>,
    ) -> Result<(End, Layers), OpenError> {
        let bytes = read_segment(self.disk, path).map_err(at(path))?;
        let damaged =
            |offset: usize, flaw: Flaw| OpenError::Damaged { file: path.to_owned(), offset: offset as u64, flaw };
        let header = Header::decode(&bytes).map_err(|flaw| damaged(0, flaw))?;
        self.check_header(first, path, &header, before.as_ref().map(|(end, _)| end))?;
        let stamped = self.stamp.map(|stamp| stamp.position);
        self.check_stamp(path, header.after)?;
        let replayed = before.map(|(_, replayed)| replayed);
        let mut replayed = replayed.unwrap_or_else(|| Layers::after(stamped.unwrap_or(header.after)));
        let mut frames = Frames::new(&header, &bytes);
        while let Some(next) = frames.next() {
            let frame = match next {
                Ok(frame) => frame,
                Err(_) if last && frames.synced_behind().is_none() => break,
                Err(flaw) => return Err(damaged(frames.offset(), flaw)),
            };
            self.check_stamp(path, frame.position)?;
            if stamped.is_some_and(|stamped| frame.position.sequence <= stamped.sequence) {
                continue;
            }
            let Some(entry) = entry::decode(frame.payload, frame.position.sequence) else {
                return Err(damaged(frame.offset, Flaw::Content));
            };
            // Never fresh: a checkpoint that was cut short may have left parts of this in the index.
            let writes = entry.records.into_iter().map(|(key, record)| Write { key, record, fresh: false });
            let (writes, counters) = (writes.collect(), entry.counters);
            let frame_bytes = bytes.get(frame.offset..frames.offset()).unwrap_or_default();
            // A compressed file is no place to look single records up in.
            let place = if is_compressed(path) { None } else { Place::of(frame_bytes, first, frame.offset) };
            replayed.apply(Commit { writes, counters, position: frame.position, place });
            if replayed.active.bytes() >= self.options.memory_bytes_max / 2 {
                if let Some(frozen) = replayed.frozen.take() {
                    self.absorb(&header, &frozen)?;
                }
                replayed.freeze();
            }
        }
        let (offset, position) = (frames.offset() as u64, frames.position());
        let end = End { path: path.to_owned(), segment: first, offset, position, identity: header.identity };
        Ok((end, replayed))
    }

    fn check_header(&self, first: u64, path: &Path, header: &Header, before: Option<&End>) -> Result<(), OpenError> {
        let foreign = || OpenError::Foreign { file: path.to_owned() };
        if header.after.sequence.checked_add(1) != Some(first) {
            return Err(foreign());
        }
        if self.stamp.is_some_and(|stamp| stamp.identity != header.identity) {
            return Err(foreign());
        }
        match before {
            Some(end) if end.position.sequence < header.after.sequence => Err(OpenError::Missing {
                dir: self.journal_dir.to_owned(),
                first: end.position.sequence.saturating_add(1),
            }),
            Some(end) if end.position != header.after || end.identity != header.identity => Err(foreign()),
            _ => Ok(()),
        }
    }

    /// The index holds what this journal holds: at the stamp the chains have the same hash.
    fn check_stamp(&self, path: &Path, position: Position) -> Result<(), OpenError> {
        match self.stamp {
            Some(stamp) if stamp.position.sequence == position.sequence && stamp.position != position => {
                Err(OpenError::Foreign { file: path.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn absorb(&self, header: &Header, generation: &Generation) -> Result<(), OpenError> {
        self.index.absorb(header.identity, generation).map_err(|error| index_error(self.options, &error))
    }
}
