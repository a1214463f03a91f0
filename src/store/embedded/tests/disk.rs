//! A disk that fails when told to and can forget what was not synced. Its files are real ones, so
//! that the index, which writes past it, lies beside them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::store::embedded::disk::{Disk, DiskFile, Lock, RealDisk};

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Write,
    Sync,
}

#[derive(Debug, Default)]
pub(super) struct FaultyDisk {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    writes: AtomicU64,
    syncs: AtomicU64,
    fault: Mutex<Option<(Operation, u64, io::ErrorKind)>>,
    /// For each file, how long it is after a power cut.
    synced: Mutex<HashMap<PathBuf, u64>>,
}

impl State {
    fn check(&self, operation: Operation) -> io::Result<()> {
        let count = if operation == Operation::Write { &self.writes } else { &self.syncs };
        let nth = count.fetch_add(1, Ordering::SeqCst);
        match *self.fault.lock().unwrap() {
            Some((failing, at, kind)) if failing == operation && at == nth => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

impl FaultyDisk {
    /// Lets the operation with this number, counted from 0, fail.
    pub(super) fn failing(operation: Operation, nth: u64, kind: io::ErrorKind) -> Arc<Self> {
        let disk = Self::default();
        *disk.state.fault.lock().unwrap() = Some((operation, nth, kind));
        Arc::new(disk)
    }

    /// How many of these there were.
    pub(super) fn count(&self, operation: Operation) -> u64 {
        let count = if operation == Operation::Write { &self.state.writes } else { &self.state.syncs };
        count.load(Ordering::SeqCst)
    }

    /// Files that were written, with the length of what was synced.
    pub(super) fn synced(&self) -> Vec<(PathBuf, u64)> {
        self.state.synced.lock().unwrap().iter().map(|(path, bytes)| (path.clone(), *bytes)).collect()
    }

    fn file(&self, path: &Path, file: Box<dyn DiskFile>, bytes: u64) -> Box<dyn DiskFile> {
        self.state.synced.lock().unwrap().insert(path.to_owned(), bytes);
        Box::new(FaultyFile { state: self.state.clone(), path: path.to_owned(), file, bytes })
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(path, RealDisk.create(path)?, 0))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let bytes = std::fs::metadata(path)?.len();
        Ok(self.file(path, RealDisk.open(path)?, bytes))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
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
    path: PathBuf,
    file: Box<dyn DiskFile>,
    bytes: u64,
}

impl DiskFile for FaultyFile {
    /// A write that fails leaves half of its bytes.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let failed = self.state.check(Operation::Write);
        let written = if failed.is_err() { &bytes[..bytes.len() / 2] } else { bytes };
        self.file.write_at(offset, written)?;
        self.bytes = self.bytes.max(offset + written.len() as u64);
        failed
    }

    fn sync(&mut self) -> io::Result<()> {
        self.state.check(Operation::Sync)?;
        self.state.synced.lock().unwrap().insert(self.path.clone(), self.bytes);
        self.file.sync()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.bytes = self.bytes.min(bytes);
        self.file.truncate(bytes)
    }

    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        self.file.reserve(bytes)
    }
}
