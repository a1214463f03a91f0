//! Large values, which the index keeps by their places in the journal.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use super::disk::{FaultyDisk, Operation};
use super::{copy, folder, open, open_on, options};
use crate::store::embedded::{Archived, archive, back_up, rebuild, released};
use crate::store::tests::{commit, put};
use crate::store::{Key, Read, ReadError, Record, WriteSet};

const RECORDS: u64 = 40;

fn key(number: u64) -> Key {
    Key::of("document").number(number)
}

/// Large or small, of all sizes around the border, and another one for each number.
fn value(number: u64) -> Vec<u8> {
    vec![number as u8; 380 + number as usize]
}

/// Commits these, each with an old value before it in the same write set and a counter beside it.
fn add(dir: &Path, numbers: impl Iterator<Item = u64>) {
    let store = open(dir).unwrap();
    for number in numbers {
        let mut write_set = WriteSet::new();
        write_set.put(key(number), vec![0xFF; 1000]);
        write_set.put(Key::of("other").number(number), vec![0xEE; 1000]);
        write_set.adjust(Key::of("count"), 1, 0, i64::MAX);
        write_set.put_capturing(key(number), value(number), vec![Key::of("count")]);
        write_set.delete(Key::of("other").number(number));
        commit(&*store, write_set).unwrap();
    }
    store.close();
}

fn expected(number: u64) -> Record {
    Record { version: number, value: value(number).into(), captured: vec![number as i64] }
}

fn assert_holds(store: &dyn Read, last: u64) {
    for number in 1..=last {
        assert_eq!(store.record(&key(number)), Ok(Some(expected(number))), "{number}");
        assert_eq!(store.record(&Key::of("other").number(number)), Ok(None));
    }
    let found = store.range(&Key::of("document").subtree(), usize::MAX).unwrap();
    assert!(found.into_iter().map(|(_, record)| record).eq((1..=last).map(expected)));
}

/// Makes a backup and moves the journal's files away, as far as may be.
fn archived(dir: &Path, backup: &Path, released: u64, compress: bool) -> Archived {
    back_up(dir, backup, &mut |_| {}).unwrap();
    archive(dir, backup, released, compress, &mut |_| {}).unwrap()
}

#[test]
fn a_value_reads_the_same_whatever_its_size_and_wherever_it_is_kept() {
    let dir = TempDir::new().unwrap();
    add(dir.path(), 1..=RECORDS);
    assert_holds(&*open(dir.path()).unwrap(), RECORDS);
    rebuild(options(dir.path()), &mut |_| {}).unwrap();
    let store = open(dir.path()).unwrap();
    assert_holds(&*store, RECORDS);
    // What is written anew, or deleted, hides what was in the journal.
    commit(&*store, put(key(RECORDS), b"short")).unwrap();
    let mut write_set = WriteSet::new();
    write_set.delete(key(RECORDS - 1));
    commit(&*store, write_set).unwrap();
    store.checkpoint();
    assert_eq!(store.record(&key(RECORDS)).unwrap().unwrap().value.to_vec(), b"short");
    assert_eq!(store.record(&key(RECORDS - 1)), Ok(None));
}

#[test]
fn a_large_value_is_written_to_the_disk_once() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    for number in 0..50 {
        commit(&*store, put(key(number), &[7; 10_000])).unwrap();
    }
    store.close();
    let tables = fs::read_dir(dir.path().join("index/history/tables")).unwrap();
    let bytes: u64 = tables.map(|table| table.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 50_000, "the index of 500,000 bytes has {bytes}");
}

#[test]
fn the_journal_is_moved_away_only_when_the_index_holds_what_was_in_it() {
    let (dir, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for night in 1..=3 {
        let last = night * RECORDS;
        add(dir.path(), last - RECORDS + 1..=last);
        let released = released(&options(dir.path())).unwrap().unwrap();
        assert_eq!(released, last);
        let done = archived(dir.path(), backup.path(), released, night == 2);
        assert!(done.removed > 5, "{done:?}");
        assert_holds(&*open(dir.path()).unwrap(), last);
    }
    // Also when the backup was opened as a store, and its files compressed after that.
    assert_holds(&*open(backup.path()).unwrap(), 3 * RECORDS);
    add(backup.path(), 3 * RECORDS + 1..=3 * RECORDS + 1);
    assert!(archive(dir.path(), backup.path(), 0, true, &mut |_| {}).unwrap().compressed > 5);
    assert_holds(&*open(backup.path()).unwrap(), 3 * RECORDS + 1);
}

#[test]
fn a_commit_is_read_once_for_all_that_is_taken_over_of_it() {
    let (dir, backup, disk) = (folder(), folder(), Arc::new(FaultyDisk::default()));
    let kinds = ["document", "letter", "receipt"];
    let store = open_on(dir.path(), disk.clone()).unwrap();
    for number in 0..RECORDS {
        let mut write_set = WriteSet::new();
        for kind in kinds {
            write_set.put(Key::of(kind).number(number), vec![0xFF; 900]);
            write_set.put(Key::of(kind).number(number), vec![number as u8; 500]);
        }
        commit(&*store, write_set).unwrap();
    }
    // One that was replaced is not taken over from where it was.
    commit(&*store, put(Key::of("letter").number(0), b"short")).unwrap();
    store.checkpoint();
    // Each commit is in a segment of its own.
    let before = disk.count(Operation::Read);
    let released = store.release_journal().unwrap();
    assert_eq!(disk.count(Operation::Read) - before, RECORDS);
    // All of it was taken over.
    assert!(archived(dir.path(), backup.path(), released, false).removed >= RECORDS);
    for number in 0..RECORDS {
        for kind in kinds {
            let value = store.record(&Key::of(kind).number(number)).unwrap().unwrap().value;
            let replaced = number == 0 && kind == "letter";
            assert_eq!(value, if replaced { b"short".to_vec() } else { vec![number as u8; 500] });
        }
    }
}

#[test]
fn reads_and_commits_go_on_while_the_journal_is_moved_away() {
    let (dir, backup) = (folder(), folder());
    let store = open(dir.path()).unwrap();
    let large = |number: u64| [number.to_le_bytes().as_slice(), &[1; 900]].concat();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..600 {
                commit(&*store, put(key(number), &large(number))).unwrap();
            }
            ended.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                for (found, record) in store.range(&Key::of("document").subtree(), usize::MAX).unwrap() {
                    assert_eq!(found, key(record.version - 1));
                    assert_eq!(record.value.to_vec(), large(record.version - 1));
                    assert_eq!(store.record(&found), Ok(Some(record)));
                }
            }
        });
        let mut removed = 0;
        while !ended.load(Ordering::SeqCst) {
            let released = store.release_journal().unwrap();
            removed += archived(dir.path(), backup.path(), released, false).removed;
        }
        writer.join().unwrap();
        let released = store.release_journal().unwrap();
        assert_eq!(released, 600);
        removed += archived(dir.path(), backup.path(), released, false).removed;
        assert!(removed > 100, "{removed}");
    });
    store.close();
    let store = open(dir.path()).unwrap();
    assert!((0..600).all(|number| store.record(&key(number)).unwrap().unwrap().value.to_vec() == large(number)));
}

