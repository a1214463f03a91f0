//! Random write sets from several threads at once. Whatever order they came to be committed in, the
//! simplest thing that could be right, given them in that order, says the same of each of them and
//! of what is there in the end. One that was refused must have been one to refuse at some moment
//! while its thread waited.

use std::sync::Arc;
use std::thread;

use proptest::prelude::*;

use super::model::{Model, disturbance, holds, write_set};
use super::{Disturbance, Engine, commit};
use crate::store::embedded::tests::Embedded;
use crate::store::{CommitError, Committed, Store, WriteSet};

/// What became of a write set, and the newest commit before it was given and after it was answered.
struct Outcome {
    write_set: WriteSet,
    result: Result<Committed, CommitError>,
    between: (u64, u64),
}

/// What the threads commit, and what happens when they are done.
fn lot() -> impl Strategy<Value = (Vec<Vec<WriteSet>>, Disturbance)> {
    let of_thread = prop::collection::vec(write_set(), 1..12);
    (prop::collection::vec(of_thread, 2..5), disturbance())
}

fn run(store: &Arc<dyn Store>, threads: Vec<Vec<WriteSet>>, beside: impl FnOnce()) -> Vec<Outcome> {
    let running = threads.into_iter().map(|write_sets| {
        let store = store.clone();
        thread::spawn(move || {
            let outcome = |write_set: WriteSet| {
                let before = store.health().sequence;
                let result = commit(&*store, write_set.clone());
                Outcome { write_set, result, between: (before, store.health().sequence) }
            };
            write_sets.into_iter().map(outcome).collect::<Vec<_>>()
        })
    });
    let running: Vec<_> = running.collect();
    beside();
    running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

/// Gives the model as it is after these, when they did what it says.
fn replayed(before: Model, mut outcomes: Vec<Outcome>) -> Result<Model, TestCaseError> {
    outcomes.sort_by_key(|outcome| outcome.result.as_ref().map_or(u64::MAX, |committed| committed.sequence));
    let mut states = vec![before];
    for Outcome { write_set, result, between } in outcomes {
        let newest = states.last().cloned().unwrap_or_default();
        match result {
            Ok(committed) => {
                let mut after = newest;
                let expected = after.commit(&write_set);
                prop_assert_eq!(expected, Some((committed.captured, committed.appended)));
                prop_assert_eq!(after.sequence, committed.sequence);
                states.push(after);
            }
            Err(CommitError::Expectation(_) | CommitError::Bound { .. }) => {
                let within = |state: &&Model| (between.0..=between.1).contains(&state.sequence);
                let refuses = |state: &Model| state.clone().commit(&write_set).is_none();
                prop_assert!(states.iter().filter(within).any(refuses), "refused without a reason: {:?}", write_set);
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
    Ok(states.pop().unwrap_or_default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn threads_at_once_do_what_the_model_does_in_the_order_of_their_commits(lots in prop::collection::vec(lot(), 1..5)) {
        let mut engine = Embedded::new();
        let mut model = Model::default();
        for (threads, how) in lots {
            let store = engine.store();
            let outcomes = run(&store, threads, || engine.disturb(Disturbance::Checkpoint));
            drop(store);
            model = replayed(model, outcomes)?;
            engine.disturb(how);
            holds(&*engine.store(), &model)?;
        }
    }
}
