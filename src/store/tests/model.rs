//! Random write sets against the simplest thing that could be right, with checkpoints, restarts and
//! crashes in between.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Disturbance, Engine, commit};
use crate::store::embedded::tests::Embedded;
use crate::store::{Change, CommitError, Expect, Key, WriteSet};

#[derive(Clone, Debug)]
enum Step {
    Commit(WriteSet),
    Disturb(Disturbance),
}

fn record_key() -> impl Strategy<Value = Key> {
    (0..6_u64).prop_map(|number| Key::of("r").number(number))
}

fn counter_key() -> impl Strategy<Value = Key> {
    (0..3_u64).prop_map(|number| Key::of("c").number(number))
}

fn change() -> impl Strategy<Value = Change> {
    let value = || prop::collection::vec(any::<u8>(), 0..40);
    let capture = || prop::collection::vec(counter_key(), 0..2);
    prop_oneof![
        3 => (record_key(), value(), capture()).prop_map(|(key, value, capture)| Change::Put { key, value, capture }),
        2 => record_key().prop_map(|key| Change::Delete { key }),
        1 => (value(), capture()).prop_map(|(value, capture)| Change::Append { log: Key::of("r"), value, capture }),
    ]
}

fn write_set() -> impl Strategy<Value = WriteSet> {
    let expect = prop_oneof![Just(Expect::Absent), (0..30_u64).prop_map(Expect::Version)];
    let adjust = (counter_key(), -20..20_i64, -10..1_i64, 20..60_i64);
    (
        prop::option::weighted(0.3, (record_key(), expect)),
        prop::collection::vec(adjust, 0..3),
        prop::collection::vec(change(), 0..5),
    )
        .prop_map(|(expect, adjusts, changes)| {
            let mut write_set = WriteSet::new();
            write_set.expects.extend(expect);
            for (counter, delta, floor, ceiling) in adjusts {
                write_set.adjust(counter, delta, floor, ceiling);
            }
            write_set.changes = changes;
            write_set
        })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => write_set().prop_map(Step::Commit),
        2 => Just(Step::Disturb(Disturbance::Checkpoint)),
        1 => Just(Step::Disturb(Disturbance::Reopen)),
        1 => Just(Step::Disturb(Disturbance::Crash)),
        1 => Just(Step::Disturb(Disturbance::LoseIndex)),
    ]
}

type Content = (u64, Vec<u8>, Vec<i64>);

#[derive(Debug, Default)]
struct Model {
    records: BTreeMap<Key, Content>,
    counters: BTreeMap<Key, i64>,
    sequence: u64,
}

impl Model {
    fn counter(&self, key: &Key) -> i64 {
        self.counters.get(key).copied().unwrap_or(0)
    }

    /// Whether it commits.
    fn commit(&mut self, write_set: &WriteSet) -> bool {
        for (key, expect) in &write_set.expects {
            let expected = match expect {
                Expect::Absent => None,
                Expect::Version(version) => Some(*version),
            };
            if self.records.get(key).map(|content| content.0) != expected {
                return false;
            }
        }
        let mut counters = self.counters.clone();
        for adjust in &write_set.adjusts {
            *counters.entry(adjust.counter.clone()).or_default() += adjust.delta;
        }
        for adjust in &write_set.adjusts {
            let (before, after) = (self.counter(&adjust.counter), counters[&adjust.counter]);
            if after < before && after < adjust.floor || after > before && after > adjust.ceiling {
                return false;
            }
        }
        self.counters = counters;
        self.sequence += 1;
        let mut written = Vec::new();
        for change in &write_set.changes {
            written.push(match change {
                Change::Put { key, value, capture } => (key.clone(), Some((value, capture))),
                Change::Delete { key } => (key.clone(), None),
                Change::Append { log, value, capture } => {
                    let number = self.counters.entry(log.clone()).or_default();
                    *number += 1;
                    (log.clone().number(*number as u64), Some((value, capture)))
                }
            });
        }
        for (key, content) in written {
            match content {
                Some((value, capture)) => {
                    let captured = capture.iter().map(|counter| self.counter(counter)).collect();
                    self.records.insert(key, (self.sequence, value.clone(), captured));
                }
                None => drop(self.records.remove(&key)),
            }
        }
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let mut engine = Embedded::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Disturb(how) => engine.disturb(how),
                Step::Commit(write_set) => {
                    let accepted = model.commit(&write_set);
                    match commit(&*engine.store(), write_set) {
                        Ok(committed) => prop_assert_eq!((accepted, committed.sequence), (true, model.sequence)),
                        Err(CommitError::Expectation(_) | CommitError::Bound { .. }) => prop_assert!(!accepted),
                        Err(error) => prop_assert!(false, "{}", error),
                    }
                }
            }
            let store = engine.store();
            let found = store.range(&Key::of("r").subtree(), usize::MAX).unwrap();
            let found: Vec<(Key, Content)> = found
                .into_iter()
                .map(|(key, record)| (key, (record.version, record.value.to_vec(), record.captured)))
                .collect();
            prop_assert_eq!(&found, &model.records.clone().into_iter().collect::<Vec<_>>());
            for number in 0..7 {
                let key = Key::of("r").number(number);
                let version = store.record(&key).unwrap().map(|record| record.version);
                prop_assert_eq!(version, model.records.get(&key).map(|content| content.0));
            }
            for (counter, value) in &model.counters {
                prop_assert_eq!(store.counter(counter).unwrap(), *value);
            }
        }
    }
}
