//! What a write set means, for every engine alike: whether it may commit on top of what is there,
//! and which absolute values it then writes. Pure: no files, no locks, no waiting.
//!
//! Invariant L2 is kept here: no counter moves outside the bounds that its write set names.

use std::collections::HashMap;
use std::hash::Hash;

use bytes::Bytes;

use super::{Adjust, Change, CommitError, Committed, Expect, Key, Record, WriteSet};

/// What a check reads: the newest state, with everything that was accepted before.
pub(super) trait Facts {
    /// Why a fact could not be read.
    type Error;

    /// The version of the record under `key`, if there is one.
    fn version(&self, key: &Key) -> Result<Option<u64>, Self::Error>;

    /// The counter's value, 0 when it was never moved.
    fn counter(&self, key: &Key) -> Result<i64, Self::Error>;
}

/// Why a write set was not accepted.
#[derive(Debug)]
pub(super) enum Rejection<E> {
    /// Its own fault, or that of who came before.
    Refused(CommitError),
    /// The state could not be read.
    Unreadable(E),
}

/// A write set with nothing left to look up: every value in it is absolute, so applying it twice is
/// the same as applying it once.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Records written (`Some`) and deleted (`None`), in order; a key can occur more than once.
    pub writes: Vec<Write>,
    /// The values of the counters that moved.
    pub counters: Vec<(Key, i64)>,
    /// The answer to who committed.
    pub committed: Committed,
}

/// One record written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// Where.
    pub key: Key,
    /// What; nothing when it is deleted.
    pub record: Option<Record>,
    /// It is known that there was no record under the key before this write set.
    pub fresh: bool,
}

/// Checks a write set against the facts and, when it may commit, resolves it as the commit
/// `sequence`.
pub(super) fn resolve<F: Facts>(
    facts: &F,
    write_set: WriteSet,
    sequence: u64,
) -> Result<Resolved, Rejection<F::Error>> {
    for (key, expect) in &write_set.expects {
        let meets = match (facts.version(key).map_err(Rejection::Unreadable)?, expect) {
            (None, Expect::Absent) => true,
            (Some(found), Expect::Version(version)) => found == *version,
            _ => false,
        };
        if !meets {
            return Err(Rejection::Refused(CommitError::Expectation(key.clone())));
        }
    }
    let moves = write_set.adjusts.len().saturating_add(write_set.changes.len());
    let mut counters = Counters { facts, moved: FewOrMany::with_room_for(moves) };
    for (counter, movement) in movements(&write_set.adjusts).pairs {
        counters.shift(counter, &movement)?;
    }
    let absent = |key: &Key| write_set.expects.iter().any(|(other, expect)| *expect == Expect::Absent && other == key);

    // Captures see the counters as they are after the whole write set, so the logs move theirs first.
    let mut appended = Vec::new();
    for change in &write_set.changes {
        if let Change::Append { log, .. } = change {
            appended.push(counters.next_of(log)?);
        }
    }
    let count = write_set.changes.len();
    let (mut writes, mut captured) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut entries = appended.iter();
    for change in write_set.changes {
        let (key, value, fresh, capture) = match change {
            Change::Put { key, value, capture } => {
                let fresh = absent(&key);
                (key, Some(value), fresh, capture)
            }
            Change::Delete { key } => (key, None, false, Vec::new()),
            // Each has its key. Not known to be fresh, since nothing stops a put under a log's key, and a look-up
            // for each entry of a log that is hardly ever deleted would cost more than it saves.
            Change::Append { log, value, capture } => {
                (entries.next().cloned().unwrap_or(log), Some(value), false, capture)
            }
        };
        let mut values = Vec::with_capacity(capture.len());
        for counter in &capture {
            values.push(counters.value(counter).map_err(Rejection::Unreadable)?);
        }
        let record = |value| Record { version: sequence, value: Bytes::from(value), captured: values.clone() };
        writes.push(Write { key, record: value.map(record), fresh });
        captured.push(values);
    }
    let counters = counters.moved.pairs;
    Ok(Resolved { writes, counters, committed: Committed { sequence, captured, appended } })
}

