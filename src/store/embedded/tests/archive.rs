//! Backups that go on, and old files given back to the disk once a backup holds them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::disk::{Fault, FaultyDisk, Operation};
use super::{folder, open, options};
use crate::store::embedded::archive::archive_on;
use crate::store::embedded::backup::back_up_on;
use crate::store::embedded::disk::{Disk, RealDisk};
use crate::store::embedded::{
    ArchiveError, Archived, BackedUp, CopyError, OpenError, Standing, Until, archive, back_up, compare, copy, rebuild,
    released, verify,
};
use crate::store::tests::{commit, put};
use crate::store::{Key, Read};

/// Commits these and closes.
fn add(dir: &Path, numbers: impl Iterator<Item = u64>) {
    let store = open(dir).unwrap();
    for number in numbers {
        commit(&*store, put(Key::of("n").number(number), &[number as u8; 150])).unwrap();
    }
    store.close();
}

fn backed_up(from: &Path, to: &Path) -> Result<BackedUp, CopyError> {
    back_up(from, to, &mut |_| {})
}

fn archived(dir: &Path, backup: &Path, compress: bool) -> Result<Archived, ArchiveError> {
    let checkpoint = released(&options(dir)).unwrap().unwrap();
    archive(dir, backup, checkpoint, compress, &mut |_| {})
}

