//! An index of an earlier moment, or of several moments at once, or with files that are missing or cut, beside the
//! newer journal: whatever is opened is right, or is refused, and never wrong. It is what a power loss, a disk or
//! somebody's copy may leave of files that the engines write past the store's own disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::damage::files_below;
use super::{copy, folder, open};
use crate::entropy::{Entropy, SeededEntropy, SystemEntropy};
use crate::store::embedded::{EmbeddedStore, OpenError};
use crate::store::tests::commit;
use crate::store::{CommitError, Key, Read, WriteSet};

/// More than are merged at once.
const CHECKPOINTS: u64 = 24;
const COMMITS_OF_A_CHECKPOINT: u64 = 3;
/// Records of each kind, which are written again and again.
const KEYS: u64 = 7;

/// What there is: values by their keys, and how often the counter moved.
type Model = (BTreeMap<Key, (u64, Vec<u8>)>, i64);

/// A store with copies of its index from before and after each checkpoint.
struct History {
    root: TempDir,
    model: Model,
    moments: usize,
}

fn write_set(number: u64) -> WriteSet {
    let mut write_set = WriteSet::new();
    for kind in ["r", "h"] {
        // Some are kept in the journal only.
        write_set.put(Key::of(kind).number(number % KEYS), vec![number as u8; 100 + 400 * (number as usize % 2)]);
        write_set.delete(Key::of(kind).number((number + 2) % KEYS));
    }
    write_set.adjust(Key::of("count"), 1, 0, i64::MAX);
    write_set
}

impl History {
    fn new() -> Self {
        let root = folder();
        let (store, mut model, mut moments) = (open(&root.path().join("store")).unwrap(), Model::default(), 0);
        let mut keep = || {
            copy(&root.path().join("store/index"), &root.path().join(format!("index.{moments}")));
            moments += 1;
        };
        for number in 1..=CHECKPOINTS * COMMITS_OF_A_CHECKPOINT {
            let committed = commit(&*store, write_set(number)).unwrap();
            for change in write_set(number).changes {
                match change {
                    crate::store::Change::Put { key, value, .. } => {
                        model.0.insert(key, (committed.sequence, value));
                    }
                    crate::store::Change::Delete { key } => drop(model.0.remove(&key)),
                    crate::store::Change::Append { .. } => {}
                }
            }
            model.1 += 1;
            if number % COMMITS_OF_A_CHECKPOINT == 0 {
                store.checkpoint();
                keep();
            }
        }
        store.close();
        keep();
        Self { root, model, moments }
    }

    fn index(&self, moment: usize) -> PathBuf {
        self.root.path().join(format!("index.{moment}"))
    }

    /// A store with the whole journal, and this as its index.
    fn with_index(&self, fill: impl FnOnce(&Path)) -> TempDir {
        let dir = folder();
        copy(&self.root.path().join("store/journal"), &dir.path().join("journal"));
        fill(&dir.path().join("index"));
        dir
    }

    /// Opens it and gives whether all of it could be read, which must be right then. Where the beginning of the
    /// journal is not there, it may be refused.
    fn is_right(&self, dir: &Path, may_refuse: bool, what: &str) -> bool {
        let store = match open(dir) {
            Ok(store) => store,
            Err(OpenError::Missing { .. } | OpenError::Behind { .. } | OpenError::Foreign { .. }) if may_refuse => {
                return false;
            }
            Err(error) => panic!("{what}: {error}"),
        };
        let read = self.read_rightly(&store, what);
        if read && self.model.0.contains_key(&Key::of("h").number(1)) {
            let mut write_set = WriteSet::new();
            write_set.expect_absent(Key::of("h").number(1));
            assert!(matches!(commit(&*store, write_set), Err(CommitError::Expectation(_))), "{what}");
        }
        store.close();
        read
    }

    fn read_rightly(&self, store: &EmbeddedStore, what: &str) -> bool {
        let mut read = true;
        for (kind, number) in ["r", "h"].into_iter().flat_map(|kind| (0..KEYS).map(move |number| (kind, number))) {
            let key = Key::of(kind).number(number);
            match store.record(&key) {
                Ok(found) => {
                    let found = found.map(|record| (record.version, record.value.to_vec()));
                    assert_eq!(found, self.model.0.get(&key).cloned(), "{what}: {key:?}");
                }
                Err(_) => read = false,
            }
        }
        match store.range(&crate::store::KeyRange { from: Key::of("h"), to: Key::of("r").subtree().to }, 100) {
            Ok(found) => {
                let found = found.into_iter().map(|(key, record)| (key, (record.version, record.value.to_vec())));
                assert_eq!(found.collect::<BTreeMap<_, _>>(), self.model.0, "{what}");
            }
            Err(_) => read = false,
        }
        match store.counter(&Key::of("count")) {
            Ok(count) => assert_eq!(count, self.model.1, "{what}"),
            Err(_) => read = false,
        }
        read
    }

