//! What sled does not do itself: that what a checkpoint moved is durable, and that what was lost or changed
//! behind a stamp that is whole is noticed.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::power::PowerDisk;
use super::{folder, open, open_on};
use crate::entropy::SeededEntropy;
use crate::store::embedded::EmbeddedStore;
use crate::store::tests::{commit, put};
use crate::store::{Key, Read, Store};

const RECORDS: u64 = 40;
/// Larger than what sled keeps in its one file.
const LARGE_BYTES: usize = 1 << 20;

fn key(number: u64) -> Key {
    Key::of("r").number(number)
}

fn value(number: u64) -> Vec<u8> {
    vec![number as u8; 100]
}

/// Records of the directory, some of which were others or more before, in the index.
fn fill(store: &Arc<EmbeddedStore>) {
    for number in 0..RECORDS + 5 {
        commit(&**store, put(key(number), &value(number + 1))).unwrap();
    }
    store.checkpoint();
    for number in 0..RECORDS {
        commit(&**store, put(key(number), &value(number))).unwrap();
    }
    for number in RECORDS..RECORDS + 5 {
        let mut write_set = crate::store::WriteSet::new();
        write_set.delete(key(number));
        commit(&**store, write_set).unwrap();
    }
    store.checkpoint();
}

fn assert_holds(store: &EmbeddedStore) {
    let found = store.range(&Key::of("r").subtree(), usize::MAX).unwrap();
    let found: Vec<_> = found.into_iter().map(|(key, record)| (key, record.value.to_vec())).collect();
    assert_eq!(found, (0..RECORDS).map(|number| (key(number), value(number))).collect::<Vec<_>>());
}

/// Whether opening found the index damaged and made it anew.
fn was_made_anew(dir: &Path) -> bool {
    dir.join("index.damaged.1").exists()
}

/// Changes sled's records behind the store's back.
fn tamper(dir: &Path, change: impl FnOnce(&sled::Tree)) {
    let config = sled::Config::new().path(dir.join("index/directory")).flush_every_ms(None);
    // Its threads may keep the lock for a moment after the store was closed.
    let db = loop {
        match config.open() {
            Ok(db) => break db,
            Err(sled::Error::Io(_)) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    change(&db.open_tree("records").unwrap());
    db.flush().unwrap();
}

#[test]
fn s7_what_was_lost_or_changed_in_sled_is_noticed_and_made_anew() {
    type Change = fn(&sled::Tree);
    let bytes = |number: u64| key(number).as_bytes().to_vec();
    let changes: [(&str, Change, bool); 6] = [
        ("nothing", |_| {}, false),
        ("a record was lost", |records| drop(records.remove(key(7).as_bytes()).unwrap()), true),
        (
            "a record was changed",
            |records| {
                let mut value = records.get(key(7).as_bytes()).unwrap().unwrap().to_vec();
                *value.last_mut().unwrap() ^= 1;
                records.insert(key(7).as_bytes(), value).unwrap();
            },
            true,
        ),
        (
            "a record came back",
            |records| {
                let value = records.get(key(7).as_bytes()).unwrap().unwrap();
                records.insert(key(RECORDS).as_bytes(), value).unwrap();
            },
            true,
        ),
        (
            "two changed places",
            |records| {
                let [one, other] = [7, 8].map(|number| records.get(key(number).as_bytes()).unwrap().unwrap());
                records.insert(key(7).as_bytes(), other).unwrap();
                records.insert(key(8).as_bytes(), one).unwrap();
            },
            true,
        ),
        (
            "everything was lost but the stamp",
            |records| {
                let all: Vec<_> = records.iter().keys().map(Result::unwrap).collect();
                let of_records = all.into_iter().filter(|found| found.starts_with(Key::of("r").as_bytes()));
                of_records.for_each(|found| drop(records.remove(found).unwrap()));
            },
            true,
        ),
    ];
    for (what, change, noticed) in changes {
        let dir = folder();
        let store = open(dir.path()).unwrap();
        fill(&store);
        store.close();
        drop(store);
        tamper(dir.path(), |records| {
            assert!(records.contains_key(bytes(7)).unwrap(), "sled has the records");
            change(records);
        });
        let store = open(dir.path()).unwrap();
        assert_holds(&store);
        assert_eq!(was_made_anew(dir.path()), noticed, "{what}");
    }
}

#[test]
fn what_a_checkpoint_moved_into_sled_is_durable_when_it_ends() {
    let dir = folder();
    let disk = PowerDisk::new(dir.path(), u64::MAX, &[]);
    let store = open_on(dir.path(), disk.clone()).unwrap();
    fill(&store);
    disk.rely_on_history();
    let (checkpoint, dark) = (store.health().checkpoint, disk.dark());
    assert_eq!(checkpoint, 2 * RECORDS + 10);
    for seed in 0..4 {
        let lit = dark.lit(&SeededEntropy::new(seed));
        let store = open(lit.path()).unwrap();
        // From the journal it could be made anew all the same: here it need not be.
        assert!(!was_made_anew(lit.path()), "seed {seed}");
        assert_eq!(store.health().checkpoint, checkpoint, "seed {seed}");
        assert_holds(&store);
    }
}

#[test]
fn the_files_in_which_sled_keeps_large_values_are_synced_too() {
    let dir = folder();
    let disk = PowerDisk::new(dir.path(), u64::MAX, &[]);
    let store = open_on(dir.path(), disk.clone()).unwrap();
    for number in [1, 2] {
        commit(&*store, put(key(number), &vec![number as u8; LARGE_BYTES])).unwrap();
        store.checkpoint();
        let files: Vec<_> = std::fs::read_dir(dir.path().join("index/directory/blobs")).unwrap().collect();
        assert!(files.len() as u64 >= number, "sled has no file for a value of {LARGE_BYTES} bytes");
        for file in files {
            let path = file.unwrap().path();
            assert!(disk.is_synced(&path), "{}", path.display());
        }
    }
}
