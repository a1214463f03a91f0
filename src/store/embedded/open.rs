//! Opening: the lock, the index, and the replay of what the index does not hold. Nothing is changed
//! before everything has been checked, and nothing that was acknowledged is ever cut off.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, Lock, make_dir};
use super::frames::{Unread, header_of};
use super::index::{Index, IndexError, index_dir};
use super::journal::{JOURNAL, Journal, UNFINISHED, is_compressed, journal_dir, segments};
use super::memtable::Layers;
use super::replay::Replay;
use super::segment::{Flaw, HEADER_BYTES};
use super::stamp::Stamp;
use super::{Options, Progress};

/// Why the store does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody was stopped while making a copy here.
    #[error("{dir} holds a copy that was not finished, and no store: make it again, in an empty folder")]
    Unfinished {
        /// The store's directory.
        dir: PathBuf,
    },
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
    let names = disk.list(&options.dir).unwrap_or_default();
    if names.iter().any(|name| name == UNFINISHED) && !names.iter().any(|name| name == JOURNAL) {
        return Err(OpenError::Unfinished { dir: options.dir.clone() });
    }
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
    if let Some((_, path)) = found.last() {
        // A process that died may have left its end written and not synced, and the index is never ahead of it.
        disk.sync_file(path).map_err(at(path))?;
    }
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

/// Why a segment is not read on.
pub(super) fn unread(path: &Path) -> impl Fn(Unread) -> OpenError + '_ {
    |unread| match unread {
        Unread::Io(error) => at(path)(error),
        Unread::Flaw(offset, flaw) => OpenError::Damaged { file: path.to_owned(), offset, flaw },
    }
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

pub(super) fn index_error(options: &Options, error: &IndexError) -> OpenError {
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
    let file = disk.open_to_read(path).map_err(at(path))?;
    let begun = file.length().map_err(at(path))? > HEADER_BYTES as u64;
    let torn = !begun && matches!(header_of(&*file), Err(Unread::Flaw(_, Flaw::Cut | Flaw::Header)));
    Ok(if torn { found.pop() } else { None })
}
