//! How many commits, and how much of them, may wait for the committer.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::barrier::Barrier;
use super::{folder, options};
use crate::clock::{Clock, Timestamp};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::queue::Queue;
use crate::store::embedded::{EmbeddedStore, Options};
use crate::store::tests::{put, wait};
use crate::store::{CommitError, Key, Read, Store, WriteSet};

/// Holds whoever asks for the time, while its barrier is shut: the committer, with what it has taken.
#[derive(Debug, Default)]
struct GatedClock(Barrier);

impl Clock for GatedClock {
    fn now(&self) -> Timestamp {
        self.0.pass();
        Timestamp::from_seconds(1)
    }
}

/// Opens the barrier also when a test fails, or the store could not be closed.
struct Opened<'a>(&'a Barrier);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

fn record(number: u64) -> WriteSet {
    put(Key::of("k").number(number), &[1; 100])
}

/// Commits while the committer has its hands full: how many may wait, and that all of those are committed
/// and none of the others.
fn assert_waiting(options: Options, clock: &GatedClock, waiting: u64) {
    let store = EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap();
    let _opened = Opened(&clock.0);
    // Twice, for what was taken makes room again.
    for round in [0, 100] {
        clock.0.shut();
        let mut accepted = vec![store.commit(record(round))];
        clock.0.wait_for_somebody();
        accepted.extend((1..=waiting).map(|number| store.commit(record(round + number))));
        assert_eq!(store.health().waiting, waiting);
        for number in waiting + 1..waiting + 4 {
            let refused = store.commit(record(round + number)).now_or_never();
            assert_eq!(refused, Some(Err(CommitError::Busy)), "at once");
        }
        assert!(accepted.iter_mut().all(|answer| answer.now_or_never().is_none()), "nothing is committed yet");
        clock.0.open();
        accepted.into_iter().for_each(|answer| drop(wait(answer).unwrap()));
        let found = store.range(&Key::of("k").subtree(), usize::MAX).unwrap();
        let rounds = if round == 0 { 1 } else { 2 };
        assert_eq!(found.len() as u64, rounds * (waiting + 1));
    }
}

#[test]
fn d6_no_more_commits_wait_than_the_store_was_told() {
    let (dir, clock) = (folder(), Arc::new(GatedClock::default()));
    let options = Options { waiting_max: 3, clock: clock.clone(), ..options(dir.path()) };
    assert_waiting(options, &clock, 3);
}

#[test]
fn d6_no_more_bytes_wait_than_may_be_in_memory() {
    let (dir, clock) = (folder(), Arc::new(GatedClock::default()));
    let memory_bytes_max = 5 * record(0).bytes() as u64;
    let options = Options { memory_bytes_max, clock: clock.clone(), ..options(dir.path()) };
    assert_waiting(options, &clock, 5);
}

#[test]
fn what_was_taken_makes_room_and_nothing_is_let_in_after_the_end() {
    let queue = Queue::new(2, 100);
    for _ in 0..2 {
        let _first = queue.push(record(1), 50).unwrap();
        let _second = queue.push(record(2), 50).unwrap();
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.take().map(|waiting| waiting.len()), Some(2));
    }
    let _last = queue.push(record(3), 100).unwrap();
    queue.close();
    assert!(matches!(queue.push(record(4), 0), Err(CommitError::Refusing(_))));
    assert_eq!(queue.take().map(|waiting| waiting.len()), Some(1), "what waits is still taken");
    assert!(queue.take().is_none());
}
