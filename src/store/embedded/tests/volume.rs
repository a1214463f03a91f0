//! What a disk holds for good, and what it may hold after its power was cut.
//!
//! Of what was written to a file and not synced, any part may be there, in any order, sector by sector. A file or
//! a folder is found under its name only once the folder that it is in was synced: of the names made, renamed and
//! removed since then, each may be there or not, whatever became of the others. That is what file systems and
//! drives promise, and no more.
//!
//! sled's files are treated as strictly, though the store syncs them and does not write them. The history's tree
//! syncs its own files, in the right order; of those it may be found as it was at the last checkpoints, too, or
//! with files that it has removed since.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::folder;
use crate::entropy::{Entropy, SeededEntropy};

/// What a drive writes whole or not at all.
const SECTOR_BYTES: u64 = 512;
/// The folder of the history.
const HISTORY: &str = "history";
/// As many earlier states of the history are kept.
const EARLIER: usize = 3;

pub(super) type Id = usize;
const ROOT: Id = 0;

#[derive(Clone, Debug)]
pub(super) struct Volume(Vec<Node>);

#[derive(Clone, Debug)]
enum Node {
    Folder(Folder),
    File(File),
    /// The newest state is the last.
    History(Vec<Tree>),
}

#[derive(Clone, Debug, Default)]
struct Folder {
    durable: BTreeMap<String, Id>,
    now: BTreeMap<String, Id>,
    /// What changed since it was synced; a rename takes a name away and gives another one, both or neither.
    pending: Vec<Vec<(String, Option<Id>)>>,
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Pending>,
    /// Something else writes it: its content at the moment.
    foreign: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(super) enum Pending {
    Bytes { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

/// Files by their paths, and folders, which have no content.
type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Volume {
    /// All of what is in a real folder, and for good.
    pub(super) fn of(root: &Path) -> Self {
        let mut volume = Self(vec![Node::Folder(Folder::default())]);
        volume.learn(root);
        for node in &mut volume.0 {
            match node {
                Node::Folder(folder) => folder.sync(),
                Node::File(file) => file.durable = file.foreign.take().unwrap_or_default(),
                Node::History(_) => {}
            }
        }
        volume
    }

    /// Takes in what others than the store made and removed in the real folder since.
    pub(super) fn learn(&mut self, root: &Path) {
        self.learn_folder(ROOT, root);
    }

    fn learn_folder(&mut self, id: Id, real: &Path) {
        let Ok(entries) = fs::read_dir(real) else { return };
        let found: BTreeMap<String, bool> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.path().is_dir()))
            .collect();
        let gone: Vec<_> = self.folder(id).now.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        gone.into_iter().for_each(|name| self.forget(id, name));
        for (name, is_folder) in found {
            let path = real.join(&name);
            let child = match self.folder(id).now.get(&name) {
                Some(&child) => child,
                None => {
                    let node = match is_folder {
                        true if name == HISTORY => Node::History(Vec::new()),
                        true => Node::Folder(Folder::default()),
                        false => Node::File(File { foreign: Some(Vec::new()), ..File::default() }),
                    };
                    self.add(id, &name, node)
                }
            };
            match &mut self.0[child] {
                Node::Folder(_) => self.learn_folder(child, &path),
                Node::File(File { foreign: Some(content), .. }) => *content = fs::read(path).unwrap_or_default(),
                Node::File(_) => {}
                Node::History(states) => {
                    states.push(settled_tree_of(&path));
                    states.drain(..states.len().saturating_sub(1 + EARLIER));
                }
            }
        }
    }

    /// What is removed with all that is in it may be there in part.
    fn forget(&mut self, parent: Id, name: String) {
        let id = self.folder(parent).now[&name];
        if let Node::Folder(folder) = &self.0[id] {
            let names: Vec<_> = folder.now.keys().cloned().collect();
            names.into_iter().for_each(|name| self.forget(id, name));
        }
        self.folder(parent).change(vec![(name, None)]);
    }

    /// Earlier states of the history are none of those that it may be found in: what it lacks then is nowhere else.
    pub(super) fn rely_on_history(&mut self) {
        for node in &mut self.0 {
            if let Node::History(states) = node {
                states.drain(..states.len().saturating_sub(1));
            }
        }
    }

    /// Takes back that what is behind this place in a file was synced.
    pub(super) fn unsync(&mut self, file: Id, from: usize) {
        let file = self.file(file);
        let bytes = file.durable.split_off(from);
        file.pending.push(Pending::Bytes { offset: from as u64, bytes });
    }

    /// Makes a folder, in a folder that there is.
    pub(super) fn make_folder(&mut self, path: &Path) {
        if self.find(path).is_none() {
            let (parent, name) = self.place(path);
            self.add(parent, &name, Node::Folder(Folder::default()));
        }
    }

    /// Makes an empty file, or a file empty.
    pub(super) fn create(&mut self, path: &Path) -> Id {
        match self.find(path) {
            Some(id) => {
                self.pend(id, Pending::Length(0));
                id
            }
            None => {
                let (parent, name) = self.place(path);
                self.add(parent, &name, Node::File(File::default()))
            }
        }
    }

    pub(super) fn remove(&mut self, path: &Path) {
        let (parent, name) = self.place(path);
        self.folder(parent).change(vec![(name, None)]);
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        let id = self.find(from).unwrap();
        let ((parent, before), (other, after)) = (self.place(from), self.place(to));
        assert_eq!(parent, other, "two folders are synced for such a rename");
        self.folder(parent).change(vec![(before, None), (after, Some(id))]);
    }

    pub(super) fn sync_folder(&mut self, path: &Path) {
        let id = self.find(path).unwrap();
        // What syncs itself is not in question.
        if let Node::Folder(folder) = &mut self.0[id] {
            folder.sync();
        }
    }

    pub(super) fn find(&self, path: &Path) -> Option<Id> {
        path.iter().try_fold(ROOT, |id, name| match &self.0[id] {
            Node::Folder(folder) => folder.now.get(name.to_str().unwrap()).copied(),
            _ => None,
        })
    }

    pub(super) fn pend(&mut self, file: Id, pending: Pending) {
        self.file(file).pending.push(pending);
    }

    pub(super) fn sync(&mut self, file: Id) {
        self.file(file).sync();
    }

    /// Whether all of a file's content is there for good.
    pub(super) fn is_synced(&self, path: &Path) -> bool {
        let file = self.find(path).map(|id| &self.0[id]);
        matches!(file, Some(Node::File(file)) if file.pending.is_empty() && file.foreign.as_ref().is_none_or(|now| *now == file.durable))
    }

    /// Makes a real folder as it may be after the power is back.
    pub(super) fn lit(&self, entropy: &SeededEntropy) -> TempDir {
        let lit = folder();
        self.write(ROOT, lit.path(), entropy);
        lit
    }

    fn write(&self, id: Id, path: &Path, entropy: &SeededEntropy) {
        match &self.0[id] {
            Node::File(file) => fs::write(path, file.after_cut(entropy)).unwrap(),
            Node::History(states) => {
                fs::create_dir_all(path).unwrap();
                // In the order of their paths, so that a folder comes before what is in it.
                for (name, content) in history_after_cut(states, entropy) {
                    match content {
                        Some(content) => fs::write(path.join(name), content).unwrap(),
                        None => fs::create_dir_all(path.join(name)).unwrap(),
                    }
                }
            }
            Node::Folder(folder) => {
                fs::create_dir_all(path).unwrap();
                let names = folder.after_cut(entropy);
                names.into_iter().for_each(|(name, id)| self.write(id, &path.join(name), entropy));
            }
        }
    }

    fn add(&mut self, parent: Id, name: &str, node: Node) -> Id {
        let id = self.0.len();
        self.0.push(node);
        self.folder(parent).change(vec![(name.to_owned(), Some(id))]);
        id
    }

    fn place(&self, path: &Path) -> (Id, String) {
        let parent = self.find(path.parent().unwrap());
        let parent = parent.unwrap_or_else(|| panic!("{} is in no folder that was made", path.display()));
        (parent, path.file_name().unwrap().to_str().unwrap().to_owned())
    }

    fn folder(&mut self, id: Id) -> &mut Folder {
        match &mut self.0[id] {
            Node::Folder(folder) => folder,
            other => panic!("not a folder: {other:?}"),
        }
    }

    fn file(&mut self, id: Id) -> &mut File {
        match &mut self.0[id] {
            Node::File(file) => file,
            other => panic!("not a file: {other:?}"),
        }
    }
}

impl Folder {
    fn change(&mut self, change: Vec<(String, Option<Id>)>) {
        apply(&change, &mut self.now);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        self.pending.clear();
        self.durable = self.now.clone();
    }

