//! A commit that is held in the middle of its write or its sync: who sees and hears of it, and what becomes of it
//! and of the next.

use std::io::ErrorKind;
use std::sync::Arc;

use futures_util::FutureExt;
use tempfile::TempDir;

use super::disk::{Fault, FaultyDisk, Operation};
use super::{copy, folder, open, open_on};
use crate::store::embedded::EmbeddedStore;
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

/// What the first commit does: a record and money, where there were none.
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

/// What may come second.
#[derive(Clone)]
struct Second {
    write_set: WriteSet,
    /// What becomes of it after the first.
    after: Result<(), CommitError>,
    /// And where that failed without a trace.
    alone: Result<(), CommitError>,
}

fn seconds() -> Vec<Second> {
    let broke = |value, delta| Err(CommitError::Bound { counter: balance(), value, delta });
    let other = || Err(CommitError::Expectation(record()));
    vec![
        Second { write_set: expecting(1), after: Ok(()), alone: other() },
        Second { write_set: expecting_none(), after: other(), alone: Ok(()) },
        Second { write_set: paid(-10), after: Ok(()), alone: broke(0, -10) },
        Second { write_set: paid(-11), after: broke(10, -11), alone: broke(0, -11) },
    ]
}

type Outcome = Result<Committed, CommitError>;

/// A store in the middle of its first commit, which is held at the disk, with a second one that waits.
struct Held {
    dir: TempDir,
    disk: Arc<FaultyDisk>,
    store: Arc<EmbeddedStore>,
    commits: Vec<Pending>,
}

impl Held {
    fn begin(operation: Operation, fault: Fault, second: WriteSet) -> Self {
        let (dir, disk) = (folder(), Arc::new(FaultyDisk::default()));
        let store = open_on(dir.path(), disk.clone()).unwrap();
        disk.hold_next(operation, fault);
        let first = store.commit(first());
        disk.wait_until_held();
        let second = store.commit(second);
        Self { dir, disk, store, commits: vec![first, second] }
    }

    /// Nothing of it can be seen, and nobody has been answered.
    fn assert_hidden(&mut self) {
        assert_state(&*self.store, None, 0);
        assert_eq!((self.store.health().sequence, self.store.health().waiting), (0, 1));
        assert!(self.commits.iter_mut().all(|commit| commit.now_or_never().is_none()));
    }

    /// Lets the disk go on and gives what becomes of both.
    fn end(&mut self) -> [Outcome; 2] {
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
fn nobody_sees_or_hears_of_a_commit_before_it_is_synced() {
    for Second { write_set, after, .. } in seconds() {
        for operation in [Operation::Write, Operation::Sync] {
            let mut held = Held::begin(operation, Fault::None, write_set.clone());
            held.assert_hidden();
            // A checkpoint moves nothing that is not durable.
            held.store.checkpoint();
            assert_eq!(held.store.health().checkpoint, 0);
            held.assert_hidden();
            let [first, second] = held.end();
            assert_eq!(first.map(|committed| committed.sequence), Ok(1));
            assert_eq!(second.map(drop), after);
        }
    }
}

#[test]
fn after_a_failed_sync_or_write_everything_is_refused_for_good() {
    for Second { write_set, .. } in seconds() {
        for (operation, kind) in [
            (Operation::Sync, ErrorKind::Other),
            (Operation::Sync, ErrorKind::StorageFull),
            (Operation::Write, ErrorKind::Other),
        ] {
            let mut held = Held::begin(operation, Fault::Fails(kind), write_set.clone());
            let outcomes = held.end();
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(CommitError::Refusing(_)))), "{outcomes:?}");
            let Held { dir, store, .. } = held;
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
fn a_commit_that_found_no_room_leaves_nothing_that_the_next_rests_on() {
    for Second { write_set, alone, .. } in seconds() {
        let mut held = Held::begin(Operation::Write, Fault::Fails(ErrorKind::StorageFull), write_set);
        let [first_outcome, second] = held.end();
        assert_eq!(first_outcome, Err(CommitError::Full));
        let sequence = second.as_ref().map_or(0, |committed| committed.sequence);
        assert_eq!((second.map(drop), sequence), (alone.clone(), u64::from(alone.is_ok())));
        let Held { dir, store, .. } = held;
        assert_eq!(store.counter(&balance()), Ok(0));
        commit(&*store, paid(10)).unwrap();
        store.close();
        assert_eq!(open(dir.path()).unwrap().counter(&balance()), Ok(10));
    }
}

#[test]
fn nothing_is_committed_any_more_when_the_committer_dies_and_nobody_waits_for_it() {
    for operation in [Operation::Write, Operation::Sync] {
        let mut held = Held::begin(operation, Fault::Panics, paid(1));
        let outcomes = held.end();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(CommitError::Refusing(_)))), "{outcomes:?}");
        let store = &held.store;
        assert!(matches!(commit(&**store, paid(1)), Err(CommitError::Refusing(_))));
        assert_state(&**store, None, 0);
        store.close();
    }
}

#[test]
fn a_batch_that_cannot_be_checked_is_refused_as_a_whole_and_leaves_nothing_behind() {
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
    // These two are one batch, of which the one could be checked.
    let others = [store.commit(paid(5)), store.commit(unreadable())];
    disk.let_go();
    assert_eq!(wait(first).map(drop), Ok(()));
    assert_eq!(others.map(wait), [Err(CommitError::Full), Err(CommitError::Full)]);
    commit(&*store, paid(-10)).unwrap();
    assert_eq!(store.counter(&balance()), Ok(0));
}
