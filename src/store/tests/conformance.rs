//! The semantics, one by one.

use std::sync::Arc;
use std::thread;

use super::{Disturbance, Engine, commit, put};
use crate::store::memory::MemoryStore;
use crate::store::{CommitError, Key, Store, WriteSet};

struct Memory(Arc<MemoryStore>);

impl Engine for Memory {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    fn disturb(&mut self, _: Disturbance) {}
}

/// Runs each check on an engine of its own.
macro_rules! conformance {
    ($($check:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(#[test] fn $check() { super::$check(&mut Memory(Arc::new(MemoryStore::new()))); })*
        }

        mod embedded {
            use crate::store::embedded::tests::Embedded;
            $(#[test] fn $check() { super::$check(&mut Embedded::new()); })*
        }
    };
}

conformance!(
    a_write_set_is_committed_whole_or_not_at_all,
    an_expectation_is_checked_against_the_newest_version,
    a_change_sees_the_one_before_it_in_the_same_write_set,
    captures_hold_the_counters_after_the_whole_write_set,
    a_log_is_numbered_from_one_without_gaps,
    a_range_is_in_order_and_can_be_paged,
    a_range_hides_what_was_deleted_wherever_it_lies,
    l2_no_counter_is_ever_outside_its_bounds,
    large_values_come_back_whole,
);

const UNBOUNDED: (i64, i64) = (i64::MIN, i64::MAX);

fn key(number: u64) -> Key {
    Key::of("k").number(number)
}

fn moving(counter: &Key, delta: i64, floor: i64, ceiling: i64) -> WriteSet {
    let mut write_set = WriteSet::new();
    write_set.adjust(counter.clone(), delta, floor, ceiling);
    write_set
}

fn a_write_set_is_committed_whole_or_not_at_all(engine: &mut dyn Engine) {
    let store = engine.store();
    let counter = Key::of("c");
    let mut write_set = put(key(1), b"one");
    write_set.adjust(counter.clone(), -1, 0, 10);
    let refused = commit(&*store, write_set).unwrap_err();
    assert_eq!(refused, CommitError::Bound { counter: counter.clone(), value: 0, delta: -1 });
    assert_eq!(store.record(&key(1)), Ok(None));

    let mut write_set = put(key(1), b"one");
    write_set.adjust(counter.clone(), 10, 0, 10);
    let committed = commit(&*store, write_set).unwrap();
    assert_eq!(committed.sequence, 1, "what was refused has no sequence number");
    assert_eq!(store.record(&key(1)).unwrap().unwrap().version, 1);
    assert_eq!(store.counter(&counter), Ok(10));
    assert_eq!(store.health().sequence, 1);
}

fn an_expectation_is_checked_against_the_newest_version(engine: &mut dyn Engine) {
    let expecting = |version: Option<u64>| {
        let mut write_set = put(key(1), b"new");
        match version {
            None => write_set.expect_absent(key(1)),
            Some(version) => write_set.expect_version(key(1), version),
        }
        write_set
    };
    let failed = Err(CommitError::Expectation(key(1)));
    assert_eq!(commit(&*engine.store(), expecting(Some(1))), failed);
    let first = commit(&*engine.store(), expecting(None)).unwrap().sequence;
    for how in [Disturbance::Checkpoint, Disturbance::Reopen] {
        assert_eq!(commit(&*engine.store(), expecting(None)), failed);
        engine.disturb(how);
    }
    let second = commit(&*engine.store(), expecting(Some(first))).unwrap().sequence;
    assert_eq!(commit(&*engine.store(), expecting(Some(first))), failed);
    assert!(second > first);
    let mut write_set = WriteSet::new();
    write_set.delete(key(1));
    commit(&*engine.store(), write_set).unwrap();
    assert_eq!(commit(&*engine.store(), expecting(Some(second))), failed);
    commit(&*engine.store(), expecting(None)).unwrap();
}

fn a_change_sees_the_one_before_it_in_the_same_write_set(engine: &mut dyn Engine) {
    let store = engine.store();
    let mut write_set = put(key(1), b"first");
    write_set.put(key(1), b"second".to_vec());
    write_set.put(key(2), b"third".to_vec());
    write_set.delete(key(2));
    commit(&*store, write_set).unwrap();
    assert_eq!(store.record(&key(1)).unwrap().unwrap().value.as_ref(), b"second");
    assert_eq!(store.record(&key(2)), Ok(None));
}

fn captures_hold_the_counters_after_the_whole_write_set(engine: &mut dyn Engine) {
    let (counter, log) = (Key::of("c"), Key::of("log"));
    let mut write_set = WriteSet::new();
    write_set.put_capturing(key(1), b"v".to_vec(), vec![counter.clone(), log.clone(), Key::of("never")]);
    write_set.delete(key(2));
    write_set.append(log.clone(), b"a".to_vec(), vec![counter.clone()]);
    write_set.append(log.clone(), b"b".to_vec(), vec![]);
    write_set.adjust(counter.clone(), 7, UNBOUNDED.0, UNBOUNDED.1);
    write_set.adjust(counter.clone(), -2, UNBOUNDED.0, UNBOUNDED.1);
    let committed = commit(&*engine.store(), write_set).unwrap();
    assert_eq!(committed.captured, vec![vec![5, 2, 0], vec![], vec![5], vec![]]);
    assert_eq!(committed.appended, vec![log.clone().number(1), log.clone().number(2)]);
    for how in [Disturbance::Reopen, Disturbance::Checkpoint, Disturbance::LoseIndex] {
        engine.disturb(how);
        assert_eq!(engine.store().record(&key(1)).unwrap().unwrap().captured, vec![5, 2, 0]);
        assert_eq!(engine.store().record(&log.clone().number(1)).unwrap().unwrap().captured, vec![5]);
    }
}

fn a_log_is_numbered_from_one_without_gaps(engine: &mut dyn Engine) {
    let log = Key::of("log").text("600000");
    for number in 1..=9 {
        let mut write_set = WriteSet::new();
        write_set.append(log.clone(), vec![], vec![]);
        write_set.adjust(Key::of("c"), -1, 0, 0);
        commit(&*engine.store(), write_set).unwrap_err();
        let mut write_set = WriteSet::new();
        write_set.append(log.clone(), vec![], vec![]);
        let committed = commit(&*engine.store(), write_set).unwrap();
        assert_eq!(committed.appended, vec![log.clone().number(number)]);
        match number % 3 {
            0 => engine.disturb(Disturbance::Checkpoint),
            1 => engine.disturb(Disturbance::Crash),
            _ => {}
        }
    }
    assert_eq!(engine.store().counter(&log), Ok(9));
    assert_eq!(engine.store().range(&log.subtree(), 100).unwrap().len(), 9);
}

fn a_range_is_in_order_and_can_be_paged(engine: &mut dyn Engine) {
    for number in [5, 1, 9, 3, 7, 2, 8] {
        commit(&*engine.store(), put(key(number), &[number as u8])).unwrap();
        if number == 9 {
            engine.disturb(Disturbance::Checkpoint);
        }
    }
    let store = engine.store();
    let (mut range, mut seen) = (Key::of("k").subtree(), Vec::new());
    loop {
        let page = store.range(&range, 2).unwrap();
        let Some((last, _)) = page.last() else { break };
        range = range.after(last);
        seen.extend(page.into_iter().map(|(_, record)| record.value[0]));
    }
    assert_eq!(seen, vec![1, 2, 3, 5, 7, 8, 9]);
    assert_eq!(store.range(&Key::of("k").subtree(), 0), Ok(vec![]));
    let turned = crate::store::KeyRange { from: key(9), to: key(1) };
    assert_eq!(store.range(&turned, 10), Ok(vec![]));
}

fn a_range_hides_what_was_deleted_wherever_it_lies(engine: &mut dyn Engine) {
    let mut write_set = WriteSet::new();
    for number in 0..3000 {
        write_set.put(key(number), b"v".to_vec());
    }
    commit(&*engine.store(), write_set).unwrap();
    engine.disturb(Disturbance::Checkpoint);
    let mut write_set = WriteSet::new();
    for number in 0..2995 {
        write_set.delete(key(number));
    }
    commit(&*engine.store(), write_set).unwrap();
    for how in [Disturbance::Crash, Disturbance::Checkpoint, Disturbance::LoseIndex] {
        let left = engine.store().range(&Key::of("k").subtree(), 3).unwrap();
        assert_eq!(left.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), vec![key(2995), key(2996), key(2997)]);
        engine.disturb(how);
    }
}

fn l2_no_counter_is_ever_outside_its_bounds(engine: &mut dyn Engine) {
    const CEILING: i64 = 40;
    let (store, counter) = (engine.store(), Key::of("c"));
    let threads: Vec<_> = (0..8_i64)
        .map(|nth| {
            let (store, counter) = (store.clone(), counter.clone());
            thread::spawn(move || {
                let mut moved = 0;
                for round in 0..50_i64 {
                    let delta = if (nth + round) % 2 == 0 { 7 + nth } else { -9 };
                    let mut write_set = moving(&counter, delta, 0, CEILING);
                    write_set.append(Key::of("seen"), vec![], vec![counter.clone()]);
                    match commit(&*store, write_set) {
                        Ok(_) => moved += delta,
                        Err(CommitError::Bound { value, .. }) => assert!(!(0..=CEILING).contains(&(value + delta))),
                        Err(error) => panic!("{error}"),
                    }
                }
                moved
            })
        })
        .collect();
    let moved: i64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    for how in [Disturbance::Crash, Disturbance::LoseIndex] {
        assert_eq!(engine.store().counter(&counter), Ok(moved));
        let seen = engine.store().range(&Key::of("seen").subtree(), usize::MAX).unwrap();
        assert_eq!(seen.len() as i64, engine.store().counter(&Key::of("seen")).unwrap());
        assert!(seen.iter().all(|(_, record)| (0..=CEILING).contains(&record.captured[0])));
        drop(store.health());
        engine.disturb(how);
    }
}

fn large_values_come_back_whole(engine: &mut dyn Engine) {
    let value: Vec<u8> = (0..1_500_000_u32).map(|n| (n % 251) as u8).collect();
    commit(&*engine.store(), put(key(1), &value)).unwrap();
    for how in [Disturbance::Checkpoint, Disturbance::Reopen, Disturbance::LoseIndex] {
        engine.disturb(how);
        assert!(engine.store().record(&key(1)).unwrap().unwrap().value == value);
    }
}
