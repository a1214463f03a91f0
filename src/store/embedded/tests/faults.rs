//! Disks that fail.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use tempfile::TempDir;

use super::disk::{FaultyDisk, Operation};
use super::{copy, open, open_on};
use crate::store::tests::{commit, put};
use crate::store::{CommitError, Key, Store, WriteSet};

const COMMITS: u64 = 24;

fn payment(number: u64) -> WriteSet {
    let mut write_set = put(Key::of("r").number(number), &[number as u8; 200]);
    write_set.adjust(Key::of("c"), 10, 0, 1_000_000);
    write_set
}

/// Commits one after the other and gives what was acknowledged and what was refused.
fn load(store: &dyn Store) -> (Vec<u64>, Vec<CommitError>) {
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for number in 0..COMMITS {
        match commit(store, payment(number)) {
            Ok(_) => acknowledged.push(number),
            Err(error) => refused.push(error),
        }
    }
    (acknowledged, refused)
}

fn assert_holds(store: &dyn Store, acknowledged: &[u64]) {
    let found = store.range(&Key::of("r").subtree(), usize::MAX).unwrap();
    let expected: Vec<Key> = acknowledged.iter().map(|&number| Key::of("r").number(number)).collect();
    assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    assert_eq!(store.counter(&Key::of("c")).unwrap(), 10 * acknowledged.len() as i64);
}

/// Runs the load once for each operation, letting that one fail.
fn with_each(operation: Operation, kind: ErrorKind, check: impl Fn(&[CommitError])) {
    for nth in 0.. {
        let (dir, disk) = (TempDir::new().unwrap(), FaultyDisk::failing(operation, nth, kind));
        let Ok(store) = open_on(dir.path(), disk.clone()) else {
            // It failed while the store was being made; the next attempt makes it.
            assert_holds(&*open(dir.path()).unwrap(), &[]);
            continue;
        };
        let (acknowledged, refused) = load(&*store);
        assert_holds(&*store, &acknowledged);
        let crashed = TempDir::new().unwrap();
        copy(dir.path(), crashed.path());
        store.close();
        drop(store);
        for dir in [&dir, &crashed] {
            let reopened = open(dir.path()).unwrap();
            assert_holds(&*reopened, &acknowledged);
            commit(&*reopened, payment(COMMITS)).unwrap();
        }
        if disk.count(operation) <= nth {
            assert_eq!((acknowledged.len() as u64, refused.len()), (COMMITS, 0));
            return;
        }
        check(&refused);
    }
}

#[test]
fn a_full_disk_refuses_one_commit_and_goes_on_when_there_is_room() {
    with_each(Operation::Write, ErrorKind::StorageFull, |refused| assert_eq!(refused, [CommitError::Full]));
}

#[test]
fn a_failed_write_refuses_everything_until_the_store_is_opened_again() {
    with_each(Operation::Write, ErrorKind::Other, |refused| {
        assert!(!refused.is_empty() && refused.iter().all(|error| matches!(error, CommitError::Refusing(_))));
    });
}

#[test]
fn a_failed_sync_refuses_everything_and_is_not_tried_again() {
    with_each(Operation::Sync, ErrorKind::Other, |refused| {
        assert!(!refused.is_empty() && refused.iter().all(|error| matches!(error, CommitError::Refusing(_))));
    });
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let (dir, disk) = (TempDir::new().unwrap(), Arc::new(FaultyDisk::default()));
    let store = open_on(dir.path(), disk.clone()).unwrap();
    for number in 0..COMMITS {
        commit(&*store, payment(number)).unwrap();
        let dark = TempDir::new().unwrap();
        copy(dir.path(), dark.path());
        for (path, bytes) in disk.synced() {
            let lost = dark.path().join(path.strip_prefix(dir.path()).unwrap());
            fs::OpenOptions::new().write(true).open(lost).unwrap().set_len(bytes).unwrap();
        }
        assert_holds(&*open(dark.path()).unwrap(), &(0..=number).collect::<Vec<_>>());
    }
}
