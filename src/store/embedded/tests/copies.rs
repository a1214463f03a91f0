//! Backups, restores, and the index made anew.

use std::fs;
use std::sync::Arc;
use std::thread;

use tempfile::TempDir;

use super::{open, options};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::{
    CopyError, EmbeddedStore, OpenError, Options, Standing, Until, compare, copy, rebuild, verify,
};
use crate::store::tests::{commit, put};
use crate::store::{Key, Store};

const COMMITS: u64 = 30;

fn filled() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    for number in 1..=COMMITS {
        commit(&*store, put(Key::of("r").number(number), &[number as u8; 150])).unwrap();
    }
    store.close();
    dir
}

fn found(store: &dyn Store) -> Vec<u64> {
    let found = store.range(&Key::of("r").subtree(), usize::MAX).unwrap();
    found.into_iter().map(|(_, record)| record.version).collect()
}

#[test]
fn a_backup_made_while_commits_go_on_opens_by_itself_and_holds_all_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    let writers: Vec<_> = (0..3_u64)
        .map(|writer| {
            let store = store.clone();
            thread::spawn(move || {
                for number in 0..150_u64 {
                    commit(&*store, put(Key::of("r").number(number).number(writer), &[7; 200])).unwrap();
                }
            })
        })
        .collect();
    let mut backups = 0;
    while backups == 0 || !writers.iter().all(|writer| writer.is_finished()) {
        let acknowledged = store.health().sequence;
        let (holder, mut shown) = (TempDir::new().unwrap(), Vec::new());
        let to = holder.path().join("backup");
        let copied = copy(dir.path(), &to, Until::End, &mut |progress| shown.push(progress)).unwrap();
        assert!(copied.last >= acknowledged);
        assert!(shown.last().is_none_or(|progress| progress.done == progress.total));
        let opened = open(&to).unwrap();
        assert_eq!(found(&*opened).len() as u64, copied.last);
        assert!(matches!(compare(dir.path(), &to).unwrap(), Standing::Ahead(_)));
        backups += 1;
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn a_backup_is_restored_up_to_any_record_and_goes_on_from_there() {
    let dir = filled();
    for until in 1..=COMMITS {
        let restored = TempDir::new().unwrap();
        let copied = copy(dir.path(), restored.path(), Until::Record(until), &mut |_| {}).unwrap();
        assert_eq!((copied.first, copied.last, copied.records), (1, until, until));
        assert_eq!(verify(restored.path()).unwrap(), copied);
        assert_eq!(found(&*open(restored.path()).unwrap()), (1..=until).collect::<Vec<_>>());
        let standing = compare(restored.path(), dir.path()).unwrap();
        let lacks = COMMITS - until;
        assert_eq!(standing, if lacks > 0 { Standing::Behind(lacks) } else { Standing::Ahead(0) });
        let store = open(restored.path()).unwrap();
        assert_eq!(commit(&*store, put(Key::of("other"), b"way")).unwrap().sequence, until + 1);
        let expected = if lacks > 0 { Standing::Parted } else { Standing::Ahead(1) };
        assert_eq!(compare(restored.path(), dir.path()).unwrap(), expected);
    }
}

#[test]
fn a_backup_is_restored_up_to_a_moment() {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1000)));
    let options = Options { clock: clock.clone(), ..options(dir.path()) };
    let store = EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap();
    for number in 1..=COMMITS {
        clock.set(Timestamp::from_seconds(1000 + 10 * number as i64));
        commit(&*store, put(Key::of("r").number(number), &[7; 150])).unwrap();
    }
    store.close();
    assert_eq!(verify(dir.path()).unwrap().time, Some(clock.now()));
    for until in 1..=COMMITS {
        // At the moment itself, and just before the next commit.
        for microseconds in [0, 9_999_999] {
            let moment = Timestamp::from_micros((1000 + 10 * until as i64) * 1_000_000 + microseconds);
            let restored = TempDir::new().unwrap();
            let copied = copy(dir.path(), restored.path(), Until::Time(moment), &mut |_| {}).unwrap();
            assert_eq!((copied.first, copied.last, copied.records), (1, until, until));
            assert_eq!(verify(restored.path()).unwrap(), copied);
            assert_eq!(found(&*open(restored.path()).unwrap()), (1..=until).collect::<Vec<_>>());
        }
    }
    let before = Until::Time(Timestamp::from_seconds(1009));
    let nothing = copy(dir.path(), TempDir::new().unwrap().path(), before, &mut |_| {}).unwrap_err();
    assert!(matches!(nothing, CopyError::Later), "{nothing}");
}

