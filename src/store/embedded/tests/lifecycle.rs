//! Locks, bounds, closing.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::disk::FaultyDisk;
use super::{open, open_on, options};
use crate::store::embedded::backup::back_up_on;
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::{EmbeddedStore, OpenError, Options, verify};
use crate::store::tests::{commit, put};
use crate::store::{CommitError, Key, Read, Store, WriteSet};

#[test]
fn a_store_is_opened_by_one_at_a_time() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::Locked { .. })));
    store.close();
    open(dir.path()).unwrap();
}

#[test]
fn closing_commits_what_waits_and_then_refuses() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    let pending: Vec<_> = (0..50).map(|number| store.commit(put(Key::of("r").number(number), b"v"))).collect();
    store.close();
    store.close();
    for answer in pending {
        crate::store::tests::wait(answer).unwrap();
    }
    assert!(matches!(commit(&*store, put(Key::of("late"), b"")), Err(CommitError::Refusing(_))));
    assert_eq!(store.health().checkpoint, 50);
    assert!(store.record(&Key::of("r").number(1)).is_err());
    let store = open(dir.path()).unwrap();
    assert_eq!(store.health().checkpoint, 50);
    assert_eq!(store.range(&Key::of("r").subtree(), 100).unwrap().len(), 50);
}

#[test]
fn a_write_set_may_be_as_large_as_the_limit_and_not_larger() {
    let dir = TempDir::new().unwrap();
    let limit = put(Key::of("k"), &[0; 1000]).bytes();
    let options = Options { write_set_bytes_max: limit, ..options(dir.path()) };
    let store = EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap();
    commit(&*store, put(Key::of("k"), &[0; 1000])).unwrap();
    let error = commit(&*store, put(Key::of("k"), &[0; 1001])).unwrap_err();
    assert_eq!(error, CommitError::TooLarge { bytes: limit + 1, max: limit });
}

/// One that the index does not take would stop the store at each checkpoint, also after a restart.
#[test]
fn a_key_may_be_as_long_as_the_limit_and_not_longer() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path()), Arc::new(RealDisk)).unwrap();
    let max = super::super::KEY_BYTES_MAX;
    let key = |bytes: usize| Key::of("k").text(&"x".repeat(bytes - Key::of("k").text("").as_bytes().len()));
    let kinds: [fn(Key) -> WriteSet; 4] = [
        |key| put(key, b"value"),
        |key| {
            let mut write_set = WriteSet::new();
            write_set.adjust(key, 1, 0, 9);
            write_set
        },
        |key| {
            let mut write_set = WriteSet::new();
            write_set.append(key, b"entry".to_vec(), Vec::new());
            write_set
        },
        |key| {
            let mut write_set = WriteSet::new();
            write_set.delete(key);
            write_set
        },
    ];
    for of in kinds {
        let error = commit(&*store, of(key(max + 1))).unwrap_err();
        assert_eq!(error, CommitError::TooLarge { bytes: max + 1, max });
    }
    for (number, of) in kinds.iter().enumerate() {
        commit(&*store, of(key(max - number))).unwrap();
        store.checkpoint();
        assert_eq!(store.health().refusing, None);
    }
}

#[test]
fn d6_the_queue_of_commits_is_bounded_and_full_is_said_at_once() {
    let queue = super::super::queue::Queue::new(2, 100);
    let _first = queue.push(put(Key::of("k"), b""), 40).unwrap();
    assert!(queue.push(put(Key::of("k"), b""), 61).is_err_and(|error| error == CommitError::Busy));
    let _second = queue.push(put(Key::of("k"), b""), 60).unwrap();
    assert!(queue.push(put(Key::of("k"), b""), 0).is_err_and(|error| error == CommitError::Busy));
    assert_eq!(queue.take().unwrap().len(), 2);
    let _large = queue.push(put(Key::of("k"), b""), 1000).unwrap();
}

#[test]
fn d6_memory_stays_bounded_while_checkpoints_run_beside_commits_and_ranges() {
    // Small enough to stay in memory until a checkpoint.
    const VALUE_BYTES: usize = 380;
    let dir = TempDir::new().unwrap();
    let memory_bytes_max = 60_000;
    let options = Options { memory_bytes_max, segment_bytes_max: 50_000, ..options(dir.path()) };
    let store = EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap();
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let store = store.clone();
            thread::spawn(move || {
                for number in 0..150_u64 {
                    // Each write moves the one record of its writer: a range sees it exactly once.
                    let mut write_set = put(Key::of("at").number(number % 7).number(writer), &[1; VALUE_BYTES]);
                    if let Some(before) = number.checked_sub(1) {
                        write_set.delete(Key::of("at").number(before % 7).number(writer));
                    }
                    write_set.append(Key::of("log").number(writer), vec![2; VALUE_BYTES], vec![]);
                    commit(&*store, write_set).unwrap();
                }
            })
        })
        .collect();
    // One batch of all writers may come on top.
    let allowed = memory_bytes_max + 8 * (VALUE_BYTES as u64 + 400);
    while !writers.iter().all(|writer| writer.is_finished()) {
        assert!(store.health().memory_bytes <= allowed, "{:?}", store.health());
        for _ in 0..20 {
            let found = store.range(&Key::of("at").subtree(), 100).unwrap();
            assert!(found.len() <= 4, "a record is seen where it was and where it is");
            let mut seen: Vec<_> = found.iter().map(|(key, _)| key.parts()[2].clone()).collect();
            seen.dedup();
            assert_eq!(seen.len(), found.len());
        }
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert!(store.health().checkpoint > 0);
    assert_eq!(store.range(&Key::of("at").subtree(), 100).unwrap().len(), 4);
    assert_eq!(store.range(&Key::of("log").subtree(), usize::MAX).unwrap().len(), 600);
    store.close();
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.records, verified.first, verified.last, verified.torn), (600, 1, 600, None));
    assert!(verified.segments > 5);
}

