//! One batch is checked while the one before it is written and synced: what it sees of that, what nobody else
//! sees of either, and what becomes of it when the one before fails.

use std::io::ErrorKind;
use std::sync::{Arc, mpsc};
use std::thread::{self, yield_now};
use std::time::Duration;

use futures_util::FutureExt;
use tempfile::TempDir;

use super::disk::{Fault, FaultyDisk, Operation};
use super::{copy, folder, open, open_on};
use crate::store::embedded::EmbeddedStore;
use crate::store::embedded::queue::Queue;
use crate::store::tests::{commit, put, wait};
use crate::store::{CommitError, Committed, Key, Pending, Read, Store, WriteSet};

fn record() -> Key {
    Key::of("h").text("record")
}

fn balance() -> Key {
    Key::of("balance")
}

fn paid(amount: i64) -> WriteSet {
    let mut write_set = WriteSet::new();
    write_set.adjust(balance(), amount, 0, i64::MAX);
    write_set
}

/// What the first batch does: a record and money, where there were none.
fn first() -> WriteSet {
    let mut write_set = paid(10);
    write_set.expect_absent(record());
    write_set.put(record(), b"first".to_vec());
    write_set.append(Key::of("log"), Vec::new(), vec![balance()]);
    write_set
}

fn expecting(version: u64) -> WriteSet {
    let mut write_set = put(record(), b"second");
    write_set.expect_version(record(), version);
    write_set
}

fn expecting_none() -> WriteSet {
    let mut write_set = put(record(), b"second");
    write_set.expect_absent(record());
    write_set
}

/// What may come second, and what becomes of it when the first is durable: it rests on that either way.
fn seconds() -> Vec<(WriteSet, Result<(), CommitError>)> {
    let broke = CommitError::Bound { counter: balance(), value: 10, delta: -11 };
    vec![
        (expecting(1), Ok(())),
        (expecting_none(), Err(CommitError::Expectation(record()))),
        (paid(-10), Ok(())),
        (paid(-11), Err(broke)),
    ]
}

/// Longer than anything takes that is not stuck.
const PATIENCE: Duration = Duration::from_secs(60);

type Outcome = Result<Committed, CommitError>;

/// A store in the middle of its first commit, which waits for the disk, with a second one that was taken to be
/// checked meanwhile and a third one that waits for that.
struct Overlapping {
    dir: TempDir,
    disk: Arc<FaultyDisk>,
    store: Arc<EmbeddedStore>,
    commits: Vec<Pending>,
}

impl Overlapping {
    fn begin(operation: Operation, fault: Fault, second: WriteSet, third: WriteSet) -> Self {
        let (dir, disk) = (folder(), Arc::new(FaultyDisk::default()));
        let store = open_on(dir.path(), disk.clone()).unwrap();
        disk.hold_next(operation, fault);
        let mut commits = vec![store.commit(first())];
        disk.wait_until_held();
        commits.push(store.commit(second));
        while store.health().waiting > 0 {
            yield_now();
        }
        commits.push(store.commit(third));
        Self { dir, disk, store, commits }
    }

    /// Nothing of it can be seen, and nobody has been answered.
    fn assert_hidden(&mut self) {
        assert_state(&*self.store, None, 0);
        assert_eq!((self.store.health().sequence, self.store.health().waiting), (0, 1));
        assert!(self.commits.iter_mut().all(|commit| commit.now_or_never().is_none()));
    }

    /// Lets the disk go on and gives what becomes of the three.
    fn end(&mut self) -> [Outcome; 3] {
        self.disk.let_go();
        self.commits.drain(..).map(wait).collect::<Vec<_>>().try_into().unwrap()
    }
}

fn assert_state(store: &dyn Store, expected: Option<&[u8]>, money: i64) {
    let found = store.record(&record()).unwrap();
    assert_eq!(found.as_ref().map(|record| record.value.as_ref()), expected);
    assert_eq!(store.range(&record().subtree(), 2).unwrap().len(), found.iter().count());
    assert_eq!(store.counter(&balance()), Ok(money));
    let log = store.range(&Key::of("log").subtree(), 2).unwrap();
    assert_eq!((log.len(), store.counter(&Key::of("log"))), (found.iter().count(), Ok(log.len() as i64)));
}

#[test]
fn a_batch_is_checked_on_top_of_the_one_that_is_synced_and_nobody_sees_or_hears_of_either() {
    for (second, expected) in seconds() {
        for operation in [Operation::Write, Operation::Sync] {
            let mut overlapping = Overlapping::begin(operation, Fault::None, second.clone(), paid(1));
            overlapping.assert_hidden();
            // A checkpoint moves nothing that is not durable.
            overlapping.store.checkpoint();
            assert_eq!(overlapping.store.health().checkpoint, 0);
            overlapping.assert_hidden();
            let [first, second, third] = overlapping.end();
            assert_eq!(first.map(|committed| committed.sequence), Ok(1));
            assert_eq!(second.map(drop), expected);
            assert!(third.is_ok());
        }
    }
}

