//! Random write sets against the simplest thing that could be right, with checkpoints, restarts and
//! crashes in between.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Disturbance, Engine, commit};
use crate::store::embedded::tests::Embedded;
use crate::store::{Change, CommitError, Expect, Key, KeyRange, Store, WriteSet};

#[derive(Clone, Debug)]
enum Step {
    Commit(WriteSet),
    Disturb(Disturbance),
}

/// Of two kinds, which the embedded store keeps in different parts of its index.
fn record_key() -> impl Strategy<Value = Key> {
    (kind(), 0..6_u64).prop_map(|(kind, number)| Key::of(kind).number(number))
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("r"), Just("s")]
}

fn counter_key() -> impl Strategy<Value = Key> {
    (0..3_u64).prop_map(|number| Key::of("c").number(number))
}

fn change() -> impl Strategy<Value = Change> {
    // Large ones are kept in another way than small ones.
    let bytes = |length| prop::collection::vec(any::<u8>(), length);
    let value = move || prop_oneof![4 => bytes(0..40), 1 => bytes(370..400)];
    let capture = || prop::collection::vec(counter_key(), 0..2);
    prop_oneof![
        3 => (record_key(), value(), capture()).prop_map(|(key, value, capture)| Change::Put { key, value, capture }),
        2 => record_key().prop_map(|key| Change::Delete { key }),
        1 => (kind(), value(), capture())
            .prop_map(|(kind, value, capture)| Change::Append { log: Key::of(kind), value, capture }),
    ]
}

pub(super) fn write_set() -> impl Strategy<Value = WriteSet> {
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
        5 => disturbance().prop_map(Step::Disturb),
    ]
}

pub(super) fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        2 => Just(Disturbance::Checkpoint),
        1 => Just(Disturbance::Reopen),
        1 => Just(Disturbance::Crash),
        1 => Just(Disturbance::LoseIndex),
    ]
}

type Content = (u64, Vec<u8>, Vec<i64>);

/// The simplest thing that could be right.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    records: BTreeMap<Key, Content>,
    counters: BTreeMap<Key, i64>,
    /// The newest commit.
    pub sequence: u64,
}

/// What was captured by each change, and the keys of what was appended.
type Told = (Vec<Vec<i64>>, Vec<Key>);

impl Model {
    fn counter(&self, key: &Key) -> i64 {
        self.counters.get(key).copied().unwrap_or(0)
    }

    /// What it tells when it commits; nothing when it is refused.
    pub(super) fn commit(&mut self, write_set: &WriteSet) -> Option<Told> {
        for (key, expect) in &write_set.expects {
            let expected = match expect {
                Expect::Absent => None,
                Expect::Version(version) => Some(*version),
            };
            if self.records.get(key).map(|content| content.0) != expected {
                return None;
            }
        }
        let mut counters = self.counters.clone();
        for adjust in &write_set.adjusts {
            *counters.entry(adjust.counter.clone()).or_default() += adjust.delta;
        }
        for adjust in &write_set.adjusts {
            let (before, after) = (self.counter(&adjust.counter), counters[&adjust.counter]);
            if after < before && after < adjust.floor || after > before && after > adjust.ceiling {
                return None;
            }
        }
        self.counters = counters;
        self.sequence += 1;
        let (mut written, mut told) = (Vec::new(), Told::default());
        for change in &write_set.changes {
            written.push(match change {
                Change::Put { key, value, capture } => (key.clone(), Some((value, capture))),
                Change::Delete { key } => (key.clone(), None),
                Change::Append { log, value, capture } => {
                    let number = self.counters.entry(log.clone()).or_default();
                    *number += 1;
                    let key = log.clone().number(*number as u64);
                    told.1.push(key.clone());
                    (key, Some((value, capture)))
                }
            });
        }
        for (key, content) in written {
            match content {
                Some((value, capture)) => {
                    let captured: Vec<i64> = capture.iter().map(|counter| self.counter(counter)).collect();
                    told.0.push(captured.clone());
                    self.records.insert(key, (self.sequence, value.clone(), captured));
                }
                None => {
                    told.0.push(Vec::new());
                    self.records.remove(&key);
                }
            }
        }
        Some(told)
    }
}

/// The store holds what the model holds, however it is asked.
pub(super) fn holds(store: &dyn Store, model: &Model) -> Result<(), TestCaseError> {
    let all = KeyRange { from: Key::of("r"), to: Key::of("s").subtree().to };
    let found = store.range(&all, usize::MAX).unwrap();
    let found: Vec<(Key, Content)> = found
        .into_iter()
        .map(|(key, record)| (key, (record.version, record.value.to_vec(), record.captured)))
        .collect();
    prop_assert_eq!(&found, &model.records.clone().into_iter().collect::<Vec<_>>());
    for (kind, number) in (0..7).flat_map(|number| [("r", number), ("s", number)]) {
        let key = Key::of(kind).number(number);
        let version = store.record(&key).unwrap().map(|record| record.version);
        prop_assert_eq!(version, model.records.get(&key).map(|content| content.0));
    }
    for (counter, value) in &model.counters {
        prop_assert_eq!(store.counter(counter).unwrap(), *value);
    }
    Ok(())
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
                    let expected = model.commit(&write_set);
                    match commit(&*engine.store(), write_set) {
                        Ok(committed) => {
                            prop_assert_eq!(expected, Some((committed.captured, committed.appended)));
                            prop_assert_eq!(committed.sequence, model.sequence);
                        }
                        Err(CommitError::Expectation(_) | CommitError::Bound { .. }) => prop_assert!(expected.is_none()),
                        Err(error) => prop_assert!(false, "{}", error),
                    }
                }
            }
            holds(&*engine.store(), &model)?;
        }
    }
}
