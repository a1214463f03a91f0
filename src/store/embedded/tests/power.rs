//! A disk whose power is cut. The files are real ones, which go on as if nothing had happened; what is left of them
//! is what the volume below says of the moment of the cut.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tempfile::TempDir;

use super::volume::{Id, Pending, Volume};
use crate::entropy::SeededEntropy;
use crate::store::embedded::disk::{Disk, DiskFile, Lock, ReadFile, RealDisk};

#[derive(Debug)]
pub(super) struct PowerDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    root: PathBuf,
    volume: Volume,
    /// Changes until the power is cut.
    left: u64,
    /// Changes until something else happens.
    until_fault: Option<(u64, Fault)>,
    /// Nothing is done any more.
    stopped: bool,
    acknowledged: Vec<u64>,
    dark: Option<Dark>,
}

/// What may happen before the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process dies: nothing it does from then on, this change included, comes about.
    Stops,
    /// There is no room; of a write, half is done.
    Full,
}

/// Everything as it was when the power was cut.
#[derive(Debug)]
pub(super) struct Dark {
    volume: Volume,
    /// For each writer, the newest commit that was acknowledged.
    pub acknowledged: Vec<u64>,
}

impl PowerDisk {
    /// A disk of all that is in `root`, which goes dark with the change of this number; some commits were
    /// acknowledged before.
    pub(super) fn new(root: &Path, changes: u64, acknowledged: &[u64]) -> Arc<Self> {
        let state = State {
            root: root.to_owned(),
            volume: Volume::of(root),
            left: changes,
            until_fault: None,
            stopped: false,
            acknowledged: acknowledged.to_owned(),
            dark: None,
        };
        Arc::new(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// Notes that a commit was acknowledged; false when the power is gone, and it counts no more.
    pub(super) fn acknowledge(&self, writer: usize, number: u64) -> bool {
        let mut state = self.state();
        state.acknowledged[writer] = number;
        state.dark.is_none()
    }

    /// Whether all of a file's content is there for good.
    pub(super) fn is_synced(&self, path: &Path) -> bool {
        let mut state = self.state();
        state.learn();
        state.volume.is_synced(state.below(path))
    }

    /// Lets that happen with the change of this number from now on.
    pub(super) fn fault_after(&self, changes: u64, fault: Fault) {
        self.state().until_fault = Some((changes, fault));
    }

    /// Whether the process died; if it did, it is another one from now on.
    pub(super) fn was_stopped(&self) -> bool {
        std::mem::take(&mut self.state().stopped)
    }

    /// Whether the power was cut.
    pub(super) fn is_dark(&self) -> bool {
        self.state().dark.is_some()
    }

    /// What the history holds now is durable.
    pub(super) fn rely_on_history(&self) {
        let mut state = self.state();
        state.learn();
        state.volume.rely_on_history();
    }

    /// Takes back that what is behind this place in a file was synced.
    pub(super) fn unsync(&self, path: &Path, from: usize) {
        let mut state = self.state();
        let id = state.volume.find(state.below(path)).unwrap();
        state.volume.unsync(id, from);
    }

    /// What is there after the power was cut, which is now if it was not before.
    pub(super) fn dark(&self) -> Dark {
        let mut state = self.state();
        if state.dark.is_none() {
            state.cut();
        }
        state.dark.take().unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Does this to the real disk and to the volume, as one change.
    fn change<T>(
        &self,
        path: &Path,
        real: impl FnOnce() -> io::Result<T>,
        kept: impl FnOnce(&mut Volume, &Path),
    ) -> io::Result<T> {
        let mut state = self.state();
        state.begin()?;
        let done = real()?;
        let below = state.below(path).to_owned();
        kept(&mut state.volume, &below);
        state.end();
        Ok(done)
    }
}

impl Dark {
    /// Makes the root as it might be after the power is back.
    pub(super) fn lit(&self, entropy: &SeededEntropy) -> TempDir {
        self.volume.lit(entropy)
    }
}

impl State {
    /// Whether a change may begin: none may of a process that died.
    fn begin(&mut self) -> io::Result<()> {
        match &mut self.until_fault {
            Some((left @ 1.., _)) => *left -= 1,
            Some((0, fault)) => {
                let fault = *fault;
                self.until_fault = None;
                self.stopped |= fault == Fault::Stops;
                if fault == Fault::Full {
                    return Err(io::ErrorKind::StorageFull.into());
                }
            }
            None => {}
        }
        if self.stopped { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    /// A change is done, and not durable: the power is cut if it is its turn.
    fn end(&mut self) {
        if self.left == 0 && self.dark.is_none() {
            self.cut();
        }
        self.left = self.left.saturating_sub(1);
    }

    fn cut(&mut self) {
        self.learn();
        self.dark = Some(Dark { volume: self.volume.clone(), acknowledged: self.acknowledged.clone() });
    }

    fn learn(&mut self) {
        self.volume.learn(&self.root);
    }

    fn below<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap()
    }
}

impl Disk for PowerDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let missing: Vec<_> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
        missing.into_iter().rev().try_for_each(|dir| self.change(dir, || RealDisk.create_dir(dir), Volume::make_folder))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        RealDisk.open_to_read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.change(path, || RealDisk.create(path), |volume, path| _ = volume.create(path))?;
        Ok(self.file(path, file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(path, RealDisk.open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let moved_away = path.extension().is_some_and(|extension| extension == "journal");
        self.change(
            path,
            || RealDisk.remove(path),
            |volume, path| {
                volume.remove(path);
                if moved_away {
                    volume.rely_on_history();
                }
            },
        )
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // Others may have made it.
        self.state().learn();
        let after = to.strip_prefix(&self.state().root).unwrap().to_owned();
        self.change(from, || RealDisk.rename(from, to), |volume, from| volume.rename(from, &after))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !dir.starts_with(&state.root) {
            return RealDisk.sync_dir(dir);
        }
        state.begin()?;
        // As a cut finds it, nothing of it is durable yet.
        state.learn();
        state.end();
        RealDisk.sync_dir(dir)?;
        let below = state.below(dir).to_owned();
        state.volume.sync_folder(&below);
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin()?;
        state.learn();
        state.end();
        RealDisk.sync_file(path)?;
        let id = state.volume.find(state.below(path)).unwrap();
        state.volume.sync(id);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        RealDisk.lock(path)
    }

    fn identity(&self) -> [u8; 16] {
        RealDisk.identity()
    }
}

impl PowerDisk {
    fn file(&self, path: &Path, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let state = self.state();
        let id = state.volume.find(state.below(path)).unwrap();
        Box::new(PowerFile { state: self.state.clone(), id, path: path.to_owned(), file })
    }
}

#[derive(Debug)]
struct PowerFile {
    state: Arc<Mutex<State>>,
    id: Id,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl PowerFile {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl DiskFile for PowerFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let state = self.state.clone();
        let mut state = state.lock().unwrap();
        let begun = state.begin();
        let written = match &begun {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => &bytes[..bytes.len() / 2],
            Err(_) => return begun,
            Ok(()) => bytes,
        };
        self.file.write_at(offset, written)?;
        state.volume.pend(self.id, Pending::Bytes { offset, bytes: written.to_vec() });
        state.end();
        begun
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.begin()?;
        state.end();
        state.volume.sync(self.id);
        drop(state);
        self.file.sync()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.state().begin()?;
        self.file.truncate(bytes)?;
        let mut state = self.state();
        state.volume.pend(self.id, Pending::Length(bytes));
        state.end();
        Ok(())
    }

    /// Only lengthens, as the real one does.
    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        self.state().begin()?;
        self.file.reserve(bytes)?;
        let length = std::fs::metadata(&self.path)?.len();
        let mut state = self.state();
        state.volume.pend(self.id, Pending::Length(length));
        state.end();
        Ok(())
    }

    fn write_zeros(&mut self, from: u64, to: u64) -> io::Result<()> {
        self.write_at(from, &vec![0; (to - from) as usize])
    }
}
