//! Copies of a journal that open by themselves, made beside a node that is serving, and put back
//! whole or up to a record. The index is not copied: opening makes it from the journal.
//!
//! What is copied has been checked record by record on the way, so that a backup is never a faithful
//! copy of damage. It may hold, as its last records, commits that were just being synced.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Progress;
use super::disk::{Disk, Lock, RealDisk, make_dir};
use super::journal::{JOURNAL, UNFINISHED, journal_dir, segment_name};
use super::open::{OpenError, at};
use super::verify::Verified;
use super::walk::{Until, beginning, ending, walk, walk_from};

/// Why there is no copy. What was copied so far does not open by mistake: it is not under the name
/// of a journal yet.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The journal cannot be read, or the copy not be written.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// Something is there already.
    #[error("{0} is not empty: a copy is only written into a new or empty folder")]
    Occupied(PathBuf),
    /// The journal does not reach back to the first record.
    #[error(
        "the journal begins at record {0}: name a backup that it can go on from, or put the older files back first"
    )]
    Beheaded(u64),
    /// Nothing had been committed at the moment asked for.
    #[error("the first record is later than the time asked for")]
    Later,
    /// The journal does not reach so far.
    #[error("the journal ends at record {last}, before record {until}")]
    Short {
        /// Its last record.
        last: u64,
        /// The record asked for.
        until: u64,
    },
    /// The backup holds more than the store does.
    #[error(
        "the backup ends at record {backup}, and the store already at {last}: it is an older copy. Do not serve it"
    )]
    Older {
        /// The store's last record.
        last: u64,
        /// The backup's last record.
        backup: u64,
    },
    /// Somebody else works with the backup.
    #[error("{0} is locked: another backup, archive or store has this folder open")]
    InUse(PathBuf),
}

/// What a backup holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The last record that it held before; nothing when it was begun.
    pub before: Option<u64>,
    /// What was read of the store: all of it, or from the file on in which the backup ended.
    pub read: Verified,
}

/// Makes the backup in `to` hold all that the store in `from` holds. A new folder gets all of it. A
/// backup that was made before goes on from where it ends, if the store's chain goes through that very
/// place; so the store needs no older files any more. It holds whole records up to some point whenever
/// this is stopped, and goes on from there the next time.
pub fn back_up(from: &Path, to: &Path, progress: &mut dyn FnMut(Progress)) -> Result<BackedUp, CopyError> {
    back_up_on(&RealDisk, from, to, progress)
}