/// All adjusts of one counter, taken together: the sum of the deltas within the narrowest bounds.
struct Movement {
    // Wide enough for the sum of any number of deltas that fits in memory.
    delta: i128,
    floor: i64,
    ceiling: i64,
}

fn movements(adjusts: &[Adjust]) -> FewOrMany<&Key, Movement> {
    let mut found: FewOrMany<&Key, Movement> = FewOrMany::with_room_for(adjusts.len());
    for Adjust { counter, delta, floor, ceiling } in adjusts {
        match found.value_mut(&counter) {
            Some(movement) => {
                movement.delta = movement.delta.saturating_add(i128::from(*delta));
                movement.floor = movement.floor.max(*floor);
                movement.ceiling = movement.ceiling.min(*ceiling);
            }
            None => found.push(counter, Movement { delta: i128::from(*delta), floor: *floor, ceiling: *ceiling }),
        }
    }
    found
}

/// The counters as the write set leaves them.
struct Counters<'a, F> {
    facts: &'a F,
    moved: FewOrMany<Key, i64>,
}

impl<F: Facts> Counters<'_, F> {
    fn value(&self, counter: &Key) -> Result<i64, F::Error> {
        match self.moved.value(counter) {
            Some(&value) => Ok(value),
            None => self.facts.counter(counter),
        }
    }

    fn shift(&mut self, counter: &Key, movement: &Movement) -> Result<(), Rejection<F::Error>> {
        let value = self.value(counter).map_err(Rejection::Unreadable)?;
        match moved(value, movement) {
            Some(after) if after == value => Ok(()),
            Some(after) => {
                self.set(counter, after);
                Ok(())
            }
            None => Err(out_of_bounds(counter, value, movement.delta)),
        }
    }

    fn next_of(&mut self, log: &Key) -> Result<Key, Rejection<F::Error>> {
        let value = self.value(log).map_err(Rejection::Unreadable)?;
        let next = value.checked_add(1).ok_or_else(|| out_of_bounds(log, value, 1))?;
        let number = u64::try_from(next).map_err(|_| out_of_bounds(log, value, 1))?;
        self.set(log, next);
        Ok(log.clone().number(number))
    }

    fn set(&mut self, counter: &Key, value: i64) {
        match self.moved.value_mut(counter) {
            Some(place) => *place = value,
            None => self.moved.push(counter.clone(), value),
        }
    }
}

/// Values by key in the order in which they came. A usual write set moves a handful of counters, for
/// which looking at each is several times as fast as hashing; a table is made when there are many.
struct FewOrMany<K, V> {
    pairs: Vec<(K, V)>,
    places: HashMap<K, usize, foldhash::fast::RandomState>,
}

impl<K: Eq + Hash + Clone, V> FewOrMany<K, V> {
    fn with_room_for(count: usize) -> Self {
        Self { pairs: Vec::with_capacity(count), places: HashMap::default() }
    }

    /// So many are looked at one by one.
    const FEW: usize = 16;

    fn place(&self, key: &K) -> Option<usize> {
        if self.pairs.len() <= Self::FEW {
            self.pairs.iter().position(|(other, _)| other == key)
        } else {
            self.places.get(key).copied()
        }
    }

    fn value(&self, key: &K) -> Option<&V> {
        self.pairs.get(self.place(key)?).map(|(_, value)| value)
    }

    fn value_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key)?;
        self.pairs.get_mut(place).map(|(_, value)| value)
    }

    /// Adds a key that is not there yet.
    fn push(&mut self, key: K, value: V) {
        let place = self.pairs.len();
        if place == Self::FEW {
            self.places.extend(self.pairs.iter().map(|(key, _)| key.clone()).zip(0..));
        }
        if place >= Self::FEW {
            self.places.insert(key.clone(), place);
        }
        self.pairs.push((key, value));
    }
}

