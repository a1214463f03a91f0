//! Copies of a journal that open by themselves, made beside a node that is serving, and put back
//! whole or up to a record. The index is not copied: opening makes it from the journal.
//!
//! What is copied has been checked record by record on the way, so that a backup is never a faithful
//! copy of damage. It may hold, as its last records, commits that were just being synced.

use std::path::Path;

use super::Progress;
use super::disk::{Disk, RealDisk};
use super::open::{OpenError, at, journal_dir};
use super::verify::Verified;
use super::walk::{Segment, Until, walk};

/// Why there is no copy. What was copied so far does not open by mistake: it is not under the name
/// of a journal yet.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The journal cannot be read, or the copy not be written.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// Something is there already.
    #[error("{0} is not empty: a copy is only written into a new or empty folder")]
    Occupied(std::path::PathBuf),
    /// The journal does not reach back to the first record.
    #[error("the journal begins at record {0}: put the older journal files back beside it first")]
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
}

/// Copies the journal of the store in `from` into the new folder `to`, as far as `until` says. Gives
/// what the copy holds.
pub fn copy(from: &Path, to: &Path, until: Until, progress: &mut dyn FnMut(Progress)) -> Result<Verified, CopyError> {
    let disk = RealDisk;
    disk.create_dir(to).map_err(at(to))?;
    if !disk.list(to).map_err(at(to))?.is_empty() {
        return Err(CopyError::Occupied(to.to_owned()));
    }
    let unfinished = to.join("journal.unfinished");
    disk.create_dir(&unfinished).map_err(at(&unfinished))?;
    let copied = walk(&disk, from, until, &mut |segment, done| {
        write(&disk, segment, &unfinished)?;
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

fn write(disk: &dyn Disk, segment: &Segment<'_>, into: &Path) -> Result<(), OpenError> {
    let Some(name) = segment.path.file_name() else { return Ok(()) };
    let path = into.join(name);
    let mut file = disk.create(&path).map_err(at(&path))?;
    file.write_at(0, segment.bytes).and_then(|()| file.sync()).map_err(at(&path))
}