#[test]
fn what_was_checked_on_top_of_a_failed_sync_or_write_is_refused_for_good() {
    for (second, _) in seconds() {
        for (operation, kind) in [
            (Operation::Sync, ErrorKind::Other),
            (Operation::Sync, ErrorKind::StorageFull),
            (Operation::Write, ErrorKind::Other),
        ] {
            let mut overlapping = Overlapping::begin(operation, Fault::Fails(kind), second.clone(), paid(1));
            let outcomes = overlapping.end();
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(CommitError::Refusing(_)))), "{outcomes:?}");
            let Overlapping { dir, store, .. } = overlapping;
            assert_state(&*store, None, 0);
            assert!(store.health().refusing.is_some());
            let crashed = folder();
            copy(dir.path(), crashed.path());
            store.close();
            for dir in [dir, crashed] {
                let reopened = open(dir.path()).unwrap();
                assert_state(&*reopened, None, 0);
                commit(&*reopened, first()).unwrap();
            }
        }
    }
}

#[test]
fn what_was_checked_on_top_of_a_batch_that_found_no_room_finds_none_and_the_next_rests_on_what_is_there() {
    for (second, _) in seconds() {
        let fault = Fault::Fails(ErrorKind::StorageFull);
        let mut third = paid(1);
        third.expect_absent(record());
        let mut overlapping = Overlapping::begin(Operation::Write, fault, second, third);
        let [first_outcome, second_outcome, third] = overlapping.end();
        assert_eq!((first_outcome, second_outcome), (Err(CommitError::Full), Err(CommitError::Full)));
        assert_eq!(third.map(|committed| committed.sequence), Ok(1));
        let Overlapping { dir, store, .. } = overlapping;
        assert_state(&*store, None, 1);
        commit(&*store, first()).unwrap();
        store.close();
        assert_state(&*open(dir.path()).unwrap(), Some(b"first"), 11);
    }
}

#[test]
fn nothing_is_committed_any_more_when_a_committer_dies_and_nobody_waits_for_it() {
    for operation in [Operation::Write, Operation::Sync] {
        let mut overlapping = Overlapping::begin(operation, Fault::Panics, paid(1), paid(1));
        let outcomes = overlapping.end();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(CommitError::Refusing(_)))), "{outcomes:?}");
        let store = &overlapping.store;
        assert!(matches!(commit(&**store, paid(1)), Err(CommitError::Refusing(_))));
        assert_state(&**store, None, 0);
        store.close();
    }
}

#[test]
fn a_batch_that_cannot_be_checked_waits_for_the_one_before_it_and_takes_nothing_of_it_away() {
    let unreadable = || {
        let mut write_set = WriteSet::new();
        write_set.expect_absent(Key::of("h").text("not in memory"));
        write_set
    };
    let (dir, disk) = (folder(), Arc::new(FaultyDisk::default()));
    let store = open_on(dir.path(), disk.clone()).unwrap();
    disk.hold_next(Operation::Sync, Fault::None);
    let first = store.commit(first());
    disk.wait_until_held();
    // Now only memory can be read.
    store.shared.index.close();
    let mut second = store.commit(unreadable());
    while store.health().waiting > 0 {
        yield_now();
    }
    // These two are one batch, of which the one could be checked.
    let others = [store.commit(paid(5)), store.commit(unreadable())];
    assert!((&mut second).now_or_never().is_none());
    disk.let_go();
    assert_eq!((wait(first).map(drop), wait(second)), (Ok(()), Err(CommitError::Full)));
    assert_eq!(others.map(wait), [Err(CommitError::Full), Err(CommitError::Full)]);
    commit(&*store, paid(-10)).unwrap();
    assert_eq!(store.counter(&balance()), Ok(0));
}

#[test]
fn who_sleeps_while_another_has_the_turn_is_woken_when_it_is_passed_on() {
    for _ in 0..200 {
        let queue = Queue::new(2, 100);
        let _first = queue.push(paid(1), 16).unwrap();
        let (turn, _) = queue.take().unwrap();
        let _second = queue.push(paid(1), 16).unwrap();
        thread::scope(|scope| {
            let (woken, wakes) = mpsc::channel();
            let queue = &queue;
            scope.spawn(move || woken.send(queue.take().is_some()).unwrap());
            yield_now();
            drop(turn);
            let woken = wakes.recv_timeout(PATIENCE);
            queue.close();
            assert_eq!(woken, Ok(true));
        });
    }
}

#[test]
fn little_is_not_checked_ahead_but_waits_for_more_or_for_the_one_who_is_busy() {
    let queue = Queue::new(8, 100);
    let push = |bytes| queue.push(paid(1), bytes).map(drop).unwrap();
    let take = || queue.take().unwrap().1.len();
    // One alone is taken at once.
    push(1);
    assert_eq!(take(), 1);
    thread::scope(|scope| {
        let other = scope.spawn(take);
        (0..4).for_each(|_| push(4));
        assert_eq!(other.join().unwrap(), 4);
    });
    push(1);
    queue.done();
    queue.done();
    assert_eq!(take(), 1);
}