    /// The same where the journal's first file is not there, so that the index cannot be made anew.
    fn is_right_or_refused_without_the_beginning(&self, dir: &Path, what: &str) {
        let mut segments: Vec<_> = files_below(&dir.join("journal"));
        segments.sort();
        fs::remove_file(&segments[0]).unwrap();
        self.is_right(dir, true, what);
    }
}

fn seeded() -> SeededEntropy {
    let seed = std::env::var("LANGO_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| SystemEntropy.u64());
    println!("LANGO_TEST_SEED={seed}");
    SeededEntropy::new(seed)
}

#[test]
fn an_index_of_any_earlier_moment_is_brought_up_to_the_journal() {
    let history = History::new();
    for moment in 0..history.moments {
        let dir = history.with_index(|index| copy(&history.index(moment), index));
        assert!(history.is_right(dir.path(), false, &format!("moment {moment}")));
        assert!(!dir.path().join("index.damaged.1").exists(), "moment {moment}: it is whole");
    }
}

#[test]
fn an_index_whose_parts_are_of_different_moments_is_right_or_refused() {
    let (history, entropy) = (History::new(), seeded());
    for nth in 0..40 {
        let [one, other] = [(); 2].map(|()| entropy.u64() as usize % history.moments);
        let what = format!("directory of {one}, history of {other}");
        let dir = history.with_index(|index| {
            copy(&history.index(one).join("directory"), &index.join("directory"));
            copy(&history.index(other).join("history"), &index.join("history"));
        });
        if nth % 2 == 0 {
            assert!(history.is_right(dir.path(), false, &what), "{what}: the journal has everything");
        } else {
            history.is_right_or_refused_without_the_beginning(dir.path(), &what);
        }
    }
}

#[test]
fn an_index_with_a_file_that_is_missing_or_cut_or_older_is_right_or_refused() {
    let (history, entropy) = (History::new(), seeded());
    let newest = history.moments - 1;
    let files = files_below(&history.index(newest));
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let name = file.strip_prefix(history.index(newest)).unwrap().to_owned();
        let length = fs::metadata(&file).unwrap().len();
        let older = history.index(entropy.u64() as usize % newest).join(&name);
        for cut in [None, Some(0), Some(length / 2), Some(entropy.u64() % length.max(1)), Some(length)] {
            for beheaded in [false, true] {
                let what = format!("{} of {length} bytes cut at {cut:?}", name.display());
                let dir = history.with_index(|index| {
                    copy(&history.index(newest), index);
                    let changed = index.join(&name);
                    match cut {
                        None => fs::remove_file(changed).unwrap(),
                        Some(cut) if cut < length => {
                            fs::OpenOptions::new().write(true).open(changed).unwrap().set_len(cut).unwrap();
                        }
                        // As it was at another moment.
                        Some(_) if older.exists() => drop(fs::copy(&older, changed).unwrap()),
                        Some(_) => {}
                    }
                });
                if beheaded {
                    history.is_right_or_refused_without_the_beginning(dir.path(), &what);
                } else {
                    history.is_right(dir.path(), false, &what);
                }
            }
        }
    }
}

/// A checkpoint that was cut short leaves the directory ahead of the history. What it says must be of this journal.
#[test]
fn a_directory_of_another_way_of_the_same_journal_is_not_taken() {
    let root = folder();
    let [dir, other] = ["one", "other"].map(|name| root.path().join(name));
    let add = |dir: &Path, numbers: std::ops::RangeInclusive<u64>, byte: u8| {
        let store = open(dir).unwrap();
        for number in numbers {
            let mut write_set = WriteSet::new();
            write_set.put(Key::of("r").number(number), vec![byte; 50]);
            commit(&*store, write_set).unwrap();
        }
        store.close();
    };
    add(&dir, 1..=10, 1);
    copy(&dir, &other);
    add(&other, 11..=15, 2);
    add(&dir, 21..=40, 1);
    // The history is where both ways part, and the directory further on the other way.
    fs::remove_dir_all(dir.join("index")).unwrap();
    let store = root.path().join("store");
    copy(&dir, &store);
    copy(&other.join("index/directory"), &store.join("index/directory"));
    match open(&store) {
        Err(error) => assert!(matches!(error, OpenError::Foreign { .. }), "{error}"),
        Ok(store) => {
            let found = store.range(&Key::of("r").subtree(), 100).unwrap();
            assert!(found.iter().all(|(_, record)| record.value[0] == 1), "records of the other way");
        }
    }
}
