//! Disks that fail: whatever operation fails, and whatever the disk says, what was acknowledged is
//! there afterwards, and the laws of money hold in it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::disk::{FaultyDisk, Operation};
use super::{copy, folder, open, open_on, options};
use crate::store::embedded::archive::archive_on;
use crate::store::embedded::backup::{back_up_on, copy_on};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::frame::push_frame;
use crate::store::embedded::frames::Frames;
use crate::store::embedded::journal::{AppendError, Journal, segment_name};
use crate::store::embedded::rebuild::rebuild_on;
use crate::store::embedded::segment::{Header, marker};
use crate::store::embedded::{EmbeddedStore, OpenError, Until, back_up, released, verify};
use crate::store::tests::{commit, put};
use crate::store::{CommitError, Key, Store, WriteSet};

const COMMITS: u64 = 24;
/// A checkpoint is made after each so many commits.
const COMMITS_OF_A_CHECKPOINT: u64 = 9;
/// So that what never comes fails the test, and does not hold it for ever.
const PATIENCE: Duration = Duration::from_secs(60);
const FUNDS: i64 = COMMITS as i64 * 10;

fn account(name: &str) -> Key {
    Key::of("account").text(name)
}

fn request(number: u64) -> Key {
    Key::of("r").number(number)
}

/// Money from the payer to the shop, a line in the shop's statement, and the request, which is made
/// only once.
fn payment(number: u64) -> WriteSet {
    let mut write_set = put(request(number), &[number as u8; 200]);
    write_set.expect_absent(request(number));
    write_set.adjust(account("payer"), -10, -FUNDS, 0);
    write_set.adjust(account("shop"), 10, 0, FUNDS);
    write_set.append(Key::of("statement"), b"paid".to_vec(), vec![account("shop")]);
    write_set
}

/// Commits one after the other and gives what was acknowledged and what was refused.
fn load(store: &EmbeddedStore) -> (Vec<u64>, Vec<CommitError>) {
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for number in 0..COMMITS {
        match commit(store, payment(number)) {
            Ok(_) => acknowledged.push(number),
            Err(error) => refused.push(error),
        }
        if number % COMMITS_OF_A_CHECKPOINT == 0 {
            store.checkpoint();
        }
    }
    (acknowledged, refused)
}

fn assert_holds(store: &dyn Store, acknowledged: &[u64]) {
    let found = store.range(&Key::of("r").subtree(), usize::MAX).unwrap();
    let expected: Vec<Key> = acknowledged.iter().map(|&number| request(number)).collect();
    assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    let moved = 10 * acknowledged.len() as i64;
    let balance = |name: &str| store.counter(&account(name)).unwrap();
    assert_eq!((balance("payer"), balance("shop")), (-moved, moved), "l1, l2");
    let statement = store.range(&Key::of("statement").subtree(), usize::MAX).unwrap();
    let balances: Vec<i64> = statement.into_iter().flat_map(|(_, line)| line.captured).collect();
    assert_eq!(balances, (1..=acknowledged.len() as i64).map(|nth| 10 * nth).collect::<Vec<_>>(), "l4");
}

/// Runs the load once for each operation, letting that one fail.
fn with_each(operation: Operation, kind: ErrorKind, check: impl Fn(&[u64], &[CommitError])) {
    for nth in 0.. {
        let (dir, disk) = (folder(), FaultyDisk::failing(operation, nth, kind));
        let Ok(store) = open_on(dir.path(), disk.clone()) else {
            // It failed while the store was being made; the next attempt makes it.
            assert_holds(&*open(dir.path()).unwrap(), &[]);
            continue;
        };
        let (acknowledged, refused) = load(&store);
        assert_holds(&*store, &acknowledged);
        let crashed = folder();
        copy(dir.path(), crashed.path());
        store.close();
        drop(store);
        for dir in [&dir, &crashed] {
            let reopened = open(dir.path()).unwrap();
            assert_holds(&*reopened, &acknowledged);
            if let Some(&number) = acknowledged.last() {
                let again = commit(&*reopened, payment(number)).unwrap_err();
                assert_eq!(again, CommitError::Expectation(request(number)), "l6");
            }
            commit(&*reopened, put(Key::of("after"), b"")).unwrap();
        }
        if disk.count(operation) <= nth {
            assert_eq!((acknowledged.len() as u64, refused.len()), (COMMITS, 0));
            return;
        }
        check(&acknowledged, &refused);
    }
}

fn is_refusing(error: &CommitError) -> bool {
    matches!(error, CommitError::Refusing(_))
}

/// From the first refusal on there was nothing else.
fn refused_for_good(acknowledged: &[u64], refused: &[CommitError]) -> bool {
    refused.iter().all(is_refusing) && acknowledged.iter().copied().eq(0..acknowledged.len() as u64)
}