/// The value after the movement, or nothing when that is outside the bounds or of what an i64 holds.
/// Each bound holds back only what moves towards it: money that comes in is never refused because
/// there is too little, nor money that goes out because there is too much.
fn moved(value: i64, movement: &Movement) -> Option<i64> {
    let after = i128::from(value).checked_add(movement.delta)?;
    let after = i64::try_from(after).ok()?;
    let sinks = movement.delta < 0 && after < movement.floor;
    let overflows = movement.delta > 0 && after > movement.ceiling;
    (!sinks && !overflows).then_some(after)
}

fn out_of_bounds<E>(counter: &Key, value: i64, delta: i128) -> Rejection<E> {
    let delta = i64::try_from(delta).unwrap_or(if delta < 0 { i64::MIN } else { i64::MAX });
    Rejection::Refused(CommitError::Bound { counter: counter.clone(), value, delta })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Read, Store};

    fn after(value: i64, deltas: &[(i64, i64, i64)]) -> Option<i64> {
        let counter = Key::of("c");
        let adjusts: Vec<Adjust> = deltas
            .iter()
            .map(|&(delta, floor, ceiling)| Adjust { counter: counter.clone(), delta, floor, ceiling })
            .collect();
        moved(value, &movements(&adjusts).pairs[0].1)
    }

    #[test]
    fn l2_each_bound_holds_at_its_last_value_and_not_beyond() {
        assert_eq!(after(10, &[(-10, 0, 100)]), Some(0));
        assert_eq!(after(10, &[(-11, 0, 100)]), None);
        assert_eq!(after(10, &[(90, 0, 100)]), Some(100));
        assert_eq!(after(10, &[(91, 0, 100)]), None);
    }

    #[test]
    fn l2_several_adjusts_count_together_within_the_narrowest_bounds() {
        assert_eq!(after(10, &[(-15, 0, 100), (5, i64::MIN, i64::MAX)]), Some(0));
        assert_eq!(after(10, &[(-6, 0, 100), (-5, i64::MIN, i64::MAX)]), None);
        assert_eq!(after(10, &[(20, 0, 40), (5, 0, 30)]), None);
        assert_eq!(after(0, &[(i64::MAX, 0, i64::MAX), (i64::MAX, 0, i64::MAX), (i64::MIN, 0, i64::MAX)]), {
            Some(i64::MAX - 1)
        });
    }

    #[test]
    fn a_delta_that_only_makes_things_better_is_let_through() {
        assert_eq!(after(-50, &[(10, 0, 100)]), Some(-40));
        assert_eq!(after(150, &[(-10, 0, 100)]), Some(140));
        assert_eq!(after(-50, &[(0, 0, 100)]), Some(-50));
        assert_eq!(after(-50, &[(-1, 0, 100)]), None);
        assert_eq!(after(150, &[(1, 0, 100)]), None);
    }

    #[test]
    fn l2_a_write_set_means_the_same_however_many_counters_it_moves() {
        for count in [1, 2, 15, 16, 17, 18, 100_u64] {
            let counter = |number: u64| Key::of("c").number(number % count);
            let mut write_set = WriteSet::new();
            for number in 0..count * 3 {
                write_set.adjust(counter(number), 1, 0, 100);
            }
            write_set.append(counter(0), Vec::new(), vec![counter(0), counter(count - 1)]);
            let store = crate::store::memory::MemoryStore::new();
            let committed = futures_util::FutureExt::now_or_never(store.commit(write_set)).unwrap().unwrap();
            let last = if count == 1 { 4 } else { 3 };
            assert_eq!(committed.captured, [[4, last]], "{count} counters");
            for number in 1..count {
                assert_eq!(store.counter(&counter(number)), Ok(3));
            }
        }
    }

    #[test]
    fn what_does_not_fit_in_a_counter_is_out_of_bounds() {
        assert_eq!(after(i64::MAX, &[(1, i64::MIN, i64::MAX)]), None);
        assert_eq!(after(i64::MIN, &[(-1, i64::MIN, i64::MAX)]), None);
    }
}