#[test]
fn a_copy_is_not_made_over_anything_nor_of_what_is_not_whole() {
    let dir = filled();
    let to = TempDir::new().unwrap();
    let short = copy(dir.path(), to.path(), Until::Record(COMMITS + 1), &mut |_| {}).unwrap_err();
    assert!(matches!(short, CopyError::Short { last: COMMITS, until } if until == COMMITS + 1), "{short}");
    assert!(!to.path().join("journal").exists(), "half a copy must not pass for a backup");
    let occupied = copy(dir.path(), to.path(), Until::End, &mut |_| {}).unwrap_err();
    assert!(matches!(occupied, CopyError::Occupied(_)), "{occupied}");
    let mut segments: Vec<_> =
        fs::read_dir(dir.path().join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let mut bytes = fs::read(&segments[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segments[1], bytes).unwrap();
    let to = TempDir::new().unwrap();
    let damaged = copy(dir.path(), to.path(), Until::End, &mut |_| {}).unwrap_err();
    assert!(matches!(damaged, CopyError::Journal(OpenError::Damaged { .. })), "{damaged}");
    fs::remove_file(&segments[0]).unwrap();
    fs::remove_file(&segments[1]).unwrap();
    let to = TempDir::new().unwrap();
    assert!(
        matches!(copy(dir.path(), to.path(), Until::End, &mut |_| {}), Err(CopyError::Beheaded(first)) if first > 1)
    );
}

#[test]
fn a_rebuilt_index_holds_what_the_journal_says_whatever_the_old_one_said() {
    let dir = filled();
    let store = open(dir.path()).unwrap();
    let locked = rebuild(options(dir.path()), &mut |_| {}).unwrap_err();
    assert!(matches!(locked, OpenError::Locked { .. }), "{locked}");
    store.close();
    let mut shown = 0;
    assert_eq!(rebuild(options(dir.path()), &mut |_| shown += 1).unwrap(), COMMITS);
    assert!(shown > 1);
    assert_eq!(found(&*open(dir.path()).unwrap()), (1..=COMMITS).collect::<Vec<_>>());
    assert!(!dir.path().join("index.before").exists());
}

#[test]
fn an_index_that_knows_more_than_the_journal_is_not_thrown_away() {
    let dir = filled();
    let older = TempDir::new().unwrap();
    copy(dir.path(), older.path(), Until::Record(10), &mut |_| {}).unwrap();
    super::copy(&dir.path().join("index"), &older.path().join("index"));
    let behind = rebuild(options(older.path()), &mut |_| {}).unwrap_err();
    assert!(matches!(behind, OpenError::Behind { journal: 10, index: COMMITS, .. }), "{behind}");
    assert!(older.path().join("index").exists());
}

/// Old files are moved away once a backup covers them, which most likely ends where a file does.
#[test]
fn a_store_whose_files_up_to_the_end_of_the_backup_were_moved_away_is_ahead_of_it() {
    let (dir, other) = (filled(), filled());
    let mut files: Vec<_> =
        fs::read_dir(dir.path().join("journal")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let first_of = |file: &std::path::Path| file.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    assert!(files.len() > 3, "too few files for this test: {files:?}");
    for pair in files.windows(2) {
        let end = first_of(&pair[1]) - 1;
        let (of_this, of_other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        copy(other.path(), of_other.path(), Until::Record(end), &mut |_| {}).unwrap();
        let backup = TempDir::new().unwrap();
        if first_of(&pair[0]) == 1 {
            copy(dir.path(), of_this.path(), Until::Record(end), &mut |_| {}).unwrap();
            copy(dir.path(), backup.path(), Until::Record(end - 1), &mut |_| {}).unwrap();
            fs::remove_file(&pair[0]).unwrap();
            assert_eq!(compare(dir.path(), of_this.path()).unwrap(), Standing::Ahead(COMMITS - end));
            let lacks = compare(dir.path(), backup.path()).unwrap_err();
            assert!(matches!(lacks, OpenError::Missing { first, .. } if first == end), "{lacks}");
        } else {
            fs::remove_file(&pair[0]).unwrap();
        }
        assert_eq!(compare(dir.path(), of_other.path()).unwrap(), Standing::Parted);
    }
}

#[test]
fn an_index_of_another_way_of_the_same_journal_is_not_taken() {
    let (dir, other) = (filled(), TempDir::new().unwrap());
    copy(dir.path(), other.path(), Until::Record(COMMITS - 1), &mut |_| {}).unwrap();
    let store = open(other.path()).unwrap();
    commit(&*store, put(Key::of("other"), b"way")).unwrap();
    store.close();
    // As many records, of which the last is another one.
    fs::remove_dir_all(other.path().join("index")).unwrap();
    super::copy(&dir.path().join("index"), &other.path().join("index"));
    let error = open(other.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}
