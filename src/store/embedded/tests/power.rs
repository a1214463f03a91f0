//! A disk whose power is cut. What was synced is there afterwards; of what was not, any part may be,
//! in any order, sector by sector: that is what file systems and drives promise. A file whose folder
//! was not synced may have no name.
//!
//! The files are real ones. What the index's engines write past this disk is taken as it was at the
//! cut, except for sled's file, which is durable only when the store syncs it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tempfile::TempDir;

use super::{copy, folder};
use crate::entropy::{Entropy, SeededEntropy};
use crate::store::embedded::disk::{Disk, DiskFile, Lock, RealDisk};

/// What a drive writes whole or not at all.
const SECTOR_BYTES: u64 = 512;
/// sled's file in the store's folder; it exists before the store syncs it first.
const SLED_FILE: &str = "index/directory/db";

#[derive(Debug)]
pub(super) struct PowerDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    dir: PathBuf,
    files: HashMap<PathBuf, File>,
    /// Changes until the power is cut.
    left: u64,
    acknowledged: Vec<u64>,
    dark: Option<Dark>,
}

/// A file that was written through this disk.
#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Pending>,
    /// The folder was synced since it was made.
    named: bool,
    /// Something else writes it, and the store syncs it: what is pending is only known at the cut.
    foreign: bool,
}

