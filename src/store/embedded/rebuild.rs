//! Making the index anew from the journal when nothing forces it: opening does it by itself for an
//! index that is missing or visibly damaged.
//!
//! The old index is put aside and removed only when the new one is whole, so whatever stops this in
//! the middle, the next opening goes on from the journal.

use std::fs;
use std::sync::Arc;

use super::disk::{Disk, RealDisk};
use super::index::{Index, index_dir};
use super::journal::journal_dir;
use super::open::{OpenError, at};
use super::verify::verify;
use super::{EmbeddedStore, Options, Progress};
use crate::store::{CommitError, Store};

/// Makes the index of a store that nobody has open anew and tells how far it is. Gives the sequence
/// number up to which the new index holds everything.
pub fn rebuild(options: Options, progress: &mut dyn FnMut(Progress)) -> Result<u64, OpenError> {
    rebuild_on(Arc::new(RealDisk), options, progress)
}

/// The same on any disk.
pub(super) fn rebuild_on(
    disk: Arc<dyn Disk>,
    options: Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, OpenError> {
    let (dir, index) = (options.dir.clone(), index_dir(&options.dir));
    let lock_path = dir.join("lock");
    let journal = journal_dir(&dir);
    // Before the lock is made: a folder that holds no store is left as it is.
    disk.list(&journal).map_err(at(&journal))?;
    let lock = disk.lock(&lock_path).map_err(at(&lock_path))?;
    let lock = lock.ok_or_else(|| OpenError::Locked { path: lock_path.clone() })?;
    let verified = verify(&dir)?;
    if verified.first > 1 {
        return Err(OpenError::Missing { dir: journal, first: 1 });
    }
    if let Some(known) = known(&disk, &options).filter(|&known| known > verified.last) {
        return Err(OpenError::Behind { dir: journal, journal: verified.last, index: known, index_dir: index });
    }
    let aside = dir.join("index.before");
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(at(&aside))?;
    }
    if index.exists() {
        disk.rename(&index, &aside).and_then(|()| disk.sync_dir(&dir)).map_err(at(&index))?;
    }
    // Opening takes it again. Whoever is faster makes the index from the journal just the same.
    drop(lock);
    let store = EmbeddedStore::open_with(options, disk, progress)?;
    store.checkpoint();
    let health = store.health();
    store.close();
    if health.checkpoint < verified.last {
        let error = health.refusing.unwrap_or_else(|| CommitError::Full.to_string());
        return Err(OpenError::Index { dir: index, error });
    }
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(at(&aside))?;
    }
    Ok(health.checkpoint)
}

/// Up to where the old index holds everything, as far as it can still say so.
fn known(disk: &Arc<dyn Disk>, options: &Options) -> Option<u64> {
    let dir = index_dir(&options.dir);
    if !dir.exists() {
        return None;
    }
    let index = Index::open(disk.clone(), &options.dir, options.directory_kinds).ok()?;
    let known = index.newest().ok().flatten();
    index.close();
    known.map(|position| position.sequence)
}
