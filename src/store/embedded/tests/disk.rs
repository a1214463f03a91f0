//! A disk that fails when told to. Its files are real ones, so that the index, which writes past it,
//! lies beside them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::barrier::Barrier;
use crate::store::embedded::disk::{Disk, DiskFile, Lock, ReadFile, RealDisk};

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Write,
    Sync,
    /// Opening a file to read from.
    Read,
    /// Making a file.
    Create,
    /// Syncing what something else wrote: the index.
    SyncOther,
    /// Whatever changes the disk: the first two above, and what makes, cuts, reserves, removes and renames
    /// files and syncs folders and other people's files.
    Change,
}

#[derive(Debug, Default)]
pub(super) struct FaultyDisk {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    writes: AtomicU64,
    syncs: AtomicU64,
    reads: AtomicU64,
    creates: AtomicU64,
    syncs_of_others: AtomicU64,
    changes: AtomicU64,
    synced_dirs: Mutex<BTreeSet<PathBuf>>,
    /// The write that was asked for changes what it writes.
    changing: AtomicBool,
    fault: Mutex<Option<(Operation, u64, Fault)>>,
    barrier: Barrier,
}

/// What happens to an operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Nothing but what happens before.
    None,
    Fails(io::ErrorKind),
    /// A write writes another byte at its end, and says nothing of it.
    Changes,
    Panics,
}

impl State {
    fn count(&self, operation: Operation) -> &AtomicU64 {
        match operation {
            Operation::Write => &self.writes,
            Operation::Sync => &self.syncs,
            Operation::Read => &self.reads,
            Operation::Create => &self.creates,
            Operation::SyncOther => &self.syncs_of_others,
            Operation::Change => &self.changes,
        }
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        let is_change = !matches!(operation, Operation::Read | Operation::Change);
        let as_change = is_change.then_some(Operation::Change);
        let fault = *self.fault.lock().unwrap();
        let mut outcome = Ok(());
        for counted in [Some(operation), as_change].into_iter().flatten() {
            let nth = self.count(counted).fetch_add(1, Ordering::SeqCst);
            if let Some((failing, at, fault)) = fault
                && (failing, at) == (counted, nth)
            {
                self.barrier.pass();
                match fault {
                    Fault::None => {}
                    Fault::Changes => self.changing.store(true, Ordering::SeqCst),
                    Fault::Fails(kind) => outcome = Err(kind.into()),
                    Fault::Panics => panic!("as the test wants it"),
                }
            }
        }
        outcome
    }
}

impl FaultyDisk {
    /// Lets the operation with this number, counted from 0, fail.
    pub(super) fn failing(operation: Operation, nth: u64, kind: io::ErrorKind) -> Arc<Self> {
        Self::with(operation, nth, Fault::Fails(kind))
    }

    /// Lets that happen to the operation with this number, counted from 0.
    pub(super) fn with(operation: Operation, nth: u64, fault: Fault) -> Arc<Self> {
        let disk = Self::default();
        *disk.state.fault.lock().unwrap() = Some((operation, nth, fault));
        Arc::new(disk)
    }

    /// Holds the next of these until it is let go, and lets that happen to it then.
    pub(super) fn hold_next(&self, operation: Operation, fault: Fault) {
        self.state.barrier.shut();
        *self.state.fault.lock().unwrap() = Some((operation, self.count(operation), fault));
    }

    /// Waits until it is there.
    pub(super) fn wait_until_held(&self) {
        self.state.barrier.wait_for_somebody();
    }

    /// Lets it go.
    pub(super) fn let_go(&self) {
        self.state.barrier.open();
    }

    /// How many of these there were.
    pub(super) fn count(&self, operation: Operation) -> u64 {
        self.state.count(operation).load(Ordering::SeqCst)
    }

    /// Whether the names in a folder were made durable.
    pub(super) fn synced_dir(&self, dir: &Path) -> bool {
        self.state.synced_dirs.lock().unwrap().contains(dir)
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { state: self.state.clone(), file })
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.state.check(Operation::Change)?;
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.state.check(Operation::Read)?;
        RealDisk.open_to_read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.state.check(Operation::Create)?;
        Ok(self.file(RealDisk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(RealDisk.open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state.check(Operation::Change)?;
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state.check(Operation::Change)?;
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state.check(Operation::Change)?;
        RealDisk.sync_dir(dir)?;
        self.state.synced_dirs.lock().unwrap().insert(dir.to_owned());
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.state.check(Operation::SyncOther)?;
        RealDisk.sync_file(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        RealDisk.lock(path)
    }

    fn identity(&self) -> [u8; 16] {
        *b"\xA5\x5A\xA5\x5Aof the tests"
    }
}

#[derive(Debug)]
struct FaultyFile {
    state: Arc<State>,
    file: Box<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    /// A write that fails leaves half of its bytes.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let failed = self.state.check(Operation::Write);
        let mut written = bytes.to_vec();
        if failed.is_err() {
            written.truncate(bytes.len() / 2);
        } else if self.state.changing.swap(false, Ordering::SeqCst) {
            written.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1);
        }
        self.file.write_at(offset, &written)?;
        failed
    }

    fn sync(&mut self) -> io::Result<()> {
        self.state.check(Operation::Sync)?;
        self.file.sync()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.state.check(Operation::Change)?;
        self.file.truncate(bytes)
    }

    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        self.state.check(Operation::Change)?;
        self.file.reserve(bytes)
    }

    fn write_zeros(&mut self, from: u64, to: u64) -> io::Result<()> {
        self.state.check(Operation::Change)?;
        self.file.write_zeros(from, to)
    }
}