#[test]
fn a_full_disk_refuses_one_commit_and_goes_on_when_there_is_room() {
    for operation in [Operation::Write, Operation::Create] {
        with_each(operation, ErrorKind::StorageFull, |_, refused| assert_eq!(refused, [CommitError::Full]));
    }
}

#[test]
fn a_failed_write_refuses_everything_until_the_store_is_opened_again() {
    with_each(Operation::Write, ErrorKind::Other, |acknowledged, refused| {
        assert!(!refused.is_empty() && refused_for_good(acknowledged, refused));
    });
}

#[test]
fn a_failed_sync_refuses_everything_and_is_not_tried_again() {
    with_each(Operation::Sync, ErrorKind::Other, |acknowledged, refused| {
        assert!(!refused.is_empty() && refused_for_good(acknowledged, refused));
    });
}

#[test]
fn nothing_acknowledged_is_lost_whatever_change_of_the_disk_fails() {
    for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
        with_each(Operation::Change, kind, |acknowledged, refused| {
            let full = refused == [CommitError::Full];
            // A sync that fails for lack of room is never tried again with commits in it; where a segment
            // is only being begun, there are none, and it is begun anew.
            let expected = full && kind == ErrorKind::StorageFull || refused_for_good(acknowledged, refused);
            assert!(expected, "{kind}: {acknowledged:?}, {refused:?}");
        });
    }
}

/// Whatever the index could not take over is in the journal and in memory, and is tried again without being asked.
#[test]
fn a_checkpoint_that_finds_no_room_refuses_nobody_and_is_made_when_there_is_some() {
    for nth in 0.. {
        let (dir, disk) = (folder(), FaultyDisk::failing(Operation::SyncOther, nth, ErrorKind::StorageFull));
        let store = open_on(dir.path(), disk.clone()).unwrap();
        let (acknowledged, refused) = load(&store);
        assert_eq!((acknowledged.len() as u64, refused.len()), (COMMITS, 0));
        let begun = Instant::now();
        store.checkpoint();
        while store.health().checkpoint < COMMITS {
            assert!(begun.elapsed() < PATIENCE, "{:?}", store.health());
            thread::yield_now();
        }
        assert_eq!(store.health().refusing, None);
        assert_holds(&*store, &acknowledged);
        if disk.count(Operation::SyncOther) <= nth {
            assert!(nth > 3, "too few syncs for this test: {nth}");
            return;
        }
    }
}

#[test]
fn a_checkpoint_that_fails_for_another_reason_refuses_everything_until_the_store_is_opened_again() {
    let (dir, disk) = (folder(), FaultyDisk::failing(Operation::SyncOther, 0, ErrorKind::Other));
    let store = open_on(dir.path(), disk).unwrap();
    commit(&*store, payment(0)).unwrap();
    store.checkpoint();
    assert!(matches!(commit(&*store, payment(1)), Err(CommitError::Refusing(_))));
    store.checkpoint();
    assert!(matches!(commit(&*store, payment(1)), Err(CommitError::Refusing(_))));
    assert_holds(&*store, &[0]);
    store.close();
    let reopened = open(dir.path()).unwrap();
    assert_holds(&*reopened, &[0]);
    commit(&*reopened, payment(1)).unwrap();
}

#[test]
fn nothing_of_a_batch_that_found_no_room_is_left_in_the_journal() {
    // The first write is the header's.
    let (dir, disk) = (folder(), FaultyDisk::failing(Operation::Write, 1, ErrorKind::StorageFull));
    let mut journal = Journal::begin(disk, dir.path(), 1 << 20).unwrap();
    let (mut batch, mut position, marker) = (Vec::new(), journal.position(), marker(&journal.identity()));
    for place in 0..4 {
        position = push_frame(&mut batch, marker, &position, place, |out| out.extend([7; 100])).unwrap();
    }
    let frames = || {
        let bytes = fs::read(dir.path().join(segment_name(1))).unwrap();
        let mut frames = Frames::new(&Header::decode(&bytes).unwrap(), &bytes, true).unwrap();
        std::iter::from_fn(|| frames.next().unwrap().map(drop)).count()
    };
    assert!(matches!(journal.append(&batch, position), Err(AppendError::Full)));
    // Two of the four were whole: a process that died now must not leave what it refused.
    assert_eq!(frames(), 0);
    journal.append(&batch, position).unwrap();
    assert_eq!(frames(), 4);
}

#[test]
fn opening_syncs_what_it_found_before_anything_rests_on_it() {
    let dir = folder();
    let store = open(dir.path()).unwrap();
    commit(&*store, put(Key::of("k"), b"v")).unwrap();
    store.close();
    drop(store);
    // A process that died may have left it written and not synced.
    let disk = FaultyDisk::failing(Operation::Sync, 0, ErrorKind::Other);
    assert!(matches!(open_on(dir.path(), disk), Err(OpenError::Io { .. })));
    open(dir.path()).unwrap();
}