#[derive(Clone, Debug)]
enum Pending {
    Bytes { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

/// Everything as it was when the power was cut.
#[derive(Debug)]
pub(super) struct Dark {
    whole: TempDir,
    dir: PathBuf,
    files: HashMap<PathBuf, File>,
    /// For each writer, the newest commit that was acknowledged.
    pub acknowledged: Vec<u64>,
}

impl PowerDisk {
    /// A disk that goes dark with the change of this number, for a store in `dir`, some of whose
    /// commits were acknowledged before.
    pub(super) fn new(dir: &Path, changes: u64, acknowledged: &[u64]) -> Arc<Self> {
        let sled = File {
            named: true,
            foreign: true,
            durable: fs::read(dir.join(SLED_FILE)).unwrap_or_default(),
            pending: Vec::new(),
        };
        let state = State {
            dir: dir.to_owned(),
            files: HashMap::from([(dir.join(SLED_FILE), sled)]),
            left: changes,
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

    /// Whether the store synced this file that something else wrote.
    pub(super) fn was_synced(&self, path: &Path) -> bool {
        self.state().files.get(path).is_some_and(|file| file.foreign)
    }

    /// What is there after the power was cut, which is now if it was not before.
    pub(super) fn dark(&self) -> Dark {
        let mut state = self.state();
        if state.dark.is_none() {
            state.left = 0;
            state.change();
        }
        state.dark.take().unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// Counts a change, before it is done, and cuts the power when it is its turn.
    fn change(&mut self) {
        if self.dark.is_none() && self.left == 0 {
            let whole = folder();
            copy(&self.dir, whole.path());
            let (dir, files, acknowledged) = (self.dir.clone(), self.files.clone(), self.acknowledged.clone());
            self.dark = Some(Dark { whole, dir, files, acknowledged });
        }
        self.left = self.left.saturating_sub(1);
    }

    fn file(&mut self, path: &Path) -> &mut File {
        self.files.entry(path.to_owned()).or_default()
    }
}

impl File {
    fn sync(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            pending.apply(&mut self.durable);
        }
    }
}

impl Pending {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(bytes) => content.resize(*bytes as usize, 0),
            Self::Bytes { offset, bytes } => {
                let (from, to) = (*offset as usize, *offset as usize + bytes.len());
                content.resize(content.len().max(to), 0);
                content[from..to].copy_from_slice(bytes);
            }
        }
    }

    /// What of it can get lost alone.
    fn pieces(&self) -> Vec<Pending> {
        let Self::Bytes { offset, bytes } = self else { return vec![self.clone()] };
        let end = offset + bytes.len() as u64;
        let mut pieces = vec![];
        let mut from = *offset;
        while from < end {
            let to = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
            let piece = bytes[(from - offset) as usize..(to - offset) as usize].to_vec();
            pieces.push(Self::Bytes { offset: from, bytes: piece });
            from = to;
        }
        pieces
    }
}

impl Dark {
    /// Makes the folder as it might be after the power is back.
    pub(super) fn lit(&self, entropy: &SeededEntropy) -> TempDir {
        let lit = folder();
        copy(self.whole.path(), lit.path());
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by_key(|(path, _)| *path);
        for (path, file) in files {
            let path = lit.path().join(path.strip_prefix(&self.dir).unwrap());
            let is_there = path.exists();
            if file.foreign && !is_there || !file.named && coin(entropy) {
                let _ = fs::remove_file(&path);
                continue;
            }
            let now = if is_there { fs::read(&path).unwrap() } else { Vec::new() };
            fs::write(&path, file.after_cut(&now, entropy)).unwrap();
        }
        lit
    }
}

impl File {
    fn after_cut(&self, now: &[u8], entropy: &SeededEntropy) -> Vec<u8> {
        let whole = Pending::Bytes { offset: 0, bytes: now.to_vec() };
        let pending = if self.foreign { vec![Pending::Length(now.len() as u64), whole] } else { self.pending.clone() };
        let mut pieces: Vec<_> = pending.iter().flat_map(Pending::pieces).collect();
        // What is pending may be there altogether, not at all, or in parts.
        let (all, none) = (entropy.u64().is_multiple_of(4), entropy.u64().is_multiple_of(4));
        let mut content = self.durable.clone();
        while !pieces.is_empty() {
            let next = if all { 0 } else { (entropy.u64() % pieces.len() as u64) as usize };
            let piece = pieces.remove(next);
            if all || !none && coin(entropy) {
                piece.apply(&mut content);
            }
        }
        content
    }
}

fn coin(entropy: &SeededEntropy) -> bool {
    entropy.u64().is_multiple_of(2)
}

impl Disk for PowerDisk {
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
        let mut state = self.state();
        let there = path.exists();
        let file = RealDisk.create(path)?;
        if there {
            state.file(path).pending.push(Pending::Length(0));
        }
        state.file(path);
        state.change();
        Ok(Box::new(PowerFile { state: self.state.clone(), path: path.to_owned(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = RealDisk.open(path)?;
        let known = File { durable: fs::read(path)?, named: true, ..File::default() };
        self.state().files.entry(path.to_owned()).or_insert(known);
        Ok(Box::new(PowerFile { state: self.state.clone(), path: path.to_owned(), file }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change();
        state.files.remove(path);
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state().change();
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change();
        for (_, file) in state.files.iter_mut().filter(|(path, _)| path.parent() == Some(dir)) {
            file.named = true;
        }
        RealDisk.sync_dir(dir)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change();
        RealDisk.sync_file(path)?;
        let durable = fs::read(path)?;
        state.files.insert(path.to_owned(), File { durable, named: true, foreign: true, pending: Vec::new() });
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        RealDisk.lock(path)
    }

    fn identity(&self) -> [u8; 16] {
        RealDisk.identity()
    }
}

#[derive(Debug)]
struct PowerFile {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl PowerFile {
    fn pend(&mut self, pending: Pending) {
        let mut state = self.state.lock().unwrap();
        state.file(&self.path).pending.push(pending);
        state.change();
    }
}

impl DiskFile for PowerFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)?;
        self.pend(Pending::Bytes { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.change();
        state.file(&self.path).sync();
        self.file.sync()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.file.truncate(bytes)?;
        self.pend(Pending::Length(bytes));
        Ok(())
    }

    /// Only lengthens, as the real one does.
    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        self.file.reserve(bytes)?;
        let length = fs::metadata(&self.path)?.len();
        self.pend(Pending::Length(length));
        Ok(())
    }

    fn write_zeros(&mut self, from: u64, to: u64) -> io::Result<()> {
        self.write_at(from, &vec![0; (to - from) as usize])
    }
}