/// As if its file had been moved away between the look at its place and the look into the file.
#[test]
fn what_was_taken_over_while_it_was_read_is_read_again() {
    for ranged in [false, true] {
        let dir = TempDir::new().unwrap();
        let disk = FaultyDisk::failing(Operation::Read, 0, ErrorKind::NotFound);
        let store = open_on(dir.path(), disk.clone()).unwrap();
        commit(&*store, put(key(1), &[1; 1000])).unwrap();
        let found = if ranged {
            store.range(&Key::of("document").subtree(), 1).unwrap().pop().map(|(_, record)| record)
        } else {
            store.record(&key(1)).unwrap()
        };
        assert_eq!(found.unwrap().value.to_vec(), vec![1; 1000]);
        assert_eq!(disk.count(Operation::Read), 2);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_of_and_not_tried_again() {
    let dir = TempDir::new().unwrap();
    let disk = FaultyDisk::failing(Operation::Read, 0, ErrorKind::PermissionDenied);
    let store = open_on(dir.path(), disk.clone()).unwrap();
    commit(&*store, put(key(1), &[1; 1000])).unwrap();
    assert!(store.record(&key(1)).is_err());
    assert_eq!(disk.count(Operation::Read), 1);
    assert!(store.record(&key(1)).is_ok());
}

#[test]
fn what_is_written_anew_while_the_journal_is_released_is_not_hidden_by_what_was_there() {
    const KEYS: u64 = 5;
    let dir = folder();
    let store = open(dir.path()).unwrap();
    let (ended, mut hidden) = (AtomicBool::new(false), Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                store.release_journal().unwrap();
            }
        });
        for number in 1..=200 * KEYS {
            commit(&*store, put(key(number % KEYS), &[1; 400])).unwrap();
            if number % 7 == 0 {
                store.checkpoint();
                let found = store.range(&Key::of("document").subtree(), usize::MAX).unwrap();
                let mut versions: Vec<u64> = found.into_iter().map(|(_, record)| record.version).collect();
                versions.sort_unstable();
                if !versions.into_iter().eq(number - KEYS + 1..=number) {
                    hidden.push(number);
                }
            }
        }
        ended.store(true, Ordering::SeqCst);
    });
    assert!(hidden.is_empty(), "{hidden:?}");
}

/// The record of which a byte is flipped at each place of an old segment.
#[test]
fn s7_what_was_changed_in_the_journal_is_never_read_as_a_value() {
    let dir = folder();
    add(dir.path(), 1..=10);
    let files = fs::read_dir(dir.path().join("journal")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let file = &files[6];
    let whole = fs::read(file).unwrap();
    let store = open(dir.path()).unwrap();
    let mut errors = 0;
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(file, changed).unwrap();
        for number in 1..=10 {
            match store.record(&key(number)) {
                Err(ReadError(reason)) => {
                    assert!(reason.contains("journal segment"), "{reason}");
                    errors += 1;
                }
                read => assert_eq!(read, Ok(Some(expected(number)))),
            }
        }
    }
    assert!(errors > 0);
    fs::remove_file(file).unwrap();
    assert!((1..=10).any(|number| store.record(&key(number)).is_err()));
}

#[test]
fn a_record_of_another_way_of_the_same_journal_is_never_read_as_a_value() {
    let (dir, other) = (folder(), folder());
    add(dir.path(), 1..=1);
    copy(dir.path(), other.path());
    for (dir, byte) in [(&dir, 1), (&other, 2)] {
        let store = open(dir.path()).unwrap();
        for number in 2..=9 {
            commit(&*store, put(key(number), &[byte; 1000])).unwrap();
        }
        store.close();
    }
    let store = open(dir.path()).unwrap();
    for file in fs::read_dir(other.path().join("journal")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join("journal").join(file.file_name())).unwrap();
    }
    assert_eq!(store.record(&key(1)), Ok(Some(expected(1))));
    assert!((2..=9).all(|number| store.record(&key(number)).is_err()));
}