/// Opens the folder and expects these records in it and no others.
fn assert_holds(dir: &Path, last: u64) {
    let store = open(dir).unwrap();
    let found = store.range(&Key::of("n").subtree(), usize::MAX).unwrap();
    assert_eq!(found.into_iter().map(|(_, record)| record.version).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    store.close();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir.join("journal")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn restored(backup: &Path, last: u64) {
    let to = TempDir::new().unwrap();
    assert_eq!(copy(backup, to.path(), Until::End, &mut |_| {}).unwrap().last, last);
    assert_holds(to.path(), last);
}

#[test]
fn a_backup_goes_on_from_where_it_ends_and_is_a_copy_of_the_whole_store_each_time() {
    let (dir, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut last = 0;
    // From nothing, by one record, within a file, over several files, and by none.
    for more in [0, 1, 1, 3, 30, 0, 8] {
        add(dir.path(), last + 1..=last + more);
        let before = if last == 0 && more == 0 { None } else { Some(last) };
        last += more;
        let done = backed_up(dir.path(), backup.path()).unwrap();
        assert_eq!((done.before, done.read.torn), (before, None));
        assert_eq!(verify(backup.path()).unwrap().hash, verify(dir.path()).unwrap().hash);
        assert_eq!(verify(backup.path()).unwrap().last, last);
        assert_eq!(compare(dir.path(), backup.path()).unwrap(), Standing::Ahead(0));
        restored(backup.path(), last);
    }
}

#[test]
fn a_store_is_backed_up_archived_and_restored_night_after_night() {
    let (dir, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut last = 0;
    for night in 0..5 {
        add(dir.path(), last + 1..=last + 25);
        last += 25;
        backed_up(dir.path(), backup.path()).unwrap();
        let whole = verify(dir.path()).unwrap();
        let done = archived(dir.path(), backup.path(), night % 2 == 1).unwrap();
        assert!(done.removed > 0);
        assert_eq!(done.compressed > 0, night % 2 == 1);
        let rest = verify(dir.path()).unwrap();
        assert_eq!((rest.first, rest.last, rest.hash), (done.first, last, whole.hash));
        assert_eq!(files(dir.path()).len(), 1, "all but the newest are in the backup");
        assert_eq!(archived(dir.path(), backup.path(), false).unwrap().removed, 0);
        assert_holds(dir.path(), last);
        restored(backup.path(), last);
    }
    // The index cannot be made anew from what is left, and is from the backup.
    let alone = rebuild(options(dir.path()), &mut |_| {}).unwrap_err();
    assert!(matches!(alone, OpenError::Missing { first: 1, .. }), "{alone}");
    // A backup opens by itself, also with compressed files in it, and goes on.
    assert!(files(backup.path()).iter().any(|file| file.extension().unwrap() == "gz"));
    add(backup.path(), last + 1..=last + 1);
    assert_holds(backup.path(), last + 1);
}

#[test]
fn nothing_is_archived_that_the_index_or_the_backup_does_not_hold() {
    let (dir, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    add(dir.path(), 1..=30);
    let no_backup = archived(dir.path(), backup.path(), true).unwrap_err();
    assert!(matches!(no_backup, ArchiveError::Copy(_)), "{no_backup}");
    backed_up(dir.path(), backup.path()).unwrap();
    let all = files(dir.path());
    let first_of = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let second = first_of(&all[1]);
    for (checkpoint, removed) in [(0, 0), (second - 2, 0), (second - 1, 1)] {
        let done = archive(dir.path(), backup.path(), checkpoint, false, &mut |_| {}).unwrap();
        assert_eq!((done.removed, files(dir.path()).len()), (removed, all.len() - removed as usize));
    }
    // What the backup lacks stays, whatever the index holds.
    add(dir.path(), 31..=60);
    let done = archived(dir.path(), backup.path(), false).unwrap();
    assert!(done.first <= 30 && files(dir.path()).len() > 2, "{done:?}");
    // A backup of another store of the same length, and one with a flipped byte.
    let (other, of_other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    add(other.path(), 1..=60);
    backed_up(other.path(), of_other.path()).unwrap();
    let before = files(dir.path());
    let differs = archived(dir.path(), of_other.path(), true).unwrap_err();
    assert!(matches!(differs, ArchiveError::Differs { .. }), "{differs}");
    backed_up(dir.path(), backup.path()).unwrap();
    let old = files(backup.path())[1].clone();
    let mut bytes = fs::read(&old).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&old, bytes).unwrap();
    let damaged = archived(dir.path(), backup.path(), true).unwrap_err();
    assert!(matches!(damaged, ArchiveError::Copy(CopyError::Journal(OpenError::Damaged { .. }))), "{damaged}");
    assert_eq!(files(dir.path()), before);
    fs::remove_file(&files(backup.path())[0]).unwrap();
    let beheaded = archived(dir.path(), backup.path(), true).unwrap_err();
    assert!(matches!(beheaded, ArchiveError::Copy(CopyError::Beheaded(_) | CopyError::Journal(_))), "{beheaded}");
    fs::remove_file(&old).unwrap();
    let beheaded = archived(dir.path(), backup.path(), true).unwrap_err();
    assert!(matches!(beheaded, ArchiveError::Copy(CopyError::Beheaded(first)) if first > 1), "{beheaded}");
    assert_eq!(files(dir.path()), before);
}

#[test]
fn a_backup_goes_on_from_no_other_store_and_from_none_that_lacks_something() {
    let (dir, backup) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    add(dir.path(), 1..=20);
    backed_up(dir.path(), backup.path()).unwrap();
    let before = verify(backup.path()).unwrap();
    let (other, older, parted) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    add(other.path(), 1..=40);
    let foreign = backed_up(other.path(), backup.path()).unwrap_err();
    assert!(matches!(foreign, CopyError::Journal(OpenError::Foreign { .. })), "{foreign}");
    for until in [1, 10, 19] {
        let older = older.path().join(until.to_string());
        copy(dir.path(), &older, Until::Record(until), &mut |_| {}).unwrap();
        let short = backed_up(&older, backup.path()).unwrap_err();
        assert!(matches!(short, CopyError::Older { last, backup: 20 } if last == until), "{short}");
        let parted = parted.path().join(until.to_string());
        copy(dir.path(), &parted, Until::Record(until), &mut |_| {}).unwrap();
        add(&parted, 100..=140);
        let foreign = backed_up(&parted, backup.path()).unwrap_err();
        assert!(matches!(foreign, CopyError::Journal(OpenError::Foreign { .. })), "{foreign}");
    }
    add(dir.path(), 21..=60);
    let all = files(dir.path());
    for file in &all[..all.len() - 1] {
        fs::remove_file(file).unwrap();
    }
    let gap = backed_up(dir.path(), backup.path()).unwrap_err();
    assert!(matches!(gap, CopyError::Journal(OpenError::Missing { first: 21, .. })), "{gap}");
    let in_use = RealDisk.lock(&backup.path().join("lock")).unwrap();
    let twice = backed_up(dir.path(), backup.path()).unwrap_err();
    assert!(matches!(twice, CopyError::InUse(_)), "{twice}");
    drop(in_use);
    assert_eq!(verify(backup.path()).unwrap(), before, "a refusal changes nothing");
}

/// Whatever operation is the last, all records are in the store or in the backup, both are whole as far
/// as they go, and doing it all again comes to the same as doing it once.
#[test]
fn a_backup_or_an_archive_that_is_stopped_anywhere_loses_nothing_and_is_done_again() {
    for nth in 0.. {
        let (dir, backup) = (folder(), folder());
        add(dir.path(), 1..=12);
        backed_up(dir.path(), backup.path()).unwrap();
        add(dir.path(), 13..=40);
        let disk = FaultyDisk::failing(Operation::Change, nth, ErrorKind::BrokenPipe);
        let fresh = folder();
        let outcome = back_up_on(&*disk, dir.path(), fresh.path(), &mut |_| {})
            .and_then(|_| back_up_on(&*disk, dir.path(), backup.path(), &mut |_| {}))
            .map_err(ArchiveError::from)
            .and_then(|_| archive_on(&*disk, dir.path(), backup.path(), 40, true, &mut |_| {}));
        let (held, kept) = (verify(backup.path()).unwrap(), verify(dir.path()).unwrap());
        assert_eq!((held.first, kept.last), (1, 40));
        assert!(held.last + 1 >= kept.first, "between {held:?} and {kept:?} something is lost");
        assert!(matches!(compare(dir.path(), backup.path()).unwrap(), Standing::Ahead(_)));
        restored(backup.path(), held.last);
        assert_holds(dir.path(), 40);
        if kept.first == 1 {
            backed_up(dir.path(), fresh.path()).unwrap();
        }
        restored(fresh.path(), 40);
        backed_up(dir.path(), backup.path()).unwrap();
        archived(dir.path(), backup.path(), true).unwrap();
        assert_eq!(files(dir.path()).len(), 1);
        assert!(files(backup.path()).iter().rev().skip(1).all(|file| file.extension().unwrap() == "gz"));
        restored(backup.path(), 40);
        if outcome.is_ok() {
            assert!(nth > 40, "too few operations for this test: {nth}");
            return;
        }
    }
}

/// Or cut anywhere. What is left is the same, as where a byte says nothing, or is refused by the file's name.
#[test]
fn s7_a_byte_that_was_flipped_in_a_compressed_file_is_never_taken_for_what_was_there() {
    // Who restores or opens it reads it in the same way as who checks it.
    const STEP: usize = 16;
    let (dir, backup) = (folder(), folder());
    add(dir.path(), 1..=30);
    backed_up(dir.path(), backup.path()).unwrap();
    archived(dir.path(), backup.path(), true).unwrap();
    let whole = verify(backup.path()).unwrap();
    let compressed: Vec<_> = files(backup.path())
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    assert!(compressed.len() > 1);
    let mut harmless = 0;
    for file in compressed {
        let bytes = fs::read(&file).unwrap();
        let flipped = (0..bytes.len()).map(|at| {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            flipped
        });
        let cut = (0..bytes.len()).map(|at| bytes[..at].to_vec());
        for (nth, changed) in flipped.chain(cut).enumerate() {
            fs::write(&file, changed).unwrap();
            let is_named = |error: &OpenError| match error {
                OpenError::Damaged { file: named, .. } | OpenError::Io { path: named, .. } => *named == file,
                _ => false,
            };
            match verify(backup.path()) {
                Ok(verified) => {
                    assert_eq!(verified, whole, "{} at {nth}", file.display());
                    harmless += 1;
                }
                Err(error) => {
                    assert!(is_named(&error), "{error}");
                    if nth % STEP > 0 {
                        continue;
                    }
                    let to = folder();
                    let refused = copy(backup.path(), to.path(), Until::End, &mut |_| {}).unwrap_err();
                    assert!(matches!(&refused, CopyError::Journal(error) if is_named(error)), "{refused}");
                    assert!(open(backup.path()).is_err_and(|error| is_named(&error)));
                }
            }
        }
        fs::write(&file, bytes).unwrap();
    }
    assert!(harmless < 100, "{harmless}");
    restored(backup.path(), 30);
}

#[test]
fn a_file_is_compressed_only_into_one_that_holds_the_same() {
    let (dir, from) = (folder(), folder());
    add(dir.path(), 1..=24);
    backed_up(dir.path(), from.path()).unwrap();
    let plain = files(from.path()).len();
    for nth in 0..plain as u64 - 1 {
        let backup = folder();
        super::copy(from.path(), backup.path());
        let disk = FaultyDisk::with(Operation::Write, nth, Fault::Changes);
        archive_on(&*disk, dir.path(), backup.path(), 0, true, &mut |_| {}).unwrap_err();
        // The plain file that it was made of is there, and is the one that is read.
        assert_eq!(verify(backup.path()).unwrap(), verify(from.path()).unwrap());
        assert_eq!(archived(dir.path(), backup.path(), true).unwrap().compressed, plain as u64 - 1 - nth);
        restored(backup.path(), 24);
    }
}