/// The same on any disk.
pub(super) fn back_up_on(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackedUp, CopyError> {
    make_dir(disk, to).map_err(at(to))?;
    let _lock = lock(disk, to)?;
    let names = disk.list(to).map_err(at(to))?;
    let unfinished = to.join(UNFINISHED);
    if names.iter().any(|name| name == JOURNAL) {
        return go_on(disk, from, to, progress);
    }
    if let Some(other) = names.iter().find(|name| *name != LOCK && *name != UNFINISHED) {
        return Err(CopyError::Occupied(to.join(other)));
    }
    if names.iter().any(|name| name == UNFINISHED) {
        // Whoever began it was stopped, and the store may be another one by now.
        for name in disk.list(&unfinished).map_err(at(&unfinished))? {
            disk.remove(&unfinished.join(&name)).map_err(at(&unfinished))?;
        }
    }
    let read = begin(disk, from, to, Until::End, progress)?;
    Ok(BackedUp { before: None, read })
}

/// Keeps everybody else, also a store that would be opened there, from a backup that is changed.
pub(super) fn lock(disk: &dyn Disk, backup: &Path) -> Result<Box<dyn Lock>, CopyError> {
    let path = backup.join(LOCK);
    disk.lock(&path).map_err(at(&path))?.ok_or(CopyError::InUse(path))
}

const LOCK: &str = "lock";

fn go_on(disk: &dyn Disk, from: &Path, to: &Path, progress: &mut dyn FnMut(Progress)) -> Result<BackedUp, CopyError> {
    let journal = journal_dir(to);
    // Whoever made it may have been stopped before its names were durable, and no file may be before one it follows.
    for dir in [to, &journal] {
        disk.sync_dir(dir).map_err(at(dir))?;
    }
    let ending = ending(disk, to)?;
    if let (None, Some(beginning)) = (ending, beginning(disk, from)?)
        && beginning.sequence > 0
    {
        return Err(CopyError::Beheaded(beginning.sequence.saturating_add(1)));
    }
    let (newest, before) = ending.map_or((0, 0), |(newest, joint)| (newest, joint.sequence));
    let mut last = 0;
    let read = walk_from(disk, from, ending.map(|(_, joint)| joint), Until::End, &mut |segment, done| {
        last = segment.end.sequence;
        // What ends where the backup does, or before, has nothing to give.
        if last > before {
            let path = journal.join(segment_name(segment.first));
            if segment.first <= before && segment.first != newest {
                // It would overlap with what is there.
                return Err(OpenError::Foreign { file: path });
            }
            settle(disk, from, segment.first)?;
            put(disk, segment.bytes, &path, &journal)?;
        }
        progress(done);
        Ok(())
    })?;
    if last < before {
        return Err(CopyError::Older { last, backup: before });
    }
    Ok(BackedUp { before: Some(before), read })
}

/// Puts a segment into a backup in one step: it is there as it was before, or with more records.
fn put(disk: &dyn Disk, bytes: &[u8], path: &Path, journal: &Path) -> Result<(), OpenError> {
    let unfinished = path.with_extension("unfinished");
    write(disk, bytes, &unfinished)?;
    disk.rename(&unfinished, path).and_then(|()| disk.sync_dir(journal)).map_err(at(path))
}

/// Copies the journal of the store in `from` into the new folder `to`, as far as `until` says. Gives
/// what the copy holds.
pub fn copy(from: &Path, to: &Path, until: Until, progress: &mut dyn FnMut(Progress)) -> Result<Verified, CopyError> {
    copy_on(&RealDisk, from, to, until, progress)
}

/// The same on any disk.
pub(super) fn copy_on(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    until: Until,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, CopyError> {
    make_dir(disk, to).map_err(at(to))?;
    if !disk.list(to).map_err(at(to))?.is_empty() {
        return Err(CopyError::Occupied(to.to_owned()));
    }
    // What somebody removed from it must not come back beside the copy.
    disk.sync_dir(to).map_err(at(to))?;
    begin(disk, from, to, until, progress)
}

fn begin(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    until: Until,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, CopyError> {
    let unfinished = to.join(UNFINISHED);
    disk.create_dir(&unfinished).map_err(at(&unfinished))?;
    let copied = walk(disk, from, until, &mut |segment, done| {
        settle(disk, from, segment.first)?;
        // Decompressed, if it was not: what is copied here may be opened and added to.
        write(disk, segment.bytes, &unfinished.join(segment_name(segment.first)))?;
        progress(done);
        Ok(())
    })?;
    if copied.first > 1 {
        return Err(CopyError::Beheaded(copied.first));
    }
    match until {
        Until::Record(until) if copied.last < until => return Err(CopyError::Short { last: copied.last, until }),
        Until::Time(_) if copied.records == 0 => return Err(CopyError::Later),
        _ => {}
    }
    disk.sync_dir(&unfinished).map_err(at(&unfinished))?;
    disk.rename(&unfinished, &journal_dir(to)).map_err(at(&unfinished))?;
    disk.sync_dir(to).map_err(at(to))?;
    // The end that was not whole was left behind.
    Ok(Verified { torn: None, ..copied })
}

/// Makes a segment that was read durable where it is: the power must not take from a store what its backup holds.
fn settle(disk: &dyn Disk, from: &Path, first: u64) -> Result<(), OpenError> {
    let path = journal_dir(from).join(segment_name(first));
    match disk.sync_file(&path) {
        // It is an old one, which was compressed or moved away, or nobody writes on its file system.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(()),
        synced => synced.map_err(at(&path)),
    }
}

/// Makes a file of this content, durably but for its name.
pub(super) fn write(disk: &dyn Disk, bytes: &[u8], path: &Path) -> Result<(), OpenError> {
    let mut file = disk.create(path).map_err(at(path))?;
    file.write_at(0, bytes).and_then(|()| file.sync()).map_err(at(path))
}