    fn after_cut(&self, entropy: &SeededEntropy) -> BTreeMap<String, Id> {
        let mut names = self.durable.clone();
        let there = share(self.pending.len(), entropy);
        self.pending.iter().zip(there).filter(|(_, there)| *there).for_each(|(change, _)| apply(change, &mut names));
        names
    }
}

fn apply(change: &[(String, Option<Id>)], names: &mut BTreeMap<String, Id>) {
    for (name, id) in change {
        match id {
            Some(id) => names.insert(name.clone(), *id),
            None => names.remove(name),
        };
    }
}

impl File {
    fn sync(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            pending.apply(&mut self.durable);
        }
        if let Some(now) = &self.foreign {
            self.durable.clone_from(now);
        }
    }

    fn after_cut(&self, entropy: &SeededEntropy) -> Vec<u8> {
        let written = |now: &Vec<u8>| {
            [Pending::Length(now.len() as u64), Pending::Bytes { offset: 0, bytes: now.clone() }].to_vec()
        };
        let pending = self.foreign.as_ref().map_or_else(|| self.pending.clone(), written);
        let pieces: Vec<_> = pending.iter().flat_map(Pending::pieces).collect();
        let there = share(pieces.len(), entropy);
        let is_whole = there.iter().all(|there| *there);
        let mut there: Vec<_> = pieces.into_iter().zip(there).filter(|(_, there)| *there).collect();
        let mut content = self.durable.clone();
        while !there.is_empty() {
            // In any order, unless it is all there.
            let next = if is_whole { 0 } else { (entropy.u64() % there.len() as u64) as usize };
            there.remove(next).0.apply(&mut content);
        }
        content
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

/// Which of so many things that were not synced are there: all, none, the last alone, all but the last, or any.
fn share(count: usize, entropy: &SeededEntropy) -> Vec<bool> {
    let way = entropy.u64() % 6;
    let is_there = |nth: usize| match way {
        0 => true,
        1 => false,
        2 => nth + 1 == count,
        3 => nth + 1 < count,
        _ => entropy.u64().is_multiple_of(2),
    };
    (0..count).map(is_there).collect()
}

fn history_after_cut(states: &[Tree], entropy: &SeededEntropy) -> Tree {
    let nth = entropy.u64() as usize % (2 * states.len()).max(1);
    // In half of the cases it is the newest.
    let mut state = states.get(nth).or(states.last()).cloned().unwrap_or_default();
    for (name, content) in states.iter().flatten() {
        if !state.contains_key(name) && entropy.u64().is_multiple_of(2) {
            state.insert(name.clone(), content.clone());
        }
    }
    state
}

/// What is read while the tree changes its files would be of no one moment.
fn settled_tree_of(dir: &Path) -> Tree {
    let mut tree = tree_of(dir);
    loop {
        let again = tree_of(dir);
        if again == tree {
            return tree;
        }
        tree = again;
    }
}

fn tree_of(dir: &Path) -> Tree {
    let (mut tree, mut dirs) = (Tree::new(), vec![dir.to_owned()]);
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().to_owned();
            if path.is_dir() {
                tree.insert(name, None);
                dirs.push(path);
            } else if let Ok(content) = fs::read(path) {
                // What is not there any more was removed since.
                tree.insert(name, Some(content));
            }
        }
    }
    tree
}