#[test]
fn a_range_that_was_read_is_in_order_in_memory_from_then_on() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    let queue = Key::of("queue").subtree();
    let is_ordered = || store.shared.memtable.look(|layers| layers.active.is_ordered(&queue));
    let put_both =
        || (1..3).for_each(|number| drop(commit(&*store, put(Key::of("queue").number(number), b"")).unwrap()));
    put_both();
    assert!(!is_ordered());
    assert_eq!(store.range(&queue, 10).unwrap().len(), 2);
    assert!(is_ordered());
    store.checkpoint();
    put_both();
    assert!(is_ordered());
    assert_eq!(store.range(&queue, 10).unwrap().len(), 2);
}

#[test]
fn a_checkpoint_cut_short_is_done_again_by_the_replay() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    let (kept, gone) = (Key::of("r").number(1), Key::of("r").number(2));
    let mut write_set = put(kept.clone(), b"old");
    write_set.put(gone.clone(), b"old".to_vec());
    commit(&*store, write_set).unwrap();
    // The index has what the generation holds, and the journal goes on; the stamp is the one before.
    let stale = TempDir::new().unwrap();
    super::copy(&dir.path().join("journal"), &stale.path().join("journal"));
    store.close();
    drop(store);
    let store = open(stale.path()).unwrap();
    let mut write_set = put(kept.clone(), b"new");
    write_set.delete(gone.clone());
    commit(&*store, write_set).unwrap();
    store.close();
    drop(store);
    std::fs::remove_dir_all(stale.path().join("index")).unwrap();
    super::copy(&dir.path().join("index"), &stale.path().join("index"));
    // The directory has its state already, and the history was not registered.
    std::fs::remove_dir_all(stale.path().join("index/history")).unwrap();
    let store = open(stale.path()).unwrap();
    for _ in 0..2 {
        assert_eq!(store.record(&kept).unwrap().unwrap().value.as_ref(), b"new");
        assert_eq!(store.record(&gone), Ok(None));
        store.checkpoint();
    }
}

#[test]
fn what_opening_finds_beyond_the_index_is_there_before_and_after_the_first_checkpoint() {
    const VALUE_BYTES: usize = 10_000;
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    // Two and a half generations: one goes into the index at once, one is left to the first checkpoint.
    for number in 0..130_u64 {
        let mut write_set = put(Key::of("h").number(number), &[number as u8; VALUE_BYTES]);
        write_set.adjust(Key::of("count"), 1, 0, i64::MAX);
        if let Some(before) = number.checked_sub(60) {
            write_set.delete(Key::of("h").number(before));
        }
        commit(&*store, write_set).unwrap();
    }
    store.close();
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let store = open(dir.path()).unwrap();
    for _ in 0..2 {
        let found = store.range(&Key::of("h").subtree(), usize::MAX).unwrap();
        let expected = (70..130_u64).map(|number| Key::of("h").number(number));
        assert!(found.into_iter().map(|(key, _)| key).eq(expected));
        assert_eq!(store.counter(&Key::of("count")), Ok(130));
        store.checkpoint();
        assert_eq!((store.health().checkpoint, store.health().memory_bytes), (130, 0));
    }
}

#[test]
fn opening_waits_for_what_is_left_of_the_store_before() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    commit(&*store, put(Key::of("k"), b"v")).unwrap();
    store.close();
    // Now it is this file that has sled's lock, as one of its threads may have had.
    let lingering = std::fs::File::open(dir.path().join("index/directory/db")).unwrap();
    while lingering.try_lock().is_err() {
        thread::yield_now();
    }
    let opening = thread::spawn({
        let dir = dir.path().to_owned();
        move || open(&dir).map(|store| store.health().checkpoint)
    });
    // Time for opening to meet the lock; had it not yet, it would find it free, which is as good.
    thread::sleep(Duration::from_millis(100));
    drop(lingering);
    assert_eq!(opening.join().unwrap().unwrap(), 1);
}

#[test]
fn the_names_of_all_folders_are_durable_before_anything_is_acknowledged() {
    let (root, disk) = (TempDir::new().unwrap(), Arc::new(FaultyDisk::default()));
    let under = |parts: &[&str]| parts.iter().fold(root.path().to_owned(), |dir, part| dir.join(part));
    let (dir, backup) = (under(&["a", "b", "store"]), under(&["c", "d", "backup"]));
    let store = open_on(&dir, disk.clone()).unwrap();
    for parent in [&[][..], &["a"], &["a", "b"], &["a", "b", "store"], &["a", "b", "store", "index"]] {
        assert!(disk.synced_dir(&under(parent)), "{parent:?}");
    }
    commit(&*store, put(Key::of("k"), b"v")).unwrap();
    store.close();
    back_up_on(&*disk, &dir, &backup, &mut |_| {}).unwrap();
    for parent in [&["c"][..], &["c", "d"], &["c", "d", "backup"]] {
        assert!(disk.synced_dir(&under(parent)), "{parent:?}");
    }
}