/// A store of payments, and a backup that lacks the last of them.
fn paid() -> TempDir {
    let root = folder();
    let (dir, backup) = (root.path().join("store"), root.path().join("backup"));
    for (numbers, is_backed_up) in [(0..COMMITS / 2, true), (COMMITS / 2..COMMITS, false)] {
        let store = open(&dir).unwrap();
        numbers.for_each(|number| drop(commit(&*store, payment(number)).unwrap()));
        store.close();
        if is_backed_up {
            back_up(&dir, &backup, &mut |_| {}).unwrap();
        }
    }
    assert_eq!(released(&options(&dir)).unwrap(), Some(COMMITS));
    root
}

/// The laws hold in a store that was opened, and it takes no payment twice.
fn assert_lawful(dir: &Path, payments: u64) {
    let store = open(dir).unwrap();
    assert_holds(&*store, &(0..payments).collect::<Vec<_>>());
    if let Some(newest) = payments.checked_sub(1) {
        let again = commit(&*store, payment(newest)).unwrap_err();
        assert_eq!(again, CommitError::Expectation(request(newest)), "l6");
    }
    store.close();
}

/// Lets each change of the disk fail in turn while `run` works on a copy of the store and its backup, and has it done
/// again. `check` is told whether it was done, before and after.
fn with_each_failing(run: impl Fn(&Arc<FaultyDisk>, &Path) -> bool, check: impl Fn(&Path, bool)) {
    let from = paid();
    for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
        for nth in 0.. {
            let (root, disk) = (folder(), FaultyDisk::failing(Operation::Change, nth, kind));
            copy(from.path(), root.path());
            let done = run(&disk, root.path());
            check(root.path(), done);
            if disk.count(Operation::Change) <= nth {
                assert!(done && nth > 5, "too few changes for this test: {nth}");
                break;
            }
            assert!(run(&Arc::new(FaultyDisk::default()), root.path()), "{kind} at {nth}: it is not done again");
            check(root.path(), true);
        }
    }
}

#[test]
fn the_laws_hold_whatever_change_of_the_disk_fails_while_a_store_is_backed_up_and_archived() {
    let run = |disk: &Arc<FaultyDisk>, root: &Path| {
        let [dir, fresh, backup] = ["store", "fresh", "backup"].map(|name| root.join(name));
        let is_whole = verify(&dir).unwrap().first == 1;
        (!is_whole || back_up_on(&**disk, &dir, &fresh, &mut |_| {}).is_ok())
            && back_up_on(&**disk, &dir, &backup, &mut |_| {}).is_ok()
            && archive_on(&**disk, &dir, &backup, COMMITS, true, &mut |_| {}).is_ok()
    };
    with_each_failing(run, |root, done| {
        let (dir, backup) = (root.join("store"), root.join("backup"));
        let (held, rest) = (verify(&backup).unwrap(), verify(&dir).unwrap());
        assert_eq!((held.first, rest.last), (1, COMMITS));
        assert!(held.last + 1 >= rest.first && (held.last == COMMITS || !done));
        assert_lawful(&dir, COMMITS);
        let restored = folder();
        copy_on(&RealDisk, &backup, restored.path(), Until::End, &mut |_| {}).unwrap();
        assert_lawful(restored.path(), held.last);
    });
}

#[test]
fn the_laws_hold_whatever_change_of_the_disk_fails_while_a_store_is_restored() {
    let run = |disk: &Arc<FaultyDisk>, root: &Path| {
        let to = root.join("new/store");
        // As somebody does who reads that it was not finished.
        let _ = fs::remove_dir_all(&to);
        copy_on(&**disk, &root.join("store"), &to, Until::End, &mut |_| {}).is_ok()
    };
    with_each_failing(run, |root, done| {
        assert_lawful(&root.join("store"), COMMITS);
        let to = root.join("new/store");
        let holds_something = fs::read_dir(&to).is_ok_and(|mut names| names.next().is_some());
        if to.join("journal").exists() {
            assert_lawful(&to, COMMITS);
        } else if holds_something {
            assert!(!done && matches!(open(&to), Err(OpenError::Unfinished { .. })));
        }
    });
}

#[test]
fn the_laws_hold_whatever_change_of_the_disk_fails_while_an_index_is_made_anew() {
    let run = |disk: &Arc<FaultyDisk>, root: &Path| {
        rebuild_on(disk.clone(), options(&root.join("store")), &mut |_| {}).is_ok()
    };
    with_each_failing(run, |root, _| assert_lawful(&root.join("store"), COMMITS));
}
