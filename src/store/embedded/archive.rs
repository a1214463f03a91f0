//! Giving back the room of old segments that a backup holds: each is compared with the backup's, byte
//! for byte, before it is removed here, and can be compressed there.
//!
//! A segment goes only when the index needs it no more, and oldest first, so that whenever this is
//! stopped, the journal is whole from some record on. The newest segment always stays.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::backup::{CopyError, lock, write};
use super::disk::{Disk, RealDisk};
use super::index::{Index, index_dir};
use super::journal::{compressed_name, is_compressed, journal_dir, read_segment, segments};
use super::open::{OpenError, at};
use super::walk::{Until, walk};
use super::{Options, Progress};

/// Why archiving stopped. Whatever was removed before is in the backup.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store or the backup cannot be read or changed.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The backup does not hold what the store holds.
    #[error("{file} is not in the backup as it is here: nothing of it, nor after it, was removed")]
    Differs {
        /// The store's segment.
        file: PathBuf,
    },
}

impl From<OpenError> for ArchiveError {
    fn from(error: OpenError) -> Self {
        Self::Copy(error.into())
    }
}

/// What archiving did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// Segments that were removed from the store.
    pub removed: u64,
    /// Bytes that this gave back.
    pub bytes: u64,
    /// The first record that the store's journal still has.
    pub first: u64,
    /// Segments that were compressed in the backup.
    pub compressed: u64,
}

/// Makes the index of a store that nobody has open hold by itself what it keeps in the journal only, and gives
/// up to which record it needs no journal then; nothing when somebody has the store open. A running node does
/// it itself.
pub fn released(options: &Options) -> Result<Option<u64>, OpenError> {
    let lock_path = options.dir.join("lock");
    let Some(_lock) = RealDisk.lock(&lock_path).map_err(at(&lock_path))? else { return Ok(None) };
    let dir = index_dir(&options.dir);
    if !dir.exists() {
        return Ok(Some(0));
    }
    let damaged = |error: &dyn ToString| OpenError::Index { dir: dir.clone(), error: error.to_string() };
    let index = Index::open(Arc::new(RealDisk), &options.dir, options.directory_kinds);
    let index = index.map_err(|error| damaged(&error))?;
    let released = index.release_journal().map_err(|error| damaged(&error));
    index.close();
    released.map(Some)
}

/// Removes the segments from the store in `dir` that the backup holds and that end with record `released` or
/// before, up to which the index must need none; compresses in the backup all but its newest, if that is
/// asked for. The node may run.
pub fn archive(
    dir: &Path,
    backup: &Path,
    released: u64,
    compress: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Archived, ArchiveError> {
    archive_on(&RealDisk, dir, backup, released, compress, progress)
}

/// The same on any disk.
pub(super) fn archive_on(
    disk: &dyn Disk,
    dir: &Path,
    backup: &Path,
    released: u64,
    compress: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Archived, ArchiveError> {
    let (ours, theirs) = (journal_dir(dir), journal_dir(backup));
    disk.list(&theirs).map_err(at(&theirs))?;
    let _lock = lock(disk, backup)?;
    // All of it, from its first record on: what a restore will need.
    let verified = walk(disk, backup, Until::End, &mut |_, done| {
        progress(done);
        Ok(())
    })?;
    if verified.first > 1 {
        return Err(CopyError::Beheaded(verified.first).into());
    }
    // Whoever made it may have been stopped before all of its names were durable, and whoever removed files here
    // before they were gone for good: none may come back without those behind it.
    for dir in [backup, &theirs, &ours] {
        disk.sync_dir(dir).map_err(at(dir))?;
    }
    let covered = released.min(verified.last);
    let kept = segments(disk, &theirs).map_err(at(&theirs))?;
    let found = segments(disk, &ours).map_err(at(&ours))?;
    let first = found.first().map_or(0, |(first, _)| *first);
    let mut archived = Archived { first, ..Archived::default() };
    for pair in found.windows(2) {
        let [(first, path), (next, _)] = pair else { break };
        if next.saturating_sub(1) > covered {
            break;
        }
        let bytes = read_segment(disk, path).map_err(at(path))?;
        let Some((_, held)) = kept.iter().find(|(other, _)| other == first) else {
            return Err(ArchiveError::Differs { file: path.clone() });
        };
        if !same(&bytes, &read_segment(disk, held).map_err(at(held))?) {
            return Err(ArchiveError::Differs { file: path.clone() });
        }
        // It may be a copy that another program made.
        disk.sync_file(held).map_err(at(held))?;
        disk.remove(path).and_then(|()| disk.sync_dir(&ours)).map_err(at(path))?;
        archived.removed = archived.removed.saturating_add(1);
        archived.bytes = archived.bytes.saturating_add(bytes.len() as u64);
        archived.first = *next;
    }
    if compress {
        archived.compressed = compress_all(disk, &theirs)?;
    }
    Ok(archived)
}

/// Whether a segment of the store is what the backup holds, but for the zeros of reserved room.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    ours.split_at_checked(theirs.len()).is_some_and(|(held, rest)| held == theirs && rest.iter().all(|&byte| byte == 0))
}

/// Compresses every segment but the newest, which a backup that goes on still writes. Each is there in
/// one form or the other at any moment.
fn compress_all(disk: &dyn Disk, journal: &Path) -> Result<u64, OpenError> {
    let found = segments(disk, journal).map_err(at(journal))?;
    let mut compressed: u64 = 0;
    for (first, path) in found.iter().rev().skip(1).rev().filter(|(_, path)| !is_compressed(path)) {
        let bytes = disk.read(path).map_err(at(path))?;
        let (target, unfinished) = (journal.join(compressed_name(*first)), path.with_extension("unfinished"));
        let packed = pack(&bytes).map_err(at(path))?;
        write(disk, &packed, &unfinished)?;
        disk.rename(&unfinished, &target).and_then(|()| disk.sync_dir(journal)).map_err(at(&target))?;
        // Read back: what the plain file held must come out before that one goes.
        if read_segment(disk, &target).map_err(at(&target))? != bytes {
            let error = "it does not hold what was compressed".to_owned();
            return Err(OpenError::Io { path: target, error });
        }
        disk.remove(path).and_then(|()| disk.sync_dir(journal)).map_err(at(path))?;
        compressed = compressed.saturating_add(1);
    }
    Ok(compressed)
}

fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes)?;
    packed.finish()
}
