//! The embedded store as an engine for the common tests, and what only it can get wrong.

mod apart;
mod archive;
mod barrier;
mod copies;
mod damage;
mod dark;
mod directory;
mod disk;
mod earlier;
mod faults;
mod gate;
mod held;
mod lifecycle;
mod power;
mod queue;
mod upkeep;
mod volume;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::disk::{Disk, RealDisk};
use super::{EmbeddedStore, OpenError, Options};
use crate::clock::SystemClock;
use crate::store::Store;
use crate::store::tests::{Disturbance, Engine};

/// Small enough that segments end and generations freeze in tests.
pub(super) fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        segment_bytes_max: 2048,
        memory_bytes_max: 1 << 20,
        write_set_bytes_max: 4 << 20,
        waiting_max: 64,
        clock: Arc::new(SystemClock),
        directory_kinds: &["at", "r"],
    }
}

pub(super) fn open(dir: &Path) -> Result<Arc<EmbeddedStore>, OpenError> {
    open_on(dir, Arc::new(RealDisk))
}

pub(super) fn open_on(dir: &Path, disk: Arc<dyn Disk>) -> Result<Arc<EmbeddedStore>, OpenError> {
    EmbeddedStore::open(options(dir), disk)
}

/// A folder for what opens hundreds of stores: in memory where the system has such a place, since
/// nearly all of their time would be spent on waiting for syncs.
pub(super) fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// A copy of a directory, as it is at this moment. A file that goes away meanwhile, as those that were
/// merged do, is not in it.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            match fs::copy(entry.path(), target) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

/// The embedded store in a directory of its own.
pub(in crate::store) struct Embedded {
    dir: TempDir,
    store: Option<Arc<EmbeddedStore>>,
}

impl Embedded {
    pub(in crate::store) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = open(dir.path()).unwrap();
        Self { dir, store: Some(store) }
    }

    fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.close();
        }
    }
}

impl Engine for Embedded {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    fn disturb(&mut self, how: Disturbance) {
        match how {
            Disturbance::Checkpoint => self.store.as_ref().unwrap().checkpoint(),
            Disturbance::Reopen => self.close(),
            // What a killed process leaves behind is what the files hold at that moment.
            Disturbance::Crash => {
                let crashed = TempDir::new().unwrap();
                copy(self.dir.path(), crashed.path());
                self.close();
                self.dir = crashed;
            }
            Disturbance::LoseIndex => {
                self.close();
                fs::remove_dir_all(self.dir.path().join("index")).unwrap();
            }
        }
        if self.store.is_none() {
            self.store = Some(open(self.dir.path()).unwrap());
        }
    }
}
